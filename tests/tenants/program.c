/*
 * program.c
 *		Tenants of a program that does unusual things with SQLite.
 *
 * A VFS that leaves links as they are (as SQLite's own did before 3.39), an
 * authorizer that denies one thing after the other, limits that are lowered,
 * several connections.  Whatever is refused: no transaction, no file and no
 * memory is left, and without the obstacle the work is completed.
 *
 * usage: program FOLDER
 */
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern int	sqlite3_dbmig_init(sqlite3 *db, char **error,
							   const sqlite3_api_routines *api);

static int	failed;

static void
equal(const char *name, const char *expected, char *got)
{
	if (strcmp(expected, got) == 0)
		printf("ok      tenants of a program: %s\n", name);
	else
	{
		printf("FAILED  tenants of a program: %s\nexpected: %s\ngot: %s\n", name, expected, got);
		failed = 1;
	}
	sqlite3_free(got);
}

static sqlite3 *
open_as(const char *path, const char *vfs)
{
	sqlite3    *db;
	char	   *error = NULL;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs) != SQLITE_OK ||
		sqlite3_dbmig_init(db, &error, NULL) != SQLITE_OK)
	{
		printf("FAILED  tenants of a program: %s: %s\n", path, sqlite3_errmsg(db));
		exit(1);
	}
	return db;
}

/* All first columns, with commas; or the first line of the error. */
static char *
answer(sqlite3 *db, const char *sql)
{
	sqlite3_str *text = sqlite3_str_new(NULL);
	sqlite3_stmt *stmt = NULL;
	const char *end = "";
	int			rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	while (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
	{
		sqlite3_str_appendf(text, "%s%s", end, sqlite3_column_text(stmt, 0));
		end = ",";
	}
	if (sqlite3_finalize(stmt) != SQLITE_OK || rc != SQLITE_OK)
	{
		const char *message = sqlite3_errmsg(db);

		sqlite3_str_reset(text);
		sqlite3_str_append(text, message, (int) strcspn(message, "\n"));
	}
	sqlite3_str_appendall(text, "");
	return sqlite3_str_finish(text);
}

static void
must(sqlite3 *db, const char *sql)
{
	char	   *error = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &error) == SQLITE_OK)
		return;
	printf("FAILED  tenants of a program: %s: %s\n", sql, error);
	exit(1);
}

/* -- links ------------------------------------------------------------------ */

static int
naive_full(sqlite3_vfs *vfs, const char *name, int size, char *path)
{
	char		folder[1000];

	(void) vfs;
	if (name[0] == '/')
		sqlite3_snprintf(size, path, "%s", name);
	else if (getcwd(folder, sizeof(folder)) != NULL)
		sqlite3_snprintf(size, path, "%s/%s", folder, name);
	return SQLITE_OK;
}

static void
test_links(void)
{
	static sqlite3_vfs naive;
	sqlite3    *db;

	naive = *sqlite3_vfs_find(NULL);
	naive.zName = "unix-naive";
	naive.xFullPathname = naive_full;
	sqlite3_vfs_register(&naive, 0);
	db = open_as("link/home.db", "unix-naive");
	must(db, "SELECT dbmig_append('p', 'CREATE TABLE t (x)')");
	equal("made through a link", "1", answer(db, "SELECT dbmig_create_tenant('link/a.db') LIKE '%/folder/a.db'"));
	equal("met by another name", "0", answer(db, "SELECT dbmig_apply('p', NULL, 'folder/a.db')"));
	equal("and by a third", "0", answer(db, "SELECT dbmig_apply('p', NULL, './link/../folder/a.db')"));
	equal("is one", "1", answer(db, "SELECT count(*) FROM dbmig_tenants"));
	equal("the database itself, through a link", "\"folder/home.db\" is this database itself, no tenant of it",
		  answer(db, "SELECT dbmig_apply('p', NULL, 'folder/home.db')"));
	equal("a folder that is not there", "could not make the file \"/no/such/a.db\"",
		  answer(db, "SELECT dbmig_create_tenant('/no/such/a.db')"));
	sqlite3_close(db);
}

/* -- obstacles -------------------------------------------------------------- */

static int	denied;

static int
deny(void *data, int action, const char *a, const char *b, const char *c, const char *d)
{
	(void) data;
	(void) a;
	(void) b;
	(void) c;
	(void) d;
	return action == denied ? SQLITE_DENY : SQLITE_OK;
}

static int	limited;
static int	limit_before;

static void
set_obstacle(sqlite3 *db, int limit, int value)
{
	if (limit < 0)
	{
		denied = value;
		sqlite3_set_authorizer(db, deny, NULL);
	}
	else
	{
		limited = limit;
		limit_before = sqlite3_limit(db, limit, value);
	}
}

static void
take_obstacle(sqlite3 *db, int limit)
{
	if (limit < 0)
		sqlite3_set_authorizer(db, NULL, NULL);
	else
		sqlite3_limit(db, limited, limit_before);
}

