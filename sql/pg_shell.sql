-- what is psql's and not SQL is refused when a file is loaded, by name, file and line
SELECT dbmig_register_file('s', '1_a.sql', E'SELECT 1;\n\\connect other\nSELECT 2;');
SELECT dbmig_register_file('s', '1_a.sql', E'\\restrict abc\nSELECT 1;');
SELECT dbmig_register_file('s', '1_a.sql', E'SELECT 1 \\gexec');
SELECT dbmig_register_file('s', '1_a.sql', E'-- x\nSELECT * FROM t WHERE a = :value;');
SELECT dbmig_register_file('s', '1_a.sql', E'CREATE ROLE x PASSWORD :''password'';');
SELECT dbmig_register_file('s', '1_a.sql', E'ALTER TABLE t\n  OWNER TO :"owner";');
SELECT dbmig_register_file('s', '1_a.sql', E'SELECT a[1:2], (SELECT :{?x});');
SELECT dbmig_register_file('s', '1_a.sql', E'SELECT json_object(''a'': (SELECT :x));');
SELECT dbmig_register_file('s', '1_a.sql', E'\nCOPY public.t (a, b) FROM stdin;\n1\tit''s\n\\.\n\nSELECT 1;');
SELECT dbmig_register_file('s', '1_a.sql', E'COPY t FROM ''/x'' WITH (DELIMITER ''|'');\n1\n\\.\n');
-- each section has its lines, and a section for the other engine is not looked at
SELECT dbmig_register_file('s', '1_a.sql', E'-- dbmig:up postgres\nSELECT 1;\n-- dbmig:up sqlite\n.read x\n-- dbmig:down\n\\i x');
SELECT dbmig_register_file('s', '1_a.sql', E'-- dbmig:up postgres\nSELECT 1;\n-- dbmig:up sqlite\n.read x\n\\ :x\n-- dbmig:down\nSELECT 2;');
SELECT dbmig_register_file('s', '20240101_a.sql', E'-- migrate:up\nSELECT 1;\n-- migrate:down\n\\i x', 'dbmate');
SELECT dbmig_register_file('s', '3_a.sql', E'-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT :x;');
SELECT dbmig_register_file('s', '4_a.up.sql', 'SELECT 1;');
SELECT dbmig_register_file('s', '4_a.down.sql', E'SELECT 1;\n\\q');
-- what is SQL is none of it
SELECT dbmig_register_file('fine', '1_a.sql', E'-- \\i :x\n/* \\i /* :x */ :''y'' */ CREATE TABLE shell_a (id integer, a text[], " :x\\" text);\n'
  || E'INSERT INTO shell_a VALUES (1::int, ARRAY[''\\i'', '':x'', E''\\'' \\i '']);\n'
  || E'UPDATE shell_a SET a = a[1 : 2] || a[:id] || a[id:id + (1)] || (a)[id:][:2] || (SELECT x.a[id:3] FROM shell_a x LIMIT 1);\n'
  || E'CREATE FUNCTION shell_f(n integer) RETURNS integer LANGUAGE plpgsql AS $f$ DECLARE y integer := 1; BEGIN y:=n; -- \\i\n RETURN y; END $f$;\n'
  || E'INSERT INTO shell_a (id) VALUES (shell_f(n := 1)), (shell_f(n:=2)), (4::integer::bigint);');
SELECT dbmig_apply('fine');
SELECT count(*) FROM shell_a;
SELECT dbmig_register_file('fine', '2_a.sql', E'-- dbmig:portable\n-- dbmig:up\nCREATE TABLE shell_b (b ${binary});\nINSERT INTO shell_b VALUES (${binary:00ff});');
SELECT dbmig_apply('fine');
-- grammar of later versions: a colon between key and value
SELECT dbmig_register_file('later', '1_a.sql', 'SELECT json_object(''a'' : shell_a.id, ''b'':''c'', ''d'':f(id)), JSON_OBJECTAGG (id:id) FROM shell_a;');
-- what is registered from SQL is not a file
SELECT dbmig_register('s', 5, '\i x');
DROP TABLE shell_a, shell_b;
DROP FUNCTION shell_f;
