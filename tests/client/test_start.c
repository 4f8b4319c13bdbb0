/*
 * test_start.c
 *		Migrations at start, on a new database for each test.
 *
 * usage: test_start pg PG-URL-PREFIX PG-URL-SUFFIX
 *		  test_start sqlite FOLDER
 */
#include "check.h"

#include <pthread.h>
#include <unistd.h>

static bool pg;
static const char *prefix;
static const char *url_suffix;
static char url[600];
static dbmig *admin;			/* PostgreSQL: makes the databases */
static int	databases;

static char logged[20][200];
static int	log_count;

static void
admin_exec(const char *sql)
{
	dbmig_conn *conn;

	OK(dbmig_acquire(admin, &conn));
	OK(dbmig_exec(conn, sql, 0, NULL, NULL));
	OK(dbmig_release(conn));
}

static void
fresh(void)
{
	char		sql[100];

	databases++;
	log_count = 0;
	if (!pg)
	{
		snprintf(url, sizeof(url), "%s/start%d.db", prefix, databases);
		return;
	}
	snprintf(sql, sizeof(sql), "CREATE DATABASE start%d", databases);
	admin_exec(sql);
	snprintf(url, sizeof(url), "%sstart%d%s", prefix, databases, url_suffix);
}

static void
take_log(dbmig_level level, const char *message, void *arg)
{
	(void) arg;
	if (level == DBMIG_LOG_PROGRESS && log_count < 20)
		snprintf(logged[log_count++], sizeof(logged[0]), "%s", message);
}

static const dbmig_script auth_scripts[] = {
	{.version = "1",.name = "users",.up = "CREATE TABLE users (id integer PRIMARY KEY, name text)",
	.down = "DROP TABLE users"},
	{.version = "2",.up = "INSERT INTO users VALUES (1, 'ann')"}
};
static const dbmig_script shop_scripts[] = {
	{.version = "1",.up = "CREATE TABLE orders (id integer PRIMARY KEY, user_id integer REFERENCES users)",
	.down = "DROP TABLE orders"}
};
static const char *const after_auth[] = {"auth", NULL};
static const dbmig_scripts two_packages[] = {
	{"shop", shop_scripts, 1, after_auth},
	{"auth", auth_scripts, 2, NULL}
};

static dbmig_options
options_of(const dbmig_scripts *packages, size_t count)
{
	dbmig_options options = DBMIG_OPTIONS;

	options.packages = packages;
	options.package_count = count;
	options.log = take_log;
	return options;
}

static dbmig_error *
start_with(const dbmig_options *options)
{
	dbmig	   *db;
	dbmig_error *error = dbmig_open(url, options, &db);

	if (error == NULL)
		error = dbmig_start(db);
	OK(dbmig_close(db));
	return error;
}

static int64_t
ask(const char *sql)
{
	dbmig	   *db;
	int64_t		value;

	OK(dbmig_open(url, NULL, &db));
	value = number_in(db, sql);
	OK(dbmig_close(db));
	return value;
}

static void
packages_are_applied(void)
{
	dbmig_options options = options_of(two_packages, 2);
	int			i;

	fresh();
	OK(start_with(&options));
	CHECK(log_count == 3);
	CHECK(log_count == 3 && strncmp(logged[0], "1/3 auth@1 users (", 18) == 0);
	CHECK(log_count == 3 && strncmp(logged[2], "3/3 shop@1 (", 12) == 0);
	for (i = 0; i < 2; i++)
		OK(start_with(&options));
	CHECK(log_count == 3);
	CHECK(ask("SELECT count(*) FROM users") == 1);
	CHECK(ask("SELECT count(*) FROM dbmig_history") == 3);
	CHECK(ask("SELECT dbmig_is_current()") == 1);
	options.package_count = 0;
	OK(start_with(&options));
}

static void
changes_are_registered(void)
{
	dbmig_script scripts[2] = {{.version = "1",.up = "CREATE TABLE c (a integer)",.down = "DROP TABLE c"}};
	dbmig_scripts packages[1] = {{"changing", NULL, 1, NULL}};
	dbmig_options options = options_of(packages, 1);

	fresh();
	packages[0].scripts = scripts;
	OK(start_with(&options));
	scripts[0].down = "DROP TABLE IF EXISTS c";
	scripts[0].name = "named";
	OK(start_with(&options));
	CHECK(ask("SELECT count(*) FROM dbmig_lookup('changing') WHERE name = 'named'"
			  " AND down = 'DROP TABLE IF EXISTS c'") == 1);
	CHECK(ask("SELECT count(*) FROM dbmig_history") == 1);

	/* C2 */
	scripts[0].up = "CREATE TABLE c (a text)";
	FAILS(start_with(&options), DBMIG_E_MIGRATION, "migration \"changing@1\" is applied with checksum");
	options.check_only = true;
	options.check_timeout = 0.1;
	FAILS(start_with(&options), DBMIG_E_PENDING, "migration \"changing@1\" is applied with checksum");
}

