/*
 * test_memory.c
 *		Each allocation fails once, libdbmig's, the core's and SQLite's: that is
 *		DBMIG_E_MEMORY or makes no difference, and the same works afterwards.
 *		What leaks is found by the sanitizer that it is built with.
 *
 * Linked with --wrap for malloc, calloc and realloc.
 *
 * usage: test_memory sqlite FOLDER POINTS
 *		  test_memory pg|plain PG-URL-PREFIX PG-URL-SUFFIX POINTS
 *
 * POINTS: how many of the allocations of a long call are tried, evenly.
 * plain: on a server that does not have the extension.
 */
#include "fresh.h"

#include <sqlite3.h>

void	   *__real_malloc(size_t size);
void	   *__real_calloc(size_t count, size_t size);
void	   *__real_realloc(void *p, size_t size);
void	   *__wrap_malloc(size_t size);
void	   *__wrap_calloc(size_t count, size_t size);
void	   *__wrap_realloc(void *p, size_t size);

/* Of this thread, while it is armed. */
static __thread bool armed;
static __thread long allocations;
static __thread long fail_at;

static bool
fails_now(void)
{
	return armed && ++allocations == fail_at;
}

void *
__wrap_malloc(size_t size)
{
	return fails_now() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return fails_now() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return fails_now() ? NULL : __real_realloc(p, size);
}

static sqlite3_mem_methods methods;

static void *
sqlite_malloc(int size)
{
	return fails_now() ? NULL : methods.xMalloc(size);
}

static void *
sqlite_realloc(void *p, int size)
{
	return fails_now() ? NULL : methods.xRealloc(p, size);
}

static long points;
static dbmig *db;				/* that is used on after each failure */
static dbmig_options options;

/* What is tried: gives the error; what it has got it gives back itself. */
typedef dbmig_error *(*attempt) (void);

/*
 * Fails at every one of its allocations, or at so many of them; in between,
 * before() makes what the next attempt needs, if anything.
 */
static void
try_all(const char *name, attempt attempt, void (*before) (void), long most)
{
	dbmig_error *error;
	long		total;
	long		failed = 0;
	long		at;

	if (before != NULL)
		before();
	allocations = 0;
	fail_at = 0;
	armed = true;
	error = attempt ();

	armed = false;
	total = allocations;
	OK(error);
	for (at = 1; at <= total; at += most > 0 && total > most ? total / most : 1)
	{
		if (before != NULL)
			before();
		allocations = 0;
		fail_at = at;
		armed = true;
		error = attempt ();

		armed = false;
		failed += error != NULL;
		if (error != NULL && error->code != DBMIG_E_MEMORY)
		{
			printf("%s, allocation %ld: %s (%d, %s, %d)\n", name, at, error->message,
				   (int) error->code, error->sqlstate, error->sqlite);
			wrong++;
		}
		dbmig_error_free(error);

		/* nothing is in the way of the next one */
		OK(attempt ());
		if (wrong > 5)
			break;
	}
	CHECK(total > 0 && failed > 0);
}

static dbmig_error *
open_and_close(void)
{
	dbmig	   *own;
	dbmig_error *error = dbmig_open(url, &options, &own);
	dbmig_error *after;

	CHECK((error == NULL) == (own != NULL));
	after = dbmig_close(own);
	return error != NULL ? error : after;
}

static void
opening(void)
{
	fresh();
	options = options_of(two_packages, 2);
	options.application_name = "tested";
	options.schema = pg ? "public" : NULL;
	options.folder = "tests/files/packages";
	options.migrations_url = url;
	options.acquire_timeout = 0;
	try_all("open", open_and_close, NULL, points);
}

static dbmig_error *
acquire_two(void)
{
	dbmig_conn *one;
	dbmig_conn *other;
	dbmig_error *error = dbmig_acquire(db, &one);

	if (error == NULL)
		error = dbmig_acquire(db, &other);
	if (error == NULL)
		OK(dbmig_release(other));
	OK(dbmig_release(one));
	return error;
}

