-- V6: repeatable migrations come after the versions, and again when they change
CREATE TABLE note (what text);
SELECT dbmig_register('rep', '1', 'CREATE TABLE thing (x integer)', 'DROP TABLE thing');
SELECT dbmig_register('rep', 'b', 'INSERT INTO note VALUES (''b1'')', NULL, 'the second', '{"repeatable": true}');
SELECT dbmig_register('rep', 'R:a', 'INSERT INTO note VALUES (''a1'')');
SELECT dbmig_register('rep', '2', 'INSERT INTO thing VALUES (2)', 'DELETE FROM thing');
SELECT version, name, up FROM dbmig_lookup('rep');
SELECT version, CASE WHEN repeatable THEN 'repeatable' ELSE 'once' END FROM dbmig_migration ORDER BY sort_key;
SELECT position, version FROM dbmig_plan('rep') ORDER BY position;
SELECT dbmig_apply('rep', '2');
SELECT * FROM dbmig_status;
SELECT CASE WHEN dbmig_is_current('rep', '2') THEN 'current' ELSE 'not' END, CASE WHEN dbmig_is_current('rep') THEN 'current' ELSE 'not' END;
SELECT dbmig_apply('rep');
SELECT what FROM note ORDER BY what;
SELECT * FROM dbmig_status;
SELECT dbmig_apply('rep');
-- another text: replaced, though it is applied, and pending
SELECT dbmig_register('rep', 'R:a', 'INSERT INTO note VALUES (''a1'')');
SELECT dbmig_register('rep', 'R:a', 'INSERT INTO note VALUES (''a2'')');
SELECT * FROM dbmig_status;
SELECT dbmig_check('rep');
SELECT position, version FROM dbmig_plan() ORDER BY position;
SELECT tenant, package, version, problem FROM dbmig_verify() ORDER BY version;
-- a new version is not out of order because of it (O7)
SELECT dbmig_register('rep', '3', 'INSERT INTO thing VALUES (3)', 'DELETE FROM thing WHERE x = 3');
SELECT dbmig_apply();
SELECT what FROM note ORDER BY what;
SELECT * FROM dbmig_status;
SELECT package, version, name, action FROM dbmig_history ORDER BY id;
-- the next version of a package is one of its versions
SELECT dbmig_append('rep', 'INSERT INTO thing VALUES (4)', 'DELETE FROM thing WHERE x = 4');
-- a rollback goes back over it: it is forgotten, and comes again
SELECT dbmig_rollback('rep', 'R:a');
SELECT dbmig_rollback('rep');
SELECT version, state FROM dbmig_applied ORDER BY sort_key;
SELECT position, version FROM dbmig_plan() ORDER BY position;
SELECT dbmig_apply();
SELECT what FROM note ORDER BY what;
-- redo brings it back at once
SELECT dbmig_redo('rep');
SELECT count(*) FROM note;
SELECT * FROM dbmig_status;
SELECT dbmig_rollback_all('rep');
SELECT count(*) FROM dbmig_applied;
SELECT action, count(*) FROM dbmig_history GROUP BY action ORDER BY action;
-- baseline: the versions up to one, or what is repeatable too
SELECT dbmig_baseline('rep', '4');
SELECT position, version FROM dbmig_plan() ORDER BY position;
SELECT dbmig_baseline('rep', 'R:b');
SELECT * FROM dbmig_status;
-- what is needed by others; items of dependencies
SELECT dbmig_register('other', '1', 'SELECT 1', 'SELECT 1');
SELECT dbmig_after('other', 'rep@R:b');
SELECT dbmig_apply();
SELECT dbmig_rollback('rep');
SELECT dbmig_unregister('rep', 'R:b');
SELECT dbmig_after('rep@1', 'other');
-- a package of nothing else
SELECT dbmig_register('views', 'R:one', 'INSERT INTO note VALUES (''one'')');
SELECT dbmig_register('views', 'R:two words', 'INSERT INTO note VALUES (''two'')');
SELECT dbmig_apply('views');
SELECT * FROM dbmig_status WHERE package = 'views';
SELECT dbmig_rollback('views');
SELECT dbmig_rollback_all('views');
SELECT * FROM dbmig_status WHERE package = 'views';
SELECT dbmig_apply('views', 'R:one');
SELECT dbmig_unregister('views', 'R:one');
SELECT dbmig_unregister('views', 'R:two words');
-- what is none
SELECT dbmig_register('views', 'R:x', 'SELECT 1', 'SELECT 2');
SELECT dbmig_register('views', 'R:', 'SELECT 1');
SELECT dbmig_register('views', 'R:a
b', 'SELECT 1');
SELECT dbmig_register('views', 'r:x', 'SELECT 1');
SELECT dbmig_register('views', 'x', 'SELECT 1', NULL, NULL, '{"repeatable": 1}');
-- files: the marker, and names as Flyway has them
SELECT dbmig_register_file('f', '010_refresh_views.sql', '-- dbmig:repeatable
-- dbmig:after rep
SELECT 1;');
SELECT dbmig_register_file('f', 'R__add_views.sql', 'SELECT 1;');
SELECT dbmig_register_file('f', '1_x.sql', '-- dbmig:repeatable
-- dbmig:up
SELECT 1;
-- dbmig:down
SELECT 2;');
SELECT version, name FROM dbmig_lookup('f');
SELECT dbmig_export('f');
DROP TABLE note;
