/*
 * test_pool.c
 *		The pool on both engines; what only a server can show, on PostgreSQL.
 *
 * usage: test_pool PG-URL SQLITE-URL
 */
#include "check.h"

#include <pthread.h>
#include <sqlite3.h>

static const char *url;
static const char *pg_url;
static dbmig *watcher;			/* looks at the server */

#define BACKENDS "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tested'"
#define PID "SELECT pg_backend_pid()"

static dbmig_options
options_of_test(void)
{
	dbmig_options options = DBMIG_OPTIONS;

	options.application_name = "tested";
	options.max_open = 3;
	options.acquire_timeout = 0.2;
	return options;
}

static void
limits(void)
{
	dbmig_options options = options_of_test();
	dbmig	   *db;
	dbmig_conn *conns[3];
	dbmig_conn *fourth;
	dbmig_pool	stats;
	double		since;
	int			i;

	OK(dbmig_open(url, &options, &db));
	for (i = 0; i < 3; i++)
		OK(dbmig_acquire(db, &conns[i]));
	since = seconds_now();
	FAILS(dbmig_acquire(db, &fourth), DBMIG_E_BUSY,
		  "too many open connections: 3 of 3 are out, the oldest since 2");
	CHECK(fourth == NULL);
	CHECK(seconds_now() - since >= 0.2 && seconds_now() - since < 5);
	dbmig_pool_stats(db, &stats);
	CHECK(stats.open == 3 && stats.out == 3 && stats.idle == 0 && stats.timed_out == 1);
	for (i = 0; i < 3; i++)
		OK(dbmig_release(conns[i]));
	dbmig_pool_stats(db, &stats);
	CHECK(stats.open == 2 && stats.out == 0 && stats.idle == 2 && stats.closed_idle == 1);
	OK(dbmig_close(db));
}

static void
limits_on_the_server(void)
{
	dbmig_options options = options_of_test();
	dbmig	   *db;
	dbmig_conn *conns[3];
	int64_t		pids[3];
	int64_t		pid;
	int			i;

	OK(dbmig_open(url, &options, &db));
	for (i = 0; i < 3; i++)
	{
		OK(dbmig_acquire(db, &conns[i]));
		pids[i] = number_of(conns[i], PID);
	}
	CHECK(number_in(watcher, BACKENDS) == 3);
	for (i = 0; i < 3; i++)
		OK(dbmig_release(conns[i]));
	CHECK(becomes(watcher, BACKENDS, 2));
	pid = number_in(db, PID);
	CHECK(pid == pids[0] || pid == pids[1] || pid == pids[2]);
	CHECK(number_in(db, PID) == pid);
	OK(dbmig_close(db));
	CHECK(becomes(watcher, BACKENDS, 0));
}

static void
unlimited(void)
{
	dbmig_options options = options_of_test();
	dbmig	   *db;
	dbmig_conn *conns[12];
	int			i;

	options.max_open = 0;
	options.max_idle = 12;
	OK(dbmig_open(url, &options, &db));
	for (i = 0; i < 12; i++)
		OK(dbmig_acquire(db, &conns[i]));
	for (i = 0; i < 12; i++)
		OK(dbmig_release(conns[i]));
	OK(dbmig_close(db));
}

static void
idle_too_long(void)
{
	dbmig_options options = options_of_test();
	dbmig	   *db;
	dbmig_pool	stats;

	options.idle_timeout = 0.2;
	OK(dbmig_open(url, &options, &db));
	dbmig_pool_stats(db, &stats);
	CHECK(stats.idle == 1);
	CHECK(becomes(watcher, BACKENDS, 0));
	dbmig_pool_stats(db, &stats);
	CHECK(stats.open == 0 && stats.closed_idle == 1);
	CHECK(number_in(db, PID) > 0);
	CHECK(becomes(watcher, BACKENDS, 0));
	OK(dbmig_close(db));
}

