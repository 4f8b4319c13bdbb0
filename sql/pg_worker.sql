-- X1: a worker node of Citus, told by the catalog's table that names the node
SET allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_local_group (groupid integer);
INSERT INTO pg_catalog.pg_dist_local_group VALUES (0);
RESET allow_system_table_mods;
-- the coordinator: as anywhere
SELECT dbmig_register('w', '1', 'CREATE TABLE w1 (x int)', 'DROP TABLE w1');
SELECT dbmig_apply('w'), dbmig_apply('w');
SELECT dbmig_check('w'), dbmig_check(), dbmig_is_current('w');
-- a worker: refused, what is settled too
UPDATE pg_catalog.pg_dist_local_group SET groupid = 2;
SELECT dbmig_check('w');
SELECT dbmig_check();
SELECT dbmig_is_current('w');
SELECT dbmig_apply('w');
CALL dbmig_migrate('w');
CALL dbmig_wait('w', 0);
CALL dbmig_migrate_tenants();
SELECT dbmig_register('w', '2', 'SELECT 1');
SELECT dbmig_rollback('w');
SELECT * FROM dbmig_plan('w');
-- and the coordinator again
UPDATE pg_catalog.pg_dist_local_group SET groupid = 0;
SELECT dbmig_check('w'), dbmig_rollback('w');
DROP TABLE pg_catalog.pg_dist_local_group;
