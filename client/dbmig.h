/*
 * dbmig.h
 *		libdbmig: an application's database, with its migrations applied and a
 *		pool of connections, the same for PostgreSQL and SQLite.
 *
 *	dbmig_options options = DBMIG_OPTIONS;
 *	dbmig	   *db;
 *	dbmig_error *error;
 *
 *	options.packages = packages;
 *	options.package_count = 1;
 *	error = dbmig_open("postgres://localhost/shop", &options, &db);
 *	if (error == NULL)
 *		error = dbmig_start(db);
 *	if (error == NULL)
 *		error = dbmig_with(db, serve, NULL);
 *
 * Errors: a function that can fail gives NULL, or an error that the caller
 * frees with dbmig_error_free().  What it was to give is NULL then.  Nothing
 * aborts, exits or prints.  Without memory each of them gives DBMIG_E_MEMORY;
 * what it was called for can be used on.
 *
 * Threads: a dbmig may be used by any number of threads at once, a dbmig_conn by
 * one at a time; dbmig_rows may be read by many while nobody frees them.  What
 * takes neither may be called from anywhere.  Neither is of use after fork() in
 * the child.
 *
 * Memory: texts that are given are copied where they are kept, but for the
 * packages, which have to live as long as the dbmig.  Texts that come back
 * belong to what they were asked of.  All texts are UTF-8 and NUL-terminated.
 *
 * Times are in seconds, and are kept to the millisecond.
 */
#ifndef DBMIG_H
#define DBMIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


#if defined(__cplusplus)
#define DBMIG_EXTERN extern "C"
#else
#define DBMIG_EXTERN extern
#endif

#if defined(__GNUC__)
#define DBMIG_API DBMIG_EXTERN __attribute__((visibility("default")))
#define DBMIG_MUST_USE __attribute__((warn_unused_result))
#define DBMIG_FORMAT(f, a) __attribute__((format(printf, f, a)))
#else
#define DBMIG_API DBMIG_EXTERN
#define DBMIG_MUST_USE
#define DBMIG_FORMAT(f, a)
#endif

typedef struct dbmig dbmig;		/* an open database: the pool */
typedef struct dbmig_conn dbmig_conn;	/* one connection */
typedef struct dbmig_rows dbmig_rows;	/* what a query gave */

/* -- errors --------------------------------------------------------------- */

typedef enum dbmig_code
{
	DBMIG_E_MEMORY = 1,			/* out of memory */
	DBMIG_E_ARGUMENT,			/* a URL, option or argument that cannot be */
	DBMIG_E_CONNECT,			/* the database cannot be reached or opened */
	DBMIG_E_BUSY,				/* too many open connections */
	DBMIG_E_CLOSED,				/* dbmig_close() was called */
	DBMIG_E_DATABASE,			/* the database's own: see sqlstate, sqlite */
	DBMIG_E_MIGRATION,			/* packages or migrations: refused, failed */
	DBMIG_E_PENDING,			/* check_only: not in step in time */
	DBMIG_E_NEWER,				/* the database is newer than the packages */
	DBMIG_E_HOOK				/* a hook of the program has failed */
} dbmig_code;

typedef struct dbmig_error
{
	dbmig_code	code;
	char		sqlstate[6];	/* PostgreSQL's, or "" */
	int			sqlite;			/* SQLite's extended code, or 0 */
	const char *message;		/* one line in most cases, never NULL */
	const char *detail;			/* what else the database says, or NULL */
	const char *hint;			/* what to do, or NULL */
} dbmig_error;

DBMIG_API void dbmig_error_free(dbmig_error *error);	/* NULL is fine */

/*
 * An error of the program's own, for hooks and functions; never NULL: without
 * memory it is DBMIG_E_MEMORY.  Who is given it frees it.
 */
DBMIG_API dbmig_error *dbmig_error_new(dbmig_code code, const char *format,...)
			DBMIG_FORMAT(2, 3);

/* -- migrations ----------------------------------------------------------- */

/*
 * A step in C.  It runs within the migration's transaction and neither ends it
 * nor releases conn.  0, or anything else where it has failed: the error is
 * then what dbmig_fail_with() was given last, if anything.
 */
typedef int (*dbmig_step_function) (dbmig_conn *conn, const char *version,
									void *arg);

/* For steps: 0 where error is NULL; else takes it, to be freed here, and gives -1. */
DBMIG_API int dbmig_fail_with(dbmig_conn *conn, dbmig_error *error);

