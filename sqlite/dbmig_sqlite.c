/*
 * dbmig_sqlite.c
 *		The entry point, and the border between SQL functions and the core.
 *
 * Loading registers functions and empty tables and does nothing else: no SQL
 * is run, so that it can be an automatic extension of any program.  The
 * functions share one dbmig_connection, which goes when the last of them does.
 */
#include "dbmig_sqlite.h"

#include <string.h>

SQLITE_EXTENSION_INIT1

#define MAX_ARGUMENTS 8			/* on the stack; more are allocated */
#define SHORT_RESULT 256

#if defined(SQLITE_CORE)		/* linked into a program's own library */
#define EXPORT
#elif defined(_WIN32)
#define EXPORT __declspec(dllexport)
#elif defined(__GNUC__)
#define EXPORT __attribute__((visibility("default")))
#else
#define EXPORT
#endif

void
dbmig_connection_release(dbmig_connection *connection)
{
	if (--connection->references > 0)
		return;
	dbmig_pragmas_forget(connection);
	sqlite3_free(connection);
}

static void
release_binding(void *binding)
{
	dbmig_connection_release(((dbmig_binding *) binding)->connection);
}

void
dbmig_result(sqlite3_context *context, const dbmig_value *value)
{
	switch (value->type)
	{
		case DBMIG_NULL:
			sqlite3_result_null(context);
			break;
		case DBMIG_INT:
		case DBMIG_BOOL:
			sqlite3_result_int64(context, value->integer);
			break;
		case DBMIG_TEXT:
		case DBMIG_REAL:
			sqlite3_result_text64(context, value->text, value->length,
								  SQLITE_TRANSIENT, SQLITE_UTF8);
			break;
	}
}

/*
 * "Not ready" in a transaction that has read before is no answer: what it sees
 * may be old.
 */
static void
say_what_was_read(dbmig_work *work, const dbmig_function *function)
{
	dbmig_call *call = work->call;

	if (!work->was_reading || strcmp(function->name, "dbmig_check") != 0 ||
		(call->status != DBMIG_NOT_READY && call->status != DBMIG_UNKNOWN))
		return;
	call->status = DBMIG_SERIALIZE;
	call->hint = "Check outside of the transaction, in a SELECT without FROM.";
	call->message = dbmig_printf(call, "in what this transaction sees, which may be old: %s",
								 call->message);
}

/*
 * Calls the core.  A short result gets its memory before anything is
 * committed, so that no failed allocation tells of a failure afterwards.
 */
static int
call_scalar(dbmig_work *work, const dbmig_function *function,
			sqlite3_context *context, int argc, sqlite3_value **argv)
{
	dbmig_value few[MAX_ARGUMENTS];
	dbmig_value *args = few;
	dbmig_value result = dbmig_null();
	char	   *room;
	int			i;

	if (argc > MAX_ARGUMENTS)
	{
		args = dbmig_alloc(work->call, (size_t) argc * sizeof(*args));
		if (args == NULL)
			return -1;
	}
	for (i = 0; i < argc; i++)
		if (dbmig_work_argument(work, i + 1, argv[i], &args[i]) != 0)
			return -1;
	room = sqlite3_malloc(SHORT_RESULT);
	if (room == NULL)
		return dbmig_work_fail(work, SQLITE_NOMEM, NULL);
	if (function->scalar(work->call, argc, args, &result) != 0)
	{
		sqlite3_free(room);
		say_what_was_read(work, function);
		return -1;
	}
	if (result.type == DBMIG_TEXT && result.length < SHORT_RESULT)
	{
		memcpy(room, result.text, result.length);
		sqlite3_result_text64(context, room, result.length, sqlite3_free,
							  SQLITE_UTF8);
		return 0;
	}
	sqlite3_free(room);
	dbmig_result(context, &result);
	return 0;
}

static void
scalar_function(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	const dbmig_binding *binding = sqlite3_user_data(context);
	dbmig_call	call;
	dbmig_work	work;
	char	   *message;
	int			result;
	int			code;

	dbmig_work_begin(&work, &call, binding);
	result = call_scalar(&work, binding->function, context, argc, argv);
	dbmig_work_end(&work);
	if (result != 0)
	{
		message = dbmig_work_error(&work, &code);
		if (message != NULL)
		{
			sqlite3_result_error(context, message, -1);
			sqlite3_result_error_code(context, code);
		}
		else if (work.damaged)
			sqlite3_result_error(context,
								 "out of memory; the transaction is still open: end it with ROLLBACK",
								 -1);
		else
			sqlite3_result_error_nomem(context);
		sqlite3_free(message);
	}
	dbmig_call_end(&call);
}

