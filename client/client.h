/*
 * client.h
 *		What libdbmig's files offer each other.
 *
 * A dbmig is the pool: a lock, all connections, those that are idle (in slots
 * without the lock, quick.c; more of them in a list, the last one given back
 * goes first), and the threads that wait (the first first).  A connection is
 * only touched by the thread that has it out, or under the lock where it is in
 * the list; the lock is never held while a database is asked.
 *
 * dbmig_core.h may be included with this; the core's internal.h may not.
 */
#ifndef DBMIG_CLIENT_H
#define DBMIG_CLIENT_H

#include <pthread.h>

#include "dbmig.h"

#define NANOSECONDS 1000000000LL

/* An idle time after which a connection is asked, not only looked at. */
#define ASK_AFTER (30 * NANOSECONDS)

/* One that was in use a moment ago is handed out as it is. */
#define FRESH (NANOSECONDS / 1000)

typedef enum dbmig_param_kind
{
	DBMIG_KIND_NULL,
	DBMIG_KIND_BOOL,
	DBMIG_KIND_INT,
	DBMIG_KIND_REAL,
	DBMIG_KIND_TEXT,
	DBMIG_KIND_BLOB,
	DBMIG_KIND_UUID,
	DBMIG_KIND_TIMESTAMP
} dbmig_param_kind;

/* What each of the two databases does; errors as in dbmig.h. */
typedef struct dbmig_driver
{
	dbmig_kind_of_database kind;
	dbmig_error *(*open) (dbmig_conn *conn, const char *target);
	void		(*close) (dbmig_conn *conn);

	/* Nothing is known to be wrong with it; cheap. */
	bool		(*sound) (const dbmig_conn *conn);

	/* It works, after so long without use. */
	bool		(*alive) (dbmig_conn *conn, int64_t idle);

	/* Whether a transaction or statement is still open in it. */
	bool		(*in_use) (const dbmig_conn *conn);

	/* The open transaction can only be undone; may be NULL. */
	bool		(*aborted) (const dbmig_conn *conn);

	/* Sets again what every user is to find; may be NULL. */
	dbmig_error *(*restore) (dbmig_conn *conn);

	/* sql: as in dbmig_exec() and dbmig_query(); rows and changed may be NULL */
	dbmig_error *(*run) (dbmig_conn *conn, const char *sql, int count,
						 const dbmig_param *params, dbmig_rows **rows,
						 int64_t *changed);
} dbmig_driver;

struct dbmig_conn
{
	dbmig	   *db;
	const dbmig_driver *driver;
	void	   *native;
	dbmig_conn *next;			/* in the list that it is in */
	dbmig_conn *previous;
	dbmig_conn *all_next;		/* in the list of all; under the lock */
	dbmig_conn *all_previous;
	int64_t		opened;			/* nanoseconds, of the clock of now() */
	int64_t		since;			/* when it went out, 0: it is not; atomic */
	int64_t		idle_since;
	uint64_t	acquired;		/* without the lock; atomic */
	bool		used;			/* a statement has run since it went out */
	bool		lent;			/* dbmig_native() was called, ever */
	bool		private;		/* not of the pool */
	bool		stuck;			/* its transaction could not be ended */
	dbmig_error *failed;		/* see dbmig_fail_with() */
};

typedef struct dbmig_list
{
	dbmig_conn *first;
	dbmig_conn *last;
	int			count;
} dbmig_list;

/* Idle connections that can be had without the lock; each in a cache line. */
#define MOST_SLOTS 8

typedef struct dbmig_slot
{
	uintptr_t	word;
	char		apart[64 - sizeof(uintptr_t)];
} dbmig_slot;

typedef struct dbmig_waiter
{
	pthread_cond_t wake;
	struct dbmig_waiter *next;
	dbmig_conn *conn;			/* that was handed over */
	bool		woken;			/* to look for itself */
	bool		handed;			/* conn, or where that is NULL a place */
} dbmig_waiter;

struct dbmig
{
	const dbmig_driver *driver;
	char	   *url;
	char	   *target;			/* what driver->open() takes */
	dbmig_options options;		/* with copies of its texts */
	dbmig_conn *anchor;			/* keeps a database in memory alive */

	pthread_mutex_t lock;
	pthread_cond_t changed;		/* for the reaper and dbmig_close() */
	dbmig_list	idle;
	dbmig_conn *all;			/* but those being opened */
	int			all_count;
	int			open;			/* those being opened too */
	dbmig_waiter *first_waiter;
	dbmig_waiter *last_waiter;
	int64_t		last_handed;
	bool		closing;
	bool		left;			/* the one who releases last frees it */
	bool		reaping;		/* the thread is there */
	bool		reaper_sleeps;	/* until something is idle */
	pthread_t	reaper;
	dbmig_pool	stats;

