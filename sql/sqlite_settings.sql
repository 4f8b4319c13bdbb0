-- A5: what a script sets is back as it was after it
SELECT dbmig_register('s', '1', 'PRAGMA recursive_triggers = 1; PRAGMA ignore_check_constraints = 1; PRAGMA reverse_unordered_selects = 1;
PRAGMA automatic_index = 0; PRAGMA cell_size_check = 1; PRAGMA cache_size = 77; PRAGMA busy_timeout = 99; PRAGMA writable_schema = 1; PRAGMA legacy_alter_table = 1; PRAGMA trusted_schema = 0; PRAGMA query_only = 0;
PRAGMA defer_foreign_keys = 1; PRAGMA foreign_keys = 1;
CREATE TABLE made (x int CHECK (x > 1)); INSERT INTO made VALUES (0)');
PRAGMA cache_size = 55;
CREATE TABLE mine (x integer PRIMARY KEY);
INSERT INTO mine VALUES (42);
SELECT dbmig_apply();
SELECT last_insert_rowid();
SELECT x FROM made;
PRAGMA recursive_triggers;
PRAGMA ignore_check_constraints;
PRAGMA reverse_unordered_selects;
PRAGMA automatic_index;
PRAGMA cell_size_check;
PRAGMA cache_size;
PRAGMA busy_timeout;
PRAGMA writable_schema;
PRAGMA legacy_alter_table;
PRAGMA trusted_schema;
PRAGMA defer_foreign_keys;
PRAGMA foreign_keys;
-- what would silently not be done is refused
SELECT dbmig_append('like', 'PRAGMA case_sensitive_like = on; DELETE FROM mine WHERE x LIKE ''a''');
SELECT dbmig_apply('like');
SELECT dbmig_unregister('like', '1');
SELECT dbmig_append('like', 'PRAGMA case_sensitive_like = off; SELECT 1');
SELECT dbmig_apply('like');
-- what belongs to the file stays
SELECT dbmig_append('s', 'PRAGMA user_version = 5; PRAGMA application_id = 6');
SELECT dbmig_apply();
PRAGMA user_version;
PRAGMA application_id;
-- after an error too
SELECT dbmig_register('s', '3', 'PRAGMA recursive_triggers = 1; PRAGMA legacy_alter_table = 1; INSERT INTO mine VALUES (43); INSERT INTO mine VALUES (42)');
SELECT dbmig_apply();
SELECT last_insert_rowid();
PRAGMA recursive_triggers;
PRAGMA legacy_alter_table;
-- the settings of dbmig are the connection's; a callback for progress may stop
SELECT dbmig_set('progress', 'nosuch_function');
SELECT dbmig_unregister('s', '3');
SELECT dbmig_append('s', 'SELECT 1');
SELECT dbmig_apply();
-- (min(done, total, item) is done, 1; iif(1, 1, item) the total)
SELECT dbmig_set('progress', 'min');
SELECT dbmig_apply();
SELECT dbmig_set('progress', 'on');
