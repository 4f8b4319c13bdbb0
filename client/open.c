/*
 * open.c
 *		Opening and closing a database with its pool.
 */
#include "client.h"

#include <stdlib.h>
#include <string.h>

dbmig_kind_of_database
dbmig_kind(const dbmig *db)
{
	return db->driver->kind;
}

static dbmig_error *
check_options(const dbmig_options *options)
{
	const struct
	{
		const char *name;
		double		value;
	}			times[] = {
		{"acquire_timeout", options->acquire_timeout},
		{"idle_timeout", options->idle_timeout},
		{"life_timeout", options->life_timeout},
		{"connect_timeout", options->connect_timeout},
		{"close_timeout", options->close_timeout},
		{"busy_timeout", options->busy_timeout},
		{"lock_timeout", options->lock_timeout},
		{"check_timeout", options->check_timeout}
	};
	size_t		i;

	if (options->size != sizeof(*options))
		return dbmig_error_hint(DBMIG_E_ARGUMENT,
								"Begin with DBMIG_OPTIONS, and compile with the header of this library.",
								"the options are of another version of the library");
	if (options->max_open < 0)
		return dbmig_error_new(DBMIG_E_ARGUMENT, "max_open must not be negative");
	if (options->max_idle < 0)
		return dbmig_error_new(DBMIG_E_ARGUMENT, "max_idle must not be negative");
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (!(times[i].value >= 0))
			return dbmig_error_new(DBMIG_E_ARGUMENT,
								   "%s must be a number of seconds, 0 or more",
								   times[i].name);
	if (options->package_count > 0 && options->packages == NULL)
		return dbmig_error_new(DBMIG_E_ARGUMENT, "packages must not be NULL");
	return NULL;
}

/* NULL stays NULL; false without memory. */
static bool
own(const char **text)
{
	size_t		size;
	char	   *copy;

	if (*text == NULL)
		return true;
	size = strlen(*text) + 1;
	copy = malloc(size);
	if (copy != NULL)
		memcpy(copy, *text, size);
	*text = copy;
	return copy != NULL;
}

static dbmig_error *
keep_options(dbmig *db, const dbmig_options *options, const char *url)
{
	bool		enough;

	db->options = *options;
	if (db->options.max_open > 0 && db->options.max_idle > db->options.max_open)
		db->options.max_idle = db->options.max_open;
	db->slots = db->options.max_idle < MOST_SLOTS ? db->options.max_idle : MOST_SLOTS;
	db->url = (char *) url;
	enough = own(&db->options.application_name);
	enough = own(&db->options.schema) && enough;
	enough = own(&db->options.folder) && enough;
	enough = own(&db->options.migrations_url) && enough;
	enough = own((const char **) &db->url) && enough;
	return enough ? NULL : dbmig_error_memory();
}

/* Nobody uses it any more. */
void
dbmig_pool_free(dbmig *db)
{
	dbmig_quick_end(db);
	if (db->anchor != NULL)
		dbmig_conn_close(db->anchor);
	pthread_mutex_destroy(&db->lock);
	pthread_cond_destroy(&db->changed);
	free((char *) db->options.application_name);
	free((char *) db->options.schema);
	free((char *) db->options.folder);
	free((char *) db->options.migrations_url);
	free(db->url);
	free(db->target);
	free(db);
}

static dbmig_error *
open_first(dbmig *db)
{
	dbmig_conn *conn;
	dbmig_error *error;

	if (db->driver->kind == DBMIG_SQLITE &&
		(strstr(db->target, "vfs=memdb") != NULL ||
		 strstr(db->target, "mode=memory") != NULL))
	{
		error = dbmig_conn_open(db, db->driver, db->target, true, &db->anchor);
		if (error != NULL)
			return error;
	}
	error = dbmig_acquire(db, &conn);
	return error == NULL ? dbmig_release(conn) : error;
}

dbmig_error *
dbmig_open(const char *url, const dbmig_options *options, dbmig **result)
{
	const dbmig_options defaults = DBMIG_OPTIONS;
	dbmig_error *error;
	dbmig	   *db;

	*result = NULL;
	if (options == NULL)
		options = &defaults;
	error = check_options(options);
	if (error != NULL)
		return error;
	db = calloc(1, sizeof(*db));
	if (db == NULL)
		return dbmig_error_memory();
	if (pthread_mutex_init(&db->lock, NULL) != 0)
	{
		free(db);
		return dbmig_error_memory();
	}
	if (dbmig_clock_cond(&db->changed) != 0)
	{
		pthread_mutex_destroy(&db->lock);
		free(db);
		return dbmig_error_memory();
	}
	error = dbmig_url_read(url, &db->driver, &db->target);
	if (error != NULL)
	{
		memset(&db->options, 0, sizeof(db->options));
		dbmig_pool_free(db);
		return error;
	}
	error = keep_options(db, options, url);
	if (error == NULL)
		error = open_first(db);
	if (error == NULL)
		error = dbmig_reap_begin(db);
	if (error != NULL)
	{
		db->options.close_timeout = 0;
		dbmig_error_free(dbmig_close(db));
		return error;
	}
	*result = db;
	return NULL;
}

/* Under the lock, which it gives up while it closes. */
static void
close_idle(dbmig *db)
{
	dbmig_conn *conn;

	for (;;)
	{
		conn = db->idle.first;
		if (conn != NULL)
			dbmig_list_remove(&db->idle, conn);
		else if ((conn = dbmig_quick_take(db)) == NULL)
			return;
		dbmig_conn_forget(conn);
		pthread_mutex_unlock(&db->lock);
		dbmig_conn_close(conn);
		pthread_mutex_lock(&db->lock);
		db->open--;
	}
}

dbmig_error *
dbmig_close(dbmig *db)
{
	int64_t		until;
	dbmig_waiter *waiter;
	dbmig_error *error = NULL;

	if (db == NULL)
		return NULL;
	until = dbmig_clock_after(dbmig_clock(), db->options.close_timeout);
	pthread_mutex_lock(&db->lock);
	db->closing = true;
	dbmig_attention(db);
	for (waiter = db->first_waiter; waiter != NULL; waiter = waiter->next)
		pthread_cond_signal(&waiter->wake);
	pthread_mutex_unlock(&db->lock);
	dbmig_reap_end(db);
	pthread_mutex_lock(&db->lock);
	close_idle(db);
	while ((db->open > 0 || db->first_waiter != NULL) &&
		   dbmig_clock_wait(&db->changed, &db->lock, until))
		;
	if (db->open > 0)
	{
		error = dbmig_error_hint(DBMIG_E_BUSY,
								 "Release every connection before the database is closed.",
								 "%d connections are still out after %g seconds",
								 db->open, db->options.close_timeout);
		db->left = true;
	}
	pthread_mutex_unlock(&db->lock);
	if (error == NULL)
		dbmig_pool_free(db);
	return error;
}