static void
too_old(void)
{
	dbmig_options options = options_of_test();
	dbmig	   *db;
	dbmig_conn *conn;
	dbmig_pool	stats;
	int64_t		pid;

	options.life_timeout = 0.3;
	OK(dbmig_open(url, &options, &db));
	OK(dbmig_acquire(db, &conn));
	pid = number_of(conn, PID);
	nap(0.4);
	CHECK(number_of(conn, PID) == pid);
	OK(dbmig_release(conn));
	CHECK(number_in(db, PID) != pid);
	dbmig_pool_stats(db, &stats);
	CHECK(stats.closed_old == 1);
	CHECK(becomes(watcher, BACKENDS, 0));	/* idle, and then too old */
	OK(dbmig_close(db));
}

static void
transactions_are_undone(void)
{
	dbmig_options options = options_of_test();
	dbmig	   *db;
	dbmig_conn *conn;

	OK(dbmig_open(url, &options, &db));
	OK(dbmig_acquire(db, &conn));
	OK(dbmig_exec(conn, "DROP TABLE IF EXISTS undone; CREATE TABLE undone (a integer)", 0, NULL, NULL));
	OK(dbmig_begin(conn));
	OK(dbmig_exec(conn, "INSERT INTO undone VALUES (1)", 0, NULL, NULL));
	OK(dbmig_release(conn));
	CHECK(number_in(db, "SELECT count(*) FROM undone") == 0);
	OK(dbmig_acquire(db, &conn));
	OK(dbmig_begin(conn));
	FAILS(dbmig_exec(conn, "INSERT INTO nosuch VALUES (1)", 0, NULL, NULL),
		  DBMIG_E_DATABASE, "nosuch");
	OK(dbmig_release(conn));
	OK(dbmig_acquire(db, &conn));
	OK(dbmig_begin(conn));
	OK(dbmig_exec(conn, "INSERT INTO undone VALUES (1)", 0, NULL, NULL));
	OK(dbmig_commit(conn));
	OK(dbmig_release(conn));
	CHECK(number_in(db, "SELECT count(*) FROM undone") == 1);
	OK(dbmig_close(db));
}

static int	hook_calls;

static dbmig_error *
unlock_all(dbmig_conn *conn, void *arg)
{
	CHECK(arg == &hook_calls);
	hook_calls++;
	return dbmig_exec(conn, "SELECT pg_advisory_unlock_all()", 0, NULL, NULL);
}

static void
release_hook(void)
{
	const char *locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
	dbmig_options options = options_of_test();
	dbmig	   *db;
	dbmig_conn *conn;

	options.release = unlock_all;
	options.arg = &hook_calls;
	OK(dbmig_open(url, &options, &db));
	OK(dbmig_acquire(db, &conn));
	OK(dbmig_exec(conn, "SELECT pg_advisory_lock(42)", 0, NULL, NULL));
	CHECK(number_in(watcher, locks) == 1);
	OK(dbmig_release(conn));
	CHECK(number_in(watcher, locks) == 0);
	CHECK(number_in(watcher, BACKENDS) == 1);
	CHECK(hook_calls == 2);
	OK(dbmig_close(db));
}

static dbmig_error *
hook_fails(dbmig_conn *conn, void *arg)
{
	(void) conn;
	return *(bool *) arg ? dbmig_error_new(DBMIG_E_HOOK, "no good: %d", 7) : NULL;
}

static dbmig_error *
nothing(dbmig_conn *conn, void *arg)
{
	(void) conn;
	(void) arg;
	return NULL;
}

