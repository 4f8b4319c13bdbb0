-- scripts of every shape that PostgreSQL knows
SELECT dbmig_register('shape', '1', '-- $$ bodies, nested comments
CREATE FUNCTION s1() RETURNS int LANGUAGE plpgsql AS $body$
BEGIN
  -- a ; here
  RETURN 1;
END;
$body$;
/* a comment; /* with another; */ inside; */
CREATE FUNCTION s2(a int) RETURNS text LANGUAGE sql AS ''SELECT $$;$$ || a'';
DO $$ BEGIN PERFORM s1(); COMMENT ON FUNCTION s1() IS $c$it''s$c$; END $$;
INSERT INTO s VALUES (E''back\''slash;'')', 'DROP FUNCTION s1; DROP FUNCTION s2');
CREATE TABLE s (x text);
SELECT dbmig_apply('shape');
SELECT s1(), s2(5), x, obj_description('s1'::regproc) FROM s;
SELECT statements FROM dbmig_applied WHERE package = 'shape';
SELECT dbmig_register('shape', '2', 'CREATE FUNCTION s3() RETURNS int LANGUAGE sql AS $$ SELECT 1; SELECT 2; $$;
CREATE PROCEDURE s4() LANGUAGE sql AS $$ INSERT INTO s VALUES (''a''); INSERT INTO s VALUES (''b''); $$');
SELECT dbmig_register('shape', '3', 'CREATE TABLE "Größe" ("ß;" text DEFAULT ''世;界'');
INSERT INTO "Größe" DEFAULT VALUES; CALL s4()');
SELECT dbmig_apply('shape');
SELECT s3(), "ß;", (SELECT count(*) FROM s) FROM "Größe";
-- each statement sees what the ones before have done, SELECTs give nothing
SELECT dbmig_register('shape', '4', 'CREATE TABLE s5 (a int); ALTER TABLE s5 ADD b int DEFAULT 7; INSERT INTO s5 (a) VALUES (1);
UPDATE s5 SET b = b + 1; SELECT * FROM s5; CREATE TABLE s6 AS SELECT * FROM s5; CREATE TEMP TABLE s7 (x int) ON COMMIT DROP; ANALYZE s6;
CREATE RULE r AS ON DELETE TO s5 DO INSTEAD (SELECT 1; SELECT 2); DELETE FROM s5; VALUES (1); TABLE s5; EXPLAIN SELECT 1');
SELECT dbmig_apply('shape');
SELECT * FROM s6;
SELECT statements FROM dbmig_applied WHERE package = 'shape' AND version = '4';
-- a BOM, CRLF
SELECT dbmig_register('shape', '5', E'\uFEFFINSERT INTO s VALUES (''x'');\r\nINSERT INTO s VALUES (''y'');\r\n');
SELECT dbmig_apply('shape');
-- 10 MB
SELECT dbmig_register('big', '1', 'CREATE TABLE big (x text); INSERT INTO big VALUES (''' || repeat('0123456789', 500000) || '''); ' || repeat(E'INSERT INTO big VALUES (''a line of some length'');\n', 1000) || '/*' || repeat('x', 5000000) || '*/');
SELECT dbmig_apply('big');
SELECT count(*), max(length(x)) FROM big;
SELECT statements FROM dbmig_applied WHERE package = 'big';
SELECT length(checksum) FROM dbmig_applied WHERE package = 'big';
