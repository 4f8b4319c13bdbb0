/*
 * test_start.c
 *		Migrations at start, on a new database for each test.
 *
 * usage: test_start pg PG-URL-PREFIX PG-URL-SUFFIX
 *		  test_start plain PG-URL-PREFIX PG-URL-SUFFIX COMMAND
 *		  test_start sqlite FOLDER
 *
 * plain: on a server that does not have the extension, until COMMAND gives it
 * that.  dbmig's tables are in the search_path there.
 */
#include "fresh.h"

static const char *install_command;

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
	CHECK(ask(UNAPPLIED) == 0);
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
	CHECK(ask("SELECT count(*) FROM dbmig_migration WHERE package = 'changing' AND name = 'named'"
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
	CHECK(step_calls == (pg && !plain ? 1 : 3));
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
	CHECK(log_count > 0 && ask(UNAPPLIED) == 0);
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
	static const char sessions[] = "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'migrator%'";
	dbmig_options options = options_of(two_packages, 2);
	char		other[700];
	dbmig	   *db;

	fresh();
	admin_exec(plain ? "CREATE ROLE migrator2 LOGIN SUPERUSER" : "CREATE ROLE migrator1 LOGIN SUPERUSER");
	snprintf(other, sizeof(other), "%s&user=migrator%d", url, plain + 1);
	options.migrations_url = other;
	OK(dbmig_open(url, &options, &db));
	OK(dbmig_start(db));
	CHECK(number_in(db, "SELECT count(*) FROM pg_class WHERE relname = 'users'"
					" AND relowner::regrole::text LIKE 'migrator%'") == 1);
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

/* N3: what a failed CREATE INDEX CONCURRENTLY has left is built again. */
static void
invalid_indexes(void)
{
	static const dbmig_script scripts[] = {
		{.version = "1",.up = "CREATE TABLE \"N\" (a integer); INSERT INTO \"N\" VALUES (1), (1)"},
		{.version = "2",.up = "SET lock_timeout = '1min'; CREATE TABLE before_it (a integer);"
		"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS n_a ON \"N\" (a); CREATE TABLE behind_it (a integer)"}
	};
	static const dbmig_scripts packages[] = {{"n", scripts, 2, NULL}};
	dbmig_options options = options_of(packages, 1);
	dbmig	   *db;
	dbmig_conn *conn;

	fresh();
	FAILS(start_with(&options), DBMIG_E_MIGRATION, "could not create unique index");
	CHECK(ask("SELECT count(*) FROM pg_index WHERE indexrelid = 'n_a'::regclass AND NOT indisvalid") == 1);
	CHECK(ask("SELECT statements FROM dbmig_applied WHERE version = '2' AND state = 'failed'") == 2);
	CHECK(ask("SELECT error_line FROM dbmig_history WHERE outcome = 'failed' AND error_statement = 3"
			  " AND error_code = '23505'") == 1);
	OK(dbmig_open(url, NULL, &db));
	OK(dbmig_acquire(db, &conn));
	OK(dbmig_exec(conn, "DELETE FROM \"N\"", 0, NULL, NULL));
	OK(dbmig_release(conn));
	OK(dbmig_close(db));
	OK(start_with(&options));
	CHECK(ask("SELECT count(*) FROM pg_index WHERE indexrelid = 'n_a'::regclass AND indisvalid") == 1);
	CHECK(ask("SELECT count(*) FROM behind_it") == 0);
}

/* A5, A6, and where statements end. */
static void
scripts_as_psql_reads_them(void)
{
	static const dbmig_script scripts[] = {
		{.version = "1",.up = "BEGIN; CREATE SCHEMA other; SET search_path = other; SET LOCAL work_mem = '9MB'; COMMIT;"},
		{.version = "2",.up = "CREATE TABLE public_one (a text, b integer DEFAULT 0); /* one; /* two; */ three; */\n"
			"INSERT INTO public_one VALUES ($$a;b$$), ('it''s; not'), (E'\\';x'), ($x$;$$;$x$), (U&'\\0061;'); -- ;\n"
			";;CREATE FUNCTION f(a integer) RETURNS integer LANGUAGE sql BEGIN ATOMIC"
			" SELECT CASE WHEN a > 1 THEN 1 ELSE 2 END; SELECT 3; END;\n"
			"CREATE RULE r AS ON DELETE TO public_one DO INSTEAD (UPDATE public_one SET b = 1; SELECT 2;);\n"
		"CREATE TABLE \"odd;\"\"name\" (a$b integer)"},
		{.version = "3",.up = "INSERT INTO public_one SELECT current_setting('work_mem')"}
	};
	static const dbmig_script refused[] = {{.version = "1",.up = "SELECT 1;\nROLLBACK"}};
	dbmig_scripts packages[] = {{"scripts", scripts, 3, NULL}, {"refused", refused, 1, NULL}};
	dbmig_options options = options_of(packages, 1);

	fresh();
	OK(start_with(&options));
	CHECK(ask("SELECT count(*) FROM public.public_one") == 6);
	CHECK(ask("SELECT count(*) FROM public.public_one WHERE a = '9MB'") == 0);
	CHECK(ask("SELECT statements FROM dbmig_applied WHERE version = '2'") == 5);
	CHECK(ask("SELECT statements FROM dbmig_applied WHERE version = '1'") == 3);
	options.package_count = 2;
	FAILS(start_with(&options), DBMIG_E_MIGRATION, "migration \"refused@1\" cannot run: ROLLBACK in line 2");
}

/* R1, and options of a step */
static void
roles(void)
{
	const char *option = plain ? "{\"role\": \"some_role2\"}" : "{\"role\": \"some_role1\"}";
	const dbmig_script scripts[] = {
		{.version = "1",.up = "CREATE TABLE of_role (a integer)",.options = option},
		{.version = "2",.up = "CREATE TABLE of_us (a integer)"}
	};
	const dbmig_script leaves[] = {{.version = "1",.up = "RESET ROLE",.options = option}};
	const dbmig_scripts packages[] = {{"r", scripts, 2, NULL}, {"l", leaves, 1, NULL}};
	dbmig_options options = options_of(packages, 1);

	fresh();
	FAILS(start_with(&options), DBMIG_E_MIGRATION, plain ? "role \"some_role2\" does not exist" :
		  "role \"some_role1\" does not exist");
	admin_exec(plain ? "CREATE ROLE some_role2" : "CREATE ROLE some_role1");
	{
		dbmig	   *db;
		dbmig_conn *conn;

		OK(dbmig_open(url, NULL, &db));
		OK(dbmig_acquire(db, &conn));
		OK(dbmig_exec(conn, plain ? "GRANT CREATE ON SCHEMA public TO some_role2" :
					  "GRANT CREATE ON SCHEMA public TO some_role1", 0, NULL, NULL));
		OK(dbmig_release(conn));
		OK(dbmig_close(db));
	}
	OK(start_with(&options));
	CHECK(ask("SELECT count(*) FROM pg_class WHERE relname = 'of_role' AND relowner::regrole::text LIKE 'some_role%'") == 1);
	CHECK(ask("SELECT count(*) FROM pg_class WHERE relname = 'of_us' AND relowner = 'postgres'::regrole") == 1);
	options.package_count = 2;
	{
		dbmig_error *error = start_with(&options);

		CHECK(error != NULL && error->code == DBMIG_E_MIGRATION);
		dbmig_error_free(error);
	}
}

/* A statement in the database that is tested. */
static dbmig_error *
in_url(const char *sql)
{
	dbmig	   *db;
	dbmig_conn *conn;
	dbmig_error *error = dbmig_open(url, NULL, &db);

	if (error == NULL)
		error = dbmig_acquire(db, &conn);
	if (error != NULL)
		return error;
	error = dbmig_exec(conn, sql, 0, NULL, NULL);
	OK(dbmig_release(conn));
	OK(dbmig_close(db));
	return error;
}

static const dbmig_script late_script[] = {{.version = "1",.up = "CREATE TABLE late (a integer)"}};

static const dbmig_script cut_script[] = {
	{.version = "1",.up = "CREATE TABLE cut (a integer); INSERT INTO cut VALUES (1); INSERT INTO missing VALUES (1);"
	"INSERT INTO cut VALUES (2)",.options = "{\"transaction\": false, \"after\": [\"auth\"]}"}
};

/* All of a table but the history's numbers, as one number. */
#define SUM(schema, table) \
	"(SELECT coalesce(sum(hashtextextended((to_jsonb(t) - 'id')::text, 0)), 0) + count(*) FROM " schema ".dbmig_" table " t" \
	" WHERE to_jsonb(t) ->> 'package' IS DISTINCT FROM 'late')"
#define SUMS(schema) \
	"SELECT ((" SUM(schema, "package") " + " SUM(schema, "migration") " + " SUM(schema, "dependency") " + " \
	SUM(schema, "applied") " + " SUM(schema, "history") " + " SUM(schema, "tenant") " + " \
	SUM(schema, "tenant_package") ") % 1000000007)::bigint"

/* The extension comes later, and takes over: what failed and runs, too. */
static void
extension_takes_over(void)
{
	dbmig_scripts packages[] = {two_packages[0], two_packages[1], {"cut", cut_script, 1, NULL}};
	const dbmig_scripts other[] = {two_packages[0], two_packages[1], {"late", late_script, 1, NULL}};
	dbmig_options options = options_of(packages, 2);
	int64_t		before;

	fresh();
	OK(start_with(&options));
	CHECK(ask("SELECT count(*) FROM dbmig.dbmig_history") == 3);
	options.package_count = 3;
	FAILS(start_with(&options), DBMIG_E_MIGRATION, "missing");
	CHECK(ask("SELECT statements FROM dbmig.dbmig_applied WHERE state = 'failed'") == 2);
	OK(in_url("CREATE SCHEMA acme; INSERT INTO dbmig.dbmig_tenant (tenant) VALUES ('acme');"
			  "INSERT INTO dbmig.dbmig_tenant_package VALUES ('acme', 'auth');"
			  "INSERT INTO dbmig.dbmig_applied (tenant, package, version, sort_key, checksum, state)"
			  " SELECT 'acme', package, version, sort_key, checksum, CASE version WHEN '1' THEN 'applied'"
			  " ELSE 'running' END FROM dbmig.dbmig_migration WHERE package = 'auth';"
			  "INSERT INTO dbmig.dbmig_history (tenant, package, version, action) VALUES ('acme', 'auth', '1', 'apply')"));
	before = ask(SUMS("dbmig"));
	CHECK(system(install_command) == 0);
	options.package_count = 2;
	OK(start_with(&options));
	CHECK(ask("SELECT count(*) FROM dbmig.dbmig_history") > 0);
	options.packages = other;
	options.package_count = 3;
	OK(start_with(&options));
	CHECK(ask("SELECT count(*) FROM pg_namespace WHERE nspname = 'dbmig'") == 0);
	CHECK(ask(SUMS("public")) == before);

	/* it goes on where that was */
	options.packages = packages;
	FAILS(start_with(&options), DBMIG_E_MIGRATION, "missing");
	CHECK(ask("SELECT count(*) FROM public.dbmig_history WHERE outcome = 'failed' AND error_statement = 3") == 2);
	CHECK(ask("SELECT count(*) FROM public.dbmig_applied WHERE tenant = 'acme' AND state IN ('running', 'applied')") == 2);
	CHECK(ask("SELECT count(*) FROM public.dbmig_tenant JOIN public.dbmig_tenant_package USING (tenant)") == 1);
	OK(in_url("CREATE TABLE missing (a integer)"));
	OK(start_with(&options));
	CHECK(ask("SELECT sum(a) = 3 AND count(*) = 2 FROM cut") == 1);
	OK(in_url("SELECT public.dbmig_resolve('auth', '2', 'applied', 'acme')"));
	CHECK(ask("SELECT public.dbmig_check('auth', NULL, 'acme')") == 1);
	OK(in_url("DELETE FROM public.dbmig_history WHERE tenant = 'acme' OR package = 'cut'"));
	CHECK(ask("SELECT count(*) FROM public.dbmig_history") == 4);
	CHECK(ask("SELECT public.dbmig_check()") == 1);
	CHECK(ask("SELECT (string_agg(package || '@' || version, ' ' ORDER BY id) ="
			  " 'auth@1 auth@2 shop@1 late@1')::int FROM public.dbmig_history") == 1);
	CHECK(ask("SELECT count(*) FROM public.dbmig_package WHERE position = 1") == 1);
}

int
main(int argc, char **argv)
{
	char		start[600];

	if (argc < 3)
		return 2;
	plain = strcmp(argv[1], "plain") == 0;
	pg = plain || strcmp(argv[1], "pg") == 0;
	suffix = plain ? "pg without the extension start " : pg ? "pg start " : "sqlite start ";
	prefix = argv[2];
	if (pg)
	{
		url_suffix = argv[3];
		install_command = argc > 4 ? argv[4] : "";
		snprintf(start, sizeof(start), "%s%s", prefix, url_suffix);
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
		TEST(invalid_indexes);
		TEST(scripts_as_psql_reads_them);
		TEST(roles);
	}
	if (pg && !plain)
		TEST(another_schema);
	if (plain)
		TEST(extension_takes_over);
	OK(dbmig_close(admin));
	return failures != 0;
}
