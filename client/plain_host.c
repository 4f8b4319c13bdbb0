/*
 * plain_host.c
 *		What a PostgreSQL without the extension lends to the core, over libpq.
 *
 * A transaction begins as READ COMMITTED whatever the default: what a lock was
 * waited for has to be seen.
 */
#include "plain.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* pg_type.oid, which never change */
#define BOOLOID 16
#define INT8OID 20
#define INT4OID 23
#define TEXTOID 25

#define MAX_PARAMS 24
#define MAX_COLUMNS 24

static void *
host_alloc(dbmig_call *call, size_t size)
{
	(void) call;
	return malloc(size);
}

static void
host_free(dbmig_call *call, void *p)
{
	(void) call;
	free(p);
}

int
dbmig_plain_keep(dbmig_call *call, dbmig_error *error)
{
	dbmig_plain *plain = call->data;

	if (error == NULL)
		return 0;
	if (error->code == DBMIG_E_MEMORY)
		return dbmig_fail(call, DBMIG_NO_MEMORY, NULL, "out of memory");
	if (call->status != DBMIG_OK)
	{
		dbmig_error_free(error);
		return -1;
	}
	dbmig_error_free(plain->error);
	plain->error = error;
	call->failure.code = error->sqlstate[0] != '\0' ? error->sqlstate : NULL;
	return dbmig_fail(call, DBMIG_ENGINE, error->hint, "%s", error->message);
}

/* "@." and "#.": one schema has them all. */
static char *
statement_text(const char *text)
{
	dbmig_string sql = {NULL, 0, 0, false};

	for (; *text != '\0'; text++)
	{
		if ((text[0] == '@' || text[0] == '#') && text[1] == '.')
			dbmig_string_add(&sql, PLAIN_SCHEMA);
		else
			dbmig_string_bytes(&sql, text, 1);
	}
	return sql.text;
}

static int
send_statement(dbmig_call *call, dbmig_sql id, const dbmig_value *params)
{
	dbmig_plain *plain = call->data;
	const char *letters = dbmig_statements[id].params;
	char	   *sql = statement_text(dbmig_statements[id].text);
	Oid			types[MAX_PARAMS];
	const char *values[MAX_PARAMS];
	char		numbers[MAX_PARAMS][24];
	int			count = 0;
	int			sent;

	if (sql == NULL)
		return dbmig_fail(call, DBMIG_NO_MEMORY, NULL, "out of memory");
	for (; letters[count] != '\0'; count++)
	{
		const dbmig_value *param = &params[count];

		types[count] = letters[count] == 'i' ? INT8OID : TEXTOID;
		values[count] = param->type == DBMIG_NULL ? NULL : param->text;
		if (letters[count] == 'i' && param->type != DBMIG_NULL)
		{
			snprintf(numbers[count], sizeof(numbers[count]), "%lld",
					 (long long) param->integer);
			values[count] = numbers[count];
		}
	}
	sent = PQsendQueryParams(plain->conn->native, sql, count, types, values, NULL,
							 NULL, 0);
	free(sql);
	if (!sent)
		return dbmig_plain_keep(call, dbmig_pg_error(plain->conn, NULL));
	PQsetSingleRowMode(plain->conn->native);
	return 0;
}

static int
emit_row(dbmig_call *call, const PGresult *result, int row, dbmig_row_fn emit, void *arg)
{
	dbmig_value values[MAX_COLUMNS];
	int			columns = PQnfields(result);
	int			i;

	for (i = 0; i < columns && i < MAX_COLUMNS; i++)
	{
		const char *text = PQgetvalue(result, row, i);
		Oid			type = PQftype(result, i);

		if (PQgetisnull(result, row, i))
			values[i] = dbmig_null();
		else if (type == BOOLOID)
			values[i] = dbmig_bool(text[0] == 't');
		else if (type == INT4OID || type == INT8OID)
			values[i] = dbmig_int(strtoll(text, NULL, 10));
		else
			values[i] = dbmig_text(text);
	}
	return emit(call, arg, values);
}

/* All results are read, whatever happens, so that the next one can be sent. */
static int
read_results(dbmig_call *call, dbmig_row_fn emit, void *arg)
{
	dbmig_plain *plain = call->data;
	PGresult   *result;
	int			status = 0;

	while ((result = PQgetResult(plain->conn->native)) != NULL)
	{
		ExecStatusType kind = PQresultStatus(result);
		int			row;

		if (kind == PGRES_SINGLE_TUPLE || kind == PGRES_TUPLES_OK)
			for (row = 0; status == 0 && emit != NULL && row < PQntuples(result); row++)
				status = emit_row(call, result, row, emit, arg);
		else if (kind != PGRES_COMMAND_OK && status == 0)
			status = dbmig_plain_keep(call, dbmig_pg_error(plain->conn, result));
		PQclear(result);
		if (PQstatus(plain->conn->native) == CONNECTION_BAD)
			break;
	}
	return status;
}

static int
see_running(dbmig_call *call, void *arg, const dbmig_value *row)
{
	(void) call;
	*(bool *) arg = strcmp(row[0].text, "running") == 0;
	return 0;
}

/*
 * What a step finds of an earlier try is gone once it is marked as running,
 * hence the look here.
 */
