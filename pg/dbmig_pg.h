/*
 * dbmig_pg.h
 *		What the files of the PostgreSQL host share.
 *
 * One dbmig_pg stands behind each dbmig_call.  While a call runs, search_path
 * is DBMIG_SAFE_PATH, so that dbmig's own SQL finds nothing of a user's; a
 * script gets the caller's search_path back while it runs, or its tenant's.
 */
#ifndef DBMIG_PG_H
#define DBMIG_PG_H

#include "postgres.h"

#include "fmgr.h"
#include "access/genam.h"
#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "utils/guc.h"

#include "dbmig_core.h"

#define DBMIG_SAFE_PATH "pg_catalog, pg_temp"

typedef struct dbmig_looked dbmig_looked;

typedef struct dbmig_pg
{
	MemoryContext context;		/* of the call */
	Oid			schema_oid;		/* where dbmig's tables are */
	const char *schema;			/* its name */
	const char *search_path;	/* of scripts: the caller's, or the tenant's */
	const char *callers_path;	/* while a tenant is entered */
	Oid			user;			/* the caller */
	const char *function;		/* that was called */
	bool		place_checked;	/* X1: this is no Citus worker */
	bool		top;			/* a CALL by itself, which may end the
								 * transaction */
	int			nest;			/* the GUC nest level that is open, or -1 */
	bool		safe;			/* search_path is DBMIG_SAFE_PATH there */
	int			sqlstate;		/* where the status alone does not say it */

	/* transaction.c: what is used where own is set */
	bool		own;			/* the transactions are the call's own */
	bool		waiting;		/* nothing is written */
	bool		switched;		/* the script's user is put aside */
	Oid			script_user;
	int			script_context;
	ErrorData  *error;			/* of the step that failed: thrown last */
	const char *step;			/* what a commit commits, for its error */
	const char *first_context;	/* of the first tenant that failed, or "" */

	/* lock.c */
	bool		locked;			/* in transactions of its own */
	bool		lock_taken;		/* the tenant's, by this call */
	bool		lost;			/* registrars were let in by an abort */
	Oid			lock_class;
	uint32		lock_tenant;

	/* blockers.c */
	bool		timeout_known;
	bool		own_timeout;	/* the session has a lock_timeout */
	bool		sight_known;

	bool		was_running;	/* the step that begins was cut off before */
	Oid			maker;			/* grants.c: the last who was asked about, in
								 * the step */

	dbmig_looked *looked;		/* settled.c: the stamps that were seen */
} dbmig_pg;

/* Where a step is; what an error's context is made of (A4). */
typedef struct dbmig_place
{
	const dbmig_step *step;
	const char *script;			/* NULL: a function */
	const char *statement;		/* NULL: none runs, the script may be parsed */
	size_t		start;			/* of the statement, in the script */
	int			number;			/* of the statement */
	int			line;			/* of the last message */
} dbmig_place;

/* dbmig_pg.c */
extern const dbmig_host dbmig_pg_host;
extern char *dbmig_pg_client_host;	/* that tenants are told, or "" */
extern bool dbmig_pg_running;	/* a migration runs in this backend now */

/* X1: 0, or -1 where dbmig has no business on this node. */
extern int	dbmig_pg_check_place(dbmig_call *call);

/* For the rest of the GUC nest level that the caller has opened. */
extern void dbmig_pg_set_search_path(const char *path);

/* Throws the call's error. */
extern void dbmig_pg_raise(dbmig_call *call);

/* The settings of the session. */
extern void dbmig_pg_settings(dbmig_settings *settings);

/*
 * transaction.c: transactions of the call's own.
 *
 * dbmig_pg_own: ends the caller's, for good.  dbmig_pg_open: opens the nest
 * level in the transaction there is, as the caller.  dbmig_pg_connect: SPI,
 * with the safe search_path from then on.
 * dbmig_pg_next: commits, and begins the next.  dbmig_pg_undo: the same,
 * undone; never throws.  dbmig_pg_sleep: in no transaction.
 * dbmig_pg_keep_error: in PG_CATCH, makes the error the call's; gives -1.
 */
extern void dbmig_pg_own(dbmig_pg *pg);
extern void dbmig_pg_open(dbmig_pg *pg);
extern void dbmig_pg_connect(dbmig_pg *pg);
extern void dbmig_pg_next(dbmig_pg *pg);
extern void dbmig_pg_undo(dbmig_pg *pg);
extern void dbmig_pg_sleep(dbmig_pg *pg, long milliseconds);
extern int	dbmig_pg_keep_error(dbmig_call *call, const dbmig_place *at);
extern int	dbmig_pg_commit(dbmig_call *call);
extern void dbmig_pg_abort(dbmig_call *call);
extern int	dbmig_pg_pause(dbmig_call *call, double seconds);

