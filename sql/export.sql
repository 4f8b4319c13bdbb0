-- dbmig_export: a script that rebuilds the registry
SELECT dbmig_export();
SELECT dbmig_register('b', '2', 'SELECT ''it''''s'';
SELECT 2', 'SELECT $$down$$', 'a name');
SELECT dbmig_register('b', '1', 'SELECT ''back\slash''', NULL, NULL, '{"transaction": false}');
SELECT dbmig_register_function('a', '1', 'ltrim', 'rtrim');
SELECT dbmig_after('b@2', 'a', 'later@3');
SELECT dbmig_after('a', 'c');
SELECT dbmig_export();
SELECT dbmig_export('a');
SELECT CASE WHEN dbmig_export(NULL) = dbmig_export() THEN 'same' END;
SELECT dbmig_export('nosuch');
SELECT dbmig_export('');
SELECT dbmig_export('a@1');
