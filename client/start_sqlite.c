/*
 * start_sqlite.c
 *		Migrations at start in SQLite: by the extension, which is linked in.
 *
 * Steps in C are an SQL function of this connection, which dbmig calls in the
 * migration's transaction; progress is another.
 */
#include "start.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_FUNCTION "dbmig_client_progress"

/* While migrations run; the functions' user data. */
typedef struct run
{
	dbmig_conn *conn;
	const dbmig_wanted *wanted;
	int64_t		since;			/* the last step was done */
} run;

static void
say_progress(run *r, int done, int total, const char *item)
{
	const dbmig_rows *rows = r->wanted->migrations;
	int64_t		now = dbmig_clock();
	const char *name = NULL;
	char	   *message;
	int			i;

	for (i = 0; i < dbmig_rows_count(rows); i++)
	{
		const char *package = dbmig_text_at(rows, i, WANTED_PACKAGE);
		size_t		length = strlen(package);

		if (strncmp(item, package, length) == 0 && item[length] == '@' &&
			strcmp(item + length + 1, dbmig_text_at(rows, i, WANTED_VERSION)) == 0)
			name = dbmig_text_at(rows, i, WANTED_NAME);
	}
	message = dbmig_format_text("%d/%d %s%s%s (%ld ms)", done, total, item,
								name != NULL ? " " : "", name != NULL ? name : "",
								(long) ((now - r->since) / 1000000));
	if (message != NULL)
		dbmig_say(r->conn->db, DBMIG_LOG_PROGRESS, message);
	free(message);
	r->since = now;
}

static void
progress_function(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	(void) argc;
	say_progress(sqlite3_user_data(context), sqlite3_value_int(argv[0]),
				 sqlite3_value_int(argv[1]), (const char *) sqlite3_value_text(argv[2]));
	sqlite3_result_int(context, 1);
}

static void
step_function(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	run		   *r = sqlite3_user_data(context);
	const char *package = (const char *) sqlite3_value_text(argv[0]);
	const char *version = (const char *) sqlite3_value_text(argv[1]);
	dbmig_error *error;

	(void) argc;
	if (package == NULL || version == NULL)
	{
		sqlite3_result_error_nomem(context);
		return;
	}
	error = dbmig_step_call(r->conn, package, version, false);
	if (error == NULL)
		return;
	sqlite3_result_error(context, error->message, -1);
	if (error->sqlite != 0)
		sqlite3_result_error_code(context, error->sqlite);
	dbmig_error_free(error);
}

/* The hint is behind the message, as SQLite's errors are one text. */
dbmig_error *
dbmig_sqlite_hint(dbmig_error *error)
{
	const char *hint = error != NULL ? strstr(error->message, "\nHINT:  ") : NULL;
	char	   *message;
	dbmig_error *better;

	if (hint == NULL || error->code == DBMIG_E_MEMORY)
		return error;
	message = dbmig_format_text("%.*s", (int) (hint - error->message), error->message);
	better = dbmig_error_make(DBMIG_E_MIGRATION, message, error->detail,
							  hint + strlen("\nHINT:  "));
	free(message);
	if (better->code != DBMIG_E_MEMORY)
		better->sqlite = error->sqlite;
	dbmig_error_free(error);
	return better;
}

static dbmig_error *
register_wanted(dbmig_conn *conn, const dbmig_wanted *wanted)
{
	const dbmig_rows *rows = wanted->migrations;
	dbmig_error *error = NULL;
	dbmig_param params[6];
	int			i;

	for (i = 0; error == NULL && i < dbmig_rows_count(rows); i++)
	{
		params[0] = dbmig_bind_text(dbmig_text_at(rows, i, WANTED_PACKAGE));
		params[1] = dbmig_bind_text(dbmig_text_at(rows, i, WANTED_VERSION));
		params[2] = dbmig_bind_text(dbmig_text_at(rows, i, WANTED_UP));
		params[3] = dbmig_bind_text(dbmig_text_at(rows, i, WANTED_DOWN));
		params[4] = dbmig_bind_text(dbmig_text_at(rows, i, WANTED_NAME));
		params[5] = dbmig_bind_text(dbmig_text_at(rows, i, WANTED_OPTIONS));
		error = dbmig_exec(conn, strcmp(dbmig_text_at(rows, i, WANTED_KIND), "function") == 0 ?
						   "SELECT dbmig_register_function($1, $2, $3, $4, $5, $6)" :
						   "SELECT dbmig_register($1, $2, $3, $4, $5, $6)",
						   6, params, NULL);
	}
	rows = wanted->dependencies;
	for (i = 0; error == NULL && i < dbmig_rows_count(rows); i++)
	{
		char	   *item = dbmig_item_join(dbmig_text_at(rows, i, 0), dbmig_text_at(rows, i, 1));
		char	   *after = dbmig_item_join(dbmig_text_at(rows, i, 2), dbmig_text_at(rows, i, 3));

		params[0] = dbmig_bind_text(item);
		params[1] = dbmig_bind_text(after);
		error = item == NULL || after == NULL ? dbmig_error_memory() :
			dbmig_exec(conn, "SELECT dbmig_after($1, $2)", 2, params, NULL);
		free(item);
		free(after);
	}
	return error;
}

