/*
 * fresh.h
 *		What tests of dbmig_start() share: a new database for each, two packages,
 *		and short words for starting and asking.
 */
#ifndef FRESH_H
#define FRESH_H

#include "check.h"

#include <pthread.h>
#include <unistd.h>

#define UNAPPLIED \
	"SELECT count(*) FROM dbmig_migration m WHERE NOT EXISTS (SELECT 1 FROM dbmig_applied a" \
	" WHERE a.package = m.package AND a.version = m.version AND a.state = 'applied')"

static bool pg;
static bool plain;
static const char *prefix;
static const char *url_suffix;
static char url[600];
static dbmig *admin;			/* PostgreSQL: empties the database */
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
	databases++;
	log_count = 0;
	if (!pg)
	{
		snprintf(url, sizeof(url), "%s/start%d.db", prefix, databases);
		return;
	}
	snprintf(url, sizeof(url), "%s%s", prefix, url_suffix);
	admin_exec("SET client_min_messages = warning; DROP EXTENSION IF EXISTS dbmig CASCADE;"
			   "DO $$ DECLARE s text; BEGIN FOR s IN SELECT nspname FROM pg_namespace"
			   " WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP"
			   " EXECUTE format('DROP SCHEMA %I CASCADE', s); END LOOP; END $$;"
			   "CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC");
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

static inline dbmig_error *
start_with(const dbmig_options *options)
{
	dbmig	   *db;
	dbmig_error *error = dbmig_open(url, options, &db);

	if (error == NULL)
		error = dbmig_start(db);
	OK(dbmig_close(db));
	return error;
}

static inline int64_t
ask(const char *sql)
{
	dbmig	   *db;
	int64_t		value;

	OK(dbmig_open(url, NULL, &db));
	value = number_in(db, sql);
	OK(dbmig_close(db));
	return value;
}

#endif							/* FRESH_H */
