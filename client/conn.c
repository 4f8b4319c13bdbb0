/*
 * conn.c
 *		One connection: opening, resetting and closing it, whatever database.
 */
#include "client.h"

#include <stdlib.h>
#include <string.h>

/*
 * private: a connection of dbmig_start(), for which the hooks and the schema
 * are not meant.
 */
dbmig_error *
dbmig_conn_open(dbmig *db, const dbmig_driver *driver, const char *target,
				bool private, dbmig_conn **result)
{
	dbmig_conn *conn = calloc(1, sizeof(*conn));
	dbmig_error *error;

	*result = NULL;
	if (conn == NULL)
		return dbmig_error_memory();
	conn->db = db;
	conn->driver = driver;
	conn->private = private;
	error = driver->open(conn, target);
	if (error == NULL && !private && db->options.connect != NULL)
		error = db->options.connect(conn, db->options.arg);
	if (error != NULL)
	{
		dbmig_conn_close(conn);
		return error;
	}
	conn->opened = dbmig_clock();
	conn->idle_since = conn->opened;
	*result = conn;
	return NULL;
}

void
dbmig_conn_close(dbmig_conn *conn)
{
	if (conn->native != NULL)
		conn->driver->close(conn);
	dbmig_error_free(conn->failed);
	free(conn);
}

bool
dbmig_conn_old(const dbmig_conn *conn, int64_t now)
{
	double		limit = conn->db->options.life_timeout;

	return limit > 0 && now >= dbmig_clock_after(conn->opened, limit);
}

/* Not one that is left in a transaction, which nobody else may find. */
bool
dbmig_conn_sound(const dbmig_conn *conn)
{
	return !conn->stuck && conn->driver->sound(conn);
}

/* What cannot be undone leaves an unsound connection, which is no error. */
static bool
end_use(dbmig_conn *conn)
{
	if (!conn->driver->in_use(conn))
		return true;
	dbmig_error_free(conn->driver->run(conn, "ROLLBACK", 0, NULL, NULL, NULL));
	conn->stuck = conn->driver->in_use(conn);
	return !conn->stuck;
}

/*
 * On the way back to the pool.  An error is the hook's, and the connection is
 * not to be used again.
 */
dbmig_error *
dbmig_conn_reset(dbmig_conn *conn)
{
	const dbmig_options *options = &conn->db->options;
	dbmig_error *error = NULL;

	if (conn->failed != NULL)
		dbmig_error_free(conn->failed);
	conn->failed = NULL;
	if (!conn->driver->sound(conn) || !end_use(conn))
		return NULL;
	if (options->release != NULL)
	{
		error = options->release(conn, options->arg);
		if (error != NULL)
			return dbmig_error_in(error, "the release hook has failed");
		if (!end_use(conn))
			return dbmig_error_new(DBMIG_E_HOOK,
								   "the release hook has left a transaction open");
	}
	if (conn->driver->restore != NULL && (conn->used || conn->lent))
		error = conn->driver->restore(conn);
	return error;
}

void *
dbmig_native(dbmig_conn *conn)
{
	conn->lent = true;
	return conn->native;
}

dbmig *
dbmig_of(dbmig_conn *conn)
{
	return conn->db;
}

dbmig_error *
dbmig_exec(dbmig_conn *conn, const char *sql, int count,
		   const dbmig_param *params, int64_t *changed)
{
	conn->used = true;
	if (changed != NULL)
		*changed = 0;
	return conn->driver->run(conn, sql, count, params, NULL, changed);
}

dbmig_error *
dbmig_query(dbmig_conn *conn, const char *sql, int count,
			const dbmig_param *params, dbmig_rows **rows)
{
	dbmig_error *error;

	conn->used = true;
	*rows = NULL;
	error = conn->driver->run(conn, sql, count, params, rows, NULL);
	if (error == NULL && *rows == NULL)
		*rows = dbmig_rows_new(0);
	if (error == NULL && *rows == NULL)
		return dbmig_error_memory();
	if (error != NULL)
	{
		dbmig_rows_free(*rows);
		*rows = NULL;
	}
	return error;
}

dbmig_error *
dbmig_begin(dbmig_conn *conn)
{
	return dbmig_exec(conn, conn->driver->kind == DBMIG_SQLITE ?
					  "BEGIN IMMEDIATE" : "BEGIN", 0, NULL, NULL);
}

/* PostgreSQL says COMMIT to a failed transaction too, and rolls it back. */
dbmig_error *
dbmig_commit(dbmig_conn *conn)
{
	bool		failed = conn->driver->aborted != NULL &&
	conn->driver->aborted(conn);
	dbmig_error *error = dbmig_exec(conn, "COMMIT", 0, NULL, NULL);

	if (error == NULL && failed)
		return dbmig_error_hint(DBMIG_E_DATABASE, NULL,
								"the transaction had failed and is rolled back");
	return error;
}

dbmig_error *
dbmig_undo(dbmig_conn *conn)
{
	return dbmig_exec(conn, "ROLLBACK", 0, NULL, NULL);
}