static void
hook_that_fails(void)
{
	dbmig_options options = options_of_test();
	bool		fails = false;
	dbmig	   *db;
	dbmig_conn *conn;
	dbmig_pool	stats;

	options.release = hook_fails;
	options.arg = &fails;
	OK(dbmig_open(url, &options, &db));
	OK(dbmig_acquire(db, &conn));
	fails = true;
	FAILS(dbmig_release(conn), DBMIG_E_HOOK, "the release hook has failed: no good: 7");
	dbmig_pool_stats(db, &stats);
	CHECK(stats.open == 0 && stats.closed_hook == 1);
	FAILS(dbmig_with(db, nothing, NULL), DBMIG_E_HOOK, "no good");
	fails = false;
	OK(dbmig_with(db, nothing, NULL));
	OK(dbmig_close(db));

	options.release = NULL;
	options.connect = hook_fails;
	fails = true;
	FAILS(dbmig_open(url, &options, &db), DBMIG_E_HOOK, "no good");
	CHECK(db == NULL);
}

static dbmig_error *
fails(dbmig_conn *conn, void *arg)
{
	OK(dbmig_begin(conn));
	return dbmig_error_new(DBMIG_E_HOOK, "%s", (const char *) arg);
}

static void
with_releases(void)
{
	dbmig_options options = options_of_test();
	dbmig	   *db;
	dbmig_pool	stats;

	OK(dbmig_open(url, &options, &db));
	FAILS(dbmig_with(db, fails, "mine"), DBMIG_E_HOOK, "mine");
	dbmig_pool_stats(db, &stats);
	CHECK(stats.out == 0 && stats.idle == 1);
	OK(dbmig_close(db));
}

typedef struct one_waiter
{
	pthread_t	thread;
	dbmig	   *db;
	int			number;
} one_waiter;

static int	turn;
static pthread_mutex_t turn_lock = PTHREAD_MUTEX_INITIALIZER;
static int	order[4];

static void *
wait_for_turn(void *arg)
{
	one_waiter *w = arg;
	dbmig_conn *conn;

	dbmig_error_free(dbmig_acquire(w->db, &conn));
	pthread_mutex_lock(&turn_lock);
	order[turn++] = conn != NULL ? w->number : -1;
	pthread_mutex_unlock(&turn_lock);
	nap(0.02);
	dbmig_error_free(dbmig_release(conn));
	return NULL;
}

static void
waiters_in_order(void)
{
	dbmig_options options = options_of_test();
	one_waiter	waiters[3];
	dbmig	   *db;
	dbmig_conn *conn;
	dbmig_pool	stats;
	int			i;

	options.max_open = 1;
	options.acquire_timeout = 10;
	turn = 0;
	OK(dbmig_open(url, &options, &db));
	OK(dbmig_acquire(db, &conn));
	for (i = 0; i < 3; i++)
	{
		waiters[i].db = db;
		waiters[i].number = i;
		pthread_create(&waiters[i].thread, NULL, wait_for_turn, &waiters[i]);
		do
		{
			nap(0.01);
			dbmig_pool_stats(db, &stats);
		} while (stats.waiting != i + 1);
	}

	/* one that comes later is behind them, though it is here already */
	OK(dbmig_release(conn));
	OK(dbmig_acquire(db, &conn));
	pthread_mutex_lock(&turn_lock);
	order[turn++] = 3;
	pthread_mutex_unlock(&turn_lock);
	OK(dbmig_release(conn));
	for (i = 0; i < 3; i++)
		pthread_join(waiters[i].thread, NULL);
	for (i = 0; i < 4; i++)
		CHECK(order[i] == i);
	dbmig_pool_stats(db, &stats);
	CHECK(stats.waited == 4 && stats.waiting == 0 && stats.acquired == 6);
	OK(dbmig_close(db));
}

static void *
wait_and_fail(void *arg)
{
	one_waiter *w = arg;
	dbmig_conn *conn;

	FAILS(dbmig_acquire(w->db, &conn), DBMIG_E_CLOSED, "the pool is closed");
	return NULL;
}

