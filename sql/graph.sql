-- dbmig_graph: the graph with its state as text for others to draw
SELECT dbmig_graph();
SELECT dbmig_register('a', '1', 'SELECT 1', 'SELECT 1', 'one');
SELECT dbmig_register('a', '2', 'SELECT 1', 'SELECT 1', 'say "two"');
SELECT dbmig_register('b', '1', 'SELECT 1', 'SELECT 1');
SELECT dbmig_after('b@1', 'a@2');
SELECT dbmig_apply('a', '1');
SELECT dbmig_graph();
SELECT dbmig_graph('dot');
SELECT dbmig_graph('svg');
SELECT dbmig_graph('');
SELECT CASE WHEN dbmig_graph(NULL) = dbmig_graph() THEN 'same' END;
