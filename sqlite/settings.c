/*
 * settings.c
 *		A5: what a script sets is back as it was after it.
 *
 * The connection's flags are kept before each step and put back by
 * sqlite3_db_config(), which needs no statement and so works after an
 * interrupt.  For the other settings only a PRAGMA of the script can change
 * them: each one that sets a value is preceded by reading what is there.  What
 * cannot be put back now (an interrupt) waits in the connection for the next
 * call.
 */
#include "dbmig_sqlite.h"

#include <string.h>

SQLITE_EXTENSION_INIT3

static const int flag_ids[DBMIG_FLAG_COUNT] = {
	SQLITE_DBCONFIG_ENABLE_TRIGGER,
	SQLITE_DBCONFIG_ENABLE_VIEW,
	SQLITE_DBCONFIG_DEFENSIVE,
	SQLITE_DBCONFIG_WRITABLE_SCHEMA,
	SQLITE_DBCONFIG_LEGACY_ALTER_TABLE,
	SQLITE_DBCONFIG_DQS_DML,
	SQLITE_DBCONFIG_DQS_DDL,
	SQLITE_DBCONFIG_TRUSTED_SCHEMA
};

/* Settings of the connection, not of the file, that a PRAGMA reads and sets. */
static const char *const settings[] = {
	"analysis_limit", "automatic_index", "cache_size", "cache_spill",
	"cell_size_check", "checkpoint_fullfsync",
	"count_changes", "defer_foreign_keys", "empty_result_callbacks",
	"full_column_names", "fullfsync", "hard_heap_limit",
	"ignore_check_constraints", "journal_size_limit", "max_page_count",
	"mmap_size", "query_only", "read_uncommitted", "recursive_triggers",
	"reverse_unordered_selects", "secure_delete", "short_column_names",
	"soft_heap_limit", "synchronous", "temp_store", "threads", NULL
};

/* Set by flags as well; they go back with these. */
static const char *const flag_names[] = {
	"foreign_keys", "legacy_alter_table", "trusted_schema", "writable_schema",
	NULL
};

/* To set these takes the program's busy handler or hook away. */
static const char *const left_alone[] = {
	"busy_timeout", "wal_autocheckpoint", NULL
};

#define LIKE "case_sensitive_like"

typedef struct dbmig_saved
{
	struct dbmig_saved *next;
	int			prefix;			/* bytes before the value */
	char		sql[1];			/* really longer */
} dbmig_saved;

bool
dbmig_flag_get(sqlite3 *db, int flag)
{
	int			now = 0;

	sqlite3_db_config(db, flag, -1, &now);
	return now != 0;
}

/* To set a flag to what it is costs no statement its plan. */
void
dbmig_flag_set(sqlite3 *db, int flag, bool on)
{
	int			now = 0;

	sqlite3_db_config(db, flag, on ? 1 : 0, &now);
}

/* Before the first step of a transaction. */
void
dbmig_foreign_keys_save(dbmig_work *work)
{
	if (!work->kept.any)
		work->kept.foreign_keys = dbmig_flag_get(work->db,
												 SQLITE_DBCONFIG_ENABLE_FKEY);
	work->kept.any = true;
}

/* Before what may change the others. */
void
dbmig_flags_save(dbmig_work *work)
{
	int			i;

	for (i = 0; i < DBMIG_FLAG_COUNT; i++)
		work->kept.flags[i] = dbmig_flag_get(work->db, flag_ids[i]);
	work->kept.choices = work->connection->choices;
	work->kept.all = true;
}

/* Back to what was saved, if something was. */
void
dbmig_flags_restore(dbmig_work *work)
{
	int			i;

	if (work->kept.all)
	{
		for (i = 0; i < DBMIG_FLAG_COUNT; i++)
			if (dbmig_flag_get(work->db, flag_ids[i]) != work->kept.flags[i])
				dbmig_flag_set(work->db, flag_ids[i], work->kept.flags[i]);
		work->connection->choices = work->kept.choices;
		if (work->connection->saved != NULL)
			dbmig_pragmas_restore(work->connection);
	}
	work->kept.all = false;
}