/* address.c: a URI of this database */
extern const char *dbmig_pg_connection_string(const char *username,
											  const char *password);

/*
 * schema.c
 *
 * dbmig_pg_find_tenant: whether the tenant is known; username is "" where it
 * has no role.  dbmig_pg_check_schema: whether the step's tenant can be used
 * now.  dbmig_pg_check_dropped: whether a statement of the step has left it.
 */
extern bool dbmig_pg_find_tenant(const dbmig_pg *pg, const char *tenant,
								 const char **username);
extern int	dbmig_pg_enter(dbmig_call *call, const char *tenant,
						   const char **name);
extern void dbmig_pg_check_schema(const dbmig_step *step);
extern void dbmig_pg_check_dropped(const dbmig_step *step);
extern void dbmig_pg_leave(dbmig_call *call);

/*
 * grants.c
 *
 * dbmig_pg_execute: one statement, as the present user.  dbmig_pg_grant_later:
 * what owner (NULL: the present user) makes in the schema from now on can be
 * used by the tenant's role.  dbmig_pg_grant_rest: so can what migrations have
 * made there behind dbmig_pg_share()'s back, by a DO block that sets a role or a
 * SECURITY DEFINER function.  dbmig_pg_owner: of a table or view.
 * dbmig_pg_share: in the transaction of the step, which may then change its
 * user, before he makes something: whether there was anything to do.
 */
extern void dbmig_pg_execute(const char *format,...) DBMIG_PRINTF(1, 2);
extern void dbmig_pg_grant_later(const char *owner, const char *schema,
								 const char *username);
extern void dbmig_pg_grant_rest(const char *schema, const char *username);
extern Oid	dbmig_pg_owner(Oid relation);
extern bool dbmig_pg_share(dbmig_pg *pg, const dbmig_step *step);

/* tenant.c: functions that only this host has, by name; or NULL */
extern const dbmig_function *dbmig_pg_tenant_function(const char *name);

/*
 * query.c
 *
 * dbmig_pg_guard: runs what reads or writes dbmig's tables.  In a transaction
 * of the call's own it gets a snapshot, and its error becomes the call's.
 */
typedef int (*dbmig_pg_work) (dbmig_call *call, void *arg);
extern int	dbmig_pg_query(dbmig_call *call, dbmig_sql id,
						   const dbmig_value *params, dbmig_row_fn row,
						   void *arg);
extern int	dbmig_pg_guard(dbmig_call *call, dbmig_pg_work work, void *arg);

/*
 * direct.c: dbmig_pg_direct: false where the statement is to be run.
 * dbmig_pg_insert_key: a row's, by its columns, into an index of the table;
 * false where that cannot say at once that there is no other such key.
 */
extern bool dbmig_pg_direct(dbmig_call *call, dbmig_sql id,
							const dbmig_value *params, dbmig_row_fn emit,
							void *arg, int *result);
extern bool dbmig_pg_insert_key(Relation table, Oid index,
								IndexUniqueCheck check, const Datum *values,
								const bool *nulls, ItemPointer at);

/* settled.c */
extern const dbmig_memo dbmig_pg_memo;

/* lock.c */
extern int	dbmig_pg_lock(dbmig_call *call, dbmig_lock lock,
						  const char *tenant);
extern bool dbmig_pg_lock_again(dbmig_pg *pg);
extern void dbmig_pg_lock_alone(dbmig_pg *pg, bool held);
extern void dbmig_pg_release(dbmig_call *call);
extern void dbmig_pg_unlock(dbmig_pg *pg);

/* An old snapshot's verdict: says so where a newer one might give another. */
extern void dbmig_pg_check_latest(dbmig_call *call, const char *tenant);

/*
 * blockers.c: L1.
 *
 * dbmig_pg_set_lock_timeout: for a step, in the GUC nest level that is open, or
 * for the session.  dbmig_pg_watch_locks: before each statement of a step.
 * dbmig_pg_watch_end: at the end of the call.  dbmig_pg_add_blockers: from an
 * error's context callback.
 */
extern void dbmig_pg_set_lock_timeout(dbmig_call *call, const dbmig_step *step,
									  bool nested);
extern void dbmig_pg_watch_locks(void);
extern void dbmig_pg_watch_end(void);
extern void dbmig_pg_add_blockers(void);

/*
 * retry.c: L2.  tries: so many have failed.
 */
typedef int (*dbmig_try_fn) (dbmig_call *call, dbmig_place *at,
							 int *statements);
extern bool dbmig_pg_may_retry(const dbmig_step *step, int code, int tries);
extern long dbmig_pg_say_retry(const dbmig_step *step, const ErrorData *error,
							   int tries);
extern int	dbmig_pg_run_tries(dbmig_call *call, dbmig_place *at,
							   int *statements, dbmig_try_fn run);

