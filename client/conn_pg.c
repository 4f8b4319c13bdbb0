/*
 * conn_pg.c
 *		PostgreSQL: connections and statements, over libpq.
 *
 * Texts go both ways as text.  libpq writes what a server says to stderr by
 * itself; here it goes to the program's log where migrations run, and nowhere
 * else.
 */
#include "client.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* pg_type.oid, which never change */
#define BOOLOID 16
#define BYTEAOID 17
#define INT8OID 20
#define INT4OID 23
#define FLOAT8OID 701
#define TIMESTAMPTZOID 1184
#define UUIDOID 2950

/* Without the line feed that libpq ends its messages with. */
static char *
trimmed(const char *text)
{
	size_t		length = strlen(text);

	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == ' '))
		length--;
	return dbmig_format_text("%.*s", (int) length, text);
}

static dbmig_error *
connection_error(PGconn *pg, dbmig_code code)
{
	char	   *text = trimmed(PQerrorMessage(pg));
	dbmig_error *error;

	/* libpq's own, which has no code */
	if (text != NULL && strncmp(text, "out of memory", strlen("out of memory")) == 0)
		error = dbmig_error_memory();
	else
		error = dbmig_error_make(code, text, NULL, NULL);

	free(text);
	return error;
}

/* result is a PGresult, or NULL where libpq could not make one. */
dbmig_error *
dbmig_pg_error(dbmig_conn *conn, const void *result)
{
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	const char *context = PQresultErrorField(result, PG_DIAG_CONTEXT);
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	char	   *both = NULL;
	dbmig_error *error;

	if (message == NULL)
	{
		error = connection_error(conn->native, DBMIG_E_DATABASE);
		if (error->code != DBMIG_E_MEMORY && PQstatus(conn->native) == CONNECTION_BAD)
			strcpy(error->sqlstate, "08006");
		return error;
	}
	if (detail != NULL && context != NULL)
	{
		both = dbmig_format_text("%s\n%s", detail, context);
		if (both == NULL)
			return dbmig_error_memory();
	}
	error = dbmig_error_make(DBMIG_E_DATABASE, message,
							 both != NULL ? both : detail != NULL ? detail : context,
							 PQresultErrorField(result, PG_DIAG_MESSAGE_HINT));
	free(both);
	if (error->code != DBMIG_E_MEMORY && state != NULL && strlen(state) == 5)
		strcpy(error->sqlstate, state);
	return error;
}

static void
take_notice(void *arg, const PGresult *result)
{
	dbmig_conn *conn = arg;
	const dbmig_options *options = &conn->db->options;
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	char	   *both;

	if (!conn->private || options->log == NULL || message == NULL)
		return;
	both = detail != NULL ? dbmig_format_text("%s\n%s", message, detail) : NULL;
	options->log(severity != NULL && strcmp(severity, "WARNING") == 0 ?
				 DBMIG_LOG_WARNING : dbmig_is_progress(message) ?
				 DBMIG_LOG_PROGRESS : DBMIG_LOG_NOTICE, both != NULL ? both : message,
				 options->arg);
	free(both);
}

/* 1 where it is ready, 0 at the deadline, -1 on an error */
static int
wait_socket(PGconn *pg, short events, int64_t until)
{
	struct pollfd fd;

	fd.fd = PQsocket(pg);
	fd.events = events;
	for (;;)
	{
		int64_t		left = until == INT64_MAX ? 0 : until - dbmig_clock();
		int			result;

		if (until != INT64_MAX && left <= 0)
			return 0;
		result = poll(&fd, 1, until == INT64_MAX ? -1 :
					  (int) (left / 1000000 < 3600000 ? left / 1000000 + 1 : 3600000));
		if (result > 0)
			return 1;
		if (result < 0 && errno != EINTR)
			return -1;
	}
}

/* PQconnectdb() with a deadline that is ours, for all hosts together. */
static dbmig_error *
finish_connecting(PGconn *pg, double seconds)
{
	int64_t		until = seconds > 0 ? dbmig_clock_after(dbmig_clock(), seconds) :
	INT64_MAX;
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	if (PQstatus(pg) == CONNECTION_BAD)
		return connection_error(pg, DBMIG_E_CONNECT);
	while (status != PGRES_POLLING_OK)
	{
		int			ready = wait_socket(pg, status == PGRES_POLLING_READING ?
										POLLIN : POLLOUT, until);

		if (ready == 0)
			return dbmig_error_new(DBMIG_E_CONNECT,
								   "could not connect within %g seconds", seconds);
		if (ready < 0)
			return dbmig_error_new(DBMIG_E_CONNECT, "could not connect: %s",
								   strerror(errno));
		status = PQconnectPoll(pg);
		if (status == PGRES_POLLING_FAILED)
			return connection_error(pg, DBMIG_E_CONNECT);
	}
	return NULL;
}

/*
 * The search_path is this schema alone.  current_schema() names it only where
 * it is there and may be used.
 */
