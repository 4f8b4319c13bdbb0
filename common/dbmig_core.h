/*
 * dbmig_core.h
 *		What the core offers the hosts, and asks of them.
 *
 * The core decides: versions, order, cycles, checksums, files, the plan, the
 * order of an apply.  A host does: memory, queries, transactions, locks, the
 * running of a script.  Between them stand dbmig_host (what a host lends) and
 * dbmig_call (one SQL call: host, memory, error).
 *
 * Errors: a function that can fail gives 0, or -1 after dbmig_fail().  A host's
 * callback may also not return at all (a host that jumps out): the core
 * holds nothing across a callback but memory it got from the call.
 *
 * Memory: all of it belongs to the call and is freed at once by
 * dbmig_call_end().  Texts are NUL-terminated and carry their length where a
 * length is given.
 */
#ifndef DBMIG_CORE_H
#define DBMIG_CORE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define DBMIG_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define DBMIG_PRINTF(f, a)
#endif

/* What can be wrong.  Each host gives every one a code of its engine. */
typedef enum dbmig_status
{
	DBMIG_OK = 0,
	DBMIG_NO_MEMORY,
	DBMIG_NULL_VALUE,			/* a NULL where a value is needed */
	DBMIG_BAD_VALUE,			/* an argument, option or file that cannot be
								 * read */
	DBMIG_UNKNOWN,				/* a package, version or name that is not
								 * there */
	DBMIG_DUPLICATE,			/* V4: the same version twice */
	DBMIG_CYCLE,				/* O5 */
	DBMIG_CHANGED,				/* C2: text and applied text differ */
	DBMIG_NOT_READY,			/* pending, missing, failed, out of order */
	DBMIG_NEEDED,				/* others depend on it */
	DBMIG_LOCKED,				/* A3: somebody else is at it */
	DBMIG_BAD_CALLER,			/* called from where it cannot work */
	DBMIG_NOT_SUPPORTED,
	DBMIG_READ_ONLY,
	DBMIG_NO_RIGHT,
	DBMIG_NO_FILE,				/* a path that is not there */
	DBMIG_IO,					/* a path that cannot be read */
	DBMIG_SERIALIZE,			/* this transaction's snapshot is too old */
	DBMIG_DAMAGED,				/* dbmig's tables hold what dbmig never writes */
	DBMIG_ENGINE				/* the engine's own error; the host knows its
								 * code */
} dbmig_status;

typedef enum dbmig_type
{
	DBMIG_NULL,
	DBMIG_INT,
	DBMIG_BOOL,					/* in integer, 0 or 1 */
	DBMIG_TEXT,
	DBMIG_REAL					/* an argument only; text has it in full */
} dbmig_type;

typedef struct dbmig_value
{
	dbmig_type	type;
	int64_t		integer;
	const char *text;			/* UTF-8, or the server's encoding */
	size_t		length;			/* bytes */
} dbmig_value;

typedef struct dbmig_call dbmig_call;

/*
 * Takes one row; the values live until it returns.  0 goes on, -1 ends the
 * query with the call's error.
 */
typedef int (*dbmig_row_fn) (dbmig_call *call, void *arg,
							 const dbmig_value *row);

/* The core's own statements: dbmig_statements[] has their text. */
typedef enum dbmig_sql
{
#define DBMIG_SQL(id, params, text) DBMIG_##id,
#include "statements.h"
#undef DBMIG_SQL
	DBMIG_SQL_COUNT
} dbmig_sql;

/*
 * One text for all engines.  Parameters are $1, $2, ... in the order of their
 * first appearance; params has a letter for each: 't' text, 'i' integer.
 * "@." stands before the tables of the registry and "#." before those of a
 * tenant (dbmig_applied, dbmig_history), for the schema they live in.
 */
typedef struct dbmig_statement
{
	const char *params;
	const char *text;
} dbmig_statement;

extern const dbmig_statement dbmig_statements[DBMIG_SQL_COUNT];

typedef enum dbmig_direction
{
	DBMIG_UP,
	DBMIG_DOWN
} dbmig_direction;

/* What a call is about to do. */
typedef enum dbmig_mode
{
	DBMIG_MODE_REGISTER,		/* write dbmig's own tables */
	DBMIG_MODE_APPLY,			/* run migrations in one transaction */
	DBMIG_MODE_MIGRATE,			/* run migrations in transactions of its own */
	DBMIG_MODE_WAIT				/* look, again and again, with no transaction
								 * in between */
} dbmig_mode;