/* One migration: either up or up_function; both downs may be NULL. */
typedef struct dbmig_script
{
	const char *version;
	const char *name;			/* or NULL */
	const char *up;
	const char *down;
	const char *options;		/* JSON, as dbmig_register() takes it, or NULL */
	dbmig_step_function up_function;
	dbmig_step_function down_function;
	void	   *arg;			/* for the functions */
} dbmig_script;

/* A package with its migrations, in any order. */
typedef struct dbmig_scripts
{
	const char *package;
	const dbmig_script *scripts;
	size_t		count;
	const char *const *after;	/* items that all of it comes after, ended by
								 * NULL; or NULL */
} dbmig_scripts;

/* -- opening -------------------------------------------------------------- */

typedef enum dbmig_level
{
	DBMIG_LOG_PROGRESS,			/* "2/7 auth@3 create users (12 ms)" */
	DBMIG_LOG_NOTICE,			/* what the database says besides */
	DBMIG_LOG_WARNING
} dbmig_level;

typedef struct dbmig_options
{
	size_t		size;			/* set by DBMIG_OPTIONS */

	/* the pool */
	int			max_open;		/* connections; 0: no limit */
	int			max_idle;		/* that stay open while nobody uses them */
	double		acquire_timeout;	/* dbmig_acquire() waits so long */
	double		idle_timeout;	/* an idle one is closed; 0: never */
	double		life_timeout;	/* one this old is replaced; 0: never */
	double		connect_timeout;	/* of one connection, 0: no limit */
	double		close_timeout;	/* dbmig_close() waits so long */
	double		busy_timeout;	/* SQLite: for another's write lock */
	const char *application_name;	/* PostgreSQL, or NULL */
	const char *schema;			/* PostgreSQL: every connection's search_path,
								 * or NULL */

	/*
	 * connect: called for each new connection; release: for each that is
	 * given back, behind the ROLLBACK of what was left open.  Where one of
	 * them fails, the connection is closed and the error, which they give
	 * away, goes to the caller.  They are called by the threads that acquire
	 * and release, by several at once, and must not acquire themselves.
	 */
	dbmig_error *(*connect) (dbmig_conn *conn, void *arg);
	dbmig_error *(*release) (dbmig_conn *conn, void *arg);

	/*
	 * Called while migrations run, by the thread that has called
	 * dbmig_start().  What else is said of it may follow in further lines.
	 */
	void		(*log) (dbmig_level level, const char *message, void *arg);
	void	   *arg;			/* for the three */

	/* dbmig_start() */
	const dbmig_scripts *packages;	/* not copied */
	size_t		package_count;
	const char *folder;			/* of migrations, as dbmig_load() reads it, or
								 * NULL */
	const char *migrations_url; /* connects for migrations alone; NULL: as the
								 * pool does */
	double		lock_timeout;	/* for another who applies migrations, and for
								 * the locks of a step that does not say */
	bool		one_by_one;		/* commit each migration by itself */
	bool		check_only;		/* apply nothing, wait until others have */
	double		check_timeout;
	bool		refuse_newer;	/* a database that has more than the packages */
} dbmig_options;

#define DBMIG_OPTIONS { \
	.size = sizeof(dbmig_options), \
	.max_open = 10, .max_idle = 2, .acquire_timeout = 30, \
	.idle_timeout = 600, .life_timeout = 0, .connect_timeout = 10, \
	.close_timeout = 30, .busy_timeout = 5, .application_name = NULL, \
	.schema = NULL, .connect = NULL, .release = NULL, .log = NULL, .arg = NULL, \
	.packages = NULL, .package_count = 0, .folder = NULL, .migrations_url = NULL, \
	.lock_timeout = 60, .one_by_one = false, .check_only = false, \
	.check_timeout = 10, .refuse_newer = false \
}

/*
 * url: postgres://, postgresql:// or a libpq keyword string (with a "=");
 * sqlite://PATH, file:..., a path or :memory:.  A pool over :memory: shares
 * one database, which goes with it.
 *
 * options NULL: DBMIG_OPTIONS.  Opens one connection, so that a URL that does
 * not work is known at once, and keeps it (unless max_idle is 0).  On an error
 * *db is NULL: DBMIG_E_ARGUMENT where the URL or an option cannot be,
 * DBMIG_E_CONNECT where the database cannot be reached or opened, what the
 * connect hook gives.  dbmig_close() frees it.
 */
