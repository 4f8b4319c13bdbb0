/*
 * plain_wait.c
 *		A step's statement: sent, watched while it waits for a lock (L1), and
 *		tried again (L2).
 *
 * When lock_timeout fires the server has forgotten the lock, and the client
 * only sees the error.  So a statement that takes its time is looked at from a
 * second connection: who is in its way is known then, should it fail for that.
 * That connection is made on first need and goes with dbmig_plain_release();
 * where it cannot be had nobody is named, and nothing else is different.
 */
#include "plain.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* milliseconds; a shorter timeout could fire between two looks */
#define TIMEOUT_LEAST 50
#define TIMEOUT_SHORT 100
#define LOOK_LEAST 20
#define LOOK_MOST 1000
#define PAUSE_FIRST 100
#define PAUSE_MOST 10000

/* A line for each process; one that only waits itself where no other holds it. */
static const char blockers[] =
"WITH wanted AS (SELECT * FROM pg_catalog.pg_locks WHERE pid = $1 AND NOT granted),"
" way AS (SELECT p AS pid, EXISTS (SELECT 1 FROM pg_catalog.pg_locks l, wanted w"
" WHERE l.granted AND (l.pid = p OR p = 0 AND l.pid IS NULL)"
" AND ROW(l.locktype, l.database, l.relation, l.page, l.tuple, l.virtualxid,"
" l.transactionid, l.classid, l.objid, l.objsubid) IS NOT DISTINCT FROM"
" ROW(w.locktype, w.database, w.relation, w.page, w.tuple, w.virtualxid,"
" w.transactionid, w.classid, w.objid, w.objsubid)) AS holds"
" FROM (SELECT DISTINCT pg_catalog.unnest(pg_catalog.pg_blocking_pids($1)) AS p) u)"
" SELECT pg_catalog.string_agg(CASE WHEN way.pid = 0 THEN 'A prepared transaction blocks it.'"
" ELSE 'Process ' || way.pid || CASE WHEN holds THEN ' blocks it' ELSE ' waits before it' END"
" || CASE WHEN a.query IS NULL OR a.query = '<insufficient privilege>' THEN '' ELSE"
" coalesce(', application \"' || nullif(a.application_name, '') || '\"', '')"
" || CASE WHEN a.state LIKE 'idle in transaction%' THEN ', idle in transaction'"
" WHEN a.state = 'idle' THEN ', idle' ELSE '' END"
" || coalesce(', query \"' || nullif(pg_catalog.left(a.query, 200), '')"
" || CASE WHEN pg_catalog.length(a.query) > 200 THEN '...' ELSE '' END || '\"', '') END"
" || '.' END, E'\\n' ORDER BY way.pid)"
" FROM way LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = way.pid"
" WHERE holds OR NOT EXISTS (SELECT 1 FROM way WHERE holds)";

/* " name = 'value'", with what would end the quotes escaped */
static void
add_option(dbmig_string *text, const char *name, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	dbmig_string_add(text, " ");
	dbmig_string_add(text, name);
	dbmig_string_add(text, "='");
	for (; *value != '\0'; value++)
	{
		if (*value == '\'' || *value == '\\')
			dbmig_string_add(text, "\\");
		dbmig_string_bytes(text, value, 1);
	}
	dbmig_string_add(text, "'");
}

/* What connects to the server of pg again, whatever others its URL names. */
static char *
same_server(PGconn *pg)
{
	PQconninfoOption *options = PQconninfo(pg);
	PQconninfoOption *o;
	dbmig_string text = {NULL, 0, 0, false};

	if (options == NULL)
		return NULL;
	for (o = options; o->keyword != NULL; o++)
		if (strcmp(o->keyword, "host") != 0 && strcmp(o->keyword, "hostaddr") != 0 &&
			strcmp(o->keyword, "port") != 0)
			add_option(&text, o->keyword, o->val);
	PQconninfoFree(options);
	add_option(&text, "host", PQhost(pg));
	add_option(&text, "port", PQport(pg));
	return text.text;
}

static void
open_watcher(dbmig_plain *plain)
{
	dbmig_conn *conn = plain->conn;
	char	   *target;

	if (plain->watcher != NULL || plain->unwatched)
		return;
	target = same_server(conn->native);
	if (target != NULL)
		dbmig_error_free(dbmig_conn_open(conn->db, conn->driver, target, true,
										 &plain->watcher));
	plain->unwatched = plain->watcher == NULL;
	free(target);
}

void
dbmig_plain_unwatch(dbmig_plain *plain)
{
	if (plain->watcher != NULL)
		dbmig_conn_close(plain->watcher);
	plain->watcher = NULL;
	plain->unwatched = false;
	free(plain->blockers);
	plain->blockers = NULL;
}

/* Keeps who is in the way now; nobody may be. */
static void
look(dbmig_plain *plain)
{
	dbmig_param pid = dbmig_bind_int(PQbackendPID(plain->conn->native));
	dbmig_rows *rows = NULL;
	const char *text;

	open_watcher(plain);
	if (plain->watcher == NULL)
		return;
	dbmig_error_free(dbmig_query(plain->watcher, blockers, 1, &pid, &rows));
	text = rows != NULL ? dbmig_text_at(rows, 0, 0) : NULL;
	if (text != NULL)
	{
		free(plain->blockers);
		plain->blockers = dbmig_format_text("%s", text);
	}
	dbmig_rows_free(rows);
}