/* Which locks there are; a host with one writer at most needs none of them. */
typedef enum dbmig_lock
{
	DBMIG_LOCK_REGISTRY,		/* registrars among themselves */
	DBMIG_LOCK_TEXTS,			/* a registrar that changes or removes what is
								 * there: keeps appliers of every tenant away */
	DBMIG_LOCK_TENANT			/* an applier: one a tenant; shares
								 * DBMIG_LOCK_TEXTS with other appliers */
} dbmig_lock;

/* One script or function to run: one direction of one migration. */
typedef struct dbmig_step
{
	const char *tenant;
	const char *package;
	const char *version;
	dbmig_direction direction;
	bool		function;		/* text is the name of a function to call as
								 * f(package, version) */
	bool		foreign_keys;	/* K1: leave them on */
	bool		transactional;	/* N2: else each statement for itself */
	int			skip;			/* statements done before; not transactional */
	const char *role;			/* R1: run as this one, or NULL */
	const char *search_path;	/* or NULL */
	int64_t		lock_timeout;	/* L1: milliseconds, or -1 where it is not
								 * said */
	int			retries;		/* L2 */
	const char *text;			/* what runs */
	size_t		length;
	const char *source;			/* registered, where text is made from it, or
								 * NULL */
	size_t		source_length;
} dbmig_step;

/*
 * A step that is done.  It is put into words, as in "2/7 auth@3 create users
 * (12 ms)", only where somebody listens: printf(DBMIG_PROGRESS_FORMAT,
 * DBMIG_PROGRESS_ARGS(p)).
 */
typedef struct dbmig_progress
{
	int			done;
	int			total;
	dbmig_direction direction;
	const char *package;
	const char *version;
	const char *name;			/* or NULL */
	int64_t		microseconds;
	const char *tenant;			/* or "" */
} dbmig_progress;

#define DBMIG_PROGRESS_FORMAT "%s%s%d/%d %s%s@%s%s%s (%ld ms)"
#define DBMIG_PROGRESS_ARGS(p) \
	(p)->tenant, (p)->tenant[0] != '\0' ? ": " : "", (p)->done, (p)->total, (p)->direction == DBMIG_DOWN ? "rollback " : "", \
	(p)->package, (p)->version, (p)->name != NULL ? " " : "", \
	(p)->name != NULL ? (p)->name : "", (long) (((p)->microseconds + 500) / 1000)

/* What a host says of a step that failed, for the history. */
typedef struct dbmig_failure
{
	const char *code;			/* SQLSTATE or result code, or NULL */
	const char *message;		/* or NULL: the call's message */
	int			statement;		/* from 1; 0: not known */
	int			line;			/* from 1; 0: not known */
	bool		interrupted;	/* somebody wants the call to end */
} dbmig_failure;

/* What can be told of a script without running it. */
typedef struct dbmig_inspection
{
	bool		transactional;	/* N1: every statement can be in a transaction */
	const char *refusal;		/* A6: why it cannot run at all, or NULL: the
								 * statement's keyword and line, such as
								 * "ROLLBACK in line 3" */
} dbmig_inspection;

/*
 * What a database lends to the core.  The members give 0, or -1 after
 * dbmig_fail(); any of them may instead not return at all.
 */
