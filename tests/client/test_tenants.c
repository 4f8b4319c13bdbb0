/*
 * test_tenants.c
 *		Tenants from C, and what dbmig_package_list() says.
 *
 * usage: test_tenants pg PG-URL-PREFIX PG-URL-SUFFIX
 *		  test_tenants plain PG-URL-PREFIX PG-URL-SUFFIX
 *		  test_tenants sqlite FOLDER
 *
 * plain: on a server that does not have the extension.
 */
#include "fresh.h"

static dbmig *db;
static dbmig_options options;

/* A tenant's name, and its role's. */
static const char *
name_of(int number)
{
	static char names[20][600];
	char	   *name = names[number];

	if (pg)
		snprintf(name, sizeof(names[0]), "tenant_%d", number);
	else
		snprintf(name, sizeof(names[0]), "%s/tenant %d, %d=%%.db", prefix, databases, number);
	return name;
}

static dbmig_new_tenant
tenant_of(int number)
{
	static char roles[20][20];
	dbmig_new_tenant tenant = {name_of(number), NULL, NULL, NULL};

	if (pg)
	{
		snprintf(roles[number], sizeof(roles[0]), "tenant_app_%d", number);
		tenant.username = roles[number];
	}
	return tenant;
}

static bool
is_file(const char *path)
{
	return access(path, F_OK) == 0;
}

/* A new database that has the two packages. */
static void
begin(void)
{
	if (pg)
		admin_exec("DO $$ DECLARE r text; BEGIN FOR r IN SELECT rolname FROM pg_roles"
				   " WHERE rolname LIKE 'tenant\\_app\\_%' LOOP"
				   " EXECUTE format('DROP OWNED BY %I CASCADE', r); EXECUTE format('DROP ROLE %I', r);"
				   " END LOOP; END $$");
	fresh();
	options = options_of(two_packages, 2);
	OK(dbmig_open(url, &options, &db));
	OK(dbmig_start(db));
}

static void
end(void)
{
	OK(dbmig_close(db));
	db = NULL;
}

/* The tenants' rows as "name/package/applied/pending/state ", numbers for names. */
static const char *
listed(void)
{
	static char text[2000];
	dbmig_rows *rows = NULL;
	size_t		length = 0;
	int			i;
	int			n;

	text[0] = '\0';
	OK(dbmig_tenant_list(db, &rows));
	for (i = 0; rows != NULL && i < dbmig_rows_count(rows); i++)
	{
		const char *name = dbmig_text_at(rows, i, 0);
		const char *applied = dbmig_text_at(rows, i, 2);

		for (n = 0; n < 19 && strcmp(name, name_of(n)) != 0; n++)
			;
		length += (size_t) snprintf(text + length, sizeof(text) - length, "%d/%s/%s/%s/%s ", n,
									dbmig_text_at(rows, i, 1), applied != NULL ? applied : "-",
									dbmig_text_at(rows, i, 4), dbmig_text_at(rows, i, 5));
	}
	CHECK(rows != NULL && dbmig_rows_columns(rows) == 7 &&
		  strcmp(dbmig_rows_name(rows, 0), "tenant") == 0 &&
		  strcmp(dbmig_rows_name(rows, 6), "error") == 0);
	dbmig_rows_free(rows);
	return text;
}

