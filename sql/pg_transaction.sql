-- A6: transaction control in a script; N1: what cannot be in a transaction
SET client_min_messages = notice;
SET dbmig.progress = off;
SELECT dbmig_register('t', '1', 'BEGIN;
CREATE TABLE t1 (x int);
COMMIT;');
SELECT dbmig_apply('t');
SELECT dbmig_register('t', '2', 'START TRANSACTION ISOLATION LEVEL READ COMMITTED; INSERT INTO t1 VALUES (1); END');
SELECT dbmig_apply('t');
SELECT count(*) FROM t1;
SET client_min_messages = warning;
-- the caller's transaction is still the caller's
BEGIN;
SELECT dbmig_append('t', 'COMMIT; INSERT INTO t1 VALUES (2); BEGIN');
SELECT dbmig_apply('t');
ROLLBACK;
SELECT count(*) FROM t1;
-- what is refused, before anything runs
SELECT dbmig_register('r', '1', 'CREATE TABLE r1 (x int)');
SELECT dbmig_register('r', '2', 'SELECT 1;
  ROLLBACK');
SELECT dbmig_apply('r');
SELECT count(*) FROM dbmig_applied WHERE package = 'r';
SELECT dbmig_register('r', '2', 'SAVEPOINT a');
SELECT dbmig_apply('r');
SELECT dbmig_register('r', '2', 'SELECT 1; RELEASE a');
SELECT dbmig_apply('r');
SELECT dbmig_register('r', '2', 'ROLLBACK TO a');
SELECT dbmig_apply('r');
SELECT dbmig_register('r', '2', 'PREPARE TRANSACTION ''x''');
SELECT dbmig_apply('r');
SELECT dbmig_register('r', '2', 'COMMIT PREPARED ''x''');
SELECT dbmig_apply('r');
SELECT dbmig_register('r', '2', 'COPY pg_class FROM STDIN');
SELECT dbmig_apply('r');
SELECT dbmig_register('r', '2', 'COPY pg_class TO STDOUT');
SELECT dbmig_apply('r');
SELECT dbmig_register('r', '2', 'DO $$ BEGIN COMMIT; END $$');
SELECT dbmig_apply('r');
-- PREPARE of a statement is none of these
SELECT dbmig_register('r', '2', 'PREPARE dbmig_p AS SELECT 1; EXECUTE dbmig_p; DEALLOCATE dbmig_p');
SELECT dbmig_apply('r');
-- a rollback's text is looked at too
SELECT dbmig_register('r', '3', 'SELECT 1', 'SAVEPOINT a');
SELECT dbmig_apply('r');
SELECT dbmig_rollback('r');
SELECT dbmig_register('r', '3', 'SELECT 1', 'VACUUM');
SELECT dbmig_rollback('r');
-- N1: found by parsing, at registration
SELECT dbmig_register('n', '1', 'CREATE TABLE n1 (x int)');
SELECT dbmig_register('n', '2', 'CREATE INDEX CONCURRENTLY n1_x ON n1 (x)');
SELECT dbmig_register('n', '3', 'SELECT 1; DROP INDEX CONCURRENTLY n1_x');
SELECT dbmig_register('n', '4', 'VACUUM n1');
SELECT dbmig_register('n', '5', 'REINDEX TABLE CONCURRENTLY n1');
SELECT dbmig_register('n', '6', 'REINDEX SCHEMA public');
SELECT dbmig_register('n', '7', 'CREATE DATABASE n7');
SELECT dbmig_register('n', '8', 'ALTER SYSTEM SET work_mem = ''4MB''');
SELECT dbmig_register('n', '9', 'CLUSTER');
SELECT dbmig_register('n', '10', 'REINDEX INDEX CONCURRENTLY n1_x');
SELECT dbmig_register('n', '11', 'CREATE TABLESPACE n11 LOCATION ''/x''');
SELECT dbmig_register('n', '12', 'DISCARD ALL');
SELECT dbmig_register('n', '13', 'DROP DATABASE n7');
SELECT dbmig_register('n', '14', 'CREATE INDEX ON n1 (x); ANALYZE n1; REINDEX TABLE n1; CLUSTER n1 USING n1_x; DISCARD PLANS; ALTER TABLE n1 DETACH PARTITION n2; DROP INDEX n1_x');
SELECT dbmig_register('n', '15', 'CREATE SUBSCRIPTION n15 CONNECTION ''x'' PUBLICATION p');
SELECT dbmig_register('n', '16', 'EXPLAIN SELECT 1; this is no SQL; VACUUM');
SELECT version FROM dbmig_lookup('n') WHERE transactional;
SELECT dbmig_apply('n');
SELECT count(*) FROM dbmig_applied WHERE package = 'n';
SELECT dbmig_apply('n', 1);
