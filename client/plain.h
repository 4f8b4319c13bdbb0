/*
 * plain.h
 *		The third host: the core in this program, over libpq, on plain tables of
 *		a PostgreSQL where the extension cannot be installed.
 *
 * The tables are the extension's, in the schema "dbmig".  Locks are advisory
 * ones, polled.  In MIGRATE mode they are the session's, else the
 * transaction's.
 */
#ifndef DBMIG_PLAIN_H
#define DBMIG_PLAIN_H

#include "dbmig_core.h"
#include "start.h"

#define PLAIN_SCHEMA "dbmig"

typedef struct dbmig_plain
{
	dbmig_conn *conn;
	int			depth;			/* of begin()s; the first has BEGIN */
	bool		migrate;		/* MIGRATE: locks last until release() */
	bool		texts_held;		/* then: DBMIG_LOCK_TEXTS, shared */
	bool		tenant_held;
	int32_t		tenant_key;
	bool		was_running;	/* before UNSETTLED_PUT marked it as running */
	dbmig_error *error;			/* the server's, behind DBMIG_ENGINE */
	dbmig_settings settings;
	dbmig_conn *watcher;		/* sees what conn waits for; plain_wait.c */
	bool		unwatched;		/* it cannot be had */
	int64_t		timeout;		/* lock_timeout of the step, milliseconds */
	char	   *blockers;		/* of the last statement, or NULL */
} dbmig_plain;

/* plain_host.c */
extern const dbmig_host dbmig_plain_host;
extern int	dbmig_plain_query(dbmig_call *call, dbmig_sql id, const dbmig_value *params,
							  dbmig_row_fn row, void *arg);
extern int	dbmig_plain_begin(dbmig_call *call, dbmig_mode mode);
extern int	dbmig_plain_commit(dbmig_call *call);
extern void dbmig_plain_abort(dbmig_call *call);

/* Keeps a server's error as the call's; takes it.  NULL gives 0. */
extern int	dbmig_plain_keep(dbmig_call *call, dbmig_error *error);

/* plain_lock.c */
extern int	dbmig_plain_lock(dbmig_call *call, dbmig_lock lock, const char *tenant);
extern void dbmig_plain_release(dbmig_call *call);

/* plain_split.c: the tokens and statements of a script */
typedef enum dbmig_piece_kind
{
	DBMIG_PIECE_END,
	DBMIG_PIECE_WORD,			/* keyword, name or number */
	DBMIG_PIECE_NAME,			/* "x" */
	DBMIG_PIECE_STRING,			/* 'x', E'x', $$x$$ */
	DBMIG_PIECE_OTHER			/* one character */
} dbmig_piece_kind;

typedef struct dbmig_piece
{
	dbmig_piece_kind kind;
	const char *text;
	size_t		length;
} dbmig_piece;

/* What a statement's words tell. */
typedef enum dbmig_statement_sort
{
	DBMIG_PLAIN_ORDINARY,
	DBMIG_PLAIN_SKIPPED,		/* A6: BEGIN, COMMIT */
	DBMIG_PLAIN_REFUSED,		/* A6 */
	DBMIG_PLAIN_ALONE,			/* N1: not in a transaction */
	DBMIG_PLAIN_PERHAPS,		/* CALL and DO: may commit */
	DBMIG_PLAIN_SETTING			/* SET: what it does ends with the session */
} dbmig_statement_sort;

typedef struct dbmig_part
{
	size_t		start;			/* of its first token */
	size_t		end;			/* behind its last one, without the semicolon */
	size_t		next;			/* where the next one is looked for */
	dbmig_statement_sort sort;
	const char *what;			/* of REFUSED and SKIPPED: "ROLLBACK" */
} dbmig_part;

extern const char *dbmig_piece_next(const char *p, dbmig_piece *piece);
extern bool dbmig_piece_is(const dbmig_piece *piece, const char *word);

/* The statement at or behind from; false where there is none. */
extern bool dbmig_part_next(const char *script, size_t from, dbmig_part *part);

/* plain_run.c */
typedef struct dbmig_place		/* where a step is */
{
	dbmig_call *call;
	dbmig_plain *plain;
	const dbmig_step *step;
	const char *script;
	dbmig_part	part;
	int			number;			/* of the statement, from 1 */
} dbmig_place;

extern int	dbmig_plain_run(dbmig_call *call, const dbmig_step *step, int *statements);
extern int	dbmig_plain_inspect(dbmig_call *call, const char *text, size_t length,
								dbmig_inspection *result);
extern int	dbmig_plain_run_statement(dbmig_place *at);
extern int	dbmig_plain_run_function(dbmig_place *at, int *statements);
extern int	dbmig_plain_exec(dbmig_place *at, const char *sql);
extern int	dbmig_plain_exec_quoted(dbmig_place *at, const char *sql, const char *name);
extern void dbmig_plain_say_skipped(dbmig_place *at, const char *reason);

/* plain_alone.c: a step that is not transactional */
extern int	dbmig_plain_run_alone(dbmig_place *at, int *statements);

/* plain_leftover.c: *done: the statement need not run (N3) */
extern int	dbmig_plain_clear_leftovers(dbmig_place *at, bool was_running, bool *done);

/* plain_wait.c */
extern void *dbmig_plain_send(dbmig_plain *plain, const char *sql, int count,
							  const char *const *values);
extern dbmig_error *dbmig_plain_blocked(const dbmig_plain *plain, dbmig_error *error);
extern bool dbmig_plain_retries(dbmig_place *at, int tries, double *pause);
extern int	dbmig_plain_lock_timeout(dbmig_place *at);
extern void dbmig_plain_unwatch(dbmig_plain *plain);

/* plain_sort.c */
extern void dbmig_part_sort(const char *script, dbmig_part *part);

/* plain_start.c */
extern dbmig_error *dbmig_plain_call(dbmig_plain *plain, const char *function, int count,
									 const dbmig_value *args, char **result);

/* What one that gives rows and takes nothing gives; no rows without tables. */
extern dbmig_error *dbmig_plain_rows(dbmig_plain *plain, const dbmig_function *function,
									 bool there, dbmig_rows **rows);
extern dbmig_error *dbmig_plain_tables(dbmig_conn *conn);
extern dbmig_error *dbmig_start_plain(dbmig_conn *conn, const dbmig_wanted *wanted);

/* Whether the tables are there. */
extern dbmig_error *dbmig_plain_there(dbmig_conn *conn, bool *there);

/* The extension is here: its tables take over what the plain ones have. */
extern dbmig_error *dbmig_plain_hand_over(dbmig_conn *conn, const char *schema);

#endif							/* DBMIG_PLAIN_H */
