/*
 * stress.c
 *		Processes that race for one SQLite file, and processes that are killed.
 *
 * dbmig is linked in statically.  All of it is about one rule: a migration and
 * its record are one transaction, whoever else is there and whatever happens.
 *
 * usage: stress races FOLDER ROUNDS | kills FOLDER KILLS | waits FOLDER
 */
#define _POSIX_C_SOURCE 200809L

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES 16
#define MIGRATIONS 6			/* of the races */
#define STEPS 24				/* of the kills */

extern int	sqlite3_dbmig_init(sqlite3 *db, char **error,
							   const sqlite3_api_routines *api);

static char path[1000];
static int	problems;

static void
problem(long round, const char *what, const char *error)
{
	if (++problems <= 10)
		printf("round %ld: %s: %s\n", round, what, error != NULL ? error : "");
	fflush(stdout);
}

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static void
nap(double length)
{
	struct timespec time;

	time.tv_sec = (time_t) length;
	time.tv_nsec = (long) ((length - (double) time.tv_sec) * 1e9);
	nanosleep(&time, NULL);
}

static sqlite3 *
open_database(int timeout)
{
	sqlite3    *db;

	if (sqlite3_open(path, &db) != SQLITE_OK)
	{
		printf("%s: %s\n", path, sqlite3_errmsg(db));
		exit(2);
	}
	sqlite3_busy_timeout(db, timeout);
	return db;
}

/* Run SQL; its first value as a number, or -1 and the error's text. */
static long
number(sqlite3 *db, const char *sql, char *error)
{
	sqlite3_stmt *stmt = NULL;
	long		value = -1;
	int			rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	error[0] = '\0';
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
	{
		value = (long) sqlite3_column_int64(stmt, 0);
		rc = sqlite3_step(stmt);
	}
	if (rc != SQLITE_DONE)
		sqlite3_snprintf(300, error, "%s", sqlite3_errmsg(db));
	sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? value : -1;
}

static void
expect(long round, sqlite3 *db, const char *sql, long wanted)
{
	char		error[300];
	long		value = number(db, sql, error);

	if (value == wanted)
		return;
	if (error[0] == '\0')
		sqlite3_snprintf(300, error, "%ld instead of %ld", value, wanted);
	problem(round, sql, error);
}

static void
must(sqlite3 *db, const char *sql)
{
	char	   *error = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &error) == SQLITE_OK)
		return;
	printf("%s: %s\n", sql, error);
	exit(2);
}

static void
remove_database(void)
{
	static const char *const ends[] = {"", "-journal", "-wal", "-shm"};
	char		name[1010];
	int			i;

	for (i = 0; i < 4; i++)
	{
		sprintf(name, "%s%s", path, ends[i]);
		remove(name);
	}
}

static void
journal_mode(int wal)
{
	sqlite3    *db = open_database(0);

	must(db, wal ? "PRAGMA journal_mode = wal" : "PRAGMA journal_mode = delete");
	sqlite3_close(db);
}

/* Races: what one process does, which is what an application does. */
static int
racer(long round, int i, int start)
{
	int			timeout = (round & 2) != 0 ? 5000 : 0;
	char		error[300];
	char		sql[300];
	long		applied;
	char		byte;
	sqlite3    *db;
	int			m;

	if (read(start, &byte, 1) != 0) /* until it is closed */
		return 100;
	db = open_database(timeout);
	for (m = 1; m <= MIGRATIONS; m++)
	{
		sprintf(sql, "SELECT dbmig_register('%s', %d, 'CREATE TABLE t%d (x);"
				" INSERT INTO ran VALUES (%d)')", m == 1 ? "base" : "app", m, m, m);
		if (m == 1)
			sprintf(sql, "SELECT dbmig_register('base', 1, 'CREATE TABLE t1 (x);"
					" CREATE TABLE ran (m); INSERT INTO ran VALUES (1)')");
		if (number(db, sql, error) == -1)
			break;
	}
	if (m > MIGRATIONS && number(db, "SELECT dbmig_after('app', 'base')", error) != -1)
	{
		applied = number(db, i % 4 == 3 ? "SELECT dbmig_migrate()" :
						 "SELECT dbmig_apply()", error);
		if (applied != -1 &&
			number(db, "SELECT dbmig_is_current()", error) == 1)
		{
			sqlite3_close(db);
			return (int) applied;
		}
	}
	problem(round, "a process", error);
	return 100;
}