static void
refused_before_anything_runs(void)
{
	static const char *const after_b[] = {"b", NULL};
	static const char *const after_a[] = {"a", NULL};
	static const dbmig_script one[] = {{.version = "1",.up = "CREATE TABLE never (a integer)"}};
	static const dbmig_script twice[] = {
		{.version = "1",.up = "SELECT 1"}, {.version = "01",.up = "SELECT 2"}
	};
	static const dbmig_script neither[] = {{.version = "1"}};
	static const dbmig_scripts cycle[] = {{"a", one, 1, after_b}, {"b", one, 1, after_a}};
	static const dbmig_scripts same[] = {{"a", twice, 2, NULL}};
	static const dbmig_scripts empty[] = {{"a", neither, 1, NULL}};
	dbmig_options options = options_of(cycle, 2);

	fresh();
	FAILS(start_with(&options), DBMIG_E_MIGRATION, "dependency cycle: b -> a -> b");
	options = options_of(same, 1);
	FAILS(start_with(&options), DBMIG_E_MIGRATION, "is the same as");
	options = options_of(empty, 1);
	FAILS(start_with(&options), DBMIG_E_ARGUMENT, "migration \"a@1\" is neither SQL nor functions");
	options = options_of(NULL, 0);
	options.folder = "/nosuch";
	FAILS(start_with(&options), DBMIG_E_MIGRATION, "/nosuch");
	CHECK(ask(pg ? "SELECT count(*) FROM pg_class WHERE relname IN ('never', 'dbmig_package')"
			  : "SELECT count(*) FROM sqlite_schema") == 0);
}

static void
failures_undo_all(void)
{
	static const dbmig_script scripts[] = {
		{.version = "1",.up = "CREATE TABLE f (a integer)"},
		{.version = "2",.up = "INSERT INTO f VALUES (1);\nINSERT INTO nosuch VALUES (1)"}
	};
	static const dbmig_scripts packages[] = {{"failing", scripts, 2, NULL}};
	dbmig_options options = options_of(packages, 1);
	dbmig_error *error;

	fresh();
	error = start_with(&options);
	CHECK(error != NULL && error->code == DBMIG_E_MIGRATION && strstr(error->message, "nosuch") != NULL);
	if (pg)
	{
		CHECK(error != NULL && strcmp(error->sqlstate, "42P01") == 0);
		CHECK(error != NULL && error->detail != NULL &&
			  strstr(error->detail, "migration \"failing@2\", statement 2, line 2") != NULL);
	}
	else
		CHECK(error != NULL && strstr(error->message, "\"failing@2\"") != NULL && error->sqlite != 0);
	dbmig_error_free(error);
	CHECK(ask("SELECT count(*) FROM dbmig_applied") == 0);

	/* one by one: what was done stays */
	options.one_by_one = true;
	FAILS(start_with(&options), DBMIG_E_MIGRATION, "nosuch");
	CHECK(ask("SELECT count(*) FROM dbmig_applied WHERE state = 'applied'") == 1);
	CHECK(ask("SELECT count(*) FROM f") == 0);
}

static int	step_calls;

static int
fill(dbmig_conn *conn, const char *version, void *arg)
{
	dbmig_param params[2];

	step_calls++;
	params[0] = dbmig_bind_text(version);
	params[1] = dbmig_bind_text(arg);
	return dbmig_fail_with(conn, dbmig_exec(conn, "INSERT INTO filled VALUES ($1, $2)", 2, params, NULL));
}

static int
fail_once(dbmig_conn *conn, const char *version, void *arg)
{
	(void) version;
	if (*(bool *) arg)
		return dbmig_fail_with(conn, dbmig_error_new(DBMIG_E_HOOK, "not today"));
	return dbmig_fail_with(conn, dbmig_exec(conn, "INSERT INTO filled VALUES ('3', 'late')", 0, NULL, NULL));
}

static int
just_fail(dbmig_conn *conn, const char *version, void *arg)
{
	(void) version;
	(void) arg;
	return dbmig_exec(conn, "INSERT INTO filled VALUES ('4', 'x')", 0, NULL, NULL) == NULL;
}

