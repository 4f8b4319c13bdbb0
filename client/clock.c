/*
 * clock.c
 *		A clock that never goes back, in nanoseconds, and waiting by it.
 */
#include "client.h"

#include <errno.h>
#include <time.h>

#define FOR_EVER INT64_MAX

int64_t
dbmig_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * NANOSECONDS + now.tv_nsec;
}

/* The same, some milliseconds late and for a fraction of the price. */
int64_t
dbmig_clock_about(void)
{
#if defined(CLOCK_MONOTONIC_COARSE)
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64_t) now.tv_sec * NANOSECONDS + now.tv_nsec;
#else
	return dbmig_clock();
#endif
}

int
dbmig_clock_cond(pthread_cond_t *cond)
{
#if defined(__APPLE__)
	return pthread_cond_init(cond, NULL);
#else
	pthread_condattr_t attributes;
	int			result = pthread_condattr_init(&attributes);

	if (result != 0)
		return result;
	result = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	if (result == 0)
		result = pthread_cond_init(cond, &attributes);
	pthread_condattr_destroy(&attributes);
	return result;
#endif
}

/* False once the time has come; may be woken before without any reason. */
bool
dbmig_clock_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until)
{
	struct timespec time;

	if (until == FOR_EVER)
	{
		pthread_cond_wait(cond, lock);
		return true;
	}
#if defined(__APPLE__)
	{
		int64_t		left = until - dbmig_clock();

		if (left <= 0)
			return false;
		time.tv_sec = (time_t) (left / NANOSECONDS);
		time.tv_nsec = (long) (left % NANOSECONDS);
		return pthread_cond_timedwait_relative_np(cond, lock, &time) != ETIMEDOUT;
	}
#else
	time.tv_sec = (time_t) (until / NANOSECONDS);
	time.tv_nsec = (long) (until % NANOSECONDS);
	return pthread_cond_timedwait(cond, lock, &time) != ETIMEDOUT;
#endif
}

/* Some hundred years are for ever. */
int64_t
dbmig_clock_after(int64_t now, double seconds)
{
	if (seconds >= 9e9 - (double) (now / NANOSECONDS))
		return FOR_EVER;
	return now + (int64_t) (seconds * (double) NANOSECONDS);
}

void
dbmig_clock_sleep(double seconds)
{
	struct timespec time;

	time.tv_sec = (time_t) seconds;
	time.tv_nsec = (long) ((seconds - (double) time.tv_sec) * (double) NANOSECONDS);
	while (nanosleep(&time, &time) != 0 && errno == EINTR)
		;
}
