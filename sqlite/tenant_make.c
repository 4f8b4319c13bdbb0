/*
 * tenant_make.c
 *		dbmig_create_tenant and dbmig_remove_tenant: a tenant's file, made and
 *		forgotten.
 *
 * A file is deleted in the transaction that takes the tenant from the registry:
 * what fails before its commit leaves one that is known, and can be removed
 * again.
 */
#include "dbmig_sqlite.h"

#include <string.h>

SQLITE_EXTENSION_INIT3

/* The file first: SQLite takes what is left of others for nobody's. */
static int
delete_files(dbmig_call *call, const dbmig_place *at)
{
	static const char *const ends[] = {"", "-journal", "-wal", "-shm"};
	int			i;

	for (i = 0; i < 4; i++)
	{
		char	   *path = dbmig_printf(call, "%s%s", at->path, ends[i]);
		int			rc;

		if (path == NULL)
			return -1;
		rc = at->vfs->xDelete(at->vfs, path, 0);
		if (rc != SQLITE_OK && rc != SQLITE_IOERR_DELETE_NOENT)
			return dbmig_fail(call, DBMIG_IO, "Look at the rights of its folder.",
							  "could not delete \"%s\" (code %d)", path, rc);
	}
	return 0;
}

/*
 * *made: nobody else has; else it was there already, and is empty.  It is made
 * as a journal would be, which has no lock: of a database the VFS still has to
 * allocate something when the file is there already.
 */
static int
make_file(dbmig_call *call, const dbmig_place *at, bool *made)
{
	const char *name = sqlite3_create_filename(at->path, "", "", 0, NULL);
	sqlite3_file *file = sqlite3_malloc(at->vfs->szOsFile);
	int			there = 0;
	int			flags = 0;
	int			rc = SQLITE_NOMEM;

	*made = false;
	if (name != NULL && file != NULL)
	{
		memset(file, 0, (size_t) at->vfs->szOsFile);
		rc = at->vfs->xOpen(at->vfs, name, file,
							SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_READWRITE |
							SQLITE_OPEN_CREATE | SQLITE_OPEN_EXCLUSIVE, &flags);
		if (file->pMethods != NULL)
			file->pMethods->xClose(file);
	}
	sqlite3_free_filename((char *) name);
	sqlite3_free(file);

	/* what is there is opened to be read, in spite of EXCLUSIVE */
	*made = rc == SQLITE_OK && (flags & SQLITE_OPEN_READONLY) == 0;
	if (*made)
		return 0;
	if (rc == SQLITE_NOMEM)
		return dbmig_fail(call, DBMIG_NO_MEMORY, NULL, "out of memory");
	at->vfs->xAccess(at->vfs, at->path, SQLITE_ACCESS_EXISTS, &there);
	if (there)
		return dbmig_fail(call, DBMIG_DUPLICATE,
						  "dbmig_apply and dbmig_migrate make a tenant of a file that is there.",
						  "file \"%s\" is there already", at->path);
	at->vfs->xAccess(at->vfs, at->path, SQLITE_ACCESS_READWRITE, &there);
	return there ? 0 :
		dbmig_fail(call, DBMIG_NO_FILE, "Look at the folder and its rights.",
				   "could not make the file \"%s\"", at->path);
}

/*
 * Some of the packages cannot be in one transaction: first the tenant is kept,
 * then each package is migrated.
 */
static int
create_in_steps(dbmig_call *call, const char *path, int count,
				const dbmig_value *packages)
{
	const dbmig_function *migrate = dbmig_function_find("dbmig_migrate");
	const char *tenant;
	dbmig_value params[2];
	dbmig_value args[3];
	dbmig_value result;
	int			i;

	if (call->host->enter(call, path, &tenant) != 0)
		return -1;
	call->tenant = tenant;
	params[0] = dbmig_text(tenant);
	params[1] = dbmig_null();
	if (call->host->begin(call, DBMIG_MODE_REGISTER) != 0)
		return -1;
	if (dbmig_tenant_check_new(call, tenant) != 0 ||
		call->host->query(call, DBMIG_TENANT_PUT, params, NULL, NULL) != 0 ||
		dbmig_tenant_note(call, tenant, "create") != 0)
	{
		call->host->abort(call);
		return -1;
	}
	for (i = 0; i < count || i == 0; i++)
	{
		params[1] = count > 0 ? packages[i] : dbmig_text("");
		if (call->host->query(call, DBMIG_TENANT_PACKAGE_PUT, params, NULL, NULL) != 0)
		{
			call->host->abort(call);
			return -1;
		}
	}
	if (call->host->commit(call) != 0)
	{
		call->host->abort(call);
		return -1;
	}
	for (i = 0; i < count || i == 0; i++)
	{
		args[0] = count > 0 ? packages[i] : dbmig_null();
		args[1] = dbmig_null();
		args[2] = dbmig_text(path);
		if (migrate->scalar(call, 3, args, &result) != 0)
			return -1;
	}
	return 0;
}

static int
create(dbmig_call *call, const dbmig_place *at, int count, const dbmig_value *packages)
{
	int			applied;

	dbmig_part_begin(call);
	if (dbmig_tenant_furnish(call, at->path, NULL, count, packages, &applied) == 0)
		return 0;
	if (call->status != DBMIG_NOT_SUPPORTED)
		return -1;
	dbmig_tenant_close(call);
	dbmig_part_end(call);
	return create_in_steps(call, at->path, count, packages);
}

