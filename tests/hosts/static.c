/*
 * static.c
 *		dbmig as a part of a program: linked in, and an automatic extension.
 *
 * What a program relies on: loading changes nothing, its handlers and hooks
 * stay its own, its threads may have a connection each, and no call comes back
 * with a code that SQLite or a driver takes for something else.
 *
 * usage: static FOLDER [CALLS]		CALLS of each thread, 200
 */
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 8

extern int	sqlite3_dbmig_init(sqlite3 *db, char **error,
							   const sqlite3_api_routines *api);

static const char *folder;
static int	calls = 200;
static int	failed;

static void
report(int passed, const char *name, const char *got)
{
	if (passed)
		printf("ok      static %s\n", name);
	else
	{
		printf("FAILED  static %s\ngot: %s\n", name, got);
		failed = 1;
	}
}

static sqlite3 *
open_file(const char *name)
{
	char		path[1000];
	sqlite3    *db;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (sqlite3_open(path, &db) != SQLITE_OK)
	{
		printf("FAILED  static %s: %s\n", path, sqlite3_errmsg(db));
		exit(1);
	}
	return db;
}

/* The first value, or the error; to be freed with sqlite3_free(). */
static char *
answer(sqlite3 *db, const char *format,...)
{
	sqlite3_stmt *stmt = NULL;
	char	   *sql;
	char	   *text;
	va_list		args;
	int			rc;

	va_start(args, format);
	sql = sqlite3_vmprintf(format, args);
	va_end(args);
	rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		text = sqlite3_mprintf("%s", sqlite3_column_text(stmt, 0));
	else if (rc == SQLITE_DONE)
		text = sqlite3_mprintf("");
	else
		text = sqlite3_mprintf("error %d: %s", rc, sqlite3_errmsg(db));
	sqlite3_finalize(stmt);
	sqlite3_free(sql);
	return text;
}

static void
equal(const char *name, const char *wanted, char *got)
{
	report(strcmp(wanted, got) == 0, name, got);
	sqlite3_free(got);
}

/* Its first line is enough. */
static void
begins(const char *name, const char *wanted, char *got)
{
	report(strncmp(wanted, got, strlen(wanted)) == 0, name, got);
	sqlite3_free(got);
}

/* -- loading ---------------------------------------------------------------- */

/* The file's bytes, to be freed. */
static char *
read_file(const char *name, long *size)
{
	char		path[1000];
	char	   *bytes;
	FILE	   *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	if (file == NULL)
		exit(2);
	fseek(file, 0, SEEK_END);
	*size = ftell(file);
	rewind(file);
	bytes = malloc((size_t) *size + 1);
	if (fread(bytes, 1, (size_t) *size, file) != (size_t) *size)
		exit(2);
	fclose(file);
	return bytes;
}

/* What a connection is set to, and what is in its schema. */
static char *
read_settings(sqlite3 *db)
{
	static const char *const names[] = {
		"application_id", "auto_vacuum", "automatic_index", "busy_timeout",
		"cache_size", "data_version", "foreign_keys", "journal_mode",
		"legacy_alter_table", "locking_mode", "query_only",
		"recursive_triggers", "schema_version", "synchronous", "temp_store",
		"trusted_schema", "user_version", "wal_autocheckpoint", NULL
	};
	char	   *all = answer(db, "SELECT count(*) || coalesce(group_concat(sql), '')"
							 " FROM (SELECT sql FROM sqlite_schema UNION ALL"
							 " SELECT sql FROM temp.sqlite_schema)");
	int			i;

	for (i = 0; names[i] != NULL; i++)
	{
		char	   *value = answer(db, "PRAGMA %s", names[i]);

		all = sqlite3_mprintf("%z %s=%z", all, names[i], value);
	}
	return all;
}

