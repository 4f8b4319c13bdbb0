/*
 * conn_sqlite.c
 *		SQLite: connections and statements.
 *
 * A connection is used by one thread at a time, so it needs no lock of its own.
 * Each has WAL, where the file can have it, and the busy time-out.  A database
 * is opened when it is first read: the journal mode does that, so that a file
 * that is none is refused here.
 */
#include "client.h"

#include <limits.h>
#include <sqlite3ext.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static dbmig_error *
sqlite_error(sqlite3 *db, dbmig_code code)
{
	int			rc = sqlite3_extended_errcode(db);
	dbmig_error *error;

	if ((rc & 0xFF) == SQLITE_NOMEM)
		return dbmig_error_memory();
	error = dbmig_error_make(code, sqlite3_errmsg(db), NULL, NULL);
	if (error->code != DBMIG_E_MEMORY)
		error->sqlite = rc;
	return error;
}

/* dbmig's functions, as in a session of PostgreSQL; linked in, not loaded. */
extern int	sqlite3_dbmig_init(sqlite3 *db, char **error,
							   const sqlite3_api_routines *api);

static dbmig_error *
sqlite_open(dbmig_conn *conn, const char *target)
{
	double		seconds = conn->db->options.busy_timeout;
	sqlite3    *db = NULL;
	char	   *message = NULL;
	dbmig_error *error;
	int			rc;

	if (sqlite3_threadsafe() == 0)
		return dbmig_error_new(DBMIG_E_CONNECT,
							   "this SQLite was built without support for threads");
	rc = sqlite3_open_v2(target, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
						 SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
	conn->native = db;
	if (db == NULL)
		return dbmig_error_memory();
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, seconds > INT_MAX / 1000 ? INT_MAX :
						 (int) (seconds * 1000));
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, sqlite3_db_readonly(db, "main") == 1 ?
						  "PRAGMA schema_version" : "PRAGMA journal_mode = WAL",
						  NULL, NULL, NULL);
	if (rc == SQLITE_OK)
	{
		rc = sqlite3_dbmig_init(db, &message, NULL);
		if (rc == SQLITE_OK)
			return NULL;
		error = (rc & 0xFF) == SQLITE_NOMEM ? dbmig_error_memory() :
			dbmig_error_make(DBMIG_E_CONNECT, message, NULL, NULL);
		sqlite3_free(message);
		return error;
	}
	error = sqlite_error(db, DBMIG_E_CONNECT);
	return dbmig_error_in(error, "could not open \"%s\"", target);
}

static void
sqlite_close(dbmig_conn *conn)
{
	sqlite3    *db = conn->native;
	sqlite3_stmt *stmt;

	/* what the program has left would keep it open */
	while ((stmt = sqlite3_next_stmt(db, NULL)) != NULL)
		sqlite3_finalize(stmt);
	sqlite3_close_v2(db);
}

static bool
sqlite_sound(const dbmig_conn *conn)
{
	(void) conn;
	return true;
}

static bool
sqlite_alive(dbmig_conn *conn, int64_t idle)
{
	(void) idle;
	return sqlite_sound(conn);
}

static bool
sqlite_in_use(const dbmig_conn *conn)
{
	return !sqlite3_get_autocommit(conn->native);
}

/* "$1" and "?1" are both the first parameter, whatever comes first. */
static int
bind_index(sqlite3_stmt *stmt, int number)
{
	char		name[16];
	int			index;

	snprintf(name, sizeof(name), "$%d", number);
	index = sqlite3_bind_parameter_index(stmt, name);
	if (index == 0)
	{
		snprintf(name, sizeof(name), "?%d", number);
		index = sqlite3_bind_parameter_index(stmt, name);
	}
	return index;
}

static int
bind_one(sqlite3_stmt *stmt, int index, const dbmig_param *param)
{
	char		text[28];

	switch ((dbmig_param_kind) param->kind)
	{
		case DBMIG_KIND_NULL:
			return sqlite3_bind_null(stmt, index);
		case DBMIG_KIND_BOOL:
		case DBMIG_KIND_INT:
			return sqlite3_bind_int64(stmt, index, param->integer);
		case DBMIG_KIND_REAL:
			return sqlite3_bind_double(stmt, index, param->real);
		case DBMIG_KIND_TEXT:
			return sqlite3_bind_text64(stmt, index, param->data, param->length,
									   SQLITE_STATIC, SQLITE_UTF8);
		case DBMIG_KIND_BLOB:
			return sqlite3_bind_blob64(stmt, index, param->data, param->length,
									   SQLITE_STATIC);
		case DBMIG_KIND_UUID:
			return sqlite3_bind_blob(stmt, index, param->uuid.bytes,
									 sizeof(param->uuid.bytes), SQLITE_TRANSIENT);
		case DBMIG_KIND_TIMESTAMP:
			if (!dbmig_timestamp_to_text(param->integer, text))
				return SQLITE_RANGE;
			return sqlite3_bind_text(stmt, index, text, -1, SQLITE_TRANSIENT);
	}
	return SQLITE_MISUSE;
}