int
dbmig_plain_query(dbmig_call *call, dbmig_sql id, const dbmig_value *params,
				  dbmig_row_fn row, void *arg)
{
	dbmig_plain *plain = call->data;

	if (id == DBMIG_UNSETTLED_PUT)
	{
		plain->was_running = false;
		if (dbmig_plain_query(call, DBMIG_APPLIED_STATE, params, see_running,
							  &plain->was_running) != 0)
			return -1;
	}
	if (send_statement(call, id, params) != 0)
		return -1;
	return read_results(call, row, arg);
}

static int
host_caller(dbmig_call *call, dbmig_mode mode)
{
	(void) call;
	(void) mode;
	return 0;
}

int
dbmig_plain_begin(dbmig_call *call, dbmig_mode mode)
{
	dbmig_plain *plain = call->data;

	plain->migrate = mode == DBMIG_MODE_MIGRATE;
	if (plain->depth == 0 &&
		dbmig_plain_keep(call, dbmig_exec(plain->conn, "BEGIN ISOLATION LEVEL READ COMMITTED",
										  0, NULL, NULL)) != 0)
		return -1;
	plain->depth++;
	return 0;
}

int
dbmig_plain_commit(dbmig_call *call)
{
	dbmig_plain *plain = call->data;

	if (plain->depth > 1)
	{
		plain->depth--;
		return 0;
	}
	if (dbmig_plain_keep(call, dbmig_commit(plain->conn)) != 0)
		return -1;
	plain->depth = 0;
	return 0;
}

/* Everything, not the innermost: what is joined ends with what it joined. */
void
dbmig_plain_abort(dbmig_call *call)
{
	dbmig_plain *plain = call->data;

	if (plain->depth > 0 && plain->conn->driver->in_use(plain->conn))
		dbmig_error_free(dbmig_undo(plain->conn));
	plain->depth = 0;
}

static int
host_pause(dbmig_call *call, double seconds)
{
	(void) call;
	dbmig_clock_sleep(seconds);
	return 0;
}

static int
host_progress(dbmig_call *call, const dbmig_progress *progress)
{
	dbmig_plain *plain = call->data;
	char	   *text = dbmig_printf(call, DBMIG_PROGRESS_FORMAT, DBMIG_PROGRESS_ARGS(progress));

	if (text == NULL)
		return -1;
	dbmig_say(plain->conn->db, DBMIG_LOG_PROGRESS, text);
	return 0;
}

static int
host_set(dbmig_call *call, const char *name, const char *value)
{
	dbmig_plain *plain = call->data;
	char	   *end;

	if (strcmp(name, "lock_timeout") == 0)
		plain->settings.lock_timeout = dbmig_real_read(value, &end);
	else if (strcmp(name, "out_of_order") == 0)
		plain->settings.out_of_order = strcmp(value, "apply") == 0;
	else if (strcmp(name, "changed") == 0)
		plain->settings.accept_changed = strcmp(value, "accept") == 0;
	return 0;
}

/* A tenant is a schema. */
static int
host_enter(dbmig_call *call, const char *tenant, const char **name)
{
	dbmig_plain *plain = call->data;
	dbmig_param param = dbmig_bind_text(tenant);
	dbmig_rows *rows = NULL;
	bool		there = false;

	if (dbmig_plain_keep(call, dbmig_query(plain->conn,
										   "SELECT pg_catalog.to_regnamespace("
										   "pg_catalog.quote_ident($1)) IS NOT NULL",
										   1, &param, &rows)) != 0)
		return -1;
	dbmig_bool_at(rows, 0, 0, &there);
	dbmig_rows_free(rows);
	if (!there)
		return dbmig_fail(call, DBMIG_UNKNOWN, NULL, "tenant \"%s\" is not known", tenant);
	*name = tenant;
	return 0;
}

static void
host_leave(dbmig_call *call)
{
	(void) call;
}

/* R1 */
static int
host_role(dbmig_call *call, const char *role)
{
	dbmig_plain *plain = call->data;
	dbmig_param param = dbmig_bind_text(role);
	dbmig_rows *rows = NULL;
	const char *user;
	bool		member = false;
	int			result = 0;

	if (dbmig_plain_keep(call, dbmig_query(plain->conn,
										   "SELECT pg_catalog.pg_has_role(current_user, oid, 'MEMBER'),"
										   " current_user FROM pg_catalog.pg_roles"
										   " WHERE rolname = $1", 1, &param, &rows)) != 0)
		return -1;
	user = dbmig_text_at(rows, 0, 1);
	if (user == NULL)
		result = dbmig_fail(call, DBMIG_UNKNOWN, NULL, "role \"%s\" does not exist", role);
	else if (!dbmig_bool_at(rows, 0, 0, &member) || !member)
		result = dbmig_fail(call, DBMIG_NO_RIGHT, NULL,
							"\"%s\" is not a member of role \"%s\"", user, role);
	dbmig_rows_free(rows);
	return result;
}

const dbmig_host dbmig_plain_host = {
	.engine = "postgres",
	.migrate = "dbmig_migrate",
	.alloc = host_alloc,
	.free = host_free,
	.query = dbmig_plain_query,
	.caller = host_caller,
	.begin = dbmig_plain_begin,
	.lock = dbmig_plain_lock,
	.commit = dbmig_plain_commit,
	.abort = dbmig_plain_abort,
	.release = dbmig_plain_release,
	.run = dbmig_plain_run,
	.inspect = dbmig_plain_inspect,
	.pause = host_pause,
	.progress = host_progress,
	.set = host_set,
	.role = host_role,
	.enter = host_enter,
	.leave = host_leave
};