static void
test_loading(void)
{
	const char *const looks[] = {
		"SELECT * FROM dbmig_status", "SELECT * FROM dbmig_history",
		"SELECT * FROM dbmig_plan()", "SELECT dbmig_is_current()",
		"SELECT dbmig_apply()", "SELECT dbmig_migrate()", NULL
	};
	char	   *bytes[2];
	char	   *settings[2];
	long		size[2];
	sqlite3    *db = open_file("loading.db");
	int			i;

	sqlite3_exec(db, "CREATE TABLE t (x); INSERT INTO t VALUES (1)", NULL, NULL, NULL);
	sqlite3_close(db);
	db = open_file("loading.db");
	settings[0] = read_settings(db);
	sqlite3_close(db);
	bytes[0] = read_file("loading.db", &size[0]);

	sqlite3_auto_extension((void (*) (void)) sqlite3_dbmig_init);
	db = open_file("loading.db");
	settings[1] = read_settings(db);
	report(strcmp(settings[0], settings[1]) == 0, "loading changes no setting and no schema",
		   settings[1]);
	for (i = 0; looks[i] != NULL; i++)
		sqlite3_free(answer(db, looks[i]));
	sqlite3_close(db);
	bytes[1] = read_file("loading.db", &size[1]);
	report(size[0] == size[1] && memcmp(bytes[0], bytes[1], (size_t) size[0]) == 0,
		   "loading and looking leave the file's bytes alone", "others");
	for (i = 0; i < 2; i++)
	{
		sqlite3_free(settings[i]);
		free(bytes[i]);
	}
	db = open_file("new.db");
	sqlite3_free(answer(db, "SELECT dbmig_is_current()"));
	sqlite3_close(db);
	free(read_file("new.db", &size[0]));
	report(size[0] == 0, "a new file stays empty", "bytes");

	db = open_file("work.db");
	equal("register", "registered",
		  answer(db, "SELECT dbmig_register('p', 1, 'CREATE TABLE a (x)', 'DROP TABLE a')"));
	equal("apply", "1", answer(db, "SELECT dbmig_apply()"));
	report(sqlite3_dbmig_init(db, NULL, NULL) == SQLITE_OK, "loading twice", "an error");
	equal("register after that", "2",
		  answer(db, "SELECT dbmig_append('p', 'CREATE TABLE b (x); VACUUM;')"));
	equal("migrate", "1", answer(db, "SELECT dbmig_migrate()"));
	equal("integrity", "ok", answer(db, "PRAGMA integrity_check"));
	report(sqlite3_close(db) == SQLITE_OK, "the connection can be closed", "busy");
}

/* -- handlers and hooks ----------------------------------------------------- */

typedef enum hook
{
	AUTHORIZER, BUSY, COMMIT, PROGRESS, ROLLBACK, TRACE, UPDATE, WAL, HOOK_COUNT
} hook;

static const char *const hook_names[] = {
	"the authorizer", "the busy handler", "the commit hook",
	"the progress handler", "the rollback hook", "the trace", "the update hook",
	"the WAL hook"
};

static int	seen[HOOK_COUNT];

static int
on_authorize(void *data, int action, const char *a, const char *b, const char *c,
			 const char *d)
{
	(void) a;
	(void) b;
	(void) c;
	(void) d;
	((int *) data)[AUTHORIZER]++;
	return action == SQLITE_DROP_TABLE ? SQLITE_DENY : SQLITE_OK;
}

static int
on_busy(void *data, int count)
{
	((int *) data)[BUSY]++;
	return count < 2;
}

static int
on_commit(void *data)
{
	((int *) data)[COMMIT]++;
	return 0;
}

static int
on_progress(void *data)
{
	((int *) data)[PROGRESS]++;
	return 0;
}

static void
on_rollback(void *data)
{
	((int *) data)[ROLLBACK]++;
}

static int
on_trace(unsigned int kind, void *data, void *p, void *x)
{
	(void) kind;
	(void) p;
	(void) x;
	((int *) data)[TRACE]++;
	return 0;
}

static void
on_update(void *data, int action, const char *schema, const char *table,
		  sqlite3_int64 rowid)
{
	(void) action;
	(void) schema;
	(void) table;
	(void) rowid;
	((int *) data)[UPDATE]++;
}

static int
on_wal(void *data, sqlite3 *db, const char *schema, int pages)
{
	(void) db;
	(void) schema;
	(void) pages;
	((int *) data)[WAL]++;
	return SQLITE_OK;
}

