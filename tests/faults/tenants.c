/*
 * tenants.c
 *		The functions of tenants, with one thing going wrong at each point.
 *
 * After each: the program's connection is in no transaction, has no file open
 * but its own and no memory more than before; in each file the migrations are
 * whole and recorded; what could not be made is not there, and not known.  A
 * second call does the rest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inject.h"

extern int	sqlite3_dbmig_init(sqlite3 *db, char **error,
							   const sqlite3_api_routines *api);

#define FILES 4					/* home, two that are behind, one that is no
								 * tenant yet */

static template files[FILES];
static char made[1000];			/* by dbmig_create_tenant */

typedef struct test
{
	const char *name;
	const char *call;			/* %1$s: folder */
	int			on;				/* files[on] is what it is about, or 0 */
	int			expected;		/* migrations there are then */
	int			makes;			/* the file made */
	int			removes;		/* files[on] */
	int			looks;			/* writes nothing */
} test;

static const test tests[] = {
	{"dbmig_migrate_tenants", "SELECT dbmig_migrate_tenants(NULL, NULL, '{\"stop_after\": 0}')", 0, 0, 0, 0, 0},
	{"dbmig_tenants", "SELECT count(*) FROM dbmig_tenants", 0, 0, 0, 0, 1},
	{"dbmig_apply", "SELECT dbmig_apply(NULL, NULL, '%s/f3.db')", 3, 4, 0, 0, 0},
	{"dbmig_migrate", "SELECT dbmig_migrate('z', NULL, '%s/f1.db')", 1, 3, 0, 0, 0},
	{"dbmig_rollback", "SELECT dbmig_rollback('p', 1, '%s/f2.db')", 2, 1, 0, 0, 0},
	{"dbmig_create_tenant", "SELECT dbmig_create_tenant('%s/made.db', 'p', 'q')", 0, 4, 1, 0, 0},
	{"dbmig_create_tenant (VACUUM)", "SELECT dbmig_create_tenant('%s/made.db', 'z')", 0, 2, 1, 0, 0},
	{"dbmig_remove_tenant", "SELECT dbmig_remove_tenant('%s/f2.db', 1)", 2, 0, 0, 1, 0}
};

static sqlite3 *
open_file(const char *path, int flags)
{
	sqlite3    *db;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | flags, NULL) != SQLITE_OK)
	{
		printf("%s: %s\n", path, sqlite3_errmsg(db));
		exit(2);
	}
	must(db, "PRAGMA synchronous = off");
	return db;
}

static sqlite3 *
open_home(void)
{
	sqlite3    *db = open_file(files[0].path, SQLITE_OPEN_CREATE);
	char	   *error;

	if (sqlite3_dbmig_init(db, &error, NULL) != SQLITE_OK)
		exit(2);
	must(db, "SELECT dbmig_set('progress', 'off')");
	return db;
}

static void
make_templates(const char *folder)
{
	sqlite3    *db;
	char	   *sql;
	int			i;

	for (i = 0; i < FILES; i++)
	{
		sprintf(files[i].path, "%.900s/f%d.db", folder, i);
		remove_database(files[i].path);
		sqlite3_close(open_file(files[i].path, SQLITE_OPEN_CREATE));
	}
	sprintf(made, "%.900s/made.db", folder);
	db = open_home();
	must(db, "CREATE TABLE m1 (mine); INSERT INTO m1 VALUES (1);"
		 "SELECT dbmig_append('p', 'CREATE TABLE m1 (x UNIQUE, y); INSERT INTO m1 VALUES (1, 2)',"
		 " 'DROP TABLE m1')");
	sql = sqlite3_mprintf("SELECT dbmig_apply(NULL, NULL, '%q'), dbmig_apply(NULL, NULL, '%q');"
						  "SELECT dbmig_append('p', 'CREATE TABLE m2 (x);"
						  " INSERT INTO m2 SELECT y FROM m1; PRAGMA user_version = 3', 'DROP TABLE m2');"
						  "SELECT dbmig_append('p', 'CREATE TABLE m3 (x)', 'DROP TABLE m3');"
						  "SELECT dbmig_append('q', 'DROP TABLE IF EXISTS old; CREATE INDEX i3 ON m1 (y)',"
						  " 'DROP INDEX i3');"
						  "SELECT dbmig_after('q', 'p@1')", files[1].path, files[2].path);
	must(db, sql);
	sqlite3_free(sql);
	sqlite3_close(db);
	for (i = 0; i < FILES; i++)
		template_take(&files[i]);
}

