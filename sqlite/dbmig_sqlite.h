/*
 * dbmig_sqlite.h
 *		What the files of the SQLite host offer each other.
 *
 * dbmig_connection lives as long as the functions are registered; dbmig_work
 * lives for one SQL call.  No statement of ours outlives the call, so that the
 * connection can always be closed.  No authorizer, busy handler, progress
 * handler, trace or hook is ever set: they belong to the program.
 */
#ifndef DBMIG_SQLITE_H
#define DBMIG_SQLITE_H

#include <sqlite3ext.h>

#include "dbmig_core.h"

typedef struct dbmig_connection dbmig_connection;

typedef enum dbmig_transaction
{
	DBMIG_TRANSACTION_NONE,
	DBMIG_TRANSACTION_OWN,		/* BEGIN IMMEDIATE, and a savepoint in it */
	DBMIG_TRANSACTION_JOINED	/* a savepoint in the caller's */
} dbmig_transaction;

/* What a registered function or module gets as its user data. */
typedef struct dbmig_binding
{
	dbmig_connection *connection;
	const dbmig_function *function; /* NULL for the empty tables */
} dbmig_binding;

/* What dbmig_set() sets. */
typedef struct dbmig_choices
{
	dbmig_settings settings;
	char		progress[256];	/* "on", "off", or an SQL function's name */
} dbmig_choices;

struct dbmig_connection
{
	sqlite3    *db;
	int			references;		/* registrations that point here */
	bool		complete;		/* everything is registered */
	struct dbmig_work *running; /* applies migrations now, or NULL */
	dbmig_transaction left_open;	/* that could not be ended */
	dbmig_choices choices;
	int64_t		last_uuid7;		/* the time in it */
	struct dbmig_saved *saved;	/* settings that are still to be put back */
	dbmig_binding bindings[1];	/* really one a function, one a table */
};

/* The violations that were there before the first step. */
typedef struct dbmig_violation
{
	int64_t		rowid;			/* 0 where has_rowid is false */
	uint32_t	table;			/* index of names */
	uint32_t	parent;
	bool		has_rowid;
	bool		used;			/* was met again */
} dbmig_violation;

typedef struct dbmig_fkeys
{
	bool		taken;
	const char **names;
	size_t		name_count;
	size_t		name_capacity;
	dbmig_violation *before;
	size_t		before_count;
	size_t		before_capacity;
} dbmig_fkeys;

/* The connection's flags as they were before a step. */
#define DBMIG_FLAG_COUNT 8
typedef struct dbmig_kept
{
	bool		any;			/* foreign_keys is */
	bool		all;			/* the rest is, too */
	bool		foreign_keys;
	bool		flags[DBMIG_FLAG_COUNT];
	dbmig_choices choices;
} dbmig_kept;

/* Statements of the core that wait (queue.c). */
typedef struct dbmig_queue
{
	bool		off;			/* nothing may wait */
	bool		failed;			/* one of them did: nothing may be committed */
	struct dbmig_queued *entries;
	size_t		count;
	dbmig_buffer texts;
	double		since;			/* the first has waited */
} dbmig_queue;

typedef struct dbmig_work
{
	dbmig_call *call;
	dbmig_connection *connection;
	sqlite3    *db;
	struct dbmig_work *home;	/* of a tenant's: the caller's, or NULL */
	struct dbmig_work *room;	/* for a tenant's, or NULL */
	struct dbmig_deferred *deferred;	/* see tenant.c */
	bool		names_tenants;	/* needs the tables for it */
	bool		keeps_tenant;	/* that it names is committed */
	bool		main_only;		/* begins to write in no attached database */
	const char *function;		/* that was called */
	int			code;			/* SQLite's, with DBMIG_ENGINE */
	dbmig_transaction transaction;
	bool		nested;			/* called by a migration */
	int			inner;			/* begins in a transaction of our own */
	bool		alone;			/* in a step that is not transactional: its
								 * settings last over several transactions */
	bool		migrates;		/* in DBMIG_MODE_MIGRATE, over all of its
								 * transactions */
	const char *package;		/* of the last step that ran */
	const char *version;
	bool		waits;			/* holds nothing between its queries */
	sqlite3_int64 data_version; /* at the last begin of many, or 0 */
	bool		joined;			/* transaction was JOINED, kept after its end */
	bool		steps;			/* in a transaction that runs migrations */
	bool		was_reading;	/* the transaction had begun to read before */
	bool		writes;			/* the function is one that writes */
	bool		reserved;		/* see dbmig_transaction_reserve() */
	bool		damaged;		/* a transaction is still open: say so */
	bool		unsure;			/* a migration has ended the transaction */
	dbmig_transaction undone;	/* the last one, since there was a step */
	bool		undone_alone;	/* and it was one statement's */
	sqlite3_int64 rowid;		/* last_insert_rowid at the start */
	bool		prepared;		/* one of statements is */
	sqlite3_stmt *statements[DBMIG_SQL_COUNT];
	sqlite3_stmt *savepoint;
	sqlite3_stmt *release;
	sqlite3_stmt *guard;		/* see transaction.c */
	sqlite3_stmt *holder;
	sqlite3_stmt *pin;
	dbmig_fkeys fkeys;
	dbmig_queue queue;
	dbmig_kept	kept;
} dbmig_work;

