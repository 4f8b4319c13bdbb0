/*
 * hooks.c
 *		What belongs to the program is the program's: its busy handler,
 *		authorizer, progress handler, trace and hooks, before and after dbmig.
 *
 * SQLite gives back a hook's argument when another takes its place; that of
 * the others has to be seen: each is made to be called, on the same connection.
 *
 * usage: hooks FOLDER
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern int	sqlite3_dbmig_init(sqlite3 *db, char **error,
							   const sqlite3_api_routines *api);

static char path[1000];
static int	problems;

/* how often each was called */
static int	busy;
static int	authorizer;
static int	progress;
static int	trace;
static int	commits;
static int	rollbacks;
static int	updates;
static int	wal;

static int
on_busy(void *arg, int tries)
{
	(void) arg;
	busy++;
	return tries < 2;
}

static int
on_authorize(void *arg, int action, const char *a, const char *b, const char *c,
			 const char *d)
{
	(void) arg;
	(void) action;
	(void) a;
	(void) b;
	(void) c;
	(void) d;
	authorizer++;
	return SQLITE_OK;
}

static int
on_progress(void *arg)
{
	(void) arg;
	progress++;
	return 0;
}

static int
on_trace(unsigned what, void *arg, void *p, void *x)
{
	(void) what;
	(void) arg;
	(void) p;
	(void) x;
	trace++;
	return 0;
}

static int
on_commit(void *arg)
{
	(void) arg;
	commits++;
	return 0;
}

static void
on_rollback(void *arg)
{
	(void) arg;
	rollbacks++;
}

static void
on_update(void *arg, int what, const char *schema, const char *table,
		  sqlite3_int64 row)
{
	(void) arg;
	(void) what;
	(void) schema;
	(void) table;
	(void) row;
	updates++;
}

static int
on_wal(void *arg, sqlite3 *db, const char *schema, int pages)
{
	(void) arg;
	(void) db;
	(void) schema;
	(void) pages;
	wal++;
	return SQLITE_OK;
}

static void
run(sqlite3 *db, const char *sql, int wanted)
{
	char	   *error = NULL;
	int			rc = sqlite3_exec(db, sql, NULL, NULL, &error);

	if (rc != wanted)
	{
		printf("%s: %d, %s\n", sql, rc, error != NULL ? error : "");
		problems++;
	}
	sqlite3_free(error);
}

static void
check(const char *what, const char *after, int good)
{
	if (good)
		return;
	printf("the program's %s is gone after %s\n", what, after);
	problems++;
}

/* Every handler is still there, and is called. */
static void
check_all(sqlite3 *db, sqlite3 *other, const char *after)
{
	int			before[8];

	run(other, "BEGIN IMMEDIATE", SQLITE_OK);
	before[0] = busy;
	run(db, "BEGIN IMMEDIATE", SQLITE_BUSY);
	check("busy handler", after, busy == before[0] + 3);
	run(other, "ROLLBACK", SQLITE_OK);

	before[1] = authorizer;
	before[2] = progress;
	before[3] = trace;
	before[4] = commits;
	before[5] = updates;
	before[6] = wal;
	run(db, "CREATE TABLE IF NOT EXISTS seen (x); INSERT INTO seen VALUES (1);"
		"WITH RECURSIVE c(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM c WHERE i < 100)"
		" SELECT count(*) FROM c", SQLITE_OK);
	check("authorizer", after, authorizer > before[1]);
	check("progress handler", after, progress > before[2]);
	check("trace", after, trace > before[3]);
	check("commit hook", after, commits > before[4]);
	check("update hook", after, updates > before[5]);
	check("WAL hook", after, wal > before[6]);
	before[7] = rollbacks;
	run(db, "BEGIN; INSERT INTO seen VALUES (2); ROLLBACK", SQLITE_OK);
	check("rollback hook", after, rollbacks > before[7]);
	check("commit hook", after, sqlite3_commit_hook(db, on_commit, &commits) == &commits);
	check("rollback hook", after, sqlite3_rollback_hook(db, on_rollback, &rollbacks) == &rollbacks);
	check("update hook", after, sqlite3_update_hook(db, on_update, &updates) == &updates);
	check("WAL hook", after, sqlite3_wal_hook(db, on_wal, &wal) == &wal);
}

static const struct
{
	const char *call;
	int			code;
}			calls[] =
{
	{"SELECT dbmig_register('p', 1, 'CREATE TABLE a (x); INSERT INTO a VALUES (1)', 'DROP TABLE a')", SQLITE_OK},
	{"SELECT dbmig_append('p', 'PRAGMA cache_size = 10; PRAGMA busy_timeout = 9; PRAGMA wal_autocheckpoint = 9;"
	" PRAGMA foreign_keys = on; CREATE TABLE b (x)', 'DROP TABLE b')", SQLITE_OK},
	{"SELECT dbmig_apply()", SQLITE_OK},
	{"SELECT dbmig_rollback('p')", SQLITE_OK},
	{"SELECT dbmig_apply()", SQLITE_OK},
	{"BEGIN; SELECT dbmig_redo('p'); COMMIT", SQLITE_OK},
	{"SELECT dbmig_append('p', 'CREATE TABLE c (x); INSERT INTO nowhere VALUES (1)')", SQLITE_OK},
	{"SELECT dbmig_apply()", SQLITE_ERROR},
	{"SELECT dbmig_migrate()", SQLITE_ERROR},
	{"SELECT dbmig_unregister('p', 3)", SQLITE_OK},
	{"SELECT dbmig_append('p', 'CREATE TABLE c (x); VACUUM; PRAGMA wal_checkpoint; PRAGMA busy_timeout = 7')", SQLITE_OK},
	{"SELECT dbmig_migrate()", SQLITE_OK},
	{"SELECT dbmig_wait('p', 1)", SQLITE_OK},
	{"SELECT * FROM dbmig_status, dbmig_history", SQLITE_OK},
};

int
main(int argc, char **argv)
{
	sqlite3    *db;
	sqlite3    *other;
	size_t		i;

	if (argc < 2)
		return 2;
	sprintf(path, "%.900s/hooks.db", argv[1]);
	sqlite3_auto_extension((void (*) (void)) sqlite3_dbmig_init);
	if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_open(path, &other) != SQLITE_OK)
		return 2;
	run(other, "PRAGMA journal_mode = wal", SQLITE_OK);
	sqlite3_busy_handler(db, on_busy, NULL);
	sqlite3_set_authorizer(db, on_authorize, NULL);
	sqlite3_progress_handler(db, 50, on_progress, NULL);
	sqlite3_trace_v2(db, SQLITE_TRACE_STMT, on_trace, NULL);
	sqlite3_commit_hook(db, on_commit, &commits);
	sqlite3_rollback_hook(db, on_rollback, &rollbacks);
	sqlite3_update_hook(db, on_update, &updates);
	sqlite3_wal_hook(db, on_wal, &wal);
	check_all(db, other, "nothing");
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
	{
		run(db, calls[i].call, calls[i].code);
		check_all(db, other, calls[i].call);
	}
	sqlite3_close(db);
	sqlite3_close(other);
	printf("%s stress: the program's handlers and hooks are as they were, after %d calls\n",
		   problems == 0 ? "ok     " : "FAILED ", (int) i);
	return problems != 0;
}
