-- all tenants that are behind: a transaction a tenant and migration
CALL dbmig_migrate_tenants();
SELECT * FROM dbmig_tenants;
SELECT dbmig_register('a', '1', 'CREATE TABLE t (x int UNIQUE)', 'DROP TABLE t');
SELECT dbmig_register('b', '1', 'CREATE TABLE u (x int)');
CREATE SCHEMA t1;
CREATE SCHEMA t2;
CREATE SCHEMA t3;
CREATE SCHEMA t4;
SELECT sum(dbmig_apply('a', NULL, t)) FROM unnest(ARRAY['t3', 't1', 't4', 't2']) t;
SELECT dbmig_apply('b', NULL, 't4');
SELECT * FROM dbmig_tenants;
SELECT dbmig_register('a', '2', 'INSERT INTO t VALUES (1)');
SELECT dbmig_register('a', '3', 'CREATE INDEX CONCURRENTLY t_x ON t (x)');
SELECT dbmig_register('c', '1', 'CREATE TABLE not_for_them (x int)');
-- one fails in the middle: it is recorded, said, and the first of 1 ends it
INSERT INTO t2.t VALUES (1);
CALL dbmig_migrate_tenants();
SELECT * FROM dbmig_tenants;
SELECT tenant, package, version, outcome, error_code FROM dbmig_history WHERE version <> '1' ORDER BY id;
-- the others go on where that is wanted
SET client_min_messages = error;
\set VERBOSITY sqlstate
CALL dbmig_migrate_tenants(options => '{"stop_after": 0}');
\set VERBOSITY default
RESET client_min_messages;
SELECT tenant, package, applied, pending, state FROM dbmig_tenants;
-- the cause is mended: only that one was left
DELETE FROM t2.t;
CALL dbmig_migrate_tenants();
SELECT tenant, package, applied, pending, state FROM dbmig_tenants;
SELECT tenant, count(*), count(DISTINCT version) FROM dbmig_history WHERE package = 'a' AND outcome = 'ok' GROUP BY 1 ORDER BY 1;
SELECT to_regclass('public.not_for_them') IS NULL AND to_regclass('t1.not_for_them') IS NULL;
-- one package, up to a version; only some; canaries first; so many at a time
SELECT dbmig_register('b', '2', 'INSERT INTO u VALUES (1)');
SELECT dbmig_register('a', '4', 'INSERT INTO t VALUES (2)');
SELECT dbmig_register('a', '5', 'INSERT INTO t VALUES (3)');
CALL dbmig_migrate_tenants('b');
CALL dbmig_migrate_tenants('a', 4, '{"batch": 1, "first": ["t3"]}');
CALL dbmig_migrate_tenants('a', '4', '{"only": "t_", "batch": 2}');
CALL dbmig_migrate_tenants('a', NULL, '{"only": ["t1"]}');
SELECT tenant, package, applied, pending FROM dbmig_tenants;
INSERT INTO t4.t VALUES (2);
CALL dbmig_migrate_tenants(options => '{"first": ["t4"], "stop_after": 0}');
DELETE FROM t4.t WHERE x = 2;
CALL dbmig_migrate_tenants();
SELECT bool_and(dbmig_check('a', NULL, t)) FROM unnest(ARRAY['t3', 't1', 't4', 't2']) t;
-- the error's own code, and a tenant that is gone
DROP SCHEMA t3 CASCADE;
SELECT dbmig_register('a', '6', 'INSERT INTO nosuch VALUES (1)');
SET client_min_messages = error;
\set VERBOSITY sqlstate
CALL dbmig_migrate_tenants(options => '{"stop_after": 0}');
CALL dbmig_migrate_tenants(options => '{"only": ["t1"], "first": ["t3"]}');
\set VERBOSITY default
RESET client_min_messages;
SELECT * FROM dbmig_tenants WHERE tenant IN ('t1', 't3');
SELECT dbmig_resolve('a', '6', 'applied', t) FROM unnest(ARRAY['t1', 't4', 't2']) t;
-- where it can be called, and with what
BEGIN;
CALL dbmig_migrate_tenants();
ROLLBACK;
CALL dbmig_migrate_tenants('nosuch');
CALL dbmig_migrate_tenants('a', '99');
CALL dbmig_migrate_tenants(NULL, '1');
CALL dbmig_migrate_tenants(options => '{"only": ["nosuch"]}');
CALL dbmig_migrate_tenants(options => '{"only": ["pg_catalog"]}');
CALL dbmig_migrate_tenants(options => '{"stop": 1}');
CALL dbmig_migrate_tenants(options => 'x');
SELECT count(*) FROM pg_locks WHERE locktype = 'object';
SHOW search_path;
DROP SCHEMA t1, t2, t4 CASCADE;
