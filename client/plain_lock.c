/*
 * plain_lock.c
 *		Keeps appliers and registrars apart, by advisory locks that are polled.
 *
 * The first key is dbmig's, the second tells which lock: 1 the registry, 2 the
 * texts (shared by appliers), a hash of the tenant's name for one tenant.
 */
#include "plain.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_PLAIN 1684172137	/* "dbmi" */
#define KEY_TENANT 1684172148	/* "dbmt" */
#define REGISTRY 1
#define TEXTS 2

static int32_t
hash(const char *text)
{
	uint32_t	value = 2166136261u;

	for (; *text != '\0'; text++)
		value = (value ^ (unsigned char) *text) * 16777619u;
	return (int32_t) (value & 0x7FFFFFFF);
}

static dbmig_error *
ask(dbmig_conn *conn, const char *function, int32_t first, int32_t second, bool *yes)
{
	char		sql[160];
	dbmig_rows *rows = NULL;
	dbmig_error *error;

	snprintf(sql, sizeof(sql), "SELECT pg_catalog.%s(%ld, %ld)", function,
			 (long) first, (long) second);
	error = dbmig_query(conn, sql, 0, NULL, &rows);
	*yes = false;
	if (error == NULL)
		dbmig_bool_at(rows, 0, 0, yes);
	dbmig_rows_free(rows);
	return error;
}

/* As `process 123 of user "u", application "a"`; NULL where nobody does. */
static char *
holders(dbmig_call *call, int32_t first, int32_t second)
{
	dbmig_plain *plain = call->data;
	dbmig_param params[2];
	dbmig_rows *rows = NULL;
	dbmig_error *error;
	const char *who;
	char	   *copy = NULL;

	params[0] = dbmig_bind_int(first);
	params[1] = dbmig_bind_int(second);
	error = dbmig_query(plain->conn,
						"SELECT string_agg('process ' || a.pid"
						" || coalesce(' of user \"' || a.usename || '\"', '')"
						" || coalesce(', application \"' || nullif(a.application_name, '')"
						" || '\"', ''), '; ' ORDER BY a.pid)"
						" FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a"
						" ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted"
						" AND l.objsubid = 2 AND l.classid = $1 AND l.objid = $2"
						" AND l.pid <> pg_catalog.pg_backend_pid() AND l.database ="
						" (SELECT oid FROM pg_catalog.pg_database"
						" WHERE datname = pg_catalog.current_database())",
						2, params, &rows);
	who = error == NULL ? dbmig_text_at(rows, 0, 0) : NULL;
	if (who != NULL)
		copy = dbmig_copy(call, who, strlen(who));
	dbmig_error_free(error);
	dbmig_rows_free(rows);
	return copy;
}

static int
take(dbmig_call *call, int32_t first, int32_t second, bool shared, const char *what)
{
	dbmig_plain *plain = call->data;
	double		limit = call->settings.lock_timeout;
	int64_t		until = dbmig_clock_after(dbmig_clock(), limit);
	double		pause = 0.01;
	char		function[64];

	snprintf(function, sizeof(function), "pg_try_advisory_%slock%s",
			 plain->migrate ? "" : "xact_", shared ? "_shared" : "");
	for (;;)
	{
		const char *who;
		bool		got;

		if (dbmig_plain_keep(call, ask(plain->conn, function, first, second, &got)) != 0)
			return -1;
		if (got)
			return 0;
		if (dbmig_clock() >= until)
		{
			who = holders(call, first, second);
			return dbmig_fail(call, DBMIG_LOCKED, limit > 0 ?
							  "The option lock_timeout is how many seconds it waits." :
							  "The option lock_timeout is 0, so it did not wait.",
							  "another session is %s%s%s", what,
							  who != NULL ? ": " : "", who != NULL ? who : "");
		}
		dbmig_clock_sleep(pause);
		pause = pause * 2 < 0.1 ? pause * 2 : 0.1;
	}
}

int
dbmig_plain_lock(dbmig_call *call, dbmig_lock lock, const char *tenant)
{
	dbmig_plain *plain = call->data;

	switch (lock)
	{
		case DBMIG_LOCK_REGISTRY:
			return take(call, KEY_PLAIN, REGISTRY, false, "registering migrations");
		case DBMIG_LOCK_TEXTS:
			return take(call, KEY_PLAIN, TEXTS, false, "using the registered migrations");
		case DBMIG_LOCK_TENANT:
			if (!plain->texts_held &&
				take(call, KEY_PLAIN, TEXTS, true, "changing registered migrations") != 0)
				return -1;
			plain->texts_held = plain->migrate;
			if (plain->tenant_held && plain->tenant_key == hash(tenant))
				return 0;
			if (take(call, KEY_TENANT, hash(tenant), false, "applying migrations") != 0)
				return -1;
			plain->tenant_held = plain->migrate;
			plain->tenant_key = hash(tenant);
			return 0;
	}
	return 0;
}

/* What is kept over commits; a connection that has gone has lost them. */
void
dbmig_plain_release(dbmig_call *call)
{
	dbmig_plain *plain = call->data;
	bool		yes;

	if (plain->tenant_held)
		dbmig_error_free(ask(plain->conn, "pg_advisory_unlock", KEY_TENANT,
							 plain->tenant_key, &yes));
	if (plain->texts_held)
		dbmig_error_free(ask(plain->conn, "pg_advisory_unlock_shared", KEY_PLAIN,
							 TEXTS, &yes));
	plain->tenant_held = false;
	plain->texts_held = false;
	plain->migrate = false;
	dbmig_plain_unwatch(plain);
}
