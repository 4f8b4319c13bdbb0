-- dbmig_migrate_tenants finds who is behind by the stamps, then by each
-- package's last migration, then by counting; and notes who has it all
SELECT dbmig_register('b', 1, 'CREATE TABLE b1 (x int)', 'DROP TABLE b1');
SELECT dbmig_register('o', 1, 'CREATE TABLE o1 (x int)', 'DROP TABLE o1');
DO $$BEGIN FOR i IN 1..4 LOOP EXECUTE format('CREATE SCHEMA behind%s', i); PERFORM dbmig_apply(NULL, NULL, 'behind' || i); END LOOP; END$$;
CREATE VIEW noted AS SELECT s.tenant, s.package, s.settled IS NOT NULL AND mod(t.changed + (SELECT coalesce(sum(u.removed), 0) FROM dbmig_dependency d JOIN dbmig_stamp u ON u.package = d.after_package WHERE d.package = s.package) - s.settled, 18446744073709551616) = 0 AS settled FROM dbmig_settled s JOIN dbmig_stamp t USING (package) WHERE s.tenant <> '';
CREATE VIEW lacking AS SELECT string_agg(tenant || ' ' || package, ', ' ORDER BY tenant, package) FROM noted WHERE NOT settled;
CREATE FUNCTION made(name text) RETURNS bigint LANGUAGE sql AS $$SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname LIKE 'behind%' AND relname = name$$;
SELECT count(*), count(*) FILTER (WHERE settled) FROM noted;
-- everybody lacks the last one, nobody does
SELECT dbmig_register('b', 2, 'CREATE TABLE b2 (x int)', 'DROP TABLE b2');
SELECT * FROM lacking;
CALL dbmig_migrate_tenants();
SELECT made('b2'), (SELECT * FROM lacking);
CALL dbmig_migrate_tenants();
-- what is not the last one: by counting
DROP TABLE behind2.b1;
DELETE FROM dbmig_applied WHERE tenant = 'behind2' AND package = 'b' AND version = '1';
SELECT dbmig_is_current(NULL, NULL, 'behind2'), dbmig_is_current(NULL, NULL, 'behind1');
SELECT set_config('dbmig.out_of_order', 'apply', false);
CALL dbmig_migrate_tenants();
SELECT made('b1'), (SELECT * FROM lacking);
RESET dbmig.out_of_order;
-- one of those, and others that lack the last one of another package
DELETE FROM dbmig_applied WHERE tenant = 'behind3' AND package = 'b' AND version = '1';
DROP TABLE behind3.b1;
SELECT dbmig_rollback('o', NULL, 'behind4');
SELECT set_config('dbmig.out_of_order', 'apply', false);
CALL dbmig_migrate_tenants('b');
SELECT made('b1'), made('o1'), (SELECT * FROM lacking);
CALL dbmig_migrate_tenants();
SELECT made('b1'), made('o1'), (SELECT * FROM lacking);
RESET dbmig.out_of_order;
-- the last one is repeatable: a new text is behind, the same is not
SELECT dbmig_register('b', 'R:view', 'CREATE OR REPLACE VIEW bv AS SELECT 1 AS x');
CALL dbmig_migrate_tenants();
SELECT dbmig_register('b', 'R:view', 'CREATE OR REPLACE VIEW bv AS SELECT 2 AS x');
CALL dbmig_migrate_tenants();
SELECT x FROM behind1.bv UNION ALL SELECT x FROM behind4.bv;
CALL dbmig_migrate_tenants();
-- up to a version: that is not all, and not noted; the rest comes later
SELECT dbmig_register('b', 3, 'CREATE TABLE b3 (x int)'), dbmig_register('b', 4, 'CREATE TABLE b4 (x int)');
CALL dbmig_migrate_tenants('b', 3);
SELECT made('b3'), made('b4'), (SELECT * FROM lacking);
CALL dbmig_migrate_tenants('b', 3);
CALL dbmig_migrate_tenants('b');
SELECT made('b4'), (SELECT * FROM lacking);
-- of a package that is taken along to a version only the rest is pending
SELECT dbmig_register('q', i, format('CREATE TABLE q%s (x int)', i)) FROM generate_series(1, 2) i;
SELECT dbmig_register('p', 1, 'CREATE TABLE p1 (x int)'), dbmig_after('p', 'q@2');
CREATE SCHEMA behind5;
SELECT dbmig_apply('p', NULL, 'behind5'), dbmig_register('q', 3, 'CREATE TABLE q3 (x int)'), dbmig_register('p', 2, 'CREATE TABLE p2 (x int)');
CALL dbmig_migrate_tenants('p');
SELECT made('p2'), made('q3'), dbmig_is_current('p', NULL, 'behind5'), dbmig_is_current('q', NULL, 'behind5');
SELECT dbmig_register('p', 3, 'CREATE TABLE p3 (x int)');
CALL dbmig_migrate_tenants(options => '{"only": "behind5"}');
SELECT made('p3'), made('q3'), dbmig_is_current('p', NULL, 'behind5'), dbmig_is_current('q', NULL, 'behind5');
SELECT dbmig_remove_tenant('behind5', NULL);
CALL dbmig_migrate_tenants();
SELECT made('p3'), made('q3'), (SELECT * FROM lacking);
-- one that fails is not noted, the others are, and it is found again
SELECT dbmig_register('b', 5, 'CREATE TABLE b5 (x int)');
CREATE TABLE behind2.b5 ();
\set SHOW_CONTEXT errors
CALL dbmig_migrate_tenants(NULL, NULL, '{"stop_after": 0}');
\set SHOW_CONTEXT never
SELECT made('b5'), (SELECT * FROM lacking);
DROP TABLE behind2.b5;
CALL dbmig_migrate_tenants();
SELECT made('b5'), (SELECT * FROM lacking);
-- applied otherwise than registered: not behind, and said
UPDATE dbmig_applied SET checksum = repeat('0', 64) WHERE tenant = 'behind1' AND version = '5';
CALL dbmig_migrate_tenants();
UPDATE dbmig_applied SET checksum = (SELECT checksum FROM dbmig_migration WHERE version = '5') WHERE tenant = 'behind1' AND version = '5';
-- what a migration registers meanwhile is noted for nobody
SELECT dbmig_register('o', 2, 'SELECT public.dbmig_register(''o'', 3, ''CREATE TABLE o3 (x int)'')');
CALL dbmig_migrate_tenants();
SELECT made('o3'), (SELECT * FROM lacking);
CALL dbmig_migrate_tenants();
SELECT made('o3'), (SELECT * FROM lacking);
-- a table that is no longer as the extension made it is written by statements
CREATE FUNCTION noted_told() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE WARNING '% %', NEW.tenant, NEW.package; RETURN NEW; END$$;
CREATE TRIGGER told BEFORE UPDATE ON dbmig_settled FOR EACH ROW EXECUTE FUNCTION noted_told();
SELECT dbmig_register('o', 4, 'CREATE TABLE o4 (x int)');
CALL dbmig_migrate_tenants();
SELECT made('o4'), (SELECT * FROM lacking);
DROP TRIGGER told ON dbmig_settled;
ALTER TABLE dbmig_settled ADD COLUMN more int;
SELECT dbmig_register('o', 5, 'CREATE TABLE o5 (x int)');
CALL dbmig_migrate_tenants();
CALL dbmig_migrate_tenants();
SELECT made('o5');
-- more packages than are asked for one by one: those are counted
SELECT DISTINCT dbmig_register('m' || i, '1', 'SELECT 1') FROM generate_series(1, 12) i;
SELECT sum(dbmig_apply('m' || i, NULL, 'behind' || j)) FROM generate_series(1, 11) i, generate_series(1, 4) j;
CALL dbmig_migrate_tenants();
SELECT count(DISTINCT tenant) FROM dbmig_applied WHERE package = 'm12';
CALL dbmig_migrate_tenants();
DROP VIEW lacking, noted;
DROP FUNCTION made, noted_told;
SELECT dbmig_remove_tenant('behind' || i, NULL) FROM generate_series(1, 4) i;
