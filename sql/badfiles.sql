-- what cannot be loaded is said with file and line, and changes nothing
SELECT dbmig_load('@files@/bad/same-version');
SELECT dbmig_load('@files@/bad/same-pair');
SELECT dbmig_load('@files@/bad/down-only');
SELECT dbmig_load('@files@/bad/own-misspelt');
SELECT dbmig_load('@files@/bad/own-late');
SELECT dbmig_load('@files@/bad/own-words');
SELECT dbmig_load('@files@/bad/goose-order');
SELECT dbmig_load('@files@/bad/goose-misspelt');
SELECT dbmig_load('@files@/bad/goose-blank');
SELECT dbmig_load('@files@/bad/goose-end');
SELECT dbmig_load('@files@/bad/goose-begin');
SELECT dbmig_load('@files@/bad/goose-envsub');
SELECT dbmig_load('@files@/bad/goose-none');
SELECT dbmig_load('@files@/bad/goose-go');
SELECT dbmig_load('@files@/bad/dbmate-order');
SELECT dbmig_load('@files@/bad/dbmate-up');
SELECT dbmig_load('@files@/bad/dbmate-head');
SELECT dbmig_load('@files@/bad/flyway-placeholder');
SELECT dbmig_load('@files@/bad/flyway-undo');
SELECT dbmig_load('@files@/bad/flyway-undo', NULL, 'flyway');
SELECT dbmig_load('@files@/bad/flyway-conf');
SELECT dbmig_load('@files@/bad/flyway-java');
SELECT dbmig_load('@files@/bad/refinery-rust');
-- two layouts in one folder
SELECT dbmig_load('@files@/bad/mixed-markers');
SELECT dbmig_load('@files@/bad/mixed-plain');
SELECT dbmig_load('@files@/bad/mixed-pair');
SELECT dbmig_load('@files@/bad/mixed-letter');
SELECT dbmig_load('@files@/bad/mixed-name');
SELECT dbmig_load('@files@/bad/mixed-sqlx');
-- characters
SELECT dbmig_load('@files@/bad/utf16');
SELECT dbmig_load('@files@/bad/nul');
SELECT dbmig_load('@files@/bad/control');
SELECT dbmig_load('@files@/bad/versions');
-- folders and links
SELECT dbmig_load('@files@/bad/nested');
SELECT dbmig_load('@files@/bad/packages-bad');
SELECT dbmig_load('@files@/bad/link-out');
SELECT dbmig_load('@files@/bad/link-folder');
SELECT dbmig_load('@files@/bad/link-nowhere');
SELECT dbmig_load('@files@/bad/link-package');
-- dbmig.conf
SELECT dbmig_load('@files@/bad/conf-key');
SELECT dbmig_load('@files@/bad/conf-line');
SELECT dbmig_load('@files@/bad/conf-cycle');
SELECT dbmig_load('@files@/single', 'x', 'liquibase');
SELECT dbmig_load('@files@/single', 'x', 'golang-migrate');
SELECT count(*) FROM dbmig_package;
SELECT count(*) FROM dbmig_migration;
SELECT count(*) FROM dbmig_dependency;

-- what is no error
SELECT dbmig_load('@files@/bad/crlf');
SELECT replace(up, chr.c, '<CR>'), replace(down, chr.c, '<CR>') FROM dbmig_lookup('crlf'), (SELECT substr(up, 10, 1) AS c FROM dbmig_lookup('crlf')) AS chr;
SELECT dbmig_load('@files@/bad/crlf-plain', 'plain');
SELECT dbmig_load('@files@/bad/lf-plain', 'plain');
SELECT dbmig_load('@files@/bad/names');
SELECT version, name, source FROM dbmig_migration WHERE package = 'names' ORDER BY sort_key;
SELECT dbmig_load('@files@/bad/link-in');
SELECT version, up FROM dbmig_lookup('link-in');
SELECT dbmig_load('@files@/bad/flyway-undo', 'undo', 'refinery');
SELECT dbmig_load('@files@/bad/goose-none', 'forced', 'dbmig');
SELECT dbmig_load('@files@/bad/mixed-sqlx', 'forced sqlx', 'sqlx');
SELECT dbmig_load('@files@/bad/mixed-pair', 'forced pair', 'golang-migrate');
SELECT package, version, up FROM dbmig_migration WHERE package LIKE 'forced%' ORDER BY package, sort_key;
-- a program's file is left alone where what stands for it is registered
SELECT dbmig_register('goose-go', '02', 'SELECT 2');
SELECT dbmig_load('@files@/bad/goose-go');
SELECT dbmig_load('@files@/bad/goose-go');
SELECT version, up FROM dbmig_lookup('goose-go');
SELECT dbmig_register_function('flyway-java', 2, 'do_what_java_did');
SELECT dbmig_load('@files@/bad/flyway-java');
SELECT version, kind FROM dbmig_migration WHERE package = 'flyway-java' ORDER BY sort_key;
SELECT version, problem FROM dbmig_verify('flyway-java');
SELECT dbmig_register_file('goose-go', '3_z.go', 'package migrations', 'goose');