typedef struct dbmig_host
{
	const char *engine;			/* "postgres" or "sqlite": the option's value */
	const char *migrate;		/* how dbmig_migrate is called, for hints */
	bool		keeps_locks;	/* over commit(), until release(): nobody else
								 * applies in between */
	bool		tenants_apart;	/* a tenant's "#." tables are not where the
								 * registry is: no statement has both */
	bool		has_clients;	/* that are told where to find it: setting
								 * client_host */

	/* size bytes, or NULL; free() takes what alloc() gave. */
	void	   *(*alloc) (dbmig_call *call, size_t size);
	void		(*free) (dbmig_call *call, void *p);

	/*
	 * Run one of the core's statements; row (may be NULL) is called for each
	 * row and does not query.  Not read whole into memory first.
	 */
	int			(*query) (dbmig_call *call, dbmig_sql id,
						  const dbmig_value *params, dbmig_row_fn row, void *arg);

	/*
	 * Refuse a caller from which this can never be done, whatever there is to
	 * do: a migration, the middle of another statement, and for
	 * DBMIG_MODE_MIGRATE and _WAIT an open transaction.
	 */
	int			(*caller) (dbmig_call *call, dbmig_mode mode);

	/*
	 * Begin work that writes: refuse what cannot be written (read-only,
	 * standby, the same callers), make the tables where they are not there
	 * yet, and open a transaction or savepoint.  Ended by exactly one of
	 * commit() and abort(); abort() cannot fail, and is also called after a
	 * commit() that gave -1.
	 *
	 * DBMIG_MODE_MIGRATE: transactions of its own, one after the other. Locks
	 * are kept over commit() until release(); abort() may lose them. Where
	 * locks end with the transaction, begin() sets call->moved once another
	 * connection has written in between.
	 */
	int			(*begin) (dbmig_call *call, dbmig_mode mode);
	int			(*lock) (dbmig_call *call, dbmig_lock lock, const char *tenant);
	int			(*commit) (dbmig_call *call);
	void		(*abort) (dbmig_call *call);
	void		(*release) (dbmig_call *call);

	/*
	 * R1: an error where the caller cannot have steps run as this role.  NULL
	 * where there are no roles.
	 */
	int			(*role) (dbmig_call *call, const char *role);

	/*
	 * Run a step, and leave the connection's settings as they were (A5).
	 * *statements: how many ran.  On failure the message says where (A4), and
	 * call->failure too.
	 *
	 * A step that is not transactional comes in no transaction: each of its
	 * statements, but those to be skipped, runs by itself, and is reported by
	 * dbmig_step_done() before the next begins.
	 */
	int			(*run) (dbmig_call *call, const dbmig_step *step,
						int *statements);

	/* Look at a script without running it.  A syntax error is no failure. */
	int			(*inspect) (dbmig_call *call, const char *text, size_t length,
							dbmig_inspection *result);

	/* Sleep, holding no snapshot and no lock; -1 where interrupted. */
	int			(*pause) (dbmig_call *call, double seconds);

	/* A7: say that a step is done.  -1: stop. */
	int			(*progress) (dbmig_call *call, const dbmig_progress *progress);

	/* Say what goes wrong with one tenant of many, the call's error. */
	void		(*warn) (dbmig_call *call, const char *text);

	/* Keep a setting; the core has checked name and value. */
	int			(*set) (dbmig_call *call, const char *name, const char *value);

	/*
	 * What follows is about this tenant until leave(), or the end of the SQL
	 * call: steps run there, "#." tables are its own, and so is what begin()
	 * begins.  Refuses what is not there (DBMIG_UNKNOWN) or can be no tenant;
	 * *name is what it is known by, also of one that cannot be entered now.
	 * Called outside of begin() and commit(); to enter another one leaves the
	 * one before.
	 */
	int			(*enter) (dbmig_call *call, const char *tenant,
						  const char **name);
	void		(*leave) (dbmig_call *call);
} dbmig_host;

/*
 * What was found settled: all of a package applied to a tenant as it is
 * registered, and nothing missing that it comes after.  A host that can tell
 * whether anything has changed since lends this; what has is never known.
 * Members give 0, or -1 after dbmig_fail(), or do not return.
 *
 * look: before the tables are read to plan by, what is written down later is
 * about this moment; package NULL: all; tenant NULL: only the registry.  known:
 * looks, and says whether the package, and all that it takes along, is settled.
 * settle: in the transaction that made it so or a later one, packages that are
 * whole or not; packages NULL: all that was looked at is.  all: so is what is
 * not among them.  tenants: a row (tenant, package) for each that is settled,
 * after a look at all; recall: as if it had looked at the next tenant then.
 * can_settle: whether anything can be written down.  forget: a tenant.
 */
typedef struct dbmig_memo
{
	int			(*look) (dbmig_call *call, const char *package,
						 const char *tenant);
	int			(*known) (dbmig_call *call, const char *package,
						  const char *tenant, bool *known);
	int			(*tenants) (dbmig_call *call, dbmig_row_fn row, void *arg);
	void		(*recall) (dbmig_call *call);
	bool		(*can_settle) (dbmig_call *call);
	int			(*settle) (dbmig_call *call, const char *tenant, size_t count,
						   const char *const *packages, const char *whole,
						   bool all);
	int			(*forget) (dbmig_call *call, const char *tenant);
} dbmig_memo;

/* The settings of the connection; the host fills them in before a call. */
typedef struct dbmig_settings
{
	double		lock_timeout;	/* seconds; 0: do not wait; below: nor say who
								 * holds it */
	bool		out_of_order;	/* O7: apply instead of refuse */
	bool		accept_changed; /* C2: accept instead of refuse */
	int			retries;		/* L2 */
} dbmig_settings;

#define DBMIG_LOCK_TIMEOUT_DEFAULT 60.0
#define DBMIG_LOCK_TIMEOUT_MAX 2147483.0
#define DBMIG_RETRIES_MAX 1000

