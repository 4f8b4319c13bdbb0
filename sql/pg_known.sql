-- What a session has found settled is forgotten with each change, by whatever hand
\setenv PGDATABASE :DBNAME
SELECT dbmig_register('k', '1', 'CREATE TABLE known_1 (x int)', 'DROP TABLE known_1');
SELECT dbmig_apply('k');
SELECT dbmig_check('k'), dbmig_check(), dbmig_is_current('k');
SELECT dbmig_check('k'), dbmig_check(), dbmig_is_current('k');

-- by a call
SELECT dbmig_register('k', '2', 'CREATE TABLE known_2 (x int)', 'DROP TABLE known_2');
SELECT dbmig_is_current('k'), dbmig_is_current();
SELECT dbmig_check('k');
SELECT dbmig_apply('k');
SELECT dbmig_check('k'), dbmig_check('k');

-- by hand
SELECT checksum AS before FROM dbmig_applied WHERE package = 'k' AND version = '2' \gset
UPDATE dbmig_applied SET checksum = repeat('0', 64) WHERE package = 'k' AND version = '2';
SELECT dbmig_check('k') IS NULL;
UPDATE dbmig_applied SET checksum = :'before' WHERE package = 'k' AND version = '2';
SELECT dbmig_check('k'), dbmig_check('k');
DELETE FROM dbmig_applied WHERE package = 'k' AND version = '2';
SELECT dbmig_check('k');
DROP TABLE known_2;
SELECT dbmig_apply('k');
SELECT dbmig_check('k');

-- in a transaction that is undone, and in a part of one
BEGIN;
SELECT dbmig_rollback('k');
SELECT dbmig_is_current('k');
ROLLBACK;
SELECT dbmig_is_current('k');
SELECT dbmig_rollback('k');
BEGIN;
SAVEPOINT s;
SELECT dbmig_apply('k');
SELECT dbmig_check('k'), dbmig_check('k');
ROLLBACK TO s;
SELECT dbmig_is_current('k');
SELECT dbmig_apply('k');
SELECT dbmig_check('k'), dbmig_check('k');
ROLLBACK;
SELECT dbmig_check('k');
SELECT dbmig_apply('k');
SELECT dbmig_check('k');

-- another session changes it, also where triggers are for replicas only
\! psql -Xq -c "SET session_replication_role = replica; DELETE FROM dbmig_applied WHERE package = 'k' AND version = '2'"
SELECT dbmig_check('k');
\! psql -Xq -c "INSERT INTO dbmig_applied (package, version, sort_key, checksum, state) SELECT package, version, sort_key, checksum, 'applied' FROM dbmig_migration WHERE package = 'k' AND version = '2'"
SELECT dbmig_check('k'), dbmig_check('k');

-- an old snapshot is not asked about the new
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT dbmig_is_current('k');
\! psql -Xq -c "DELETE FROM dbmig_applied WHERE package = 'k' AND version = '2'"
SELECT dbmig_is_current('k');
COMMIT;
SELECT dbmig_is_current('k');

-- emptied
\! psql -Xq -c "INSERT INTO dbmig_applied (package, version, sort_key, checksum, state) SELECT package, version, sort_key, checksum, 'applied' FROM dbmig_migration WHERE package = 'k' AND version = '2'"
SELECT dbmig_check('k'), dbmig_check('k');
BEGIN;
TRUNCATE dbmig_applied;
SELECT dbmig_is_current('k');
ROLLBACK;
SELECT dbmig_check('k');
SELECT dbmig_touched();
DROP EXTENSION dbmig;
CREATE EXTENSION dbmig;
SELECT dbmig_check('k');
DROP TABLE known_1, known_2;
