/*
 * dbmig-run.c
 *		Applies a folder of migrations to a database, or waits until others have:
 *		an example of libdbmig, and a tool to try things with.
 *
 * usage: dbmig-run URL FOLDER [--check [SECONDS]]
 *
 * Progress goes to standard output, errors to standard error.  Exit status: 0
 * in step, 1 an error, 2 wrong usage, 3 not in step in time.
 */
#include <dbmig.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
say(dbmig_level level, const char *message, void *arg)
{
	(void) arg;
	printf("%s%s\n", level == DBMIG_LOG_WARNING ? "warning: " : "", message);
	fflush(stdout);
}

/* Takes the error. */
static int
report(dbmig_error *error)
{
	int			status = error->code == DBMIG_E_PENDING ? 3 : 1;

	fprintf(stderr, "error: %s\n", error->message);
	if (error->detail != NULL)
		fprintf(stderr, "detail: %s\n", error->detail);
	if (error->hint != NULL)
		fprintf(stderr, "hint: %s\n", error->hint);
	if (error->sqlstate[0] != '\0')
		fprintf(stderr, "sqlstate: %s\n", error->sqlstate);
	if (error->sqlite != 0)
		fprintf(stderr, "sqlite: %d\n", error->sqlite);
	dbmig_error_free(error);
	return status;
}

/* What the database itself has, tenants left out. */
static dbmig_error *
show_status(dbmig *db)
{
	dbmig_rows *rows;
	dbmig_error *error = dbmig_package_list(db, &rows);
	int			i;

	if (error != NULL)
		return error;
	for (i = 0; i < dbmig_rows_count(rows); i++)
	{
		const char *applied = dbmig_text_at(rows, i, 2);
		int64_t		pending = 0;

		dbmig_int_at(rows, i, 4, &pending);
		if (dbmig_text_at(rows, i, 0)[0] == '\0')
			printf("%s %s, %lld pending, %s\n", dbmig_text_at(rows, i, 1),
				   applied != NULL ? applied : "-", (long long) pending,
				   dbmig_text_at(rows, i, 5));
	}
	dbmig_rows_free(rows);
	return NULL;
}

int
main(int argc, char **argv)
{
	dbmig_options options = DBMIG_OPTIONS;
	dbmig_error *error;
	dbmig	   *db;
	int			status = 0;

	if (argc < 3 || argc > 5 || (argc > 3 && strcmp(argv[3], "--check") != 0))
	{
		fprintf(stderr, "usage: dbmig-run URL FOLDER [--check [SECONDS]]\n");
		return 2;
	}
	options.folder = argv[2];
	options.log = say;
	options.check_only = argc > 3;
	if (argc > 4)
		options.check_timeout = atof(argv[4]);

	error = dbmig_open(argv[1], &options, &db);
	if (error == NULL)
		error = dbmig_start(db);
	if (error == NULL)
		error = show_status(db);
	if (error != NULL)
		status = report(error);
	dbmig_error_free(dbmig_close(db));
	return status;
}