DBMIG_API dbmig_error *dbmig_open(const char *url, const dbmig_options *options,
								  dbmig **db) DBMIG_MUST_USE;

/*
 * Registers the packages and applies what is pending of them, or waits until
 * others have (check_only).  It uses a connection of its own, to migrations_url
 * where there is one, which is closed before it returns.  Several threads and
 * processes may call it at once: they take turns.
 *
 * DBMIG_E_MIGRATION: packages that cannot be (before anything runs), or what a
 * migration has failed with, its place in detail; DBMIG_E_PENDING: check_only,
 * and check_timeout is over, with what is missing; DBMIG_E_NEWER: refuse_newer;
 * DBMIG_E_CONNECT.  It may be called again after an error.
 */
DBMIG_API dbmig_error *dbmig_start(dbmig *db) DBMIG_MUST_USE;

/*
 * Waits up to close_timeout for connections that are out and closes all; db is
 * gone then, error or not (NULL is fine): nobody may begin to acquire any more.
 * Who waits for one gets DBMIG_E_CLOSED.  An error, DBMIG_E_BUSY, says how many
 * are still out: these still work, and are closed when they are released.
 */
DBMIG_API dbmig_error *dbmig_close(dbmig *db);

typedef enum dbmig_kind_of_database
{
	DBMIG_POSTGRES = 1,
	DBMIG_SQLITE
} dbmig_kind_of_database;

DBMIG_API dbmig_kind_of_database dbmig_kind(const dbmig *db);

/* -- the pool ------------------------------------------------------------- */

/*
 * A connection that works, for this thread until it releases it: an idle one is
 * looked at before, and asked where it was idle for half a minute; what is
 * broken or too old is replaced.  *conn is NULL on an error.
 *
 * Where max_open are out it waits up to acquire_timeout (0: not at all), then
 * it is DBMIG_E_BUSY and says how many are out, and since when the oldest is.
 * Those who wait are served in the order in which they came.  A thread that did
 * not have to wait may get a connection before the first of them, which has to
 * be woken for it; but each connection that comes back is kept for the first who
 * waits unless one was within the last half a millisecond.  So n threads before
 * it make nobody wait longer than n half milliseconds, plus the time until
 * connections come back.
 *
 * DBMIG_E_CONNECT where a new connection cannot be had; what the connect hook
 * gives; DBMIG_E_CLOSED.
 */
DBMIG_API dbmig_error *dbmig_acquire(dbmig *db, dbmig_conn **conn) DBMIG_MUST_USE;

/*
 * Gives it back, whatever state it is in (NULL is fine): an open transaction is
 * rolled back.  An error is the release hook's, or that the schema cannot be set
 * any more; the connection is closed then.  Either way it is not the caller's any
 * more.
 */
DBMIG_API dbmig_error *dbmig_release(dbmig_conn *conn);

/* Acquires, calls function with arg, releases; gives the first error of the three. */
DBMIG_API dbmig_error *dbmig_with(dbmig *db,
								  dbmig_error *(*function) (dbmig_conn *conn, void *arg),
								  void *arg) DBMIG_MUST_USE;

typedef struct dbmig_pool
{
	int			open;			/* connections, those being opened too */
	int			idle;
	int			out;
	int			waiting;		/* threads */
	uint64_t	opened;			/* since dbmig_open() */
	uint64_t	closed_broken;
	uint64_t	closed_idle;	/* idle_timeout, or more than max_idle */
	uint64_t	closed_old;		/* life_timeout */
	uint64_t	closed_hook;	/* a hook has failed */
	uint64_t	acquired;
	uint64_t	waited;			/* of these, how many had to wait */
	uint64_t	timed_out;
	double		wait_time;		/* seconds, of all together */
} dbmig_pool;

/* As of now; in use by others the numbers may differ by who comes and goes. */
DBMIG_API void dbmig_pool_stats(dbmig *db, dbmig_pool *stats);

/*
 * PGconn or sqlite3, which stays the pool's: what is done with it (settings,
 * functions, statements) is undone by the one who does it.
 */
DBMIG_API void *dbmig_native(dbmig_conn *conn);
DBMIG_API dbmig *dbmig_of(dbmig_conn *conn);	/* whose connection it is */

/* -- values --------------------------------------------------------------- */

typedef struct dbmig_uuid
{
	unsigned char bytes[16];
} dbmig_uuid;

