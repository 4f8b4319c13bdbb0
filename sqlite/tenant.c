/*
 * tenant.c
 *		Tenants: files with an applied set and a history of their own (D12).
 *
 * A tenant is entered by opening its file on a connection of our own, for as
 * long as the call is about it; never by ATTACH, with which an unqualified
 * DROP could find a table of the caller.  It has a dbmig_work of its own, which
 * is the call's data meanwhile, so that whatever begins, runs or is recorded
 * does so there.  Only the registry stays with the caller: what names it is
 * asked on the caller's connection.
 *
 * In the file the tenant is '', so that it can be moved, copied, or opened by
 * itself.  Outside it is known by its full path.
 *
 * Two files are not committed together.  What is to be kept of a tenant in the
 * registry waits until the tenant is about to commit, and is committed right
 * before: a crash in between leaves one that is known and behind, never one
 * that is forgotten.  While a tenant's transaction lasts, so does one reading
 * of the registry.
 */
#include "dbmig_sqlite.h"

#include <string.h>

SQLITE_EXTENSION_INIT3

#define MOST_PARAMS 16

/* A statement about the registry, which waits for the tenant's commit. */
typedef struct dbmig_deferred
{
	struct dbmig_deferred *next;
	dbmig_sql	id;
	dbmig_value params[2];
} dbmig_deferred;

dbmig_work *
dbmig_tenant_home(const dbmig_call *call)
{
	dbmig_work *work = call->data;

	return work->home != NULL ? work->home : work;
}

static int
find_vfs(dbmig_call *call, const char *schema, dbmig_place *at)
{
	sqlite3    *db = dbmig_tenant_home(call)->db;

	at->vfs = NULL;
	if (sqlite3_file_control(db, schema, SQLITE_FCNTL_VFS_POINTER, &at->vfs) != SQLITE_OK ||
		at->vfs == NULL || at->vfs->zName == NULL || strcmp(at->vfs->zName, "memdb") == 0)
		at->vfs = sqlite3_vfs_find(NULL);
	return at->vfs != NULL ? 0 :
		dbmig_fail(call, DBMIG_IO, NULL, "SQLite cannot open files here");
}

static int
check_replicated(dbmig_call *call)
{
	return !dbmig_caller_replicated(dbmig_tenant_home(call)) ? 0 :
		dbmig_fail(call, DBMIG_NOT_SUPPORTED,
				   "Apply to the database itself, between BEGIN IMMEDIATE and COMMIT.",
				   "dqlite has no tenants: it would not replicate their files");
}

/* Of an attached database its file; else the name is a path. */
int
dbmig_tenant_place(dbmig_call *call, const char *name, dbmig_place *at)
{
	sqlite3    *db = dbmig_tenant_home(call)->db;
	const char *file = sqlite3_db_filename(db, "main");
	bool		alias = sqlite3_db_filename(db, name) != NULL;
	char	   *path;

	if (check_replicated(call) != 0)
		return -1;
	at->name = name;
	at->attached = alias ? sqlite3_db_filename(db, name) : NULL;
	if ((alias && at->attached[0] == '\0') || strcmp(name, ":memory:") == 0 ||
		sqlite3_stricmp(name, "temp") == 0)
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "\"%s\" is in memory or temporary: a tenant is a file",
						  name);
	if (name[0] == '\0')
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "the path of a tenant must not be empty");
	if (find_vfs(call, alias ? name : "main", at) != 0)
		return -1;
	path = dbmig_alloc(call, (size_t) at->vfs->mxPathname + 2);
	if (path == NULL)
		return -1;
	if ((at->vfs->xFullPathname(at->vfs, alias ? at->attached : name,
								at->vfs->mxPathname + 1, path) & 0xFF) != SQLITE_OK)
		return dbmig_fail(call, DBMIG_NO_FILE, NULL,
						  "\"%s\" is no path, or too long a one", name);
	at->path = path;

	/* before 3.39 SQLite leaves links to folders as they are */
	if (strncmp(at->vfs->zName, "unix", 4) == 0)
		at->path = dbmig_files_place(call, path);
	if (at->path == NULL)
		return -1;
	if (file != NULL &&
		(strcmp(file, at->path) == 0 || dbmig_files_same(file, at->path)))
		return dbmig_fail(call, DBMIG_BAD_VALUE, "Leave the tenant out.",
						  "\"%s\" is this database itself, no tenant of it", name);
	return 0;
}

