/*
 * test_locks.c
 *		Locks that migrations wait for (L1, L2), and what was cut off (N3), by the
 *		extension and without it.
 *
 * usage: test_locks pg|plain PG-URL-PREFIX PG-URL-SUFFIX
 *
 * plain: on a server that does not have the extension.  dbmig's tables are in
 * the search_path there.
 */
#include "fresh.h"

static dbmig *holder;			/* somebody else in the database */
static dbmig_conn *held;
static char notices[4000];

static void
take_notices(dbmig_level level, const char *message, void *arg)
{
	size_t		length = strlen(notices);

	(void) arg;
	if (level != DBMIG_LOG_PROGRESS)
		snprintf(notices + length, sizeof(notices) - length, "%s\n", message);
}

static dbmig_error *
start_package(const dbmig_script *scripts, size_t count)
{
	dbmig_scripts packages[] = {{"p", NULL, 0, NULL}};
	dbmig_options options = options_of(packages, 1);

	packages[0].scripts = scripts;
	packages[0].count = count;
	options.log = take_notices;
	notices[0] = '\0';
	return start_with(&options);
}

/* Holds what the statement takes until let_go(). */
static void
hold(const char *sql)
{
	dbmig_options options = DBMIG_OPTIONS;

	options.application_name = "holder";
	OK(dbmig_open(url, &options, &holder));
	OK(dbmig_acquire(holder, &held));
	OK(dbmig_begin(held));
	OK(dbmig_exec(held, sql, 0, NULL, NULL));
}

static void
let_go(void)
{
	OK(dbmig_release(held));
	OK(dbmig_close(holder));
}

static void *
let_go_later(void *arg)
{
	(void) arg;
	nap(1.7);
	let_go();
	return NULL;
}

static void
do_it(const char *sql)
{
	dbmig	   *db;
	dbmig_conn *conn;

	OK(dbmig_open(url, NULL, &db));
	OK(dbmig_acquire(db, &conn));
	OK(dbmig_exec(conn, sql, 0, NULL, NULL));
	OK(dbmig_release(conn));
	OK(dbmig_close(db));
}

#define TABLE {.version = "1",.up = "CREATE TABLE t (a integer)"}

/* The error of a step that waits for t: soon, and saying who has it. */
static void
fails_soon(const char *up, const char *options, double at_least)
{
	const dbmig_script scripts[] = {TABLE, {.version = "2",.up = up,.options = options}};
	double		since = seconds_now();
	dbmig_error *error = start_package(scripts, 2);
	char		who[80];

	snprintf(who, sizeof(who), "Process %d blocks it, application \"holder\", idle in transaction, query \"LOCK",
			 (int) number_of(held, "SELECT pg_backend_pid()"));
	*strstr(who, ", query") = '\0';
	CHECK(error != NULL && error->code == DBMIG_E_MIGRATION && strcmp(error->sqlstate, "55P03") == 0);
	CHECK(error != NULL && error->detail != NULL && strstr(error->detail, who) != NULL);
	CHECK(error != NULL && error->detail != NULL && strstr(error->detail, "migration \"p@2\"") != NULL);
	CHECK(error != NULL && error->hint != NULL && strstr(error->hint, "lock_timeout") != NULL);
	CHECK(seconds_now() - since >= at_least && seconds_now() - since < at_least + 20);
	if (wrong && error != NULL)
		printf("%s (%s) %s\n", error->message, error->sqlstate, error->detail);
	dbmig_error_free(error);
}

static void
who_blocks_is_named(void)
{
	static const dbmig_script first[] = {TABLE};
	static const dbmig_script impatient[] = {
		TABLE, {.version = "2",.up = "INSERT INTO t VALUES (1)",.options = "{\"lock_timeout\": 0}"}
	};
	dbmig_error *error;
	double		since;

	fresh();
	OK(start_package(first, 1));
	hold("LOCK TABLE t");
	fails_soon("INSERT INTO t VALUES (1)", "{\"lock_timeout\": 0.8}", 0.8);
	fails_soon("SELECT 1; ALTER TABLE t ADD b integer", "{\"lock_timeout\": 0.8, \"transaction\": false}", 0.8);
	fails_soon("SELECT 1; DO $$ BEGIN LOCK TABLE t; END $$", "{\"lock_timeout\": 0.8}", 0.8);

	/* no waiting at all; from the side it may be too short to be seen */
	since = seconds_now();
	error = start_package(impatient, 2);
	CHECK(error != NULL && strcmp(error->sqlstate, "55P03") == 0);
	CHECK(plain || (error != NULL && strstr(error->detail, "blocks it, application \"holder\"") != NULL));
	CHECK(seconds_now() - since < 20);
	dbmig_error_free(error);
	let_go();
	CHECK(ask("SELECT count(*) FROM t") == 0);
}

