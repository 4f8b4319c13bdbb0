-- C1: a leading BOM is dropped and CRLF is LF
SELECT dbmig_register('c', '1', 'SELECT 1;
SELECT 2;
');
SELECT checksum FROM dbmig_lookup('c');
-- (a carriage return stands before each |)
SELECT dbmig_register('c', '1', replace('SELECT 1;|SELECT 2;|', '|', '
'));
SELECT dbmig_register('c', '1', '﻿SELECT 1;
SELECT 2;
');
SELECT dbmig_apply('c');
SELECT dbmig_register('c', '1', replace('﻿SELECT 1;|SELECT 2;|', '|', '
'));
-- a BOM does not get into the way of the first statement
SELECT dbmig_register('c', '2', '﻿CREATE TABLE c2 (x integer);');
SELECT dbmig_register('c', '2', 'CREATE TABLE c2 (x integer);');
SELECT dbmig_apply('c');
SELECT count(*) FROM c2;

-- C2: one changed character in what is applied is refused, with both checksums
SELECT dbmig_register('c', '1', 'SELECT 1;
SELECT 3;
');
SELECT dbmig_register('c', '1', 'SELECT 1;
SELECT 2;
 ');
SELECT checksum FROM dbmig_lookup('c') WHERE version = '1';
-- accepted, and noted in the history
SELECT dbmig_set('changed', 'accept');
SELECT dbmig_register('c', '1', 'SELECT 1;
SELECT 3;
');
SELECT dbmig_set('changed', 'refuse');
SELECT checksum FROM dbmig_lookup('c') WHERE version = '1';
SELECT checksum FROM dbmig_applied WHERE version = '1';
SELECT version, action, checksum FROM dbmig_history WHERE action = 'accept';
SELECT dbmig_apply('c');
SELECT state FROM dbmig_status;

-- where the tables disagree all the same the state is drifted
UPDATE dbmig_applied SET checksum = 'other' WHERE version = '1';
SELECT state FROM dbmig_status;
-- (nothing is pending, though)
SELECT CASE WHEN dbmig_is_current('c') THEN 'current' ELSE 'pending' END;
SELECT dbmig_check('c');
SELECT dbmig_apply('c');
SELECT dbmig_apply();
SELECT version, problem FROM dbmig_verify() WHERE problem <> 'down missing';
-- another package is not held up by it
SELECT dbmig_register('other', '1', 'SELECT 1');
SELECT dbmig_apply('other');
SELECT dbmig_set('changed', 'accept');
SELECT dbmig_apply();
SELECT dbmig_set('changed', 'refuse');
SELECT state FROM dbmig_status;
SELECT count(*) FROM dbmig_history WHERE action = 'accept';
DROP TABLE c2;
