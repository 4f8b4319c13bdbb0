-- A4: an error keeps its code and text, and says where it was
-- a script of 200 statements with an error in the 137th, which is in line 273
WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 200)
SELECT dbmig_register('s', '1', group_concat(CASE i WHEN 137 THEN 'INSERT INTO s1 VALUES (1)' WHEN 1 THEN 'CREATE TABLE s1 (x int CHECK (x > 1))' ELSE 'CREATE TABLE s' || i || ' (x int)' END, ';

  ')) FROM i;
CREATE TABLE before (x int);
SELECT dbmig_apply('s');
SELECT count(*) FROM sqlite_schema WHERE name GLOB 's[0-9]*';
SELECT count(*) FROM dbmig_applied;
-- the caller's transaction is as it was, and goes on
BEGIN;
INSERT INTO before VALUES (1);
SELECT dbmig_apply('s');
INSERT INTO before VALUES (2);
SELECT dbmig_register('s', '1', 'CREATE TABLE s1 (x int)', 'DROP TABLE s1; DROP TABLE nosuch');
SELECT dbmig_apply('s');
COMMIT;
SELECT sum(x) FROM before;
SELECT count(*) FROM s1;
-- where the statement itself is wrong
SELECT dbmig_register('e', '1', 'CREATE TABLE e1 (x int);
SELECT a,
       b FROM e1;');
SELECT dbmig_apply('e');
SELECT dbmig_register('e', '1', 'CREATE TABLE e1 (x int);
  -- Grüße
  CREATE TABEL e2 (x int);');
SELECT dbmig_apply('e');
SELECT dbmig_register('e', '1', 'SELECT 1; SELECT ''not closed');
SELECT dbmig_apply('e');
SELECT dbmig_register('e', '1', 'SELECT 1;
SELECT 1 +');
SELECT dbmig_apply('e');
SELECT dbmig_register('e', '1', 'INSERT INTO nosuch VALUES (1)');
SELECT dbmig_apply('e');
-- a long statement is cut at a character
SELECT dbmig_register('e', '1', 'INSERT INTO nosuch VALUES (''' || replace(hex(zeroblob(200)), '00', 'ü') || ''')');
SELECT dbmig_apply('e');
-- extended codes
SELECT dbmig_register('e', '1', 'CREATE TABLE e1 (x integer PRIMARY KEY, y int UNIQUE, z int NOT NULL) STRICT;
INSERT INTO e1 VALUES (1, 1, 1);
INSERT INTO e1 VALUES (2, 1, 1)');
SELECT dbmig_apply('e');
SELECT dbmig_register('e', '1', 'CREATE TABLE e1 (x int); CREATE TRIGGER e2 BEFORE INSERT ON e1 BEGIN SELECT raise(ABORT, ''mine''); END;
INSERT INTO e1 VALUES (2)');
SELECT dbmig_apply('e');
-- a statement that ends the transaction by itself
SELECT dbmig_register('e', '1', 'CREATE TABLE e1 (x int UNIQUE); INSERT INTO e1 VALUES (1); INSERT OR ROLLBACK INTO e1 VALUES (1)');
SELECT dbmig_apply('e');
SELECT count(*) FROM sqlite_schema WHERE name = 'e1';
BEGIN;
COMMIT;
-- a rollback says so
SELECT dbmig_rollback('s');
SELECT count(*) FROM s1;
-- a function step
SELECT dbmig_register_function('f', '1', 'json');
SELECT dbmig_apply('f');
SELECT dbmig_register_function('f', '1', 'json_extract');
SELECT dbmig_apply('f');
SELECT count(*) FROM dbmig_history;
-- a statement can take the caller's transaction with it
CREATE TABLE whole (x int);
SELECT dbmig_register('w', '1', 'CREATE TABLE w1 (x UNIQUE); INSERT INTO w1 VALUES (1); INSERT OR ROLLBACK INTO w1 VALUES (1)');
BEGIN;
INSERT INTO whole VALUES (1);
SELECT dbmig_apply('w');
SELECT count(*) FROM whole;
COMMIT;
DROP TABLE whole;