/* Whether a pending migration cannot be in a transaction with the others. */
static dbmig_error *
needs_migrate(dbmig_conn *conn, const dbmig_wanted *wanted, bool *migrate)
{
	dbmig_error *error = NULL;
	int			i;

	*migrate = conn->db->options.one_by_one;
	for (i = 0; error == NULL && !*migrate && i < dbmig_rows_count(wanted->packages); i++)
	{
		dbmig_rows *rows = NULL;
		dbmig_param params[2];

		params[0] = dbmig_bind_text(dbmig_text_at(wanted->packages, i, 0));
		params[1] = dbmig_bind_text(dbmig_text_at(wanted->packages, i, 1));
		error = dbmig_query(conn, "SELECT 1 FROM dbmig_plan($1, $2) WHERE transactional = 0"
							" LIMIT 1", 2, params, &rows);
		*migrate = error == NULL && dbmig_rows_count(rows) > 0;
		dbmig_rows_free(rows);
	}
	return error;
}

static dbmig_error *
apply_wanted(dbmig_conn *conn, const dbmig_wanted *wanted, bool migrate)
{
	dbmig_error *error = migrate ? NULL : dbmig_begin(conn);
	int			i;

	for (i = 0; error == NULL && i < dbmig_rows_count(wanted->packages); i++)
	{
		dbmig_param params[2];

		params[0] = dbmig_bind_text(dbmig_text_at(wanted->packages, i, 0));
		params[1] = dbmig_bind_text(dbmig_text_at(wanted->packages, i, 1));
		error = dbmig_exec(conn, migrate ? "SELECT dbmig_migrate($1, $2)" :
						   "SELECT dbmig_apply($1, $2)", 2, params, NULL);
	}
	if (migrate)
		return error;
	if (error == NULL)
		error = dbmig_commit(conn);
	if (error != NULL && conn->driver->in_use(conn))
		dbmig_error_free(dbmig_undo(conn));
	return error;
}

dbmig_error *
dbmig_sqlite_lock_timeout(dbmig_conn *conn)
{
	double		limit = conn->db->options.lock_timeout;
	char		seconds[48];
	dbmig_param param;

	sqlite3_snprintf(sizeof(seconds), seconds, "%.3f", limit < 2147483 ? limit : 2147483.0);
	param = dbmig_bind_text(seconds);
	return dbmig_exec(conn, "SELECT dbmig_set('lock_timeout', $1)", 1, &param, NULL);
}

static dbmig_error *
set_up(run *r)
{
	sqlite3    *db = r->conn->native;
	dbmig_error *error;

	if (sqlite3_create_function(db, STEP_FUNCTION_SQLITE, 2, SQLITE_UTF8 | SQLITE_DIRECTONLY,
								r, step_function, NULL, NULL) != SQLITE_OK ||
		sqlite3_create_function(db, PROGRESS_FUNCTION, 3, SQLITE_UTF8 | SQLITE_DIRECTONLY,
								r, progress_function, NULL, NULL) != SQLITE_OK)
		return dbmig_error_memory();
	error = dbmig_sqlite_lock_timeout(r->conn);
	return error != NULL ? error :
		dbmig_exec(r->conn, "SELECT dbmig_set('progress', '" PROGRESS_FUNCTION "')", 0,
				   NULL, NULL);
}

dbmig_error *
dbmig_start_sqlite(dbmig_conn *conn, const dbmig_wanted *wanted)
{
	bool		migrate = false;
	dbmig_error *error;
	run			r;

	r.conn = conn;
	r.wanted = wanted;
	r.since = dbmig_clock();
	error = set_up(&r);

	/* all of it or nothing, as when one file is registered */
	if (error == NULL)
		error = dbmig_begin(conn);
	if (error == NULL)
	{
		error = register_wanted(conn, wanted);
		if (error == NULL)
			error = dbmig_commit(conn);
		if (error != NULL && conn->driver->in_use(conn))
			dbmig_error_free(dbmig_undo(conn));
	}
	if (error == NULL)
		error = needs_migrate(conn, wanted, &migrate);
	r.since = dbmig_clock();
	if (error == NULL)
		error = apply_wanted(conn, wanted, migrate);
	error = dbmig_sqlite_hint(error);
	if (error != NULL && error->code == DBMIG_E_DATABASE)
		error->code = DBMIG_E_MIGRATION;
	return error;
}

dbmig_error *
dbmig_look_sqlite(dbmig_conn *conn, const dbmig_wanted *wanted, dbmig_state *state)
{
	char	   *sql = dbmig_in_schema(dbmig_state_sqlite, "main");
	dbmig_rows *rows = NULL;
	dbmig_error *error;

	(void) wanted;
	if (sql == NULL)
		return dbmig_error_memory();
	error = dbmig_query(conn, sql, 0, NULL, &rows);
	free(sql);
	return error == NULL ? dbmig_state_make(rows, state) : error;
}
