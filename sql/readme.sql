SELECT dbmig_register('auth', 1,
  'CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL)',
  'DROP TABLE users', 'users');
SELECT dbmig_register('shop', 1,
  'CREATE TABLE orders (id integer PRIMARY KEY,
                        user_id integer NOT NULL REFERENCES users)',
  'DROP TABLE orders', 'orders');
SELECT dbmig_after('shop', 'auth');
SELECT position, package, version, name FROM dbmig_plan();
SELECT dbmig_apply();
SELECT dbmig_apply();
SELECT * FROM dbmig_status;
SELECT dbmig_rollback('auth');