struct dbmig_call
{
	const dbmig_host *host;
	void	   *data;			/* the host's own */
	dbmig_settings settings;
	const char *extension;		/* that is being created now, or NULL */
	const char *tenant;			/* that was entered, or "" */
	const char *way;			/* a hint for what cannot be in this
								 * transaction, or NULL: the usual one */
	const dbmig_memo *memo;		/* NULL; or the host's, where it has one */
	const struct dbmig_graph *registry; /* read once for many tenants, or NULL */
	struct dbmig_texts *texts;	/* likewise, of the steps that ran last */

	/* the error: the first to speak is believed */
	dbmig_status status;
	const char *message;
	const char *hint;			/* or NULL */
	dbmig_failure failure;

	bool		moved;			/* see begin() */

	struct dbmig_block *blocks; /* memory.c */
	struct dbmig_block *kept;	/* from before dbmig_part_begin() */
};

/*
 * memory.c: the memory and the error of one call.
 *
 * dbmig_call_begin: host and data are kept, not copied; sets the settings'
 * defaults.  dbmig_call_end frees all memory of the call, its error too.
 */
extern void dbmig_call_begin(dbmig_call *call, const dbmig_host *host,
							 void *data);
extern void dbmig_call_end(dbmig_call *call);

/*
 * Frees all memory of the call and forgets its error; dbmig_call_forgive only
 * forgets that.
 */
extern void dbmig_call_clear(dbmig_call *call);
extern void dbmig_call_forgive(dbmig_call *call);

/*
 * A part of a call has memory and an error of its own, which are gone with
 * dbmig_part_end(), and with them what the host took for the part.
 * dbmig_part_keep: a copy that outlives it.  dbmig_part_swap: what is allocated
 * next outlives it, until it is called again.
 */
extern void dbmig_part_begin(dbmig_call *call);
extern const char *dbmig_part_keep(dbmig_call *call, const char *text);
extern void dbmig_part_swap(dbmig_call *call);
extern void dbmig_part_end(dbmig_call *call);

/* Zeroed memory of the call, or NULL after dbmig_fail(). */
extern void *dbmig_alloc(dbmig_call *call, size_t size);

/*
 * An array of *capacity items of size bytes with room for one more than
 * count: array itself, or a larger copy that replaces it.
 */
extern void *dbmig_grow(dbmig_call *call, void *array, size_t count,
						size_t *capacity, size_t size);

/* Copies, NUL-terminated, or NULL after dbmig_fail(). */
extern char *dbmig_copy(dbmig_call *call, const char *text, size_t length);
extern char *dbmig_printf(dbmig_call *call, const char *fmt,...) DBMIG_PRINTF(2, 3);

/* Say what went wrong; hint may be NULL.  Always gives -1. */
extern int	dbmig_fail(dbmig_call *call, dbmig_status status, const char *hint,
					   const char *fmt,...) DBMIG_PRINTF(4, 5);

/* A text that grows; begin with {0}.  Append gives 0 or -1. */
typedef struct dbmig_buffer
{
	char	   *text;			/* NUL-terminated once something was appended */
	size_t		length;
	size_t		capacity;
} dbmig_buffer;

extern int	dbmig_append_bytes(dbmig_call *call, dbmig_buffer *buffer,
							   const char *text, size_t length);
extern int	dbmig_append_text(dbmig_call *call, dbmig_buffer *buffer,
							  const char *text);
extern int	dbmig_append_format(dbmig_call *call, dbmig_buffer *buffer,
								const char *fmt,...) DBMIG_PRINTF(3, 4);

/* Values for parameters and results. */
extern dbmig_value dbmig_null(void);
extern dbmig_value dbmig_int(int64_t integer);
extern dbmig_value dbmig_bool(bool integer);
extern dbmig_value dbmig_text(const char *text);	/* NULL gives NULL */

/*
 * tenants.c: for a host's dbmig_create_tenant and dbmig_remove_tenant.  A
 * count of -1: no packages yet.
 *
 * dbmig_tenant_furnish: enters what the host has just made, and applies the
 * packages (none: all), in one transaction.  username may be NULL.
 * dbmig_tenant_check_new: fails where it is known already; behind its lock.
 * dbmig_tenant_find: *username is NULL where it has none.
 * dbmig_tenant_forget: its records; in a transaction that has its lock.
 * dbmig_tenant_note: a line of the history that is about no migration.
 */
extern int	dbmig_tenant_furnish(dbmig_call *call, const char *tenant,
								 const char *username, int count,
								 const dbmig_value *packages, int *applied);
