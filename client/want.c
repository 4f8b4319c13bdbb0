/*
 * want.c
 *		The program's packages, checked and put in order by the core.
 *
 * They are registered in a database in memory that nobody else sees, by the
 * SQLite host; but as the database that they are meant for would register
 * them, so that a file's sections and options are that one's.
 */
#include "dbmig_sqlite.h"
#include "start.h"

#include <string.h>

typedef struct memory
{
	dbmig_conn *conn;
	dbmig_connection *connection;
	dbmig_host	host;
	const char *step_function;
} memory;

/* Whether a script can be in a transaction is for the database to say. */
static int
inspect_nothing(dbmig_call *call, const char *text, size_t length,
				dbmig_inspection *result)
{
	(void) call;
	(void) text;
	(void) length;
	result->transactional = true;
	result->refusal = NULL;
	return 0;
}

static dbmig_error *
call_core(memory *m, const char *name, int count, const dbmig_value *args)
{
	dbmig_binding binding;
	dbmig_work	work;
	dbmig_call	call;
	dbmig_value result;
	dbmig_error *error = NULL;

	binding.connection = m->connection;
	binding.function = dbmig_function_find(name);
	dbmig_work_begin(&work, &call, &binding);
	call.host = &m->host;
	if (binding.function->scalar(&call, count, args, &result) != 0)
		error = call.status == DBMIG_NO_MEMORY ? dbmig_error_memory() :
			dbmig_error_make(DBMIG_E_MIGRATION, call.message, NULL, call.hint);
	dbmig_work_end(&work);
	dbmig_call_end(&call);
	return error;
}

static dbmig_error *
register_script(memory *m, const char *package, const dbmig_script *script)
{
	bool		function = script->up_function != NULL;
	dbmig_value args[6];

	if ((script->up == NULL) != function ||
		(script->down != NULL && function) ||
		(script->down_function != NULL && !function))
		return dbmig_error_hint(DBMIG_E_ARGUMENT,
								"Give up and perhaps down, or up_function and perhaps down_function.",
								"migration \"%s@%s\" is neither SQL nor functions",
								package, script->version != NULL ? script->version : "");
	args[0] = dbmig_text(package);
	args[1] = dbmig_text(script->version);
	args[2] = dbmig_text(function ? m->step_function : script->up);
	args[3] = dbmig_text(script->down_function != NULL ? m->step_function : script->down);
	args[4] = dbmig_text(script->name);
	args[5] = dbmig_text(script->options);
	return call_core(m, function ? "dbmig_register_function" : "dbmig_register", 6, args);
}

static dbmig_error *
register_scripts(memory *m, const dbmig_scripts *scripts)
{
	dbmig_error *error = NULL;
	dbmig_value args[2];
	size_t		i;

	for (i = 0; error == NULL && i < scripts->count; i++)
		error = register_script(m, scripts->package, &scripts->scripts[i]);
	for (i = 0; error == NULL && scripts->after != NULL && scripts->after[i] != NULL; i++)
	{
		args[0] = dbmig_text(scripts->package);
		args[1] = dbmig_text(scripts->after[i]);
		error = call_core(m, "dbmig_after", 2, args);
	}
	return error;
}

static dbmig_error *
register_all(memory *m, const dbmig_options *options)
{
	dbmig_error *error = NULL;
	dbmig_value path;
	size_t		i;

	for (i = 0; error == NULL && i < options->package_count; i++)
		error = register_scripts(m, &options->packages[i]);
	if (error == NULL && options->folder != NULL)
	{
		path = dbmig_text(options->folder);
		error = call_core(m, "dbmig_load", 1, &path);
	}
	return error;
}