static void
steps_in_c(void)
{
	static bool fails = true;
	static char x[] = "x";
	dbmig_script scripts[] = {
		{.version = "1",.up = "CREATE TABLE filled (v text, w text)"},
		{.version = "2",.name = "fill",.up_function = fill,.arg = x},
		{.version = "3",.up_function = fail_once,.arg = &fails},
		{.version = "4",.up = "CREATE TABLE later (a integer)"}
	};
	const dbmig_scripts packages[] = {{"steps", scripts, 4, NULL}};
	dbmig_options options = options_of(packages, 1);

	fresh();
	step_calls = 0;
	FAILS(start_with(&options), DBMIG_E_MIGRATION, "not today");
	FAILS(start_with(&options), DBMIG_E_MIGRATION, "steps@3");
	fails = false;
	OK(start_with(&options));
	OK(start_with(&options));
	CHECK(ask("SELECT count(*) FROM filled WHERE v IN ('2', '3')") == 2);
	CHECK(ask("SELECT count(*) FROM dbmig_history WHERE action = 'apply' AND outcome = 'ok'") == 4);
	CHECK(step_calls == (pg ? 1 : 3));
	scripts[3].up = NULL;
	scripts[3].up_function = just_fail;
	scripts[3].version = "5";
	FAILS(start_with(&options), DBMIG_E_MIGRATION, "the function has failed");
	CHECK(ask("SELECT count(*) FROM filled") == 2);
}

static void
folders(void)
{
	dbmig_options options = options_of(NULL, 0);

	fresh();
	options.folder = "tests/files/packages";
	OK(start_with(&options));
	CHECK(log_count > 0 && ask("SELECT dbmig_is_current()") == 1);
	log_count = 0;
	OK(start_with(&options));
	CHECK(log_count == 0);
}

static void
not_in_a_transaction(void)
{
	static const dbmig_script scripts_pg[] = {
		{.version = "1",.up = "CREATE TABLE n (a integer)"},
		{.version = "2",.up = "CREATE INDEX CONCURRENTLY n_a ON n (a)"}
	};
	static const dbmig_script scripts_sqlite[] = {
		{.version = "1",.up = "CREATE TABLE n (a integer)"},
		{.version = "2",.up = "VACUUM"}
	};
	const dbmig_scripts packages[] = {{"n", pg ? scripts_pg : scripts_sqlite, 2, NULL}};
	dbmig_options options = options_of(packages, 1);

	fresh();
	OK(start_with(&options));
	CHECK(ask("SELECT count(*) FROM dbmig_applied WHERE state = 'applied'") == 2);
	OK(start_with(&options));
}

typedef struct starter
{
	pthread_t	thread;
	dbmig_options options;
	dbmig_error *error;
} starter;

static void *
run_starter(void *arg)
{
	starter    *s = arg;

	s->error = start_with(&s->options);
	return NULL;
}

static void
check_only(void)
{
	starter		s;
	double		since;

	fresh();
	s.options = options_of(two_packages, 2);
	s.options.check_only = true;
	s.options.check_timeout = 0.3;
	since = seconds_now();
	FAILS(start_with(&s.options), DBMIG_E_PENDING, pg ?
		  "the database is not in step after 0.3 seconds: dbmig's tables are not in the database" :
		  "the database is not in step after 0.3 seconds: 3 migrations are not applied, the first is \"shop@1\"");
	CHECK(seconds_now() - since >= 0.3 && seconds_now() - since < 5);
	CHECK(ask(pg ? "SELECT count(*) FROM pg_class WHERE relname = 'dbmig_package'"
			  : "SELECT count(*) FROM sqlite_schema") == 0);

	/* while another one migrates */
	s.options.check_timeout = 20;
	pthread_create(&s.thread, NULL, run_starter, &s);
	nap(0.2);
	s.options.check_only = true;
	{
		dbmig_options options = options_of(two_packages, 2);

		OK(start_with(&options));
	}
	pthread_join(s.thread, NULL);
	OK(s.error);
	OK(start_with(&s.options));
}

static void
newer_databases(void)
{
	dbmig_scripts packages[] = {{"auth", auth_scripts, 2, NULL}};
	dbmig_options options = options_of(packages, 1);

	fresh();
	OK(start_with(&options));
	packages[0].count = 1;
	OK(start_with(&options));
	options.check_only = true;
	OK(start_with(&options));
	options.refuse_newer = true;
	FAILS(start_with(&options), DBMIG_E_NEWER, "the database has \"auth@2\", this program's packages end at 1");
	options.check_only = false;
	FAILS(start_with(&options), DBMIG_E_NEWER, "the database has \"auth@2\"");
	packages[0].count = 2;
	OK(start_with(&options));
}