/* Why a file could not be opened or read. */
static int
fail_to_open(dbmig_call *call, const dbmig_place *at, int rc, const char *text)
{
	int			there = 1;
	const char *username;
	bool		known;

	at->vfs->xAccess(at->vfs, at->path, SQLITE_ACCESS_EXISTS, &there);
	if ((rc & 0xFF) == SQLITE_CANTOPEN && !there)
	{
		call->data = dbmig_tenant_home(call);
		if (dbmig_tenant_find(call, at->path, &known, &username) != 0)
			return -1;
		return known ?
			dbmig_fail(call, DBMIG_NO_FILE, NULL, "there is no file \"%s\"", at->path) :
			dbmig_fail(call, DBMIG_UNKNOWN, NULL, "tenant \"%s\" is not known", at->name);
	}
	if ((rc & 0xFF) == SQLITE_NOMEM)
		return dbmig_fail(call, DBMIG_NO_MEMORY, NULL, "out of memory");
	return dbmig_fail(call, dbmig_is_locked(rc) ? DBMIG_LOCKED :
					  (rc & 0xFF) == SQLITE_NOTADB || (rc & 0xFF) == SQLITE_CORRUPT ?
					  DBMIG_DAMAGED : DBMIG_NO_FILE, NULL,
					  "could not open \"%s\": %s (code %d)", at->path, text, rc);
}

/* Reads the schema, so that what is no database is known at once. */
static int
read_schema(dbmig_work *work, const dbmig_place *at)
{
	dbmig_wait	wait = {0, 0, 0, false};
	int			rc;

	do
	{
		rc = sqlite3_table_column_metadata(work->db, "main", "dbmig_applied",
										   NULL, NULL, NULL, NULL, NULL, NULL);
		if (rc == SQLITE_OK || rc == SQLITE_ERROR)
			return 0;
	} while (dbmig_wait_more(work, &wait, rc));
	return fail_to_open(work->call, at, rc, sqlite3_errmsg(work->db));
}

/* The connection to it, and all that a call needs there. */
static int
open_place(dbmig_call *call, const dbmig_place *at)
{
	dbmig_work *home = dbmig_tenant_home(call);
	dbmig_work *work = home->room;
	const char *uri = dbmig_file_uri(call, at->path, at->attached);
	sqlite3    *db = NULL;
	int			rc;

	if (uri == NULL)
		return -1;
	if (work == NULL)
		work = home->room = sqlite3_malloc64(sizeof(*work));
	if (work == NULL)
		return dbmig_fail(call, DBMIG_NO_MEMORY, NULL, "out of memory");
	memset(work, 0, sizeof(*work));
	rc = sqlite3_open_v2(uri, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI |
						 SQLITE_OPEN_PRIVATECACHE, at->vfs->zName);
	if (rc != SQLITE_OK)
	{
		fail_to_open(call, at, rc, db != NULL ? sqlite3_errmsg(db) : "out of memory");
		sqlite3_close_v2(db);
		return -1;
	}
	work->connection = dbmig_connection_make(db, &rc);
	if (work->connection == NULL)
	{
		sqlite3_close_v2(db);
		return dbmig_fail(call, DBMIG_NO_MEMORY, NULL, "out of memory");
	}
	work->call = call;
	work->db = db;
	work->home = home;
	work->function = home->function;
	work->writes = home->writes;
	work->connection->choices = home->connection->choices;
	dbmig_flag_set(db, SQLITE_DBCONFIG_ENABLE_FKEY,
				   dbmig_flag_get(home->db, SQLITE_DBCONFIG_ENABLE_FKEY));
	dbmig_watch_interrupt(db, home);
	call->data = work;
	return read_schema(work, at);
}

int
dbmig_tenant_open(dbmig_call *call, const char *tenant, const char **name)
{
	dbmig_place at;

	dbmig_tenant_close(call);
	if (dbmig_tenant_place(call, tenant, &at) != 0)
		return -1;
	*name = at.path;			/* also where it cannot be opened */
	if (open_place(call, &at) == 0)
		return 0;
	dbmig_tenant_close(call);
	return -1;
}

