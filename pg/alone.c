/*
 * alone.c
 *		A step whose statements cannot be in one transaction (N2).
 *
 * Each statement runs as one that the client has sent by itself: through a
 * portal, at top level, in a transaction of its own, with the session's
 * settings.  A statement that can be in a transaction is recorded in that
 * same one; only those that cannot are recorded in one behind, and
 * leftover.c knows what a crash in between means.  Statements are counted
 * without the BEGIN and COMMIT that are skipped; a second run goes on behind
 * the last one recorded, but sets anew what the ones before have set.
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

static void
run_statement(const char *text)
{
	dbmig_pg_running = true;
	dbmig_pg_run_at_top(text);
	dbmig_pg_running = false;
}

/* One statement, the done-th, and its record. */
static int
run_recorded(dbmig_call *call, const dbmig_place *at, RawStmt *raw,
			 List *raws, int done, bool was_running, int *statements)
{
	dbmig_pg   *pg = call->data;
	MemoryContext context = CurrentMemoryContext;
	bool		apart = dbmig_pg_needs_no_transaction(raw->stmt, raws);
	ErrorContextCallback *callbacks = error_context_stack;
	int			result;

	if (apart && dbmig_pg_clear_leftovers(pg, raw->stmt, was_running))
		ereport(NOTICE,
				(errmsg("statement %d of %s was done already",
						at->number, dbmig_pg_describe(at->step))));
	else
	{
		if (apart)
			dbmig_pg_next(pg);
		MemoryContextSwitchTo(context);
		run_statement(at->statement);
	}
	if (apart)
	{
		dbmig_pg_next(pg);
		*statements = done;
	}
	error_context_stack = callbacks->previous;
	pg->step = dbmig_pg_describe(at->step);
	dbmig_pg_lock_again(pg);
	result = dbmig_step_done(call, at->step, done);
	pg->step = NULL;
	error_context_stack = callbacks;
	MemoryContextSwitchTo(context);
	if (result == 0)
		*statements = done;
	return result;
}

static int
run_script(dbmig_call *call, dbmig_place *at, int *statements)
{
	dbmig_pg   *pg = call->data;
	MemoryContext script_context = CurrentMemoryContext;
	MemoryContext statement_context;
	List	   *raws = pg_parse_query(at->script);
	bool		was_running = pg->was_running;
	int			count = 0;
	ListCell   *cell;

	if (dbmig_pg_check_statements(call, at, raws) != 0)
		return -1;
	statement_context = AllocSetContextCreate(script_context,
											  "dbmig statement",
											  ALLOCSET_DEFAULT_SIZES);
	foreach(cell, raws)
	{
		RawStmt    *raw = lfirst_node(RawStmt, cell);

		CHECK_FOR_INTERRUPTS();
		at->number++;
		at->start = dbmig_pg_skip_blank(at->script,
										Max(raw->stmt_location, 0));
		MemoryContextSwitchTo(statement_context);
		at->statement = dbmig_pg_statement_text(at->script, raw, at->start);
		if (dbmig_pg_skipped(raw->stmt))
			dbmig_pg_say_skipped(at, raw->stmt,
								 "each statement runs by itself");
		else if (++count > at->step->skip)
		{
			if (run_recorded(call, at, raw, raws, count, was_running,
							 statements) != 0)
				return -1;
			was_running = false;
		}
		else if (is_setting(raw->stmt))
		{
			run_statement(at->statement);
			dbmig_pg_next(pg);
		}
		at->statement = NULL;
		MemoryContextSwitchTo(script_context);
		MemoryContextReset(statement_context);
	}
	return 0;
}

/* A function has no statements to go on behind: one transaction. */
static int
run_function(dbmig_call *call, dbmig_place *at, int *statements)
{
	dbmig_pg   *pg = call->data;

	dbmig_pg_running = true;
	dbmig_pg_run_function(at->step);
	dbmig_pg_running = false;
	pg->step = dbmig_pg_describe(at->step);
	if (dbmig_step_done(call, at->step, 1) != 0)
		return -1;
	pg->step = NULL;
	*statements = 1;
	return 0;
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
	if (pg->callers_path != NULL)
		(void) set_config_option("search_path", pg->search_path, PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SET, true, 0, false);
	dbmig_pg_next(pg);
	dbmig_pg_lock_alone(pg, true);
	MemoryContextSwitchTo(context);
	result = run_kept(call, at, statements);
	if (result != 0)
		dbmig_pg_undo(pg);
	dbmig_pg_lock_alone(pg, false);
	MemoryContextSwitchTo(context);
	dbmig_pg_session_restore(session);
	dbmig_pg_next(pg);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return result;
}