/* It fails for another reason, and that takes memory, too. */
static dbmig_error *
acquire_too_many(void)
{
	dbmig_conn *one;
	dbmig_conn *other;
	dbmig_conn *third;
	dbmig_error *error = dbmig_acquire(db, &one);

	if (error == NULL)
		error = dbmig_acquire(db, &other);
	if (error == NULL)
	{
		error = dbmig_acquire(db, &third);
		CHECK(error != NULL && third == NULL);
		if (error != NULL && error->code == DBMIG_E_BUSY)
		{
			dbmig_error_free(error);
			error = NULL;
		}
		OK(dbmig_release(other));
	}
	OK(dbmig_release(one));
	return error;
}

static void
begin_pool(void)
{
	fresh();
	options = options_of(two_packages, 2);
	options.max_open = 2;
	options.acquire_timeout = 0.002;
	OK(dbmig_open(url, &options, &db));
	OK(dbmig_start(db));
}

static void
end_pool(void)
{
	dbmig_pool	stats;

	dbmig_pool_stats(db, &stats);
	CHECK(stats.out == 0 && stats.waiting == 0 && stats.open == stats.idle);
	OK(dbmig_close(db));
}

static void
acquiring(void)
{
	begin_pool();
	OK(dbmig_close(db));
	options.max_idle = 0;
	OK(dbmig_open(url, &options, &db));
	try_all("acquire", acquire_two, NULL, points);
	try_all("acquire too many", acquire_too_many, NULL, points);
	end_pool();
}

static dbmig_error *
ask_everything(void)
{
	static const char *const sqls[] = {
		"SELECT $1, $2, $3", "SELECT 1; SELECT 2", "CREATE TABLE IF NOT EXISTS again (a integer)"
	};
	dbmig_param params[3];
	dbmig_blob	blob = {"a\0b", 3};
	dbmig_conn *conn;
	dbmig_error *error = dbmig_acquire(db, &conn);
	dbmig_rows *rows;
	size_t		i;

	if (error != NULL)
		return error;
	params[0] = dbmig_bind_text("a text");
	params[1] = dbmig_bind_real(1.5);
	params[2] = dbmig_bind_blob(blob);
	for (i = 0; i < 3 && error == NULL; i++)
	{
		error = dbmig_query(conn, sqls[i], i == 0 ? 3 : 0, params, &rows);
		CHECK((error == NULL) == (rows != NULL));
		if (error == NULL && i == 0)
			CHECK(dbmig_rows_count(rows) == 1 && strcmp(dbmig_text_at(rows, 0, 0), "a text") == 0);
		dbmig_rows_free(rows);
	}
	if (error == NULL)
		error = dbmig_begin(conn);
	if (error == NULL)
		error = dbmig_exec(conn, "INSERT INTO again VALUES (1)", 0, NULL, NULL);

	/* the database's own error, and one of ours */
	if (error == NULL)
	{
		error = dbmig_exec(conn, "SELECT nosuch FROM again", 0, NULL, NULL);
		CHECK(error != NULL);
		if (error != NULL && error->code == DBMIG_E_DATABASE)
		{
			dbmig_error_free(error);
			error = NULL;
		}
	}
	OK(dbmig_release(conn));
	return error;
}

static void
asking(void)
{
	begin_pool();
	try_all("query", ask_everything, NULL, points);
	CHECK(number_in(db, "SELECT count(*) FROM again") == 0);
	end_pool();
}

static dbmig_error *
start_it(void)
{
	return dbmig_start(db);
}

/* A database without anything, on which the pool is opened. */
static void
begin_anew(void)
{
	if (db != NULL)
		OK(dbmig_close(db));
	fresh();
	OK(dbmig_open(url, &options, &db));
}

