-- A6: transaction control in a script; N1: what cannot be in a transaction
SELECT dbmig_register('t', '1', 'BEGIN;
CREATE TABLE t1 (x int);
COMMIT;');
SELECT dbmig_register('t', '2', '/* hi */ bEgIn IMMEDIATE TRANSACTION; INSERT INTO t1 VALUES (1); -- there
END TRANSACTION');
SELECT dbmig_apply('t');
SELECT count(*) FROM t1;
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
SELECT dbmig_register('r', '2', 'ATTACH '':memory:'' AS a');
SELECT dbmig_apply('r');
SELECT dbmig_register('r', '2', '
-- one
DETACH a');
SELECT dbmig_apply('r');
-- no keyword of a statement
SELECT dbmig_register('r', '2', 'CREATE TABLE r2 ("rollback" int, [savepoint] text DEFAULT ''ROLLBACK; ATTACH''); EXPLAIN ROLLBACK; CREATE TRIGGER r3 AFTER INSERT ON r2 BEGIN UPDATE r2 SET [rollback] = 1; END');
SELECT dbmig_apply('r');
-- a rollback's text is looked at too
SELECT dbmig_register('r', '3', 'SELECT 1', 'SAVEPOINT a');
SELECT dbmig_apply('r');
SELECT dbmig_rollback('r');
SELECT dbmig_register('r', '3', 'SELECT 1', 'VACUUM');
SELECT dbmig_rollback('r');
-- N1
SELECT dbmig_register('n', '1', 'CREATE TABLE n1 (x int)');
SELECT dbmig_register('n', '2', 'VACUUM');
SELECT dbmig_register('n', '3', 'SELECT 1; vacuum main');
SELECT dbmig_register('n', '4', 'PRAGMA journal_mode = wal');
SELECT dbmig_register('n', '5', 'PRAGMA main.journal_mode(WAL)');
SELECT dbmig_register('n', '6', 'PRAGMA page_size = 1024');
SELECT dbmig_register('n', '7', '/* x */ PRAGMA wal_checkpoint(TRUNCATE)');
SELECT dbmig_register('n', '8', 'PRAGMA auto_vacuum = 1');
SELECT dbmig_register('n', '9', 'PRAGMA journal_mode; PRAGMA user_version = 3; PRAGMA foreign_keys = off; ANALYZE; REINDEX; SELECT ''VACUUM''');
SELECT version FROM dbmig_lookup('n') WHERE transactional;
SELECT dbmig_apply('n');
SELECT count(*) FROM dbmig_applied WHERE package = 'n';
SELECT dbmig_apply('n', 1);