static dbmig_error *
read_all(memory *m, dbmig_wanted *wanted)
{
	dbmig_error *error;

	error = dbmig_query(m->conn, "SELECT m.package, m.version, m.sort_key, m.kind,"
						" m.checksum, m.name, m.options, m.up, m.down"
						" FROM dbmig_migration m JOIN dbmig_package p ON p.package = m.package"
						" ORDER BY p.position, m.sort_key", 0, NULL, &wanted->migrations);
	if (error == NULL)
		error = dbmig_query(m->conn, "SELECT package, version, after_package, after_version"
							" FROM dbmig_dependency ORDER BY 1, 2, 3, 4", 0, NULL,
							&wanted->dependencies);
	if (error == NULL)
		error = dbmig_query(m->conn, "SELECT p.package, m.version, m.sort_key"
							" FROM dbmig_package p JOIN dbmig_migration m ON m.package = p.package"
							" AND m.sort_key = (SELECT max(o.sort_key) FROM dbmig_migration o"
							" WHERE o.package = p.package)"
							" ORDER BY p.position", 0, NULL, &wanted->packages);
	return error;
}

dbmig_error *
dbmig_wanted_read(dbmig *db, dbmig_kind_of_database kind, dbmig_wanted *wanted)
{
	bool		pg = kind == DBMIG_POSTGRES;
	dbmig_error *error;
	memory		m;

	memset(wanted, 0, sizeof(*wanted));
	memset(&m, 0, sizeof(m));
	error = dbmig_conn_open(db, &dbmig_driver_sqlite, ":memory:", true, &m.conn);
	if (error != NULL)
		return error;
	m.connection = sqlite3_malloc(sizeof(*m.connection));
	if (m.connection == NULL)
	{
		dbmig_conn_close(m.conn);
		return dbmig_error_memory();
	}
	memset(m.connection, 0, sizeof(*m.connection));
	m.connection->db = m.conn->native;
	m.connection->references = 1;
	m.connection->choices.settings.lock_timeout = DBMIG_LOCK_TIMEOUT_DEFAULT;
	m.connection->complete = true;	/* no SQL function is called here */
	m.host = dbmig_sqlite_host;
	m.host.engine = pg ? "postgres" : "sqlite";
	m.host.inspect = inspect_nothing;
	m.step_function = pg ? STEP_FUNCTION_PG : STEP_FUNCTION_SQLITE;
	error = register_all(&m, &db->options);
	if (error == NULL)
		error = read_all(&m, wanted);
	dbmig_connection_release(m.connection);
	dbmig_conn_close(m.conn);
	if (error != NULL)
		dbmig_wanted_free(wanted);
	return error;
}

void
dbmig_wanted_free(dbmig_wanted *wanted)
{
	dbmig_rows_free(wanted->migrations);
	dbmig_rows_free(wanted->dependencies);
	dbmig_rows_free(wanted->packages);
	memset(wanted, 0, sizeof(*wanted));
}

const dbmig_script *
dbmig_wanted_step(const dbmig *db, const char *package, const char *version)
{
	const dbmig_options *options = &db->options;
	size_t		i;
	size_t		j;

	for (i = 0; i < options->package_count; i++)
		for (j = 0; j < options->packages[i].count; j++)
		{
			const dbmig_script *script = &options->packages[i].scripts[j];

			if (script->up_function != NULL &&
				strcmp(options->packages[i].package, package) == 0 &&
				strcmp(script->version, version) == 0)
				return script;
		}
	return NULL;
}

dbmig_error *
dbmig_step_call(dbmig_conn *conn, const char *package, const char *version, bool down)
{
	const dbmig_script *script = dbmig_wanted_step(conn->db, package, version);
	dbmig_step_function function = script == NULL ? NULL :
	down ? script->down_function : script->up_function;
	dbmig_error *error;

	if (function == NULL)
		return dbmig_error_new(DBMIG_E_MIGRATION,
							   "this program has no function for migration \"%s@%s\"",
							   package, version);
	dbmig_error_free(conn->failed);
	conn->failed = NULL;
	if (function(conn, version, script->arg) == 0)
		return NULL;
	error = conn->failed;
	conn->failed = NULL;
	return error != NULL ? error :
		dbmig_error_new(DBMIG_E_MIGRATION, "the function has failed");
}
