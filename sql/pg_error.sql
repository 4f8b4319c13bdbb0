-- A4: an error keeps its code and text, and says where it was
\set SHOW_CONTEXT errors
-- a script of 200 statements with an error in the 137th, which is in line 274
SELECT dbmig_register('s', '1', (SELECT string_agg(CASE i WHEN 137 THEN 'INSERT INTO s1 VALUES (1 / 0)' ELSE format('CREATE TABLE s%s (x int)', i) END, E';\n\n  ' ORDER BY i) FROM generate_series(1, 200) i));
CREATE TABLE before (x int);
SELECT dbmig_apply('s');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM pg_class WHERE relname ~ '^s[0-9]+$';
SELECT count(*) FROM dbmig_applied;
-- the caller catches it in a subtransaction and goes on
BEGIN;
INSERT INTO before VALUES (1);
SAVEPOINT s;
SELECT dbmig_apply('s');
ROLLBACK TO s;
INSERT INTO before VALUES (2);
SELECT dbmig_register('s', '1', 'CREATE TABLE s1 (x int)', 'DROP TABLE s1; DROP TABLE nosuch');
SELECT dbmig_apply('s');
COMMIT;
SELECT sum(x) FROM before;
DO $$ BEGIN PERFORM dbmig_rollback('s'); EXCEPTION WHEN undefined_table THEN INSERT INTO before VALUES (3); END $$;
SELECT sum(x) FROM before;
SELECT count(*) FROM s1;
-- analysis errors point into the statement
SELECT dbmig_register('e', '1', 'CREATE TABLE e1 (x int);
SELECT a,
       b FROM e1;');
SELECT dbmig_apply('e');
-- so do syntax errors, which are found before anything runs
SELECT dbmig_register('e', '1', 'CREATE TABLE e1 (x int);
  -- Grüße
  CREATE TABEL e2 (x int);');
SELECT dbmig_apply('e');
SELECT dbmig_register('e', '1', 'SELECT ''not closed');
SELECT dbmig_apply('e');
-- errors in functions that the script calls, detail and hint are the engine's
SELECT dbmig_register('e', '1', 'CREATE FUNCTION e() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION ''mine'' USING DETAIL = ''a detail'', HINT = ''a hint'', ERRCODE = ''P0042''; END $$;
SELECT e()');
SELECT dbmig_apply('e');
\echo :LAST_ERROR_SQLSTATE
-- a rollback says so
SELECT dbmig_rollback('s');
-- a function step
CREATE FUNCTION step(package text, version text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO before VALUES (version::int / 0); END $$;
SELECT dbmig_register_function('f', '1', 'step');
SELECT dbmig_apply('f');
-- deferred constraints are checked by whoever commits, not before
SELECT dbmig_register('d', '1', 'CREATE TABLE d1 (x int UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO d1 VALUES (1), (1); DELETE FROM d1');
SELECT dbmig_apply('d');
