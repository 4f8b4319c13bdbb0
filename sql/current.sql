-- dbmig_is_current: true where nothing is pending; no error for "not yet"
SELECT CASE WHEN dbmig_is_current() THEN 'current' ELSE 'pending' END;
SELECT CASE WHEN dbmig_is_current('nosuch') THEN 'current' ELSE 'pending' END;
SELECT dbmig_register('a', '1', 'SELECT 1', 'SELECT 1');
SELECT dbmig_register('a', '2', 'SELECT 1', 'SELECT 1');
SELECT dbmig_register('b', '1', 'SELECT 1', 'SELECT 1');
SELECT CASE WHEN dbmig_is_current() THEN 'current' ELSE 'pending' END;
SELECT dbmig_apply('a', '1');
SELECT CASE WHEN dbmig_is_current('a') THEN 'current' ELSE 'pending' END;
SELECT CASE WHEN dbmig_is_current('a', '1') THEN 'current' ELSE 'pending' END;
SELECT CASE WHEN dbmig_is_current('a', 2) THEN 'current' ELSE 'pending' END;
-- a version that is not registered yet
SELECT CASE WHEN dbmig_is_current('a', '3') THEN 'current' ELSE 'pending' END;
SELECT dbmig_apply('a');
SELECT CASE WHEN dbmig_is_current('a', '1') THEN 'current' ELSE 'pending' END;
SELECT CASE WHEN dbmig_is_current('a') THEN 'current' ELSE 'pending' END;
SELECT CASE WHEN dbmig_is_current('a', NULL, '') THEN 'current' ELSE 'pending' END;
SELECT CASE WHEN dbmig_is_current('b') THEN 'current' ELSE 'pending' END;
SELECT CASE WHEN dbmig_is_current() THEN 'current' ELSE 'pending' END;
SELECT CASE WHEN dbmig_is_current(NULL) THEN 'current' ELSE 'pending' END;
-- what it comes after counts
SELECT dbmig_after('a', 'b');
SELECT CASE WHEN dbmig_is_current('a') THEN 'current' ELSE 'pending' END;
SELECT dbmig_apply('b');
SELECT CASE WHEN dbmig_is_current('a') THEN 'current' ELSE 'pending' END;
SELECT CASE WHEN dbmig_is_current() THEN 'current' ELSE 'pending' END;
-- a missing dependency is not pending; dbmig_check names it
SELECT dbmig_after('a', 'nosuch');
SELECT CASE WHEN dbmig_is_current('a') THEN 'current' ELSE 'pending' END;
SELECT dbmig_check('a');
SELECT dbmig_rollback('a');
SELECT CASE WHEN dbmig_is_current('a') THEN 'current' ELSE 'pending' END;
SELECT CASE WHEN dbmig_is_current('a', '1') THEN 'current' ELSE 'pending' END;
-- arguments that cannot mean anything are errors
SELECT dbmig_is_current('');
SELECT dbmig_is_current('a@1');
SELECT dbmig_is_current('a', '');
SELECT dbmig_is_current('a', 'x y');
SELECT dbmig_is_current(NULL, '1');