static void
race(long round)
{
	pid_t		children[PROCESSES];
	int			start[2];
	int			applied = 0;
	char		what[60];
	sqlite3    *db;
	int			i;

	remove_database();
	journal_mode((round & 1) != 0);
	if (pipe(start) != 0)
		exit(2);
	fflush(stdout);
	for (i = 0; i < PROCESSES; i++)
	{
		children[i] = fork();
		if (children[i] < 0)
			exit(2);
		if (children[i] == 0)
		{
			close(start[1]);
			_exit(racer(round, i, start[0]));
		}
	}
	close(start[0]);
	close(start[1]);
	for (i = 0; i < PROCESSES; i++)
	{
		int			status = 0;

		waitpid(children[i], &status, 0);
		if (!WIFEXITED(status) || WEXITSTATUS(status) >= 100)
			problem(round, "a process failed", "");
		else
			applied += WEXITSTATUS(status);
	}
	sprintf(what, "%d instead of %d", applied, MIGRATIONS);
	if (applied != MIGRATIONS)
		problem(round, "applied by all together", what);
	db = open_database(0);
	expect(round, db, "SELECT count(*) FROM ran", MIGRATIONS);
	expect(round, db, "SELECT count(DISTINCT m) FROM ran", MIGRATIONS);
	expect(round, db, "SELECT count(*) FROM dbmig_applied WHERE state = 'applied'",
		   MIGRATIONS);
	expect(round, db, "SELECT count(*) FROM dbmig_history WHERE action = 'apply'",
		   MIGRATIONS);
	expect(round, db, "SELECT integrity_check = 'ok' FROM pragma_integrity_check", 1);
	sqlite3_close(db);
}

static void
races(long rounds)
{
	long		round;

	for (round = 0; round < rounds; round++)
		race(round);
	printf("%s stress: %d processes start at once on a new file, %ld rounds\n",
		   problems == 0 ? "ok     " : "FAILED ", PROCESSES, rounds);
}

/*
 * Kills: each step adds 1 to every row, in more pages than the cache has, and
 * makes a table.
 */
static void
make_steps(int wal)
{
	char		sql[300];
	sqlite3    *db;
	int			i;

	remove_database();
	journal_mode(wal);
	db = open_database(0);
	must(db, "PRAGMA synchronous = off; CREATE TABLE big (id INTEGER PRIMARY KEY, n, pad);"
		 "WITH RECURSIVE c(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM c WHERE i < 600)"
		 " INSERT INTO big SELECT i, 0, hex(zeroblob(100)) FROM c; BEGIN");
	for (i = 1; i <= STEPS; i++)
	{
		sprintf(sql, "SELECT dbmig_register('p', %d, 'CREATE TABLE k%d (x UNIQUE);"
				" UPDATE big SET n = n + 1; INSERT INTO k%d VALUES (%d)')",
				i, i, i, i);
		must(db, sql);
	}
	must(db, "COMMIT");
	sqlite3_close(db);
}

static const char *
kill_call(long round)
{
	return (round & 2) != 0 ? "SELECT dbmig_migrate()" : "SELECT dbmig_apply()";
}

static int
victim(long round)
{
	char		error[300];
	sqlite3    *db = open_database(0);

	must(db, "PRAGMA cache_size = 10; PRAGMA synchronous = off");
	if (number(db, kill_call(round), error) == -1)
	{
		problem(round, kill_call(round), error);
		return 1;
	}
	sqlite3_close(db);
	return 0;
}