static int
register_scalar(dbmig_connection *connection, dbmig_binding *binding)
{
	const dbmig_function *function = binding->function;
	int			first = function->max_args < 0 ? -1 : function->min_args;
	int			last = function->max_args;
	int			flags = SQLITE_UTF8;
	int			rc = SQLITE_OK;
	int			n;

	if (function->flags & DBMIG_PURE)
		flags |= SQLITE_INNOCUOUS | SQLITE_DETERMINISTIC;
	else
		flags |= SQLITE_DIRECTONLY;
	for (n = first; rc == SQLITE_OK && n <= last; n++)
	{
		connection->references++;	/* given back by release_binding() even
									 * where this fails */
		rc = sqlite3_create_function_v2(connection->db, function->name, n,
										flags, binding, scalar_function, NULL,
										NULL, release_binding);
	}
	return rc;
}

static int
register_module(dbmig_connection *connection, dbmig_binding *binding,
				const char *name, const sqlite3_module *module)
{
	connection->references++;
	return sqlite3_create_module_v2(connection->db, name, module, binding,
									release_binding);
}

/*
 * Those without which a schema cannot be read or looked at, or the others: a
 * pure function can be in an index, and a query be about an empty table.
 */
static int
register_some(dbmig_connection *connection, bool first)
{
	dbmig_binding *binding = connection->bindings;
	int			rc = SQLITE_OK;
	int			i;

	for (i = 0; rc == SQLITE_OK && i < dbmig_function_count + DBMIG_TENANT_FUNCTION_COUNT; i++, binding++)
	{
		binding->connection = connection;
		binding->function = i < dbmig_function_count ? &dbmig_functions[i] :
			&dbmig_tenant_functions[i - dbmig_function_count];
		if (first != ((binding->function->flags & DBMIG_PURE) != 0))
			continue;
		if (binding->function->rows != NULL)
			rc = register_module(connection, binding, binding->function->name,
								 &dbmig_rows_module);
		else
			rc = register_scalar(connection, binding);
	}
	for (i = 0; rc == SQLITE_OK && i < DBMIG_TABLE_COUNT; i++, binding++)
	{
		binding->connection = connection;
		if (first == dbmig_table_everywhere(i))
			rc = register_module(connection, binding, dbmig_table_name(i),
								 &dbmig_empty_module);
	}
	return rc == SQLITE_OK && first ? dbmig_values_register(connection) : rc;
}

dbmig_connection *
dbmig_connection_make(sqlite3 *db, int *rc)
{
	dbmig_connection *connection;
	size_t		size;

	size = sizeof(*connection) + sizeof(dbmig_binding) *
		(size_t) (dbmig_function_count + DBMIG_TENANT_FUNCTION_COUNT + DBMIG_TABLE_COUNT);
	connection = sqlite3_malloc64(size);
	*rc = SQLITE_NOMEM;
	if (connection == NULL)
		return NULL;
	memset(connection, 0, size);
	connection->db = db;
	connection->references = 1;
	connection->choices.settings.lock_timeout = DBMIG_LOCK_TIMEOUT_DEFAULT;
	strcpy(connection->choices.progress, "on");
	*rc = register_some(connection, true);
	if (*rc == SQLITE_OK)
		return connection;
	dbmig_connection_release(connection);
	return NULL;
}

int
dbmig_connection_complete(dbmig_connection *connection)
{
	int			rc = connection->complete ? SQLITE_OK : register_some(connection, false);

	connection->complete = rc == SQLITE_OK;
	return rc;
}

extern EXPORT int sqlite3_dbmig_init(sqlite3 *db, char **error,
									 const sqlite3_api_routines *api);

int
sqlite3_dbmig_init(sqlite3 *db, char **error, const sqlite3_api_routines *api)
{
	dbmig_connection *connection;
	int			rc;

	SQLITE_EXTENSION_INIT2(api);
	(void) api;
	if (sqlite3_libversion_number() < 3035000)
	{
		*error = sqlite3_mprintf("dbmig needs SQLite 3.35 or newer, this is %s",
								 sqlite3_libversion());
		return SQLITE_ERROR;
	}
	connection = dbmig_connection_make(db, &rc);
	if (connection != NULL)
		rc = dbmig_connection_complete(connection);
	if (rc != SQLITE_OK)
		*error = sqlite3_mprintf("could not register dbmig's functions: %s",
								 sqlite3_errmsg(db));
	if (connection != NULL)
		dbmig_connection_release(connection);
	return rc;
}
