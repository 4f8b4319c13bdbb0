-- portable text: one script for both engines, with option "portable"
SELECT dbmig_register('shop', 1, 'CREATE TABLE item (
  id ${serial} PRIMARY KEY,
  code ${uuid} NOT NULL DEFAULT ${new_uuid} UNIQUE,
  made ${timestamp} NOT NULL DEFAULT ${now},
  sold ${bool} NOT NULL DEFAULT ${false},
  picture ${binary},
  more ${json},
  note text DEFAULT ''$${uuid} costs $5''
)', 'DROP TABLE item; -- ${uuid}', 'items', '{"portable": true}');
SELECT dbmig_apply('shop');
INSERT INTO item (more) VALUES ('[1, 2]'), (NULL), (NULL);
SELECT id, CASE WHEN sold THEN 'sold' ELSE 'here' END, note FROM item ORDER BY id;
-- the defaults: three UUIDs of version 4, the time to six places and Z
SELECT count(DISTINCT code), min(substr(dbmig_uuid_text(code), 15, 1)), max(substr(dbmig_uuid_text(code), 15, 1)),
  min(length(dbmig_uuid_text(code))) FROM item;
SELECT count(*) FROM item WHERE substr(dbmig_uuid_text(code), 20, 1) IN ('8', '9', 'a', 'b');
SELECT count(*) FROM item WHERE made = dbmig_timestamp(dbmig_timestamp_text(made)) AND made <= dbmig_now()
  AND made >= dbmig_timestamp('2020-01-01T00:00:00Z');
-- values: they come back as they went in
SELECT dbmig_register('shop', 2, 'CREATE TABLE value (u ${uuid}, t ${timestamp}, b ${binary}, ok ${bool});
INSERT INTO value VALUES (${uuid:0192E4A5-7c3b-7d21-8f6e-3b2a1c0d9e8f},
  ${timestamp:2026-11-22T10:14:00.25+02:00}, ${binary:00ff27}, ${true});
INSERT INTO value SELECT dbmig_uuid_bytes(dbmig_uuid_text(u)), dbmig_timestamp(dbmig_timestamp_text(t)),
  b, NOT ok FROM value WHERE b = ${binary:00FF27} AND t = ${timestamp:2026-11-22T08:14:00.250000Z};
DELETE FROM value WHERE b = ${binary:}', 'DROP TABLE value', NULL, '{"portable": true}');
SELECT dbmig_apply('shop');
SELECT dbmig_uuid_text(u), dbmig_timestamp_text(t), length(b), CASE WHEN ok THEN 'yes' ELSE 'no' END FROM value;
-- what is looked at, checked and exported is the source, the same on both
SELECT version, up, down, checksum FROM dbmig_lookup('shop') WHERE version = '2';
SELECT version, down FROM dbmig_lookup('shop') WHERE version = '1';
SELECT dbmig_export('shop');
SELECT dbmig_rollback_all('shop');
-- without the option nothing is replaced
SELECT dbmig_register('plain', 1, 'CREATE TABLE plain AS SELECT ''${uuid} $${'' AS x', 'DROP TABLE plain');
SELECT dbmig_register('plain', 2, 'INSERT INTO plain VALUES (''${nosuch}'')', NULL, NULL, '{"portable": false}');
SELECT dbmig_apply('plain');
SELECT x FROM plain;
SELECT dbmig_register_function('plain', 3, '${uuid}', NULL, NULL, '{"portable": true}');
SELECT up FROM dbmig_lookup('plain') WHERE version = '3';
-- what is wrong is found when it is registered
SELECT dbmig_register('bad', 1, 'SELECT 1;
  SELECT ''é'', ${uid};', NULL, NULL, '{"portable": true}');
SELECT dbmig_register('bad', 1, 'SELECT 1', '

 ${UUID}', NULL, '{"portable": true}');
SELECT dbmig_register('bad', 1, 'CREATE TABLE t (x ${uuid', NULL, NULL, '{"portable": true}');
SELECT dbmig_register('bad', 1, '${', NULL, NULL, '{"portable": true}');
SELECT dbmig_register('bad', 1, '${}', NULL, NULL, '{"portable": true}');
SELECT dbmig_register('bad', 1, '${ uuid }', NULL, NULL, '{"portable": true}');
SELECT dbmig_register('bad', 1, '${uuid
}', NULL, NULL, '{"portable": true}');
SELECT dbmig_register('bad', 1, '${bool:true}', NULL, NULL, '{"portable": true}');
SELECT dbmig_register('bad', 1, '${uuid:0192}', NULL, NULL, '{"portable": true}');
SELECT dbmig_register('bad', 1, '${binary:0g}', NULL, NULL, '{"portable": true}');
SELECT dbmig_register('bad', 1, '${binary:000}', NULL, NULL, '{"portable": true}');
SELECT dbmig_register('bad', 1, '${timestamp:2026-02-29T00:00:00Z}', NULL, NULL, '{"portable": true}');
SELECT dbmig_register('bad', 1, '${a long one with a value that goes on and on and on and on and on and on}', NULL, NULL, '{"portable": true}');
SELECT dbmig_register('bad', 1, 'SELECT 1', NULL, NULL, '{"portable": 1}');
SELECT version FROM dbmig_lookup('bad');
-- in a file, with the file's own line
SELECT dbmig_register_file('file', '1_a.sql', '-- dbmig:portable
-- dbmig:up
CREATE TABLE from_file (x ${uuid});
-- dbmig:down
DROP TABLE from_file;
');
SELECT dbmig_apply('file');
SELECT count(*) FROM from_file;
SELECT dbmig_rollback('file');
SELECT dbmig_register_file('file', '2_b.sql', '-- dbmig:portable
-- dbmig:up
CREATE TABLE two (x ${uuid});
-- dbmig:down
DROP TABLE
  ${two};
');
SELECT dbmig_register_file('file', '3_c.sql', '-- dbmig:up
-- dbmig:portable
SELECT 1;
');
-- turning it on for a text that is there
SELECT dbmig_register('plain', 4, 'SELECT ''$${'' WHERE false');
SELECT dbmig_register('plain', 4, 'SELECT ''$${'' WHERE false', NULL, NULL, '{"portable": true}');
SELECT dbmig_register('plain', 4, 'SELECT ''$${'' WHERE false', NULL, NULL, '{"portable": true}');
DROP TABLE plain;
