-- dbmig_lookup: version, name, up, down, transactional, checksum, in order
SELECT * FROM dbmig_lookup('nosuch');
SELECT dbmig_register('app', '10', 'CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
');
SELECT dbmig_register('app', '9', 'SELECT ''it''''s'';', 'SELECT 2', 'a name');
SELECT version, name, up, down, CASE WHEN transactional THEN 'yes' ELSE 'no' END AS transactional FROM dbmig_lookup('app');
-- C1: SHA-256 of the text
SELECT version, checksum FROM dbmig_lookup('app');
-- it is a table like any other
SELECT l.version, m.package FROM dbmig_lookup('app') l JOIN dbmig_migration m ON m.version = l.version ORDER BY m.sort_key;
SELECT count(*) FROM dbmig_lookup('app') WHERE name IS NULL;
SELECT count(*) FROM dbmig_lookup('App');
SELECT * FROM dbmig_lookup(NULL);
SELECT * FROM dbmig_lookup('');
SELECT * FROM dbmig_lookup('a@b');
