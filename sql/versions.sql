-- V1-V5: what a version is, how versions compare, what a package may be called
-- V2, V3: digit runs are whole numbers, letters follow digits, shorter first
SELECT dbmig_register('v', '10', 'SELECT 1');
SELECT dbmig_register('v', 'b', 'SELECT 1');
SELECT dbmig_register('v', '1.10', 'SELECT 1');
SELECT dbmig_register('v', '2', 'SELECT 1');
SELECT dbmig_register('v', '100000000000000000000', 'SELECT 1');
SELECT dbmig_register('v', '20240101120000', 'SELECT 1');
SELECT dbmig_register('v', '1a', 'SELECT 1');
SELECT dbmig_register('v', 'a', 'SELECT 1');
SELECT dbmig_register('v', '99999999999999999999', 'SELECT 1');
SELECT dbmig_register('v', '1', 'SELECT 1');
SELECT dbmig_register('v', 'B', 'SELECT 1');
SELECT dbmig_register('v', '20240101', 'SELECT 1');
SELECT dbmig_register('v', '1.2', 'SELECT 1');
SELECT dbmig_register('v', 'ab', 'SELECT 1');
SELECT dbmig_register('v', '1.0', 'SELECT 1');
SELECT dbmig_register('v', '0', 'SELECT 1');
SELECT dbmig_register('v', 'a-b', 'SELECT 1');
SELECT dbmig_register('v', '1.2-rc1', 'SELECT 1');
SELECT version FROM dbmig_lookup('v');

-- that is the order in which they run
SELECT dbmig_apply('v');
SELECT version FROM dbmig_history ORDER BY id LIMIT 8;

-- V4: versions that compare equal are the same version
SELECT dbmig_register('v', '01', 'SELECT 1');
SELECT dbmig_register('v', '1.002', 'SELECT 1');
SELECT dbmig_register('v', '1-2', 'SELECT 1');
SELECT dbmig_register('v', '1.a', 'SELECT 1');
SELECT dbmig_register('v', '00', 'SELECT 1');
SELECT count(*) FROM dbmig_lookup('v');

-- an integer is taken as its text
SELECT dbmig_register('i', 7, 'SELECT 1');
SELECT dbmig_register('i', '7', 'SELECT 1');
SELECT dbmig_apply('i', 7);

-- V1: letters, digits and . _ -, 1 to 255 bytes
SELECT dbmig_register('w', 'a b', 'SELECT 1');
SELECT dbmig_register('w', 'v@1', 'SELECT 1');
SELECT dbmig_register('w', '1/2', 'SELECT 1');
SELECT dbmig_register('w', 'ü', 'SELECT 1');
SELECT dbmig_register('w', '', 'SELECT 1');
SELECT dbmig_register('w', '.-_', 'SELECT 1');
SELECT dbmig_register('w', replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'), 'SELECT 1');
SELECT dbmig_register('w', substr(replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'), 1, 255), 'SELECT 1');
SELECT length(version) FROM dbmig_lookup('w');

-- V5: a package is 1 to 255 bytes without @ and control characters
SELECT dbmig_register('', '1', 'SELECT 1');
SELECT dbmig_register('a@b', '1', 'SELECT 1');
SELECT dbmig_register('a
b', '1', 'SELECT 1');
SELECT dbmig_register(replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'), '1', 'SELECT 1');
-- 255 bytes, of which the letters are two each
SELECT dbmig_register(substr(replace('xxxxxxxxxxxxxxxx', 'x', 'üüüüüüüü'), 1, 128), '1', 'SELECT 1');
SELECT dbmig_register('Größe: 2 "x"; --'' %s', '1', 'SELECT 1');
SELECT dbmig_apply('Größe: 2 "x"; --'' %s');
SELECT package FROM dbmig_applied WHERE package LIKE 'Gr%';
-- names are told apart by case
SELECT dbmig_register('I', '7', 'SELECT 2');
SELECT dbmig_apply('I');