/*
 * role.c: R1.  dbmig_pg_role: whether the caller can run a step as the role.
 * Between _begin and _end, in one transaction, it is the role; nothing is
 * where the step has none.  _on and _off: outside of a transaction; an abort
 * takes it off.
 */
typedef struct dbmig_role
{
	bool		active;
	Oid			user;			/* before */
	int			context;
	List	   *cursors;
} dbmig_role;

extern int	dbmig_pg_role(dbmig_call *call, const char *role);
extern void dbmig_pg_role_begin(dbmig_pg *pg, const dbmig_step *step,
								dbmig_role *kept);
extern void dbmig_pg_role_end(const dbmig_step *step, const dbmig_role *kept);
extern void dbmig_pg_role_on(dbmig_pg *pg, const dbmig_step *step);
extern void dbmig_pg_role_off(dbmig_pg *pg, const dbmig_step *step);

/*
 * script.c
 *
 * dbmig_pg_describe: the migration's name, as in messages.
 * dbmig_pg_check_statements: 0, or -1 for a statement that is refused (A6).
 * dbmig_pg_statement_text: without what stands before and behind it.
 * dbmig_pg_run_statement: within the transaction that is open.
 * dbmig_pg_keep_path: behind a statement, which may have reset search_path to
 * the session's: to the step's, where that is another.
 */
extern int	dbmig_pg_run(dbmig_call *call, const dbmig_step *step,
						 int *statements);
extern const char *dbmig_pg_describe(const dbmig_step *step);
extern void dbmig_pg_add_context(void *place);
extern int	dbmig_pg_check_statements(dbmig_call *call,
									  const dbmig_place *at,
									  List *statements);
extern void dbmig_pg_say_skipped(const dbmig_place *at, Node *statement,
								 const char *reason);
extern char *dbmig_pg_statement_text(const char *text, const RawStmt *raw,
									 size_t start);
extern const char *dbmig_pg_step_path(const dbmig_pg *pg,
									  const dbmig_step *step);
extern void dbmig_pg_keep_path(const dbmig_pg *pg, const dbmig_step *step,
							   Node *statement, GucAction action);
extern void dbmig_pg_run_statement(RawStmt *raw, const char *text);
extern void dbmig_pg_run_function(const dbmig_step *step);

/* alone.c: N2 */
extern int	dbmig_pg_run_alone(dbmig_call *call, const dbmig_step *step,
							   int *statements);
extern void dbmig_pg_run_at_top(const char *text);

/*
 * leftover.c: N3, before a statement that runs alone.  True: it need not run,
 * as it was done when the server or the session was cut off, or is done now.
 */
extern bool dbmig_pg_clear_leftovers(dbmig_pg *pg, Node *statement,
									 bool was_running);

/* session.c: the session's settings before a script, and after it (A5) */
typedef struct dbmig_session dbmig_session;
extern dbmig_session *dbmig_pg_session_save(void);
extern void dbmig_pg_session_restore(const dbmig_session *saved);

/*
 * inspect.c: what a script holds.
 *
 * dbmig_pg_begin_text: without a BOM.  dbmig_pg_skip_blank: the first byte at
 * or after offset that is neither white space nor comment.
 * dbmig_pg_statement_at: number (from 1), first byte and end of the statement
 * that has the byte at offset, in a script that need not parse.
 * dbmig_pg_refused: the words for a statement that no migration may have
 * (A6), or NULL.  dbmig_pg_skipped: BEGIN or COMMIT.  dbmig_pg_skip_quoted and
 * _skip_dollar: behind the string or quoted identifier at p.
 */
extern int	dbmig_pg_inspect(dbmig_call *call, const char *text,
							 size_t length, dbmig_inspection *result);
extern const char *dbmig_pg_begin_text(const char *text);
extern size_t dbmig_pg_skip_blank(const char *text, size_t offset);
extern void dbmig_pg_statement_at(const char *text, size_t offset,
								  int *number, size_t *start, size_t *end);
extern const char *dbmig_pg_skip_quoted(const char *p, bool backslash);
extern const char *dbmig_pg_skip_dollar(const char *p);
extern const char *dbmig_pg_refused(Node *statement);
extern bool dbmig_pg_skipped(Node *statement);

/*
 * N1: it calls PreventInTransactionBlock().  statements: the script's.
 */
extern bool dbmig_pg_needs_no_transaction(Node *statement, List *statements);

/*
 * literal.c: N1, what the text of strings tells.
 *
 * dbmig_pg_commits: a DO block with a COMMIT or ROLLBACK.
 * dbmig_pg_uses_new_label: the statement at cell is an ALTER TYPE ... ADD
 * VALUE, and a later one of the script uses the value.
 */
extern bool dbmig_pg_commits(Node *statement);
extern bool dbmig_pg_uses_new_label(const char *text, List *statements,
									ListCell *cell);

#endif							/* DBMIG_PG_H */
