-- A5: what a script sets is back as it was after it
SET search_path = public, pg_temp;
SET work_mem = '5MB';
SET datestyle = 'German';
CREATE SCHEMA other;
CREATE ROLE dbmig_test_role;
GRANT ALL ON SCHEMA other TO dbmig_test_role;
SELECT dbmig_register('s', '1', 'SET search_path = other; SET LOCAL work_mem = ''9MB''; SET datestyle = ''ISO'';
CREATE TABLE made (x text DEFAULT current_setting(''work_mem'')); INSERT INTO made DEFAULT VALUES; SET check_function_bodies = off', 'SET search_path = other; DROP TABLE made');
SELECT dbmig_register('s', '2', 'CREATE TABLE made2 AS SELECT current_setting(''work_mem'') AS w, current_setting(''search_path'') AS s, current_setting(''datestyle'') AS d');
SELECT dbmig_register('s', '3', 'SET ROLE dbmig_test_role; CREATE TABLE other.made3 (x int)');
SELECT dbmig_register('s', '4', 'CREATE TABLE made4 AS SELECT current_user = session_user AS same; SELECT set_config(''search_path'', ''other'', false); RESET work_mem; SET dbmig.lock_timeout = 1');
SELECT dbmig_apply();
SELECT * FROM other.made;
SELECT * FROM public.made2;
SELECT same FROM public.made4;
SELECT tableowner FROM pg_tables WHERE tablename = 'made3';
SHOW search_path;
SHOW work_mem;
SHOW datestyle;
SHOW check_function_bodies;
SHOW dbmig.lock_timeout;
SELECT current_user = session_user;
-- after an error too
SELECT dbmig_register('f', '1', 'SET search_path = other; SET ROLE dbmig_test_role; SELECT 1 / 0');
SELECT dbmig_apply();
SHOW search_path;
SELECT current_user = session_user;
BEGIN;
SAVEPOINT s;
SELECT dbmig_apply();
ROLLBACK TO s;
SHOW search_path;
SELECT current_user = session_user;
ROLLBACK;
-- dbmig_set is SET
SELECT dbmig_set('lock_timeout', '2.5');
SHOW dbmig.lock_timeout;
SET dbmig.lock_timeout = '3s';
\set VERBOSITY sqlstate
SET dbmig.lock_timeout = -1;
\set VERBOSITY default
SET dbmig.out_of_order = 'apply';
SET dbmig.out_of_order = 'maybe';
SELECT dbmig_set('out_of_order', 'refuse');
SHOW dbmig.out_of_order;
SELECT dbmig_set('progress', 'off');
SHOW dbmig.progress;
RESET dbmig.progress;
-- A7: progress as it goes
SET client_min_messages = notice;
SELECT dbmig_register('p', '1', 'SELECT 1', 'SELECT 1', 'first one');
SELECT dbmig_register('p', '2', 'SELECT 1', 'SELECT 1');
SET dbmig.progress = off;
SELECT dbmig_apply('p');
SELECT dbmig_rollback_all('p');
SET client_min_messages = warning;
SELECT dbmig_unregister('f');
SELECT dbmig_rollback('s', '1');
DROP TABLE other.made3;
DROP OWNED BY dbmig_test_role;
DROP ROLE dbmig_test_role;
DROP SCHEMA other CASCADE;
