/*
 * test_threads.c
 *		64 threads, each of which acquires and releases 1,000 times; threads that
 *		hand few connections to each other, and a pool that is closed while it is
 *		used.  Built with ThreadSanitizer where there is one.
 *
 * usage: test_threads URL [TIMES]
 */
#include "check.h"

#include <pthread.h>

static dbmig *db;
static int	times = 1000;
static int	used[64];			/* of each connection, by one thread at a time */
static dbmig_conn *known[64];
static int	known_count;
static pthread_mutex_t known_lock = PTHREAD_MUTEX_INITIALIZER;

static int *
counter_of(dbmig_conn *conn)
{
	int			i;

	pthread_mutex_lock(&known_lock);
	for (i = 0; i < known_count && known[i] != conn; i++)
		;
	if (i == known_count && known_count < 64)
		known[known_count++] = conn;
	pthread_mutex_unlock(&known_lock);
	return &used[i];
}

static void *
work(void *arg)
{
	int			i;

	(void) arg;
	for (i = 0; i < times; i++)
	{
		dbmig_conn *conn;
		dbmig_error *error = dbmig_acquire(db, &conn);

		if (error != NULL)
		{
			printf("%s\n", error->message);
			dbmig_error_free(error);
			return db;
		}
		(*counter_of(conn))++;	/* a race unless it is ours alone */
		if (i % 100 == 0)
			error = dbmig_exec(conn, "SELECT 1", 0, NULL, NULL);
		dbmig_error_free(error);
		dbmig_error_free(dbmig_release(conn));
	}
	return NULL;
}

static void
acquires(void)
{
	dbmig_options options = DBMIG_OPTIONS;
	pthread_t	threads[64];
	dbmig_pool	stats;
	void	   *failed;
	int			sum = 0;
	int			i;

	options.max_idle = 10;
	options.acquire_timeout = 60;
	OK(dbmig_open(suffix, &options, &db));
	suffix = "threads ";
	for (i = 0; i < 64; i++)
		CHECK(pthread_create(&threads[i], NULL, work, NULL) == 0);
	for (i = 0; i < 64; i++)
	{
		CHECK(pthread_join(threads[i], &failed) == 0);
		CHECK(failed == NULL);
	}
	for (i = 0; i < 64; i++)
		sum += used[i];
	dbmig_pool_stats(db, &stats);
	CHECK(sum == 64 * times && known_count <= 10);
	CHECK(stats.acquired == (uint64_t) (64 * times + 1) && stats.open <= 10);
	CHECK(stats.out == 0 && stats.waiting == 0);
	OK(dbmig_close(db));
}

static const char *target;
static double longest;			/* wait; under known_lock */

/* Nobody waits for long, however busy the others are: none is forgotten. */
static void *
hand_on(void *arg)
{
	unsigned	random = (unsigned) (uintptr_t) arg;
	int			i;

	for (i = 0; i < 400; i++)
	{
		double		since = seconds_now();
		dbmig_conn *conn;
		dbmig_error *error = dbmig_acquire(db, &conn);

		since = seconds_now() - since;
		if (error != NULL)
		{
			printf("%s\n", error->message);
			dbmig_error_free(error);
			return db;
		}
		pthread_mutex_lock(&known_lock);
		if (since > longest)
			longest = since;
		pthread_mutex_unlock(&known_lock);
		random = random * 1664525u + 1013904223u;
		if (random >> 28 == 0)
			nap(0.0002);
		dbmig_error_free(dbmig_release(conn));
		if (random >> 28 == 1)
			nap(0.0005);
	}
	return NULL;
}

static void
hand_offs(void)
{
	static const int limits[][2] = {{1, 1}, {2, 0}, {3, 2}, {5, 5}};
	dbmig_options options = DBMIG_OPTIONS;
	pthread_t	threads[16];
	dbmig_pool	stats;
	void	   *failed;
	size_t		round;
	int			i;

	for (round = 0; round < sizeof(limits) / sizeof(limits[0]); round++)
	{
		/* to open one each time takes long */
		int			count = limits[round][1] == 0 ? 4 : 16;

		options.max_open = limits[round][0];
		options.max_idle = limits[round][1];
		options.acquire_timeout = 30;
		longest = 0;
		OK(dbmig_open(target, &options, &db));
		for (i = 0; i < count; i++)
			CHECK(pthread_create(&threads[i], NULL, hand_on, (void *) (uintptr_t) (i + 1)) == 0);
		for (i = 0; i < count; i++)
		{
			CHECK(pthread_join(threads[i], &failed) == 0);
			CHECK(failed == NULL);
		}
		dbmig_pool_stats(db, &stats);
		CHECK(stats.acquired == (uint64_t) (400 * count + 1) && stats.open <= limits[round][0]);
		CHECK(stats.out == 0 && stats.waiting == 0 && stats.timed_out == 0);
		CHECK(stats.idle == stats.open && stats.idle <= limits[round][0]);
		CHECK(longest < 15);
		OK(dbmig_close(db));
	}
}

static void *
until_closed(void *arg)
{
	for (;;)
	{
		dbmig_conn *conn;
		dbmig_error *error = dbmig_acquire(arg, &conn);

		if (error != NULL)
		{
			bool		closed = error->code == DBMIG_E_CLOSED;

			dbmig_error_free(error);
			return closed ? NULL : arg;
		}
		if (dbmig_release(conn) != NULL)
			return arg;
	}
}

/* The pool goes only once nobody touches it any more. */
static void *
once(void *arg)
{
	dbmig_error_free(dbmig_release(arg));
	return NULL;
}

static void
closed_in_use(void)
{
	dbmig_options options = DBMIG_OPTIONS;
	pthread_t	threads[8];
	dbmig_conn *conns[8];
	void	   *failed;
	int			round;
	int			i;

	options.max_open = 4;
	options.max_idle = 4;
	options.close_timeout = 0;
	for (round = 0; round < 40; round++)
	{
		OK(dbmig_open(target, &options, &db));
		OK(dbmig_acquire(db, &conns[0]));
		for (i = 0; i < 8; i++)
			CHECK(pthread_create(&threads[i], NULL, until_closed, db) == 0);
		nap(0.0002 * round);

		/* a connection is out, so that no thread meets a pool that is gone */
		FAILS(dbmig_close(db), DBMIG_E_BUSY, "still out");
		for (i = 0; i < 8; i++)
		{
			CHECK(pthread_join(threads[i], &failed) == 0);
			CHECK(failed == NULL);
		}
		OK(dbmig_release(conns[0]));
	}

	/* released by many at once: the last one frees it */
	options.max_open = 8;
	options.max_idle = 8;
	for (round = 0; round < 40; round++)
	{
		OK(dbmig_open(target, &options, &db));
		for (i = 0; i < 8; i++)
			OK(dbmig_acquire(db, &conns[i]));
		for (i = 0; i < 8; i++)
			CHECK(pthread_create(&threads[i], NULL, once, conns[i]) == 0);
		dbmig_error_free(dbmig_close(db));
		for (i = 0; i < 8; i++)
			pthread_join(threads[i], NULL);
	}
}

int
main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	suffix = target = argv[1];
	if (argc > 2)
		times = atoi(argv[2]);
	TEST(acquires);
	TEST(hand_offs);
	TEST(closed_in_use);
	return failures != 0;
}
