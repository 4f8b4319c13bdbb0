/*
 * check.h
 *		What the test programs of libdbmig share: a line for each test, and
 *		short words for what every test does.
 */
#ifndef CHECK_H
#define CHECK_H

#include <dbmig.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int	failures;
static int	wrong;				/* in the test that runs */

#define CHECK(condition) \
	do \
	{ \
		if (!(condition)) \
		{ \
			printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			wrong++; \
		} \
	} while (0)

/* An expression that gives an error, which is to be none. */
#define OK(expression) check_none((expression), __FILE__, __LINE__)

/* One that is to fail with this code and a message that has the text. */
#define FAILS(expression, code, text) \
	check_error((expression), (code), (text), __FILE__, __LINE__)

#define TEST(name) \
	do \
	{ \
		wrong = 0; \
		name(); \
		printf("%s client %s%s\n", wrong == 0 ? "ok     " : "FAILED ", suffix, #name); \
		fflush(stdout); \
		failures += wrong != 0; \
	} while (0)

static const char *suffix = "";

static inline void
check_none(dbmig_error *error, const char *file, int line)
{
	if (error != NULL)
	{
		printf("%s:%d: %s (code %d, %s, %d) %s\n", file, line, error->message,
			   (int) error->code, error->sqlstate, error->sqlite,
			   error->detail != NULL ? error->detail : "");
		wrong++;
	}
	dbmig_error_free(error);
}

static inline void
check_error(dbmig_error *error, dbmig_code code, const char *text,
			const char *file, int line)
{
	if (error == NULL || error->code != code || strstr(error->message, text) == NULL)
	{
		printf("%s:%d: expected code %d, \"%s\"; got %d, \"%s\"\n", file, line,
			   (int) code, text, error != NULL ? (int) error->code : 0,
			   error != NULL ? error->message : "no error");
		wrong++;
	}
	dbmig_error_free(error);
}

static inline double
seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static inline void
nap(double seconds)
{
	struct timespec time;

	time.tv_sec = (time_t) seconds;
	time.tv_nsec = (long) ((seconds - (double) time.tv_sec) * 1e9);
	nanosleep(&time, NULL);
}

/* The first value of a query as a number, or -1. */
static inline int64_t
number_of(dbmig_conn *conn, const char *sql)
{
	dbmig_rows *rows = NULL;
	int64_t		value = -1;
	bool		flag;

	OK(dbmig_query(conn, sql, 0, NULL, &rows));
	if (rows != NULL && !dbmig_int_at(rows, 0, 0, &value) &&
		dbmig_bool_at(rows, 0, 0, &flag))
		value = flag;
	dbmig_rows_free(rows);
	return value;
}

static inline int64_t
number_in(dbmig *db, const char *sql)
{
	dbmig_conn *conn = NULL;
	int64_t		value = -1;

	OK(dbmig_acquire(db, &conn));
	if (conn != NULL)
		value = number_of(conn, sql);
	OK(dbmig_release(conn));
	return value;
}

/* Waits until the query gives the number; false after ten seconds. */
static inline bool
becomes(dbmig *db, const char *sql, int64_t value)
{
	int			i;

	for (i = 0; i < 500; i++)
	{
		if (number_in(db, sql) == value)
			return true;
		nap(0.02);
	}
	return false;
}

#endif							/* CHECK_H */
