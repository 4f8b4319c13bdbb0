-- dbmig_load: folders of other tools, as they are
SELECT dbmig_load('@formats@/golang-migrate');
SELECT version, name, up, down FROM dbmig_lookup('golang-migrate');
SELECT dbmig_apply('golang-migrate');
SELECT id, title FROM gm_book ORDER BY id;
SELECT dbmig_load('@formats@/golang-migrate');

SELECT dbmig_load('@formats@/goose');
SELECT version, name, up, down, CASE WHEN transactional THEN 'yes' ELSE 'no' END FROM dbmig_lookup('goose');
SELECT dbmig_apply('goose', '2');
SELECT id, name FROM gs_user ORDER BY id;
SELECT dbmig_rollback('goose', '1');
SELECT count(*) FROM gs_user;

SELECT dbmig_load('@formats@/dbmate');
SELECT version, name, up, down FROM dbmig_lookup('dbmate');
SELECT version, CASE WHEN transactional THEN 'yes' ELSE 'no' END, CASE WHEN down_transactional THEN 'yes' ELSE 'no' END FROM dbmig_migration WHERE package = 'dbmate' ORDER BY sort_key;
SELECT dbmig_apply('dbmate', '20240102000000');
SELECT id FROM dm_post ORDER BY id;
SELECT dbmig_rollback_all('dbmate');

SELECT dbmig_load('@formats@/flyway');
SELECT version, name, up, down FROM dbmig_lookup('flyway');
SELECT version, CASE WHEN transactional THEN 'yes' ELSE 'no' END, CASE WHEN repeatable THEN 'repeatable' ELSE 'once' END, source FROM dbmig_migration WHERE package = 'flyway' ORDER BY sort_key;

SELECT dbmig_load('@formats@/sqlx');
SELECT version, name, up, CASE WHEN transactional THEN 'yes' ELSE 'no' END FROM dbmig_lookup('sqlx');
SELECT dbmig_load('@formats@/sqlx-reversible');
SELECT version, name, CASE WHEN transactional THEN 'yes' ELSE 'no' END, CASE WHEN down_transactional THEN 'yes' ELSE 'no' END FROM dbmig_migration WHERE package = 'sqlx-reversible' ORDER BY sort_key;
SELECT down FROM dbmig_lookup('sqlx-reversible');

SELECT dbmig_load('@formats@/refinery');
SELECT version, name, up, down FROM dbmig_lookup('refinery');
SELECT dbmig_apply('refinery');

SELECT dbmig_load('@formats@/diesel');
SELECT version, name, up, down, CASE WHEN transactional THEN 'yes' ELSE 'no' END FROM dbmig_lookup('diesel');
SELECT * FROM dbmig_verify('golang-migrate');
