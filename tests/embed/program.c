/*
 * program.c
 *		A program with SQLite, dbmig and its migrations in it: no file is read
 *		when it runs but its database.
 *
 * usage: program DATABASE		prints how many migrations it has applied
 */
#include <stdio.h>

#include <sqlite3.h>

extern int	sqlite3_dbmig_init(sqlite3 *db, char **error,
							   const sqlite3_api_routines *api);

static const char migrations[] =
#include "migrations.h"
		   ;

static int
print(void *arg, int count, char **values, char **names)
{
	(void) arg;
	(void) count;
	(void) names;
	puts(values[0]);
	return 0;
}

int
main(int argc, char **argv)
{
	sqlite3    *db = NULL;
	char	   *error = NULL;
	int			rc = argc == 2 ? sqlite3_open(argv[1], &db) : SQLITE_MISUSE;

	if (rc == SQLITE_OK)
		rc = sqlite3_dbmig_init(db, &error, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, migrations, NULL, NULL, &error);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "SELECT dbmig_apply('tool')", print, NULL, &error);
	if (rc != SQLITE_OK)
		fprintf(stderr, "%s\n", error != NULL ? error : sqlite3_errstr(rc));
	sqlite3_free(error);
	sqlite3_close(db);
	return rc == SQLITE_OK ? 0 : 1;
}
