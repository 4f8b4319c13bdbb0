-- what a clumsy or hostile user does to tenants
SELECT dbmig_register('a', '1', 'CREATE TABLE t (x int)');
SELECT schema_name FROM dbmig_create_tenant('acme', 'dbmig_test_acme', NULL, 'a');
SELECT schema_name FROM dbmig_create_tenant('Beta_1', 'DBMig_Test_Beta', NULL, 'a');
SELECT schema_name FROM dbmig_create_tenant('beta21', 'dbmig_test_beta21', NULL, 'a');
SELECT dbmig_register('a', '2', 'CREATE TABLE t2 (x int)');
-- options of the wrong kind
CALL dbmig_migrate_tenants(options => '{"only": 1}');
CALL dbmig_migrate_tenants(options => '{"only": null}');
CALL dbmig_migrate_tenants(options => '{"only": ["acme", 1]}');
CALL dbmig_migrate_tenants(options => '{"first": "acme"}');
CALL dbmig_migrate_tenants(options => '{"stop_after": -1}');
CALL dbmig_migrate_tenants(options => '{"stop_after": "1"}');
CALL dbmig_migrate_tenants(options => '{"stop_after": 1e3}');
CALL dbmig_migrate_tenants(options => '{"batch": 99999999999}');
CALL dbmig_migrate_tenants(options => '{"batch": true}');
CALL dbmig_migrate_tenants(options => '{"stop-after": 1}');
CALL dbmig_migrate_tenants(options => '{"Only": ["acme"]}');
CALL dbmig_migrate_tenants(options => '');
CALL dbmig_migrate_tenants('a', NULL, 'acme');
CALL dbmig_migrate_tenants('{"only": ["acme"]}');
-- names that are none, and patterns that fit nobody
CALL dbmig_migrate_tenants(options => '{"only": ["acme", "ACME"]}');
CALL dbmig_migrate_tenants(options => '{"first": ["beta_1"]}');
CALL dbmig_migrate_tenants(options => '{"only": ["\"Beta_1\""]}');
CALL dbmig_migrate_tenants(options => '{"only": [""]}');
CALL dbmig_migrate_tenants(options => '{"only": []}');
CALL dbmig_migrate_tenants(options => '{"only": ""}');
CALL dbmig_migrate_tenants(options => '{"only": "acm"}');
CALL dbmig_migrate_tenants(options => '{"only": "%", "only": []}');
CALL dbmig_migrate_tenants(options => '{"only": ["beta21"], "only": "ACME"}');
CALL dbmig_migrate_tenants(options => '{"only": "beta%", "first": ["acme"]}');
CALL dbmig_migrate_tenants(options => '{"only": [], "first": ["acme"]}');
CALL dbmig_migrate_tenants(options => '{"only": ["acme"], "only": "acm"}');
SELECT tenant, pending FROM dbmig_tenants;
-- patterns that fit; said twice is once
CALL dbmig_migrate_tenants(options => '{"only": "Beta\\_1"}');
CALL dbmig_migrate_tenants(options => '{"only": "beta\\_1"}');
CALL dbmig_migrate_tenants(options => '{"only": "_eta_1"}');
CALL dbmig_migrate_tenants(options => '{"only": ["acme", "acme"], "first": ["acme", "acme"]}');
SELECT tenant, pending FROM dbmig_tenants;
-- what is made is as if it had never been
BEGIN;
SELECT schema_name FROM dbmig_create_tenant('gone', 'dbmig_test_gone', NULL, 'a');
ROLLBACK;
SELECT to_regnamespace('gone') IS NULL, to_regrole('dbmig_test_gone') IS NULL, (SELECT count(*) FROM dbmig_history WHERE tenant = 'gone');
BEGIN;
SELECT dbmig_remove_tenant('acme', 'dbmig_test_acme');
SELECT schema_name FROM dbmig_create_tenant('acme', 'dbmig_test_acme', NULL, 'a');
COMMIT;
SELECT tenant, applied, state FROM dbmig_tenants WHERE tenant = 'acme';
-- names that need quotes where they are used
SELECT dbmig_create_tenant('left', 'dbmig_test_left');
SELECT dbmig_create_tenant('s', 'Authorization');
SELECT dbmig_remove_tenant('beta_1', 'dbmig_test_beta');
SELECT dbmig_remove_tenant('Beta_1', 'dbmig_test_beta');
SELECT dbmig_remove_tenant('Beta_1', 'DBMig_Test_Beta');
SELECT dbmig_remove_tenant('', '');
SELECT dbmig_remove_tenant(NULL, NULL);
-- a schema that is renamed or dropped by hand
SELECT dbmig_register('a', '3', 'CREATE TABLE t3 (x int)');
ALTER SCHEMA beta21 RENAME TO beta22;
SELECT tenant, state, error FROM dbmig_tenants WHERE tenant LIKE 'beta%';
\set VERBOSITY default
CALL dbmig_migrate_tenants(options => '{"stop_after": 0}');
SELECT dbmig_apply('a', NULL, 'beta21');
\set VERBOSITY terse
SELECT dbmig_apply('a', NULL, 'beta22');
SELECT dbmig_create_tenant('beta21', 'dbmig_test_other');
SELECT dbmig_remove_tenant('beta21', 'dbmig_test_beta21');
SELECT to_regnamespace('beta22') IS NOT NULL, to_regrole('dbmig_test_beta21') IS NULL;
DROP SCHEMA beta22 CASCADE;
-- a role that is
ALTER ROLE dbmig_test_acme RENAME TO dbmig_test_renamed;
CALL dbmig_migrate_tenants();
SELECT dbmig_remove_tenant('acme', 'dbmig_test_renamed');
SELECT dbmig_remove_tenant('acme', 'dbmig_test_acme');
DROP ROLE dbmig_test_renamed;
SELECT schema_name FROM dbmig_create_tenant('acme', 'dbmig_test_acme', NULL, 'a');
DROP OWNED BY dbmig_test_acme;
DROP ROLE dbmig_test_acme;
SELECT dbmig_remove_tenant('acme', 'dbmig_test_acme');
SELECT count(*) FROM dbmig_tenant;
-- a step that drops the schema that it is in
SELECT schema_name FROM dbmig_create_tenant('acme', 'dbmig_test_acme', NULL, 'a');
SELECT dbmig_register('b', '1', 'DO $$ BEGIN EXECUTE format($e$DROP SCHEMA %I CASCADE$e$, current_schema); END $$; CREATE TABLE ghost (x int)');
SELECT dbmig_register('b2', '1', 'VACUUM t; DO $$ BEGIN EXECUTE format($e$DROP SCHEMA %I CASCADE$e$, current_schema); END $$; CREATE TABLE ghost (x int)');
SELECT dbmig_apply('b', NULL, 'acme');
CALL dbmig_migrate('b', NULL, 'acme');
CALL dbmig_migrate('b2', NULL, 'acme');
SELECT to_regclass('acme.t') IS NOT NULL, to_regclass('pg_temp.ghost') IS NULL;
SELECT package, state FROM dbmig_tenants WHERE tenant = 'acme';
SELECT dbmig_resolve(p, '1', 'pending', 'acme') FROM unnest(ARRAY['b', 'b2']) p;
SELECT dbmig_unregister('b'), dbmig_unregister('b2');
-- search_path that is reset is the tenant's, or the option's
SELECT dbmig_register('c', '1', 'SET search_path = pg_catalog; RESET search_path; CREATE TABLE c1 (x int);
	SET search_path TO DEFAULT; CREATE TABLE c2 (x int); RESET ALL; CREATE TABLE c3 (x int); SET LOCAL search_path TO DEFAULT; CREATE TABLE c4 (x int)');
SELECT dbmig_register('c', '2', 'VACUUM t; RESET search_path; CREATE TABLE c5 (x int); BEGIN; RESET ALL; CREATE TABLE c6 (x int); COMMIT;
	DISCARD ALL; CREATE TABLE c7 (x int)');
CALL dbmig_migrate('c', NULL, 'acme');
SELECT relnamespace::regnamespace, string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relname ~ '^c[0-9]$' GROUP BY 1;
SELECT dbmig_register('d', '1', 'RESET search_path; CREATE TABLE d1 (x int)', NULL, NULL, '{"search_path": "acme"}');
SELECT dbmig_apply('d');
SELECT relnamespace::regnamespace FROM pg_class WHERE relname = 'd1';
SHOW search_path;
SELECT dbmig_remove_tenant('acme', 'dbmig_test_acme');
SELECT count(*) FROM pg_roles WHERE rolname ~* '^dbmig_test';
