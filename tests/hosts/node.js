/*
 * dbmig in Node: better-sqlite3, and node:sqlite where this Node has it and
 * can load extensions.
 *
 * usage: node.js OBJECT FOLDER BETTER_SQLITE3
 */
'use strict';
const fs = require('fs');
const path = require('path');

const [object, folder, better] = process.argv.slice(2);

function report(name, wanted, got) {
	const passed = JSON.stringify(wanted) === JSON.stringify(got);
	console.log((passed ? 'ok      ' : 'FAILED  ') + name);
	if (!passed) {
		console.log('expected ' + JSON.stringify(wanted) + ', got ' + JSON.stringify(got));
		process.exitCode = 1;
	}
}

/* The first value, or the first line of the error and its code. */
function answer(database, sql, ...args) {
	try {
		return Object.values(database.prepare(sql).get(...args))[0];
	} catch (error) {
		return (error.code || '') + ' ' + error.message.split('\n')[0];
	}
}

function testBetterSqlite3() {
	const Database = require(better);
	const name = path.join(folder, 'better.db');
	let database = new Database(name);
	const version = answer(database, 'SELECT sqlite_version()');
	const test = (what, wanted, got) => report(`better-sqlite3 (SQLite ${version}): ${what}`, wanted, got);

	database.loadExtension(object);
	test('loading writes nothing', 0, fs.statSync(name).size);
	test('register', 'registered', answer(database, 'SELECT dbmig_register(?, ?, ?)', 'p', '1',
		'CREATE TABLE parent (id INTEGER PRIMARY KEY);' +
		'CREATE TABLE child (parent REFERENCES parent ON DELETE CASCADE)'));
	test('apply', 1, answer(database, 'SELECT dbmig_apply()'));
	database.exec('INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1)');
	test('append', '2', answer(database, 'SELECT dbmig_append(?, ?)', 'p',
		'CREATE TABLE new (id INTEGER PRIMARY KEY, x); INSERT INTO new (id) SELECT id FROM parent;' +
		'DROP TABLE parent; ALTER TABLE new RENAME TO parent'));
	test('in a transaction of the program', 1, database.transaction(
		() => answer(database, 'SELECT dbmig_apply()'))());
	test('a rebuild keeps the child rows', 1, answer(database, 'SELECT count(*) FROM child'));
	test('foreign keys are on again', 1, database.pragma('foreign_keys', { simple: true }));
	test('rows', [{ package: 'p', state: 'current' }],
		database.prepare('SELECT package, state FROM dbmig_status').all());

	/* inside an open cursor it is refused, and works behind it */
	answer(database, "SELECT dbmig_append('p', 'DROP TABLE child')");
	for (const row of database.prepare('SELECT * FROM child').iterate())
		test('inside a cursor: ' + Object.keys(row), 'a statement of this connection is still running',
			answer(database, 'SELECT dbmig_apply()').replace(/^\S* |: ".*/g, ''));
	test('behind it', 1, answer(database, 'SELECT dbmig_apply()'));

	const seen = [];
	database.function('seen', (done, total, item) => { seen.push(`${done}/${total} ${item}`); return 1; });
	database.function('fill', (package_, version_) => { throw new Error('not now'); });
	answer(database, "SELECT dbmig_set('progress', 'seen')");
	answer(database, "SELECT dbmig_append('p', 'VACUUM')");
	answer(database, "SELECT dbmig_append('p', 'SELECT 1')");
	test('migrate, with VACUUM', 2, answer(database, 'SELECT dbmig_migrate()'));
	test('progress', ['1/2 p@4', '2/2 p@5'], seen);
	answer(database, "SELECT dbmig_register_function('p', '6', 'fill')");
	test('a function that throws', 'not now', (() => {
		try {
			database.prepare('SELECT dbmig_apply()').get();
		} catch (error) {
			return error.message.includes('not now') ? 'not now' : error.message;
		}
		return 'nothing';
	})());
	test('no transaction is left', false, database.inTransaction);
	answer(database, "SELECT dbmig_unregister('p', '6')");
	answer(database, "SELECT dbmig_append('p', 'INSERT INTO parent VALUES (1, 1)')");
	test('a constraint', 'SQLITE_CONSTRAINT migration "p@6", statement 1, line 1, column 1: ' +
		'UNIQUE constraint failed: parent.id (code 1555)', answer(database, 'SELECT dbmig_apply()'));
	test('integrity', 'ok', database.pragma('integrity_check', { simple: true }));
	database.close();

	database = new Database(name, { readonly: true });
	database.loadExtension(object);
	test('read-only: pending', 0, answer(database, 'SELECT dbmig_is_current()'));
	database.close();
}

/* From 22.13 on without a flag; its loadExtension is younger than itself. */
function testNodeSqlite() {
	let sqlite;

	try {
		sqlite = require('node:sqlite');
	} catch (error) {
		console.log(`skipped node:sqlite: Node ${process.version} does not have it`);
		return;
	}
	if (typeof sqlite.DatabaseSync.prototype.loadExtension !== 'function') {
		console.log(`skipped node:sqlite: that of Node ${process.version} loads no extensions`);
		return;
	}
	const database = new sqlite.DatabaseSync(path.join(folder, 'node.db'), { allowExtension: true });
	database.loadExtension(object);
	report('node:sqlite: register', '1', answer(database, "SELECT dbmig_append('p', 'CREATE TABLE t (x)')"));
	report('node:sqlite: apply', 1, answer(database, 'SELECT dbmig_apply()'));
	report('node:sqlite: migrate', 0, answer(database, 'SELECT dbmig_migrate()'));
	database.close();
}

testBetterSqlite3();
testNodeSqlite();