	/* without the lock */
	int			slots;			/* so many are used */
	int			attention;		/* somebody wants it; atomic, written under
								 * the lock */
	dbmig_slot	slot[MOST_SLOTS];
};

/* error.c */
extern dbmig_error *dbmig_error_make(dbmig_code code, const char *message,
									 const char *detail, const char *hint);
extern dbmig_error *dbmig_error_hint(dbmig_code code, const char *hint,
									 const char *format,...) DBMIG_FORMAT(3, 4);
extern dbmig_error *dbmig_error_memory(void);
extern dbmig_error *dbmig_error_copy(const dbmig_error *error);

/* Puts "prefix: " before the message; gives the error that is there then. */
extern dbmig_error *dbmig_error_in(dbmig_error *error, const char *format,...)
			DBMIG_FORMAT(2, 3);
extern char *dbmig_format_text(const char *format,...) DBMIG_FORMAT(1, 2);

/* url.c */
extern dbmig_error *dbmig_url_read(const char *url, const dbmig_driver **driver,
								   char **target);

/* clock.c */
extern int64_t dbmig_clock(void);
extern int64_t dbmig_clock_about(void);
extern int	dbmig_clock_cond(pthread_cond_t *cond);
extern bool dbmig_clock_wait(pthread_cond_t *cond, pthread_mutex_t *lock,
							 int64_t until);
extern int64_t dbmig_clock_after(int64_t now, double seconds);
extern void dbmig_clock_sleep(double seconds);

/* conn_pg.c, conn_sqlite.c */
extern const dbmig_driver dbmig_driver_pg;
extern const dbmig_driver dbmig_driver_sqlite;
extern dbmig_error *dbmig_pg_error(dbmig_conn *conn, const void *result);

/* conn.c */
extern dbmig_error *dbmig_conn_open(dbmig *db, const dbmig_driver *driver,
									const char *target, bool private,
									dbmig_conn **conn);
extern void dbmig_conn_close(dbmig_conn *conn);
extern dbmig_error *dbmig_conn_reset(dbmig_conn *conn);
extern bool dbmig_conn_sound(const dbmig_conn *conn);
extern bool dbmig_conn_old(const dbmig_conn *conn, int64_t now);

/* pool.c */
extern void dbmig_list_add(dbmig_list *list, dbmig_conn *conn);
extern void dbmig_list_remove(dbmig_list *list, dbmig_conn *conn);

/* Under the lock: a connection is to be closed; then its place is free. */
extern void dbmig_conn_forget(dbmig_conn *conn);
extern void dbmig_place_free(dbmig *db);

/* Under the lock: whether somebody wants attention has changed. */
extern void dbmig_attention(dbmig *db);

/* quick.c */
extern dbmig_conn *dbmig_quick_take(dbmig *db);
extern uintptr_t * dbmig_quick_put(dbmig *db, dbmig_conn *conn);
extern void dbmig_quick_leave(uintptr_t * word);
extern int	dbmig_quick_count(const dbmig *db);
extern void dbmig_quick_end(dbmig *db);

/* open.c */
extern void dbmig_pool_free(dbmig *db);

/* reap.c */
extern dbmig_error *dbmig_reap_begin(dbmig *db);
extern void dbmig_reap_end(dbmig *db);

/* rows.c: a table of cells, filled row by row */
typedef struct dbmig_cell
{
	dbmig_param_kind kind;		/* NULL, INT, REAL, TEXT or BLOB */
	int64_t		integer;
	double		real;
	char	   *data;			/* TEXT, BLOB: NUL-terminated */
	size_t		length;
} dbmig_cell;

extern dbmig_rows *dbmig_rows_new(int columns);
extern bool dbmig_rows_set_name(dbmig_rows *rows, int column, const char *name);
extern dbmig_cell *dbmig_rows_add(dbmig_rows *rows);
extern char *dbmig_rows_keep(dbmig_rows *rows, const void *data, size_t length);

/* types.c: as strtod(), with a point whatever the locale */
extern double dbmig_real_read(const char *text, char **end);
extern void dbmig_real_write(double value, char *text, size_t size);

/* log.c: whether a notice is one of a migration that is done */
extern bool dbmig_is_progress(const char *message);

#endif							/* DBMIG_CLIENT_H */
