/*
 * host.c
 *		What SQLite lends to the core.
 */
#include "dbmig_sqlite.h"

#include <string.h>

SQLITE_EXTENSION_INIT3

static void *
host_alloc(dbmig_call *call, size_t size)
{
	(void) call;
	return sqlite3_malloc64(size);
}

static void
host_free(dbmig_call *call, void *p)
{
	(void) call;
	sqlite3_free(p);
}

/* There is one writer at most, and begin() has made it us. */
static int
host_lock(dbmig_call *call, dbmig_lock lock, const char *tenant)
{
	(void) call;
	(void) lock;
	(void) tenant;
	return 0;
}

/* The program's own function: 0 stops. */
static int
call_progress(dbmig_work *work, const char *function, int done, int total,
			  const char *item)
{
	char	   *sql = sqlite3_mprintf("SELECT \"%w\"(?1, ?2, ?3)", function);
	sqlite3_stmt *stmt = NULL;
	bool		stop = false;
	int			rc;

	if (dbmig_queue_flush(work) != 0)
	{
		sqlite3_free(sql);
		return -1;
	}
	if (sql == NULL)
		return dbmig_work_fail(work, SQLITE_NOMEM, NULL);
	rc = dbmig_guard_let_go(work);	/* it may do anything */
	if (rc != SQLITE_OK)
	{
		sqlite3_free(sql);
		return dbmig_work_fail(work, rc, NULL);
	}
	rc = sqlite3_prepare_v2(work->db, sql, -1, &stmt, NULL);
	sqlite3_free(sql);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int(stmt, 1, done);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int(stmt, 2, total);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 3, item, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
	{
		rc = sqlite3_step(stmt);
		if (rc == SQLITE_ROW)
		{
			stop = sqlite3_column_type(stmt, 0) != SQLITE_NULL &&
				sqlite3_column_int64(stmt, 0) == 0;
			rc = SQLITE_OK;
		}
	}
	if (rc != SQLITE_OK)
		dbmig_work_fail(work, sqlite3_extended_errcode(work->db),
						"could not call the progress function");
	sqlite3_finalize(stmt);
	if (rc == SQLITE_OK && stop)
		return dbmig_fail(work->call, DBMIG_NOT_READY, NULL,
						  "stopped by the progress function \"%s\" after %s",
						  function, item);
	return rc == SQLITE_OK ? 0 : -1;
}

static int
host_progress(dbmig_call *call, const dbmig_progress *progress)
{
	dbmig_work *work = call->data;
	const char *choice = work->connection->choices.progress;
	const char *item;

	if (strcmp(choice, "off") == 0)
		return 0;
	sqlite3_log(SQLITE_NOTICE, "dbmig: " DBMIG_PROGRESS_FORMAT,
				DBMIG_PROGRESS_ARGS(progress));
	if (strcmp(choice, "on") == 0)
		return 0;
	item = dbmig_printf(call, "%s%s%s@%s", progress->tenant,
						progress->tenant[0] != '\0' ? ": " : "",
						progress->package, progress->version);
	if (item == NULL)
		return -1;

	/* the program's functions are on its own connection */
	return call_progress(work->home != NULL ? work->home : work, choice,
						 progress->done, progress->total, item);
}

/* Digits and a point, whatever the locale says. */
static double
read_seconds(const char *text)
{
	double		value = 0;
	double		unit = 1;

	for (; *text >= '0' && *text <= '9'; text++)
		value = value * 10 + (*text - '0');
	if (*text == '.')
		for (text++; *text >= '0' && *text <= '9'; text++)
		{
			unit /= 10;
			value += unit * (*text - '0');
		}
	return value;
}

static void
host_warn(dbmig_call *call, const char *text)
{
	(void) call;
	sqlite3_log(SQLITE_WARNING, "dbmig: %s", text);
}

static int
host_set(dbmig_call *call, const char *name, const char *value)
{
	dbmig_work *work = call->data;
	dbmig_choices *choices = &work->connection->choices;

	if (strcmp(name, "lock_timeout") == 0)
		choices->settings.lock_timeout = read_seconds(value);
	else if (strcmp(name, "retries") == 0)
		choices->settings.retries = (int) read_seconds(value);
	else if (strcmp(name, "out_of_order") == 0)
		choices->settings.out_of_order = strcmp(value, "apply") == 0;
	else if (strcmp(name, "changed") == 0)
		choices->settings.accept_changed = strcmp(value, "accept") == 0;
	else if (strcmp(name, "progress") == 0)
	{
		if (strlen(value) >= sizeof(choices->progress))
			return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
							  "the name of a progress function has 255 bytes at most");
		strcpy(choices->progress, value);
	}
	else
		return dbmig_fail(call, DBMIG_UNKNOWN, NULL,
						  "unknown setting \"%s\"", name);
	return 0;
}

const dbmig_host dbmig_sqlite_host = {
	.engine = "sqlite",
	.migrate = "SELECT dbmig_migrate",
	.alloc = host_alloc,
	.free = host_free,
	.query = dbmig_sqlite_query,
	.caller = dbmig_sqlite_caller,
	.begin = dbmig_transaction_begin,
	.lock = host_lock,
	.commit = dbmig_transaction_commit,
	.abort = dbmig_transaction_abort,
	.release = dbmig_transaction_release,
	.run = dbmig_script_run,
	.inspect = dbmig_script_inspect,
	.pause = dbmig_sqlite_pause,
	.progress = host_progress,
	.warn = host_warn,
	.set = host_set,
	.tenants_apart = true,
	.enter = dbmig_tenant_open,
	.leave = dbmig_tenant_close
};
