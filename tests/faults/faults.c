/*
 * faults.c
 *		dbmig in SQLite, with one thing going wrong at each point in turn.
 *
 * dbmig is linked in statically.  A fault is the n-th allocation that fails,
 * an interrupt at the n-th step of a statement, or the n-th call to the file
 * system that fails.  After each: nothing is half applied, the file is whole,
 * the settings are as they were, and a second call completes the work.
 *
 * A transaction that could not be undone is left open at the most seldom, is
 * said to be, and is ended by the next call.
 *
 * usage: faults FOLDER [POINTS]		points of each kind; 0: all of them
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inject.h"

/* what is migrated */

#define MOST_OPEN 14			/* transactions left open, of 3,300 points */

static template file;
static long all_points;
static long all_open;

/* A migration that is a function of the program. */
static void
make_m3(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	sqlite3    *db = sqlite3_context_db_handle(context);
	int			rc = sqlite3_exec(db, "CREATE TABLE m3 (x); INSERT INTO m3 VALUES (1)",
								  NULL, NULL, NULL);

	(void) argc;
	(void) argv;
	if (rc != SQLITE_OK)
		sqlite3_result_error_code(context, rc);
}

static sqlite3 *
open_database(void)
{
	sqlite3    *db;

	if (sqlite3_open(file.path, &db) != SQLITE_OK)
	{
		printf("%s: %s\n", file.path, sqlite3_errmsg(db));
		exit(2);
	}
	sqlite3_create_function(db, "make_m3", 2, SQLITE_UTF8, NULL, make_m3, NULL, NULL);
	must(db, "PRAGMA synchronous = off; PRAGMA foreign_keys = on");
	return db;
}

static void
make_template(int alone)
{
	sqlite3    *db;

	remove_database(file.path);
	db = open_database();
	must(db, "PRAGMA foreign_keys = off;"
		 "CREATE TABLE t (id INTEGER PRIMARY KEY, a);"
		 "CREATE TABLE child (t REFERENCES t ON DELETE CASCADE);"
		 "INSERT INTO t VALUES (1, 1), (2, 2);"
		 "INSERT INTO child VALUES (1), (2), (9);"
		 "CREATE VIEW v AS SELECT * FROM t;"
		 "SELECT dbmig_append('p', 'CREATE TABLE m1 (x UNIQUE, y);"
		 " CREATE INDEX i1 ON m1 (y); INSERT INTO m1 VALUES (1, 2), (3, 4);"
		 " PRAGMA recursive_triggers = 1; PRAGMA cache_size = -99');"
		 "SELECT dbmig_append('p', 'CREATE TABLE new (id INTEGER PRIMARY KEY, a, b);"
		 " INSERT INTO new SELECT id, a, 0 FROM t; DROP TABLE t;"
		 " ALTER TABLE new RENAME TO t; CREATE TABLE m2 (x); SELECT * FROM t');"
		 "SELECT dbmig_register_function('p', '3', 'make_m3');"
		 "SELECT dbmig_register('q', '1', 'CREATE TABLE m4 (x); ANALYZE;"
		 " SELECT dbmig_register(''r'', ''1'', ''SELECT 1'')');"
		 "SELECT dbmig_after('q', 'p@1');");
	if (alone)
		must(db, "SELECT dbmig_append('z', 'CREATE TABLE m5 (x); VACUUM;"
			 " INSERT INTO m5 VALUES (1); BEGIN; INSERT INTO m5 VALUES (2);"
			 " INSERT INTO m5 VALUES (3); COMMIT; PRAGMA user_version = 7');"
			 "SELECT dbmig_after('z', 'p@1');");
	sqlite3_close(db);
	template_take(&file);
}

#define HAS(name) "(SELECT count(*) FROM sqlite_schema WHERE name = '" name "')"
#define APPLIED(package, version) \
	"(SELECT count(*) FROM dbmig_applied WHERE package = '" package \
	"' AND version = '" version "' AND state = 'applied')"
#define SAME(a, b) "(" a " <> " b ")"
#define TWO_OF(table) "(SELECT count(*) FROM pragma_table_info('" table "'))"

/* How many migrations are recorded and not done, or done and not recorded. */
static long
differences(sqlite3 *db)
{
	long		count = number(db, "SELECT " SAME(HAS("m1"), APPLIED("p", "1"))
							   " + " SAME(HAS("i1"), APPLIED("p", "1"))
							   " + " SAME(HAS("m2"), APPLIED("p", "2"))
							   " + " SAME("(" TWO_OF("t") " = 3)", APPLIED("p", "2"))
							   " + " HAS("new")
							   " + " SAME(HAS("m3"), APPLIED("p", "3"))
							   " + " SAME(HAS("m4"), APPLIED("q", "1"))
							   " + (SELECT count(*) FROM dbmig_package WHERE package = 'r')"
							   " <> " APPLIED("q", "1"));
	long		done = number(db, "SELECT coalesce((SELECT statements FROM dbmig_applied"
							  " WHERE package = 'z'), 0)");
	long		rows = number(db, "SELECT count(*) FROM m5");

	if (rows != (done == 0 ? -1 : done < 3 ? 0 : done < 7 ? 1 : 3))
		count++;
	if (number(db, "SELECT count(*) FROM child") != 3)
		count++;
	return count;
}