/* Also where none is open; undoes what is not committed. */
void
dbmig_tenant_close(dbmig_call *call)
{
	dbmig_work *work = call->data;
	dbmig_work *home = work->home;

	if (home == NULL)
		return;
	dbmig_work_finish(work);

	/* these would end the caller's transaction, as if its own file had failed */
	if ((work->code & 0xFF) == SQLITE_IOERR || (work->code & 0xFF) == SQLITE_FULL)
		work->code = SQLITE_CANTOPEN;
	if (home->code == 0)
		home->code = work->code;
	dbmig_connection_release(work->connection);
	sqlite3_close_v2(work->db);
	call->data = home;
}

/* A tenant's write, with what the caller has to do with it. */
int
dbmig_tenant_caller(dbmig_work *work)
{
	const dbmig_work *home = work->home != NULL ? work->home : work;

	if (check_replicated(work->call) != 0)
		return -1;
	if (home->connection->running != NULL)
		return dbmig_fail(work->call, DBMIG_BAD_CALLER,
						  "Declare what it comes after with dbmig_after.",
						  "a migration cannot apply or roll back migrations");
	if (!sqlite3_get_autocommit(home->db))
		return dbmig_fail(work->call, DBMIG_BAD_CALLER,
						  "Call it by itself, outside of a transaction.",
						  "%s cannot write to a tenant's file in a transaction of this one",
						  work->function);
	if (dbmig_is_query_only(home->db))
		return dbmig_fail(work->call, DBMIG_READ_ONLY, NULL,
						  "PRAGMA query_only is on, for tenants too");
	return 0;
}

/* After the tenant's lock: the registry as it is now. */
int
dbmig_tenant_registry(dbmig_work *work)
{
	dbmig_work_unpin(work->home);
	return dbmig_work_pin(work->home);
}

static int
defer(dbmig_work *work, dbmig_sql id, const dbmig_value *params)
{
	dbmig_deferred *d = dbmig_alloc(work->call, sizeof(*d));
	dbmig_deferred **end = &work->deferred;
	size_t		count = strlen(dbmig_statements[id].params);
	size_t		i;

	if (d == NULL)
		return -1;
	d->id = id;
	for (i = 0; i < count && i < 2; i++)
	{
		d->params[i] = params[i];
		if (params[i].type != DBMIG_TEXT)
			continue;
		d->params[i].text = dbmig_copy(work->call, params[i].text, params[i].length);
		if (d->params[i].text == NULL)
			return -1;
	}
	while (*end != NULL)
		end = &(*end)->next;
	*end = d;
	return 0;
}

static int
run_deferred(dbmig_work *home, const dbmig_deferred *d)
{
	dbmig_call *call = home->call;

	home->names_tenants = true;
	if (dbmig_transaction_begin(call, DBMIG_MODE_REGISTER) != 0)
		return -1;
	for (; d != NULL; d = d->next)
		if (dbmig_query_now(home, d->id, d->params, NULL, NULL) != 0)
			break;
	if (d == NULL && dbmig_transaction_commit(call) == 0)
		return 0;
	dbmig_transaction_abort(call);
	return -1;
}

/* Before the tenant's commit: what waits for it. */
int
dbmig_tenant_keep(dbmig_work *work)
{
	dbmig_call *call = work->call;
	int			result;

	dbmig_work_unpin(work->home);
	if (work->deferred == NULL)
		return 0;
	call->data = work->home;
	work->home->main_only = true;
	result = run_deferred(work->home, work->deferred);
	work->home->main_only = false;
	call->data = work;
	work->deferred = NULL;
	work->home->keeps_tenant = result == 0;
	return result;
}

int
dbmig_tenant_query(dbmig_work *work, dbmig_sql id, const dbmig_value *params,
				   dbmig_row_fn row, void *arg)
{
	const char *types = dbmig_statements[id].params;
	dbmig_value own[MOST_PARAMS];
	size_t		i;

	if (strstr(dbmig_statements[id].text, "#.") == NULL)
	{
		if (row == NULL)
			return defer(work, id, params);
		if (dbmig_work_pin(work->home) != 0)
			return -1;
		return dbmig_query_now(work->home, id, params, row, arg);
	}
	for (i = 0; i < MOST_PARAMS && types[i] != '\0'; i++)
		own[i] = params[i].type == DBMIG_TEXT && params[i].text == work->call->tenant ?
			dbmig_text("") : params[i];
	return dbmig_query_own(work, id, own, row, arg);
}
