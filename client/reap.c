/*
 * reap.c
 *		The thread that closes what has been idle too long.
 *
 * It is there only where there is an idle_timeout or life_timeout.  With
 * nothing idle it sleeps until something is, and then until the first time at
 * which one of them can be due.  To be looked at, one is taken out of its slot,
 * and is back before the lock is given up: who finds no other asks under it.
 */
#include "client.h"

#include <signal.h>

/* Under the lock: when a connection is due. */
static int64_t
due(const dbmig *db, const dbmig_conn *conn)
{
	int64_t		idle = INT64_MAX;
	int64_t		old = INT64_MAX;

	if (db->options.idle_timeout > 0)
		idle = dbmig_clock_after(conn->idle_since, db->options.idle_timeout);
	if (db->options.life_timeout > 0)
		old = dbmig_clock_after(conn->opened, db->options.life_timeout);
	return idle < old ? idle : old;
}

/* Under the lock: one that is due, or when it will be. */
static bool
is_due(dbmig *db, const dbmig_conn *conn, int64_t now, int64_t *next)
{
	int64_t		at = due(db, conn);

	if (at > now)
	{
		if (at < *next)
			*next = at;
		return false;
	}
	if (dbmig_conn_old(conn, now))
		db->stats.closed_old++;
	else
		db->stats.closed_idle++;
	return true;
}

/* Under the lock: takes out one that is due, or says when the next one is. */
static dbmig_conn *
find_due(dbmig *db, int64_t now, int64_t *next)
{
	dbmig_conn *taken[MOST_SLOTS];
	dbmig_conn *found = NULL;
	dbmig_conn *conn;
	int			count = 0;

	*next = INT64_MAX;
	while (count < MOST_SLOTS && found == NULL && (conn = dbmig_quick_take(db)) != NULL)
	{
		if (is_due(db, conn, now, next))
			found = conn;
		else
			taken[count++] = conn;
	}
	while (count > 0)
	{
		uintptr_t  *word = dbmig_quick_put(db, taken[--count]);

		if (word != NULL)
			dbmig_quick_leave(word);
		else
			dbmig_list_add(&db->idle, taken[count]);
	}
	for (conn = db->idle.first; conn != NULL && found == NULL; conn = conn->next)
		if (is_due(db, conn, now, next))
		{
			dbmig_list_remove(&db->idle, conn);
			found = conn;
			break;
		}
	return found;
}

static void *
reap(void *arg)
{
	dbmig	   *db = arg;

	pthread_mutex_lock(&db->lock);
	while (!db->closing)
	{
		int64_t		next;
		dbmig_conn *conn = find_due(db, dbmig_clock(), &next);

		if (conn != NULL)
		{
			dbmig_conn_forget(conn);
			pthread_mutex_unlock(&db->lock);
			dbmig_conn_close(conn);
			pthread_mutex_lock(&db->lock);
			dbmig_place_free(db);
			continue;
		}
		if (db->reaper_sleeps != (next == INT64_MAX))
		{
			/* looks once more before it sleeps for ever */
			db->reaper_sleeps = next == INT64_MAX;
			dbmig_attention(db);
			if (db->reaper_sleeps)
				continue;
		}
		dbmig_clock_wait(&db->changed, &db->lock, next);
	}
	db->reaper_sleeps = false;
	pthread_mutex_unlock(&db->lock);
	return NULL;
}

/* The program's signals are not for this thread. */
dbmig_error *
dbmig_reap_begin(dbmig *db)
{
	sigset_t	all;
	sigset_t	before;
	int			result;

	if (db->options.idle_timeout <= 0 && db->options.life_timeout <= 0)
		return NULL;
	db->reaping = true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	result = pthread_create(&db->reaper, NULL, reap, db);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (result == 0)
		return NULL;
	db->reaping = false;
	return dbmig_error_new(DBMIG_E_MEMORY, "could not start a thread");
}

/* db->closing is set. */
void
dbmig_reap_end(dbmig *db)
{
	if (!db->reaping)
		return;
	pthread_mutex_lock(&db->lock);
	pthread_cond_broadcast(&db->changed);
	pthread_mutex_unlock(&db->lock);
	pthread_join(db->reaper, NULL);
	pthread_mutex_lock(&db->lock);
	db->reaping = false;
	pthread_mutex_unlock(&db->lock);
}
