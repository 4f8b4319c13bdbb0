/*
 * test_restart.c
 *		A server that goes and comes back: says "ready", waits for a line, and
 *		works again.
 *
 * usage: test_restart PG-URL
 */
#include "check.h"

static dbmig *db;

static void
server_restart(void)
{
	dbmig_conn *conns[2];
	dbmig_conn *out;
	dbmig_pool	stats;
	char		line[16];
	int			i;

	OK(dbmig_acquire(db, &out));
	for (i = 0; i < 2; i++)
		OK(dbmig_acquire(db, &conns[i]));
	for (i = 0; i < 2; i++)
		OK(dbmig_release(conns[i]));
	printf("ready\n");
	fflush(stdout);
	CHECK(fgets(line, sizeof(line), stdin) != NULL);
	for (i = 0; i < 2; i++)
	{
		OK(dbmig_acquire(db, &conns[i]));
		CHECK(conns[i] != NULL && number_of(conns[i], "SELECT 6") == 6);
	}
	for (i = 0; i < 2; i++)
		OK(dbmig_release(conns[i]));
	FAILS(dbmig_exec(out, "SELECT 1", 0, NULL, NULL), DBMIG_E_DATABASE, "");
	OK(dbmig_release(out));
	dbmig_pool_stats(db, &stats);
	CHECK(stats.closed_broken == 3 && stats.idle == 2 && stats.open == 2);
}

int
main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	OK(dbmig_open(argv[1], NULL, &db));
	if (db == NULL)
		return 1;
	TEST(server_restart);
	OK(dbmig_close(db));
	return failures != 0;
}
