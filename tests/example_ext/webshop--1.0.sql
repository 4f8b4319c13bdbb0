/* webshop--1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION webshop" to load this file. \quit

-- Registered only: SELECT dbmig_apply('webshop') applies them, when the
-- administrator wants it.
SELECT dbmig_register('webshop', '1',
	'CREATE TABLE product (id integer PRIMARY KEY, name text NOT NULL)',
	'DROP TABLE product', 'products');
SELECT dbmig_register('webshop', '2',
	'CREATE TABLE orders (id integer PRIMARY KEY,
		product integer NOT NULL REFERENCES product)',
	'DROP TABLE orders', 'orders');
