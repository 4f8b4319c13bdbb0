-- dbmig_set: settings of this connection
SELECT dbmig_set('lock_timeout', '5');
SELECT dbmig_set('lock_timeout', 0);
SELECT dbmig_set('lock_timeout', '0.5');
SELECT dbmig_set('out_of_order', 'apply');
SELECT dbmig_set('out_of_order', 'refuse');
SELECT dbmig_set('changed', 'accept');
SELECT dbmig_set('changed', 'refuse');
SELECT dbmig_set('progress', 'off');
SELECT dbmig_set('progress', 'on');
-- unknown names and values
SELECT dbmig_set('colour', 'blue');
SELECT dbmig_set('', 'blue');
SELECT dbmig_set('Changed', 'accept');
SELECT dbmig_set('changed', 'yes');
SELECT dbmig_set('out_of_order', 'Apply');
SELECT dbmig_set('lock_timeout', 'soon');
SELECT dbmig_set('lock_timeout', '-1');
SELECT dbmig_set('lock_timeout', '');
SELECT dbmig_set('lock_timeout', 'nan');
SELECT dbmig_set('lock_timeout', '1e30');
SELECT dbmig_set('lock_timeout', '5 minutes');
SELECT dbmig_set(NULL, 'on');
SELECT dbmig_set('progress', NULL);
-- what was refused has changed nothing
SELECT dbmig_register('a', '2', 'SELECT 1');
SELECT dbmig_apply();
SELECT dbmig_register('a', '1', 'SELECT 1');
SELECT dbmig_apply();
SELECT dbmig_register('a', '2', 'SELECT 2');
