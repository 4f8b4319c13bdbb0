-- scripts of every shape that SQLite knows
SELECT dbmig_register('shape', '1', 'CREATE TABLE s (x text); CREATE TABLE log (x text);
-- a trigger with ; inside
CREATE TRIGGER s_log AFTER INSERT ON s WHEN new.x <> '';'' BEGIN
  INSERT INTO log VALUES (new.x || '';''); /* ; END; */
  INSERT INTO log SELECT CASE WHEN 1 THEN ''case'' END; -- END;
END;
INSERT INTO s VALUES (''a;b''), ("dq;");
CREATE TEMP TRIGGER IF NOT EXISTS "t;emp" AFTER DELETE ON s BEGIN SELECT 1; END;
CREATE TABLE [br;acket] (`b;ack` int, "do;uble" int)');
SELECT dbmig_apply('shape');
SELECT x FROM log ORDER BY rowid;
SELECT statements FROM dbmig_applied;
SELECT count(*) FROM [br;acket];
SELECT dbmig_register('shape', '2', 'CREATE TABLE "Größe" ("ß;" text DEFAULT ''世;界''); INSERT INTO "Größe" DEFAULT VALUES; /* never closed');
SELECT dbmig_apply('shape');
SELECT "ß;" FROM "Größe";
-- each statement sees what the ones before have done, SELECTs give nothing
SELECT dbmig_register('shape', '3', 'CREATE TABLE s5 (a int); ALTER TABLE s5 ADD b int DEFAULT 7; INSERT INTO s5 (a) VALUES (1);
UPDATE s5 SET b = b + 1; SELECT * FROM s5; CREATE TABLE s6 AS SELECT * FROM s5; ALTER TABLE s5 RENAME COLUMN b TO c; ALTER TABLE s5 DROP COLUMN a;
DROP TABLE s5; CREATE INDEX s6_a ON s6 (a); ANALYZE; REINDEX; PRAGMA user_version = 7; CREATE VIEW s7 AS SELECT * FROM s6; DROP INDEX s6_a;
WITH q AS (SELECT 1) INSERT INTO s6 SELECT 5, 6; EXPLAIN COMMIT; VALUES (1)');
SELECT dbmig_apply('shape');
SELECT * FROM s7 ORDER BY a;
PRAGMA user_version;
SELECT statements FROM dbmig_applied WHERE version = '3';
-- a BOM; CRLF
SELECT dbmig_register('shape', '4', char(65279) || 'INSERT INTO s6 VALUES (10, 1);' || char(13, 10) || 'INSERT INTO s6 VALUES (11, 1);' || char(13, 10));
SELECT dbmig_apply('shape');
SELECT count(*) FROM s6;
-- a BLOB is taken as text; a NUL byte and what is not UTF-8 are refused
SELECT dbmig_register('blob', '1', CAST('CREATE TABLE blob (x)' AS BLOB));
SELECT dbmig_register('blob', '1', 'CREATE TABLE blob (x)');
SELECT dbmig_register('blob', '2', 'SELECT 1;' || char(0) || 'SELECT 2');
SELECT dbmig_register('blob', '2', CAST(x'53454c45435420ff' AS TEXT));
SELECT dbmig_register(CAST(x'ff' AS TEXT), '2', 'SELECT 1');
SELECT dbmig_register('blob', 2.5, 'SELECT 1');
SELECT version FROM dbmig_lookup('blob');
-- 10 MB
SELECT dbmig_register('big', '1', 'CREATE TABLE big (x text); INSERT INTO big VALUES (''' || replace(hex(zeroblob(2500000)), '00', 'xy') || '''); ' || replace(hex(zeroblob(500)), '00', 'INSERT INTO big VALUES (''a line of some length'');' || char(10)) || '/*' || hex(zeroblob(2500000)) || '*/');
SELECT dbmig_apply('big');
SELECT count(*), max(length(x)) FROM big;
SELECT statements FROM dbmig_applied WHERE package = 'big';
