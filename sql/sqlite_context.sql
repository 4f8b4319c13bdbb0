-- from where dbmig may be called: as a SELECT of its own, without FROM
CREATE TABLE packages (name text);
INSERT INTO packages VALUES ('a'), ('b');
SELECT dbmig_register('a', '1', 'CREATE TABLE a1 (x int); DROP TABLE a1; CREATE TABLE a1 (x int)', 'DROP TABLE a1');
SELECT dbmig_register('b', '1', 'CREATE TABLE b1 (x int)', 'DROP TABLE b1');
SELECT dbmig_apply(name) FROM packages;
INSERT INTO packages SELECT dbmig_apply();
CREATE TABLE made AS SELECT dbmig_apply() AS n;
UPDATE packages SET name = dbmig_apply();
DELETE FROM packages WHERE dbmig_apply() > 0;
SELECT * FROM json_each(dbmig_apply());
SELECT name FROM packages WHERE dbmig_apply() = 0;
INSERT INTO packages VALUES ('c') RETURNING dbmig_apply();
CREATE VIEW v AS SELECT dbmig_apply() AS n;
SELECT * FROM v;
CREATE TEMP VIEW tv AS SELECT dbmig_apply() AS n;
SELECT * FROM tv;
CREATE TRIGGER tr AFTER INSERT ON packages BEGIN SELECT dbmig_apply(); END;
INSERT INTO packages VALUES ('d');
DROP TRIGGER tr;
CREATE TEMP TRIGGER ttr AFTER INSERT ON packages BEGIN SELECT dbmig_apply(); END;
INSERT INTO packages VALUES ('d');
DROP TRIGGER ttr;
CREATE TABLE def (a int, b int DEFAULT (dbmig_apply()));
INSERT INTO def (a) VALUES (1);
SELECT count(*) FROM dbmig_applied;
SELECT count(*) FROM packages;
-- what works
SELECT (SELECT dbmig_apply('a'));
WITH q AS (VALUES ('b')) SELECT dbmig_apply('b') FROM q;
VALUES (dbmig_rollback('b'));
SELECT dbmig_rollback('a') UNION ALL SELECT dbmig_apply('a');
-- in a transaction that has read and written
BEGIN;
SELECT count(*) FROM packages;
INSERT INTO packages VALUES ('x');
SELECT dbmig_apply('b');
SELECT dbmig_rollback('b');
SAVEPOINT s;
SELECT dbmig_apply('b');
ROLLBACK TO s;
RELEASE s;
SELECT dbmig_apply(name) FROM packages WHERE name = 'b';
COMMIT;
SELECT count(*) FROM dbmig_applied;
-- looking works from everywhere
SELECT name FROM packages WHERE NOT dbmig_is_current(name) ORDER BY name;
SELECT packages.name, l.version FROM packages JOIN dbmig_lookup(packages.name) l ORDER BY 1;
-- so does registering, while nobody writes
SELECT dbmig_register(name, '2', 'SELECT 1') FROM packages WHERE name < 'c' ORDER BY name;
-- a migration that applies, rolls back or registers
SELECT dbmig_register('c', '1', 'SELECT dbmig_apply()');
SELECT dbmig_apply('c');
SELECT dbmig_register('c', '1', 'SELECT dbmig_rollback(''a'')');
SELECT dbmig_apply('c');
SELECT dbmig_register('c', '1', 'SELECT dbmig_register(''made'', ''1'', ''CREATE TABLE made (x int)''); SELECT dbmig_is_current(); SELECT * FROM dbmig_plan()');
SELECT dbmig_apply('c');
SELECT dbmig_apply('made');
-- read only: looking works, writing does not
PRAGMA query_only = 1;
SELECT dbmig_register('q', '1', 'SELECT 1');
SELECT dbmig_apply();
SELECT count(*) FROM dbmig_plan();
PRAGMA query_only = 0;
-- loading alone makes no tables, looking neither
ATTACH ':memory:' AS other;
SELECT count(*) FROM other.sqlite_schema;
DETACH other;
-- a migration that says that one was applied
SELECT dbmig_register('says', '1', 'SELECT dbmig_baseline(''says'', ''1'')');
SELECT dbmig_apply('says');
SELECT dbmig_register('says', '1', 'SELECT dbmig_resolve(''says'', ''1'', ''applied'')');
SELECT dbmig_apply('says');
SELECT dbmig_unregister('says');