/* L1: without the step's option the session's own, else the setting. */
static void
time_of_the_session(void)
{
	static const dbmig_script scripts[] = {TABLE, {.version = "2",.up = "INSERT INTO t VALUES (1)"}};
	const dbmig_scripts packages[] = {{"p", scripts, 2, NULL}};
	dbmig_options options = options_of(packages, 1);
	char		own[700];
	double		since;

	fresh();
	OK(start_package(scripts, 1));
	hold("LOCK TABLE t");
	options.lock_timeout = 0.4;
	since = seconds_now();
	FAILS(start_with(&options), DBMIG_E_MIGRATION, "canceling statement due to lock timeout");
	CHECK(seconds_now() - since >= 0.4 && seconds_now() - since < 20);

	options.lock_timeout = 60;
	snprintf(own, sizeof(own), "%s%s", url, plain ? "%20-clock_timeout%3D500" : "&options=-clock_timeout%3D500");
	options.migrations_url = own;
	since = seconds_now();
	FAILS(start_with(&options), DBMIG_E_MIGRATION, "canceling statement due to lock timeout");
	CHECK(seconds_now() - since >= 0.5 && seconds_now() - since < 20);
	let_go();
	OK(start_with(&options));
	CHECK(ask("SELECT count(*) FROM t") == 1);
}

/* L2 */
static void
tries_again(void)
{
	static const char *const options[] = {
		"{\"lock_timeout\": 0.5, \"retries\": 9}",
		"{\"lock_timeout\": 0.5, \"retries\": 9, \"transaction\": false}"
	};
	static const char *const ups[] = {
		"CREATE TABLE done_once (a integer); INSERT INTO done_once VALUES (1); ALTER TABLE t ADD b integer;"
		"INSERT INTO done_once VALUES (2)",
		"CREATE TABLE done_once (a integer); BEGIN; INSERT INTO done_once VALUES (1); ALTER TABLE t ADD b integer;"
		"INSERT INTO done_once VALUES (2); COMMIT"
	};
	pthread_t	thread;
	int			i;

	for (i = 0; i < 2; i++)
	{
		const dbmig_script scripts[] = {TABLE, {.version = "2",.up = ups[i],.options = options[i]}};

		fresh();
		OK(start_package(scripts, 1));
		hold("LOCK TABLE t");
		pthread_create(&thread, NULL, let_go_later, NULL);
		OK(start_package(scripts, 2));
		pthread_join(thread, NULL);
		CHECK(strstr(notices, "migration \"p@2\" did not get a lock: retry 1 of 9 follows in 100 ms\nProcess ") != NULL);
		CHECK(strstr(notices, "blocks it, application \"holder\"") != NULL);
		CHECK(strstr(notices, "retry 2 of 9 follows in 200 ms") != NULL);
		if (wrong)
			printf("%s\n", notices);
		CHECK(ask("SELECT count(*) FROM done_once") == 2);
		CHECK(ask("SELECT count(b) FROM t") == 0);
	}
}

static void
gives_up_trying(void)
{
	static const dbmig_script scripts[] = {
		TABLE,
		{.version = "2",.up = "CREATE TABLE u (a integer); INSERT INTO t VALUES (1)",.options = "{\"lock_timeout\": 0.1, \"retries\": 2}"}
	};
	static const dbmig_script other[] = {
		TABLE, {.version = "2",.up = "SELECT nosuch",.options = "{\"retries\": 5}"}
	};

	fresh();
	OK(start_package(scripts, 1));
	hold("LOCK TABLE t");
	FAILS(start_package(scripts, 2), DBMIG_E_MIGRATION, "canceling statement due to lock timeout");
	CHECK(strstr(notices, "retry 2 of 2 follows") != NULL && strstr(notices, "retry 3") == NULL);
	CHECK(ask("SELECT count(*) FROM pg_class WHERE relname = 'u'") == 0);

	/* another error is none to try again */
	FAILS(start_package(other, 2), DBMIG_E_MIGRATION, "nosuch");
	CHECK(notices[0] == '\0');
	let_go();
}