static dbmig_error *
bind_all(sqlite3 *db, sqlite3_stmt *stmt, int count, const dbmig_param *params)
{
	int			known = 0;
	int			i;

	for (i = 0; i < count; i++)
	{
		int			index = bind_index(stmt, i + 1);
		int			rc;

		if (index == 0)
			return dbmig_error_new(DBMIG_E_ARGUMENT,
								   "the statement has no parameter $%d", i + 1);
		known++;
		rc = bind_one(stmt, index, &params[i]);
		if (rc == SQLITE_RANGE)
			return dbmig_error_new(DBMIG_E_ARGUMENT,
								   "parameter $%d is out of range", i + 1);
		if (rc != SQLITE_OK)
			return sqlite_error(db, DBMIG_E_DATABASE);
	}
	if (known != sqlite3_bind_parameter_count(stmt))
		return dbmig_error_new(DBMIG_E_ARGUMENT,
							   "the statement has %d parameters, %d were given",
							   sqlite3_bind_parameter_count(stmt), count);
	return NULL;
}

static bool
read_cell(dbmig_rows *rows, dbmig_cell *cell, sqlite3_stmt *stmt, int i)
{
	int			type = sqlite3_column_type(stmt, i);
	const void *data;

	if (type == SQLITE_NULL)
		return true;
	if (type == SQLITE_INTEGER)
		cell->integer = sqlite3_column_int64(stmt, i);
	if (type == SQLITE_FLOAT)
		cell->real = sqlite3_column_double(stmt, i);
	cell->kind = type == SQLITE_INTEGER ? DBMIG_KIND_INT :
		type == SQLITE_FLOAT ? DBMIG_KIND_REAL :
		type == SQLITE_BLOB ? DBMIG_KIND_BLOB : DBMIG_KIND_TEXT;
	data = type == SQLITE_BLOB ? sqlite3_column_blob(stmt, i) :
		(const void *) sqlite3_column_text(stmt, i);
	cell->length = (size_t) sqlite3_column_bytes(stmt, i);
	if (data == NULL && cell->length > 0)
		return false;
	cell->data = dbmig_rows_keep(rows, data, cell->length);
	return cell->data != NULL;
}

static dbmig_rows *
new_rows(sqlite3_stmt *stmt)
{
	int			columns = sqlite3_column_count(stmt);
	dbmig_rows *rows = dbmig_rows_new(columns);
	int			i;

	for (i = 0; rows != NULL && i < columns; i++)
	{
		const char *name = sqlite3_column_name(stmt, i);

		if (name == NULL || !dbmig_rows_set_name(rows, i, name))
		{
			dbmig_rows_free(rows);
			rows = NULL;
		}
	}
	return rows;
}

/* One statement to its end. */
static dbmig_error *
step_through(sqlite3 *db, sqlite3_stmt *stmt, dbmig_rows **rows)
{
	int			columns = sqlite3_column_count(stmt);
	int			rc;
	int			i;

	if (rows != NULL && columns > 0)
	{
		dbmig_rows_free(*rows);
		*rows = new_rows(stmt);
		if (*rows == NULL)
			return dbmig_error_memory();
	}
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
	{
		dbmig_cell *row;

		if (rows == NULL)
			continue;
		row = dbmig_rows_add(*rows);
		if (row == NULL)
			return dbmig_error_memory();
		for (i = 0; i < columns; i++)
			if (!read_cell(*rows, &row[i], stmt, i))
				return dbmig_error_memory();
	}
	return rc == SQLITE_DONE ? NULL : sqlite_error(db, DBMIG_E_DATABASE);
}

static dbmig_error *
run_one(sqlite3 *db, sqlite3_stmt *stmt, int count, const dbmig_param *params,
		dbmig_rows **rows, int64_t *changed)
{
	int			before = sqlite3_total_changes(db);
	dbmig_error *error = bind_all(db, stmt, count, params);

	if (error == NULL)
		error = step_through(db, stmt, rows);
	if (error == NULL && changed != NULL)
		*changed = sqlite3_total_changes(db) != before ? sqlite3_changes(db) : 0;
	return error;
}

static dbmig_error *
sqlite_run(dbmig_conn *conn, const char *sql, int count, const dbmig_param *params,
		   dbmig_rows **rows, int64_t *changed)
{
	sqlite3    *db = conn->native;
	dbmig_error *error = NULL;
	int			statements = 0;

	while (error == NULL && *sql != '\0')
	{
		sqlite3_stmt *stmt = NULL;

		if (sqlite3_prepare_v2(db, sql, -1, &stmt, &sql) != SQLITE_OK)
			return sqlite_error(db, DBMIG_E_DATABASE);
		if (stmt == NULL)
			continue;			/* a comment, or blanks */
		if (++statements > 1 && count > 0)
			error = dbmig_error_new(DBMIG_E_ARGUMENT,
									"several statements cannot have parameters");
		else
			error = run_one(db, stmt, count, params, rows, changed);
		sqlite3_finalize(stmt);
	}
	return error;
}

const dbmig_driver dbmig_driver_sqlite = {
	.kind = DBMIG_SQLITE,
	.open = sqlite_open,
	.close = sqlite_close,
	.sound = sqlite_sound,
	.alive = sqlite_alive,
	.in_use = sqlite_in_use,
	.run = sqlite_run
};
