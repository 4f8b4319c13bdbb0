/*
 * alone.c
 *		A step whose statements cannot be in one transaction (N2).
 *
 * Each statement runs as one that the client has sent by itself: through a
 * portal, at top level, in a transaction of its own, with the session's
 * settings.  A BEGIN to its COMMIT is one transaction, as it is in psql.  What
 * can be in a transaction is recorded in that same one; only statements that
 * cannot are recorded in one behind, and leftover.c knows what a crash in
 * between means.  Statements are counted without BEGIN and COMMIT; a second run
 * goes on behind the last one recorded, but sets anew what the ones before
 * have set.
 *
 * With a role (R1) only what cannot be in a transaction runs at top level.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "parser/analyze.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "dbmig_pg.h"

/* In the current transaction, which is left open; nothing else has run in it. */
void
dbmig_pg_run_at_top(const char *text)
{
	RawStmt    *raw = linitial_node(RawStmt, pg_parse_query(text));
	bool		snapshot = analyze_requires_snapshot(raw);
	MemoryContext context = CurrentMemoryContext;
	List	   *planned;
	Portal		portal;

	if (snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	planned = pg_plan_queries(compat_analyze(raw, text), text,
							  CURSOR_OPT_PARALLEL_OK, NULL);
	if (snapshot)
		PopActiveSnapshot();
	portal = CreateNewPortal();
	portal->visible = false;
	PortalDefineQuery(portal, NULL, text, CreateCommandTag(raw->stmt),
					  planned, NULL);
	PortalStart(portal, NULL, 0, InvalidSnapshot);
	(void) compat_portal_run(portal);
	PortalDrop(portal, false);
	MemoryContextSwitchTo(context);
}

/* SET, or SELECT set_config(), whose work ends with the session. */
static bool
is_setting(Node *statement)
{
	SelectStmt *select = (SelectStmt *) statement;
	ListCell   *cell;

	if (IsA(statement, VariableSetStmt))
		return true;
	if (!IsA(select, SelectStmt) || select->targetList == NIL)
		return false;
	foreach(cell, select->targetList)
	{
		ResTarget  *target = lfirst_node(ResTarget, cell);
		FuncCall   *call = (FuncCall *) target->val;

		if (!IsA(call, FuncCall) ||
			strcmp(strVal(llast(call->funcname)), "set_config") != 0)
			return false;
	}
	return true;
}

/* What is done, and recorded, at once: a statement, or a BEGIN to its COMMIT. */
typedef struct unit
{
	List	   *raws;			/* of the script */
	int			first;
	int			end;			/* behind the last */
	bool		block;
	bool		was_running;	/* a run before this one was cut off */
	int			before;			/* so many statements come before it */
	int			count;			/* and so many are in it */
} unit;

static RawStmt *
raw_at(const unit *u, int i)
{
	return list_nth_node(RawStmt, u->raws, i);
}

static bool
is_kind(Node *statement, TransactionStmtKind kind, bool chain)
{
	TransactionStmt *transaction = (TransactionStmt *) statement;

	return IsA(statement, TransactionStmt) && transaction->kind == kind &&
		(!chain || transaction->chain);
}

static bool
is_begin(Node *statement)
{
	return is_kind(statement, TRANS_STMT_BEGIN, false) ||
		is_kind(statement, TRANS_STMT_START, false);
}

/* The unit behind u; the end of the script ends a block too. */
static void
next_unit(unit *u)
{
	u->before += u->count;
	u->count = 0;
	u->first = u->end;
	u->block = is_begin(raw_at(u, u->first)->stmt) ||
		(u->first > 0 &&
		 is_kind(raw_at(u, u->first - 1)->stmt, TRANS_STMT_COMMIT, true));
	do
	{
		Node	   *statement = raw_at(u, u->end++)->stmt;

		u->count += !dbmig_pg_skipped(statement);
		if (is_kind(statement, TRANS_STMT_COMMIT, false))
			break;
	} while (u->block && u->end < list_length(u->raws));
}

/* at is at the i-th statement, which is given back. */
static RawStmt *
go_to(dbmig_place *at, const unit *u, int i)
{
	RawStmt    *raw = raw_at(u, i);

	CHECK_FOR_INTERRUPTS();
	at->number = i + 1;
	at->start = dbmig_pg_skip_blank(at->script, Max(raw->stmt_location, 0));
	at->statement = dbmig_pg_statement_text(at->script, raw, at->start);
	dbmig_pg_watch_locks();
	return raw;
}

static void
run_at_top(const char *text)
{
	dbmig_pg_running = true;
	dbmig_pg_run_at_top(text);
	dbmig_pg_running = false;
}

static void
run_inside(const char *text)
{
	dbmig_pg_running = true;
	dbmig_pg_run_statement(linitial_node(RawStmt, pg_parse_query(text)), text);
	dbmig_pg_running = false;
}

/* BEGIN's modes; one that writes nothing could not be recorded. */
static void
set_modes(const TransactionStmt *begin)
{
	ListCell   *cell;

	foreach(cell, begin->options)
	{
		DefElem    *mode = lfirst_node(DefElem, cell);

		if (strcmp(mode->defname, "transaction_read_only") != 0)
			SetPGVariable(mode->defname, list_make1(mode->arg), true);
	}
}

/* In one transaction, which is left open. */
static void
run_inside_all(dbmig_pg *pg, dbmig_place *at, const unit *u)
{
	Node	   *first = raw_at(u, u->first)->stmt;
	int			count = u->before;
	dbmig_role	role;

	if (is_begin(first))
		set_modes((TransactionStmt *) first);
	dbmig_pg_role_begin(pg, at->step, &role);
	for (int i = u->first; i < u->end; i++)
	{
		RawStmt    *raw = go_to(at, u, i);

		if (!dbmig_pg_skipped(raw->stmt))
		{
			(void) dbmig_pg_share(pg, at->step);
			if (u->block && dbmig_pg_needs_no_transaction(raw->stmt, u->raws))
				ereport(ERROR,
						(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
						 errmsg("this %s cannot run inside a transaction block",
								CreateCommandName(raw->stmt))));
			if (++count > at->step->skip || is_setting(raw->stmt))
				run_inside(at->statement);
			dbmig_pg_keep_path(pg, at->step, raw->stmt, GUC_ACTION_SET);
		}
		else if (i != u->first && i != u->end - 1)
			dbmig_pg_say_skipped(at, raw->stmt, "a transaction is open");
	}
	dbmig_pg_check_dropped(at->step);
	dbmig_pg_role_end(at->step, &role);
}

/* True: it has begun and ended transactions itself, or has left others to. */
static bool
run_once(dbmig_pg *pg, dbmig_place *at, const unit *u)
{
	MemoryContext context = CurrentMemoryContext;
	RawStmt    *raw;

	if (u->block)
	{
		run_inside_all(pg, at, u);
		return false;
	}
	raw = go_to(at, u, u->first);
	if (dbmig_pg_share(pg, at->step))
	{
		dbmig_pg_next(pg);
		MemoryContextSwitchTo(context);
	}
	if (!dbmig_pg_needs_no_transaction(raw->stmt, u->raws))
	{
		if (at->step->role != NULL)
			run_inside_all(pg, at, u);
		else
		{
			run_at_top(at->statement);
			dbmig_pg_keep_path(pg, at->step, raw->stmt, GUC_ACTION_SET);
			dbmig_pg_check_dropped(at->step);
		}
		return false;
	}
	if (dbmig_pg_clear_leftovers(pg, raw->stmt, u->was_running))
		ereport(NOTICE,
				(errmsg("statement %d of %s was done already",
						at->number, dbmig_pg_describe(at->step))));
	else
	{
		dbmig_pg_next(pg);
		MemoryContextSwitchTo(context);
		run_at_top(at->statement);
		dbmig_pg_keep_path(pg, at->step, raw->stmt, GUC_ACTION_SET);
	}
	return true;
}

/* L2: the failed try is undone here, with the locks that it had. */
static bool
run_tries(dbmig_pg *pg, dbmig_place *at, unit *u)
{
	MemoryContext context = CurrentMemoryContext;
	volatile int tries = 0;

	for (;;)
	{
		ErrorData  *volatile error = NULL;
		volatile bool apart = false;
		TimestampTz end;

		tries++;
		PG_TRY();
		{
			apart = run_once(pg, at, u);
		}
		PG_CATCH();
		{
			dbmig_pg_running = false;
			if (!dbmig_pg_may_retry(at->step, geterrcode(), tries))
				PG_RE_THROW();
			MemoryContextSwitchTo(context);
			error = CopyErrorData();
			FlushErrorState();
		}
		PG_END_TRY();
		if (error == NULL)
			return apart;
		dbmig_pg_undo(pg);
		pg->maker = InvalidOid;
		dbmig_pg_lock_alone(pg, true);
		MemoryContextSwitchTo(context);
		if (!dbmig_pg_lock_again(pg))
			ReThrowError(error);
		end = GetCurrentTimestamp() +
			dbmig_pg_say_retry(at->step, error, tries) * INT64CONST(1000);
		FreeErrorData(error);
		while (end > GetCurrentTimestamp())
			dbmig_pg_sleep(pg, (end - GetCurrentTimestamp()) / 1000 + 1);
		dbmig_pg_next(pg);
		dbmig_pg_role_on(pg, at->step);
		MemoryContextSwitchTo(context);
		u->was_running = false;
	}
}

/* One unit, and its record. */
static int
run_recorded(dbmig_call *call, dbmig_place *at, unit *u, int *statements)
{
	dbmig_pg   *pg = call->data;
	MemoryContext context = CurrentMemoryContext;
	int			done = u->before + u->count;
	ErrorContextCallback *callbacks = error_context_stack;
	int			result;

	if (run_tries(pg, at, u))
	{
		dbmig_pg_next(pg);
		*statements = done;
	}
	error_context_stack = callbacks->previous;
	MemoryContextSwitchTo(context);
	pg->step = dbmig_pg_describe(at->step);
	(void) dbmig_pg_lock_again(pg);
	result = dbmig_step_done(call, at->step, done);
	pg->step = NULL;
	error_context_stack = callbacks;
	MemoryContextSwitchTo(context);
	if (result == 0)
		*statements = done;
	return result;
}

static bool
is_local(Node *statement)
{
	return IsA(statement, VariableSetStmt) &&
		((VariableSetStmt *) statement)->is_local;
}

/* What a run before this one has done: only what it set is set again. */
static void
set_again(dbmig_pg *pg, dbmig_place *at, const unit *u)
{
	MemoryContext context = CurrentMemoryContext;

	for (int i = u->first; i < u->end; i++)
		if (is_setting(raw_at(u, i)->stmt) && !is_local(raw_at(u, i)->stmt))
		{
			unit		one = *u;

			one.first = i;
			one.end = i + 1;
			one.block = false;
			(void) run_once(pg, at, &one);
			dbmig_pg_next(pg);
			MemoryContextSwitchTo(context);
		}
}

/* R1: what could leave the role. */
static int
check_role(dbmig_call *call, const dbmig_place *at, List *raws)
{
	ListCell   *cell;

	if (at->step->role == NULL)
		return 0;
	foreach(cell, raws)
	{
		Node	   *statement = lfirst_node(RawStmt, cell)->stmt;

		if (IsA(statement, DiscardStmt) || dbmig_pg_commits(statement))
			return dbmig_fail(call, DBMIG_NOT_SUPPORTED,
							  "What it runs afterwards would not be bound to the role.",
							  "%s cannot run %s as role \"%s\"",
							  dbmig_pg_describe(at->step),
							  IsA(statement, DiscardStmt) ?
							  CreateCommandName(statement) : "DO with COMMIT",
							  at->step->role);
	}
	return 0;
}

static int
run_script(dbmig_call *call, dbmig_place *at, int *statements)
{
	dbmig_pg   *pg = call->data;
	MemoryContext script_context = CurrentMemoryContext;
	MemoryContext unit_context;
	unit		u = {0};

	u.raws = pg_parse_query(at->script);
	u.was_running = pg->was_running;
	if (dbmig_pg_check_statements(call, at, u.raws) != 0 ||
		check_role(call, at, u.raws) != 0)
		return -1;
	unit_context = AllocSetContextCreate(script_context, "dbmig statement",
										 ALLOCSET_DEFAULT_SIZES);
	while (u.end < list_length(u.raws))
	{
		next_unit(&u);
		MemoryContextSwitchTo(unit_context);
		if (u.count == 0)
		{
			RawStmt    *raw = go_to(at, &u, u.first);

			if (!u.block)
				dbmig_pg_say_skipped(at, raw->stmt, "no transaction is open");
		}
		else if (u.before + u.count <= at->step->skip)
			set_again(pg, at, &u);
		else if (run_recorded(call, at, &u, statements) != 0)
			return -1;
		else
			u.was_running = false;
		at->statement = NULL;
		MemoryContextSwitchTo(script_context);
		MemoryContextReset(unit_context);
	}
	return 0;
}

static int
try_function(dbmig_call *call, dbmig_place *at, int *statements)
{
	dbmig_role	role;

	(void) statements;
	dbmig_pg_watch_locks();
	dbmig_pg_role_begin(call->data, at->step, &role);
	dbmig_pg_running = true;
	dbmig_pg_run_function(at->step);
	dbmig_pg_role_end(at->step, &role);
	dbmig_pg_running = false;
	return 0;
}

/* A function has no statements to go on behind: one transaction. */
static int
run_function(dbmig_call *call, dbmig_place *at, int *statements)
{
	dbmig_pg   *pg = call->data;

	if (at->step->retries == 0)
		(void) try_function(call, at, statements);
	else
		(void) dbmig_pg_run_tries(call, at, statements, try_function);
	pg->step = dbmig_pg_describe(at->step);
	if (dbmig_step_done(call, at->step, 1) != 0)
		return -1;
	pg->step = NULL;
	*statements = 1;
	return 0;
}

/* For the session, as long as the step lasts. */
static void
set_options(dbmig_call *call, const dbmig_step *step)
{
	dbmig_pg   *pg = call->data;
	MemoryContext context = CurrentMemoryContext;

	if (step->search_path != NULL || pg->callers_path != NULL)
		(void) set_config_option("search_path", dbmig_pg_step_path(pg, step),
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET,
								 true, 0, false);
	dbmig_pg_set_lock_timeout(call, step, false);
	dbmig_pg_role_on(pg, step);
	dbmig_pg_next(pg);
	dbmig_pg_check_schema(step);
	pg->maker = InvalidOid;
	if (dbmig_pg_share(pg, step))
		dbmig_pg_next(pg);
	dbmig_pg_lock_alone(pg, true);
	MemoryContextSwitchTo(context);
}

static int
run_kept(dbmig_call *call, dbmig_place *at, int *statements)
{
	ErrorContextCallback callback;
	volatile int result = 0;

	callback.callback = dbmig_pg_add_context;
	callback.arg = at;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	PG_TRY();
	{
		set_options(call, at->step);
		if (!at->step->function)
			result = run_script(call, at, statements);
		else if (at->step->skip == 0)
			result = run_function(call, at, statements);
	}
	PG_CATCH();
	{
		dbmig_pg_running = false;
		result = dbmig_pg_keep_error(call, at);
	}
	PG_END_TRY();
	error_context_stack = callback.previous;
	return result;
}

int
dbmig_pg_run_alone(dbmig_call *call, const dbmig_step *step, int *statements)
{
	dbmig_pg   *pg = call->data;
	MemoryContext old = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(pg->context, "dbmig script",
												  ALLOCSET_DEFAULT_SIZES);
	dbmig_session *session;
	dbmig_place *at;
	int			result;

	MemoryContextSwitchTo(context);
	at = palloc0(sizeof(dbmig_place));
	at->step = step;
	at->script = step->function ? NULL : dbmig_pg_begin_text(step->text);
	session = dbmig_pg_session_save();
	result = run_kept(call, at, statements);
	if (result != 0)
		dbmig_pg_undo(pg);
	dbmig_pg_role_off(pg, step);
	dbmig_pg_lock_alone(pg, false);
	MemoryContextSwitchTo(context);
	dbmig_pg_session_restore(session);
	dbmig_pg_next(pg);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return result;
}
