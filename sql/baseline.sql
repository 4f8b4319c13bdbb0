-- dbmig_baseline: marks as applied, runs nothing
CREATE TABLE b1 (x integer);
CREATE TABLE b2 (x integer);
SELECT dbmig_register('b', '1', 'CREATE TABLE b1 (x integer)', 'DROP TABLE b1', 'one');
SELECT dbmig_register('b', '2', 'CREATE TABLE b2 (x integer)', 'DROP TABLE b2');
SELECT dbmig_register('b', '3', 'CREATE TABLE b3 (x integer)', 'DROP TABLE b3');
SELECT dbmig_baseline('b', '2');
SELECT dbmig_baseline('b', '2');
SELECT version FROM dbmig_plan('b') ORDER BY position;
SELECT version, name, action, statements FROM dbmig_history ORDER BY id;
SELECT dbmig_apply('b');
SELECT dbmig_baseline('b', 1);
-- what was so marked can be rolled back
SELECT dbmig_rollback_all('b');
-- others are not marked, even where it comes after them
SELECT dbmig_register('c', '1', 'SELECT 1');
SELECT dbmig_after('b', 'c');
SELECT dbmig_baseline('b', '1');
SELECT package, version FROM dbmig_applied;
SELECT dbmig_apply();
SELECT dbmig_baseline('nosuch', '1');
SELECT dbmig_baseline('b', '4');
SELECT dbmig_baseline(NULL, '1');
SELECT dbmig_baseline('b', NULL);
SELECT dbmig_baseline('b', '');
SELECT dbmig_baseline('b@1', '1');
DROP TABLE b2;
DROP TABLE b3;
