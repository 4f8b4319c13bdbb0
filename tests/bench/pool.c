/*
 * pool.c
 *		What acquiring and releasing a connection costs: by one thread, and by 64
 *		threads on 10 connections against a mutex and condition variable alone
 *		that guard a number; doing nothing with it, and for as long as the
 *		cheapest of queries takes.
 *
 * The two alone are not fair: a thread that comes by is quicker than one that has
 * to be woken.  A queue in which each is handed to the first who waits, always,
 * is measured too, to show what that costs; the pool is in between, see dbmig.h.
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

/* Strictly in order: what is given back is handed to the first who waits. */
typedef struct ticket
{
	pthread_cond_t wake;
	struct ticket *next;
	int			served;
} ticket;

static ticket *first_ticket;
static ticket *last_ticket;

static void *
in_order(void *arg)
{
	ticket		mine;
	int			i;

	(void) arg;
	pthread_cond_init(&mine.wake, NULL);
	for (i = 0; i < TIMES; i++)
	{
		pthread_mutex_lock(&lock);
		if (left > 0)
			left--;
		else
		{
			mine.next = NULL;
			mine.served = 0;
			if (first_ticket != NULL)
				last_ticket->next = &mine;
			else
				first_ticket = &mine;
			last_ticket = &mine;
			while (!mine.served)
				pthread_cond_wait(&mine.wake, &lock);
		}
		pthread_mutex_unlock(&lock);
		use();
		pthread_mutex_lock(&lock);
		if (first_ticket == NULL)
			left++;
		else
		{
			ticket	   *next = first_ticket;

			first_ticket = next->next;
			next->served = 1;
			pthread_cond_signal(&next->wake);
		}
		pthread_mutex_unlock(&lock);
	}
	pthread_cond_destroy(&mine.wake);
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

/* The throughput of the pool, and in order, as a part of that of the two alone. */
static void
compare_all(double *pool, double *order)
{
	double		ratio[ROUNDS];
	double		other[ROUNDS];
	int			i;

	for (i = 0; i < ROUNDS; i++)
	{
		double		a = run(THREADS, alone);

		ratio[i] = a / run(THREADS, pooled);
		other[i] = a / run(THREADS, in_order);
	}
	*pool = median(ratio);
	*order = median(other);
}

int
main(int argc, char **argv)
{
	dbmig_options options = DBMIG_OPTIONS;
	double		one[ROUNDS];
	double		idle;
	double		idle_order;
	double		used;
	double		used_order;
	double		each;
	int			i;

	options.max_open = CONNECTIONS;
	options.max_idle = CONNECTIONS;
	fail(dbmig_open(argc > 1 ? argv[1] : ":memory:", &options, &db));
	for (i = 0; i < ROUNDS; i++)
		one[i] = run(1, pooled);
	compare_all(&idle, &idle_order);
	turns = 1500;
	each = now();
	for (i = 0; i < 1000; i++)
		use();
	each = (now() - each) / 1000;
	compare_all(&used, &used_order);
	printf("Pool, acquire and release: %.2f us by one thread (at most 1)\n",
		   median(one) / TIMES * 1e6);
	printf("Pool, 64 threads on 10 connections, against a mutex and condition variable:"
		   " %.2f each used for %.1f us, %.2f not used at all (at least 0.8)\n",
		   used, each * 1e6, idle);
	printf("A queue strictly in order, against the same: %.2f and %.2f\n", used_order, idle_order);
	fail(dbmig_close(db));
	return 0;
}
