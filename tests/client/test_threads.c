/*
 * test_threads.c
 *		64 threads, each of which acquires and releases 1,000 times; built with
 *		ThreadSanitizer where there is one.
 *
 * usage: test_threads NAME URL [THREADS [TIMES]]
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

int
main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	suffix = argv[1];
	if (argc > 2)
		times = atoi(argv[2]);
	TEST(acquires);
	return failures != 0;
}