static void
test_hooks(void)
{
	sqlite3    *db = open_file("hooks.db");
	sqlite3    *other = open_file("hooks.db");
	int			i;

	sqlite3_free(answer(db, "PRAGMA journal_mode = wal"));
	sqlite3_set_authorizer(db, on_authorize, seen);
	sqlite3_busy_handler(db, on_busy, seen);
	sqlite3_commit_hook(db, on_commit, seen);
	sqlite3_progress_handler(db, 1, on_progress, seen);
	sqlite3_rollback_hook(db, on_rollback, seen);
	sqlite3_trace_v2(db, SQLITE_TRACE_STMT, on_trace, seen);
	sqlite3_update_hook(db, on_update, seen);
	sqlite3_wal_hook(db, on_wal, seen);
	sqlite3_free(answer(db, "SELECT dbmig_set('lock_timeout', 0)"));

	sqlite3_free(answer(db, "SELECT dbmig_append('h', 'CREATE TABLE a (x); PRAGMA busy_timeout = 7;"
						" PRAGMA wal_autocheckpoint = 9')"));
	equal("apply under the program's handlers", "1", answer(db, "SELECT dbmig_apply()"));
	sqlite3_free(answer(db, "SELECT dbmig_append('h', 'INSERT INTO a VALUES (1); VACUUM;"
						" PRAGMA busy_timeout = 7')"));
	equal("migrate under the program's handlers", "1", answer(db, "SELECT dbmig_migrate()"));
	sqlite3_free(answer(db, "SELECT dbmig_append('h', 'DROP TABLE a')"));
	begins("the program's authorizer forbids", "error 23: migration \"h@3\", statement 1, line 1, column 1: "
		   "not authorized", answer(db, "SELECT dbmig_apply()"));
	sqlite3_free(answer(other, "BEGIN IMMEDIATE"));
	begins("the program's busy handler gives up", "error 5: another connection is writing",
		   answer(db, "SELECT dbmig_append('h', 'SELECT 1')"));
	sqlite3_free(answer(other, "ROLLBACK"));

	memset(seen, 0, sizeof(seen));
	sqlite3_free(answer(db, "INSERT INTO a VALUES (2)"));
	sqlite3_free(answer(db, "BEGIN"));
	sqlite3_free(answer(db, "ROLLBACK"));
	sqlite3_free(answer(other, "BEGIN IMMEDIATE"));
	sqlite3_free(answer(db, "INSERT INTO a VALUES (3)"));
	sqlite3_free(answer(other, "ROLLBACK"));
	for (i = 0; i < HOOK_COUNT; i++)
	{
		char		name[100];

		snprintf(name, sizeof(name), "%s is still the program's", hook_names[i]);
		report(seen[i] > 0, name, "never called");
	}
	sqlite3_close(other);
	sqlite3_close(db);
}

/* -- codes ------------------------------------------------------------------ */

static int	runs;

static void
fail_as_told(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	(void) argc;
	(void) argv;
	runs++;
	sqlite3_result_error_code(context, *(int *) sqlite3_user_data(context));
}

/*
 * SQLITE_SCHEMA would have the calling SELECT run again fifty times, and
 * drivers raise SQLITE_MISUSE as a fault of the program: neither may come out.
 */
static void
test_codes(void)
{
	static int	codes[] = {SQLITE_SCHEMA, SQLITE_MISUSE, SQLITE_CONSTRAINT_CHECK,
	SQLITE_INTERRUPT};
	static const int wanted[] = {SQLITE_ERROR, SQLITE_ERROR, SQLITE_CONSTRAINT,
	SQLITE_INTERRUPT};
	const char *const functions[] = {"dbmig_apply", "dbmig_migrate"};
	sqlite3    *db = open_file("codes.db");
	size_t		i;
	size_t		j;

	sqlite3_free(answer(db, "SELECT dbmig_register_function('c', 1, 'told')"));
	sqlite3_free(answer(db, "SELECT dbmig_register('s', 1, 'SELECT told(1, 2)')"));
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		for (j = 0; j < 4; j++)
		{
			char		name[100];
			char		code[20];

			sqlite3_create_function(db, "told", 2, SQLITE_UTF8, &codes[i], fail_as_told,
									NULL, NULL);
			runs = 0;
			snprintf(name, sizeof(name), "%s: code %d of a %s", functions[j / 2],
					 codes[i], j % 2 ? "function" : "script");
			snprintf(code, sizeof(code), "error %d: ", wanted[i]);
			begins(name, code, answer(db, "SELECT %s('%s')", functions[j / 2],
									  j % 2 ? "c" : "s"));

			/* SQLite itself runs the statement of the migration again */
			if (runs > (codes[i] == SQLITE_SCHEMA ? 51 : 1) || !sqlite3_get_autocommit(db))
				report(0, name, "called again, or a transaction is open");
		}
	sqlite3_close(db);
}

