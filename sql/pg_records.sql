-- the records of a migration go by the table and its indexes, without the
-- executor: the rows are the same, and what is added to the tables counts
SET client_min_messages = error;
SELECT dbmig_register('a', '1', 'CREATE TABLE t (x int)', 'DROP TABLE t', 'first');
CREATE SCHEMA records1;
CREATE SCHEMA records2;
SELECT dbmig_apply('a', NULL, 'records1');
-- an old snapshot takes the statements
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT dbmig_apply('a', NULL, 'records2');
COMMIT;
SELECT count(DISTINCT (package, version, sort_key, checksum, state, statements, duration_us IS NULL,
	applied_by, applied_at > now() - interval '1 hour', transaction_id IS NULL)::text), count(*) FROM dbmig_applied;
SELECT count(DISTINCT (package, version, name, action, outcome, checksum, statements, duration_us IS NULL,
	performed_by, happened_at > now() - interval '1 hour', transaction_id IS NULL, error_code, error_message,
	error_statement, error_line)::text), count(*) FROM dbmig_history;
SELECT h.id, h.transaction_id = a.transaction_id, a.xmin::text::bigint = a.transaction_id % (2::bigint ^ 32)::bigint, a.applied_by
	FROM dbmig_history h JOIN dbmig_applied a USING (tenant) ORDER BY 1;
-- their indexes have them
SET enable_seqscan = off;
SELECT tenant FROM dbmig_applied WHERE package = 'a' AND version = '1' ORDER BY tenant;
SELECT version FROM dbmig_applied WHERE tenant = 'records1' AND package = 'a';
SELECT version FROM dbmig_history WHERE id = 1;
RESET enable_seqscan;
-- a record that is there already is written over
SELECT dbmig_register('a', 'R:v', 'SELECT 1', NULL, 'view', '{"repeatable": true}');
SELECT dbmig_apply('a', NULL, 'records1');
SELECT dbmig_register('a', 'R:v', 'SELECT 2', NULL, 'view', '{"repeatable": true}');
SELECT dbmig_apply('a', NULL, 'records1');
SELECT tenant, version, statements FROM dbmig_applied ORDER BY tenant, sort_key;
-- a trigger fires, and its error is the migration's
CREATE TABLE seen (what text);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.seen VALUES (TG_TABLE_NAME || ' ' || NEW.tenant || ' ' || NEW.version);
	RETURN NEW;
