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
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern int	sqlite3_dbmig_init(sqlite3 *db, char **error,
							   const sqlite3_api_routines *api);

typedef enum kind
{
	ALLOCATION,
	INTERRUPT,
	FILE_ONCE,
	FILE_FOREVER,
	KIND_COUNT
} kind;

static const char *const kind_names[] = {
	"an allocation fails", "an interrupt", "a file call fails",
	"all file calls fail"
};

static kind now;
static int	armed;
static long seen;				/* chances for a fault since it was armed */
static long fault_at;			/* the one that is one, from 1 */
static sqlite3 *interrupted;

static int
is_fault(kind k)
{
	if (!armed || (k != now && !(k == FILE_ONCE && now == FILE_FOREVER)))
		return 0;
	seen++;
	return now == FILE_FOREVER ? fault_at != 0 && seen >= fault_at :
		seen == fault_at;
}

/* allocations */

static sqlite3_mem_methods real_memory;

static void *
failing_malloc(int size)
{
	return is_fault(ALLOCATION) ? NULL : real_memory.xMalloc(size);
}

static void *
failing_realloc(void *p, int size)
{
	return is_fault(ALLOCATION) ? NULL : real_memory.xRealloc(p, size);
}

/* interrupts */

static int
count_progress(void *data)
{
	(void) data;
	if (is_fault(INTERRUPT))
		sqlite3_interrupt(interrupted);
	return 0;
}

/* the file system: every method of a file is the real one's, or fails */

typedef struct shim_file
{
	sqlite3_file base;
	sqlite3_file *real;
} shim_file;

static sqlite3_vfs shim;
static sqlite3_vfs *real_vfs;

#define REAL(f) (((shim_file *) (f))->real)
#define SHIM(name, declared, call, code) \
	static int \
	shim_##name declared \
	{ \
		return is_fault(FILE_ONCE) ? code : REAL(f)->pMethods->call; \
	}

SHIM(read, (sqlite3_file *f, void *p, int n, sqlite3_int64 at),
	 xRead(REAL(f), p, n, at), SQLITE_IOERR_READ)
SHIM(write, (sqlite3_file *f, const void *p, int n, sqlite3_int64 at),
	 xWrite(REAL(f), p, n, at), SQLITE_FULL)
SHIM(truncate, (sqlite3_file *f, sqlite3_int64 size),
	 xTruncate(REAL(f), size), SQLITE_IOERR_TRUNCATE)
SHIM(sync, (sqlite3_file *f, int flags), xSync(REAL(f), flags), SQLITE_IOERR_FSYNC)
SHIM(size, (sqlite3_file *f, sqlite3_int64 *size), xFileSize(REAL(f), size),
	 SQLITE_IOERR_FSTAT)
SHIM(lock, (sqlite3_file *f, int level), xLock(REAL(f), level), SQLITE_IOERR_LOCK)
SHIM(reserved, (sqlite3_file *f, int *result),
	 xCheckReservedLock(REAL(f), result), SQLITE_IOERR_CHECKRESERVEDLOCK)

static int
shim_close(sqlite3_file *f)
{
	int			rc = REAL(f)->pMethods->xClose(REAL(f));

	sqlite3_free(REAL(f));
	return rc;
}

static int
shim_unlock(sqlite3_file *f, int level)
{
	return REAL(f)->pMethods->xUnlock(REAL(f), level);
}

static int
shim_control(sqlite3_file *f, int op, void *arg)
{
	return REAL(f)->pMethods->xFileControl(REAL(f), op, arg);
}

static int
shim_sector(sqlite3_file *f)
{
	return REAL(f)->pMethods->xSectorSize(REAL(f));
}

static int
shim_device(sqlite3_file *f)
{
	return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}

static int
shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	static const sqlite3_io_methods methods = {
		1, shim_close, shim_read, shim_write, shim_truncate, shim_sync,
		shim_size, shim_lock, shim_unlock, shim_reserved, shim_control,
		shim_sector, shim_device,
		NULL, NULL, NULL, NULL, NULL, NULL
	};
	shim_file  *file = (shim_file *) f;
	int			rc;

	(void) vfs;
	f->pMethods = NULL;
	if (is_fault(FILE_ONCE))
		return SQLITE_CANTOPEN;
	file->real = sqlite3_malloc(real_vfs->szOsFile);
	if (file->real == NULL)
		return SQLITE_NOMEM;
	rc = real_vfs->xOpen(real_vfs, name, file->real, flags, out);
	if (rc == SQLITE_OK)
		f->pMethods = &methods;
	else
		sqlite3_free(file->real);
	return rc;
}

