-- portable text: what SQLite gets
SELECT dbmig_register('p', 1, 'CREATE TABLE item (
  id ${serial} PRIMARY KEY, u ${uuid} DEFAULT ${new_uuid}, t ${timestamp} DEFAULT ${now},
  b ${bool} DEFAULT ${true}, c ${bool} DEFAULT ${false}, d ${binary}, j ${json})', NULL, NULL, '{"portable": true}');
SELECT dbmig_apply();
SELECT name, type FROM pragma_table_info('item') ORDER BY cid;
-- the defaults are of version 4 and the time, and need no dbmig
WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 4000)
INSERT INTO item (j) SELECT n FROM n;
SELECT count(*), count(DISTINCT u), min(length(u)), max(length(u)), min(typeof(u)), max(typeof(u)) FROM item;
SELECT substr(hex(u), 13, 1) AS version, count(DISTINCT substr(hex(u), 14, 1)) FROM item GROUP BY 1;
SELECT substr(hex(u), 17, 1) AS variant, count(DISTINCT substr(hex(u), 18, 1)) FROM item GROUP BY 1;
SELECT count(*) FROM item WHERE t = dbmig_timestamp(t) AND length(t) = 27 AND t GLOB '*000Z';
SELECT sql NOT LIKE '%dbmig%' FROM sqlite_schema WHERE name = 'item';
-- a UUID's bytes, and back
SELECT hex(dbmig_uuid_bytes('919108f7-52d1-4320-9bac-f847db4148a8')), typeof(dbmig_uuid()), typeof(dbmig_uuid7());
SELECT dbmig_uuid_text(X'919108F752D143209BACF847DB4148A8'), dbmig_uuid_text(hex(X'919108F752D143209BACF847DB4148A8'));
SELECT dbmig_uuid_text(X'919108F752D143209BACF847DB4148A8A8');
SELECT dbmig_uuid_bytes(X'919108F752D143209BACF847DB4148A8');
SELECT dbmig_timestamp(2026);
-- in a DEFAULT, CHECK, generated column and trigger, with the schema not trusted
PRAGMA trusted_schema = off;
CREATE TABLE own (u BLOB DEFAULT (dbmig_uuid7()), at TEXT DEFAULT (dbmig_now()) CHECK (at = dbmig_timestamp(at)),
  t TEXT AS (dbmig_uuid_text(u)) STORED, x);
CREATE TRIGGER own_x AFTER INSERT ON own BEGIN UPDATE own SET x = dbmig_uuid() WHERE rowid = new.rowid; END;
INSERT INTO own DEFAULT VALUES;
INSERT INTO own (at) VALUES ('2026-11-22T10:14:00+02:00');
SELECT length(u), length(at), length(t), typeof(x) FROM own;
CREATE TABLE bad (x CHECK (x <> dbmig_uuid()));
-- N1: what is inspected is what runs; places are the source's
SELECT dbmig_register('p', 2, 'VACUUM; -- ${uuid}', NULL, NULL, '{"portable": true}');
SELECT transactional FROM dbmig_lookup('p') WHERE version = '2';
SELECT dbmig_unregister('p', 2);
SELECT dbmig_register('p', 2, 'SELECT ${new_uuid};
SELECT ${timestamp:2026-11-22T08:14:00Z}, ${now}, nosuch;', NULL, NULL, '{"portable": true}');
SELECT dbmig_apply();
SELECT dbmig_register('p', 2, 'SELECT ${new_uuid}; SELECT 1 FROM
nosuch, ${now};', NULL, NULL, '{"portable": true}');
SELECT dbmig_apply();
SELECT dbmig_register('p', 2, 'SELECT ${new_uuid}; ROLLBACK', NULL, NULL, '{"portable": true}');
SELECT dbmig_apply();
