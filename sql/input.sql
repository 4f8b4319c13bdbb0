-- names and versions over the limit, or with what they must not have, in every function
-- packages of 256 bytes
SELECT dbmig_register(replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'), '1', 'SELECT 1');
SELECT dbmig_register_function(replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'), '1', 'ltrim');
SELECT dbmig_append(replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'), 'SELECT 1');
SELECT dbmig_register_file(replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'), '1.sql', 'SELECT 1');
SELECT dbmig_after(replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'), 'b');
SELECT dbmig_after('b', replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
SELECT dbmig_unregister(replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
SELECT dbmig_export(replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
SELECT dbmig_apply(replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
SELECT dbmig_rollback(replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
SELECT dbmig_rollback_all(replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
SELECT dbmig_redo(replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
SELECT dbmig_baseline(replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'), '1');
SELECT dbmig_resolve(replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'), '1', 'applied');
SELECT dbmig_is_current(replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
SELECT dbmig_check(replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
SELECT * FROM dbmig_lookup(replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
SELECT * FROM dbmig_plan(replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
SELECT * FROM dbmig_verify(replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
-- packages with a control character
SELECT dbmig_register('a
b', '1', 'SELECT 1');
SELECT dbmig_register_function('a
b', '1', 'ltrim');
SELECT dbmig_append('a
b', 'SELECT 1');
SELECT dbmig_register_file('a
b', '1.sql', 'SELECT 1');
SELECT dbmig_after('a
b', 'b');
SELECT dbmig_after('b', 'a
b');
SELECT dbmig_unregister('a
b');
SELECT dbmig_export('a
b');
SELECT dbmig_apply('a
b');
SELECT dbmig_rollback('a
b');
SELECT dbmig_rollback_all('a
b');
SELECT dbmig_redo('a
b');
SELECT dbmig_baseline('a
b', '1');
SELECT dbmig_resolve('a
b', '1', 'applied');
SELECT dbmig_is_current('a
b');
SELECT dbmig_check('a
b');
SELECT * FROM dbmig_lookup('a
b');
SELECT * FROM dbmig_plan('a
b');
SELECT * FROM dbmig_verify('a
b');
-- versions of 256 bytes
SELECT dbmig_register('a', replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'), 'SELECT 1');
SELECT dbmig_register_function('a', replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'), 'ltrim');
SELECT dbmig_after('b', 'a@' || replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
SELECT dbmig_unregister('a', replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
SELECT dbmig_apply('a', replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
SELECT dbmig_rollback('a', replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
SELECT dbmig_baseline('a', replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
SELECT dbmig_resolve('a', replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'), 'applied');
SELECT dbmig_is_current('a', replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
SELECT dbmig_check('a', replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
SELECT * FROM dbmig_plan('a', replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
-- versions with a character that is not allowed
SELECT dbmig_register('a', '1 2', 'SELECT 1');
SELECT dbmig_register_function('a', '1 2', 'ltrim');
SELECT dbmig_after('b', 'a@' || '1 2');
SELECT dbmig_unregister('a', '1 2');
SELECT dbmig_apply('a', '1 2');
SELECT dbmig_rollback('a', '1 2');
SELECT dbmig_baseline('a', '1 2');
SELECT dbmig_resolve('a', '1 2', 'applied');
SELECT dbmig_is_current('a', '1 2');
SELECT dbmig_check('a', '1 2');
SELECT * FROM dbmig_plan('a', '1 2');
-- other arguments
SELECT dbmig_register('a', '1', 'SELECT 1', NULL, replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef') || replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
SELECT dbmig_register_function('a', '2', replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef'));
SELECT dbmig_register_file('a', replace('xxxxxxxxxxxxxxxx', 'x', '1234567890abcdef') || '.sql', 'SELECT 1');
SELECT dbmig_load('@files@/nosuch', 'a
b');
SELECT dbmig_set('lock_timeout', '5
');
SELECT package, version FROM dbmig_migration ORDER BY 1, 2;
