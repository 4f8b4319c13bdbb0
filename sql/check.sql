-- dbmig_check: true, or an error that names what is wrong
SELECT CASE WHEN dbmig_check() THEN 'fine' END;
SELECT dbmig_check('nosuch');
SELECT dbmig_register('a', '1', 'SELECT 1', 'SELECT 1', 'first');
SELECT dbmig_register('a', '2', 'SELECT 1', 'SELECT 1');
SELECT dbmig_register('b', '1', 'SELECT 1', 'SELECT 1');
SELECT dbmig_check();
SELECT dbmig_check('a');
SELECT dbmig_apply('a', '1');
SELECT CASE WHEN dbmig_check('a', '1') THEN 'fine' END;
SELECT dbmig_check('a', '2');
SELECT dbmig_check('a');
SELECT dbmig_apply('a');
SELECT CASE WHEN dbmig_check('a') THEN 'fine' END;
SELECT CASE WHEN dbmig_check('a', 1) THEN 'fine' END;
SELECT dbmig_check();
SELECT dbmig_apply();
SELECT CASE WHEN dbmig_check(NULL, NULL, NULL) THEN 'fine' END;
-- a version that is not registered
SELECT dbmig_check('a', '3');
-- missing
SELECT dbmig_after('b', 'nosuch@1');
SELECT dbmig_check('b');
SELECT CASE WHEN dbmig_check('a') THEN 'fine' END;
DELETE FROM dbmig_dependency;
-- drifted
UPDATE dbmig_applied SET checksum = 'other' WHERE package = 'a' AND version = '1';
SELECT dbmig_check('a');
UPDATE dbmig_applied SET checksum = (SELECT checksum FROM dbmig_migration WHERE package = 'a' AND version = '1') WHERE package = 'a' AND version = '1';
SELECT CASE WHEN dbmig_check('a') THEN 'fine' END;
-- failed
UPDATE dbmig_applied SET state = 'failed' WHERE package = 'a' AND version = '2';
SELECT dbmig_check('a');
SELECT CASE WHEN dbmig_check('a', '1') THEN 'fine' END;
UPDATE dbmig_applied SET state = 'running' WHERE package = 'a' AND version = '2';
SELECT dbmig_check('a');
SELECT dbmig_resolve('a', '2', 'applied');
SELECT CASE WHEN dbmig_check('a') THEN 'fine' END;
-- out of order
SELECT dbmig_register('a', '1.5', 'SELECT 1');
SELECT dbmig_check('a');
SELECT dbmig_unregister('a', '1.5');
-- bad input
SELECT dbmig_check('');
SELECT dbmig_check('a', '');
SELECT dbmig_check('a@1');
SELECT dbmig_check(NULL, '1');
