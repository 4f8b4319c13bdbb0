-- dbmig_rollback, dbmig_rollback_all
SELECT dbmig_register('a', '1', 'CREATE TABLE a1 (x integer)', 'DROP TABLE a1', 'one');
SELECT dbmig_register('a', '2', 'CREATE TABLE a2 (x integer)', 'DROP TABLE a2');
SELECT dbmig_register('a', '3', 'CREATE TABLE a3 (x integer)', 'DROP TABLE a3');
SELECT dbmig_register('b', '1', 'CREATE TABLE b1 (x integer)', 'DROP TABLE b1');
SELECT dbmig_after('b@1', 'a@2');
-- nothing is applied yet
SELECT dbmig_rollback('a');
SELECT dbmig_rollback_all('a');
SELECT dbmig_rollback('a', '1');
SELECT dbmig_apply();
-- the last one
SELECT dbmig_rollback('a');
SELECT package, version FROM dbmig_applied ORDER BY package, sort_key;
-- what another applied package needs is refused by name
SELECT dbmig_rollback('a');
SELECT dbmig_rollback('a', '1');
SELECT dbmig_rollback_all('a');
SELECT count(*) FROM dbmig_applied;
SELECT dbmig_rollback('b');
-- everything above a version
SELECT dbmig_apply('a');
SELECT dbmig_rollback('a', '1');
SELECT version FROM dbmig_applied ORDER BY sort_key;
SELECT dbmig_apply('a');
SELECT dbmig_rollback('a', '3');
SELECT dbmig_rollback('a', 2);
SELECT dbmig_rollback_all('a');
SELECT package, version, name, action FROM dbmig_history WHERE action = 'rollback' ORDER BY id;
SELECT count(*) FROM dbmig_applied;

-- without a down: refused before anything runs
SELECT dbmig_register('c', '1', 'CREATE TABLE c1 (x integer)');
SELECT dbmig_register('c', '2', 'CREATE TABLE c2 (x integer)', 'DROP TABLE c2');
SELECT dbmig_apply('c');
SELECT dbmig_rollback_all('c');
SELECT count(*) FROM c2;
SELECT dbmig_rollback('c');
SELECT dbmig_rollback('c');
-- an empty down is a down
SELECT dbmig_register('c', '1', 'CREATE TABLE c1 (x integer)', '');
SELECT dbmig_rollback('c');
DROP TABLE c1;

-- a failing down leaves all as it was
SELECT dbmig_register('d', '1', 'CREATE TABLE d1 (x integer)', 'DROP TABLE d1');
SELECT dbmig_register_function('d', '2', 'ltrim', 'nosuch_function');
SELECT dbmig_register('d', '3', 'CREATE TABLE d3 (x integer)', 'DROP TABLE d3');
SELECT dbmig_apply('d');
SELECT dbmig_rollback_all('d');
SELECT count(*) FROM d3;
SELECT count(*) FROM dbmig_applied WHERE package = 'd';
SELECT dbmig_register_function('d', '2', 'ltrim', 'rtrim');
SELECT dbmig_rollback_all('d');

-- a package that all of another comes after
SELECT dbmig_register('e', '1', 'SELECT 1', 'SELECT 1');
SELECT dbmig_register('f', '1', 'SELECT 1', 'SELECT 1');
SELECT dbmig_register('f', '2', 'SELECT 1', 'SELECT 1');
SELECT dbmig_after('f', 'e');
SELECT dbmig_apply('f');
SELECT dbmig_rollback('e');
SELECT dbmig_rollback_all('f');
SELECT dbmig_rollback('e');

-- bad input
SELECT dbmig_rollback('nosuch');
SELECT dbmig_rollback('a', '9');
SELECT dbmig_rollback(NULL);
SELECT dbmig_rollback('');
SELECT dbmig_rollback('a', '');
SELECT dbmig_rollback('a@1');
SELECT dbmig_rollback_all(NULL);
SELECT dbmig_rollback_all('nosuch');
