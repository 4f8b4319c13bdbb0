-- dbmig_history: what happened, oldest first
SELECT * FROM dbmig_history;
SELECT dbmig_register('a', '1', 'SELECT 1; SELECT 2', 'SELECT 3', 'one');
SELECT dbmig_register('a', '2', 'SELECT 1', 'SELECT 1');
SELECT dbmig_baseline('a', '1');
SELECT dbmig_apply();
SELECT dbmig_rollback_all('a');
SELECT dbmig_apply();
SELECT tenant, package, version, name, action, outcome, statements FROM dbmig_history;
SELECT count(*) FROM dbmig_history WHERE happened_at IS NOT NULL;
SELECT count(*) FROM dbmig_history WHERE error_code IS NOT NULL OR error_message IS NOT NULL OR error_statement IS NOT NULL OR error_line IS NOT NULL;
-- what failed has left nothing here
SELECT dbmig_register_function('a', '3', 'nosuch_function');
SELECT dbmig_apply();
SELECT count(*) FROM dbmig_history;