static int
obstacle(int limit, int value)
{
	static const char *const calls[] = {
		"SELECT dbmig_create_tenant('made.db')", "SELECT dbmig_apply(NULL, NULL, 'b.db')",
		"SELECT dbmig_migrate_tenants()", "SELECT count(*) FROM dbmig_tenants",
		"SELECT dbmig_remove_tenant('made.db', 1)"
	};
	sqlite3_int64 memory = sqlite3_memory_used();
	sqlite3    *db;
	char	   *text;
	int			wrong = 0;
	int			i;

	remove("o.db");
	remove("made.db");
	remove("a.db");
	remove("b.db");
	fclose(fopen("b.db", "w"));
	db = open_as("o.db", NULL);
	must(db, "SELECT dbmig_append('p', 'CREATE TABLE t (x)'), dbmig_create_tenant('a.db'),"
		 " dbmig_append('p', 'CREATE TABLE u (x)')");
	for (i = 0; i < 5; i++)
	{
		set_obstacle(db, limit, value);
		sqlite3_free(answer(db, calls[i]));
		take_obstacle(db, limit);
		if (!sqlite3_get_autocommit(db))
		{
			wrong = 1;
			must(db, "ROLLBACK");
		}
	}
	/* made.db: there and known, or neither; the others: complete */
	text = answer(db, "SELECT dbmig_create_tenant('made.db')");
	if (strstr(text, "is there already") == NULL && strstr(text, "made.db") == NULL)
		wrong = 1;
	sqlite3_free(text);
	must(db, "SELECT dbmig_apply(NULL, NULL, 'b.db'), dbmig_migrate_tenants()");
	text = answer(db, "SELECT count(*) FROM dbmig_tenants WHERE state = 'current' AND pending = 0");
	wrong = wrong || strcmp(text, "3") != 0;
	sqlite3_free(text);
	wrong = sqlite3_close(db) != SQLITE_OK || wrong;
	wrong = sqlite3_memory_used() != memory || wrong;
	return wrong;
}

static void
test_obstacles(void)
{
	static const int limits[][2] = {
		{SQLITE_LIMIT_LENGTH, 30}, {SQLITE_LIMIT_LENGTH, 100}, {SQLITE_LIMIT_LENGTH, 1000},
		{SQLITE_LIMIT_SQL_LENGTH, 60}, {SQLITE_LIMIT_SQL_LENGTH, 200}, {SQLITE_LIMIT_SQL_LENGTH, 500},
		{SQLITE_LIMIT_COLUMN, 5}, {SQLITE_LIMIT_EXPR_DEPTH, 1}, {SQLITE_LIMIT_EXPR_DEPTH, 5},
		{SQLITE_LIMIT_COMPOUND_SELECT, 1}, {SQLITE_LIMIT_VDBE_OP, 10}, {SQLITE_LIMIT_VDBE_OP, 50},
		{SQLITE_LIMIT_FUNCTION_ARG, 2}, {SQLITE_LIMIT_ATTACHED, 0}, {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1},
		{SQLITE_LIMIT_VARIABLE_NUMBER, 0}, {SQLITE_LIMIT_VARIABLE_NUMBER, 2}, {SQLITE_LIMIT_TRIGGER_DEPTH, 0}
	};
	sqlite3_str *text = sqlite3_str_new(NULL);
	size_t		i;

	for (i = 1; i <= SQLITE_RECURSIVE; i++)
		if (obstacle(-1, (int) i))
			sqlite3_str_appendf(text, "%d ", (int) i);
	sqlite3_str_appendall(text, "none");
	equal("what an authorizer denies leaves nothing behind", "none", sqlite3_str_finish(text));
	text = sqlite3_str_new(NULL);
	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (obstacle(limits[i][0], limits[i][1]))
			sqlite3_str_appendf(text, "%d=%d ", limits[i][0], limits[i][1]);
	sqlite3_str_appendall(text, "none");
	equal("nor does a limit that is met", "none", sqlite3_str_finish(text));
}

/* -- several connections ---------------------------------------------------- */

static void
test_connections(void)
{
	sqlite3    *one = open_as("one.db", NULL);
	sqlite3    *two = open_as("two.db", NULL);
	sqlite3    *again = open_as("one.db", NULL);

	must(one, "SELECT dbmig_append('p', 'CREATE TABLE t (x)'), dbmig_create_tenant('shared.db')");
	must(two, "SELECT dbmig_append('q', 'CREATE TABLE u (x)')");
	equal("a file that is a tenant of two", "1", answer(two, "SELECT dbmig_apply(NULL, NULL, 'shared.db')"));
	equal("one's part of it", "1", answer(one, "SELECT dbmig_check('p', NULL, 'shared.db')"));
	equal("a second connection to the same registry", "1,1",
		  answer(again, "SELECT column1 FROM (VALUES (dbmig_check('p', NULL, 'shared.db')),"
				 " (dbmig_migrate_tenants() + 1))"));
	equal("loaded once more", "0", (sqlite3_dbmig_init(one, NULL, NULL),
									answer(one, "SELECT dbmig_migrate_tenants()")));
	sqlite3_close(two);
	must(again, "ATTACH 'shared.db' AS x; BEGIN; CREATE TABLE x.mine (y); COMMIT");
	must(one, "SELECT dbmig_append('p', 'DROP TABLE mine')");
	equal("attached elsewhere", "1", answer(one, "SELECT dbmig_migrate_tenants()"));
	equal("and noticed there", "no such table: mine", answer(again, "SELECT y FROM mine"));
	equal("one's own statement is in the way of no tenant", "0,0,0",
		  answer(one, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3)"
				 " SELECT dbmig_apply('p', NULL, 'shared.db') FROM n"));
	equal("the first can be closed", "0", sqlite3_mprintf("%d", sqlite3_close(one)));
	equal("the other, too", "0", sqlite3_mprintf("%d", sqlite3_close(again)));
}