#define INVALID "SELECT count(*) FROM pg_index WHERE NOT indisvalid"

/* N3: invalid copies, which a REINDEX that was cut off has left. */
static void
copies_are_dropped(void)
{
	static const char *const ups[] = {
		"REINDEX TABLE CONCURRENTLY \"T\"", "REINDEX (VERBOSE, CONCURRENTLY) INDEX t_a",
		"REINDEX SCHEMA CONCURRENTLY public"
	};
	size_t		i;

	for (i = 0; i < sizeof(ups) / sizeof(ups[0]); i++)
	{
		const dbmig_script scripts[] = {
			{.version = "1",.up = "CREATE TABLE \"T\" (a integer); CREATE INDEX t_a ON \"T\" (a);"
			"CREATE TABLE other (a integer); INSERT INTO other VALUES (1), (1); INSERT INTO \"T\" SELECT * FROM other"},
			{.version = "2",.up = ups[i]}
		};
		dbmig	   *db;
		dbmig_conn *conn;

		fresh();
		OK(start_package(scripts, 1));
		OK(dbmig_open(url, NULL, &db));
		OK(dbmig_acquire(db, &conn));
		FAILS(dbmig_exec(conn, "CREATE UNIQUE INDEX CONCURRENTLY t_a_ccnew ON \"T\" (a)", 0, NULL, NULL),
			  DBMIG_E_DATABASE, "could not create unique index");
		FAILS(dbmig_exec(conn, "CREATE UNIQUE INDEX CONCURRENTLY o_a ON other (a)", 0, NULL, NULL),
			  DBMIG_E_DATABASE, "could not create unique index");
		OK(dbmig_release(conn));
		OK(dbmig_close(db));
		CHECK(ask(INVALID) == 2);
		if (i == 2)
			do_it("DELETE FROM other");
		OK(start_package(scripts, 2));
		CHECK(strstr(notices, "dropping the invalid index public.t_a_ccnew, which was left behind") != NULL);
		CHECK(ask("SELECT count(*) FROM pg_class WHERE relname ~ '^t_a_cc'") == 0);

		/* only its own */
		CHECK(ask("SELECT count(*) FROM pg_class WHERE relname = 'o_a'") == 1);
	}
}

/* N3: half a detaching is finished. */
static void
detaching_is_finished(void)
{
	static const dbmig_script scripts[] = {
		{.version = "1",.up = "CREATE TABLE whole (a integer) PARTITION BY LIST (a);"
		"CREATE TABLE \"Part\" PARTITION OF whole FOR VALUES IN (1); INSERT INTO whole VALUES (1)"},
		{.version = "2",.up = "ALTER TABLE IF EXISTS whole DETACH PARTITION public.\"Part\" CONCURRENTLY; CREATE TABLE behind_it (a integer)",
		.options = "{\"lock_timeout\": 0.5}"}
	};

	fresh();
	if (ask("SELECT current_setting('server_version_num')::integer") < 140000)
		return;
	OK(start_package(scripts, 1));
	hold("SELECT * FROM whole");
	FAILS(start_package(scripts, 2), DBMIG_E_MIGRATION, "lock timeout");
	CHECK(ask("SELECT count(*) FROM pg_inherits WHERE inhdetachpending") == 1);
	let_go();
	OK(start_package(scripts, 2));
	CHECK(ask("SELECT count(*) FROM pg_inherits") == 0);
	CHECK(ask("SELECT count(*) FROM \"Part\"") == 1 && ask("SELECT count(*) FROM behind_it") == 0);
}

