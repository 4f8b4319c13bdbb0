-- statements that PostgreSQL 13 does not have
SET client_min_messages = notice;
SET dbmig.progress = off;
-- semicolons within BEGIN ATOMIC
SELECT dbmig_register('a', '1', 'CREATE TABLE a1 (x text); CREATE FUNCTION a2() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;
CREATE PROCEDURE a3() LANGUAGE sql BEGIN ATOMIC INSERT INTO a1 VALUES (''a''); INSERT INTO a1 VALUES (''b''); END; CALL a3()');
SELECT dbmig_apply('a');
SELECT a2(), count(*) FROM a1;
SELECT statements FROM dbmig_applied WHERE package = 'a';
-- N1, N2: what cannot be in a transaction
CREATE TABLE t (x int PRIMARY KEY);
CREATE TABLE p (x int) PARTITION BY LIST (x);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
SELECT dbmig_register('n', '1', 'REINDEX (CONCURRENTLY, VERBOSE false) TABLE t');
SELECT dbmig_register('n', '2', 'ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY');
SELECT dbmig_register('n', '3', 'REINDEX (VERBOSE false) TABLE t');
SELECT version, transactional FROM dbmig_lookup('n');
SELECT dbmig_apply('n');
CALL dbmig_migrate('n');
SELECT version, state, statements FROM dbmig_applied WHERE package = 'n' ORDER BY sort_key;
SELECT count(*) FROM pg_inherits WHERE inhparent = 'p'::regclass;
SET client_min_messages = warning;
DROP TABLE a1, t, p, p1 CASCADE;
DROP FUNCTION a2();
