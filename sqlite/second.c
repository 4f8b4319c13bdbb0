/*
 * second.c
 *		A second connection to the same file, for what the first cannot do.
 *
 * VACUUM fails on a connection whose SELECT is running, and page_size and
 * auto_vacuum work through the VACUUM of their connection.  The second one is
 * open for one statement only, since while it is there the journal mode
 * cannot change; what it was told before it is told again.  It holds nothing
 * while the first one records.  It lacks the functions and collations that
 * the program has made: where an index needs one, SQLite says so.
 */
#include "dbmig_sqlite.h"

#include <string.h>

SQLITE_EXTENSION_INIT3

#define PROGRESS_STEPS 20000	/* of SQLite's, between looks for an interrupt */

/* The first value that a statement gives, as a number. */
static sqlite3_int64
read_number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	sqlite3_int64 value = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
		sqlite3_step(stmt) == SQLITE_ROW)
		value = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return value;
}

bool
dbmig_is_query_only(sqlite3 *db)
{
	return read_number(db, "PRAGMA query_only") > 0;
}

static bool
is_exclusive(sqlite3 *db)
{
	sqlite3_stmt *stmt = NULL;
	bool		exclusive = false;

	if (sqlite3_prepare_v2(db, "PRAGMA main.locking_mode", -1, &stmt, NULL) == SQLITE_OK &&
		sqlite3_step(stmt) == SQLITE_ROW)
		exclusive = sqlite3_column_text(stmt, 0) != NULL &&
			strcmp((const char *) sqlite3_column_text(stmt, 0), "exclusive") == 0;
	sqlite3_finalize(stmt);
	return exclusive;
}

/* Why the database of this connection cannot be opened once more, or NULL. */
const char *
dbmig_second_refusal(dbmig_work *work)
{
	sqlite3    *db = work->db;
	const char *name = sqlite3_db_filename(db, "main");
	sqlite3_vfs *vfs = NULL;

	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_VFS_POINTER, &vfs) != SQLITE_OK ||
		vfs == NULL || vfs->zName == NULL)
		return "SQLite does not say where the database is";
	if (strcmp(vfs->zName, "memdb") == 0 || name == NULL || name[0] == '\0')
		return "the database is in memory or temporary, not a file";
	if (dbmig_caller_replicated(work))
		return "dqlite replicates the database";
	if (sqlite3_db_readonly(db, "main") == 1)
		return "the database is read-only";
	if (dbmig_is_query_only(db))
		return "PRAGMA query_only is on";
	if (!sqlite3_get_autocommit(db))
		return "a transaction is open";
	return NULL;
}

/* What is not plain in a URI is written as %XX. */
static int
append_coded(dbmig_call *call, dbmig_buffer *uri, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	"0123456789/._-~";

	for (; *text != '\0'; text++)
		if ((strchr(plain, *text) != NULL ? dbmig_append_bytes(call, uri, text, 1) :
			 dbmig_append_format(call, uri, "%%%02X", (unsigned char) *text)) != 0)
			return -1;
	return 0;
}

char *
dbmig_file_uri(dbmig_call *call, const char *path, const char *as)
{
	dbmig_buffer uri = {NULL, 0, 0};
	const char *mark = "?";
	const char *key;
	int			i;

	if (dbmig_append_text(call, &uri, "file:") != 0 ||
		append_coded(call, &uri, path) != 0)
		return NULL;
	for (i = 0; as != NULL && (key = sqlite3_uri_key(as, i)) != NULL; i++)
	{
		/* these are given otherwise */
		if (strcmp(key, "mode") == 0 || strcmp(key, "cache") == 0 ||
			strcmp(key, "vfs") == 0)
			continue;
		if (dbmig_append_text(call, &uri, mark) != 0 ||
			append_coded(call, &uri, key) != 0 ||
			dbmig_append_text(call, &uri, "=") != 0 ||
			append_coded(call, &uri, sqlite3_uri_parameter(as, key)) != 0)
			return NULL;
		mark = "&";
	}
	return uri.text;
}

static int
look_for_interrupt(void *data)
{
	return dbmig_work_interrupted(data) ? 1 : 0;
}

void
dbmig_watch_interrupt(sqlite3 *db, dbmig_work *work)
{
#ifndef SQLITE_CORE
	if (sqlite3_api->progress_handler != NULL)
#endif
		sqlite3_progress_handler(db, PROGRESS_STEPS, look_for_interrupt, work);
}