/*
 * dbmig_sqlite.c.  dbmig_connection_make: with one reference, or NULL; enough
 * to look at the database.  dbmig_connection_complete: with all functions that
 * a migration may call; gives SQLite's code.
 */
extern dbmig_connection *dbmig_connection_make(sqlite3 *db, int *rc);
extern int	dbmig_connection_complete(dbmig_connection *connection);
extern void dbmig_connection_release(dbmig_connection *connection);
extern void dbmig_result(sqlite3_context *context, const dbmig_value *value);

/* host.c */
extern const dbmig_host dbmig_sqlite_host;

/* work.c: begin and end of one SQL call, its error */
extern void dbmig_work_begin(dbmig_work *work, dbmig_call *call,
							 const dbmig_binding *binding);
extern void dbmig_work_forget(dbmig_work *work);
extern void dbmig_work_finish(dbmig_work *work);
extern void dbmig_work_end(dbmig_work *work);
extern char *dbmig_work_error(dbmig_work *work, int *code);
extern int	dbmig_work_argument(dbmig_work *work, int number,
								sqlite3_value *value, dbmig_value *result);
extern void dbmig_work_note(dbmig_work *work);
extern int	dbmig_sqlite_query(dbmig_call *call, dbmig_sql id,
							   const dbmig_value *params, dbmig_row_fn row,
							   void *arg);

/* A reader's several queries see one state, from pin to unpin. */
extern int	dbmig_work_pin(dbmig_work *work);
extern void dbmig_work_unpin(dbmig_work *work);

/* On the work's own connection, the caller's or the tenant's. */
extern int	dbmig_query_own(dbmig_work *work, dbmig_sql id,
							const dbmig_value *params, dbmig_row_fn row,
							void *arg);
extern int	dbmig_query_now(dbmig_work *work, dbmig_sql id,
							const dbmig_value *params, dbmig_row_fn row,
							void *arg);

/*
 * SQLite's last error as the call's: doing is "could not ...", or NULL.  Always
 * gives -1.
 */
extern int	dbmig_work_fail(dbmig_work *work, int rc, const char *doing);

/* Run SQL that gives no rows; gives SQLite's extended code. */
extern int	dbmig_work_exec(dbmig_work *work, const char *sql);

/* caller.c: may this call be made here, and may it write?  0 or -1 */
extern int	dbmig_sqlite_caller(dbmig_call *call, dbmig_mode mode);
extern int	dbmig_caller_check(dbmig_work *work, dbmig_mode mode);
extern bool dbmig_caller_replicated(dbmig_work *work);

/* transaction.c */
extern int	dbmig_transaction_begin(dbmig_call *call, dbmig_mode mode);
extern int	dbmig_transaction_commit(dbmig_call *call);
extern void dbmig_transaction_abort(dbmig_call *call);
extern void dbmig_transaction_release(dbmig_call *call);
extern int	dbmig_guard_arm(dbmig_work *work);
extern int	dbmig_guard_hold(dbmig_work *work);
extern int	dbmig_guard_let_go(dbmig_work *work);
extern int	dbmig_guard_ready(dbmig_work *work);
extern void dbmig_transaction_clean(dbmig_connection *connection);

extern int	dbmig_transaction_reserve(dbmig_work *work);
extern int	dbmig_transaction_look(dbmig_work *work);