static int
shim_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void) vfs;
	return is_fault(FILE_ONCE) ? SQLITE_IOERR_DELETE :
		real_vfs->xDelete(real_vfs, name, sync);
}

static int
shim_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
	(void) vfs;
	return is_fault(FILE_ONCE) ? SQLITE_IOERR_ACCESS :
		real_vfs->xAccess(real_vfs, name, flags, result);
}

/* what is migrated */

#define MOST_OPEN 14			/* transactions left open, of 3,300 points */

static char path[1000];
static long all_points;
static long all_open;
static char *template_bytes;
static size_t template_size;
static int	problems;

static void
problem(long point, const char *what, const char *error)
{
	if (++problems <= 10)
		printf("point %ld: %s: %s\n", point, what, error != NULL ? error : "");
}

static void
must(sqlite3 *db, const char *sql)
{
	char	   *error = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &error) == SQLITE_OK)
		return;
	printf("%s: %s\n", sql, error);
	exit(2);
}

/* The first value, or -1. */
static long
number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	long		value = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
		sqlite3_step(stmt) == SQLITE_ROW)
		value = (long) sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return value;
}

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

	if (sqlite3_open(path, &db) != SQLITE_OK)
	{
		printf("%s: %s\n", path, sqlite3_errmsg(db));
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
	FILE	   *file;
	char		journal[1010];

	sprintf(journal, "%s-journal", path);
	remove(journal);
	remove(path);
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
	file = fopen(path, "rb");
	if (file == NULL)
		exit(2);
	template_bytes = realloc(template_bytes, 1 << 20);
	template_size = fread(template_bytes, 1, 1 << 20, file);
	fclose(file);
}

static void
use_template(void)
{
	char		journal[1010];
	FILE	   *file;

	sprintf(journal, "%s-journal", path);
	remove(journal);
	file = fopen(path, "wb");
	if (file == NULL || fwrite(template_bytes, 1, template_size, file) != template_size)
		exit(2);
	fclose(file);
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

	use_template();
	db = open_database();
	sqlite3_progress_handler(db, now == INTERRUPT ? 1 : 0, count_progress, NULL);
	interrupted = db;
	fault_at = point;
	seen = 0;
	armed = 1;
	rc = sqlite3_exec(db, call, NULL, NULL, &error);
	armed = 0;
	sqlite3_progress_handler(db, 0, NULL, NULL);
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
		!(now == INTERRUPT && strcmp(error, "interrupted") == 0))
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

	now = k;
	make_template(alone);
	run_point(call, !alone, expected, 0);
	total = seen;
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
	sqlite3_mem_methods memory;
	int			k;

	if (argc < 2)
		return 2;
	sprintf(path, "%.900s/faults.db", argv[1]);
	sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory);
	memory = real_memory;
	memory.xMalloc = failing_malloc;
	memory.xRealloc = failing_realloc;
	sqlite3_config(SQLITE_CONFIG_MALLOC, &memory);
	sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
	sqlite3_initialize();
	real_vfs = sqlite3_vfs_find(NULL);
	shim = *real_vfs;
	shim.zName = "shim";
	shim.szOsFile = sizeof(shim_file);
	shim.xOpen = shim_open;
	shim.xDelete = shim_delete;
	shim.xAccess = shim_access;
	sqlite3_vfs_register(&shim, 1);
	sqlite3_auto_extension((void (*) (void)) sqlite3_dbmig_init);
	for (k = 0; k < KIND_COUNT; k++)
	{
		run_kind((kind) k, "SELECT dbmig_apply()", 0, wanted);
		run_kind((kind) k, "SELECT dbmig_migrate()", 1, wanted);
	}
	free(template_bytes);
	if (all_open * 3300 > MOST_OPEN * (all_points > 3300 ? all_points : 3300))
		problems++;
	printf("%s faults: %ld points, %ld transactions left open (at most %d of 3,300), nothing half applied\n",
		   problems == 0 ? "ok     " : "FAILED ", all_points, all_open, MOST_OPEN);
	return problems != 0;
}
