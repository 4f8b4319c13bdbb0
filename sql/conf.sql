-- dbmig.conf: what holds for all of a package
SELECT dbmig_load('@files@/conf');
SELECT dbmig_package_options('conf');
SELECT package, version, after_package, after_version FROM dbmig_dependency ORDER BY after_package;
SELECT version, options FROM dbmig_migration ORDER BY sort_key;
SELECT dbmig_load('@files@/conf');
-- the file says it again
SELECT dbmig_package_options('conf', '{"retries": 1}');
SELECT dbmig_load('@files@/conf');
SELECT dbmig_package_options('conf');
-- one by one
SELECT dbmig_register_file('conf', 'app/dbmig.conf', 'retries = 2
');
SELECT dbmig_register_file('conf', 'dbmig.conf', 'retries = 2');
SELECT dbmig_package_options('conf');
SELECT dbmig_register_file('none', 'dbmig.conf', 'retries = 2');
SELECT dbmig_load('@files@/bad/conf-value');
SELECT count(*) FROM dbmig_package;