static void
closing(void)
{
	dbmig_options options = options_of_test();
	one_waiter	waiter;
	dbmig	   *db;
	dbmig_conn *conn;
	dbmig_pool	stats;
	double		since;

	options.max_open = 1;
	options.acquire_timeout = 10;
	options.close_timeout = 0.2;
	OK(dbmig_open(url, &options, &db));
	OK(dbmig_acquire(db, &conn));
	waiter.db = db;
	pthread_create(&waiter.thread, NULL, wait_and_fail, &waiter);
	do
	{
		nap(0.01);
		dbmig_pool_stats(db, &stats);
	} while (stats.waiting != 1);
	since = seconds_now();
	FAILS(dbmig_close(db), DBMIG_E_BUSY, "1 connections are still out after 0.2 seconds");
	CHECK(seconds_now() - since >= 0.2);
	pthread_join(waiter.thread, NULL);
	CHECK(number_of(conn, "SELECT 1") == 1);
	OK(dbmig_release(conn));
	OK(dbmig_close(NULL));
	OK(dbmig_release(NULL));
}

static void
broken_ones_are_replaced(void)
{
	dbmig_options options = options_of_test();
	dbmig	   *db;
	dbmig_conn *conn;
	dbmig_pool	stats;
	dbmig_param pid;
	int64_t		before;

	OK(dbmig_open(url, &options, &db));
	before = number_in(db, PID);
	pid = dbmig_bind_int(before);

	/* while it is idle */
	OK(dbmig_acquire(watcher, &conn));
	OK(dbmig_exec(conn, "SELECT pg_terminate_backend($1, 5000)", 1, &pid, NULL));
	OK(dbmig_release(conn));
	nap(0.05);
	CHECK(number_in(db, PID) != before);

	/* while it is out */
	OK(dbmig_acquire(db, &conn));
	FAILS(dbmig_exec(conn, "SELECT pg_terminate_backend(pg_backend_pid())", 0, NULL, NULL),
		  DBMIG_E_DATABASE, "terminating connection");
	OK(dbmig_release(conn));
	CHECK(number_in(db, PID) > 0);
	dbmig_pool_stats(db, &stats);
	CHECK(stats.closed_broken == 2 && stats.opened == 3);
	OK(dbmig_close(db));
}

static void
schemas(void)
{
	const char *path = "SELECT current_setting('search_path') = '\"A b\"'";
	dbmig_options options = options_of_test();
	dbmig	   *db;
	dbmig_conn *conn;

	OK(dbmig_acquire(watcher, &conn));
	OK(dbmig_exec(conn, "CREATE SCHEMA IF NOT EXISTS \"A b\"", 0, NULL, NULL));
	OK(dbmig_release(conn));
	options.max_open = 1;
	options.schema = "A b";
	OK(dbmig_open(url, &options, &db));
	CHECK(number_in(db, path) == 1);
	OK(dbmig_acquire(db, &conn));
	OK(dbmig_exec(conn, "SET search_path = public", 0, NULL, NULL));
	OK(dbmig_release(conn));
	CHECK(number_in(db, path) == 1);
	OK(dbmig_acquire(db, &conn));
	OK(dbmig_exec(conn, "DISCARD ALL", 0, NULL, NULL));
	OK(dbmig_release(conn));
	CHECK(number_in(db, path) == 1);

	/* one that cannot have it any more is not handed out */
	OK(dbmig_acquire(db, &conn));
	OK(dbmig_exec(conn, "DROP SCHEMA \"A b\"", 0, NULL, NULL));
	FAILS(dbmig_release(conn), DBMIG_E_CONNECT, "schema \"A b\" is not there");
	FAILS(dbmig_acquire(db, &conn), DBMIG_E_CONNECT, "schema \"A b\" is not there");
	OK(dbmig_close(db));
	FAILS(dbmig_open(url, &options, &db), DBMIG_E_CONNECT, "schema \"A b\" is not there");
}

