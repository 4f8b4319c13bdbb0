-- dbmig_verify: tenant, package, version, problem, detail
SELECT * FROM dbmig_verify();
SELECT dbmig_register('a', '1', 'SELECT 1', 'SELECT 1');
SELECT dbmig_register('a', '2', 'SELECT 1', 'SELECT 1');
SELECT dbmig_register('a', '3', 'SELECT 1', 'SELECT 1');
SELECT dbmig_register('b', '1', 'SELECT 1', 'SELECT 1');
SELECT * FROM dbmig_verify();
SELECT dbmig_apply();
SELECT * FROM dbmig_verify();
-- changed after it was applied
UPDATE dbmig_applied SET checksum = 'other' WHERE package = 'a' AND version = '2';
SELECT tenant, package, version, problem FROM dbmig_verify();
SELECT tenant, package, version, problem FROM dbmig_verify('a');
SELECT * FROM dbmig_verify('b');
UPDATE dbmig_applied SET checksum = (SELECT checksum FROM dbmig_migration WHERE package = 'a' AND version = '2') WHERE package = 'a' AND version = '2';
-- applied but no longer registered
DELETE FROM dbmig_migration WHERE package = 'a' AND version = '3';
SELECT package, version, problem FROM dbmig_verify();
-- out of order
SELECT dbmig_register('a', '1.5', 'SELECT 1', 'SELECT 1');
SELECT package, version, problem FROM dbmig_verify() ORDER BY package, problem;
SELECT dbmig_unregister('a', '1.5');
SELECT dbmig_register('a', '3', 'SELECT 1', 'SELECT 1');
SELECT * FROM dbmig_verify();
-- missing dependency
SELECT dbmig_after('b', 'nosuch@2');
SELECT package, version, problem FROM dbmig_verify();
-- down missing
SELECT dbmig_register('c', '1', 'SELECT 1');
SELECT package, version, problem FROM dbmig_verify('c');
-- a NULL detail tells nobody anything
SELECT count(*) FROM dbmig_verify() WHERE detail IS NULL;
SELECT * FROM dbmig_verify('nosuch');
SELECT * FROM dbmig_verify('');
SELECT * FROM dbmig_verify('a@1');
