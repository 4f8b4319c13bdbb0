-- What was found settled is so no longer with each change, by whatever hand
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

-- what is written down: what an apply has made whole, and nothing of the rest
CREATE VIEW noted AS SELECT s.tenant, s.package, coalesce(mod(t.changed + (SELECT coalesce(sum(u.removed), 0) FROM dbmig_dependency d JOIN dbmig_stamp u ON u.package = d.after_package WHERE d.package = s.package) - s.settled, 18446744073709551616) = 0, false) AS settled, s.registered, s.alone FROM dbmig_settled s JOIN dbmig_stamp t USING (package) ORDER BY 1, 2;
SELECT * FROM noted;
SELECT dbmig_register('l', '1', 'SELECT 1'), dbmig_register('l', '2', 'SELECT 2');
SELECT dbmig_apply('l', '1');
SELECT * FROM noted;
SELECT dbmig_apply('l');
SELECT * FROM noted;
SELECT dbmig_rollback('k');
SELECT * FROM noted;
CALL dbmig_migrate();
SELECT * FROM noted;

-- every kind of change, and what it leaves: each is mended by the next apply
UPDATE dbmig_migration SET name = 'x' WHERE package = 'k' AND version = '1';
SELECT * FROM noted;
SELECT dbmig_check(), dbmig_apply();
SELECT * FROM noted;
UPDATE dbmig_package SET options = '{}' WHERE package = 'l';
SELECT * FROM noted;
SELECT dbmig_check(), dbmig_apply();
UPDATE dbmig_applied SET state = 'failed' WHERE package = 'l' AND version = '2';
SELECT dbmig_check();
SELECT dbmig_is_current('l'), dbmig_is_current('k');
UPDATE dbmig_applied SET state = 'applied' WHERE package = 'l' AND version = '2';
UPDATE dbmig_applied SET applied_by = NULL WHERE package = 'l';
SELECT * FROM noted;
CALL dbmig_migrate();
SELECT * FROM noted;
INSERT INTO dbmig_migration (package, version, sort_key, transactional, down_transactional, reversible, checksum, up) SELECT package, '3', '3', true, true, false, checksum, up FROM dbmig_migration WHERE package = 'l' AND version = '2';
SELECT * FROM noted;
SELECT dbmig_is_current('l'), dbmig_is_current(), dbmig_is_current('k');
UPDATE dbmig_migration SET package = 'k' WHERE version = '3';
SELECT dbmig_is_current('l'), dbmig_is_current(), dbmig_is_current('k');
DELETE FROM dbmig_migration WHERE version = '3';
SELECT dbmig_is_current('l'), dbmig_is_current(), dbmig_is_current('k');
SELECT dbmig_apply();
SELECT * FROM noted;

-- one that is registered by hand, and its package is not
INSERT INTO dbmig_migration (package, version, sort_key, transactional, down_transactional, reversible, checksum, up) SELECT 'm', version, sort_key, true, true, false, checksum, up FROM dbmig_migration WHERE package = 'l' AND version = '2';
SELECT dbmig_is_current('l'), dbmig_is_current();
SELECT dbmig_check();
SELECT dbmig_apply();
SELECT dbmig_check(), dbmig_check('m');
DELETE FROM dbmig_migration WHERE package = 'm';
SELECT dbmig_check(), dbmig_apply();
SELECT * FROM noted;
SELECT dbmig_check(), dbmig_check('m');
DELETE FROM dbmig_package WHERE package = 'l';
SELECT dbmig_check('l');
SELECT dbmig_check();
SELECT dbmig_register('l', '3', 'SELECT 3');
SELECT dbmig_check('l');
SELECT dbmig_apply();

-- what it comes after
SELECT dbmig_after('l', 'k');
SELECT dbmig_check('l'), dbmig_check('k'), dbmig_apply();
SELECT * FROM noted;
SELECT dbmig_register('k', '4', 'SELECT 4');
SELECT dbmig_is_current('l'), dbmig_is_current('k'), dbmig_is_current();
SELECT dbmig_apply('k');
SELECT dbmig_check('l'), dbmig_check('k'), dbmig_check();
SELECT dbmig_after('l@3', 'k@4');
SELECT dbmig_apply('l'), dbmig_check('l');
DELETE FROM dbmig_migration WHERE package = 'k' AND version = '4';
SELECT dbmig_apply('k'), dbmig_check('k');
SELECT dbmig_check('l');
DELETE FROM dbmig_dependency WHERE after_version <> '';
SELECT dbmig_check('l'), dbmig_apply();
SELECT dbmig_after('l', 'nobody');
SELECT dbmig_check('l');
DELETE FROM dbmig_dependency WHERE after_package = 'nobody';
SELECT dbmig_check('l'), dbmig_apply();

-- within one transaction: each look is about what is there then
BEGIN;
SELECT dbmig_register('k', '5', 'SELECT 5');
SELECT dbmig_apply();
SELECT dbmig_register('k', '6', 'SELECT 6');
SELECT dbmig_is_current('k');
SELECT dbmig_apply();
SELECT dbmig_check('k');
SAVEPOINT s;
SELECT dbmig_register('k', '7', 'SELECT 7');
SELECT dbmig_apply();
ROLLBACK TO s;
SELECT dbmig_check('k');
SELECT dbmig_register('k', '8', 'SELECT 8');
SELECT dbmig_is_current('k');
SAVEPOINT t;
SELECT dbmig_register('k', '9', 'SELECT 9');
ROLLBACK TO t;
SELECT dbmig_apply();
SELECT dbmig_register('k', '10', 'SELECT 10');
SELECT dbmig_is_current('k');
ROLLBACK;
SELECT dbmig_check();