static void
memory_is_shared(void)
{
	dbmig	   *one;
	dbmig	   *other;
	dbmig_conn *a;
	dbmig_conn *b;

	OK(dbmig_open(":memory:", NULL, &one));
	OK(dbmig_open(":memory:", NULL, &other));
	OK(dbmig_acquire(one, &a));
	OK(dbmig_acquire(one, &b));
	OK(dbmig_exec(a, "CREATE TABLE t (a integer); INSERT INTO t VALUES (5)", 0, NULL, NULL));
	CHECK(number_of(b, "SELECT a FROM t") == 5);
	OK(dbmig_release(a));
	OK(dbmig_release(b));
	CHECK(number_in(one, "SELECT a FROM t") == 5);
	CHECK(number_in(other, "SELECT count(*) FROM sqlite_schema") == 0);
	OK(dbmig_close(one));
	OK(dbmig_close(other));
}

static void
sqlite_is_set_up(void)
{
	dbmig_options options = options_of_test();
	dbmig	   *db;
	dbmig_conn *conn;
	dbmig_rows *rows;

	options.busy_timeout = 1.5;
	OK(dbmig_open(url, &options, &db));
	OK(dbmig_acquire(db, &conn));
	OK(dbmig_query(conn, "PRAGMA journal_mode", 0, NULL, &rows));
	CHECK(strcmp(dbmig_text_at(rows, 0, 0), "wal") == 0);
	dbmig_rows_free(rows);
	CHECK(number_of(conn, "PRAGMA busy_timeout") == 1500);
	OK(dbmig_release(conn));
	OK(dbmig_close(db));
}

static int
refuse_rollback(void *arg, int action, const char *first, const char *second, const char *third, const char *fourth)
{
	(void) arg;
	(void) second;
	(void) third;
	(void) fourth;
	return action == SQLITE_TRANSACTION && strcmp(first, "ROLLBACK") == 0 ? SQLITE_DENY : SQLITE_OK;
}

/* One whose transaction cannot be ended is nobody's any more. */
static void
stuck_ones_are_closed(void)
{
	dbmig_options options = options_of_test();
	dbmig	   *db;
	dbmig_conn *conn;
	dbmig_pool	stats;

	OK(dbmig_open(url, &options, &db));
	OK(dbmig_acquire(db, &conn));
	OK(dbmig_exec(conn, "CREATE TABLE IF NOT EXISTS stuck (a integer)", 0, NULL, NULL));
	OK(dbmig_begin(conn));
	OK(dbmig_exec(conn, "INSERT INTO stuck VALUES (1)", 0, NULL, NULL));
	sqlite3_set_authorizer(dbmig_native(conn), refuse_rollback, NULL);
	OK(dbmig_release(conn));
	dbmig_pool_stats(db, &stats);
	CHECK(stats.closed_broken == 1 && stats.open == 0);
	OK(dbmig_acquire(db, &conn));
	OK(dbmig_begin(conn));
	CHECK(number_of(conn, "SELECT count(*) FROM stuck") == 0);
	OK(dbmig_release(conn));
	OK(dbmig_close(db));
}

/* What is the same for both. */
static void
shared(void)
{
	TEST(limits);
	TEST(unlimited);
	TEST(transactions_are_undone);
	TEST(hook_that_fails);
	TEST(with_releases);
	TEST(waiters_in_order);
	TEST(closing);
}

int
main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	pg_url = url = argv[1];
	suffix = "pg pool ";
	OK(dbmig_open(pg_url, NULL, &watcher));
	if (watcher == NULL)
		return 1;
	shared();
	TEST(limits_on_the_server);
	TEST(idle_too_long);
	TEST(too_old);
	TEST(release_hook);
	TEST(broken_ones_are_replaced);
	TEST(schemas);
	OK(dbmig_close(watcher));
	url = argv[2];
	suffix = "sqlite pool ";
	shared();
	TEST(sqlite_is_set_up);
	TEST(stuck_ones_are_closed);
	TEST(memory_is_shared);
	return failures != 0;
}