/* wait.c */
extern double dbmig_seconds_now(void);
extern bool dbmig_is_locked(int rc);
extern bool dbmig_interrupted(sqlite3 *db);
extern bool dbmig_work_interrupted(const dbmig_work *work);
extern int	dbmig_sqlite_pause(dbmig_call *call, double seconds);

typedef struct dbmig_wait
{
	double		since;
	double		slept;			/* seconds */
	int			delay;			/* milliseconds */
	bool		begins;			/* waits for another writer */
} dbmig_wait;

extern bool dbmig_wait_more(dbmig_work *work, dbmig_wait *wait, int rc);

/* queue.c */
extern bool dbmig_queue_named(const char *text);
extern int	dbmig_queue_add(dbmig_work *work, dbmig_sql id,
							const dbmig_value *params);
extern int	dbmig_queue_flush(dbmig_work *work);
extern void dbmig_queue_clear(dbmig_work *work);

/* tables.c */
#define DBMIG_TABLE_COUNT 7
extern const char *dbmig_table_name(int table);
extern bool dbmig_table_everywhere(int table);	/* in a tenant's file, too */
extern char *dbmig_tables_lock(dbmig_work *work);
extern int	dbmig_tables_make(dbmig_work *work);
extern const sqlite3_module dbmig_empty_module;

/* rows.c */
extern const sqlite3_module dbmig_rows_module;

/* split.c: the tokens and statements of a script */
typedef enum dbmig_token_kind
{
	DBMIG_TOKEN_END,
	DBMIG_TOKEN_SEMICOLON,
	DBMIG_TOKEN_WORD,			/* keyword, name or number */
	DBMIG_TOKEN_NAME,			/* "x", [x] or `x` */
	DBMIG_TOKEN_STRING,			/* 'x' */
	DBMIG_TOKEN_OTHER
} dbmig_token_kind;

typedef struct dbmig_token
{
	dbmig_token_kind kind;
	const char *text;
	size_t		length;
} dbmig_token;

/* What the first words of a statement tell. */
typedef enum dbmig_sort
{
	DBMIG_SORT_ORDINARY,
	DBMIG_SORT_EMPTY,			/* the end of the script */
	DBMIG_SORT_SKIPPED,			/* BEGIN, COMMIT, END: A6 */
	DBMIG_SORT_REFUSED,			/* A6 */
	DBMIG_SORT_TOP_LEVEL,		/* N1: not in a transaction */
	DBMIG_SORT_PRAGMA,
	DBMIG_SORT_DROP_TABLE,
	DBMIG_SORT_RENAME_TABLE
} dbmig_sort;

typedef struct dbmig_look
{
	dbmig_sort	sort;
	const char *start;			/* its first token */
	dbmig_token keyword;
	dbmig_token schema;			/* PRAGMA, DROP TABLE; END where not given */
	dbmig_token name;			/* PRAGMA, DROP TABLE; the new one of a rename */
	dbmig_token value;			/* PRAGMA; END where it only reads */
} dbmig_look;

extern const char *dbmig_token_next(const char *p, dbmig_token *token);
extern bool dbmig_token_is(const dbmig_token *token, const char *word);
extern bool dbmig_token_called(const dbmig_token *token, const char *word);
extern char *dbmig_token_name(dbmig_call *call, const dbmig_token *token);
extern void dbmig_statement_look(const char *p, dbmig_look *look);
extern const char *dbmig_statement_end(const char *p);
extern int	dbmig_script_inspect(dbmig_call *call, const char *text,
								 size_t length, dbmig_inspection *result);

/* A step that runs. */
typedef struct dbmig_run
{
	dbmig_call *call;
	dbmig_work *work;
	const dbmig_step *step;
	int			number;			/* of the statement, from 1 */
	bool		schema_changed; /* perhaps */
	const char *start;			/* of the statement */
	char	  **dropped;		/* tables that the script has dropped */
	size_t		dropped_count;
	size_t		dropped_capacity;
} dbmig_run;

/* script.c */
extern int	dbmig_script_run(dbmig_call *call, const dbmig_step *step,
							 int *statements);
extern int	dbmig_run_statement(dbmig_run *r, const dbmig_look *look,
								const char **tail);
extern int	dbmig_run_function(dbmig_run *r, int *statements);

/* place.c: the statement that failed, and at is where in it, or NULL */
extern int	dbmig_run_fail(dbmig_run *r, int code, const char *at,
						   const char *text);
