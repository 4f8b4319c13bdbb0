/*
 * pool.c
 *		What acquiring and releasing a connection costs: by one thread, and by 64
 *		threads on 10 connections against a mutex and condition variable alone
 *		that guard a number; doing nothing with it, and for as long as the
 *		cheapest of queries takes.
 *
 * usage: pool URL
 */
#include <dbmig.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define THREADS 64
#define CONNECTIONS 10
#define TIMES 5000
#define ROUNDS 5

static dbmig *db;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t some = PTHREAD_COND_INITIALIZER;
static int	left = CONNECTIONS;
static int	turns;				/* of work while a connection is out */

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double) time.tv_sec + (double) time.tv_nsec / 1e9;
}

static void
fail(dbmig_error *error)
{
	if (error == NULL)
		return;
	fprintf(stderr, "%s\n", error->message);
	exit(1);
}

/* Some microseconds of this thread's own. */
static unsigned
use(void)
{
	volatile unsigned value = 1;
	int			i;

	for (i = 0; i < turns; i++)
		value = value * 1664525u + 1013904223u;
	return value;
}

static void *
pooled(void *arg)
{
	int			i;

	(void) arg;
	for (i = 0; i < TIMES; i++)
	{
		dbmig_conn *conn;

		fail(dbmig_acquire(db, &conn));
		use();
		fail(dbmig_release(conn));
	}
	return NULL;
}

static void *
alone(void *arg)
{
	int			i;

	(void) arg;
	for (i = 0; i < TIMES; i++)
	{
		pthread_mutex_lock(&lock);
		while (left == 0)
			pthread_cond_wait(&some, &lock);
		left--;
		pthread_mutex_unlock(&lock);
		use();
		pthread_mutex_lock(&lock);
		left++;
		pthread_cond_signal(&some);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

/* Seconds that so many threads take for it. */
static double
run(int threads, void *(*work) (void *))
{
	pthread_t	ids[THREADS];
	double		since = now();
	int			i;

	for (i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, work, NULL) != 0)
			exit(1);
	for (i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	return now() - since;
}

static int
compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : x > y;
}

static double
median(double *values)
{
	qsort(values, ROUNDS, sizeof(double), compare);
	return values[ROUNDS / 2];
}

/* The throughput of the pool as a part of that of the two alone. */
static double
compare_both(void)
{
	double		ratio[ROUNDS];
	int			i;

	for (i = 0; i < ROUNDS; i++)
	{
		double		a = run(THREADS, alone);

		ratio[i] = a / run(THREADS, pooled);
	}
	return median(ratio);
}

int
main(int argc, char **argv)
{
	dbmig_options options = DBMIG_OPTIONS;
	double		one[ROUNDS];
	double		idle;
	double		used;
	double		each;
	int			i;

	options.max_open = CONNECTIONS;
	options.max_idle = CONNECTIONS;
	fail(dbmig_open(argc > 1 ? argv[1] : ":memory:", &options, &db));
	for (i = 0; i < ROUNDS; i++)
		one[i] = run(1, pooled);
	idle = compare_both();
	turns = 1500;
	each = now();
	for (i = 0; i < 1000; i++)
		use();
	each = (now() - each) / 1000;
	used = compare_both();
	printf("Pool, acquire and release: %.2f us by one thread (at most 1)\n",
		   median(one) / TIMES * 1e6);
	printf("Pool, 64 threads on 10 connections, against a mutex and condition variable:"
		   " %.2f each used for %.1f us (at least 0.8), %.2f not used at all\n",
		   used, each * 1e6, idle);
	fail(dbmig_close(db));
	return 0;
}
