-- from where dbmig may be called
-- a migration that calls dbmig_apply, and one that registers
SELECT dbmig_register('c', '1', 'SELECT dbmig_apply()');
SELECT dbmig_apply('c');
SELECT dbmig_register('c', '1', 'SELECT dbmig_rollback(''c'')');
SELECT dbmig_apply('c');
-- (the refusal is over with the statement)
SELECT dbmig_register('c', '1', 'SELECT dbmig_register(''made'', ''1'', ''CREATE TABLE made (x int)''); SELECT dbmig_is_current()');
SELECT dbmig_apply('c');
SELECT dbmig_apply();
-- from functions, queries over tables, DO
CREATE FUNCTION deploy() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN dbmig_apply('d'); END $$;
SELECT dbmig_register('d', '1', 'CREATE TABLE d1 (x int)', 'DROP TABLE d1');
SELECT deploy();
CREATE TABLE packages (name text);
INSERT INTO packages VALUES ('c'), ('d');
SELECT sum(dbmig_apply(name)) FROM packages;
SELECT dbmig_rollback('d');
SELECT dbmig_apply(name) FROM packages WHERE name = 'd';
-- named arguments
SELECT dbmig_register(package => 'n', version => '1', up => 'SELECT 1', name => 'named', down => 'SELECT 2');
SELECT name, down FROM dbmig_lookup(package => 'n');
SELECT dbmig_apply(package => 'n', version => 1);
SELECT dbmig_rollback(package => 'n', tenant => '');
-- functions with a schema, quoted names, no such signature
CREATE SCHEMA "Steps";
CREATE FUNCTION "Steps"."Make it"(package text, version text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN EXECUTE format('CREATE TABLE public.%I (x text DEFAULT %L)', package || version, current_query()); RETURN 'done'; END $$;
SELECT dbmig_register_function('f', '1', '"Steps"."Make it"');
SELECT dbmig_apply('f');
SELECT count(*) FROM f1;
SELECT dbmig_register_function('f', '2', 'pg_sleep');
SELECT dbmig_apply('f');
-- rights: writing is not for everybody, looking is
CREATE ROLE dbmig_test_user;
SET ROLE dbmig_test_user;
SELECT dbmig_version() IS NOT NULL;
SELECT dbmig_apply();
SELECT dbmig_register('u', '1', 'SELECT 1');
SELECT dbmig_load('/tmp');
DELETE FROM dbmig_history;
RESET ROLE;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO dbmig_test_user;
SET ROLE dbmig_test_user;
SELECT dbmig_load('/tmp');
RESET ROLE;
DROP OWNED BY dbmig_test_user;
DROP ROLE dbmig_test_user;
-- nothing resolves a name through the caller's search_path
CREATE SCHEMA evil;
CREATE TABLE evil.dbmig_applied AS SELECT * FROM dbmig_applied WHERE false;
CREATE TABLE evil.dbmig_migration AS SELECT * FROM dbmig_migration WHERE false;
CREATE FUNCTION evil.count() RETURNS bigint LANGUAGE sql AS 'SELECT 1 / 0::bigint';
CREATE FUNCTION evil.eq(text, text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'evil'; END $$;
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.eq);
SET search_path = evil, public, pg_catalog;
SELECT dbmig_register('x', '1', 'CREATE TABLE landed (x int)');
SELECT dbmig_apply('x');
SELECT relnamespace::regnamespace FROM pg_class WHERE relname OPERATOR(pg_catalog.=) 'landed';
RESET search_path;
SELECT dbmig_unregister('f', '2');
SELECT dbmig_is_current('x');
DROP SCHEMA evil CASCADE;
DROP SCHEMA "Steps" CASCADE;
-- where a migration begins, the tables are locked, and nothing else that is dbmig's
SELECT dbmig_register('locks', '1', 'CREATE TABLE context_locks AS SELECT relation::regclass::text, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = ''relation'' AND relation::regclass::text LIKE ''%dbmig%''');
SELECT dbmig_apply('locks');
SELECT * FROM context_locks ORDER BY 1, 2;
DROP TABLE context_locks;
