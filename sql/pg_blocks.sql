-- N2: BEGIN to COMMIT in a script that is not transactional is one transaction
CREATE TABLE log (n int, x text DEFAULT pg_current_xact_id()::text);
SELECT dbmig_register('b', '1', 'VACUUM log;
BEGIN;
INSERT INTO log VALUES (1);
SET LOCAL work_mem = 99;
INSERT INTO log VALUES (2);
COMMIT;
INSERT INTO log VALUES (3);
START TRANSACTION ISOLATION LEVEL SERIALIZABLE;
INSERT INTO log VALUES (4, current_setting(''transaction_isolation''));
INSERT INTO missing VALUES (1);
INSERT INTO log VALUES (5);
COMMIT;
INSERT INTO log VALUES (6)');
\set SHOW_CONTEXT errors
CALL dbmig_migrate('b');
\set SHOW_CONTEXT never
SELECT n FROM log ORDER BY n;
SELECT count(DISTINCT x) FROM log WHERE n IN (1, 2);
SELECT state, statements FROM dbmig_applied WHERE package = 'b';
SHOW work_mem;
CREATE TABLE missing (x int);
CALL dbmig_migrate('b');
SELECT n FROM log ORDER BY n;
SELECT x FROM log WHERE n = 4;
SELECT state, statements FROM dbmig_applied WHERE package = 'b';
-- a deferred constraint fails with the block's COMMIT
CREATE TABLE parent (x int PRIMARY KEY);
CREATE TABLE child (x int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
SELECT dbmig_register('c', '1', 'VACUUM log; BEGIN; INSERT INTO child VALUES (1); INSERT INTO log VALUES (10); COMMIT');
CALL dbmig_migrate('c');
SELECT state, statements FROM dbmig_applied WHERE package = 'c';
SELECT count(*) FROM log WHERE n = 10;
INSERT INTO parent VALUES (1);
CALL dbmig_migrate('c');
SELECT state, statements FROM dbmig_applied WHERE package = 'c';
-- what psql warns of; the end of the script ends a block
SET client_min_messages = notice;
SET dbmig.progress = off;
SELECT dbmig_register('d', '1', 'VACUUM log; COMMIT; BEGIN; BEGIN; INSERT INTO log VALUES (20); COMMIT AND CHAIN; INSERT INTO log VALUES (21); INSERT INTO log VALUES (22); COMMIT; BEGIN; COMMIT; BEGIN READ ONLY; INSERT INTO log VALUES (23); INSERT INTO log VALUES (24)');
CALL dbmig_migrate('d');
SET client_min_messages = warning;
SELECT state, statements FROM dbmig_applied WHERE package = 'd';
SELECT string_agg(n::text, ',' ORDER BY n) FROM log WHERE n >= 20 GROUP BY x ORDER BY 1;
-- inside of it as in psql: no CONCURRENTLY, no VACUUM
SELECT dbmig_register('e', '1', 'CREATE INDEX CONCURRENTLY log_n ON log (n); BEGIN; INSERT INTO log VALUES (30); CREATE INDEX CONCURRENTLY log_x ON log (x); COMMIT');
CALL dbmig_migrate('e');
SELECT state, statements FROM dbmig_applied WHERE package = 'e';
SELECT count(*) FROM log WHERE n = 30;
SELECT dbmig_register('f', '1', 'VACUUM log; BEGIN; INSERT INTO log VALUES (40); ROLLBACK');
CALL dbmig_migrate('f');
DROP TABLE log, missing, child, parent;
