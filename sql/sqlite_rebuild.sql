-- K1: a table rebuild never deletes child rows
PRAGMA foreign_keys = on;
SELECT dbmig_register('k', '1', 'CREATE TABLE parent (id integer PRIMARY KEY, name text);
CREATE TABLE child (id integer PRIMARY KEY, parent integer REFERENCES parent ON DELETE CASCADE);
CREATE TABLE other (id integer PRIMARY KEY, parent integer REFERENCES parent);
CREATE VIEW names AS SELECT name FROM parent;
CREATE TRIGGER renamed AFTER UPDATE ON parent BEGIN INSERT INTO other VALUES (NULL, NULL); END;
INSERT INTO parent VALUES (1, ''one''), (2, ''two'');
INSERT INTO child VALUES (10, 1), (11, 1), (20, 2);
INSERT INTO other VALUES (100, 2);');
SELECT dbmig_register('k', '2', 'CREATE TABLE parent_new (id integer PRIMARY KEY, name text NOT NULL, extra int);
INSERT INTO parent_new SELECT id, name, 0 FROM parent;
DROP TABLE parent;
ALTER TABLE parent_new RENAME TO parent;
CREATE INDEX parent_name ON parent (name);
CREATE TRIGGER renamed AFTER UPDATE ON parent BEGIN INSERT INTO other VALUES (NULL, NULL); END;');
SELECT dbmig_apply('k', '1');
SELECT dbmig_apply('k', '2');
SELECT id, parent FROM child ORDER BY id;
SELECT count(*) FROM other;
SELECT name FROM names ORDER BY name;
SELECT sql FROM sqlite_schema WHERE name IN ('child', 'names') ORDER BY name;
-- foreign keys are on again, for everybody
PRAGMA foreign_keys;
DELETE FROM parent WHERE id = 1;
SELECT id FROM child;
-- the same in the caller's transaction
SELECT dbmig_append('k', 'CREATE TABLE parent_new (id integer PRIMARY KEY, name text);
INSERT INTO parent_new SELECT id, name FROM parent;
DROP TABLE parent;
ALTER TABLE parent_new RENAME TO parent;');
BEGIN;
SELECT dbmig_apply('k');
COMMIT;
SELECT id FROM child;
PRAGMA foreign_keys;
-- a violation that was not there before names table, row and parent
SELECT dbmig_append('k', 'DELETE FROM parent WHERE id = 2');
SELECT dbmig_apply('k');
SELECT count(*) FROM parent;
PRAGMA foreign_keys;
BEGIN;
INSERT INTO parent VALUES (3, 'three');
SELECT dbmig_apply('k');
COMMIT;
SELECT id FROM parent ORDER BY id;
-- checked also where the connection has foreign keys off
PRAGMA foreign_keys = off;
SELECT dbmig_apply('k');
-- a violation that was there before is nobody's fault
INSERT INTO child VALUES (30, 99);
SELECT dbmig_unregister('k', '4');
SELECT dbmig_append('k', 'CREATE TABLE more (x int)');
SELECT dbmig_apply('k');
SELECT dbmig_append('k', 'INSERT INTO child VALUES (31, 98)');
SELECT dbmig_apply('k');
SELECT dbmig_unregister('k', '5');
PRAGMA foreign_keys;
-- with the option they stay on, and cascade
PRAGMA foreign_keys = on;
SELECT dbmig_register('k', '6', 'DELETE FROM parent WHERE id = 2', NULL, NULL, '{"foreign_keys": true}');
SELECT dbmig_apply('k');
DELETE FROM other;
SELECT dbmig_apply('k');
SELECT id FROM child;
-- PRAGMA foreign_keys in a script does what it says for what follows
SELECT dbmig_register('p', '1', 'INSERT INTO child VALUES (40, 3);
PRAGMA foreign_keys = on;
DELETE FROM parent WHERE id = 3;
PRAGMA foreign_keys = off;');
SELECT dbmig_apply('p');
SELECT id FROM child;
PRAGMA foreign_keys;
PRAGMA foreign_keys = off;
SELECT dbmig_register('p', '2', 'PRAGMA foreign_keys = 1; INSERT INTO parent VALUES (5, ''five''); INSERT INTO child VALUES (50, 5)');
SELECT dbmig_apply('p');
PRAGMA foreign_keys;
-- without a rowid there is no row to name
PRAGMA foreign_keys = on;
SELECT dbmig_register('w', '1', 'CREATE TABLE w (id text PRIMARY KEY, parent integer REFERENCES parent) WITHOUT ROWID; INSERT INTO w VALUES (''a'', 5)');
SELECT dbmig_register('w', '2', 'INSERT INTO w VALUES (''b'', 77)');
SELECT dbmig_apply('w', '1');
SELECT dbmig_apply('w');
-- deferred violations of the caller's own
CREATE TABLE deferred (id integer PRIMARY KEY, parent integer REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
SELECT dbmig_unregister('w', '2');
SELECT dbmig_append('w', 'CREATE TABLE w3 (x int)');
BEGIN;
INSERT INTO deferred VALUES (1, 66);
SELECT dbmig_apply('w');
INSERT INTO parent VALUES (66, 'late');
SELECT dbmig_apply('w');
COMMIT;
SELECT count(*) FROM deferred;
