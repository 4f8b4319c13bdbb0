-- CALL dbmig_migrate: each migration committed by itself
SET client_min_messages = notice;
SET dbmig.progress = off;
SELECT dbmig_register('a', '1', 'CREATE TABLE a1 (x int)', 'DROP TABLE a1');
SELECT dbmig_register('a', '2', 'INSERT INTO a1 VALUES (1); INSERT INTO a1 VALUES (2)');
SELECT dbmig_register('b', '1', 'INSERT INTO a1 VALUES (3)');
SELECT dbmig_after('b', 'a');
CALL dbmig_migrate('a', 1);
CALL dbmig_migrate('a', '2');
CALL dbmig_migrate();
CALL dbmig_migrate(package => 'b', version => '1', tenant => '');
CALL dbmig_migrate('b', NULL, NULL);
SELECT count(*), count(DISTINCT xmin::text) FROM a1;
SELECT package, version, state, statements FROM dbmig_applied ORDER BY package, version;
SELECT count(DISTINCT transaction_id) FROM dbmig_applied;
SELECT count(*) FROM dbmig_applied JOIN dbmig_history USING (package, version, transaction_id);
-- no lock is left
SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND classid = 'dbmig_applied'::regclass;
-- arguments
CALL dbmig_migrate('none');
CALL dbmig_migrate('a', 9);
CALL dbmig_migrate(NULL, '1');
CALL dbmig_migrate('a', '1', 'tenant');
CALL dbmig_migrate('a', 1);
-- from where it can be called
SELECT dbmig_append('a', 'INSERT INTO a1 VALUES (4)');
BEGIN;
CALL dbmig_migrate();
ROLLBACK;
START TRANSACTION ISOLATION LEVEL SERIALIZABLE;
SAVEPOINT s;
CALL dbmig_wait('b', 0);
ROLLBACK;
DO $$ BEGIN CALL dbmig_migrate(); END $$;
DO $$ BEGIN CALL dbmig_wait('b', 0); END $$;
DO $$ BEGIN CALL dbmig_migrate(); EXCEPTION WHEN invalid_transaction_termination THEN RAISE NOTICE 'refused'; END $$;
CREATE PROCEDURE deploy() LANGUAGE plpgsql AS $$ BEGIN CALL dbmig_migrate(); END $$;
CALL deploy();
CREATE PROCEDURE deploy_sql() LANGUAGE sql AS 'CALL dbmig_migrate()';
CALL deploy_sql();
CREATE FUNCTION deploy_function() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CALL dbmig_migrate(); END $$;
SELECT deploy_function();
CALL dbmig_migrate()\; SELECT 1;
SELECT 1 WHERE false\; CALL dbmig_migrate();
EXPLAIN ANALYZE SELECT deploy_function();
PREPARE called AS SELECT 1;
SELECT dbmig_migrate();
-- a setting of the procedure, or other rights, would keep it from committing
ALTER PROCEDURE dbmig_migrate(text, text, text) SET work_mem = '5MB';
CALL dbmig_migrate();
ALTER PROCEDURE dbmig_migrate(text, text, text) RESET ALL;
-- a migration that migrates
SELECT dbmig_register('c', '1', 'CALL dbmig_migrate()');
CALL dbmig_migrate('c');
SELECT dbmig_register('c', '1', 'CALL dbmig_migrate()', NULL, NULL, '{"transaction": false}');
CALL dbmig_migrate('c');
SELECT dbmig_register('c', '1', 'CALL dbmig_wait(''a'', 0)', NULL, NULL, '{"transaction": false}');
CALL dbmig_migrate('c');
SELECT dbmig_register('c', '1', 'SELECT dbmig_apply()', NULL, NULL, '{"transaction": false}');
CALL dbmig_migrate('c');
SELECT dbmig_unregister('c');
-- nothing of all that ran; by itself it works
SELECT count(*) FROM a1;
CALL dbmig_migrate();
SELECT count(*) FROM a1;
-- with any isolation
SET default_transaction_isolation = 'serializable';
SELECT dbmig_append('a', 'INSERT INTO a1 VALUES (5)');
CALL dbmig_migrate();
SELECT dbmig_append('a', 'VACUUM a1');
CALL dbmig_migrate();
CALL dbmig_wait('a', 0);
SET default_transaction_isolation = 'repeatable read';
SELECT dbmig_append('a', 'INSERT INTO a1 VALUES (6); VACUUM a1');
CALL dbmig_migrate();
RESET default_transaction_isolation;
SET default_transaction_read_only = on;
CALL dbmig_migrate();
CALL dbmig_wait('a', 0);
RESET default_transaction_read_only;
SELECT dbmig_append('a', 'INSERT INTO a1 VALUES (7)');
SET default_transaction_read_only = on;
CALL dbmig_migrate();
RESET default_transaction_read_only;
CALL dbmig_migrate();
SELECT count(*) FROM a1;
-- settings of a script, and of the session
SELECT dbmig_append('a', 'SET work_mem = ''7MB''; SET LOCAL lock_timeout = 5; SET search_path = nowhere; SELECT set_config(''application_name'', ''x'', false)');
SET work_mem = '3MB';
CALL dbmig_migrate();
SELECT current_setting('work_mem'), current_setting('search_path'), current_setting('lock_timeout');
RESET work_mem;
-- unqualified names go where the caller's search_path says
CREATE SCHEMA there;
SET search_path = there, public;
SELECT dbmig_append('a', 'CREATE TABLE landed (x int)');
SELECT dbmig_append('a', 'CREATE INDEX CONCURRENTLY landed_x ON landed (x)');
CALL dbmig_migrate();
RESET search_path;
SELECT relnamespace::regnamespace, relname FROM pg_class WHERE relname LIKE 'landed%' ORDER BY relname;
-- functions, in a transaction and out of it
CREATE FUNCTION step(package text, version text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('CREATE TABLE %I (x int)', package || version); END $$;
SELECT dbmig_register_function('f', '1', 'step');
SELECT dbmig_register_function('f', '2', 'step', NULL, NULL, '{"transaction": false}');
SELECT dbmig_register_function('f', '3', 'nosuch', NULL, NULL, '{"transaction": false}');
CALL dbmig_migrate('f');
SELECT version, state, statements FROM dbmig_applied WHERE package = 'f' ORDER BY version;
SELECT count(*) FROM f1, f2;
-- a commit that fails
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
SELECT dbmig_register('d', '1', 'INSERT INTO child VALUES (1)');
\set SHOW_CONTEXT errors
CALL dbmig_migrate('d');
SELECT dbmig_register('d', '1', 'INSERT INTO child VALUES (1)', NULL, NULL, '{"transaction": false}');
CALL dbmig_migrate('d');
\set SHOW_CONTEXT never
SELECT outcome, error_code, error_message, error_statement FROM dbmig_history WHERE package = 'd' ORDER BY id;
INSERT INTO parent VALUES (1);
CALL dbmig_migrate('d');
SELECT count(*) FROM child;
-- waiting
CALL dbmig_wait('a', 1);
CALL dbmig_wait('a', 0.5);
CALL dbmig_wait('nosuch', 0);
CALL dbmig_wait('f', 0);
CALL dbmig_wait('a', -1);
CALL dbmig_wait('a', NULL);
CALL dbmig_wait(NULL, 0);
-- rights
CREATE ROLE dbmig_test_migrate;
SET ROLE dbmig_test_migrate;
CALL dbmig_migrate();
CALL dbmig_migrate('a', 1);
CALL dbmig_wait('a', 0);
RESET ROLE;
GRANT EXECUTE ON ALL PROCEDURES IN SCHEMA public TO dbmig_test_migrate;
SELECT dbmig_append('a', 'SELECT 1');
SET ROLE dbmig_test_migrate;
CALL dbmig_migrate('a');
RESET ROLE;
-- a recovery conflict ends a poll, not the waiting; other errors end it
CREATE SEQUENCE polls;
GRANT ALL ON polls TO dbmig_test_migrate;
CREATE FUNCTION conflict(code text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN IF nextval('public.polls') < 4 THEN RAISE 'conflict' USING ERRCODE = code; END IF; RETURN true; END $$;
SELECT dbmig_apply('a');
ALTER TABLE dbmig_package ENABLE ROW LEVEL SECURITY;
CREATE POLICY conflicts ON dbmig_package USING (conflict('40001'));
SET ROLE dbmig_test_migrate;
CALL dbmig_wait('a', 10);
SELECT nextval('polls') > 4;
SELECT setval('polls', 1, false);
CALL dbmig_wait('a', 0);
RESET ROLE;
DROP POLICY conflicts ON dbmig_package;
CREATE POLICY conflicts ON dbmig_package USING (conflict('22012'));
SET ROLE dbmig_test_migrate;
CALL dbmig_wait('a', 10);
RESET ROLE;
DROP POLICY conflicts ON dbmig_package;
DROP OWNED BY dbmig_test_migrate;
DROP ROLE dbmig_test_migrate;
SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND classid = 'dbmig_applied'::regclass;
DROP SCHEMA there CASCADE;