-- a migration that registers another
SELECT dbmig_register('k', '5', 'SELECT dbmig_register(''k'', ''6'', ''SELECT 6'')');
SELECT dbmig_apply();
SELECT dbmig_is_current('k'), dbmig_is_current();
SELECT dbmig_apply();
SELECT dbmig_check('k'), dbmig_check();

-- emptied
SELECT count(*) FROM noted WHERE settled;
BEGIN;
TRUNCATE dbmig_applied;
SELECT count(*) FROM noted WHERE settled;
SELECT dbmig_is_current('k');
ROLLBACK;
BEGIN;
TRUNCATE dbmig_migration;
SELECT count(*) FROM noted WHERE settled;
SELECT dbmig_is_current('k');
ROLLBACK;
SELECT dbmig_check();

-- redo and repeatable ones replace what was applied
SELECT dbmig_register('k', '7', 'CREATE TABLE known_7 (x int)', 'DROP TABLE known_7');
SELECT dbmig_apply();
SELECT * FROM noted WHERE package = 'k';
DELETE FROM dbmig_dependency;
SELECT dbmig_redo('k');
SELECT * FROM noted WHERE package = 'k';
SELECT dbmig_register('k', 'R:view', 'CREATE OR REPLACE VIEW known_view AS SELECT 1 AS x');
SELECT dbmig_apply();
SELECT dbmig_register('k', 'R:view', 'CREATE OR REPLACE VIEW known_view AS SELECT 2 AS x');
SELECT dbmig_is_current('k');
SELECT dbmig_apply();
SELECT * FROM noted WHERE package = 'k';
SELECT dbmig_register('n', '1', 'SELECT 1');
SELECT dbmig_baseline('n', '1');
SELECT * FROM noted WHERE package = 'n';

-- who found it settled without a lock, by an old snapshot, when it was forgotten
CREATE SCHEMA known_t;
SELECT dbmig_apply('n', NULL, 'known_t');
UPDATE dbmig_applied SET applied_by = NULL WHERE tenant = 'known_t';
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT dbmig_is_current('n', NULL, 'known_t');
\! psql -Xqc "SELECT dbmig_remove_tenant('known_t')" >/dev/null; psql -Xqc "CREATE SCHEMA IF NOT EXISTS known_t"
SELECT dbmig_apply('n', NULL, 'known_t');
COMMIT;
SELECT dbmig_is_current('n', NULL, 'known_t');
SELECT dbmig_apply('n', NULL, 'known_t');
SELECT dbmig_check('n', NULL, 'known_t');
UPDATE dbmig_applied SET applied_by = NULL WHERE tenant = 'known_t';
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT dbmig_is_current('n', NULL, 'known_t');
\! psql -Xqc "DELETE FROM dbmig_applied WHERE tenant = 'known_t'; DELETE FROM dbmig_settled WHERE tenant = 'known_t'"
SELECT dbmig_apply('n', NULL, 'known_t');
COMMIT;
SELECT dbmig_is_current('n', NULL, 'known_t');
SELECT dbmig_apply('n', NULL, 'known_t');

-- he who has only found it so keeps nobody waiting until his commit
UPDATE dbmig_applied SET applied_by = NULL WHERE package = 'n';
BEGIN;
SELECT dbmig_apply('n');
\! psql -Xqc "SET statement_timeout = '20s'; UPDATE dbmig_applied SET applied_by = NULL WHERE package = 'n'"
COMMIT;
SELECT dbmig_apply('n');
SELECT settled FROM noted WHERE package = 'n' AND tenant = '';

-- who sees only some of the rows goes by these
CREATE ROLE dbmig_looker;
GRANT SELECT ON noted TO dbmig_looker;
SET ROLE dbmig_looker;
SELECT dbmig_check('k'), dbmig_check();
RESET ROLE;
ALTER TABLE dbmig_applied ENABLE ROW LEVEL SECURITY;
SET ROLE dbmig_looker;
SELECT dbmig_is_current('k'), dbmig_is_current();
RESET ROLE;
ALTER TABLE dbmig_applied DISABLE ROW LEVEL SECURITY;
REVOKE SELECT (checksum) ON dbmig_migration FROM PUBLIC;
SET ROLE dbmig_looker;
SELECT dbmig_check('k');
RESET ROLE;

-- who disables the triggers can make it lie, until this
ALTER TABLE dbmig_applied DISABLE TRIGGER dbmig_touched;
DELETE FROM dbmig_applied WHERE package = 'k' AND version = '7';
ALTER TABLE dbmig_applied ENABLE ALWAYS TRIGGER dbmig_touched;
SELECT dbmig_is_current('k');
TRUNCATE dbmig_settled;
SELECT dbmig_is_current('k');
DROP TABLE known_7;
SELECT dbmig_apply();

-- stamps that are gone come back
TRUNCATE dbmig_stamp;
SELECT dbmig_check(), dbmig_apply(), dbmig_apply();
SELECT count(*) FROM noted WHERE settled;
DROP VIEW noted, known_view;
DROP SCHEMA known_t;
DROP TABLE known_7;
DROP OWNED BY dbmig_looker;
DROP ROLE dbmig_looker;
DROP EXTENSION dbmig;
CREATE EXTENSION dbmig;
SELECT dbmig_check('k');
DROP TABLE known_1, known_2;