END $$;
CREATE TRIGGER see BEFORE INSERT ON dbmig_history FOR EACH ROW EXECUTE FUNCTION see();
SELECT dbmig_register('a', '2', 'ALTER TABLE t ADD COLUMN y int', 'ALTER TABLE t DROP COLUMN y');
SET dbmig.out_of_order = apply;
CALL dbmig_migrate_tenants();
SELECT * FROM seen ORDER BY 1;
DROP TRIGGER see ON dbmig_history;
CREATE TRIGGER see AFTER INSERT ON dbmig_applied FOR EACH ROW EXECUTE FUNCTION see();
SELECT dbmig_register('a', '3', 'ALTER TABLE t ADD COLUMN z int');
CALL dbmig_migrate_tenants();
SELECT * FROM seen ORDER BY 1;
DROP TRIGGER see ON dbmig_applied;
-- a constraint of somebody else's holds
SELECT dbmig_register('a', '4', 'SELECT 4');
ALTER TABLE dbmig_applied ADD CONSTRAINT small CHECK (version <> '4');
\set VERBOSITY sqlstate
CALL dbmig_migrate_tenants(options => '{"only": ["records1"]}');
\set VERBOSITY default
ALTER TABLE dbmig_applied DROP CONSTRAINT small;
-- a policy
ALTER TABLE dbmig_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE dbmig_history FORCE ROW LEVEL SECURITY;
CREATE ROLE dbmig_records_app;
GRANT ALL ON SCHEMA records1, records2 TO dbmig_records_app;
GRANT EXECUTE ON FUNCTION dbmig_apply(text, text, text) TO dbmig_records_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO dbmig_records_app;
SELECT dbmig_register('a', '5', 'SELECT 5');
SET ROLE dbmig_records_app;
SELECT dbmig_apply('a', '5', 'records1');
RESET ROLE;
ALTER TABLE dbmig_history DISABLE ROW LEVEL SECURITY;
-- rights are looked at each time
REVOKE UPDATE ON dbmig_applied FROM dbmig_records_app;
SET ROLE dbmig_records_app;
SELECT dbmig_apply('a', '5', 'records1');
RESET ROLE;
GRANT UPDATE ON dbmig_applied TO dbmig_records_app;
REVOKE INSERT ON dbmig_history FROM dbmig_records_app;
SET ROLE dbmig_records_app;
SELECT dbmig_apply('a', '5', 'records1');
RESET ROLE;
GRANT INSERT ON dbmig_history TO dbmig_records_app;
SET ROLE dbmig_records_app;
SELECT dbmig_apply('a', '5', 'records1');
RESET ROLE;
SELECT applied_by, performed_by FROM dbmig_applied a JOIN dbmig_history h USING (tenant, version) WHERE version = '5' AND outcome = 'ok';
-- a column more, an index with an expression
ALTER TABLE dbmig_applied ADD COLUMN note text DEFAULT 'noted';
CREATE INDEX loud ON dbmig_history (upper(action));
SELECT dbmig_register('a', '6', 'SELECT 6');
CALL dbmig_migrate_tenants();
SELECT tenant, version, note FROM dbmig_applied WHERE version = '6' ORDER BY 1;
ALTER TABLE dbmig_applied DROP COLUMN note;
SET enable_seqscan = off;
SELECT count(*) FROM dbmig_history WHERE upper(action) = 'APPLY' AND version = '6';
RESET enable_seqscan;
DROP INDEX loud;
-- another default, another CHECK, a column that is made NOT NULL
ALTER TABLE dbmig_applied ALTER applied_by SET DEFAULT 'somebody';
ALTER TABLE dbmig_history ALTER performed_by SET DEFAULT 'somebody';
SELECT dbmig_register('a', '7', 'SELECT 7');
CALL dbmig_migrate_tenants();
SELECT DISTINCT applied_by, performed_by FROM dbmig_applied a JOIN dbmig_history h USING (tenant, version) WHERE version = '7';
ALTER TABLE dbmig_applied ALTER applied_by SET DEFAULT current_user;
ALTER TABLE dbmig_history ALTER performed_by SET DEFAULT current_user;
SELECT dbmig_register('a', '8', 'SELECT 8');
\set VERBOSITY terse
ALTER TABLE dbmig_applied DROP CONSTRAINT dbmig_applied_state_check, ADD CONSTRAINT not_8 CHECK (version <> '8');
SELECT dbmig_apply('a');
ALTER TABLE dbmig_applied DROP CONSTRAINT not_8, ADD CONSTRAINT dbmig_applied_state_check CHECK (state IN ('applied', 'running', 'failed'));
ALTER TABLE dbmig_applied ALTER duration_us SET NOT NULL;
CREATE TABLE kept AS SELECT * FROM dbmig_history;
DELETE FROM dbmig_history;
ALTER TABLE dbmig_history ALTER error_code SET NOT NULL;
SELECT dbmig_apply('a');
ALTER TABLE dbmig_history ALTER error_code DROP NOT NULL;
ALTER TABLE dbmig_applied ALTER duration_us DROP NOT NULL;
INSERT INTO dbmig_history SELECT * FROM kept;
DROP TABLE kept;
\set VERBOSITY default
SELECT dbmig_apply('a');
DROP OWNED BY dbmig_records_app;
DROP ROLE dbmig_records_app;
DROP SCHEMA records1, records2 CASCADE;
DROP FUNCTION see();
DROP TABLE seen;
-- no lock is left of a record
BEGIN;
SELECT dbmig_append('locks', 'SELECT 1'), dbmig_apply('locks');
SELECT count(*) FROM pg_locks WHERE locktype = 'spectoken';
ROLLBACK;