static dbmig_error *
pg_restore(dbmig_conn *conn)
{
	dbmig_param param = dbmig_bind_text(conn->db->options.schema);
	dbmig_rows *rows = NULL;
	dbmig_error *error;
	const char *found;

	if (conn->db->options.schema == NULL || conn->private)
		return NULL;
	error = dbmig_query(conn, "SELECT pg_catalog.set_config('search_path',"
						" pg_catalog.quote_ident($1), false)", 1, &param, &rows);
	if (error != NULL)
		return error;
	dbmig_rows_free(rows);
	error = dbmig_query(conn, "SELECT pg_catalog.current_schema()", 0, NULL, &rows);
	if (error != NULL)
		return error;
	found = dbmig_text_at(rows, 0, 0);
	if (found == NULL || strcmp(found, conn->db->options.schema) != 0)
		error = dbmig_error_new(DBMIG_E_CONNECT,
								"schema \"%s\" is not there, or not for this role",
								conn->db->options.schema);
	dbmig_rows_free(rows);
	return error;
}

static dbmig_error *
pg_open(dbmig_conn *conn, const char *target)
{
	const dbmig_options *options = &conn->db->options;
	const char *const keywords[] = {
		"dbname", "client_encoding", "fallback_application_name",
		options->application_name != NULL ? "application_name" : NULL, NULL
	};
	const char *const values[] = {
		target, "UTF8", "dbmig", options->application_name, NULL
	};
	PGconn	   *pg = PQconnectStartParams(keywords, values, 1);
	dbmig_error *error;

	conn->native = pg;
	if (pg == NULL)
		return dbmig_error_memory();
	PQsetNoticeReceiver(pg, take_notice, conn);
	error = finish_connecting(pg, options->connect_timeout);
	return error == NULL ? pg_restore(conn) : error;
}

static void
pg_close(dbmig_conn *conn)
{
	PQfinish(conn->native);
}

static bool
pg_sound(const dbmig_conn *conn)
{
	return PQstatus(conn->native) == CONNECTION_OK &&
		PQtransactionStatus(conn->native) != PQTRANS_ACTIVE &&
		PQtransactionStatus(conn->native) != PQTRANS_UNKNOWN;
}

/*
 * A server that has gone says so on the socket, or has closed it: then, and
 * after a long time in which a firewall may have forgotten it, it is asked.
 */
static bool
pg_alive(dbmig_conn *conn, int64_t idle)
{
	struct pollfd fd;
	PGresult   *result;
	bool		alive;

	if (!pg_sound(conn))
		return false;
	fd.fd = PQsocket(conn->native);
	fd.events = POLLIN;
	if (idle < ASK_AFTER && poll(&fd, 1, 0) == 0)
		return true;
	result = PQexec(conn->native, "");
	alive = PQresultStatus(result) == PGRES_EMPTY_QUERY;
	PQclear(result);
	return alive && pg_sound(conn);
}

static bool
pg_in_use(const dbmig_conn *conn)
{
	return PQtransactionStatus(conn->native) != PQTRANS_IDLE;
}

static bool
pg_aborted(const dbmig_conn *conn)
{
	return PQtransactionStatus(conn->native) == PQTRANS_INERROR;
}

/* What a parameter is for libpq; buffer has room for a number. */
static const char *
param_text(const dbmig_param *param, char *buffer, size_t size, Oid *type,
		   int *length, int *format)
{
	*type = 0;
	*length = 0;
	*format = 0;
	switch ((dbmig_param_kind) param->kind)
	{
		case DBMIG_KIND_NULL:
			return NULL;
		case DBMIG_KIND_BOOL:
			*type = BOOLOID;
			return param->integer ? "t" : "f";
		case DBMIG_KIND_INT:
			*type = param->integer >= INT32_MIN && param->integer <= INT32_MAX ?
				INT4OID : INT8OID;
			snprintf(buffer, size, "%lld", (long long) param->integer);
			return buffer;
		case DBMIG_KIND_REAL:
			*type = FLOAT8OID;
			dbmig_real_write(param->real, buffer, size);
			return buffer;
		case DBMIG_KIND_TEXT:
			return param->data;
		case DBMIG_KIND_BLOB:
			*type = BYTEAOID;
			*length = (int) param->length;
			*format = 1;
			return param->data;
		case DBMIG_KIND_UUID:
			*type = UUIDOID;
			dbmig_uuid_to_text(param->uuid, buffer);
			return buffer;
		case DBMIG_KIND_TIMESTAMP:
			*type = TIMESTAMPTZOID;
			return dbmig_timestamp_to_text(param->integer, buffer) ? buffer : "";
	}
	return NULL;
}

#define PARAM_ROOM 48

