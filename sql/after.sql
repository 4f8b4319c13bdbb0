-- dbmig_after: the number of dependencies that the item now has
SELECT dbmig_after('b', 'a');
SELECT dbmig_after('b', 'a');
SELECT dbmig_after('b', 'c', 'd@2', 'a', 'c');
SELECT dbmig_after('b@2', 'a@1');
SELECT package, version, after_package, after_version FROM dbmig_dependency ORDER BY package, version, after_package;
-- nothing of it is registered yet, and nothing is pending
SELECT dbmig_apply();
SELECT * FROM dbmig_status;

SELECT dbmig_register('b', '1', 'SELECT 1');
SELECT dbmig_apply('b');
SELECT dbmig_register('a', '1', 'SELECT 1');
SELECT dbmig_register('c', '1', 'SELECT 1');
SELECT dbmig_register('d', '1', 'SELECT 1');
SELECT dbmig_apply('b');
SELECT dbmig_register('d', '2', 'SELECT 1');
SELECT dbmig_register('d', '3', 'SELECT 1');
SELECT package, version FROM dbmig_plan('b') ORDER BY position;
SELECT dbmig_apply('b');
SELECT dbmig_apply();

-- declared after it was applied: kept, and no problem as long as both are there
SELECT dbmig_after('c', 'd@3');
SELECT dbmig_apply();

-- the option "after" and dbmig_after add to one set
SELECT dbmig_register('e', '1', 'SELECT 1', NULL, NULL, '{"after": ["a"]}');
SELECT dbmig_after('e@1', 'a', 'b');
-- versions are written as they like: 01 is 1 (V4)
SELECT dbmig_after('e@01', 'd@0002');
SELECT dbmig_apply('e');

-- bad input
SELECT dbmig_after(NULL, 'a');
SELECT dbmig_after('b', NULL);
SELECT dbmig_after('b', 'a', NULL);
SELECT dbmig_after('', 'a');
SELECT dbmig_after('b', '');
SELECT dbmig_after('b@', 'a');
SELECT dbmig_after('@1', 'a');
SELECT dbmig_after('b@1@2', 'a');
SELECT dbmig_after('b', 'a@x y');
SELECT dbmig_after('b', 'fine', 'a@');
SELECT count(*) FROM dbmig_dependency WHERE after_package = 'fine';