/* How many steps are there, exactly, in all that they leave; or -1. */
static long
steps_done(long round, sqlite3 *db)
{
	char		error[300];
	long		done = number(db, "SELECT count(*) FROM dbmig_applied WHERE state = 'applied'", error);

	if (done == -1)
		problem(round, "the applied set", error);
	expect(round, db, "SELECT min(n) FROM big", done);
	expect(round, db, "SELECT max(n) FROM big", done);
	expect(round, db, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'k%'", done);
	expect(round, db, "SELECT count(*) FROM dbmig_history WHERE action = 'apply'", done);
	expect(round, db, "SELECT integrity_check = 'ok' FROM pragma_integrity_check", 1);
	return done;
}

static int
has_journal(void)
{
	char		name[1010];

	sprintf(name, "%s-journal", path);
	if (access(name, F_OK) == 0)
		return 1;
	sprintf(name, "%s-wal", path);
	return access(name, F_OK) == 0;
}

/* Gives how long the victim ran where it is not killed (at < 0). */
static double
kill_one(long round, double at, long *counts)
{
	double		since;
	int			status = 0;
	pid_t		child;
	sqlite3    *db;
	long		done;

	make_steps((round & 1) != 0);
	fflush(stdout);
	since = seconds();
	child = fork();
	if (child < 0)
		exit(2);
	if (child == 0)
		_exit(victim(round));
	if (at >= 0)
	{
		nap(at);
		kill(child, SIGKILL);
	}
	waitpid(child, &status, 0);
	since = seconds() - since;
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		problem(round, "the process failed", "");
	counts[3] += has_journal();
	db = open_database(0);
	done = steps_done(round, db);
	if ((round & 2) == 0 && done != 0 && done != STEPS)
		problem(round, "not all of an apply", "");
	counts[done == 0 ? 0 : done == STEPS ? 2 : 1]++;
	must(db, kill_call(round));
	if (steps_done(round, db) != STEPS)
		problem(round, "the second call is not complete", "");
	sqlite3_close(db);
	return since;
}

static void
kills(long wanted)
{
	double		longest[4] = {0, 0, 0, 0};
	long		counts[4] = {0, 0, 0, 0};
	long		unused[4];
	long		round;

	srand((unsigned) time(NULL));
	for (round = 0; round < 8; round++)
	{
		double		took = kill_one(round, -1, unused);

		if (took > longest[round % 4])
			longest[round % 4] = took;
	}
	for (round = 0; round < wanted; round++)
		kill_one(round, longest[round % 4] * 1.05 * rand() / RAND_MAX, counts);

	/* the moments must have been good ones */
	if (wanted >= 100 && (counts[0] < wanted / 10 || counts[1] < wanted / 20 ||
						  counts[3] < wanted / 4))
		problem(-1, "the kills came at no good moments", "");
	printf("%s stress: kill -9 at %ld random moments: %ld before, %ld between, %ld after; %ld with a journal\n",
		   problems == 0 ? "ok     " : "FAILED ", wanted, counts[0], counts[1],
		   counts[2], counts[3]);
}

/* Waits: nobody is told that the file is locked before it is time. */
static void
wait_for(const char *name, int wal, int timeout, const char *limit, double held,
		 double shortest, double longest, int locked)
{
	char		error[300];
	char		sql[100];
	double		since;
	int			ready[2];
	char		byte;
	long		value;
	pid_t		child;
	sqlite3    *db;

	remove_database();
	journal_mode(wal);
	db = open_database(timeout);
	must(db, "SELECT dbmig_register('p', 1, 'CREATE TABLE t (x)')");
	sprintf(sql, "SELECT dbmig_set('lock_timeout', %s)", limit);
	must(db, sql);
	fflush(stdout);
	if (pipe(ready) != 0 || (child = fork()) < 0)
		exit(2);
	if (child == 0)
	{
		sqlite3    *other = open_database(0);

		must(other, "BEGIN IMMEDIATE");
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		nap(held);
		must(other, "COMMIT");
		_exit(0);
	}
	if (read(ready[0], &byte, 1) != 1)
		exit(2);
	since = seconds();
	value = number(db, "SELECT dbmig_apply()", error);
	since = seconds() - since;
	waitpid(child, NULL, 0);
	close(ready[0]);
	close(ready[1]);
	if (locked ? value != -1 || strstr(error, "another connection") == NULL : value != 1)
		problem(-1, name, error);
	if (since < shortest || since > longest)
	{
		sprintf(error, "%.2f seconds", since);
		problem(-1, name, error);
	}
	sqlite3_close(db);
}

static void
waits(void)
{
	int			wal;

	for (wal = 0; wal < 2; wal++)
	{
		wait_for("lock_timeout 0.4", wal, 0, "0.4", 1.5, 0.4, 1.4, 1);
		wait_for("lock_timeout 30", wal, 0, "30", 0.6, 0.5, 20, 0);
		wait_for("lock_timeout 0.1 behind the program's 5 seconds", wal, 5000,
				 "0.1", 0.6, 0.5, 20, 0);
	}
	printf("%s stress: nobody is told of a lock before lock_timeout\n",
		   problems == 0 ? "ok     " : "FAILED ");
}

int
main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	sprintf(path, "%.900s/stress.db", argv[2]);
	sqlite3_auto_extension((void (*) (void)) sqlite3_dbmig_init);
	if (strcmp(argv[1], "waits") == 0)
		waits();
	else if (argc > 3 && strcmp(argv[1], "races") == 0)
		races(atol(argv[3]));
	else if (argc > 3 && strcmp(argv[1], "kills") == 0)
		kills(atol(argv[3]));
	else
		return 2;
	return problems != 0;
}
