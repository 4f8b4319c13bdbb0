-- dbmig_status: a row per tenant and package
SELECT * FROM dbmig_status;
SELECT dbmig_register('z', '1', 'SELECT 1', 'SELECT 1');
SELECT dbmig_register('z', '2', 'SELECT 1', 'SELECT 1');
SELECT dbmig_register('a', '9', 'SELECT 1', 'SELECT 1');
SELECT dbmig_register('a', '10', 'SELECT 1', 'SELECT 1');
SELECT * FROM dbmig_status;
SELECT dbmig_apply('z');
SELECT dbmig_apply('a', '9');
SELECT * FROM dbmig_status;
SELECT dbmig_apply();
SELECT tenant, package, applied, registered, pending, state FROM dbmig_status WHERE state = 'current' ORDER BY package;
-- changed after it was applied
UPDATE dbmig_applied SET checksum = 'other' WHERE package = 'a' AND version = '9';
SELECT * FROM dbmig_status;
-- left in the middle
UPDATE dbmig_applied SET state = 'failed' WHERE package = 'z' AND version = '2';
SELECT * FROM dbmig_status;
-- applied, and no longer registered
DELETE FROM dbmig_migration WHERE package = 'z';
DELETE FROM dbmig_package WHERE package = 'z';
UPDATE dbmig_applied SET state = 'applied';
SELECT package, applied, registered, pending, state FROM dbmig_status ORDER BY package;