static dbmig_error *
send_query(dbmig_conn *conn, const char *sql, int count, const dbmig_param *params)
{
	struct
	{
		const char *value;
		char		buffer[PARAM_ROOM];
	}		   *kept;
	const char **values;
	Oid		   *types;
	int		   *lengths;
	int		   *formats;
	size_t		n = (size_t) count;
	int			sent = 0;
	int			i;

	if (count == 0)
		return PQsendQuery(conn->native, sql) ? NULL :
			connection_error(conn->native, DBMIG_E_DATABASE);
	kept = malloc(n * (sizeof(*kept) + sizeof(*values) + sizeof(*types) +
					   sizeof(*lengths) + sizeof(*formats)));
	if (kept == NULL)
		return dbmig_error_memory();
	values = (const char **) (kept + n);
	types = (Oid *) (values + n);
	lengths = (int *) (types + n);
	formats = lengths + n;
	for (i = 0; i < count; i++)
	{
		if (params[i].length > INT32_MAX)
			break;
		values[i] = param_text(&params[i], kept[i].buffer, PARAM_ROOM,
							   &types[i], &lengths[i], &formats[i]);
		if (values[i] != NULL && values[i][0] == '\0' &&
			params[i].kind == DBMIG_KIND_TIMESTAMP)
			break;
	}
	if (i == count)
		sent = PQsendQueryParams(conn->native, sql, count, types, values,
								 lengths, formats, 0);
	free(kept);
	if (i < count)
		return dbmig_error_new(DBMIG_E_ARGUMENT,
							   "parameter $%d is out of range", i + 1);
	return sent ? NULL : connection_error(conn->native, DBMIG_E_DATABASE);
}

static bool
read_cell(dbmig_rows *rows, dbmig_cell *cell, const PGresult *result, int row,
		  int column)
{
	const char *value;
	unsigned char *bytes;

	if (PQgetisnull(result, row, column))
		return true;
	value = PQgetvalue(result, row, column);
	cell->kind = DBMIG_KIND_TEXT;
	cell->length = (size_t) PQgetlength(result, row, column);
	if (PQftype(result, column) != BYTEAOID)
	{
		cell->data = dbmig_rows_keep(rows, value, cell->length);
		return cell->data != NULL;
	}
	bytes = PQunescapeBytea((const unsigned char *) value, &cell->length);
	if (bytes == NULL)
		return false;
	cell->kind = DBMIG_KIND_BLOB;
	cell->data = dbmig_rows_keep(rows, bytes, cell->length);
	PQfreemem(bytes);
	return cell->data != NULL;
}

static bool
read_rows(const PGresult *result, dbmig_rows **rows)
{
	int			columns = PQnfields(result);
	int			count = PQntuples(result);
	int			i;
	int			j;

	dbmig_rows_free(*rows);
	*rows = dbmig_rows_new(columns);
	if (*rows == NULL)
		return false;
	for (j = 0; j < columns; j++)
		if (!dbmig_rows_set_name(*rows, j, PQfname(result, j)))
			return false;
	for (i = 0; i < count; i++)
	{
		dbmig_cell *row = dbmig_rows_add(*rows);

		if (row == NULL)
			return false;
		for (j = 0; j < columns; j++)
			if (!read_cell(*rows, &row[j], result, i, j))
				return false;
	}
	return true;
}

/* COPY from or to the client is libpq's own to do, with dbmig_native(). */
static dbmig_error *
end_copy(dbmig_conn *conn, ExecStatusType status)
{
	PGconn	   *pg = conn->native;
	char	   *data;

	if (status == PGRES_COPY_IN)
		PQputCopyEnd(pg, "COPY is not supported here");
	else
		while (PQgetCopyData(pg, &data, 0) > 0)
			PQfreemem(data);
	return dbmig_error_hint(DBMIG_E_ARGUMENT,
							"Use dbmig_native() and libpq's functions.",
							"COPY with the client is not supported here");
}

static dbmig_error *
take_result(dbmig_conn *conn, const PGresult *result, dbmig_rows **rows,
			int64_t *changed)
{
	ExecStatusType status = PQresultStatus(result);

	switch (status)
	{
		case PGRES_TUPLES_OK:
			if (rows != NULL && !read_rows(result, rows))
				return dbmig_error_memory();
			/* fall through */
		case PGRES_COMMAND_OK:
			if (changed != NULL)
				*changed = strtoll(PQcmdTuples((PGresult *) result), NULL, 10);
			return NULL;
		case PGRES_EMPTY_QUERY:
			return NULL;
		case PGRES_COPY_IN:
		case PGRES_COPY_OUT:
		case PGRES_COPY_BOTH:
			return end_copy(conn, status);
		default:
			return dbmig_pg_error(conn, result);
	}
}

/* The first error is given, and everything read, so that it can be used on. */
static dbmig_error *
pg_run(dbmig_conn *conn, const char *sql, int count, const dbmig_param *params,
	   dbmig_rows **rows, int64_t *changed)
{
	dbmig_error *error = send_query(conn, sql, count, params);
	PGresult   *result;

	if (error != NULL)
		return error;
	while ((result = PQgetResult(conn->native)) != NULL)
	{
		dbmig_error *next = take_result(conn, result, rows, changed);

		PQclear(result);
		if (error == NULL)
			error = next;
		else
			dbmig_error_free(next);
		if (PQstatus(conn->native) == CONNECTION_BAD)
			break;
	}
	return error;
}

const dbmig_driver dbmig_driver_pg = {
	.kind = DBMIG_POSTGRES,
	.open = pg_open,
	.close = pg_close,
	.sound = pg_sound,
	.alive = pg_alive,
	.in_use = pg_in_use,
	.aborted = pg_aborted,
	.restore = pg_restore,
	.run = pg_run
};
