-- a database in UTF-16: the bytes of a made UUID are its own all the same
PRAGMA encoding = 'UTF-16le';
SELECT dbmig_register('p', 1, 'CREATE TABLE item (u ${uuid} DEFAULT ${new_uuid}, t ${timestamp} DEFAULT ${now}, j)', NULL, NULL, '{"portable": true}');
SELECT dbmig_apply();
PRAGMA encoding;
INSERT INTO item (j) VALUES ('é'), ('é');
SELECT length(u), substr(hex(u), 13, 1), hex(substr(u, 9, 1)) BETWEEN '80' AND 'BF', t = dbmig_timestamp(t), j FROM item;
SELECT dbmig_uuid_text(dbmig_uuid_bytes('919108f7-52d1-4320-9bac-f847db4148a8')), dbmig_timestamp('2026-11-22T10:14:00+02:00');
