-- dbmig_register, dbmig_register_function
SELECT dbmig_register('app', '1', 'CREATE TABLE r1 (x integer)', 'DROP TABLE r1', 'first table');
-- the same text again
SELECT dbmig_register('app', '1', 'CREATE TABLE r1 (x integer)', 'DROP TABLE r1', 'first table');
-- another text, applied nowhere
SELECT dbmig_register('app', '1', 'CREATE TABLE r1 (x integer, y integer)', 'DROP TABLE r1', 'first table');
SELECT version, name, up, down FROM dbmig_lookup('app');
-- another down or name is a change, and allowed
SELECT dbmig_register('app', '1', 'CREATE TABLE r1 (x integer, y integer)', 'DROP TABLE IF EXISTS r1', 'first table');
SELECT dbmig_register('app', '1', 'CREATE TABLE r1 (x integer, y integer)', 'DROP TABLE IF EXISTS r1', 'table one');
SELECT name, down FROM dbmig_lookup('app');

-- down, name and options may be left out, or NULL
SELECT dbmig_register('app', '2', 'CREATE TABLE r2 (x integer)');
SELECT dbmig_register('app', '2', 'CREATE TABLE r2 (x integer)', NULL);
SELECT dbmig_register('app', '2', 'CREATE TABLE r2 (x integer)', NULL, NULL, NULL);
SELECT version, name, down FROM dbmig_lookup('app');
SELECT dbmig_apply('app');

-- applied: the same is unchanged, another up is refused, another down is taken
SELECT dbmig_register('app', '2', 'CREATE TABLE r2 (x integer)');
SELECT dbmig_register('app', '2', 'CREATE TABLE r2 (x bigint)');
SELECT dbmig_register('app', '2', 'CREATE TABLE r2 (x integer)', 'DROP TABLE r2');
SELECT up, down FROM dbmig_lookup('app') WHERE version = '2';
SELECT dbmig_rollback('app');
SELECT dbmig_register('app', '2', 'CREATE TABLE r2 (x bigint)', 'DROP TABLE r2');
SELECT dbmig_apply('app');
SELECT dbmig_rollback_all('app');

-- options
SELECT dbmig_register('opt', '1', 'SELECT 1', NULL, NULL, '{}');
SELECT dbmig_register('opt', '2', 'SELECT 1', NULL, NULL, ' { "transaction" : true, "after": ["app@1", "app"] } ');
SELECT package, version, after_package, after_version FROM dbmig_dependency ORDER BY after_version;
SELECT dbmig_register('opt', '3', 'SELECT 1', NULL, NULL, '{"transaction": false}');
SELECT version, CASE WHEN transactional THEN 'yes' ELSE 'no' END FROM dbmig_lookup('opt');
SELECT dbmig_register('opt', '4', 'SELECT 1', NULL, NULL, 'transaction=false');
SELECT dbmig_register('opt', '4', 'SELECT 1', NULL, NULL, '{"transaction": false');
SELECT dbmig_register('opt', '4', 'SELECT 1', NULL, NULL, '["transaction"]');
SELECT dbmig_register('opt', '4', 'SELECT 1', NULL, NULL, '');
SELECT dbmig_register('opt', '4', 'SELECT 1', NULL, NULL, '{"transactional": false}');
SELECT dbmig_register('opt', '4', 'SELECT 1', NULL, NULL, '{"transaction": "no"}');
SELECT dbmig_register('opt', '4', 'SELECT 1', NULL, NULL, '{"transaction": null}');
SELECT dbmig_register('opt', '4', 'SELECT 1', NULL, NULL, '{"engine": "mysql"}');
SELECT dbmig_register('opt', '4', 'SELECT 1', NULL, NULL, '{"after": "app"}');
SELECT dbmig_register('opt', '4', 'SELECT 1', NULL, NULL, '{"after": ["app@@1"]}');
SELECT dbmig_register('opt', '4', 'SELECT 1', NULL, NULL, '{"after": ["opt@4"]}');
-- nothing of what was refused is there
SELECT count(*) FROM dbmig_lookup('opt');
SELECT count(*) FROM dbmig_dependency;

-- engine: registered everywhere, run on one
SELECT dbmig_register('eng', '1', 'this is no SQL', NULL, NULL, '{"engine": "neither"}');
SELECT dbmig_register('eng', '1', 'CREATE TABLE eng (engine text)');
SELECT dbmig_register('eng', '2', 'INSERT INTO eng SELECT ''pg'' FROM pg_catalog.pg_class LIMIT 1', NULL, NULL, '{"engine": "postgres"}');
SELECT dbmig_register('eng', '3', 'INSERT INTO eng SELECT ''sq'' FROM sqlite_schema LIMIT 1', NULL, NULL, '{"engine": "sqlite"}');
SELECT dbmig_apply('eng');
SELECT count(*) FROM eng;

-- a function is called with package and version
SELECT dbmig_register_function('fun', '1', 'ltrim');
SELECT dbmig_register_function('fun', '1', 'ltrim');
SELECT dbmig_register_function('fun', '1', 'rtrim', 'ltrim', 'with a function');
SELECT version, name, up, down FROM dbmig_lookup('fun');
SELECT dbmig_apply('fun');
SELECT dbmig_rollback('fun');
SELECT dbmig_register_function('fun', '2', 'nosuch_function');
SELECT dbmig_apply('fun');
SELECT count(*) FROM dbmig_applied WHERE package = 'fun';
-- a script and a function of the same text are not the same
SELECT dbmig_register('fun', '2', 'nosuch_function');
SELECT dbmig_register('fun', '2', 'SELECT 1');
SELECT dbmig_apply('fun');

-- NULL and empty
SELECT dbmig_register(NULL, '1', 'SELECT 1');
SELECT dbmig_register('n', NULL, 'SELECT 1');
SELECT dbmig_register('n', '1', NULL);
SELECT dbmig_register(NULL, NULL, NULL, NULL, NULL, NULL);
SELECT dbmig_register_function(NULL, '1', 'ltrim');
SELECT dbmig_register_function('n', '1', NULL);
SELECT dbmig_register_function('n', '1', '');
SELECT dbmig_register('n', '1', 'SELECT 1', NULL, 'two
lines');
SELECT count(*) FROM dbmig_package WHERE package = 'n';
DROP TABLE eng;