/* Until there is a result to be read. */
static void
wait_for_result(dbmig_plain *plain)
{
	PGconn	   *pg = plain->conn->native;
	int64_t		begun = dbmig_clock();
	int64_t		least = plain->timeout > 0 && plain->timeout < TIMEOUT_SHORT ?
	plain->timeout / 8 : LOOK_LEAST;

	while (PQconsumeInput(pg) && PQisBusy(pg))
	{
		int64_t		pause = (dbmig_clock() - begun) / 4000000;
		struct pollfd fd;

		fd.fd = PQsocket(pg);
		fd.events = POLLIN;
		pause = pause < least ? least : pause > LOOK_MOST ? LOOK_MOST : pause;
		if (poll(&fd, 1, (int) pause) == 0)
			look(plain);
	}
}

/* One statement, with parameters that are texts; the caller clears the result. */
void *
dbmig_plain_send(dbmig_plain *plain, const char *sql, int count, const char *const *values)
{
	PGconn	   *pg = plain->conn->native;
	PGresult   *result = NULL;
	PGresult   *next;
	int			sent = count == 0 ? PQsendQuery(pg, sql) :
	PQsendQueryParams(pg, sql, count, NULL, values, NULL, NULL, 0);

	free(plain->blockers);
	plain->blockers = NULL;
	if (!sent)
		return NULL;
	for (;;)
	{
		ExecStatusType status;

		wait_for_result(plain);
		next = PQgetResult(pg);
		if (next == NULL)
			return result;
		PQclear(result);
		result = next;
		status = PQresultStatus(result);
		if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT ||
			status == PGRES_COPY_BOTH || PQstatus(pg) == CONNECTION_BAD)
			return result;
	}
}

/* Takes the error; where a lock was not had, with who was in the way. */
dbmig_error *
dbmig_plain_blocked(const dbmig_plain *plain, dbmig_error *error)
{
	dbmig_error *longer;

	if (error == NULL || plain->blockers == NULL || strcmp(error->sqlstate, "55P03") != 0)
		return error;
	longer = dbmig_error_make(error->code, error->message, plain->blockers,
							  "The option lock_timeout is how many seconds a migration waits for a lock,"
							  " the option retries how often it is tried again.");
	if (longer->code != DBMIG_E_MEMORY)
		strcpy(longer->sqlstate, error->sqlstate);
	dbmig_error_free(error);
	return longer;
}

/*
 * After the tries-th try has failed and before it is undone: whether there is to
 * be another one.  Then it is said, the call has no error any more, and *pause
 * is how many seconds to wait, without locks.
 */
bool
dbmig_plain_retries(dbmig_place *at, int tries, double *pause)
{
	dbmig_plain *plain = at->plain;
	dbmig_call *call = at->call;
	long		ms = PAUSE_FIRST;
	char	   *text;
	int			i;

	if (tries > at->step->retries || call->status != DBMIG_ENGINE || plain->error == NULL ||
		strcmp(plain->error->sqlstate, "55P03") != 0)
		return false;
	for (i = 1; i < tries && ms < PAUSE_MOST; i++)
		ms = ms * 2 < PAUSE_MOST ? ms * 2 : PAUSE_MOST;
	*pause = (double) ms / 1000;
	text = dbmig_format_text("%smigration \"%s@%s\" did not get a lock: retry %d of %d follows in %ld ms%s%s",
							 at->step->direction == DBMIG_DOWN ? "rollback of " : "",
							 at->step->package, at->step->version, tries, at->step->retries, ms,
							 plain->blockers != NULL ? "\n" : "",
							 plain->blockers != NULL ? plain->blockers : "");
	if (text != NULL)
		dbmig_say(plain->conn->db, DBMIG_LOG_NOTICE, text);
	free(text);
	dbmig_error_free(plain->error);
	plain->error = NULL;
	call->status = DBMIG_OK;
	call->message = NULL;
	call->hint = NULL;
	memset(&call->failure, 0, sizeof(call->failure));
	return true;
}

/*
 * L1: milliseconds for lock_timeout, or 0 where the session's own is kept: one
 * that is not 0, as nothing was set in this session.
 */
static int
timeout_of(dbmig_place *at, int64_t *milliseconds)
{
	dbmig_plain *plain = at->plain;
	double		seconds = plain->settings.lock_timeout;
	dbmig_rows *rows = NULL;
	int64_t		own = 0;

	*milliseconds = at->step->lock_timeout;
	if (*milliseconds < 0)
	{
		if (dbmig_plain_keep(at->call,
							 dbmig_query(plain->conn, "SELECT setting FROM pg_catalog.pg_settings"
										 " WHERE name = 'lock_timeout'", 0, NULL, &rows)) != 0)
			return -1;
		dbmig_int_at(rows, 0, 0, &own);
		dbmig_rows_free(rows);
		plain->timeout = own;
		*milliseconds = seconds < 2147483 ? (int64_t) (seconds * 1000) : 2147483000;
	}
	if (own > 0)
		*milliseconds = 0;
	else if (*milliseconds < TIMEOUT_LEAST)
		*milliseconds = TIMEOUT_LEAST;
	return 0;
}

/* In the session, until its settings are put back. */
int
dbmig_plain_lock_timeout(dbmig_place *at)
{
	char		sql[80];
	int64_t		milliseconds;

	if (timeout_of(at, &milliseconds) != 0)
		return -1;
	if (milliseconds > 0)
	{
		at->plain->timeout = milliseconds;
		snprintf(sql, sizeof(sql), "SET lock_timeout = %lld", (long long) milliseconds);
		if (dbmig_plain_keep(at->call, dbmig_exec(at->plain->conn, sql, 0, NULL, NULL)) != 0)
			return -1;
	}
	if (at->plain->timeout < TIMEOUT_SHORT)
		open_watcher(at->plain);
	return 0;
}
