/*
 * tables.c
 *		dbmig's tables in the database, and empty ones until they are there.
 *
 * The tables are made by the first call that writes.  Until then, and in a
 * file that cannot be written, an eponymous virtual table of the same name and
 * columns without rows answers every query; a real table of the name goes
 * before it by itself.
 *
 * A schema's every row costs every CREATE a little, since SQLite reads them all
 * again: hence no index that can be done without, and a primary key of
 * dbmig_applied that also finds a migration in whatever tenant.  The checks say
 * OR, not IN: SQLite makes a table of its own for each IN with
 * more than two values, at every row.
 */
#include "dbmig_sqlite.h"

#include <string.h>

SQLITE_EXTENSION_INIT3

/* UTC, as SQLite has it; finer would cost 4,000 instructions a row */
#define NOW "DEFAULT CURRENT_TIMESTAMP"

/* Where a table is needed. */
#define REGISTRY 1
#define TENANTS 2				/* beside the registry, once there are any */
#define APPLIED 3				/* everywhere */

typedef struct table
{
	const char *name;
	const char *columns;
	const char *rest;			/* of CREATE TABLE, with the parenthesis */
	const char *index;			/* CREATE INDEX, or NULL */
	int			where;
} table;

static const table tables[DBMIG_TABLE_COUNT] = {
	{
		"dbmig_package",
		"package TEXT NOT NULL, position INTEGER NOT NULL,"
		" options TEXT NOT NULL DEFAULT '{}', extension TEXT,"
		" registered_at TEXT NOT NULL " NOW,
		", PRIMARY KEY (package)) WITHOUT ROWID",
		"CREATE INDEX main.dbmig_package_position ON dbmig_package (position)",
		REGISTRY
	},
	{
		"dbmig_migration",
		"package TEXT NOT NULL, version TEXT NOT NULL,"
		" sort_key TEXT NOT NULL, name TEXT,"
		" kind TEXT NOT NULL DEFAULT 'sql' CHECK (kind = 'sql' OR kind = 'function'),"
		" transactional INTEGER NOT NULL, down_transactional INTEGER NOT NULL,"
		" reversible INTEGER NOT NULL,"
		" checksum TEXT NOT NULL, refusal TEXT, down_refusal TEXT,"
		" repeatable INTEGER NOT NULL DEFAULT 0,"
		" file_missing INTEGER NOT NULL DEFAULT 0,"
		" options TEXT NOT NULL DEFAULT '{}', source TEXT, extension TEXT,"
		" registered_at TEXT NOT NULL " NOW ", up TEXT NOT NULL, down TEXT",
		", PRIMARY KEY (package, version), UNIQUE (package, sort_key))",
		NULL,
		REGISTRY
	},
	{
		"dbmig_dependency",
		"package TEXT NOT NULL, version TEXT NOT NULL DEFAULT '',"
		" after_package TEXT NOT NULL, after_version TEXT NOT NULL DEFAULT '',"
		" extension TEXT",
		", PRIMARY KEY (package, version, after_package, after_version))"
		" WITHOUT ROWID",
		"CREATE INDEX main.dbmig_dependency_after ON dbmig_dependency"
		" (after_package, after_version)",
		REGISTRY
	},
	{
		"dbmig_tenant",
		"tenant TEXT NOT NULL, username TEXT,"
		" created_at TEXT NOT NULL " NOW ", created_by TEXT",
		", PRIMARY KEY (tenant)) WITHOUT ROWID",
		NULL,
		TENANTS
	},
	{
		"dbmig_tenant_package",
		"tenant TEXT NOT NULL, package TEXT NOT NULL",
		", PRIMARY KEY (tenant, package)) WITHOUT ROWID",
		NULL,
		TENANTS
	},
	{
		"dbmig_applied",
		"tenant TEXT NOT NULL DEFAULT '', package TEXT NOT NULL,"
		" version TEXT NOT NULL, sort_key TEXT NOT NULL,"
		" checksum TEXT NOT NULL,"
		" state TEXT NOT NULL"
		" CHECK (state = 'applied' OR state = 'running' OR state = 'failed'),"
		" statements INTEGER NOT NULL DEFAULT 0, duration_us INTEGER,"
		" applied_at TEXT NOT NULL " NOW ", applied_by TEXT,"
		" transaction_id INTEGER",
		", PRIMARY KEY (package, version, tenant)) WITHOUT ROWID",
		NULL,
		APPLIED
	},
	{
		"dbmig_history",
		"id INTEGER, happened_at TEXT NOT NULL " NOW ","
		" tenant TEXT NOT NULL DEFAULT '', package TEXT NOT NULL,"
		" version TEXT NOT NULL, name TEXT,"
		" action TEXT NOT NULL CHECK (action = 'apply' OR action = 'rollback'"
		" OR action = 'baseline' OR action = 'resolve' OR action = 'accept'"
		" OR action = 'create' OR action = 'remove'),"
		" outcome TEXT NOT NULL DEFAULT 'ok'"
		" CHECK (outcome = 'ok' OR outcome = 'failed'),"
		" checksum TEXT, duration_us INTEGER, statements INTEGER,"
		" performed_by TEXT, transaction_id INTEGER, error_code TEXT,"
		" error_message TEXT, error_statement INTEGER, error_line INTEGER",
		", PRIMARY KEY (id))",
		NULL,
		APPLIED
	}
};

const char *
dbmig_table_name(int i)
{
	return tables[i].name;
}

