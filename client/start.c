/*
 * start.c
 *		dbmig_start(): the database in step with the program's packages.
 *
 * It has a connection of its own, which is closed afterwards: what migrations
 * leave in a session, and the rights that they need, never reach the pool.
 */
#include "start.h"

#include <stdlib.h>
#include <string.h>

/* seconds */
#define POLL_FIRST 0.02
#define POLL_MOST 0.25

void
dbmig_say(dbmig *db, dbmig_level level, const char *message)
{
	if (db->options.log != NULL)
		db->options.log(level, message, db->options.arg);
}

static dbmig_error *
look(dbmig_conn *conn, const dbmig_wanted *wanted, dbmig_state *state)
{
	memset(state, 0, sizeof(*state));
	return conn->driver->kind == DBMIG_POSTGRES ?
		dbmig_look_pg(conn, wanted, state) : dbmig_look_sqlite(conn, wanted, state);
}

/* check_only: holds neither a transaction nor a lock while it waits. */
static dbmig_error *
wait_for_others(dbmig_conn *conn, const dbmig_wanted *wanted)
{
	const dbmig_options *options = &conn->db->options;
	int64_t		until = dbmig_clock_after(dbmig_clock(), options->check_timeout);
	double		pause = POLL_FIRST;

	for (;;)
	{
		dbmig_state state;
		dbmig_error *error = look(conn, wanted, &state);
		dbmig_error *pending = NULL;
		int64_t		now;

		if (error == NULL && options->refuse_newer)
			error = dbmig_state_newer(&state, wanted);
		if (error == NULL)
			pending = dbmig_state_pending(&state, wanted);
		dbmig_state_free(&state);
		if (error != NULL || pending == NULL)
			return error;
		now = dbmig_clock();
		if (now >= until)
			return dbmig_error_in(pending, "the database is not in step after %g seconds",
								  options->check_timeout);
		dbmig_error_free(pending);
		dbmig_clock_sleep(until - now > (int64_t) (pause * (double) NANOSECONDS) ? pause :
						  (double) (until - now) / (double) NANOSECONDS);
		pause = pause * 2 < POLL_MOST ? pause * 2 : POLL_MOST;
	}
}

static dbmig_error *
bring_in_step(dbmig_conn *conn, const dbmig_wanted *wanted)
{
	dbmig_state state;
	dbmig_error *error = look(conn, wanted, &state);
	bool		settled = error == NULL && dbmig_state_settled(&state, wanted);

	if (error == NULL && conn->db->options.refuse_newer)
		error = dbmig_state_newer(&state, wanted);
	dbmig_state_free(&state);
	if (error != NULL || settled)
		return error;
	return conn->driver->kind == DBMIG_POSTGRES ?
		dbmig_start_pg(conn, wanted) : dbmig_start_sqlite(conn, wanted);
}

dbmig_error *
dbmig_conn_for_migrations(dbmig *db, dbmig_conn **conn)
{
	const dbmig_driver *driver = db->driver;
	char	   *own = NULL;
	dbmig_error *error = NULL;

	*conn = NULL;
	if (db->options.migrations_url != NULL)
	{
		error = dbmig_url_read(db->options.migrations_url, &driver, &own);
		if (error == NULL && driver != db->driver)
			error = dbmig_error_new(DBMIG_E_ARGUMENT,
									"migrations_url is another kind of database than the pool's");
	}
	if (error == NULL)
		error = dbmig_error_in(dbmig_conn_open(db, driver, own != NULL ? own : db->target,
											   true, conn),
							   "could not connect for migrations");
	free(own);
	return error;
}

dbmig_error *
dbmig_start(dbmig *db)
{
	dbmig_conn *conn = NULL;
	dbmig_wanted wanted;
	dbmig_error *error;

	if (db->options.package_count == 0 && db->options.folder == NULL)
		return NULL;
	error = dbmig_wanted_read(db, db->driver->kind, &wanted);
	if (error != NULL)
		return error;
	error = dbmig_conn_for_migrations(db, &conn);
	if (error == NULL)
		error = db->options.check_only ? wait_for_others(conn, &wanted) :
			bring_in_step(conn, &wanted);
	if (conn != NULL)
		dbmig_conn_close(conn);
	dbmig_wanted_free(&wanted);
	return error;
}
