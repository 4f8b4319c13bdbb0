/* webshop--1.0--1.1.sql */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION webshop UPDATE TO '1.1'" to load this file. \quit

SELECT dbmig_register('webshop', '3',
	'ALTER TABLE orders ADD placed_at timestamptz NOT NULL DEFAULT now()',
	'ALTER TABLE orders DROP COLUMN placed_at', 'when an order was placed');
SELECT dbmig_register('webshop', '4',
	'CREATE INDEX CONCURRENTLY orders_product_idx ON orders (product)',
	'DROP INDEX CONCURRENTLY orders_product_idx', 'orders by product');
