-- option search_path: where a step's unqualified names go
CREATE SCHEMA app;
CREATE SCHEMA "Other ""one";
CREATE SCHEMA evil;
-- dbmig's own statements find nothing there
CREATE TABLE evil.dbmig_applied (tenant text, package text, version text);
CREATE TABLE evil.dbmig_history (x int);
CREATE FUNCTION evil.hash(text) RETURNS text LANGUAGE sql AS 'SELECT 1 / 0';
CREATE FUNCTION evil.neq(text, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''found''; END';
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.neq);
SELECT dbmig_register('p', '1', 'CREATE TABLE here (path text DEFAULT current_setting(''search_path'')); INSERT INTO here DEFAULT VALUES', 'DROP TABLE here', NULL, '{"search_path": "app"}');
SELECT dbmig_register('p', '2', 'CREATE TABLE there (path text DEFAULT current_setting(''search_path'')); INSERT INTO there DEFAULT VALUES', 'DROP TABLE there');
SELECT dbmig_register('p', '3', 'CREATE TABLE e (x int)', 'DROP TABLE e', NULL, '{"search_path": "evil, pg_catalog"}');
SELECT dbmig_register('p', '4', 'VACUUM; CREATE TABLE f (x int); SET search_path = app; CREATE TABLE g (x int)', NULL, NULL, '{"search_path": "evil"}');
SELECT dbmig_register('p', '5', 'CREATE TABLE nowhere (x int)', NULL, NULL, '{"search_path": ""}');
SELECT dbmig_package_options('p', '{"search_path": "\"Other \"\"one\", app"}');
SELECT dbmig_apply('p', '3');
SELECT schemaname, tablename FROM pg_tables WHERE tablename IN ('here', 'there', 'e') ORDER BY 2;
SELECT * FROM app.here;
SELECT * FROM "Other ""one".there;
CALL dbmig_migrate('p', '4');
SELECT schemaname, tablename FROM pg_tables WHERE tablename IN ('f', 'g') ORDER BY 2;
SHOW search_path;
SELECT dbmig_apply('p');
CALL dbmig_migrate('p');
SHOW search_path;
SELECT count(*) FROM dbmig_applied;
SELECT dbmig_unregister('p', '5');
-- not what SET search_path would take for something else
SELECT dbmig_package_options('p', '{"search_path": "app; DROP TABLE here"}');
SELECT dbmig_package_options('p', '{"search_path": "''app''"}');
SELECT dbmig_package_options('p', '{"search_path": "app,"}');
-- a tenant's schema goes before it
CREATE SCHEMA t1;
SELECT dbmig_register('t', '1', 'CREATE TABLE mine (x int); CREATE TABLE paths AS SELECT current_setting(''search_path'') AS p', NULL, NULL, '{"search_path": "app"}');
SELECT dbmig_register('t', '2', 'VACUUM; INSERT INTO paths VALUES (current_setting(''search_path''))', NULL, NULL, '{"search_path": "app, public"}');
CALL dbmig_migrate('t', tenant => 't1');
SELECT * FROM t1.paths;
SHOW search_path;
-- what stays as it does in psql: LISTEN, PREPARE, temporary tables
SELECT dbmig_register('s', '1', 'LISTEN heard; PREPARE again AS SELECT 42; CREATE TEMP TABLE brief AS SELECT 7 AS x; CREATE TEMP TABLE gone (x int) ON COMMIT DROP; SET work_mem = 99');
SELECT dbmig_apply('s');
SELECT pg_listening_channels();
EXECUTE again;
SELECT * FROM brief;
SELECT to_regclass('gone');
SHOW work_mem;
SELECT dbmig_register('s', '2', 'VACUUM; LISTEN too; PREPARE too AS SELECT 43; CREATE TEMP TABLE too AS SELECT 8 AS x');
CALL dbmig_migrate('s');
SELECT pg_listening_channels() ORDER BY 1;
EXECUTE too;
SELECT * FROM too;
UNLISTEN *;
DEALLOCATE ALL;
DROP TABLE brief, too;
DROP SCHEMA app, evil, t1, "Other ""one" CASCADE;
