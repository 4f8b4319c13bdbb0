-- dbmig_migrate: each migration is committed by itself
SELECT dbmig_register('a', '1', 'CREATE TABLE a1 (x int)', 'DROP TABLE a1', 'first');
SELECT dbmig_register('a', '2', 'CREATE TABLE a2 (x int); INSERT INTO nosuch VALUES (1);');
SELECT dbmig_register('a', '3', 'CREATE TABLE a3 (x int)');
SELECT dbmig_migrate();
SELECT name FROM sqlite_schema WHERE name LIKE 'a_' ORDER BY 1;
SELECT package, version, state, statements FROM dbmig_applied ORDER BY version;
SELECT version, action, outcome, error_code, error_message, error_statement, error_line FROM dbmig_history;
SELECT dbmig_check();
SELECT * FROM dbmig_status;
SELECT dbmig_register('a', '2', 'CREATE TABLE a2 (x int)');
SELECT dbmig_migrate('a', 2);
SELECT dbmig_migrate();
SELECT dbmig_migrate();
SELECT dbmig_migrate('nosuch');
SELECT version, action, outcome, error_statement FROM dbmig_history;
SELECT dbmig_check();
-- foreign keys are looked at before each commit
CREATE TABLE parent (id INTEGER PRIMARY KEY);
CREATE TABLE child (id INTEGER PRIMARY KEY, p REFERENCES parent);
SELECT dbmig_append('a', 'INSERT INTO child VALUES (1, 7)');
SELECT dbmig_migrate();
SELECT count(*) FROM child;
SELECT outcome, error_code, error_message FROM dbmig_history ORDER BY id DESC LIMIT 1;
SELECT dbmig_register('a', '4', 'INSERT INTO parent VALUES (7); INSERT INTO child VALUES (1, 7)');
SELECT dbmig_migrate();
-- not from within a transaction, another statement or a migration
SELECT dbmig_append('a', 'SELECT dbmig_migrate()');
BEGIN;
SELECT dbmig_migrate();
SELECT dbmig_wait('a', 1);
COMMIT;
SELECT dbmig_migrate(type) FROM sqlite_schema LIMIT 1;
CREATE TABLE made AS SELECT dbmig_migrate() AS n;
SELECT dbmig_migrate();
SELECT dbmig_register('a', '5', 'SELECT dbmig_wait(''a'', 1)');
SELECT dbmig_migrate();
SELECT dbmig_unregister('a', '5');
SELECT dbmig_check();
-- the program's function stops it (max(1, 2, 'b@1') is no number but 0), what is done stays
SELECT dbmig_append('b', 'CREATE TABLE b1 (x int)');
SELECT dbmig_append('b', 'CREATE TABLE b2 (x int)');
SELECT dbmig_set('progress', 'max');
SELECT dbmig_migrate();
SELECT dbmig_set('progress', 'on');
SELECT dbmig_migrate();
-- waiting
SELECT dbmig_wait('a', 0);
SELECT dbmig_wait('a', '1.5');
SELECT dbmig_wait(x'61', 1);
SELECT dbmig_append('a', 'CREATE TABLE a5 (x int)');
SELECT dbmig_wait('a', 0.1);
SELECT dbmig_wait('nosuch', 0);
SELECT dbmig_wait('a', 'soon');
SELECT dbmig_wait('a', NULL);
SELECT dbmig_wait('a');
SELECT dbmig_wait('a', 0) FROM dbmig_package;
-- an old state is no answer
BEGIN;
SELECT count(*) FROM dbmig_package;
SELECT dbmig_check('a');
SELECT dbmig_is_current('a');
COMMIT;
SELECT dbmig_check('a') FROM dbmig_package;
SELECT dbmig_migrate();
BEGIN;
SELECT count(*) FROM dbmig_package;
SELECT dbmig_check('a');
COMMIT;
