-- dbmig_append: one more than the package's last
SELECT dbmig_append('app', 'CREATE TABLE app1 (x integer)');
SELECT dbmig_append('app', 'CREATE TABLE app2 (x integer)', 'DROP TABLE app2');
SELECT dbmig_append('app', 'CREATE TABLE app3 (x integer)', 'DROP TABLE app3', 'third');
-- the same text again is another migration
SELECT dbmig_append('app', 'SELECT 1');
SELECT dbmig_append('app', 'SELECT 1');
SELECT version, name, up, down FROM dbmig_lookup('app');
SELECT dbmig_apply('app');
SELECT dbmig_append('app', 'CREATE TABLE app6 (x integer)');
SELECT dbmig_apply('app');

-- after the last in the order of versions, of any length
SELECT dbmig_register('long', '9', 'SELECT 1');
SELECT dbmig_append('long', 'SELECT 1');
SELECT dbmig_register('long', '99999999999999999999999', 'SELECT 1');
SELECT dbmig_append('long', 'SELECT 1');
SELECT dbmig_register('zero', '007', 'SELECT 1');
SELECT dbmig_append('zero', 'SELECT 1');
SELECT dbmig_register('null', '0', 'SELECT 1');
SELECT dbmig_append('null', 'SELECT 1');

-- the last one is no whole number
SELECT dbmig_register('dots', '1.9', 'SELECT 1');
SELECT dbmig_append('dots', 'SELECT 1');
SELECT dbmig_register('dots', '2', 'SELECT 1');
SELECT dbmig_append('dots', 'SELECT 1');

-- NULL, empty
SELECT dbmig_append(NULL, 'SELECT 1');
SELECT dbmig_append('app', NULL);
SELECT dbmig_append('', 'SELECT 1');
SELECT dbmig_append('app@1', 'SELECT 1');
SELECT dbmig_append('app', '');
SELECT dbmig_append('app', 'SELECT 1', NULL, NULL);
SELECT dbmig_apply('app');
DROP TABLE app1;
DROP TABLE app2;
DROP TABLE app3;
DROP TABLE app6;
