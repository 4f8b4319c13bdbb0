-- dbmig_plan: position, package, version, name, direction, transactional
SELECT * FROM dbmig_plan();
SELECT dbmig_register('a', '1', 'SELECT 1', 'SELECT 1', 'one');
SELECT dbmig_register('a', '2', 'SELECT 1', NULL, 'two', '{"transaction": false}');
SELECT dbmig_register('b', '1', 'SELECT 1');
SELECT dbmig_after('a@2', 'b');
SELECT position, package, version, name, direction, CASE WHEN transactional THEN 'yes' ELSE 'no' END AS transactional FROM dbmig_plan();
SELECT position, package, version FROM dbmig_plan('a') ORDER BY position DESC;
SELECT position, package, version FROM dbmig_plan('b');
SELECT position, package, version FROM dbmig_plan('a', '1');
SELECT position, package, version FROM dbmig_plan('a', 1, '');
SELECT position, package, version FROM dbmig_plan(NULL, NULL) WHERE package = 'a';
SELECT p.package, count(*) FROM dbmig_plan() p JOIN dbmig_migration m ON m.package = p.package GROUP BY p.package ORDER BY p.package;
-- it changes nothing
SELECT count(*) FROM dbmig_applied;
SELECT dbmig_apply('a', '1');
SELECT position, package, version FROM dbmig_plan();
SELECT position, package, version FROM dbmig_plan('a', '1');
-- a problem that apply would report is the plan's too
SELECT dbmig_after('b', 'nosuch');
SELECT * FROM dbmig_plan();
SELECT * FROM dbmig_plan('b');
SELECT * FROM dbmig_plan('nosuch');
SELECT * FROM dbmig_plan('a', '7');
SELECT * FROM dbmig_plan('');
SELECT * FROM dbmig_plan('a', '');
SELECT * FROM dbmig_plan(NULL, '1');
