-- what is the shell's and not SQL is refused when a file is loaded, by name, file and line
SELECT dbmig_register_file('s', '1_a.sql', 'SELECT 1;
.read other.sql
SELECT 2;');
SELECT dbmig_register_file('s', '1_a.sql', '.mode csv');
-- what is PostgreSQL's is only registered, to be exported
SELECT dbmig_register_file('pg', '1_a.sql', 'SELECT a::text, f(b := 1) FROM t WHERE c[:d] = $1;
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $f_x$ BEGIN NEW.x := 1; RETURN NEW; END $f_x$;');
-- each section has its lines, and a section for the other engine is not looked at
SELECT dbmig_register_file('s', '1_a.sql', '-- dbmig:up sqlite
SELECT 1;
-- dbmig:up postgres
\i x
-- dbmig:down
.read x');
SELECT dbmig_register_file('s', '1_a.sql', '-- dbmig:up sqlite
SELECT 1;
-- dbmig:up postgres
SELECT $1, :x, ''a''
.read x
-- dbmig:down
SELECT 2;');
SELECT dbmig_register_file('s', '4_a.up.sql', 'SELECT 1;');
SELECT dbmig_register_file('s', '4_a.down.sql', 'SELECT 1;
.quit');
-- what is SQL is none of it
SELECT dbmig_register_file('fine', '1_a.sql', '-- .read :x
/* .read ?1 */ CREATE TABLE "shell :a" ([?x], `$y`, "@z", a$b, ''.c'');
INSERT INTO "shell :a" VALUES ('':x'', ''?
.read x'',
.5, ''$.a'', 2);');
SELECT dbmig_apply('fine');
SELECT [?x], "@z", ".c" FROM "shell :a";
SELECT dbmig_register_file('fine', '2_a.sql', '-- dbmig:portable
-- dbmig:up
CREATE TABLE shell_b (b ${binary});
INSERT INTO shell_b VALUES (${binary:00ff});');
SELECT dbmig_apply('fine');
-- a parameter would be NULL: its statement is refused when it runs
SELECT dbmig_register('s', 5, 'CREATE TABLE shell_c (x);
INSERT INTO shell_c VALUES (:name)');
SELECT dbmig_unregister('s', 4);
SELECT dbmig_unregister('s', 1);
SELECT dbmig_apply('s', 5);
SELECT dbmig_register('s', 5, 'CREATE TABLE shell_c (x);
INSERT INTO shell_c VALUES (?)');
SELECT dbmig_apply('s', 5);
SELECT count(*) FROM sqlite_master WHERE name = 'shell_c';
DROP TABLE "shell :a";
DROP TABLE shell_b;