/* Microseconds since 1970-01-01 00:00:00 UTC. */
typedef int64_t dbmig_timestamp;

typedef struct dbmig_blob
{
	const void *data;
	size_t		length;
} dbmig_blob;

/* A random one, version 4; false where the system gives no random bytes. */
DBMIG_API bool dbmig_uuid_random(dbmig_uuid *uuid);

/* With or without hyphens and braces, either case; false where it is none. */
DBMIG_API bool dbmig_uuid_from_text(const char *text, dbmig_uuid *uuid);

/* In lower case, with hyphens. */
DBMIG_API void dbmig_uuid_to_text(dbmig_uuid uuid, char text[37]);

/* By the clock of this machine. */
DBMIG_API dbmig_timestamp dbmig_timestamp_now(void);

/* RFC 3339, a blank for the T, +00 for +00:00; no zone is UTC. */
DBMIG_API bool dbmig_timestamp_from_text(const char *text, dbmig_timestamp *timestamp);

/* 2026-01-02T03:04:05.000006Z; years 0000 to 9999, false for others */
DBMIG_API bool dbmig_timestamp_to_text(dbmig_timestamp timestamp, char text[28]);

/*
 * Parameters: made by dbmig_bind_...(), which copy nothing.  In SQLite a bool
 * is 0 or 1, a uuid a blob of 16 bytes, a timestamp text as
 * dbmig_timestamp_to_text() gives it.  In PostgreSQL they are boolean, uuid,
 * timestamptz and bytea; a text has no type yet, as a quoted literal, and a
 * whole number is integer or bigint by its size.  Not a number is NULL in
 * SQLite.
 */
typedef struct dbmig_param
{
	int			kind;
	int64_t		integer;
	double		real;
	const void *data;
	size_t		length;
	dbmig_uuid	uuid;
} dbmig_param;

DBMIG_API dbmig_param dbmig_bind_null(void);
DBMIG_API dbmig_param dbmig_bind_bool(bool value);
DBMIG_API dbmig_param dbmig_bind_int(int64_t value);
DBMIG_API dbmig_param dbmig_bind_real(double value);
DBMIG_API dbmig_param dbmig_bind_text(const char *value);	/* NULL: null */
DBMIG_API dbmig_param dbmig_bind_blob(dbmig_blob value);
DBMIG_API dbmig_param dbmig_bind_uuid(dbmig_uuid value);
DBMIG_API dbmig_param dbmig_bind_timestamp(dbmig_timestamp value);

/* -- queries -------------------------------------------------------------- */

/*
 * Runs sql with count parameters, $1, $2, ... on either database.  Without
 * parameters it may be several statements.  *changed (may be NULL) gets the
 * number of rows that the last one has changed.
 *
 * DBMIG_E_DATABASE with the database's code and text; DBMIG_E_ARGUMENT for a
 * parameter that cannot be.  The connection can be used on, but for one that has
 * gone (SQLSTATE 08006): release it and acquire another.
 */
DBMIG_API dbmig_error *dbmig_exec(dbmig_conn *conn, const char *sql, int count,
								  const dbmig_param *params,
								  int64_t *changed) DBMIG_MUST_USE;

/*
 * The same, with the rows of the last statement that has any, all of them in
 * memory.  The caller frees them with dbmig_rows_free(), also after the
 * connection was released.
 */
DBMIG_API dbmig_error *dbmig_query(dbmig_conn *conn, const char *sql, int count,
								   const dbmig_param *params,
								   dbmig_rows **rows) DBMIG_MUST_USE;

/*
 * begin takes SQLite's write lock at once, waiting up to busy_timeout, so that
 * nothing fails for it later.  A commit of what had failed already is an error,
 * as it was a rollback.  undo is ROLLBACK.
 */
DBMIG_API dbmig_error *dbmig_begin(dbmig_conn *conn) DBMIG_MUST_USE;
DBMIG_API dbmig_error *dbmig_commit(dbmig_conn *conn) DBMIG_MUST_USE;
DBMIG_API dbmig_error *dbmig_undo(dbmig_conn *conn) DBMIG_MUST_USE;

DBMIG_API int dbmig_rows_count(const dbmig_rows *rows);
DBMIG_API int dbmig_rows_columns(const dbmig_rows *rows);

/* A column's name; it lives as long as the rows.  NULL where there is none. */
DBMIG_API const char *dbmig_rows_name(const dbmig_rows *rows, int column);
DBMIG_API void dbmig_rows_free(dbmig_rows *rows);	/* NULL is fine */

