-- A shop of six packages in six folders, registered from its files.
SELECT dbmig_load('@shop@');

-- What would be done, in this order: each package after what it names.
SELECT position, package, version, name FROM dbmig_plan();

-- Do it: all or nothing.  Then there is nothing left to do.
SELECT dbmig_apply();
SELECT dbmig_apply();
SELECT package, applied, registered, pending, state FROM dbmig_status;
SELECT o.number, u.email, l.sku, l.pieces FROM orders_order o JOIN auth_user u ON u.id = o.user_id JOIN orders_line l ON l.number = o.number ORDER BY l.sku;

-- Two more, and the second fails: neither is applied.
SELECT dbmig_append('stock', 'ALTER TABLE stock_level ADD COLUMN shelf text', NULL, 'shelves');
SELECT dbmig_append('stock', 'UPDATE stock_level SET shelf = ''A1'';
UPDATE stock_level SET pieces = pieces - 11;', NULL, 'take stock');
SELECT dbmig_apply();
SELECT package, applied, registered, pending, state FROM dbmig_status WHERE package = 'stock';
SELECT dbmig_check();

-- Mended and applied.  What is not applied yet may be replaced.
SELECT dbmig_register('stock', 2, 'ALTER TABLE stock_level ADD COLUMN shelf text', 'ALTER TABLE stock_level DROP COLUMN shelf', 'shelves');
SELECT dbmig_register('stock', 3, 'UPDATE stock_level SET shelf = ''A1'';
UPDATE stock_level SET pieces = pieces - 1;', 'UPDATE stock_level SET pieces = pieces + 1', 'take stock');
SELECT dbmig_apply();
SELECT sku, pieces, shelf FROM stock_level ORDER BY sku;

-- What was applied does not change unnoticed.
SELECT dbmig_register('stock', 3, 'UPDATE stock_level SET pieces = 0', NULL, 'take stock');

-- Back: the last one, or everything above a version, unless others need it.
SELECT dbmig_rollback('stock');
SELECT dbmig_rollback('stock', 1);
SELECT dbmig_rollback_all('stock');
SELECT dbmig_rollback_all('orders');
SELECT dbmig_rollback_all('audit');
SELECT dbmig_rollback_all('orders');

-- What happened, newest first, and the packages as a picture (mermaid).
SELECT package, version, name, action FROM dbmig_history ORDER BY id DESC LIMIT 4;
SELECT dbmig_graph();

-- And forward again.
SELECT dbmig_apply();
SELECT dbmig_is_current();