static void
tenants_come_and_go(void)
{
	static const char *const only_auth[] = {"auth", NULL};
	dbmig_new_tenant tenant;
	dbmig_tenant_access *access;
	dbmig	   *own;
	dbmig_rows *rows = NULL;
	dbmig_conn *conn;

	begin();
	CHECK(strcmp(listed(), "") == 0);
	tenant = tenant_of(1);
	OK(dbmig_tenant_create(db, &tenant, &access));
	CHECK(access != NULL && strcmp(access->name, tenant.name) == 0);
	if (access == NULL)
		return;
	if (pg)
	{
		CHECK(strcmp(access->username, "tenant_app_1") == 0);
		CHECK(strlen(access->password) == 32);
		CHECK(strstr(access->connection_string, access->password) != NULL);
		CHECK(ask("SELECT count(*) FROM pg_authid WHERE rolname = 'tenant_app_1'"
				  " AND rolcanlogin AND rolpassword LIKE 'SCRAM-SHA-256$%'") == 1);
	}
	else
		CHECK(access->username == NULL && access->password == NULL);
	CHECK(strcmp(listed(), "1/shop/1/0/current 1/auth/2/0/current ") == 0);

	/* who has nothing but the string gets in, and finds what is its own */
	OK(dbmig_open(access->connection_string, NULL, &own));
	CHECK(own != NULL && number_in(own, "SELECT count(*) FROM users WHERE name = 'ann'") == 1);
	OK(dbmig_acquire(own, &conn));
	OK(dbmig_exec(conn, "INSERT INTO users VALUES (2, 'ben')", 0, NULL, NULL));
	if (pg)
	{
		OK(dbmig_query(conn, "SELECT current_user, current_schema()", 0, NULL, &rows));
		CHECK(strcmp(dbmig_text_at(rows, 0, 0), "tenant_app_1") == 0 &&
			  strcmp(dbmig_text_at(rows, 0, 1), "tenant_1") == 0);
		dbmig_rows_free(rows);
	}
	OK(dbmig_release(conn));
	OK(dbmig_close(own));
	dbmig_tenant_access_free(access);
	CHECK(number_in(db, "SELECT count(*) FROM users") == 1);

	/* some of the packages, and a password of the caller's */
	tenant = tenant_of(2);
	tenant.packages = only_auth;
	tenant.password = pg ? "p@ss/w:rd%" : NULL;
	OK(dbmig_tenant_create(db, &tenant, &access));
	CHECK(!pg || (access != NULL && strcmp(access->password, "p@ss/w:rd%") == 0 &&
				  strstr(access->connection_string, ":p%40ss%2Fw%3Ard%25@") != NULL));
	dbmig_tenant_access_free(access);
	CHECK(strcmp(listed(), "1/shop/1/0/current 1/auth/2/0/current 2/auth/2/0/current ") == 0);

	if (pg)
	{
		FAILS(dbmig_tenant_remove(db, name_of(1), "tenant_app_2", false), DBMIG_E_MIGRATION,
			  "the role of tenant \"tenant_1\" is \"tenant_app_1\"");
		OK(dbmig_tenant_remove(db, name_of(1), "tenant_app_1", false));
		CHECK(ask("SELECT count(*) FROM pg_namespace WHERE nspname = 'tenant_1'") == 0);
		CHECK(ask("SELECT count(*) FROM pg_roles WHERE rolname = 'tenant_app_1'") == 0);
		OK(dbmig_tenant_remove(db, name_of(2), "tenant_app_2", false));
	}
	else
	{
		OK(dbmig_tenant_remove(db, name_of(1), NULL, false));
		CHECK(is_file(name_of(1)));
		OK(dbmig_tenant_remove(db, name_of(2), NULL, true));
		CHECK(!is_file(name_of(2)));
	}
	CHECK(strcmp(listed(), "") == 0);
	FAILS(dbmig_tenant_remove(db, name_of(1), pg ? "tenant_app_1" : NULL, false),
		  DBMIG_E_MIGRATION, "is not known");
	dbmig_tenant_access_free(NULL);
	end();
}

/* What dbmig_start() applies to the database itself the tenants do not have yet. */
static void
tenants_follow(void)
{
	static const dbmig_script more[] = {
		{.version = "1",.up = "CREATE TABLE orders (id integer PRIMARY KEY, user_id integer REFERENCES users)",
		.down = "DROP TABLE orders"},
		{.version = "2",.up = "INSERT INTO orders VALUES (1, 1)"}
	};
	const dbmig_scripts packages[] = {{"shop", more, 2, after_auth}, two_packages[1]};
	dbmig_new_tenant tenant;
	dbmig_tenant_access *access;
	dbmig_conn *conn;

	begin();
	tenant = tenant_of(3);
	OK(dbmig_tenant_create(db, &tenant, &access));
	dbmig_tenant_access_free(access);
	end();
	options = options_of(packages, 2);
	OK(dbmig_open(url, &options, &db));
	OK(dbmig_start(db));
	CHECK(strcmp(listed(), "3/shop/1/1/pending 3/auth/2/0/current ") == 0);
	OK(dbmig_acquire(db, &conn));
	OK(dbmig_exec(conn, pg ? "CALL dbmig_migrate_tenants()" : "SELECT dbmig_migrate_tenants()", 0, NULL, NULL));
	OK(dbmig_release(conn));
	CHECK(strcmp(listed(), "3/shop/2/0/current 3/auth/2/0/current ") == 0);
	end();
}