/*
 * Rows and columns count from 0.  The readers give false, and leave *value
 * alone, for NULL, for what is not there, and for what is no such value.
 * Texts and blobs live as long as the rows; NULL has no text.  A text of SQLite
 * with a NUL in it ends there; dbmig_blob_at() gives all of it.
 */
DBMIG_API bool dbmig_is_null(const dbmig_rows *rows, int row, int column);
DBMIG_API const char *dbmig_text_at(const dbmig_rows *rows, int row, int column);
DBMIG_API bool dbmig_int_at(const dbmig_rows *rows, int row, int column, int64_t *value);
DBMIG_API bool dbmig_real_at(const dbmig_rows *rows, int row, int column, double *value);
DBMIG_API bool dbmig_bool_at(const dbmig_rows *rows, int row, int column, bool *value);
DBMIG_API bool dbmig_uuid_at(const dbmig_rows *rows, int row, int column, dbmig_uuid *value);
DBMIG_API bool dbmig_timestamp_at(const dbmig_rows *rows, int row, int column,
								  dbmig_timestamp *value);
DBMIG_API bool dbmig_blob_at(const dbmig_rows *rows, int row, int column, dbmig_blob *value);

/* -- tenants -------------------------------------------------------------- */

/*
 * A tenant is a schema with a login role of its own, in SQLite a file, that
 * gets packages that are registered already.  What follows connects for itself,
 * as dbmig_start() does (to migrations_url, where there is one), waits up to
 * lock_timeout for others who migrate, and may be called by any thread.  What
 * dbmig refuses is a DBMIG_E_MIGRATION with its sqlstate or sqlite code.
 */
typedef struct dbmig_new_tenant
{
	const char *name;			/* the schema; SQLite: the path of a new file */
	const char *username;		/* the role that is made; SQLite: NULL */
	const char *password;		/* its password, NULL: a random one; SQLite:
								 * NULL */
	const char *const *packages;	/* that it gets, with what they come
									 * after, ended by NULL; NULL: all */
} dbmig_new_tenant;

/* How the new tenant's own program gets in. */
typedef struct dbmig_tenant_access
{
	const char *name;			/* the schema; SQLite: the file's whole path */
	const char *username;		/* SQLite: NULL */
	const char *password;		/* the only copy there is; SQLite: NULL */
	const char *connection_string;	/* for dbmig_open() */
} dbmig_tenant_access;

/*
 * Makes it and applies the packages there; an error leaves nothing behind.
 * *access, with its texts, is freed by dbmig_tenant_access_free(); NULL on an
 * error.  Needs the extension in PostgreSQL: SQLSTATE 0A000 where it is not
 * there.  Steps in C cannot be applied to a tenant.
 */
DBMIG_API dbmig_error *dbmig_tenant_create(dbmig *db, const dbmig_new_tenant *tenant,
										   dbmig_tenant_access **access) DBMIG_MUST_USE;
DBMIG_API void dbmig_tenant_access_free(dbmig_tenant_access *access);	/* NULL is fine */

/*
 * PostgreSQL: drops the schema with all in it, and the role, which must be the
 * tenant's: NULL where dbmig has made none; delete_file is false.  SQLite:
 * forgets the file and, with delete_file, deletes it unless somebody writes to
 * it; username is NULL.
 */
DBMIG_API dbmig_error *dbmig_tenant_remove(dbmig *db, const char *name,
										   const char *username,
										   bool delete_file) DBMIG_MUST_USE;

/*
 * The rows of dbmig_tenants, one for each tenant and package, by tenant:
 * tenant, package, applied, registered (versions, or NULL), pending (a number),
 * state (current, pending, drifted, failed; missing: there is no such schema or
 * file), error.  The caller frees them with dbmig_rows_free().
 */
DBMIG_API dbmig_error *dbmig_tenant_list(dbmig *db, dbmig_rows **rows) DBMIG_MUST_USE;

/*
 * The rows of dbmig_status, one for each tenant ("" is the database itself) and
 * package: tenant, package, applied, registered, pending, state (current,
 * pending, drifted, failed; unknown: applied, but not registered).  No rows
 * where dbmig has never been.  Freed as above.
 */
DBMIG_API dbmig_error *dbmig_package_list(dbmig *db, dbmig_rows **rows) DBMIG_MUST_USE;

#endif							/* DBMIG_H */
