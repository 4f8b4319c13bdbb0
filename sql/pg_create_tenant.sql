-- a schema, a role, its rights, and the packages: in one transaction
SELECT dbmig_register('a', '1', 'CREATE TABLE t (id serial PRIMARY KEY, x int)');
SELECT dbmig_register('b', '1', 'CREATE TABLE u (x int)');
SELECT dbmig_register('bad', '1', 'CREATE TABLE v (x int); SELECT 1 / 0');
SELECT dbmig_register('solo', '1', 'CREATE INDEX CONCURRENTLY t_x ON t (x)');
SET dbmig.client_host = 'db.example.com';
SELECT schema_name, username, password, connection_string ~ '^postgresql://dbmig_test_acme:p%40%2F%20%25x@db\.example\.com:[0-9]+/regression$' FROM dbmig_create_tenant('acme', 'dbmig_test_acme', 'p@/ %x', 'a', 'b');
SELECT schema_name, username, password ~ '^[A-Za-z0-9]{32}$', connection_string = 'postgresql://dbmig_test_beta:' || password || '@[::1]:' || current_setting('port') || '/regression' FROM (SELECT set_config('dbmig.client_host', '::1', false)) s, dbmig_create_tenant('beta', 'dbmig_test_beta', NULL, 'a');
SELECT schema_name, connection_string = 'postgresql://' || username || ':x@proxy:6432/regression' FROM (SELECT set_config('dbmig.client_host', 'proxy:6432', false)) s, dbmig_create_tenant(schema => 'gamma', username => 'dbmig_test_gamma', password => 'x', VARIADIC packages => ARRAY['b']);
RESET dbmig.client_host;
SELECT rolname, rolcanlogin, rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls, left(rolpassword, 14), setconfig FROM pg_authid a JOIN pg_db_role_setting ON setrole = a.oid WHERE rolname LIKE 'dbmig\_test\_%' ORDER BY 1;
SELECT tenant, username, package FROM dbmig_tenant JOIN dbmig_tenant_package USING (tenant) ORDER BY 1, 3;
SELECT tenant, package, applied, pending, state FROM dbmig_tenants;
SELECT tenant, package, version, action FROM dbmig_history ORDER BY id;
-- its role reads and writes its schema, and nothing else
SET ROLE dbmig_test_acme;
INSERT INTO acme.t (x) VALUES (1) RETURNING id, x;
UPDATE acme.t SET x = 2;
DELETE FROM acme.t;
TRUNCATE acme.u;
CREATE TABLE acme.own (x int);
CREATE TRIGGER tg BEFORE INSERT ON acme.t EXECUTE FUNCTION suppress_redundant_updates_trigger();
SELECT * FROM beta.t;
SELECT nextval('beta.t_id_seq');
CREATE TABLE beta.x (x int);
SELECT * FROM dbmig_package;
SELECT version FROM dbmig_migration;
SELECT * FROM dbmig_dependency;
SELECT * FROM dbmig_applied;
SELECT * FROM dbmig_history;
SELECT * FROM dbmig_tenant;
SELECT * FROM dbmig_tenant_package;
SELECT * FROM dbmig_status;
SELECT * FROM dbmig_tenants;
SELECT dbmig_check();
SELECT * FROM dbmig_lookup('a');
SELECT dbmig_apply('a', NULL, 'acme');
CALL dbmig_migrate_tenants();
SELECT dbmig_create_tenant('x', 'y');
SELECT dbmig_remove_tenant('beta', 'dbmig_test_beta');
RESET ROLE;
-- what later migrations make is its, too
SELECT dbmig_register('a', '2', 'CREATE TABLE later (id serial, x int)');
CALL dbmig_migrate_tenants();
SET ROLE dbmig_test_acme;
INSERT INTO acme.later (x) VALUES (1) RETURNING id;
SELECT * FROM beta.later;
RESET ROLE;
-- a role that is granted it looks all the same
CREATE ROLE dbmig_test_looker;
GRANT SELECT ON dbmig_package, dbmig_migration, dbmig_dependency, dbmig_applied, dbmig_history TO dbmig_test_looker;
SET ROLE dbmig_test_looker;
SELECT dbmig_check('a', NULL, 'acme'), dbmig_is_current('b', NULL, 'beta');
RESET ROLE;
DROP OWNED BY dbmig_test_looker;
DROP ROLE dbmig_test_looker;
-- a failure leaves nothing
SELECT * FROM dbmig_create_tenant('delta', 'dbmig_test_delta', NULL, 'a', 'bad');
SELECT * FROM dbmig_create_tenant('delta', 'dbmig_test_delta', NULL, 'a', 'solo');
SELECT * FROM dbmig_create_tenant('delta', 'dbmig_test_delta', NULL, 'nosuch');
SELECT * FROM dbmig_create_tenant('delta', 'dbmig_test_delta', NULL, NULL);
SELECT to_regnamespace('delta') IS NULL, to_regrole('dbmig_test_delta') IS NULL;
SELECT count(*) FROM dbmig_applied WHERE tenant = 'delta';
-- what cannot be in a transaction comes in a second statement, which the hint says
SELECT dbmig_after('solo', 'a');
\set VERBOSITY default
SELECT * FROM dbmig_create_tenant('delta', 'dbmig_test_delta', 'secret', 'solo', 'b');
SELECT * FROM dbmig_create_tenant('Delta''s', 'dbmig_test_delta', 'secret', 'solo');
SELECT schema_name FROM dbmig_create_tenant('delta', 'dbmig_test_delta', NULL, '');
SELECT count(*) FROM dbmig_tenants WHERE tenant = 'delta';
CALL dbmig_migrate('solo', NULL, 'delta'); CALL dbmig_migrate('b', NULL, 'delta');
SELECT package, applied, pending, state FROM dbmig_tenants WHERE tenant = 'delta';
SELECT count(*) FROM pg_index WHERE indisvalid AND indexrelid = 'delta.t_x'::regclass;
SELECT username FROM dbmig_tenant WHERE tenant = 'delta';
SET ROLE dbmig_test_delta;
INSERT INTO delta.t (x) VALUES (1) RETURNING id;
RESET ROLE;
SELECT dbmig_remove_tenant('delta', 'dbmig_test_delta');
SELECT * FROM dbmig_create_tenant('delta', 'dbmig_test_delta', NULL, '', 'b');
-- all packages: a tenant that has none yet is no part of dbmig_migrate_tenants
SELECT dbmig_unregister('bad');
SELECT * FROM dbmig_create_tenant('delta', 'dbmig_test_delta');
SELECT schema_name FROM dbmig_create_tenant('delta', 'dbmig_test_delta', NULL, '');
CALL dbmig_migrate_tenants();
CALL dbmig_migrate(NULL, NULL, 'delta');
SELECT package, applied, pending, state FROM dbmig_tenants WHERE tenant = 'delta';
SELECT dbmig_remove_tenant('delta', 'dbmig_test_delta');
-- where clients are told to go
CREATE FUNCTION told(host text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	uri text;
BEGIN
	PERFORM dbmig_set('client_host', host);
	SELECT connection_string INTO uri FROM dbmig_create_tenant('told', 'dbmig_test_told', 'x', '');
	PERFORM dbmig_remove_tenant('told', 'dbmig_test_told');
	RETURN replace(uri, current_setting('port'), '(port)');
END $$;
SELECT host, told(host) FROM unnest(ARRAY['db.example.com', 'db:6432', '10.1.2.3:6432', '::1', '[::1]', '[::1]:6432',
	'fe80::1%eth0', '/var/run/postgresql', '/run/a:b', '/run/pg:6432', '@abstract', 'h@x/y?z#w', 'h:', 'h:6432;x', '']) host WHERE host <> '';
SELECT told('') ~ '^postgresql://dbmig_test_told:x@(%2F|127|\[)[^/?#@]*:[(]port[)]/regression$';
SET dbmig.client_host = 'by.set';
SELECT told(current_setting('dbmig.client_host'));
SELECT dbmig_set('client_host', NULL);
RESET dbmig.client_host;
DROP FUNCTION told(text);
-- what is there is not used again
SELECT * FROM dbmig_create_tenant('acme', 'dbmig_test_delta');
SELECT * FROM dbmig_create_tenant('delta', 'dbmig_test_acme');
SELECT * FROM dbmig_create_tenant('delta', 'postgres');
-- names
SELECT * FROM dbmig_create_tenant(NULL, 'u');
SELECT * FROM dbmig_create_tenant('s', NULL);
SELECT * FROM dbmig_create_tenant('', 'u');
SELECT * FROM dbmig_create_tenant('public', 'u');
SELECT * FROM dbmig_create_tenant('information_schema', 'u');
SELECT * FROM dbmig_create_tenant('pg_x', 'u');
SELECT * FROM dbmig_create_tenant('PG_x', 'u');
SELECT * FROM dbmig_create_tenant('s', 'pg_u');
SELECT * FROM dbmig_create_tenant('s', 'user');
SELECT * FROM dbmig_create_tenant('s', 'none');
SELECT * FROM dbmig_create_tenant('select', 'u');
SELECT * FROM dbmig_create_tenant('x"; DROP TABLE t; --', 'u');
SELECT * FROM dbmig_create_tenant('s', 'u'' SUPERUSER');
SELECT * FROM dbmig_create_tenant('аcme', 'u');
SELECT * FROM dbmig_create_tenant('1s', 'u');
SELECT * FROM dbmig_create_tenant(repeat('s', 64), 'u');
SELECT * FROM dbmig_create_tenant('s', 'u', '');
SELECT * FROM dbmig_create_tenant('s', 'u', 'md5' || md5('x'));
SELECT username, password FROM dbmig_create_tenant('delta', 'dbmig_test_delta', $$'; DROP ROLE postgres; -- "\ é$$, 'a');
SELECT dbmig_remove_tenant('delta', 'dbmig_test_delta');
-- a role that may not make roles
CREATE ROLE dbmig_test_plain;
GRANT CREATE ON DATABASE regression TO dbmig_test_plain;
GRANT EXECUTE ON FUNCTION dbmig_create_tenant(text, text, text, text[]) TO dbmig_test_plain;
SET ROLE dbmig_test_plain;
\set VERBOSITY terse
SELECT * FROM dbmig_create_tenant('delta', 'dbmig_test_delta');
\set VERBOSITY default
RESET ROLE;
DROP OWNED BY dbmig_test_plain;
DROP ROLE dbmig_test_plain;
-- everything goes
SELECT dbmig_remove_tenant('acme');
SELECT dbmig_remove_tenant('acme', 'dbmig_test_beta');
SELECT dbmig_remove_tenant('nosuch', 'postgres');
SELECT dbmig_remove_tenant('public', 'postgres');
CREATE SCHEMA aside;
GRANT CREATE ON SCHEMA aside TO dbmig_test_acme;
GRANT SELECT ON dbmig_package TO dbmig_test_acme;
SET ROLE dbmig_test_acme;
CREATE TABLE aside.its (x int);
RESET ROLE;
SELECT oid AS acme FROM pg_roles WHERE rolname = 'dbmig_test_acme' \gset
SELECT dbmig_remove_tenant('acme', 'dbmig_test_acme');
SELECT count(*) FROM pg_shdepend WHERE refobjid = :acme;
SELECT to_regnamespace('acme') IS NULL, to_regrole('dbmig_test_acme') IS NULL, to_regclass('aside.its') IS NULL;
SELECT dbmig_remove_tenant('acme', 'dbmig_test_acme');
SELECT (SELECT count(*) FROM dbmig_applied WHERE tenant = 'acme'), (SELECT count(*) FROM dbmig_tenant_package WHERE tenant = 'acme');
SELECT package, version, action FROM dbmig_history WHERE tenant = 'acme' ORDER BY id;
-- again, and once its schema is gone
SELECT schema_name FROM dbmig_create_tenant('acme', 'dbmig_test_acme', NULL, 'a');
SELECT applied, state FROM dbmig_tenants WHERE tenant = 'acme';
DROP SCHEMA acme CASCADE;
SELECT dbmig_remove_tenant('acme', 'dbmig_test_acme');
-- one that dbmig did not make
SELECT dbmig_baseline('b', '1', 'aside');
SELECT dbmig_remove_tenant('aside', 'dbmig_test_beta');
SELECT dbmig_remove_tenant('aside');
SELECT dbmig_remove_tenant('beta', 'dbmig_test_beta');
SELECT dbmig_remove_tenant('gamma', 'dbmig_test_gamma');
SELECT count(*) FROM pg_roles WHERE rolname LIKE 'dbmig\_test\_%';