/* From the registry, with its files where erase is set. */
static int
forget(dbmig_call *call, const dbmig_place *at, bool erase)
{
	dbmig_value params[1];

	dbmig_tenant_home(call)->names_tenants = true;
	params[0] = dbmig_text(at->path);
	if (call->host->begin(call, DBMIG_MODE_REGISTER) != 0)
		return -1;
	if (call->host->query(call, DBMIG_TENANT_PACKAGE_DROP, params, NULL, NULL) == 0 &&
		call->host->query(call, DBMIG_TENANT_DROP, params, NULL, NULL) == 0 &&
		dbmig_tenant_note(call, at->path, "remove") == 0 &&
		(!erase || delete_files(call, at) == 0) && call->host->commit(call) == 0)
		return 0;
	call->host->abort(call);
	return -1;
}

/*
 * Another call may have met the file that was made, while it was empty.  What
 * has the file's lock, and finds nothing in it, can delete it: who waits for
 * the lock is told by SQLite that the file has gone.
 */
static void
delete_unused(dbmig_call *call, const dbmig_place *at)
{
	const char *name;
	sqlite3_stmt *stmt = NULL;
	sqlite3    *db;

	if (dbmig_tenant_open(call, at->path, &name) != 0)
		return;
	db = ((dbmig_work *) call->data)->db;
	if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK &&
		sqlite3_prepare_v2(db, "SELECT 1 FROM main.sqlite_schema", -1, &stmt, NULL) == SQLITE_OK &&
		sqlite3_step(stmt) == SQLITE_DONE)
		delete_files(call, at);
	sqlite3_finalize(stmt);
	dbmig_tenant_close(call);
}

/*
 * A failure leaves nothing, and says what it was.  After an interrupt, or
 * without memory, nothing can be taken from the registry any more: then the
 * tenant stays, and is behind.
 */
static void
give_up(dbmig_call *call, const dbmig_place *at, bool made)
{
	dbmig_tenant_close(call);
	call->tenant = "";
	if (!dbmig_tenant_home(call)->keeps_tenant)
	{
		if (made)
			delete_unused(call, at);
	}
	else if (forget(call, at, made) != 0)
		call->hint = "The tenant is there: go on with dbmig_migrate_tenants, or remove it.";
}

static int
do_create_tenant(dbmig_call *call, int nargs, const dbmig_value *args,
				 dbmig_value *result)
{
	dbmig_place at;
	bool		made;

	if (args[0].type != DBMIG_TEXT)
		return dbmig_fail(call, DBMIG_NULL_VALUE, NULL, "path must be a text");
	if (dbmig_tenant_caller(call->data) != 0 ||
		dbmig_tenant_place(call, args[0].text, &at) != 0 ||
		dbmig_tenant_check_new(call, at.path) != 0)
		return -1;
	if (make_file(call, &at, &made) != 0)
		return -1;
	*result = dbmig_text(at.path);
	if (create(call, &at, nargs - 1, args + 1) == 0)
		return 0;
	give_up(call, &at, made);
	return -1;
}

/* With the lock of its file, nobody else is at work there. */
static int
check_unused(dbmig_call *call, const char *path)
{
	const char *name;

	if (dbmig_tenant_caller(call->data) != 0)
		return -1;
	if (dbmig_tenant_open(call, path, &name) != 0)
	{
		/* it is gone already */
		if (call->status != DBMIG_NO_FILE)
			return -1;
		dbmig_part_end(call);
		dbmig_part_begin(call);
		return 0;
	}
	if (call->host->begin(call, DBMIG_MODE_REGISTER) != 0)
		return -1;
	call->host->abort(call);
	dbmig_tenant_close(call);
	return 0;
}

static int
do_remove_tenant(dbmig_call *call, int nargs, const dbmig_value *args,
				 dbmig_value *result)
{
	bool		erase = nargs > 1 && args[1].type != DBMIG_NULL;
	const char *other;
	dbmig_place at;
	bool		found;

	if (args[0].type != DBMIG_TEXT)
		return dbmig_fail(call, DBMIG_NULL_VALUE, NULL, "path must be a text");
	if (erase && args[1].type != DBMIG_INT && args[1].type != DBMIG_BOOL)
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "delete_file must be 0 or 1");
	erase = erase && args[1].integer != 0;
	if (dbmig_tenant_place(call, args[0].text, &at) != 0 ||
		dbmig_tenant_find(call, at.path, &found, &other) != 0)
		return -1;
	if (!found)
		return dbmig_fail(call, DBMIG_UNKNOWN, NULL,
						  "tenant \"%s\" is not known", at.path);
	if (erase)
	{
		dbmig_part_begin(call);
		if (check_unused(call, at.path) != 0)
			return -1;
		dbmig_part_end(call);
	}
	if (forget(call, &at, erase) != 0)
		return -1;
	*result = dbmig_text(at.path);
	return 0;
}

const dbmig_function dbmig_tenant_functions[DBMIG_TENANT_FUNCTION_COUNT] = {
	{"dbmig_create_tenant", 1, -1, DBMIG_WRITES, do_create_tenant, NULL, NULL, NULL},
	{"dbmig_remove_tenant", 1, 2, DBMIG_WRITES, do_remove_tenant, NULL, NULL, NULL}
};