/* -- threads ---------------------------------------------------------------- */

typedef struct thread
{
	pthread_t	id;
	int			number;
	int			errors;
	char		error[500];
} thread;

static void
check(thread *t, const char *wanted, char *got)
{
	if (strcmp(wanted, got) != 0 && t->errors++ == 0)
		snprintf(t->error, sizeof(t->error), "%s, not %s", got, wanted);
	sqlite3_free(got);
}

/* A connection to a file of all threads, and one to a database of its own. */
static void *
run_thread(void *data)
{
	thread	   *t = data;
	sqlite3    *shared = open_file("threads.db");
	sqlite3    *own = NULL;
	int			i;

	if (sqlite3_open(":memory:", &own) != SQLITE_OK)
		exit(1);
	for (i = 1; i <= calls; i++)
	{
		sqlite3_free(answer(shared, "SELECT dbmig_register('all', %d, 'CREATE TABLE t%d (x)')",
							i % 10 + 1, i % 10 + 1));
		if (i % 20 == 0)
		{
			sqlite3_free(answer(shared, "SELECT dbmig_append('own%d', 'SELECT 1')", t->number));
			sqlite3_free(answer(shared, "SELECT %s('own%d')",
								i % 40 == 0 ? "dbmig_migrate" : "dbmig_apply", t->number));
			check(t, "1", answer(shared, "SELECT dbmig_is_current('own%d')", t->number));
		}
		sqlite3_free(answer(own, "SELECT dbmig_append('own', 'CREATE TABLE o%d (x)')", i));
		if (i % 5 == 0)
			check(t, "5", answer(own, "SELECT dbmig_apply()"));
		if (i % 50 == 0)		/* an error, with its message */
			sqlite3_free(answer(own, "SELECT dbmig_apply('nosuch')"));
	}
	sqlite3_close(own);
	sqlite3_close(shared);
	return NULL;
}

static void
test_threads(void)
{
	thread		threads[THREADS];
	sqlite3    *db = open_file("threads.db");
	char	   *wanted;
	int			errors = 0;
	int			i;

	sqlite3_free(answer(db, "PRAGMA journal_mode = wal"));
	sqlite3_free(answer(db, "SELECT dbmig_register('all', 1, 'CREATE TABLE t1 (x)')"));
	memset(threads, 0, sizeof(threads));
	for (i = 0; i < THREADS; i++)
	{
		threads[i].number = i;
		pthread_create(&threads[i].id, NULL, run_thread, &threads[i]);
	}
	for (i = 0; i < THREADS; i++)
	{
		pthread_join(threads[i].id, NULL);
		errors += threads[i].errors;
		if (threads[i].errors != 0)
			printf("thread %d: %s\n", i, threads[i].error);
	}
	report(errors == 0, "threads: no errors", "errors");
	sqlite3_free(answer(db, "SELECT dbmig_apply()"));
	wanted = sqlite3_mprintf("%d|%d|ok", THREADS * (calls / 20) + 10, THREADS * (calls / 20) + 10);
	equal("threads: each migration ran once", wanted,
		  answer(db, "SELECT (SELECT count(*) FROM dbmig_applied) || '|' ||"
				 " (SELECT count(*) FROM dbmig_history) || '|' || integrity_check"
				 " FROM pragma_integrity_check"));
	sqlite3_free(wanted);
	sqlite3_close(db);
}

int
main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	folder = argv[1];
	if (argc > 2)
		calls = atoi(argv[2]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("SQLite %s\n", sqlite3_libversion());
	test_loading();
	test_hooks();
	test_codes();
	test_threads();
	return failed;
}