/* A code of the engine's, a message without the hint, and nothing left. */
static void
failures_leave_nothing(void)
{
	static const dbmig_script bad_script[] = {{.version = "1",.up = "CREATE TABLE half (a integer); SELECT nosuch"}};
	static const char *const unknown[] = {"nosuch", NULL};
	static const char *const bad[] = {"auth", "bad", NULL};
	dbmig_new_tenant tenant;
	dbmig_tenant_access *access;
	dbmig_error *error;
	dbmig_conn *conn;
	dbmig_param params[1];

	begin();
	tenant = tenant_of(1);
	tenant.packages = unknown;
	error = dbmig_tenant_create(db, &tenant, &access);
	CHECK(error != NULL && error->code == DBMIG_E_MIGRATION && access == NULL);
	CHECK(error != NULL && strcmp(error->message, "package \"nosuch\" is not registered") == 0);
	CHECK(error != NULL && (pg ? strcmp(error->sqlstate, "42704") == 0 : error->sqlite == 1));
	dbmig_error_free(error);

	OK(dbmig_acquire(db, &conn));
	params[0] = dbmig_bind_text(bad_script[0].up);
	OK(dbmig_exec(conn, "SELECT dbmig_register('bad', '1', $1)", 1, params, NULL));
	OK(dbmig_release(conn));
	tenant.packages = bad;
	FAILS(dbmig_tenant_create(db, &tenant, &access), DBMIG_E_MIGRATION, "nosuch");
	CHECK(strcmp(listed(), "") == 0);
	if (pg)
		CHECK(ask("SELECT (SELECT count(*) FROM pg_roles WHERE rolname = 'tenant_app_1')"
				  " + (SELECT count(*) FROM pg_namespace WHERE nspname = 'tenant_1')") == 0);
	else
		CHECK(!is_file(name_of(1)));

	/* twice the same */
	tenant = tenant_of(2);
	OK(dbmig_acquire(db, &conn));
	OK(dbmig_exec(conn, "SELECT dbmig_unregister('bad')", 0, NULL, NULL));
	OK(dbmig_release(conn));
	tenant.packages = NULL;
	OK(dbmig_tenant_create(db, &tenant, &access));
	dbmig_tenant_access_free(access);
	error = dbmig_tenant_create(db, &tenant, &access);
	CHECK(error != NULL && error->code == DBMIG_E_MIGRATION && strstr(error->message, "is there already") != NULL);
	CHECK(error != NULL && error->hint != NULL && strstr(error->message, "HINT") == NULL);
	CHECK(!pg || (error != NULL && strcmp(error->sqlstate, "42710") == 0));
	dbmig_error_free(error);
	CHECK(strcmp(listed(), "2/shop/1/0/current 2/auth/2/0/current ") == 0);
	end();
}

static void
bad_arguments(void)
{
	dbmig_new_tenant tenant;
	dbmig_tenant_access *access;

	begin();
	tenant = tenant_of(1);
	tenant.name = NULL;
	FAILS(dbmig_tenant_create(db, &tenant, &access), DBMIG_E_ARGUMENT, "a tenant must have a name");
	CHECK(access == NULL);
	FAILS(dbmig_tenant_remove(db, NULL, NULL, false), DBMIG_E_ARGUMENT, "a tenant must have a name");
	tenant = tenant_of(1);
	if (pg)
	{
		FAILS(dbmig_tenant_remove(db, name_of(1), NULL, true), DBMIG_E_ARGUMENT, "has no file");
		tenant.username = NULL;
		FAILS(dbmig_tenant_create(db, &tenant, &access), DBMIG_E_MIGRATION, "username must not be NULL");
		tenant = tenant_of(1);
		tenant.name = "pg_mine";
		FAILS(dbmig_tenant_create(db, &tenant, &access), DBMIG_E_MIGRATION, "it is reserved");
	}
	else
	{
		tenant.username = "somebody";
		FAILS(dbmig_tenant_create(db, &tenant, &access), DBMIG_E_ARGUMENT, "has no role");
		FAILS(dbmig_tenant_remove(db, name_of(1), "somebody", false), DBMIG_E_ARGUMENT, "has no role");
	}
	end();
}

