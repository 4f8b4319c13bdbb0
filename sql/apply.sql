-- dbmig_apply: all or nothing (A1, A2)
SELECT dbmig_register('app', '1', 'CREATE TABLE t1 (x integer)', 'DROP TABLE t1', 'one');
SELECT dbmig_register('app', '2', 'CREATE TABLE t2 (x integer); INSERT INTO t2 VALUES (1), (2)', 'DROP TABLE t2', 'two');
SELECT CASE WHEN dbmig_is_current() THEN 'current' ELSE 'pending' END;
SELECT dbmig_apply();
SELECT sum(x) FROM t2;
SELECT CASE WHEN dbmig_is_current() THEN 'current' ELSE 'pending' END;
SELECT dbmig_apply();
SELECT dbmig_apply('app');

-- a third is appended: only the third runs
SELECT dbmig_append('app', 'CREATE TABLE t3 (x integer)');
SELECT dbmig_apply('app');

-- a fourth and a fifth, and the fifth fails: neither is applied
SELECT dbmig_append('app', 'CREATE TABLE t4 (x integer)');
SELECT dbmig_register_function('app', '5', 'nosuch_function');
SELECT dbmig_apply('app');
SELECT version FROM dbmig_applied ORDER BY sort_key;
CREATE TABLE t4 (x text);
DROP TABLE t4;
SELECT CASE WHEN dbmig_is_current() THEN 'current' ELSE 'pending' END;
SELECT dbmig_check();
SELECT count(*) FROM dbmig_history;
-- the fifth replaced by a function that works: both run
SELECT dbmig_register_function('app', '5', 'ltrim');
SELECT dbmig_apply('app');
SELECT CASE WHEN dbmig_is_current() THEN 'current' ELSE 'pending' END;
SELECT CASE WHEN dbmig_check() THEN 'current' ELSE 'pending' END;
SELECT count(*) FROM t4;

-- in the caller's transaction
SELECT dbmig_register('tx', '1', 'CREATE TABLE tx1 (x integer)', 'DROP TABLE tx1');
SELECT dbmig_register('tx', '2', 'CREATE TABLE tx2 (x integer)', 'DROP TABLE tx2');
BEGIN;
SELECT dbmig_apply('tx');
INSERT INTO tx1 VALUES (1);
ROLLBACK;
SELECT count(*) FROM dbmig_applied WHERE package = 'tx';
BEGIN;
CREATE TABLE mine (x integer);
INSERT INTO mine VALUES (7);
SELECT dbmig_apply('tx', '1');
SELECT dbmig_apply('tx');
INSERT INTO tx2 SELECT x FROM mine;
COMMIT;
SELECT x FROM tx2;
BEGIN;
SELECT dbmig_rollback_all('tx');
SELECT dbmig_register('tx', '3', 'SELECT 1');
ROLLBACK;
SELECT version FROM dbmig_applied WHERE package = 'tx' ORDER BY sort_key;
SELECT count(*) FROM dbmig_lookup('tx');

-- up to and including a version, by text or integer
SELECT dbmig_register('v', '1', 'SELECT 1', 'SELECT 1');
SELECT dbmig_register('v', '2', 'SELECT 1', 'SELECT 1');
SELECT dbmig_register('v', '3', 'SELECT 1', 'SELECT 1');
SELECT dbmig_apply('v', '1');
SELECT dbmig_apply('v', '01');
SELECT dbmig_apply('v', 2);
SELECT dbmig_apply('v', NULL);
-- a target below what is applied
SELECT dbmig_apply('v', '2');
SELECT dbmig_rollback('v', '2');
SELECT dbmig_apply('v', '2');

-- NULL is as good as absent
SELECT dbmig_apply(NULL, NULL, NULL);
SELECT dbmig_apply('v', NULL, '');

-- what is recorded
SELECT tenant, package, version, name, action, outcome, statements FROM dbmig_history WHERE package = 'app' ORDER BY id;
SELECT count(*) FROM dbmig_history WHERE happened_at IS NULL OR checksum IS NULL OR duration_us IS NULL OR duration_us < 0;
SELECT count(*) FROM dbmig_applied a JOIN dbmig_migration m ON a.package = m.package AND a.version = m.version WHERE a.checksum = m.checksum AND a.state = 'applied';

-- scripts of every shape
SELECT dbmig_register('shape', '1', '');
SELECT dbmig_register('shape', '2', replace('   |	  ', '|', '
'));
SELECT dbmig_register('shape', '3', '-- nothing but a comment');
SELECT dbmig_register('shape', '4', '/* nothing; but */ -- comments; here
/* and here */');
SELECT dbmig_register('shape', '5', ';;');
SELECT dbmig_register('shape', '6', 'CREATE TABLE shape (x text) /* no final semicolon; */ -- here');
SELECT dbmig_register('shape', '7', 'INSERT INTO shape VALUES (''a;b''), (''it''''s; -- no comment''), (''/* nor; this'');
INSERT INTO shape VALUES (''Grüße, 世界 🙂'') -- ünïcödé;
;
');
SELECT dbmig_apply('shape');
SELECT x FROM shape ORDER BY length(x);
SELECT version, statements FROM dbmig_applied WHERE package = 'shape' ORDER BY sort_key;

-- what is not there
SELECT dbmig_apply('nosuch');
SELECT dbmig_apply('app', '9');
SELECT dbmig_apply(NULL, '1');
SELECT dbmig_apply('');
SELECT dbmig_apply('app', '');
SELECT dbmig_apply('app@1');
SELECT dbmig_apply('app', 'x y');

-- N1: what cannot run in a transaction is refused before anything runs
SELECT dbmig_register('nt', '1', 'CREATE TABLE nt1 (x integer)');
SELECT dbmig_register('nt', '2', 'SELECT 1', NULL, NULL, '{"transaction": false}');
SELECT dbmig_register('nt', '3', 'VACUUM');
SELECT version, CASE WHEN transactional THEN 'yes' ELSE 'no' END FROM dbmig_lookup('nt');
SELECT dbmig_apply('nt', '1');
SELECT dbmig_unregister('nt', '3');
SELECT count(*) FROM dbmig_applied WHERE package = 'nt';

DROP TABLE t1;
DROP TABLE t2;
DROP TABLE t3;
DROP TABLE t4;
DROP TABLE tx1;
DROP TABLE tx2;
DROP TABLE mine;
DROP TABLE shape;
DROP TABLE nt1;
