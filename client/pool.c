/*
 * pool.c
 *		Connections for threads.
 *
 * A connection that is given back goes to the list of the idle, and the first
 * who waits is woken to look there.  A thread that comes by may be quicker: on
 * a machine with few processors, to hand it to a thread that still sleeps would
 * make every thread sleep for every connection.  So that nobody waits for ever,
 * it is handed to the first who waits where that was not done for FAIR_AFTER;
 * then it is never in the list.
 *
 * "A place" is the right to open a connection: open counts them.
 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FAIR_AFTER (NANOSECONDS / 2000)

void
dbmig_list_add(dbmig_list *list, dbmig_conn *conn)
{
	conn->next = NULL;
	conn->previous = list->last;
	if (list->last != NULL)
		list->last->next = conn;
	else
		list->first = conn;
	list->last = conn;
	list->count++;
}

void
dbmig_list_remove(dbmig_list *list, dbmig_conn *conn)
{
	if (conn->previous != NULL)
		conn->previous->next = conn->next;
	else
		list->first = conn->next;
	if (conn->next != NULL)
		conn->next->previous = conn->previous;
	else
		list->last = conn->previous;
	list->count--;
}

static void
add_waiter(dbmig *db, dbmig_waiter *waiter)
{
	if (db->last_waiter != NULL)
		db->last_waiter->next = waiter;
	else
		db->first_waiter = waiter;
	db->last_waiter = waiter;
	db->stats.waiting++;
}

static void
remove_waiter(dbmig *db, dbmig_waiter *waiter)
{
	dbmig_waiter *before = NULL;
	dbmig_waiter *w;

	for (w = db->first_waiter; w != waiter; w = w->next)
		before = w;
	if (before != NULL)
		before->next = waiter->next;
	else
		db->first_waiter = waiter->next;
	if (db->last_waiter == waiter)
		db->last_waiter = before;
	db->stats.waiting--;
}

/* There may be something for the first who waits. */
static void
wake_first(dbmig *db)
{
	dbmig_waiter *first = db->first_waiter;

	if (first == NULL || first->woken)
		return;
	first->woken = true;
	pthread_cond_signal(&first->wake);
}

static bool
has_place(const dbmig *db)
{
	return db->options.max_open == 0 || db->open < db->options.max_open;
}

static void
put_out(dbmig *db, dbmig_conn *conn, int64_t now)
{
	conn->since = now;
	conn->used = false;
	dbmig_list_add(&db->out, conn);
}

/* Under the lock: a connection, or where conn is NULL a place, is free. */
static void
hand_on(dbmig *db, dbmig_conn *conn)
{
	dbmig_waiter *first = db->first_waiter;
	int64_t		now = first != NULL ? dbmig_clock() : 0;

	if (first != NULL && now - db->last_handed >= FAIR_AFTER && !db->closing)
	{
		db->last_handed = now;
		remove_waiter(db, first);
		first->handed = true;
		first->conn = conn;
		if (conn != NULL)
			put_out(db, conn, now);
		pthread_cond_signal(&first->wake);
		return;
	}
	if (conn == NULL)
		db->open--;
	else
		dbmig_list_add(&db->idle, conn);
	wake_first(db);
	if (db->closing)
		pthread_cond_broadcast(&db->changed);
}

/* Under the lock: a connection that was not out is closed. */
void
dbmig_place_free(dbmig *db)
{
	hand_on(db, NULL);
}

static dbmig_error *
fail_closed(void)
{
	return dbmig_error_new(DBMIG_E_CLOSED, "the pool is closed");
}

/* Under the lock. */
static dbmig_error *
fail_busy(dbmig *db, int64_t now)
{
	const dbmig_conn *oldest = db->out.first;
	double		held = oldest == NULL ? 0 :
	(double) (now - oldest->since) / (double) NANOSECONDS;
	time_t		since = time(NULL) - (time_t) held;
	struct tm	utc;
	char		text[32] = "";

	db->stats.timed_out++;
	if (oldest == NULL)
		return dbmig_error_hint(DBMIG_E_BUSY, "Raise max_open or acquire_timeout.",
								"too many open connections: %d of %d are being opened, waited %g seconds",
								db->open, db->options.max_open,
								db->options.acquire_timeout);
	if (gmtime_r(&since, &utc) != NULL)
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &utc);
	return dbmig_error_hint(DBMIG_E_BUSY,
							"Release connections as soon as they are not needed, or raise max_open or acquire_timeout.",
							"too many open connections: %d of %d are out, the oldest since %s (%.1f seconds), waited %g seconds",
							db->out.count, db->options.max_open, text, held,
							db->options.acquire_timeout);
}

/*
 * Under the lock.  Gives a connection that goes out, *place for the right to
 * open one, or neither.
 */
static dbmig_conn *
take(dbmig *db, int64_t now, bool *place)
{
	dbmig_conn *conn = db->idle.last;

	if (conn != NULL)
	{
		dbmig_list_remove(&db->idle, conn);
		put_out(db, conn, now);
		return conn;
	}
	if (has_place(db))
	{
		db->open++;
		*place = true;
	}
	return NULL;
}