/* lock_timeout of the options is how long it waits for who writes texts. */
static void
waits_for_others(void)
{
	dbmig_new_tenant tenant;
	dbmig_tenant_access *access;
	dbmig_conn *conn;
	dbmig_error *error;
	double		since;

	begin();
	end();
	options.lock_timeout = 0.3;
	OK(dbmig_open(url, &options, &db));
	OK(dbmig_acquire(db, &conn));
	OK(dbmig_begin(conn));
	OK(dbmig_exec(conn, "SELECT dbmig_register('shop', '2', 'SELECT 1')", 0, NULL, NULL));
	if (pg)
		OK(dbmig_exec(conn, "SELECT dbmig_register('shop', '2', 'SELECT 2')", 0, NULL, NULL));
	tenant = tenant_of(1);
	since = seconds_now();
	error = dbmig_tenant_create(db, &tenant, &access);
	CHECK(error != NULL && error->code == DBMIG_E_MIGRATION);
	CHECK(error != NULL && (pg ? strcmp(error->sqlstate, "55P03") == 0 : (error->sqlite & 0xFF) == 5));
	CHECK(seconds_now() - since >= 0.3 && seconds_now() - since < 30);
	if (wrong && error != NULL)
		printf("%s %s %d\n", error->message, error->sqlstate, error->sqlite);
	dbmig_error_free(error);
	OK(dbmig_undo(conn));
	OK(dbmig_release(conn));
	OK(dbmig_tenant_create(db, &tenant, &access));
	dbmig_tenant_access_free(access);
	end();
}

typedef struct maker
{
	pthread_t	thread;
	int			number;
	dbmig_error *error;
} maker;

static void *
make_one(void *arg)
{
	maker	   *m = arg;
	dbmig_new_tenant tenant = tenant_of(m->number);
	dbmig_tenant_access *access;

	m->error = dbmig_tenant_create(db, &tenant, &access);
	dbmig_tenant_access_free(access);
	return NULL;
}

static void
many_threads(void)
{
	maker		makers[6];
	int			i;

	begin();
	for (i = 0; i < 6; i++)
	{
		makers[i].number = i;
		(void) tenant_of(i);
		pthread_create(&makers[i].thread, NULL, make_one, &makers[i]);
	}
	for (i = 0; i < 6; i++)
	{
		pthread_join(makers[i].thread, NULL);
		OK(makers[i].error);
	}
	CHECK(strlen(listed()) == 12 * strlen("1/auth/2/0/current "));
	end();
}

/* The role of migrations makes them, and the pool's cannot. */
static void
another_role(void)
{
	dbmig_new_tenant tenant;
	dbmig_tenant_access *access;
	dbmig_rows *rows = NULL;
	char		poor[700];
	dbmig	   *all;

	begin();
	admin_exec("DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN");
	all = db;
	snprintf(poor, sizeof(poor), "%s&user=poor", url);
	options.migrations_url = NULL;
	OK(dbmig_open(poor, &options, &db));
	tenant = tenant_of(1);
	FAILS(dbmig_tenant_create(db, &tenant, &access), DBMIG_E_MIGRATION, "permission denied");
	end();
	options.migrations_url = url;
	OK(dbmig_open(poor, &options, &db));
	OK(dbmig_tenant_create(db, &tenant, &access));
	dbmig_tenant_access_free(access);
	CHECK(strcmp(listed(), "1/shop/1/0/current 1/auth/2/0/current ") == 0);
	CHECK(number_in(all, "SELECT nspowner::regrole::text <> 'poor' FROM pg_namespace"
					" WHERE nspname = 'tenant_1'") == 1);
	OK(dbmig_package_list(db, &rows));
	CHECK(dbmig_rows_count(rows) == 4);
	dbmig_rows_free(rows);
	CHECK(number_in(db, "SELECT current_user = 'poor'") == 1);
	OK(dbmig_tenant_remove(db, name_of(1), "tenant_app_1", false));
	end();
	OK(dbmig_close(all));
	admin_exec("DROP ROLE poor");
}