/* Those of a test that has one more: it cannot be in a transaction. */
static void
add_vacuum(void)
{
	sqlite3    *db = open_home();

	must(db, "SELECT dbmig_append('z', 'CREATE TABLE m4 (x)');"
		 "SELECT dbmig_append('z', 'INSERT INTO m4 VALUES (1); VACUUM; INSERT INTO m4 VALUES (2)')");
	sqlite3_close(db);
	template_take(&files[0]);
}

#define HAS(name) "(SELECT count(*) FROM sqlite_schema WHERE name = '" name "')"
#define APPLIED(package, version) \
	"(SELECT count(*) FROM dbmig_applied WHERE package = '" package \
	"' AND version = '" version "' AND state = 'applied')"
#define SAME(a, b) "(" a " <> " b ")"

/* How many migrations there are in a file; or -1, and it was said. */
static long
applied(long point, const char *path, const char *error)
{
	sqlite3    *db = open_file(path, 0);
	char	   *message;
	long		done;
	long		rows;
	long		count;

	if (sqlite3_dbmig_init(db, &message, NULL) != SQLITE_OK)
		exit(2);
	count = number(db, "SELECT " SAME(HAS("m1"), APPLIED("p", "1"))
				   " + " SAME(HAS("m2"), APPLIED("p", "2"))
				   " + " SAME(HAS("m3"), APPLIED("p", "3"))
				   " + " SAME(HAS("i3"), APPLIED("q", "1"))
				   " + " SAME(HAS("m4"), APPLIED("z", "1")));
	done = number(db, "SELECT coalesce((SELECT statements FROM dbmig_applied"
				  " WHERE package = 'z' AND version = '2'), 0)");
	rows = number(db, "SELECT count(*) FROM m4");

	/* what is beside VACUUM is at least once, and one only in its transaction */
	if (count != 0 || (rows >= 0 && rows != (done == 0 ? 0 : done < 3 ? 1 : 2)))
		problem(point, "half applied", error);
	if (number(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'") != 1)
		problem(point, "integrity_check", error);
	if (number(db, "SELECT count(*) FROM dbmig_tenant") != 0 ||
		number(db, "SELECT count(*) FROM dbmig_applied WHERE tenant <> ''") != 0)
		problem(point, "the file has what is the registry's", error);
	if (number(db, "SELECT count(*) FROM (SELECT 1 FROM dbmig_history WHERE action = 'apply'"
			   " AND outcome = 'ok' GROUP BY package, version HAVING count(*) > 1)") != 0)
		problem(point, "applied twice", error);
	count = number(db, "SELECT count(*) FROM dbmig_applied WHERE state = 'applied'");
	sqlite3_close(db);
	return count;
}

static int
is_known(sqlite3 *db, const char *path)
{
	char	   *sql = sqlite3_mprintf("SELECT (SELECT count(*) FROM dbmig_tenant WHERE tenant = '%q')"
									  " + (SELECT count(*) FROM dbmig_tenant_package WHERE tenant = '%q')", path, path);
	long		known = number(db, sql);

	sqlite3_free(sql);
	return known > 0;
}

/* What is there after the call, whatever became of it. */
static void
check_files(const test *t, sqlite3 *db, long point, int rc, const char *error)
{
	int			i;

	for (i = 1; i < FILES; i++)
		if (!t->removes || i != t->on)
			applied(point, files[i].path, error);
	if (t->makes && access(made, F_OK) == 0)
		applied(point, made, error);
	if (number(db, "SELECT mine FROM m1") != 1)
		problem(point, "the program's table was touched", error);
	if (t->makes && rc != SQLITE_OK && inject.now == FILE_ONCE &&
		(access(made, F_OK) == 0 || is_known(db, made)))
		problem(point, "a failure leaves a tenant", error);
	if (t->makes && inject.now != FILE_FOREVER &&
		(access(made, F_OK) == 0) != is_known(db, made))
		problem(point, "a file that is not known, or a tenant without", error);
}

/* Again, with nothing wrong. */
static void
complete(const test *t, const char *call, sqlite3 *db, long point, int rc)
{
	char	   *error = NULL;
	int			i;

	if (t->makes && is_known(db, made))
		call = "SELECT dbmig_migrate_tenants()";
	else if (t->makes)
		remove_database(made);
	if (t->removes && rc == SQLITE_OK)
		 /* it is done */ ;
	else if (t->removes && !is_known(db, files[t->on].path))
		remove_database(files[t->on].path);
	else if (sqlite3_exec(db, call, NULL, NULL, &error) != SQLITE_OK &&
			 strstr(t->name, "rollback") == NULL)
		problem(point, "the second call fails", error);
	sqlite3_free(error);
	if (t->makes && applied(point, made, "") != t->expected)
		problem(point, "the second call is not complete", t->name);
	if (t->makes && !is_known(db, made))
		problem(point, "the new tenant is not known", "");
	if (t->removes && (access(files[t->on].path, F_OK) == 0 || is_known(db, files[t->on].path)))
		problem(point, "the tenant is still there", "");
	if (!t->makes && !t->removes && t->on != 0 &&
		applied(point, files[t->on].path, "") != t->expected)
		problem(point, "the second call is not complete", t->name);
	for (i = 1; t->on == 0 && !t->makes && !t->looks && i < 3; i++)
		if (applied(point, files[i].path, "") != number(db, "SELECT count(*) FROM dbmig_migration"))
			problem(point, "the second call is not complete", t->name);
}

/* One point; gives whether a transaction was left open. */
static int
run_point(const test *t, const char *call, long point)
{
	sqlite3_int64 memory;
	char	   *error = NULL;
	int			left_open = 0;
	int			open_files;
	sqlite3    *db;
	int			i;
	int			rc;

	for (i = 0; i < FILES; i++)
		template_use(&files[i]);
	remove_database(made);
	memory = sqlite3_memory_used();
	db = open_home();
	number(db, "SELECT count(*) FROM sqlite_schema");
	open_files = inject.open_files;
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
	if (inject.open_files != open_files)
		problem(point, "files are left open", error);
	check_files(t, db, point, rc, error);
	complete(t, call, db, point, rc);
	sqlite3_free(error);
	if (sqlite3_close(db) != SQLITE_OK)
		problem(point, "the connection cannot be closed", "");
	if (sqlite3_memory_used() != memory)
		problem(point, "memory is lost", "");
	return left_open;
}

static void
run_kind(const test *t, const char *folder, long wanted, long *all_points, long *all_open)
{
	char	   *call = sqlite3_mprintf(t->call, folder);
	int			before = problems;
	long		left_open = 0;
	long		points = 0;
	long		total;
	long		stride;
	long		point;

	run_point(t, call, 0);
	total = inject.seen;
	stride = wanted > 0 && total > wanted ? total / wanted + 1 : 1;
	for (point = 1; point <= total; point += stride)
	{
		left_open += run_point(t, call, point);
		points++;
	}
	*all_points += points;
	*all_open += left_open;
	sqlite3_free(call);
	printf("%s faults %s: %s, %ld of %ld points, %ld transactions left open\n",
		   problems == before ? "ok     " : "FAILED ", t->name, kind_names[inject.now],
		   points, total, left_open);
}

void
tenants_run(const char *folder, long wanted, long *all_points, long *all_open)
{
	size_t		i;
	int			k;

	/* there are four times as many calls as without tenants */
	if (wanted > 0)
		wanted = wanted / 6 + 1;

	sqlite3_reset_auto_extension();
	inject.anywhere = 1;
	for (k = 0; k < KIND_COUNT; k++)
		for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		{
			inject.now = ALLOCATION;
			make_templates(folder);
			if (strstr(tests[i].call, "'z'") != NULL)
				add_vacuum();
			inject.now = (kind) k;
			run_kind(&tests[i], folder, wanted, all_points, all_open);
		}
	for (i = 0; i < FILES; i++)
		free(files[i].bytes);
}