extern int	dbmig_run_fail_statement(dbmig_run *r, bool compiling);
extern int	dbmig_run_refuse(dbmig_run *r, dbmig_status status,
							 const dbmig_look *look);
extern void dbmig_run_notice(dbmig_run *r, const dbmig_look *look,
							 const char *reason);

/* alone.c: a step that is not transactional */
extern int	dbmig_alone_run(dbmig_run *r, int *statements);

/* second.c: what needs a connection of its own */
typedef struct dbmig_second
{
	dbmig_look *settings;		/* page_size, auto_vacuum, in their order */
	size_t		count;
	size_t		capacity;
} dbmig_second;

extern bool dbmig_is_query_only(sqlite3 *db);
extern const char *dbmig_second_refusal(dbmig_work *work);
extern int	dbmig_second_remember(dbmig_run *r, dbmig_second *second,
								  const dbmig_look *look);
extern int	dbmig_second_run(dbmig_run *r, const dbmig_second *second,
							 bool vacuum);

/* A file as a URI; as: a name of SQLite's whose parameters it gets, or NULL. */
extern char *dbmig_file_uri(dbmig_call *call, const char *path, const char *as);

/* What runs on db ends when the work's own connection is interrupted. */
extern void dbmig_watch_interrupt(sqlite3 *db, dbmig_work *work);

/*
 * tenant.c: a tenant's file on a connection of its own.  dbmig_tenant_place:
 * where the file is that is meant by a name.  dbmig_tenant_keep: before its
 * commit, what the registry is to keep.
 */
typedef struct dbmig_place
{
	sqlite3_vfs *vfs;
	const char *name;			/* as it was given */
	const char *path;			/* whole */
	const char *attached;		/* its name in SQLite, which has the
								 * parameters it was opened with, or NULL */
} dbmig_place;

extern dbmig_work *dbmig_tenant_home(const dbmig_call *call);
extern int	dbmig_tenant_place(dbmig_call *call, const char *name,
							   dbmig_place *at);
extern int	dbmig_tenant_open(dbmig_call *call, const char *tenant,
							  const char **name);
extern void dbmig_tenant_close(dbmig_call *call);
extern int	dbmig_tenant_caller(dbmig_work *work);
extern int	dbmig_tenant_registry(dbmig_work *work);
extern int	dbmig_tenant_keep(dbmig_work *work);
extern int	dbmig_tenant_query(dbmig_work *work, dbmig_sql id,
							   const dbmig_value *params, dbmig_row_fn row,
							   void *arg);

/* tenant_make.c: the SQL functions that only SQLite has */
#define DBMIG_TENANT_FUNCTION_COUNT 2
extern const dbmig_function dbmig_tenant_functions[DBMIG_TENANT_FUNCTION_COUNT];

/* settings.c: what a script may change and gets back */
extern void dbmig_foreign_keys_save(dbmig_work *work);
extern void dbmig_flags_save(dbmig_work *work);
extern void dbmig_flags_restore(dbmig_work *work);
extern void dbmig_foreign_keys_restore(dbmig_work *work);
extern bool dbmig_flag_get(sqlite3 *db, int flag);
extern void dbmig_flag_set(sqlite3 *db, int flag, bool on);

/*
 * Before a PRAGMA that sets something runs: keep what is there.  *skip: it
 * would take something from the program, and is left out.
 */
extern int	dbmig_pragma_before(dbmig_work *work, const dbmig_look *look,
								bool *skip);
extern void dbmig_pragmas_restore(dbmig_connection *connection);
extern void dbmig_pragmas_forget(dbmig_connection *connection);
extern bool dbmig_pragma_is_on(const dbmig_token *value);
extern int	dbmig_pragma_is_setting(dbmig_work *work, const dbmig_look *look,
									bool *setting);
extern int	dbmig_journal_mode_save(dbmig_work *work, const char *before,
									const char *after);

/* values.c: gives SQLite's code */
extern int	dbmig_values_register(dbmig_connection *connection);

/* fkeys.c: K1 */
extern int	dbmig_fkeys_before(dbmig_work *work);
extern int	dbmig_fkeys_after(dbmig_work *work);
extern bool dbmig_fkeys_deferred(sqlite3 *db);

#endif							/* DBMIG_SQLITE_H */
