/*
 * plan.c
 *		Time and memory of the plan alone, over the number of migrations: a
 *		host that makes up its rows.
 */
#define _POSIX_C_SOURCE 200809L

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "dbmig_core.h"

#define PER_PACKAGE 10
#define DEPENDENCIES 3

static int	migrations;
static size_t in_use;
static size_t peak;

static void *
lend(dbmig_call *call, size_t size)
{
	size_t	   *block = malloc(size + 16);

	(void) call;
	if (block == NULL)
		return NULL;
	*block = size;
	in_use += size;
	if (in_use > peak)
		peak = in_use;
	return (char *) block + 16;
}

static void
take_back(dbmig_call *call, void *p)
{
	size_t	   *block = (size_t *) ((char *) p - 16);

	(void) call;
	in_use -= *block;
	free(block);
}

/* Packages in the order of their names, as an index gives them. */
static int
rows(dbmig_call *call, dbmig_sql id, const dbmig_value *params,
	 dbmig_row_fn row, void *arg)
{
	static const char checksum[] =
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	int			packages = migrations / PER_PACKAGE;
	unsigned int seed = 7;
	int			p;
	int			i;

	(void) params;
	for (p = 0; p < packages; p++)
	{
		char		name[32];
		char		other[32];
		char		version[32];

		sprintf(name, "package%06d", p);
		if (id == DBMIG_PACKAGES)
		{
			dbmig_value out[2] = {dbmig_text(name), dbmig_int(p)};

			if (row(call, arg, out) != 0)
				return -1;
		}
		for (i = 1; id == DBMIG_MIGRATIONS && i <= PER_PACKAGE; i++)
		{
			dbmig_value out[9] = {
				dbmig_text(name), dbmig_text(version), dbmig_text("create a thing"),
				dbmig_text(checksum), dbmig_bool(true), dbmig_bool(true),
				dbmig_null(), dbmig_null(), dbmig_bool(true)
			};

			out[1].length = (size_t) sprintf(version, "%d", i);
			if (row(call, arg, out) != 0)
				return -1;
		}
		for (i = 0; id == DBMIG_DEPENDENCIES && p > 0 && i < DEPENDENCIES; i++)
		{
			dbmig_value out[4] = {
				dbmig_text(name), dbmig_text(""), dbmig_text(""), dbmig_text("")
			};

			seed = seed * 1103515245u + 12345u;
			sprintf(other, "package%06d", (int) ((seed >> 8) % (unsigned int) p));
			out[2] = dbmig_text(other);
			if (row(call, arg, out) != 0)
				return -1;
		}
	}
	return 0;
}

static int
count_row(dbmig_call *call, void *arg, const dbmig_value *row)
{
	(void) call;
	(void) row;
	(*(int *) arg)++;
	return 0;
}

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

int
main(void)
{
	static const int sizes[] = {1000, 10000, 100000};
	dbmig_host	host = {0};
	double		time[3];
	double		memory[3];
	int			i;

	host.engine = "sqlite";
	host.alloc = lend;
	host.free = take_back;
	host.query = rows;
	for (i = 0; i < 3; i++)
	{
		int			repeat;

		migrations = sizes[i];
		time[i] = 1e9;
		for (repeat = 0; repeat < 5; repeat++)
		{
			const dbmig_function *plan = dbmig_function_find("dbmig_plan");
			dbmig_call	call;
			int			count = 0;
			double		since = seconds();

			peak = 0;
			dbmig_call_begin(&call, &host, NULL);
			if (plan->rows(&call, 0, NULL, count_row, &count) != 0 || count != migrations)
			{
				fprintf(stderr, "%s\n", call.message != NULL ? call.message : "wrong count");
				return 1;
			}
			dbmig_call_end(&call);
			since = seconds() - since;
			time[i] = since < time[i] ? since : time[i];
		}
		memory[i] = (double) peak;
		printf("plan of %d: %.2f ms, %.0f bytes a migration (at most 300)\n",
			   migrations, time[i] * 1000, memory[i] / migrations);
	}
	printf("from 1,000 to 100,000: exponent %.2f of time, %.2f of memory (at most 1.1)\n",
		   log(time[2] / time[0]) / log(100), log(memory[2] / memory[0]) / log(100));
	return 0;
}
