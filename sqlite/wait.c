/*
 * wait.c
 *		Waiting for a lock or for somebody else's work, until it is told to stop.
 *
 * Ctrl-C ends each of them: sqlite3_interrupt() is noticed at the latest 50 ms
 * later.  Nothing here touches the program's busy handler.
 */
#include "dbmig_sqlite.h"

SQLITE_EXTENSION_INIT3

#define FIRST_DELAY 1			/* milliseconds */
#define LAST_DELAY 50
#define READERS_LIMIT 5.0		/* seconds; a commit's last moment is shorter */
#define LOOK_LIMIT 0.2			/* at what can be left for later */
#define PIECE 0.01				/* seconds */

double
dbmig_seconds_now(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	sqlite3_int64 now = 0;

	if (vfs != NULL && vfs->iVersion >= 2 && vfs->xCurrentTimeInt64 != NULL)
		vfs->xCurrentTimeInt64(vfs, &now);
	return (double) now / 1000.0;
}

/* Locked by another connection, in a way that passes. */
bool
dbmig_is_locked(int rc)
{
	return ((rc & 0xFF) == SQLITE_BUSY && rc != SQLITE_BUSY_SNAPSHOT) ||
		rc == SQLITE_LOCKED_SHAREDCACHE;
}

/*
 * After SQLITE_BUSY: whether to try again, once a little time has passed.  The
 * program's own busy handler has been before.  wait is zeroed before the first.
 */
bool
dbmig_wait_more(dbmig_work *work, dbmig_wait *wait, int rc)
{
	double		limit = work->call->settings.lock_timeout;

	/* a tenant that another call holds is left for later, but not half-way */
	if (limit < 0 && work->home != NULL && !wait->begins && work->data_version == 0)
		limit = LOOK_LIMIT;
	if (limit < 0 && (!wait->begins || work->data_version != 0))
		limit = work->connection->choices.settings.lock_timeout;
	if (!work->writes && limit > READERS_LIMIT)
		limit = READERS_LIMIT;
	if (!dbmig_is_locked(rc) || work->waits || dbmig_caller_replicated(work))
		return false;
	if (work->home != NULL && dbmig_work_interrupted(work))
	{
		work->code = SQLITE_INTERRUPT;
		work->call->failure.interrupted = true;
		dbmig_fail(work->call, DBMIG_ENGINE, NULL, "interrupted (code %d)",
				   SQLITE_INTERRUPT);
		return false;
	}
	if (wait->delay == 0)
	{
		wait->since = dbmig_seconds_now();
		wait->delay = FIRST_DELAY;
	}
	if (wait->slept >= limit || dbmig_seconds_now() - wait->since >= limit)
		return false;
	if (wait->slept + wait->delay / 1000.0 > limit)
		wait->delay = (int) ((limit - wait->slept) * 1000.0) + 1;
	sqlite3_sleep(wait->delay);
	wait->slept += wait->delay / 1000.0;
	wait->delay = wait->delay * 2 > LAST_DELAY ? LAST_DELAY : wait->delay * 2;
	return true;
}

/* Whether sqlite3_interrupt() was called while the calling SELECT runs. */
bool
dbmig_interrupted(sqlite3 *db)
{
	sqlite3_stmt *stmt = NULL;
	int			rc;

#if SQLITE_VERSION_NUMBER >= 3041000
	if (sqlite3_libversion_number() >= 3041000)
		return sqlite3_is_interrupted(db) != 0;
#endif
	rc = sqlite3_prepare_v2(db, "SELECT 1", -1, &stmt, NULL);
	sqlite3_finalize(stmt);
	return rc == SQLITE_INTERRUPT;
}

/* The same of the connection that the program has. */
bool
dbmig_work_interrupted(const dbmig_work *work)
{
	return dbmig_interrupted(work->home != NULL ? work->home->db : work->db);
}

/* Sleep, with no snapshot and no lock of this call. */
int
dbmig_sqlite_pause(dbmig_call *call, double seconds)
{
	dbmig_work *work = call->data;

	sqlite3_finalize(work->pin);
	work->pin = NULL;
	while (seconds > 0)
	{
		double		piece = seconds < PIECE ? seconds : PIECE;

		if (dbmig_interrupted(work->db))
		{
			work->code = SQLITE_INTERRUPT;
			return dbmig_fail(call, DBMIG_ENGINE, NULL,
							  "interrupted (code %d)", SQLITE_INTERRUPT);
		}
		sqlite3_sleep((int) (piece * 1000) + 1);
		seconds -= piece;
	}
	return 0;
}
