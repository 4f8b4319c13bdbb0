-- O1-O7: who comes before whom
-- registered in the order a, b, c, d; b after a, c after a and d, d after b
SELECT dbmig_register('a', '1', 'CREATE TABLE a (x integer)');
SELECT dbmig_register('b', '1', 'CREATE TABLE b (x integer)');
SELECT dbmig_register('c', '1', 'CREATE TABLE c (x integer)');
SELECT dbmig_register('d', '1', 'CREATE TABLE d (x integer)');
SELECT dbmig_after('b', 'a');
SELECT dbmig_after('c', 'a', 'd');
SELECT dbmig_after('d', 'b');
SELECT position, package, version FROM dbmig_plan() ORDER BY position;
SELECT dbmig_apply();
SELECT package FROM dbmig_history ORDER BY id;
SELECT dbmig_rollback_all('c') + dbmig_rollback_all('d');

-- O5: b after a and d, c after b; d after c would close the circle
SELECT dbmig_register('o5.a', '1', 'SELECT 1');
SELECT dbmig_register('o5.b', '1', 'SELECT 1');
SELECT dbmig_register('o5.c', '1', 'SELECT 1');
SELECT dbmig_register('o5.d', '1', 'SELECT 1');
SELECT dbmig_after('o5.b', 'o5.a', 'o5.d');
SELECT dbmig_after('o5.c', 'o5.b');
SELECT dbmig_after('o5.d', 'o5.c');
-- what was declared before stays
SELECT package, after_package FROM dbmig_dependency WHERE package LIKE 'o5%' ORDER BY package, after_package;
SELECT dbmig_apply('o5.c');
SELECT package FROM dbmig_history WHERE package LIKE 'o5%' ORDER BY id;

-- oneself, and one's own past (O1)
SELECT dbmig_after('o5.a', 'o5.a');
SELECT dbmig_after('o5.x@1', 'o5.x@1');
SELECT dbmig_after('o5.y', 'o5.y@1');
SELECT dbmig_after('o5.y@1', 'o5.y');
SELECT dbmig_after('o5.y@1', 'o5.y@2');
SELECT dbmig_after('o5.y@2', 'o5.y@1');
-- of several at once none is kept when one of them closes a circle
SELECT dbmig_after('o5.p', 'o5.q');
SELECT dbmig_after('o5.q', 'o5.r', 'o5.p');
SELECT count(*) FROM dbmig_dependency WHERE package = 'o5.q';
-- also before anything of them is registered, and through versions
SELECT dbmig_after('o5.s@2', 'o5.t@3');
SELECT dbmig_after('o5.t@3', 'o5.u');
SELECT dbmig_after('o5.u', 'o5.s@2');
SELECT dbmig_after('o5.t@2', 'o5.s@2');
SELECT dbmig_after('o5.t@4', 'o5.s@2');

-- O2: packages after each other's earlier versions
SELECT dbmig_register('m', '1', 'SELECT 1');
SELECT dbmig_register('m', '2', 'SELECT 1');
SELECT dbmig_register('m', '3', 'SELECT 1');
SELECT dbmig_register('n', '1', 'SELECT 1');
SELECT dbmig_register('n', '2', 'SELECT 1');
SELECT dbmig_register('n', '3', 'SELECT 1');
SELECT dbmig_after('m@2', 'n@1');
SELECT dbmig_after('n@2', 'm@2');
SELECT dbmig_after('m@3', 'n');
SELECT position, package, version FROM dbmig_plan('m') ORDER BY position;
-- O4: no further than needed
SELECT package, version FROM dbmig_plan('m', '1') ORDER BY position;
SELECT package, version FROM dbmig_plan('m', '2') ORDER BY position;
SELECT package, version FROM dbmig_plan('n', '2') ORDER BY position;
SELECT dbmig_apply('n', '1');
SELECT dbmig_apply('n', '2');
SELECT dbmig_apply('m');
SELECT package, version FROM dbmig_history WHERE package IN ('m', 'n') ORDER BY id;

-- O3: the package that was registered first goes first, not the name's order
SELECT dbmig_register('z', '2', 'SELECT 1');
SELECT dbmig_register('y', '1', 'SELECT 1');
SELECT dbmig_register('z', '1', 'SELECT 1');
SELECT dbmig_register('y', '2', 'SELECT 1');
SELECT package, version FROM dbmig_plan() ORDER BY position;
SELECT dbmig_after('z@2', 'y@1');
SELECT package, version FROM dbmig_plan() ORDER BY position;
SELECT dbmig_apply();

-- O6: what is not registered is an error at apply, before anything runs
SELECT dbmig_register('o6', '1', 'CREATE TABLE o6 (x integer)');
SELECT dbmig_register('o6', '2', 'SELECT 1');
SELECT dbmig_after('o6@2', 'later@2');
SELECT dbmig_apply();
SELECT dbmig_apply('o6');
SELECT count(*) FROM dbmig_applied WHERE package = 'o6';
-- what does not need it runs
SELECT dbmig_apply('o6', '1');
SELECT dbmig_register('later', '1', 'SELECT 1');
SELECT dbmig_apply('o6');
SELECT dbmig_register('later', '2', 'SELECT 1');
SELECT dbmig_apply('o6');

-- O7: a pending version below an applied one
SELECT dbmig_register('o7', '1', 'SELECT 1');
SELECT dbmig_register('o7', '3', 'SELECT 1');
SELECT dbmig_apply('o7');
SELECT dbmig_register('o7', '2', 'CREATE TABLE o7 (x integer)');
SELECT dbmig_apply('o7');
SELECT dbmig_apply();
SELECT version FROM dbmig_applied WHERE package = 'o7' ORDER BY sort_key;
SELECT dbmig_set('out_of_order', 'apply');
SELECT dbmig_apply('o7');
SELECT dbmig_set('out_of_order', 'refuse');
SELECT version FROM dbmig_history WHERE package = 'o7' ORDER BY id;
SELECT dbmig_apply();
DROP TABLE a;
DROP TABLE b;
DROP TABLE c;
DROP TABLE d;
DROP TABLE o6;
DROP TABLE o7;