static int
fill(dbmig_conn *conn, const char *version, void *arg)
{
	(void) arg;
	return dbmig_fail_with(conn, strcmp(version, "1") != 0 ? NULL :
						   dbmig_exec(conn, "CREATE TABLE IF NOT EXISTS filled (a integer)", 0, NULL, NULL));
}

static void
starting(void)
{
	static const char *const after_shop[] = {"shop", NULL};
	static const dbmig_script steps[] = {{.version = "1",.up_function = fill}, {.version = "2",.up = "SELECT 1"}};
	const dbmig_scripts packages[] = {two_packages[0], two_packages[1], {"steps", steps, 2, after_shop}};

	db = NULL;
	options = options_of(packages, 3);
	options.log = NULL;
	try_all("start", start_it, begin_anew, points);
	CHECK(number_in(db, UNAPPLIED) == 0);
	try_all("start with nothing to do", start_it, NULL, points);
	CHECK(number_in(db, "SELECT count(*) FROM dbmig_history") == 5);
	OK(dbmig_close(db));
	options.check_only = true;
	options.check_timeout = 0.01;
	OK(dbmig_open(url, &options, &db));
	try_all("check", start_it, NULL, points);
	OK(dbmig_close(db));
	db = NULL;
}

static dbmig_error *
list_both(void)
{
	dbmig_rows *rows;
	dbmig_error *error = dbmig_package_list(db, &rows);

	CHECK((error == NULL) == (rows != NULL));
	dbmig_rows_free(rows);
	if (error != NULL)
		return error;
	error = dbmig_tenant_list(db, &rows);
	dbmig_rows_free(rows);
	return error;
}

static dbmig_error *
make_tenant(void)
{
	static const char *const some[] = {"auth", NULL};
	char		path[600];
	dbmig_new_tenant tenant = {"memory_tenant", "memory_app", NULL, some};
	dbmig_tenant_access *access;
	dbmig_error *error;

	snprintf(path, sizeof(path), "%s/memory_tenant.db", prefix);
	if (!pg)
	{
		tenant.name = path;
		tenant.username = NULL;
	}

	/* what the one before has made, or not */
	dbmig_error_free(dbmig_tenant_remove(db, tenant.name, tenant.username, !pg));
	error = dbmig_tenant_create(db, &tenant, &access);
	CHECK((error == NULL) == (access != NULL));
	dbmig_tenant_access_free(access);

	/* made, and then there was no memory to say so */
	if (error != NULL && error->code == DBMIG_E_MIGRATION && strstr(error->message, "there already") != NULL)
	{
		dbmig_error_free(error);
		error = NULL;
	}
	return error;
}

static void
tenants(void)
{
	begin_pool();
	try_all("list", list_both, NULL, points);
	if (!plain)
		try_all("tenant", make_tenant, NULL, points);
	end_pool();
}

int
main(int argc, char **argv)
{
	sqlite3_mem_methods ours;
	char		start[600];

	if (argc < 4)
		return 2;
	sqlite3_config(SQLITE_CONFIG_GETMALLOC, &methods);
	ours = methods;
	ours.xMalloc = sqlite_malloc;
	ours.xRealloc = sqlite_realloc;
	sqlite3_config(SQLITE_CONFIG_MALLOC, &ours);
	sqlite3_config(SQLITE_CONFIG_LOG, NULL, NULL);
	plain = strcmp(argv[1], "plain") == 0;
	pg = plain || strcmp(argv[1], "pg") == 0;
	suffix = plain ? "pg without the extension memory " : pg ? "pg memory " : "sqlite memory ";
	prefix = argv[2];
	points = atol(argv[argc - 1]);
	if (pg)
	{
		url_suffix = argv[3];
		snprintf(start, sizeof(start), "%s%s", prefix, url_suffix);
		OK(dbmig_open(start, NULL, &admin));
		if (admin == NULL)
			return 1;
	}
	TEST(opening);
	TEST(acquiring);
	TEST(asking);
	TEST(starting);
	TEST(tenants);
	OK(dbmig_close(admin));
	return failures != 0;
}
