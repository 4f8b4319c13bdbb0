-- portable text: what PostgreSQL gets
SELECT dbmig_register('p', 1, 'CREATE TABLE item (
  id ${serial} PRIMARY KEY, u ${uuid} DEFAULT ${new_uuid}, t ${timestamp} DEFAULT ${now},
  b ${bool} DEFAULT ${true}, c ${bool} DEFAULT ${false}, d ${binary}, j ${json})', NULL, NULL, '{"portable": true}');
SELECT dbmig_apply();
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attidentity, pg_get_expr(d.adbin, d.adrelid)
  FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attrelid = 'item'::regclass AND a.attnum > 0 ORDER BY a.attnum;
-- the functions' types, and who may call them
SELECT proname, pg_get_function_arguments(oid), pg_get_function_result(oid), provolatile, proparallel, proisstrict,
    has_function_privilege('pg_monitor', oid, 'EXECUTE') AND proacl IS NULL
  FROM pg_proc WHERE proname ~ '^dbmig_(uuid|now|timestamp)' ORDER BY proname;
-- a UUID's bytes, and back; the server's own text is a timestamp's too
SELECT uuid_send(dbmig_uuid_bytes('919108f7-52d1-4320-9bac-f847db4148a8'));
SELECT encode('\x919108f752d143209bacf847db4148a8'::bytea, 'hex')::uuid = dbmig_uuid_bytes('919108f7-52d1-4320-9bac-f847db4148a8');
SET timezone = 'Asia/Kolkata';
SELECT dbmig_timestamp_text('2026-11-22 08:14:00.123456+00'), dbmig_timestamp('2026-11-22T08:14:00.123456Z');
RESET timezone;
SELECT dbmig_timestamp_text('infinity');
SELECT dbmig_timestamp_text('294276-12-31 23:59:59+00');
SELECT dbmig_timestamp_text('0044-03-15 12:00:00+00 BC');
\set VERBOSITY sqlstate
SELECT dbmig_timestamp('x');
SELECT dbmig_uuid_bytes('x');
SELECT dbmig_timestamp_text('-infinity');
SELECT dbmig_register('p', 2, '${x}', NULL, NULL, '{"portable": true}');
\set VERBOSITY default
-- a body in dollar quotes; a brace right behind one is written with one more
SELECT dbmig_register('p', 2, 'CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$SELECT ''${true} $${x}''$$;
SELECT $j$${"a": 1}$j$::jsonb', NULL, NULL, '{"portable": true}');
SELECT dbmig_apply();
SELECT f();
-- N1: what is inspected is what runs; places are the source's
SELECT dbmig_register('p', 3, 'CREATE INDEX CONCURRENTLY item_b ON item (b) WHERE b = ${true}', NULL, NULL, '{"portable": true}');
SELECT transactional FROM dbmig_lookup('p') WHERE version = '3';
CALL dbmig_migrate();
\set SHOW_CONTEXT always
SELECT dbmig_register('p', 4, 'SELECT ${true};
SELECT ${timestamp:2026-11-22T08:14:00Z}, ${now}, nosuch;', NULL, NULL, '{"portable": true}');
SELECT dbmig_apply();
SELECT dbmig_register('p', 4, 'SELECT ${true};
SELECT 1 WHERE ${serial};', NULL, NULL, '{"portable": true}');
SELECT dbmig_apply();
CALL dbmig_migrate();
SELECT error_statement, error_line FROM dbmig_history ORDER BY id DESC LIMIT 1;