/* -- a function that every connection has, and that does what it may not ---- */

static void
commit_here(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void) count;
	(void) values;
	sqlite3_result_int(context, sqlite3_exec(sqlite3_context_db_handle(context), "COMMIT", NULL, NULL, NULL));
}

static int
add_function(sqlite3 *db, char **error, const sqlite3_api_routines *api)
{
	(void) error;
	(void) api;
	return sqlite3_create_function(db, "commit_here", 0, SQLITE_UTF8, NULL, commit_here, NULL, NULL);
}

static void
test_commit(void)
{
	static const char each[] = "SELECT group_concat(version || ' ' || outcome, ', ') FROM"
		" (SELECT * FROM dbmig_history WHERE action = 'apply' AND version > '1' ORDER BY id)";
	sqlite3    *home;
	sqlite3    *db;

	sqlite3_auto_extension((void (*) (void)) add_function);
	home = open_as("commit.db", NULL);
	must(home, "SELECT dbmig_append('p', 'CREATE TABLE t1 (x)'), dbmig_create_tenant('committed.db'),"
		 " dbmig_append('p', 'CREATE TABLE t2 (x)'), dbmig_append('p', 'CREATE TABLE t3 (x)'),"
		 " dbmig_append('p', 'SELECT commit_here()'), dbmig_append('p', 'CREATE TABLE t5 (x)')");
	sqlite3_free(answer(home, "SELECT dbmig_migrate_tenants()"));
	db = open_as("committed.db", NULL);
	equal("a migration that commits takes no record from others", "2 ok, 3 ok, 4 failed", answer(db, each));
	must(home, "SELECT dbmig_register('p', 4, 'SELECT 1')");
	equal("nor is anything done twice", "2", answer(home, "SELECT dbmig_migrate_tenants()"));
	equal("but for it", "2 ok, 3 ok, 4 failed, 4 ok, 5 ok", answer(db, each));
	sqlite3_close(db);
	sqlite3_close(home);
	sqlite3_reset_auto_extension();
}

/* -- progress that says stop ------------------------------------------------- */

static char told[200];

static void
stop_at_three(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void) count;
	sqlite3_snprintf(100, told + strlen(told), "%d/%d ", sqlite3_value_int(values[0]), sqlite3_value_int(values[1]));
	sqlite3_result_int(context, sqlite3_value_int(values[0]) != 3);
}

static void
test_stop(void)
{
	sqlite3    *home = open_as("stop.db", NULL);
	char	   *text;

	sqlite3_create_function(home, "stop_at_three", 3, SQLITE_UTF8, NULL, stop_at_three, NULL, NULL);
	must(home, "SELECT dbmig_append('p', 'CREATE TABLE t1 (x)'), dbmig_create_tenant('stopped.db'),"
		 " dbmig_append('p', 'CREATE TABLE t2 (x)'), dbmig_append('p', 'CREATE TABLE t3 (x)'),"
		 " dbmig_append('p', 'CREATE TABLE t4 (x)'), dbmig_append('p', 'CREATE TABLE t5 (x)'),"
		 " dbmig_set('progress', 'stop_at_three')");
	text = answer(home, "SELECT dbmig_migrate_tenants()");
	equal("progress stops it behind what is committed", "yes",
		  sqlite3_mprintf("%s", strstr(text, "stopped by the progress function") != NULL ? "yes" : text));
	sqlite3_free(text);
	equal("and is told no more", "1/4 2/4 3/4 ", sqlite3_mprintf("%s", told));
	must(home, "SELECT dbmig_migrate_tenants()");
	equal("what was committed is not done again", "current 0",
		  answer(home, "SELECT state || ' ' || pending FROM dbmig_tenants"));
	equal("the log is whole", "5", (must(home, "ATTACH 'stopped.db' AS x"),
									answer(home, "SELECT count(*) FROM x.dbmig_history WHERE action = 'apply' AND outcome = 'ok'")));
	sqlite3_close(home);
}

int
main(int argc, char **argv)
{
	if (argc < 2 || chdir(argv[1]) != 0)
		return 2;
	test_links();
	test_obstacles();
	test_connections();
	test_commit();
	test_stop();
	return failed;
}
