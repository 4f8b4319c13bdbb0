-- a tenant is a schema: what is applied to it is made there, and nowhere else
SELECT dbmig_register('a', '1', 'CREATE TABLE t (x int)', 'DROP TABLE t');
SELECT dbmig_register('a', '2', 'INSERT INTO t VALUES (1)', 'DELETE FROM t');
SELECT dbmig_register('b', '1', 'CREATE VIEW v AS SELECT x FROM t', 'DROP VIEW v');
SELECT dbmig_after('b', 'a');
CREATE SCHEMA acme;
CREATE SCHEMA "Odd ""name";
SELECT dbmig_is_current(tenant => 'acme');
SELECT position, package, version FROM dbmig_plan('b', NULL, 'acme');
SELECT dbmig_apply('a', '1', 'acme');
SELECT tenant, package FROM dbmig_tenant JOIN dbmig_tenant_package USING (tenant) ORDER BY 1, 2;
-- whatever the caller's search_path, and its temporary tables
CREATE TEMP TABLE t (x int);
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.t (x int);
SET search_path = elsewhere, public;
SELECT public.dbmig_apply('b', NULL, 'acme');
SELECT public.dbmig_apply(NULL, NULL, 'Odd "name');
SHOW search_path;
RESET search_path;
SELECT (SELECT count(*) FROM pg_temp.t), (SELECT count(*) FROM elsewhere.t), (SELECT count(*) FROM acme.t), (SELECT count(*) FROM "Odd ""name".v);
SELECT to_regclass('public.t') IS NULL;
DROP TABLE pg_temp.t;
SELECT dbmig_check(tenant => 'acme');
SELECT dbmig_check();
SELECT tenant, package, applied, registered, pending, state FROM dbmig_status;
SELECT dbmig_rollback('b', NULL, 'acme');
SELECT dbmig_check('b', NULL, 'acme');
SELECT tenant, problem FROM dbmig_verify('b', 'acme');
SELECT dbmig_redo('a', 'acme');
SELECT dbmig_rollback_all('a', 'acme');
SELECT dbmig_baseline('a', '2', 'acme');
SELECT to_regclass('acme.t') IS NULL;
SELECT dbmig_rollback('a', '1', 'Odd "name');
SELECT dbmig_unregister('a');
SELECT tenant, package, version, action FROM dbmig_history ORDER BY id;
-- the error names it
SELECT dbmig_register('c', '1', 'SELECT 1 / 0');
\set SHOW_CONTEXT always
SELECT dbmig_apply('c', NULL, 'acme');
\set SHOW_CONTEXT never
CALL dbmig_migrate('c', NULL, 'acme');
SELECT tenant, state FROM dbmig_applied WHERE package = 'c';
SELECT dbmig_resolve('c', '1', 'applied', 'acme');
-- committed one by one; what cannot be in a transaction runs there too
SELECT dbmig_register('n', '1', 'CREATE TABLE n (x int); CREATE INDEX CONCURRENTLY n_x ON n (x); VACUUM n; SET search_path = public; CREATE TABLE n_public (x int)');
SELECT dbmig_register('n', '2', 'INSERT INTO n VALUES (1)');
CALL dbmig_migrate('n', NULL, 'acme');
SHOW search_path;
SELECT c.oid::regclass, i.indisvalid FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid WHERE relname LIKE 'n' OR relname LIKE 'n\_%' ORDER BY 1;
SELECT tenant, version, statements FROM dbmig_applied WHERE package = 'n' ORDER BY version;
-- no tenant
SELECT dbmig_apply('a', NULL, 'public');
SELECT dbmig_apply('a', NULL, 'information_schema');
SELECT dbmig_apply('a', NULL, 'pg_catalog');
SELECT dbmig_apply('a', NULL, 'pg_toast');
SELECT dbmig_apply('a', NULL, 'nosuch; DROP SCHEMA acme');
SELECT dbmig_apply('a', NULL, repeat('x', 300)) IS NULL;
SELECT dbmig_is_current('a', NULL, 'acme"');
CREATE SCHEMA own;
ALTER EXTENSION dbmig SET SCHEMA own;
SELECT own.dbmig_apply('a', NULL, 'own');
ALTER EXTENSION dbmig SET SCHEMA public;
DROP SCHEMA acme, "Odd ""name", elsewhere, own CASCADE;
DROP TABLE n_public;
