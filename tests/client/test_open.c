/*
 * test_open.c
 *		Options and their defaults, the forms of a URL, and values at the edges of
 *		their types.
 *
 * usage: test_open PG-URL FOLDER HOST PORT USER
 */
#include "check.h"

#include <math.h>
#include <pthread.h>
#include <unistd.h>

static const char *pg_url;
static const char *folder;
static const char *host;
static const char *port;
static const char *user;
static const char *url;			/* of the database that is tested */

static void
defaults(void)
{
	dbmig_options options = DBMIG_OPTIONS;

	CHECK(options.max_open == 10 && options.max_idle == 2);
	CHECK(options.acquire_timeout == 30 && options.idle_timeout == 600 && options.life_timeout == 0);
	CHECK(options.connect_timeout == 10 && options.close_timeout == 30 && options.busy_timeout == 5);
	CHECK(options.lock_timeout == 60 && options.check_timeout == 10);
	CHECK(options.application_name == NULL && options.schema == NULL && options.connect == NULL &&
		  options.release == NULL && options.log == NULL && options.arg == NULL);
	CHECK(options.packages == NULL && options.package_count == 0 && options.folder == NULL &&
		  options.migrations_url == NULL);
	CHECK(!options.one_by_one && !options.check_only && !options.refuse_newer);
	CHECK(options.size == sizeof(options));
}

/* The defaults are what is in force: the eleventh has to wait, the third is closed. */
static void
defaults_in_force(void)
{
	dbmig	   *db;
	dbmig_conn *conns[10];
	dbmig_pool	stats;
	int			i;

	OK(dbmig_open(url, NULL, &db));
	CHECK(dbmig_kind(db) == (url == pg_url ? DBMIG_POSTGRES : DBMIG_SQLITE));
	for (i = 0; i < 10; i++)
		OK(dbmig_acquire(db, &conns[i]));
	CHECK(dbmig_of(conns[9]) == db);
	dbmig_pool_stats(db, &stats);
	CHECK(stats.open == 10 && stats.out == 10 && stats.idle == 0 && stats.opened == 10);
	for (i = 0; i < 10; i++)
		OK(dbmig_release(conns[i]));
	dbmig_pool_stats(db, &stats);
	CHECK(stats.open == 2 && stats.out == 0 && stats.idle == 2 && stats.closed_idle == 8);
	CHECK(stats.acquired == 11 && stats.waited == 0);
	if (url == pg_url)
		CHECK(number_in(db, "SELECT current_setting('application_name') = 'dbmig'") == 1);
	OK(dbmig_close(db));
}

static dbmig_error *
count_it(dbmig_conn *conn, void *arg)
{
	++*(int *) arg;
	return dbmig_exec(conn, "SELECT 1", 0, NULL, NULL);
}

/* 0 is none, never, no limit; and not to wait at all. */
static void
zeros(void)
{
	dbmig_options options = DBMIG_OPTIONS;
	dbmig	   *db;
	dbmig_conn *conns[15];
	dbmig_conn *more;
	dbmig_pool	stats;
	double		since;
	int			connected = 0;
	int			i;

	options.max_open = 0;
	options.max_idle = 0;
	options.idle_timeout = 0;
	options.life_timeout = 0;
	options.connect_timeout = 0;
	options.acquire_timeout = 0;
	options.connect = count_it;
	options.arg = &connected;
	OK(dbmig_open(url, &options, &db));
	for (i = 0; i < 15; i++)
		OK(dbmig_acquire(db, &conns[i]));
	for (i = 0; i < 15; i++)
		OK(dbmig_release(conns[i]));
	dbmig_pool_stats(db, &stats);
	CHECK(stats.open == 0 && stats.idle == 0 && stats.opened == 16 && connected == 16);
	OK(dbmig_close(db));

	options.max_open = 1;
	options.max_idle = 5;
	OK(dbmig_open(url, &options, &db));
	OK(dbmig_acquire(db, &conns[0]));
	since = seconds_now();
	FAILS(dbmig_acquire(db, &more), DBMIG_E_BUSY, "too many open connections: 1 of 1 are out");
	CHECK(seconds_now() - since < 5);
	OK(dbmig_release(conns[0]));
	dbmig_pool_stats(db, &stats);
	CHECK(stats.idle == 1 && stats.timed_out == 1 && stats.waited == 0);
	OK(dbmig_close(db));
}

