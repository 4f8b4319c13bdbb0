-- the tenant '' is the database itself
SELECT dbmig_register('a', '1', 'SELECT 1', 'SELECT 1');
SELECT dbmig_apply('a', '1', '');
SELECT dbmig_apply('a', NULL, NULL);
SELECT CASE WHEN dbmig_is_current('a', '1', '') THEN 'current' END;
SELECT tenant, package FROM dbmig_applied;
SELECT dbmig_redo('a', '');
SELECT dbmig_rollback('a', NULL, '');
SELECT dbmig_baseline('a', '1', '');
SELECT dbmig_rollback_all('a', '');
SELECT DISTINCT tenant FROM dbmig_history;
-- others are not there yet
SELECT dbmig_apply('a', NULL, 'nosuch');
SELECT dbmig_apply('a', NULL, 'a
b');
SELECT * FROM dbmig_plan('a', NULL, 'nosuch');
SELECT dbmig_is_current('a', NULL, 'nosuch');