/* N3: the server went down between the statement and its record. */
static void
done_but_not_recorded(void)
{
	static const struct
	{
		const char *up;
		const char *by_hand;
	}			cut[] = {
		{"DROP INDEX CONCURRENTLY IF EXISTS public.t_a, \"T b\"", "DROP INDEX t_a, \"T b\""},
		{"DROP INDEX CONCURRENTLY t_a", "DROP INDEX t_a"},
		{"CREATE INDEX CONCURRENTLY t_c ON t (c)", "CREATE INDEX t_c ON t (c)"},
		{"ALTER TABLE whole DETACH PARTITION part CONCURRENTLY", "ALTER TABLE whole DETACH PARTITION part"},
		{"CREATE DATABASE cut_off", "CREATE DATABASE cut_off"},
		{"DROP DATABASE cut_off", "DROP DATABASE cut_off"}
	};
	size_t		i;

	for (i = 0; i < sizeof(cut) / sizeof(cut[0]); i++)
	{
		dbmig_script scripts[] = {
			{.version = "1",.up = "CREATE TABLE t (a integer, b integer, c integer); CREATE INDEX t_a ON t (a);"
				"CREATE INDEX \"T b\" ON t (b); CREATE TABLE whole (a integer) PARTITION BY LIST (a);"
			"CREATE TABLE part PARTITION OF whole FOR VALUES IN (1)"},
			{.version = "2",.up = NULL}
		};
		char		up[300];

		fresh();
		if (i == 3 && ask("SELECT current_setting('server_version_num')::integer") < 140000)
			continue;
		snprintf(up, sizeof(up), "SELECT nosuch; %s; CREATE TABLE behind_it (a integer)", cut[i].up);
		OK(start_package(scripts, 1));
		scripts[1].up = up;
		FAILS(start_package(scripts, 2), DBMIG_E_MIGRATION, "nosuch");
		do_it("UPDATE dbmig_applied SET state = 'running', statements = 1 WHERE version = '2'");
		do_it(cut[i].by_hand);
		OK(start_package(scripts, 2));
		CHECK(strstr(notices, "statement 2 of migration \"p@2\" was done already") != NULL);
		if (wrong)
			printf("%s: %s\n", cut[i].up, notices);
		CHECK(ask("SELECT count(*) FROM behind_it") == 0);
		CHECK(ask("SELECT statements FROM dbmig_applied WHERE version = '2' AND state = 'applied'") == 3);
	}
}

/* N2: a BEGIN to its COMMIT is one transaction. */
static void
blocks(void)
{
	dbmig_script scripts[] = {
		{.version = "1",.up = "CREATE TABLE t (a integer); BEGIN; INSERT INTO t VALUES (1); INSERT INTO t VALUES (2); COMMIT;"
			"CREATE INDEX CONCURRENTLY t_a ON t (a); START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY;"
			"INSERT INTO t SELECT CASE current_setting('transaction_isolation') WHEN 'serializable' THEN 3 END;"
		"SET LOCAL work_mem = '7MB'; COMMIT AND CHAIN; INSERT INTO t VALUES (4); SELECT nosuch; COMMIT; COMMIT; SELECT 1"}
	};

	fresh();
	FAILS(start_package(scripts, 1), DBMIG_E_MIGRATION, "nosuch");
	CHECK(ask("SELECT count(*) FROM t WHERE a BETWEEN 1 AND 3") == 3 && ask("SELECT count(*) FROM t") == 3);
	CHECK(ask("SELECT statements FROM dbmig_applied WHERE state = 'failed'") == 6);
	CHECK(ask("SELECT error_statement FROM dbmig_history WHERE outcome = 'failed'") == 12);
	do_it("CREATE TABLE nosuch_t (nosuch integer); ALTER TABLE t ADD nosuch integer");
	FAILS(start_package(scripts, 1), DBMIG_E_MIGRATION, "nosuch");
	CHECK(ask("SELECT count(*) FROM t") == 3);
}

int
main(int argc, char **argv)
{
	char		start[600];

	if (argc < 4)
		return 2;
	plain = strcmp(argv[1], "plain") == 0;
	pg = true;
	suffix = plain ? "pg without the extension locks " : "pg locks ";
	prefix = argv[2];
	url_suffix = argv[3];
	snprintf(start, sizeof(start), "%s%s", prefix, url_suffix);
	OK(dbmig_open(start, NULL, &admin));
	if (admin == NULL)
		return 1;
	TEST(who_blocks_is_named);
	TEST(time_of_the_session);
	TEST(tries_again);
	TEST(gives_up_trying);
	TEST(copies_are_dropped);
	TEST(detaching_is_finished);
	TEST(done_but_not_recorded);
	TEST(blocks);
	OK(dbmig_close(admin));
	return failures != 0;
}
