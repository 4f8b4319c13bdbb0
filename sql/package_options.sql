-- options of a package: role, search_path, lock_timeout and retries
SELECT dbmig_package_options('p', '{"retries": 1}');
SELECT dbmig_package_options('p');
SELECT dbmig_register('p', '1', 'CREATE TABLE p1 (x integer)', 'DROP TABLE p1');
SELECT dbmig_register('p', '2', 'CREATE TABLE p2 (x integer)', 'DROP TABLE p2', NULL, '{"retries": 2, "lock_timeout": 0.50}');
SELECT dbmig_register('q', '1', 'SELECT 1');
SELECT dbmig_package_options('p');
SELECT dbmig_package_options('p', '{"retries": 3, "lock_timeout": 1.500, "search_path": "main, \"Other one\", public"}');
SELECT dbmig_package_options('p');
SELECT dbmig_package_options('p', NULL);
SELECT options FROM dbmig_package ORDER BY package;
SELECT options FROM dbmig_migration WHERE package = 'p' ORDER BY version;
-- what a package cannot have, or not so
SELECT dbmig_package_options('p', '{"transaction": false}');
SELECT dbmig_package_options('p', '{"after": ["q"]}');
SELECT dbmig_package_options('p', '{"colour": 1}');
SELECT dbmig_package_options('p', '');
SELECT dbmig_package_options('p', '{"retries": -1}');
SELECT dbmig_package_options('p', '{"lock_timeout": "soon"}');
SELECT dbmig_package_options('p', '{"search_path": "a; DROP TABLE p1"}');
SELECT dbmig_package_options('p', '{"role": ""}');
SELECT dbmig_package_options(NULL);
SELECT dbmig_package_options('', '{}');
-- a script that registers the same again
SELECT dbmig_package_options('q', '{"lock_timeout": 0}');
SELECT dbmig_export();
SELECT dbmig_export('q');
-- replaced as a whole; they go with the package
SELECT dbmig_package_options('p', '{"retries": 0}');
SELECT dbmig_package_options('p', '{}');
SELECT dbmig_export('p');
SELECT dbmig_apply();
SELECT dbmig_package_options('p', '{"retries": 5}');
SELECT dbmig_rollback_all('p');
SELECT dbmig_unregister('p', '2');
SELECT dbmig_package_options('p');
SELECT dbmig_unregister('p', '1');
SELECT dbmig_package_options('p');
SELECT dbmig_register('p', '1', 'SELECT 1');
SELECT dbmig_package_options('p');
-- the setting
SELECT dbmig_set('retries', '3');
SELECT dbmig_set('retries', 0);
SELECT dbmig_set('retries', '-1');
SELECT dbmig_set('retries', '1.5');
SELECT dbmig_set('retries', 'often');