extern int	dbmig_tenant_check_new(dbmig_call *call, const char *tenant);
extern int	dbmig_tenant_find(dbmig_call *call, const char *tenant,
							  bool *found, const char **username);
extern int	dbmig_tenant_forget(dbmig_call *call, const char *tenant);
extern int	dbmig_tenant_note(dbmig_call *call, const char *tenant,
							  const char *action);

/* text.c: where a byte of a script is, both from 1, column in characters. */
extern void dbmig_position(const char *text, size_t offset,
						   int *line, int *column);

/*
 * Files of the machine this runs on.  dbmig_files_same: two names of one file
 * that is there.  dbmig_files_place: the whole path without links in its
 * folder, or as it is where there is no such folder; NULL without memory.
 */
extern bool dbmig_files_same(const char *one, const char *other);
extern const char *dbmig_files_place(dbmig_call *call, const char *path);

extern bool dbmig_utf8_valid(const char *text, size_t length);

/*
 * migrate.c: called by a host between the statements of a step that is not
 * transactional, outside of any transaction, or before the commit of one of
 * its own, which begin() then joins.  statements: how many are done.
 */
extern int	dbmig_step_done(dbmig_call *call, const dbmig_step *step,
							int statements);

/*
 * For a host whose locks end with the transaction: how many statements of the
 * step are recorded as done, by this call or another at the same step.
 */
extern int	dbmig_step_seen(dbmig_call *call, const dbmig_step *step,
							int *statements);

/* Where in its source a byte of a step's text is, as dbmig_position(). */
extern void dbmig_step_position(const dbmig_host *host, const dbmig_step *step,
								size_t offset, int *line, int *column);

/*
 * uuid.c and timestamp.c: values that both engines have, in the same text.
 *
 * dbmig_uuid4_make and _uuid7_make: from 16 random bytes.  last is kept by the
 * host from one to the next, 0 at first.  dbmig_timestamp_read: NULL, or what
 * is wrong.  dbmig_timestamp_format: false beyond the years 0000 to 9999.
 */
#define DBMIG_UUID_SIZE 37		/* with its NUL */
#define DBMIG_TIMESTAMP_SIZE 28

extern void dbmig_uuid4_make(unsigned char *uuid);
extern void dbmig_uuid7_make(unsigned char *uuid, int64_t microseconds,
							 int64_t *last);
extern void dbmig_uuid_format(const unsigned char *uuid, char *text);
extern bool dbmig_uuid_read(const char *text, size_t length,
							unsigned char *uuid);
extern int64_t dbmig_clock_us(void);
extern const char *dbmig_timestamp_read(const char *text, size_t length,
										int64_t *microseconds);
extern bool dbmig_timestamp_format(int64_t microseconds, char *text);

/* Their errors: "%.*s" is the text, or DBMIG_SHOWN bytes of it. */
#define DBMIG_SHOWN 100
#define DBMIG_BAD_UUID "invalid UUID: \"%.*s\""
#define DBMIG_BAD_UUID_HINT "A UUID is 32 hex digits, such as 0192e4a5-7c3b-7d21-8f6e-3b2a1c0d9e8f."
#define DBMIG_BAD_TIMESTAMP "invalid timestamp \"%.*s\": %s"
#define DBMIG_BAD_TIMESTAMP_HINT "It is written as in RFC 3339, such as 2026-11-22T08:14:00.25+02:00."

/*
 * functions.c: every SQL function that the engines share.
 *
 * scalar functions have one result, others call emit once a row.  arguments
 * and columns are lists as SQL declares them: "package, version", and
 * "position INTEGER, package TEXT".
 */
#define DBMIG_READS 0
#define DBMIG_WRITES 1			/* registers, applies, sets */
#define DBMIG_PURE 2			/* the same result always */

typedef struct dbmig_function
{
	const char *name;
	int			min_args;
	int			max_args;		/* -1: any number */
	int			flags;
	int			(*scalar) (dbmig_call *call, int nargs, const dbmig_value *args,
						   dbmig_value *result);
	int			(*rows) (dbmig_call *call, int nargs, const dbmig_value *args,
						 dbmig_row_fn emit, void *arg);
	const char *arguments;		/* of rows */
	const char *columns;		/* of rows */
} dbmig_function;

extern const dbmig_function dbmig_functions[];
extern const int dbmig_function_count;

/* The function of this name, or NULL. */
extern const dbmig_function *dbmig_function_find(const char *name);

#endif							/* DBMIG_CORE_H */