/* Under the lock, which it gives up while it sleeps. */
static dbmig_error *
wait_for_one(dbmig *db, int64_t begun, dbmig_conn **conn, bool *place)
{
	int64_t		until = dbmig_clock_after(begun, db->options.acquire_timeout);
	dbmig_waiter waiter;
	int64_t		now = begun;
	dbmig_error *error = NULL;

	memset(&waiter, 0, sizeof(waiter));
	if (now >= until)
		return fail_busy(db, now);
	if (dbmig_clock_cond(&waiter.wake) != 0)
		return dbmig_error_memory();
	db->stats.waited++;
	add_waiter(db, &waiter);
	while (error == NULL)
	{
		bool		more = dbmig_clock_wait(&waiter.wake, &db->lock, until);

		now = dbmig_clock();
		if (waiter.handed)
		{
			*conn = waiter.conn;
			*place = waiter.conn == NULL;
			break;
		}
		if (db->closing)
			error = fail_closed();
		else if ((*conn = take(db, now, place)) == NULL && !*place && !more)
			error = fail_busy(db, now);
		waiter.woken = false;
		if (*conn != NULL || *place)
			break;
	}
	if (!waiter.handed)
		remove_waiter(db, &waiter);
	if (db->closing)
		pthread_cond_broadcast(&db->changed);
	else if (db->idle.first != NULL || has_place(db))
		wake_first(db);
	db->stats.wait_time += (double) (now - begun) / (double) NANOSECONDS;
	pthread_cond_destroy(&waiter.wake);
	return error;
}

/* conn is out: close it, and keep its place. */
static void
close_out(dbmig *db, dbmig_conn *conn, uint64_t *counter)
{
	pthread_mutex_lock(&db->lock);
	dbmig_list_remove(&db->out, conn);
	(*counter)++;
	pthread_mutex_unlock(&db->lock);
	dbmig_conn_close(conn);
}

/* In a place of ours. */
static dbmig_error *
open_one(dbmig *db, dbmig_conn **result)
{
	dbmig_conn *conn;
	dbmig_error *error = dbmig_conn_open(db, db->driver, db->target, false, &conn);

	pthread_mutex_lock(&db->lock);
	if (error == NULL)
	{
		db->stats.opened++;
		put_out(db, conn, dbmig_clock());
		*result = conn;
	}
	else
	{
		db->stats.acquired--;
		hand_on(db, NULL);
	}
	pthread_mutex_unlock(&db->lock);
	return error;
}

/*
 * A connection that was idle: whether it can be used.  Otherwise it is closed,
 * and its place is ours.
 */
static bool
check(dbmig *db, dbmig_conn *conn, int64_t now)
{
	int64_t		idle = now - conn->idle_since;

	if (dbmig_conn_old(conn, now))
		close_out(db, conn, &db->stats.closed_old);
	else if (idle >= FRESH && !conn->driver->alive(conn, idle))
		close_out(db, conn, &db->stats.closed_broken);
	else
		return true;
	return false;
}

dbmig_error *
dbmig_acquire(dbmig *db, dbmig_conn **result)
{
	int64_t		now = dbmig_clock_about();
	dbmig_error *error = NULL;
	dbmig_conn *conn = NULL;
	bool		place = false;

	*result = NULL;
	pthread_mutex_lock(&db->lock);
	if (db->closing)
		error = fail_closed();
	else
		conn = take(db, now, &place);
	if (error == NULL && conn == NULL && !place)
	{
		error = wait_for_one(db, dbmig_clock(), &conn, &place);
		now = dbmig_clock();
	}
	if (error == NULL)
		db->stats.acquired++;
	pthread_mutex_unlock(&db->lock);
	if (error != NULL)
		return error;
	if (conn != NULL && check(db, conn, now))
	{
		*result = conn;
		return NULL;
	}
	return open_one(db, result);
}

/* Under the lock: where it goes that is given back, or why it is closed. */
static uint64_t *
sort(dbmig *db, dbmig_conn *conn, dbmig_error *error, int64_t now)
{
	if (error != NULL)
		return &db->stats.closed_hook;
	if (db->closing)
		return &db->stats.closed_idle;
	if (!conn->driver->sound(conn))
		return &db->stats.closed_broken;
	if (dbmig_conn_old(conn, now))
		return &db->stats.closed_old;
	if (db->first_waiter == NULL && db->idle.count >= db->options.max_idle)
		return &db->stats.closed_idle;
	return NULL;
}

dbmig_error *
dbmig_release(dbmig_conn *conn)
{
	dbmig	   *db;
	dbmig_error *error;
	uint64_t   *counter;
	int64_t		now;
	bool		last;

	if (conn == NULL)
		return NULL;
	db = conn->db;
	error = dbmig_conn_reset(conn);
	now = dbmig_clock_about();
	pthread_mutex_lock(&db->lock);
	counter = sort(db, conn, error, now);
	dbmig_list_remove(&db->out, conn);
	if (counter == NULL)
	{
		conn->idle_since = now;
		hand_on(db, conn);
		if (db->reaper_sleeps)
			pthread_cond_broadcast(&db->changed);
		pthread_mutex_unlock(&db->lock);
		return NULL;
	}
	(*counter)++;
	pthread_mutex_unlock(&db->lock);

	/* its place is free once it is closed, not before */
	dbmig_conn_close(conn);
	pthread_mutex_lock(&db->lock);
	hand_on(db, NULL);
	last = db->left && db->open == 0;
	pthread_mutex_unlock(&db->lock);
	if (last)
		dbmig_pool_free(db);
	return error;
}

dbmig_error *
dbmig_with(dbmig *db, dbmig_error *(*function) (dbmig_conn *conn, void *arg),
		   void *arg)
{
	dbmig_conn *conn;
	dbmig_error *error = dbmig_acquire(db, &conn);
	dbmig_error *after;

	if (error != NULL)
		return error;
	error = function(conn, arg);
	after = dbmig_release(conn);
	if (error == NULL)
		return after;
	dbmig_error_free(after);
	return error;
}

void
dbmig_pool_stats(dbmig *db, dbmig_pool *stats)
{
	pthread_mutex_lock(&db->lock);
	*stats = db->stats;
	stats->open = db->open;
	stats->idle = db->idle.count;
	stats->out = db->out.count;
	pthread_mutex_unlock(&db->lock);
}