static const char *
packages_listed(void)
{
	static char text[1000];
	dbmig_rows *rows = NULL;
	size_t		length = 0;
	int			i;

	text[0] = '\0';
	OK(dbmig_package_list(db, &rows));
	for (i = 0; rows != NULL && i < dbmig_rows_count(rows); i++)
	{
		const char *applied = dbmig_text_at(rows, i, 2);
		int64_t		pending = -1;

		CHECK(dbmig_int_at(rows, i, 4, &pending));
		length += (size_t) snprintf(text + length, sizeof(text) - length, "%s%s/%s/%s/%d/%s ",
									dbmig_text_at(rows, i, 0), dbmig_text_at(rows, i, 1),
									applied != NULL ? applied : "-", dbmig_text_at(rows, i, 3),
									(int) pending, dbmig_text_at(rows, i, 5));
	}
	CHECK(rows != NULL && dbmig_rows_columns(rows) == 6 &&
		  strcmp(dbmig_rows_name(rows, 5), "state") == 0);
	dbmig_rows_free(rows);
	return text;
}

static void
packages_are_listed(void)
{
	static const dbmig_script more[] = {
		{.version = "1",.up = "CREATE TABLE m (a integer)"},
		{.version = "2",.up = "INSERT INTO m VALUES (1)"},
		{.version = "3",.up = "SELECT nosuch"}
	};
	dbmig_scripts packages[] = {{"more", more, 2, NULL}};

	fresh();
	OK(dbmig_open(url, NULL, &db));
	CHECK(strcmp(packages_listed(), "") == 0);
	end();
	options = options_of(packages, 1);
	OK(start_with(&options));
	OK(dbmig_open(url, NULL, &db));
	CHECK(strcmp(packages_listed(), "more/2/2/0/current ") == 0);
	packages[0].count = 3;
	FAILS(start_with(&options), DBMIG_E_MIGRATION, "nosuch");
	CHECK(strcmp(packages_listed(), "more/2/3/1/pending ") == 0);
	end();
}

/* What cannot be had says so, and the lists are the tables' own. */
static void
without_the_extension(void)
{
	dbmig_new_tenant tenant;
	dbmig_tenant_access *access;
	dbmig_error *error;

	begin();
	tenant = tenant_of(1);
	error = dbmig_tenant_create(db, &tenant, &access);
	CHECK(error != NULL && error->code == DBMIG_E_MIGRATION && strcmp(error->sqlstate, "0A000") == 0);
	CHECK(error != NULL && strcmp(error->message, "the extension dbmig is not in this database") == 0);
	CHECK(access == NULL);
	dbmig_error_free(error);
	FAILS(dbmig_tenant_remove(db, "tenant_1", "tenant_app_1", false), DBMIG_E_MIGRATION,
		  "the extension dbmig is not in this database");
	CHECK(strcmp(listed(), "") == 0);
	CHECK(strcmp(packages_listed(), "shop/1/1/0/current auth/2/2/0/current ") == 0);
	end();
}

int
main(int argc, char **argv)
{
	char		start[600];

	if (argc < 3)
		return 2;
	plain = strcmp(argv[1], "plain") == 0;
	pg = plain || strcmp(argv[1], "pg") == 0;
	suffix = plain ? "pg without the extension " : pg ? "pg tenants " : "sqlite tenants ";
	prefix = argv[2];
	if (pg)
	{
		url_suffix = argv[3];
		snprintf(start, sizeof(start), "%s%s", prefix, url_suffix);
		OK(dbmig_open(start, NULL, &admin));
		if (admin == NULL)
			return 1;
	}
	TEST(packages_are_listed);
	if (plain)
		TEST(without_the_extension);
	else
	{
		TEST(tenants_come_and_go);
		TEST(tenants_follow);
		TEST(failures_leave_nothing);
		TEST(bad_arguments);
		TEST(waits_for_others);
		TEST(many_threads);
	}
	if (pg && !plain)
		TEST(another_role);
	OK(dbmig_close(admin));
	return failures != 0;
}