static void
check_settings(long point, sqlite3 *db)
{
	number(db, "SELECT dbmig_is_current()");	/* puts back what could not be */
	if (number(db, "PRAGMA foreign_keys") != 1 ||
		number(db, "PRAGMA recursive_triggers") != 0 ||
		number(db, "PRAGMA cache_size") == -99 ||
		number(db, "PRAGMA legacy_alter_table") != 0)
		problem(point, "a setting is not as it was", "");
}

/* One point; gives whether a transaction was left open. */
static int
run_point(const char *call, int all_or_nothing, int expected, long point)
{
	char	   *error = NULL;
	int			left_open = 0;
	sqlite3    *db;
	long		applied;
	int			rc;

	template_use(&file);
	db = open_database();
	inject_arm(db, point);
	rc = sqlite3_exec(db, call, NULL, NULL, &error);
	inject_disarm(db);
	if (!sqlite3_get_autocommit(db))
	{
		left_open = 1;
		number(db, "SELECT dbmig_is_current()");
		if (!sqlite3_get_autocommit(db))
			problem(point, "a transaction is still open", error);
		if (error == NULL || strstr(error, "the transaction is still open") == NULL)
			problem(point, "a transaction was left open, and nobody was told", error);
	}
	if (differences(db) != 0)
		problem(point, "half applied", error);
	applied = number(db, "SELECT count(*) FROM dbmig_applied WHERE state = 'applied' AND package <> 'r'");
	if (all_or_nothing && applied != 0 && applied != expected)
		problem(point, "not all of it", error);
	if (rc == SQLITE_OK && point != 0 && applied != expected)
		problem(point, "said that all is well", error);

	/* SQLite's own text: the SELECT was interrupted behind the function */
	if (rc != SQLITE_OK && all_or_nothing && applied != 0 &&
		!(inject.now == INTERRUPT && strcmp(error, "interrupted") == 0))
		problem(point, "an error, but committed", error);
	check_settings(point, db);
	sqlite3_free(error);
	error = NULL;

	/* again, with nothing wrong */
	if (sqlite3_exec(db, call, NULL, NULL, &error) != SQLITE_OK)
		problem(point, "the second call fails", error);
	sqlite3_free(error);
	if (differences(db) != 0 ||
		number(db, "SELECT count(*) FROM dbmig_applied WHERE state = 'applied' AND package <> 'r'") != expected)
		problem(point, "the second call is not complete", "");
	if (number(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'") != 1)
		problem(point, "integrity_check", "");
	if (sqlite3_close(db) != SQLITE_OK)
		problem(point, "the connection cannot be closed", "");
	return left_open;
}

static void
run_kind(kind k, const char *call, int alone, long wanted)
{
	int			expected = alone ? 5 : 4;
	int			before = problems;
	long		left_open = 0;
	long		points = 0;
	long		total;
	long		stride;
	long		point;

	inject.now = k;
	make_template(alone);
	run_point(call, !alone, expected, 0);
	total = inject.seen;
	stride = wanted > 0 && total > wanted ? total / wanted + 1 : 1;
	for (point = 1; point <= total; point += stride)
	{
		left_open += run_point(call, !alone, expected, point);
		points++;
	}
	all_points += points;
	all_open += left_open;
	printf("%s faults %s: %s, %ld of %ld points, %ld transactions left open\n",
		   problems == before ? "ok     " : "FAILED ", call, kind_names[k],
		   points, total, left_open);
}

int
main(int argc, char **argv)
{
	long		wanted = argc > 2 ? atol(argv[2]) : 600;
	int			k;

	if (argc < 2)
		return 2;
	sprintf(file.path, "%.900s/faults.db", argv[1]);
	inject_start();
	for (k = 0; k < KIND_COUNT; k++)
	{
		run_kind((kind) k, "SELECT dbmig_apply()", 0, wanted);
		run_kind((kind) k, "SELECT dbmig_migrate()", 1, wanted);
	}
	free(file.bytes);
	tenants_run(argv[1], wanted, &all_points, &all_open);
	if (all_open * 3300 > MOST_OPEN * (all_points > 3300 ? all_points : 3300))
		problems++;
	printf("%s faults: %ld points, %ld transactions left open (at most %d of 3,300), nothing half applied\n",
		   problems == 0 ? "ok     " : "FAILED ", all_points, all_open, MOST_OPEN);
	return problems != 0;
}