static void
many_at_once(void)
{
	static char x[] = "x";
	static const dbmig_script scripts[] = {
		{.version = "1",.up = "CREATE TABLE filled (v text UNIQUE, w text)"},
		{.version = "2",.up_function = fill,.arg = x},
		{.version = "3",.up = "CREATE TABLE later (a integer)"}
	};
	static const dbmig_scripts packages[] = {{"steps", scripts, 3, NULL}};
	starter		starters[6];
	int			i;

	fresh();
	for (i = 0; i < 6; i++)
	{
		starters[i].options = options_of(packages, 1);
		starters[i].options.log = NULL;
		starters[i].options.busy_timeout = 30;
		pthread_create(&starters[i].thread, NULL, run_starter, &starters[i]);
	}
	for (i = 0; i < 6; i++)
	{
		pthread_join(starters[i].thread, NULL);
		OK(starters[i].error);
	}
	CHECK(ask("SELECT count(*) FROM filled") == 1);
	CHECK(ask("SELECT count(*) FROM dbmig_history") == 3);
}

static void
another_role(void)
{
	static const char sessions[] = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'migrator'";
	dbmig_options options = options_of(two_packages, 2);
	char		other[700];
	dbmig	   *db;

	fresh();
	admin_exec("DROP ROLE IF EXISTS migrator");
	admin_exec("CREATE ROLE migrator LOGIN SUPERUSER");
	snprintf(other, sizeof(other), "%s&user=migrator", url);
	options.migrations_url = other;
	OK(dbmig_open(url, &options, &db));
	OK(dbmig_start(db));
	CHECK(number_in(db, "SELECT count(*) FROM pg_class WHERE relname = 'users'"
					" AND relowner = 'migrator'::regrole") == 1);
	CHECK(becomes(db, sessions, 0));
	CHECK(number_in(db, "SELECT current_user = 'postgres'") == 1);
	OK(dbmig_close(db));
	options.migrations_url = "/tmp/other.db";
	FAILS(start_with(&options), DBMIG_E_ARGUMENT, "another kind of database");
	options.migrations_url = "postgres:///nosuch?host=/nosuch";
	FAILS(start_with(&options), DBMIG_E_CONNECT, "could not connect for migrations: ");
}

/* Not in the search_path; and tables of somebody else that are. */
static void
another_schema(void)
{
	dbmig_options options = options_of(two_packages, 2);
	dbmig	   *db;
	dbmig_conn *conn;

	fresh();
	OK(dbmig_open(url, NULL, &db));
	OK(dbmig_acquire(db, &conn));
	OK(dbmig_exec(conn, "CREATE SCHEMA \"of \"\"it\"; CREATE EXTENSION dbmig SCHEMA \"of \"\"it\"", 0, NULL, NULL));
	OK(dbmig_release(conn));
	OK(start_with(&options));
	CHECK(number_in(db, "SELECT count(*) FROM \"of \"\"it\".dbmig_applied") == 3);
	OK(dbmig_acquire(db, &conn));
	OK(dbmig_exec(conn, "CREATE TABLE dbmig_migration AS SELECT * FROM \"of \"\"it\".dbmig_migration;"
				  "CREATE TABLE dbmig_applied AS SELECT * FROM \"of \"\"it\".dbmig_applied;"
				  "CREATE TABLE dbmig_dependency AS SELECT * FROM \"of \"\"it\".dbmig_dependency;"
				  "SELECT \"of \"\"it\".dbmig_rollback_all('shop')", 0, NULL, NULL));
	OK(dbmig_release(conn));
	CHECK(number_in(db, "SELECT count(*) FROM \"of \"\"it\".dbmig_applied") == 2);
	OK(start_with(&options));
	CHECK(number_in(db, "SELECT count(*) FROM \"of \"\"it\".dbmig_applied") == 3);
	OK(dbmig_close(db));
}

int
main(int argc, char **argv)
{
	char		start[600];

	if (argc < 3)
		return 2;
	pg = strcmp(argv[1], "pg") == 0;
	suffix = pg ? "pg start " : "sqlite start ";
	prefix = argv[2];
	if (pg)
	{
		url_suffix = argv[3];
		snprintf(start, sizeof(start), "%spostgres%s", prefix, url_suffix);
		OK(dbmig_open(start, NULL, &admin));
		if (admin == NULL)
			return 1;
	}
	TEST(packages_are_applied);
	TEST(changes_are_registered);
	TEST(refused_before_anything_runs);
	TEST(failures_undo_all);
	TEST(steps_in_c);
	TEST(folders);
	TEST(not_in_a_transaction);
	TEST(check_only);
	TEST(newer_databases);
	TEST(many_at_once);
	if (pg)
	{
		TEST(another_role);
		TEST(another_schema);
	}
	OK(dbmig_close(admin));
	return failures != 0;
}
