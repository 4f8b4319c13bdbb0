-- dbmig_redo: rolls the last one back and applies it again
SELECT dbmig_register('a', '1', 'CREATE TABLE a1 (x integer)', 'DROP TABLE a1');
SELECT dbmig_register('a', '2', 'CREATE TABLE a2 (x integer)', 'DROP TABLE a2');
SELECT dbmig_redo('a');
SELECT dbmig_apply('a');
INSERT INTO a1 VALUES (1);
INSERT INTO a2 VALUES (1);
SELECT dbmig_redo('a');
SELECT (SELECT count(*) FROM a1), (SELECT count(*) FROM a2);
SELECT version, action FROM dbmig_history ORDER BY id;
-- only the last one, also where others are pending
SELECT dbmig_append('a', 'CREATE TABLE a3 (x integer)');
SELECT dbmig_redo('a');
SELECT dbmig_apply('a');
SELECT dbmig_redo('a');
SELECT dbmig_register('b', '1', 'SELECT 1', 'SELECT 1');
SELECT dbmig_after('b', 'a');
SELECT dbmig_apply('b');
SELECT dbmig_register('a', '3', 'CREATE TABLE a3 (x integer)', 'DROP TABLE a3');
SELECT dbmig_redo('a');
SELECT dbmig_redo('b');
SELECT dbmig_redo('nosuch');
SELECT dbmig_redo(NULL);
SELECT dbmig_redo('');
DROP TABLE a1;
DROP TABLE a2;
DROP TABLE a3;