bool
dbmig_table_everywhere(int i)
{
	return tables[i].where == APPLIED;
}

/* Looks at the schema in memory, which costs next to nothing. */
static bool
is_there(sqlite3 *db, int i)
{
	return sqlite3_table_column_metadata(db, "main", tables[i].name, NULL,
										 NULL, NULL, NULL, NULL,
										 NULL) == SQLITE_OK;
}

static int
make_table(dbmig_work *work, const table *t)
{
	char	   *sql = dbmig_printf(work->call,
								   "CREATE TABLE IF NOT EXISTS main.%s(%s%s",
								   t->name, t->columns, t->rest);
	int			rc;

	if (sql == NULL)
		return -1;
	rc = dbmig_work_exec(work, sql);
	if (rc == SQLITE_OK && t->index != NULL)
		rc = dbmig_work_exec(work, t->index);
	if (rc != SQLITE_OK)
		return dbmig_work_fail(work, rc, "could not make dbmig's tables");
	return 0;
}

/*
 * A statement that takes the write lock and changes nothing, or makes a table
 * that is missing; the last one, which has no index to be made with it.
 */
char *
dbmig_tables_lock(dbmig_work *work)
{
	const table *last = &tables[DBMIG_TABLE_COUNT - 1];

	if (is_there(work->db, DBMIG_TABLE_COUNT - 1))
		return dbmig_printf(work->call, "DELETE FROM main.%s WHERE 0",
							last->name);
	return dbmig_printf(work->call, "CREATE TABLE IF NOT EXISTS main.%s(%s%s",
						last->name, last->columns, last->rest);
}

static bool
is_needed(const dbmig_work *work, int i)
{
	return tables[i].where == APPLIED ||
		(work->home == NULL && (tables[i].where == REGISTRY || work->names_tenants));
}

/* Under the write lock: make what is missing. */
int
dbmig_tables_make(dbmig_work *work)
{
	int			rc;
	int			i;

	/* reads the schema again where another connection has changed it */
	rc = dbmig_work_exec(work, "SELECT 1 FROM main.sqlite_schema LIMIT 1");
	if (rc != SQLITE_OK)
		return dbmig_work_fail(work, rc, "could not read the schema");
	for (i = 0; i < DBMIG_TABLE_COUNT; i++)
		if (is_needed(work, i) && !is_there(work->db, i) &&
			make_table(work, &tables[i]) != 0)
			return -1;
	return 0;
}

/* The empty tables: a table without rows, whatever is asked. */

static int
empty_connect(sqlite3 *db, void *data, int argc, const char *const *argv,
			  sqlite3_vtab **result, char **error)
{
	int			i;
	int			rc;
	char	   *sql;

	(void) data;
	(void) argc;
	(void) error;
	*result = NULL;
	for (i = 0; i < DBMIG_TABLE_COUNT - 1; i++)
		if (strcmp(argv[0], tables[i].name) == 0)
			break;
	sql = sqlite3_mprintf("CREATE TABLE x(%s)", tables[i].columns);
	if (sql == NULL)
		return SQLITE_NOMEM;
	rc = sqlite3_declare_vtab(db, sql);
	sqlite3_free(sql);
	sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
	if (rc != SQLITE_OK)
		return rc;
	*result = sqlite3_malloc(sizeof(sqlite3_vtab));
	if (*result == NULL)
		return SQLITE_NOMEM;
	memset(*result, 0, sizeof(sqlite3_vtab));
	return SQLITE_OK;
}

static int
empty_disconnect(sqlite3_vtab *vtab)
{
	sqlite3_free(vtab);
	return SQLITE_OK;
}

static int
empty_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
	(void) vtab;
	info->estimatedCost = 1;
	info->estimatedRows = 1;
	return SQLITE_OK;
}

static int
empty_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **result)
{
	(void) vtab;
	*result = sqlite3_malloc(sizeof(sqlite3_vtab_cursor));
	if (*result == NULL)
		return SQLITE_NOMEM;
	memset(*result, 0, sizeof(sqlite3_vtab_cursor));
	return SQLITE_OK;
}

static int
empty_close(sqlite3_vtab_cursor *cursor)
{
	sqlite3_free(cursor);
	return SQLITE_OK;
}

static int
empty_filter(sqlite3_vtab_cursor *cursor, int number, const char *text,
			 int argc, sqlite3_value **argv)
{
	(void) cursor;
	(void) number;
	(void) text;
	(void) argc;
	(void) argv;
	return SQLITE_OK;
}

static int
empty_next(sqlite3_vtab_cursor *cursor)
{
	(void) cursor;
	return SQLITE_OK;
}

static int
empty_eof(sqlite3_vtab_cursor *cursor)
{
	(void) cursor;
	return 1;
}

static int
empty_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int column)
{
	(void) cursor;
	(void) column;
	sqlite3_result_null(context);
	return SQLITE_OK;
}

static int
empty_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *rowid)
{
	(void) cursor;
	*rowid = 0;
	return SQLITE_OK;
}

const sqlite3_module dbmig_empty_module = {
	.xConnect = empty_connect,
	.xBestIndex = empty_best_index,
	.xDisconnect = empty_disconnect,
	.xOpen = empty_open,
	.xClose = empty_close,
	.xFilter = empty_filter,
	.xNext = empty_next,
	.xEof = empty_eof,
	.xColumn = empty_column,
	.xRowid = empty_rowid
};