/* A statement there, again and again while the database is locked. */
static int
exec(dbmig_run *r, sqlite3 *db, const char *sql, size_t length)
{
	char	   *text = dbmig_copy(r->call, sql, length);
	dbmig_wait	wait = {0, 0, 0, false};
	int			rc;

	if (text == NULL)
		return -1;
	do
	{
		rc = sqlite3_exec(db, text, NULL, NULL, NULL);
		if (rc != SQLITE_OK)
			rc = sqlite3_extended_errcode(db);
		if (dbmig_is_locked(rc) && dbmig_work_interrupted(r->work))
			return dbmig_run_fail(r, SQLITE_INTERRUPT, NULL, "interrupted");
	} while (dbmig_wait_more(r->work, &wait, rc));
	if (rc == SQLITE_OK)
		return 0;
	if (rc == SQLITE_NOTADB)
		return dbmig_run_fail(r, rc, NULL,
							  "it needs a second connection, and the file cannot be read by one: it is encrypted");
	return dbmig_run_fail(r, rc, NULL, sqlite3_errmsg(db));
}

static int
open_second(dbmig_run *r, sqlite3 **db)
{
	dbmig_work *work = r->work;
	const char *refusal = dbmig_second_refusal(work);
	const char *name = sqlite3_db_filename(work->db, "main");
	sqlite3_vfs *vfs = NULL;
	char	   *text;
	int			rc;

	if (refusal == NULL && is_exclusive(work->db))
		refusal = "PRAGMA locking_mode = EXCLUSIVE keeps every other away";
	if (refusal != NULL)
	{
		text = dbmig_printf(r->call, "it needs a second connection: %s"
							"\nHINT:  Run it yourself, then have dbmig_resolve settle the migration.",
							refusal);
		return text == NULL ? -1 : dbmig_run_fail(r, SQLITE_ERROR, NULL, text);
	}
	text = dbmig_file_uri(r->call, name, name);
	if (text == NULL)
		return -1;
	sqlite3_file_control(work->db, "main", SQLITE_FCNTL_VFS_POINTER, &vfs);
	rc = sqlite3_open_v2(text, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI |
						 SQLITE_OPEN_PRIVATECACHE, vfs->zName);
	if (rc != SQLITE_OK)
		return dbmig_run_fail(r, rc, NULL, *db != NULL ? sqlite3_errmsg(*db) : "out of memory");
	dbmig_watch_interrupt(*db, work);
	return exec(r, *db, "SELECT count(*) FROM sqlite_schema", 34);
}

int
dbmig_second_remember(dbmig_run *r, dbmig_second *second,
					  const dbmig_look *look)
{
	second->settings = dbmig_grow(r->call, second->settings, second->count,
								  &second->capacity, sizeof(dbmig_look));
	if (second->settings == NULL)
		return -1;
	second->settings[second->count++] = *look;
	return 0;
}

/* As SQLite reads a value of auto_vacuum or page_size. */
static sqlite3_int64
wanted_value(const dbmig_token *value)
{
	sqlite3_int64 number = 0;
	size_t		i;

	if (dbmig_token_called(value, "full"))
		return 1;
	if (dbmig_token_called(value, "incremental"))
		return 2;
	for (i = 0; i < value->length && value->text[i] >= '0' && value->text[i] <= '9' &&
		 i < 9; i++)
		number = number * 10 + (value->text[i] - '0');
	return number;
}

/* SQLite says nothing where VACUUM could not change them. */
static int
check_settings(dbmig_run *r, sqlite3 *db, const dbmig_second *second)
{
	static const char *const names[] = {"page_size", "auto_vacuum"};
	int			n;

	for (n = 0; n < 2; n++)
	{
		size_t		i = second->count;
		sqlite3_int64 wanted;
		sqlite3_int64 now;
		char	   *text;

		while (i > 0 && !dbmig_token_called(&second->settings[i - 1].name, names[n]))
			i--;
		if (i == 0)
			continue;
		wanted = wanted_value(&second->settings[i - 1].value);
		now = read_number(db, n == 0 ? "PRAGMA main.page_size" : "PRAGMA main.auto_vacuum");
		if (now == wanted)
			continue;
		text = dbmig_printf(r->call, "%s is %lld and did not become %lld%s",
							names[n], (long long) now, (long long) wanted,
							n == 0 ? "\nHINT:  It is a power of two from 512 to 65536, "
							"and cannot change in WAL mode." : "");
		return text == NULL ? -1 : dbmig_run_fail(r, SQLITE_ERROR, NULL, text);
	}
	return 0;
}

/* VACUUM, or else the last of the settings. */
int
dbmig_second_run(dbmig_run *r, const dbmig_second *second, bool vacuum)
{
	sqlite3    *db = NULL;
	dbmig_token into;
	const char *end = dbmig_statement_end(r->start);
	int			result = open_second(r, &db);
	size_t		i;

	for (i = 0; result == 0 && i < second->count; i++)
	{
		const char *start = second->settings[i].start;

		result = exec(r, db, start, (size_t) (dbmig_statement_end(start) - start));
	}
	if (result == 0 && vacuum)
	{
		result = exec(r, db, r->start, (size_t) (end - r->start));
		dbmig_token_next(dbmig_token_next(r->start, &into), &into);
		if (result == 0 && !dbmig_token_is(&into, "into"))
			result = check_settings(r, db, second);
	}
	sqlite3_close(db);
	return result;
}
