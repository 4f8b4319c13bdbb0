-- dbmig_load: a folder of folders is a package each
SELECT dbmig_load('@files@/packages');
SELECT package FROM dbmig_package ORDER BY position;
SELECT m.package, m.version, m.name, CASE WHEN m.down IS NULL THEN 'no down' ELSE 'down' END FROM dbmig_migration m ORDER BY m.package, m.sort_key;
SELECT package, version, after_package, after_version FROM dbmig_dependency ORDER BY after_package;
-- again: all is unchanged
SELECT dbmig_load('@files@/packages');
SELECT dbmig_load('@files@/packages/');
SELECT package, version FROM dbmig_plan() ORDER BY position;
SELECT dbmig_apply();
SELECT id, name FROM auth_user;
SELECT count(*) FROM core_setting;
SELECT dbmig_load('@files@/packages');
SELECT dbmig_rollback('auth', '1');
SELECT dbmig_rollback_all('auth');

-- a folder of files is one package, by its own name or the one given
SELECT dbmig_load('@files@/single');
SELECT dbmig_load('@files@/single', 'another');
SELECT dbmig_load('@files@/packages/core', 'core');
SELECT version, name, up, CASE WHEN transactional THEN 'yes' ELSE 'no' END FROM dbmig_lookup('single');
SELECT count(*) FROM dbmig_lookup('another');

-- what is not named as a migration is left alone
SELECT dbmig_load('@files@/others');
SELECT dbmig_unregister('others');

-- a Diesel folder
SELECT dbmig_load('@files@/diesel');
SELECT version, name, up, down, CASE WHEN transactional THEN 'yes' ELSE 'no' END FROM dbmig_lookup('diesel');
SELECT dbmig_apply('diesel', '20240101000000');
SELECT dbmig_rollback('diesel');

-- what cannot be loaded: all or nothing
SELECT dbmig_load('@files@/mixed');
SELECT dbmig_load('@files@/badmarker');
SELECT dbmig_load('@files@/latin1');
SELECT dbmig_load('@files@/twoversions');
SELECT dbmig_load('@files@/empty');
SELECT dbmig_load('@files@/nosuch');
SELECT dbmig_load('@files@/packages/core/1_schema.sql');
SELECT dbmig_load('@files@/packages', 'one');
SELECT dbmig_load('@files@/single', 'a@b');
SELECT dbmig_load('@files@/single', '');
SELECT dbmig_load('');
SELECT dbmig_load(NULL);
SELECT package FROM dbmig_package ORDER BY package;
DROP TABLE core_setting;
DROP TABLE shop_item;