/*
 * At the end of the transaction, not of each step: each change makes every
 * prepared statement stale, the guard too.
 */
void
dbmig_foreign_keys_restore(dbmig_work *work)
{
	if (work->kept.any)
		dbmig_flag_set(work->db, SQLITE_DBCONFIG_ENABLE_FKEY,
					   work->kept.foreign_keys);
	work->kept.any = false;
}

static bool
is_one_of(const char *name, const char *const *list)
{
	int			i;

	for (i = 0; list[i] != NULL; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

/* The present value as SQL to come back to it; 1, 0 for none, -1. */
static int
read_setting(dbmig_work *work, const char *schema, const char *name,
			 sqlite3_int64 *value)
{
	sqlite3_stmt *stmt = NULL;
	char	   *sql;
	int			rc;

	if (strcmp(name, LIKE) == 0)
		sql = sqlite3_mprintf("SELECT NOT 'a' LIKE 'A'");
	else
		sql = sqlite3_mprintf("PRAGMA \"%w\".\"%w\"", schema, name);
	if (sql == NULL)
		return dbmig_work_fail(work, SQLITE_NOMEM, NULL);
	rc = sqlite3_prepare_v2(work->db, sql, -1, &stmt, NULL);
	sqlite3_free(sql);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*value = sqlite3_column_int64(stmt, 0);
	else if (rc != SQLITE_DONE)
		dbmig_work_fail(work, sqlite3_extended_errcode(work->db),
						"could not read a setting");
	sqlite3_finalize(stmt);
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

/* Takes the text, which begins with prefix; NULL where there is no memory. */
static int
keep(dbmig_work *work, char *sql, size_t prefix)
{
	dbmig_saved *saved = NULL;

	if (sql != NULL)
		saved = sqlite3_malloc64(sizeof(dbmig_saved) + strlen(sql));
	if (saved != NULL)
	{
		saved->prefix = (int) prefix;
		strcpy(saved->sql, sql);
		saved->next = work->connection->saved;
		work->connection->saved = saved;
	}
	sqlite3_free(sql);
	return saved != NULL ? 0 : dbmig_work_fail(work, SQLITE_NOMEM, NULL);
}

/* Blank-free, so that it is still understood after an interrupt. */
static int
save_setting(dbmig_work *work, const char *schema, const char *name)
{
	dbmig_connection *connection = work->connection;
	dbmig_saved *saved;
	sqlite3_int64 value = 0;
	char	   *prefix;
	char	   *sql;
	int			read;

	prefix = sqlite3_mprintf("PRAGMA\"%w\".\"%w\"=", schema, name);
	if (prefix == NULL)
		return dbmig_work_fail(work, SQLITE_NOMEM, NULL);
	for (saved = connection->saved; saved != NULL; saved = saved->next)
		if (strncmp(saved->sql, prefix, (size_t) saved->prefix) == 0)
			break;
	read = saved != NULL ? 0 : read_setting(work, schema, name, &value);
	if (read <= 0)
	{
		sqlite3_free(prefix);
		return read;
	}
	if (strcmp(name, "secure_delete") == 0 && value == 2)
		sql = sqlite3_mprintf("%sfast;", prefix);
	else
		sql = sqlite3_mprintf("%s%lld;", prefix, value);
	read = keep(work, sql, strlen(prefix));
	sqlite3_free(prefix);
	return read;
}

/*
 * The journal mode before and after a change.  Whether there is a WAL is the
 * file's to keep, and stays; the others are the connection's, and go back.
 */
int
dbmig_journal_mode_save(dbmig_work *work, const char *before, const char *after)
{
	static const char prefix[] = "PRAGMA\"main\".\"journal_mode\"=";
	dbmig_saved **place = &work->connection->saved;
	size_t		length = strlen(prefix);

	while (*place != NULL && strncmp((*place)->sql, prefix, length) != 0)
		place = &(*place)->next;
	if (strcmp(after, "wal") == 0)
	{
		if (*place != NULL)
		{
			dbmig_saved *saved = *place;

			*place = saved->next;
			sqlite3_free(saved);
		}
		return 0;
	}
	if (*place != NULL)
		return 0;
	return keep(work, sqlite3_mprintf("%s%s;", prefix,
									  strcmp(before, "wal") == 0 ? "delete" : before),
				length);
}

/*
 * SQLite exchanges no function while a statement runs, and says nothing; one
 * does, which has called dbmig.
 */
static int
check_like(dbmig_work *work, const dbmig_look *look)
{
	sqlite3_int64 now = 0;

	if (read_setting(work, "main", LIKE, &now) < 0)
		return -1;
	if ((now != 0) == dbmig_pragma_is_on(&look->value))
		return 0;
	work->code = SQLITE_ERROR;
	return dbmig_fail(work->call, DBMIG_NOT_SUPPORTED,
					  "Use GLOB, or set it before dbmig is called.",
					  "PRAGMA " LIKE " does nothing while a statement runs, and one has called dbmig");
}

int
dbmig_pragma_before(dbmig_work *work, const dbmig_look *look, bool *skip)
{
	const char *schema = "main";
	const char *name;

	*skip = false;
	if (look->value.kind == DBMIG_TOKEN_END)
		return 0;
	name = dbmig_token_name(work->call, &look->name);
	if (name != NULL && look->schema.kind != DBMIG_TOKEN_END)
		schema = dbmig_token_name(work->call, &look->schema);
	if (name == NULL || schema == NULL)
		return -1;
	if (strcmp(name, LIKE) == 0)
		return check_like(work, look);
	if (is_one_of(name, left_alone))
		*skip = true;
	else if (is_one_of(name, settings))
		return save_setting(work, schema, name);
	return 0;
}

/* Whether a PRAGMA sets what the statements behind it run with. */
int
dbmig_pragma_is_setting(dbmig_work *work, const dbmig_look *look, bool *setting)
{
	const char *name;

	*setting = false;
	if (look->sort != DBMIG_SORT_PRAGMA || look->value.kind == DBMIG_TOKEN_END)
		return 0;
	name = dbmig_token_name(work->call, &look->name);
	if (name == NULL)
		return -1;
	*setting = is_one_of(name, settings) || is_one_of(name, flag_names) ||
		is_one_of(name, left_alone);
	return 0;
}

void
dbmig_pragmas_restore(dbmig_connection *connection)
{
	dbmig_saved **place = &connection->saved;

	while (*place != NULL)
	{
		dbmig_saved *saved = *place;
		int			rc = sqlite3_exec(connection->db, saved->sql, NULL, NULL,
									  NULL) & 0xFF;

		if (rc == SQLITE_INTERRUPT || rc == SQLITE_NOMEM)
		{
			place = &saved->next;
			continue;
		}
		*place = saved->next;
		sqlite3_free(saved);
	}
}

void
dbmig_pragmas_forget(dbmig_connection *connection)
{
	while (connection->saved != NULL)
	{
		dbmig_saved *saved = connection->saved;

		connection->saved = saved->next;
		sqlite3_free(saved);
	}
}

/* As SQLite reads a boolean. */
bool
dbmig_pragma_is_on(const dbmig_token *value)
{
	const char *digit = value->text;
	const char *end = value->text + value->length;

	if (value->kind != DBMIG_TOKEN_WORD && digit < end)
		digit++;				/* a quote */
	if (digit < end && *digit >= '0' && *digit <= '9')
	{
		while (digit < end && *digit == '0')
			digit++;
		return digit < end && *digit >= '1' && *digit <= '9';
	}
	return dbmig_token_called(value, "on") ||
		dbmig_token_called(value, "yes") ||
		dbmig_token_called(value, "true") ||
		dbmig_token_called(value, "full") ||
		dbmig_token_called(value, "extra");
}
