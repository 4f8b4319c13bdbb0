-- UUIDs: RFC 9562
SELECT dbmig_uuid_text(dbmig_uuid_bytes('919108f7-52d1-4320-9bac-f847db4148a8'));
SELECT dbmig_uuid_text(dbmig_uuid_bytes('017F22E2-79B0-7CC3-98C4-DC0C0C07398F'));
SELECT dbmig_uuid_text(dbmig_uuid_bytes('017f22e279b07cc398c4dc0c0c07398f'));
SELECT dbmig_uuid_text(dbmig_uuid_bytes('ffffffff-ffff-ffff-ffff-ffffffffffff'));
SELECT dbmig_uuid_text(NULL);
SELECT dbmig_uuid_bytes(NULL);
SELECT dbmig_uuid_bytes('');
SELECT dbmig_uuid_bytes('919108f7-52d1-4320-9bac-f847db4148a');
SELECT dbmig_uuid_bytes('919108f7-52d1-4320-9bac-f847db4148a88');
SELECT dbmig_uuid_bytes('919108f752d1-4320-9bac-f847-db4148a8');
SELECT dbmig_uuid_bytes('919108f7-52d1-4320-9bac-f847db4148ag');
SELECT dbmig_uuid_bytes('{919108f7-52d1-4320-9bac-f847db4148a8}');
SELECT dbmig_uuid_bytes('éééééééééééééééééééééééééééééééééééééééééééééééééééé 919108f7-52d1-4320-9bac-f847db4148a8');
CREATE TABLE made (n integer, u4 text, u7 text);
WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000)
INSERT INTO made SELECT n, dbmig_uuid_text(dbmig_uuid()), dbmig_uuid_text(dbmig_uuid7()) FROM n;
SELECT count(DISTINCT u4), count(DISTINCT u7), min(length(u4)), max(length(u7)) FROM made;
SELECT count(*) FROM made WHERE substr(u4, 15, 1) = '4' AND substr(u7, 15, 1) = '7'
  AND substr(u4, 20, 1) IN ('8', '9', 'a', 'b') AND substr(u7, 20, 1) IN ('8', '9', 'a', 'b');
-- version 7 grows, however fast they are made
SELECT count(*) FROM made a JOIN made b ON b.n = a.n + 1 WHERE b.u7 > a.u7;
DROP TABLE made;
-- times: RFC 3339
SELECT dbmig_timestamp_text(dbmig_timestamp('1985-04-12T23:20:50.52Z'));
SELECT dbmig_timestamp_text(dbmig_timestamp('1996-12-19T16:39:57-08:00'));
SELECT dbmig_timestamp_text(dbmig_timestamp('1937-01-01T12:00:27.87+00:20'));
SELECT dbmig_timestamp_text(dbmig_timestamp('2026-11-22t10:14:00.1234569+02:00'));
SELECT dbmig_timestamp_text(dbmig_timestamp('2026-11-22 08:14:00z'));
SELECT dbmig_timestamp_text(dbmig_timestamp('2026-11-22T08:14:00-00:00'));
SELECT dbmig_timestamp_text(dbmig_timestamp('2024-03-01T00:30:00+01:00'));
SELECT dbmig_timestamp_text(dbmig_timestamp('2023-12-31T23:59:59.999999-23:59'));
SELECT dbmig_timestamp_text(dbmig_timestamp('0000-02-29T00:00:00Z'));
SELECT dbmig_timestamp_text(dbmig_timestamp('9999-12-31T23:59:59.9999999Z'));
SELECT dbmig_timestamp_text(dbmig_timestamp('0001-01-01T00:00:00z'));
SELECT dbmig_timestamp_text(dbmig_timestamp('9999-12-31T23:59:59.999999-00:00'));
SELECT dbmig_timestamp_text(dbmig_timestamp('2026-11-22T08:14:59.9999995Z'));
SELECT dbmig_timestamp_text(dbmig_timestamp('2026-11-22T08:14:00.0000004Z'));
SELECT dbmig_timestamp_text(dbmig_timestamp('2026-11-22T08:14:00.00000049999999999999999999999999Z'));
SELECT dbmig_timestamp_text(dbmig_timestamp('1969-12-31T23:59:59.999999Z'));
SELECT dbmig_timestamp(NULL);
SELECT dbmig_timestamp_text(NULL);
-- a leap second is the second behind it
SELECT dbmig_timestamp_text(dbmig_timestamp('1990-12-31T23:59:60Z'));
SELECT dbmig_timestamp_text(dbmig_timestamp('1990-12-31T15:59:60.5-08:00'));
SELECT dbmig_timestamp('1990-12-31T23:59:60+01:00');
SELECT dbmig_timestamp('1990-12-30T23:59:60Z');
SELECT dbmig_timestamp('1990-12-31T23:59:61Z');
-- what is none
SELECT dbmig_timestamp('');
SELECT dbmig_timestamp('now');
SELECT dbmig_timestamp('2026-11-22');
SELECT dbmig_timestamp('2026-11-22T08:14:00');
SELECT dbmig_timestamp('2026-11-22T08:14Z');
SELECT dbmig_timestamp('2026-11-22T08:14:00.Z');
SELECT dbmig_timestamp('2026-11-22T08:14:00,5Z');
SELECT dbmig_timestamp('2026-11-22T08:14:00+2:00');
SELECT dbmig_timestamp('2026-11-22T08:14:00+0200');
SELECT dbmig_timestamp('2026-11-22T08:14:00+24:00');
SELECT dbmig_timestamp('2026-11-22T08:14:00Z ');
SELECT dbmig_timestamp('2026-13-22T08:14:00Z');
SELECT dbmig_timestamp('2026-00-22T08:14:00Z');
SELECT dbmig_timestamp('2026-11-31T08:14:00Z');
SELECT dbmig_timestamp('1900-02-29T08:14:00Z');
SELECT dbmig_timestamp('2026-11-22T24:00:00Z');
SELECT dbmig_timestamp('2026-11-22T08:60:00Z');
SELECT dbmig_timestamp('226-11-22T08:14:00Z');
SELECT dbmig_timestamp('-2026-11-22T08:14:00Z');
SELECT dbmig_timestamp('0000-01-01T00:00:00+00:01');
SELECT dbmig_timestamp('9999-12-31T23:59:60Z');
-- the clock
SELECT CASE WHEN dbmig_now() > dbmig_timestamp('2026-01-01T00:00:00Z') THEN 'later' END;
-- they can be in a view, and in an index
CREATE TABLE event (at text, u text);
CREATE INDEX event_at ON event (dbmig_timestamp(at));
CREATE VIEW event_times AS SELECT dbmig_timestamp_text(dbmig_timestamp(at)) AS at, dbmig_uuid_text(dbmig_uuid_bytes(u)) AS u FROM event;
INSERT INTO event VALUES ('2026-11-22T10:14:00+02:00', '919108F752D143209BACF847DB4148A8');
INSERT INTO event VALUES ('yesterday', NULL);
SELECT at, u FROM event_times;
DROP VIEW event_times;
DROP TABLE event;