static void *
release_later(void *arg)
{
	nap(0.3);
	dbmig_error_free(dbmig_release(arg));
	return NULL;
}

static void
close_waits(void)
{
	dbmig	   *db;
	dbmig_conn *conn;
	pthread_t	thread;
	double		since = seconds_now();

	OK(dbmig_open(url, NULL, &db));
	OK(dbmig_acquire(db, &conn));
	pthread_create(&thread, NULL, release_later, conn);
	OK(dbmig_close(db));
	CHECK(seconds_now() - since >= 0.3 && seconds_now() - since < 25);
	pthread_join(thread, NULL);
}

/* It can be opened, and is of this kind. */
static void
opens(const char *form, dbmig_kind_of_database kind)
{
	dbmig	   *db = NULL;

	OK(dbmig_open(form, NULL, &db));
	CHECK(db != NULL && dbmig_kind(db) == kind);
	if (db != NULL)
		CHECK(number_in(db, "SELECT 41 + 1") == 42);
	else
		printf("%s\n", form);
	OK(dbmig_close(db));
}

static void
urls_of_postgres(void)
{
	char		form[1000];
	dbmig	   *db;

	snprintf(form, sizeof(form), "postgres://%s@/postgres?host=%s&port=%s", user, host, port);
	opens(form, DBMIG_POSTGRES);
	snprintf(form, sizeof(form), "postgresql://%s@/postgres?host=%s&port=%s", user, host, port);
	opens(form, DBMIG_POSTGRES);
	snprintf(form, sizeof(form), "host='%s' port=%s user=%s dbname=postgres", host, port, user);
	opens(form, DBMIG_POSTGRES);
	snprintf(form, sizeof(form), "postgres://p%%6fstgres@/%%70ostgres?host=%s&port=%s&user=%s", host, port, user);
	opens(form, DBMIG_POSTGRES);
	snprintf(form, sizeof(form), "postgres://%s@/postgres?host=%s&port=%s&nosuch=1", user, host, port);
	FAILS(dbmig_open(form, NULL, &db), DBMIG_E_CONNECT, "nosuch");
	snprintf(form, sizeof(form), "postgres://%s@/nosuchdb?host=%s&port=%s", user, host, port);
	FAILS(dbmig_open(form, NULL, &db), DBMIG_E_CONNECT, "nosuchdb");
	FAILS(dbmig_open("postgres://%zz/", NULL, &db), DBMIG_E_CONNECT, "");
	FAILS(dbmig_open("host=/nosuch/folder", NULL, &db), DBMIG_E_CONNECT, "");
	CHECK(db == NULL);
}

static void
urls_of_sqlite(void)
{
	char		form[1000];
	char		file[1000];
	dbmig	   *db;

	opens(":memory:", DBMIG_SQLITE);
	opens("sqlite://:memory:", DBMIG_SQLITE);
	opens("file::memory:", DBMIG_SQLITE);
	snprintf(form, sizeof(form), "%s/a path.db", folder);
	opens(form, DBMIG_SQLITE);
	CHECK(access(form, F_OK) == 0);
	snprintf(form, sizeof(form), "sqlite://%s/a%%20u%%3Drl%%25.db", folder);
	snprintf(file, sizeof(file), "%s/a u=rl%%.db", folder);
	opens(form, DBMIG_SQLITE);
	CHECK(access(file, F_OK) == 0);
	snprintf(form, sizeof(form), "file:%s/a%%20uri.db?mode=rwc", folder);
	snprintf(file, sizeof(file), "%s/a uri.db", folder);
	opens(form, DBMIG_SQLITE);
	CHECK(access(file, F_OK) == 0);
	snprintf(form, sizeof(form), "sqlite://%s/a%%20uri.db?mode=ro", folder);
	opens(form, DBMIG_SQLITE);
	snprintf(form, sizeof(form), "file:%s/never.db?mode=ro", folder);
	FAILS(dbmig_open(form, NULL, &db), DBMIG_E_CONNECT, "could not open");
	snprintf(form, sizeof(form), "file:%s/never.db?mode=nosuch", folder);
	FAILS(dbmig_open(form, NULL, &db), DBMIG_E_CONNECT, "nosuch");
	FAILS(dbmig_open(folder, NULL, &db), DBMIG_E_CONNECT, "could not open");

	/* with a "=" it is not taken for a path, and no password is told */
	FAILS(dbmig_open("a=b.db", NULL, &db), DBMIG_E_CONNECT, "");
	FAILS(dbmig_open("http://localhost/x", NULL, &db), DBMIG_E_ARGUMENT, "unknown kind of URL: \"http\"");
}

