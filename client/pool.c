/*
 * pool.c
 *		Connections for threads.
 *
 * As long as nobody waits, idle connections are had and given back without the
 * lock (quick.c).  Once somebody does, one that is given back goes to the list
 * of the idle, and the first who waits is woken to look there.  A thread that
 * comes by may be quicker: on a machine with few processors, to hand it to a
 * thread that still sleeps would make every thread sleep for every connection.
 * So that nobody waits for ever, it is handed to the first who waits where that
 * was not done for FAIR_AFTER; then it is never in the list.
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
add_to_all(dbmig *db, dbmig_conn *conn)
{
	conn->all_previous = NULL;
	conn->all_next = db->all;
	if (db->all != NULL)
		db->all->all_previous = conn;
	db->all = conn;
	db->all_count++;
}

void
dbmig_conn_forget(dbmig_conn *conn)
{
	dbmig	   *db = conn->db;

	if (conn->all_previous != NULL)
		conn->all_previous->all_next = conn->all_next;
	else
		db->all = conn->all_next;
	if (conn->all_next != NULL)
		conn->all_next->all_previous = conn->all_previous;
	db->all_count--;
	db->stats.acquired += __atomic_load_n(&conn->acquired, __ATOMIC_RELAXED);
}

void
dbmig_attention(dbmig *db)
{
	__atomic_store_n(&db->attention, db->first_waiter != NULL || db->closing || db->reaper_sleeps,
					 __ATOMIC_SEQ_CST);
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
	dbmig_attention(db);
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
	dbmig_attention(db);
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
put_out(dbmig_conn *conn, int64_t now)
{
	__atomic_store_n(&conn->since, now, __ATOMIC_RELAXED);
	conn->used = false;
}

static void
put_back(dbmig_conn *conn, int64_t now)
{
	__atomic_store_n(&conn->since, 0, __ATOMIC_RELAXED);
	conn->idle_since = now;
}

/* Under the lock: how many are out, and since when the oldest is, or 0. */
static int
count_out(const dbmig *db, int64_t *since)
{
	const dbmig_conn *conn;
	int			count = 0;

	*since = 0;
	for (conn = db->all; conn != NULL; conn = conn->all_next)
	{
		int64_t		its = __atomic_load_n(&conn->since, __ATOMIC_RELAXED);

		count += its != 0;
		if (its != 0 && (*since == 0 || its < *since))
			*since = its;
	}
	return count;
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
			put_out(conn, now);
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
	int64_t		oldest;
	int			out = count_out(db, &oldest);
	double		held = out == 0 || now < oldest ? 0 :
	(double) (now - oldest) / (double) NANOSECONDS;
	time_t		since = time(NULL) - (time_t) held;
	struct tm	utc;
	char		text[32] = "";

	db->stats.timed_out++;
	if (out == 0)
		return dbmig_error_hint(DBMIG_E_BUSY, "Raise max_open or acquire_timeout.",
								"too many open connections: %d of %d are being opened, waited %g seconds",
								db->open, db->options.max_open,
								db->options.acquire_timeout);
	if (gmtime_r(&since, &utc) != NULL)
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &utc);
	return dbmig_error_hint(DBMIG_E_BUSY,
							"Release connections as soon as they are not needed, or raise max_open or acquire_timeout.",
							"too many open connections: %d of %d are out, the oldest since %s (%.1f seconds), waited %g seconds",
							out, db->options.max_open, text, held,
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
		dbmig_list_remove(&db->idle, conn);
	else
		conn = dbmig_quick_take(db);
	if (conn != NULL)
	{
		put_out(conn, now);
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

	/* what was given back before we were seen to wait */
	*conn = take(db, begun, place);
	while (error == NULL && *conn == NULL && !*place)
	{
		bool		more = dbmig_clock_wait(&waiter.wake, &db->lock, until);

		now = dbmig_clock();
		if (waiter.handed)
		{
			*conn = waiter.conn;
			*place = waiter.conn == NULL;
		}
		else if (db->closing)
			error = fail_closed();
		else if ((*conn = take(db, now, place)) == NULL && !*place && !more)
			error = fail_busy(db, now);
		waiter.woken = false;
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
	dbmig_conn_forget(conn);
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
		put_out(conn, dbmig_clock());
		add_to_all(db, conn);
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

/* With the lock, and waiting where there is none. */
static dbmig_error *
acquire_slowly(dbmig *db, int64_t now, dbmig_conn **result)
{
	dbmig_error *error = NULL;
	dbmig_conn *conn = NULL;
	bool		place = false;

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

dbmig_error *
dbmig_acquire(dbmig *db, dbmig_conn **result)
{
	int64_t		now = dbmig_clock_about();
	dbmig_conn *conn;

	*result = NULL;
	if (__atomic_load_n(&db->attention, __ATOMIC_RELAXED) != 0 ||
		(conn = dbmig_quick_take(db)) == NULL)
		return acquire_slowly(db, now, result);
	put_out(conn, now);
	__atomic_store_n(&conn->acquired, conn->acquired + 1, __ATOMIC_RELAXED);
	if (check(db, conn, now))
	{
		*result = conn;
		return NULL;
	}

	/* it counts as the one that takes its place */
	pthread_mutex_lock(&db->lock);
	db->stats.acquired++;
	pthread_mutex_unlock(&db->lock);
	return open_one(db, result);
}

/* Under the lock: why one that is given back is closed, or NULL. */
static uint64_t *
sort(dbmig *db, dbmig_conn *conn, dbmig_error *error, int64_t now)
{
	if (error != NULL)
		return &db->stats.closed_hook;
	if (db->closing)
		return &db->stats.closed_idle;
	if (!dbmig_conn_sound(conn))
		return &db->stats.closed_broken;
	if (dbmig_conn_old(conn, now))
		return &db->stats.closed_old;
	return NULL;
}

/*
 * Under the lock: it goes to who waits, a slot, or the list; false where so many
 * are idle already.
 */
static bool
keep(dbmig *db, dbmig_conn *conn, int64_t now)
{
	uintptr_t  *word;

	put_back(conn, now);
	if (db->first_waiter != NULL || db->slots == 0)
		word = NULL;
	else if ((word = dbmig_quick_put(db, conn)) != NULL)
		dbmig_quick_leave(word);
	if (word == NULL)
	{
		if (db->first_waiter == NULL && db->idle.count >= db->options.max_idle - db->slots)
			return false;
		hand_on(db, conn);
	}
	if (db->reaper_sleeps)
		pthread_cond_broadcast(&db->changed);
	return true;
}

/*
 * What is in the slots is for who wants attention.  True: this was the last of
 * a pool that was left.
 */
static bool
attend(dbmig *db)
{
	dbmig_conn *conn;
	bool		last = false;

	pthread_mutex_lock(&db->lock);
	while ((db->first_waiter != NULL || db->closing) && !last &&
		   (conn = dbmig_quick_take(db)) != NULL)
	{
		if (!db->closing)
		{
			hand_on(db, conn);
			continue;
		}
		dbmig_conn_forget(conn);
		db->stats.closed_idle++;
		pthread_mutex_unlock(&db->lock);
		dbmig_conn_close(conn);
		pthread_mutex_lock(&db->lock);
		hand_on(db, NULL);
		last = db->left && db->open == 0;
	}
	if (db->reaper_sleeps)
		pthread_cond_broadcast(&db->changed);
	pthread_mutex_unlock(&db->lock);
	return last;
}

/* Without the lock; false where it is to be had. */
static bool
release_quickly(dbmig *db, dbmig_conn *conn, int64_t now)
{
	uintptr_t  *word;
	bool		last;

	if (__atomic_load_n(&db->attention, __ATOMIC_RELAXED) != 0 ||
		!dbmig_conn_sound(conn) || dbmig_conn_old(conn, now))
		return false;
	put_back(conn, now);
	word = dbmig_quick_put(db, conn);
	if (word == NULL)
		return false;
	last = __atomic_load_n(&db->attention, __ATOMIC_SEQ_CST) != 0 && attend(db);
	dbmig_quick_leave(word);
	if (last)
		dbmig_pool_free(db);
	return true;
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
	if (error == NULL && release_quickly(db, conn, now))
		return NULL;
	pthread_mutex_lock(&db->lock);
	counter = sort(db, conn, error, now);
	if (counter == NULL && keep(db, conn, now))
	{
		pthread_mutex_unlock(&db->lock);
		return NULL;
	}
	(*(counter != NULL ? counter : &db->stats.closed_idle))++;
	dbmig_conn_forget(conn);
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
	const dbmig_conn *conn;

	pthread_mutex_lock(&db->lock);
	*stats = db->stats;
	for (conn = db->all; conn != NULL; conn = conn->all_next)
		stats->acquired += __atomic_load_n(&conn->acquired, __ATOMIC_RELAXED);
	stats->open = db->open;
	stats->idle = db->idle.count + dbmig_quick_count(db);
	stats->out = db->all_count - stats->idle;
	pthread_mutex_unlock(&db->lock);
}
