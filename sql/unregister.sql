-- dbmig_unregister: the number of migrations removed
SELECT dbmig_register('a', '1', 'SELECT 1', 'SELECT 1');
SELECT dbmig_register('a', '2', 'SELECT 1', 'SELECT 1');
SELECT dbmig_register('a', '3', 'SELECT 1', 'SELECT 1');
SELECT dbmig_register('b', '1', 'SELECT 1', 'SELECT 1');
SELECT dbmig_after('b@1', 'a@2');
SELECT dbmig_unregister('a', '3');
-- needed by another
SELECT dbmig_unregister('a', '2');
SELECT dbmig_unregister('a');
SELECT dbmig_unregister('a', '1');
SELECT version FROM dbmig_lookup('a');
-- applied
SELECT dbmig_apply('b');
SELECT dbmig_unregister('b');
SELECT dbmig_unregister('b', '1');
SELECT dbmig_rollback('b');
SELECT dbmig_unregister('b');
SELECT package FROM dbmig_package ORDER BY package;
-- its dependencies went with it
SELECT count(*) FROM dbmig_dependency;
SELECT dbmig_rollback('a');
SELECT dbmig_unregister('a', '02');
SELECT dbmig_register('p', '1', 'SELECT 1');
SELECT dbmig_register('p', '2', 'SELECT 1');
SELECT dbmig_after('p@2', 'p@1');
SELECT dbmig_unregister('p');

-- what is not there
SELECT dbmig_unregister('nosuch');
SELECT dbmig_unregister('nosuch', '1');
SELECT dbmig_register('q', '1', 'SELECT 1');
SELECT dbmig_unregister('q', '2');
SELECT dbmig_unregister(NULL);
SELECT dbmig_unregister('');
SELECT dbmig_unregister('q', '');
SELECT dbmig_unregister('q@1');
SELECT dbmig_unregister('q', NULL);
SELECT count(*) FROM dbmig_migration;