/* WAL and the busy time-out: not only the first one has them. */
static void
every_connection_is_set_up(void)
{
	dbmig_options options = DBMIG_OPTIONS;
	dbmig	   *db;
	dbmig_conn *conns[4];
	int			i;

	options.busy_timeout = 2.5;
	OK(dbmig_open(url, &options, &db));
	for (i = 0; i < 4; i++)
	{
		dbmig_rows *rows = NULL;

		OK(dbmig_acquire(db, &conns[i]));
		OK(dbmig_query(conns[i], "PRAGMA journal_mode", 0, NULL, &rows));
		CHECK(strcmp(dbmig_text_at(rows, 0, 0), "wal") == 0);
		dbmig_rows_free(rows);
		CHECK(number_of(conns[i], "PRAGMA busy_timeout") == 2500);
		CHECK(number_of(conns[i], "SELECT length(dbmig_uuid()) = 16") == 1);
	}
	for (i = 0; i < 4; i++)
		OK(dbmig_release(conns[i]));
	OK(dbmig_close(db));
}

static void
edges(void)
{
	static const int64_t integers[] = {
		INT64_MIN, INT64_MIN + 1, INT32_MIN, (int64_t) INT32_MIN - 1, -1, 0, INT32_MAX, (int64_t) INT32_MAX + 1,
		INT64_MAX
	};
	const double reals[] = {
		0.0, -0.0, 0.1, 1e-307, 2.2250738585072014e-308, 1.7976931348623157e308, -1.0 / 3, INFINITY, -INFINITY
	};
	bool		postgres = url == pg_url;
	dbmig_blob	blob = {NULL, 0};
	dbmig_uuid	uuid;
	dbmig_timestamp when;
	dbmig_rows *rows = NULL;
	dbmig_param params[2];
	dbmig	   *db;
	dbmig_conn *conn;
	size_t		i;
	int64_t		integer;
	double		real;
	bool		flag;

	OK(dbmig_open(url, NULL, &db));
	OK(dbmig_acquire(db, &conn));
	for (i = 0; i < sizeof(integers) / sizeof(integers[0]); i++)
	{
		params[0] = dbmig_bind_int(integers[i]);
		OK(dbmig_query(conn, "SELECT $1", 1, params, &rows));
		CHECK(dbmig_int_at(rows, 0, 0, &integer) && integer == integers[i]);
		dbmig_rows_free(rows);
	}
	for (i = 0; i < sizeof(reals) / sizeof(reals[0]); i++)
	{
		params[0] = dbmig_bind_real(reals[i]);
		OK(dbmig_query(conn, "SELECT $1", 1, params, &rows));
		CHECK(dbmig_real_at(rows, 0, 0, &real) && real == reals[i]);
		dbmig_rows_free(rows);
	}

	/* SQLite has no NaN: it is NULL there */
	for (i = 0; i < 2; i++)
	{
		params[0] = dbmig_bind_real(i == 0 ? NAN : -NAN);
		OK(dbmig_query(conn, "SELECT $1", 1, params, &rows));
		CHECK(postgres ? dbmig_real_at(rows, 0, 0, &real) && isnan(real) : dbmig_is_null(rows, 0, 0));
		dbmig_rows_free(rows);
	}

	/* nothing is not NULL */
	params[0] = dbmig_bind_blob(blob);
	params[1] = dbmig_bind_text("");
	OK(dbmig_query(conn, postgres ? "SELECT $1, $2::text" : "SELECT $1, $2", 2, params, &rows));
	CHECK(!dbmig_is_null(rows, 0, 0) && dbmig_blob_at(rows, 0, 0, &blob) && blob.length == 0);
	CHECK(!dbmig_is_null(rows, 0, 1) && strcmp(dbmig_text_at(rows, 0, 1), "") == 0);
	CHECK(!dbmig_int_at(rows, 0, 1, &integer) && !dbmig_real_at(rows, 0, 1, &real) &&
		  !dbmig_bool_at(rows, 0, 1, &flag) && !dbmig_uuid_at(rows, 0, 1, &uuid));
	dbmig_rows_free(rows);
	params[0] = dbmig_bind_null();
	OK(dbmig_query(conn, postgres ? "SELECT $1::uuid" : "SELECT $1", 1, params, &rows));
	CHECK(dbmig_is_null(rows, 0, 0) && !dbmig_blob_at(rows, 0, 0, &blob) &&
		  !dbmig_timestamp_at(rows, 0, 0, &when));
	dbmig_rows_free(rows);

	/* the first and the last time that both engines have */
	for (i = 0; i < 2; i++)
	{
		const dbmig_timestamp time = i == 0 ? INT64_C(-62135596800000000) : INT64_C(253402300799999999);

		params[0] = dbmig_bind_timestamp(time);
		OK(dbmig_query(conn, "SELECT $1", 1, params, &rows));
		CHECK(dbmig_timestamp_at(rows, 0, 0, &when) && when == time);
		dbmig_rows_free(rows);
	}
	for (i = 0; i < 2; i++)
	{
		params[0] = dbmig_bind_bool(i == 1);
		OK(dbmig_query(conn, "SELECT $1", 1, params, &rows));
		CHECK(dbmig_bool_at(rows, 0, 0, &flag) && flag == (i == 1));
		dbmig_rows_free(rows);
	}

	/* a NUL in a text is no value of another type, and hides nothing */
	if (!postgres)
	{
		OK(dbmig_query(conn, "SELECT '5' || char(0) || 'x', 't' || char(0) || 'x', '1.5' || char(0)", 0, NULL, &rows));
		CHECK(!dbmig_int_at(rows, 0, 0, &integer) && !dbmig_bool_at(rows, 0, 1, &flag) &&
			  !dbmig_real_at(rows, 0, 2, &real));
		CHECK(dbmig_blob_at(rows, 0, 0, &blob) && blob.length == 3 && memcmp(blob.data, "5\0x", 3) == 0);
		dbmig_rows_free(rows);
	}
	else
		FAILS(dbmig_query(conn, "SELECT chr(0)", 0, NULL, &rows), DBMIG_E_DATABASE, "null character");
	OK(dbmig_release(conn));
	OK(dbmig_close(db));
}

static void
shared(void)
{
	TEST(defaults_in_force);
	TEST(zeros);
	TEST(close_waits);
	TEST(edges);
}

int
main(int argc, char **argv)
{
	char		file[1000];

	if (argc != 6)
		return 2;
	pg_url = argv[1];
	folder = argv[2];
	host = argv[3];
	port = argv[4];
	user = argv[5];
	suffix = "open ";
	TEST(defaults);
	TEST(urls_of_postgres);
	TEST(urls_of_sqlite);
	suffix = "pg open ";
	url = pg_url;
	shared();
	suffix = "sqlite open ";
	snprintf(file, sizeof(file), "%s/open.db", folder);
	url = file;
	shared();
	TEST(every_connection_is_set_up);
	return failures != 0;
}
