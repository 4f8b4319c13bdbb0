/*
 * script.c
 *		Runs one step: a script statement by statement, or a function.
 *
 * Each statement is given to the server with its own text, never with the
 * script's: extensions such as Citus send that text on to other servers.  So
 * the script is parsed whole for where its statements end (and a syntax error
 * anywhere is found before anything ran), and each statement once more when
 * its turn comes, which also gives positions within the statement.
 *
 * A script runs in a GUC nest level of its own, with the caller's
 * search_path or its own: what it sets is gone when it ends (A5).  One that
 * cannot be in a transaction is alone.c's.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/scansup.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "dbmig_pg.h"

/* So much of a statement is shown in an error's context, and around a place. */
#define SHOWN 200
#define SHOWN_AROUND 2000

const char *
dbmig_pg_describe(const dbmig_step *step)
{
	bool		tenant = step->tenant[0] != '\0';

	return psprintf("%smigration \"%s@%s\"%s%s%s",
					step->direction == DBMIG_DOWN ? "rollback of " : "",
					step->package, step->version,
					tenant ? " of tenant \"" : "", step->tenant,
					tenant ? "\"" : "");
}

/* The query of an error, at most SHOWN_AROUND bytes to each side of its place. */
static void
set_query(const char *text, size_t end, size_t found)
{
	size_t		begin = 0;

	if (found > SHOWN_AROUND)
		begin = pg_mbcliplen(text, found, found - SHOWN_AROUND);
	end = Min(end, found + SHOWN_AROUND);
	end = begin + pg_mbcliplen(text + begin, end - begin, end - begin);
	errposition(0);
	internalerrposition(pg_mbstrlen_with_len(text + begin, found - begin) + 1);
	internalerrquery(pnstrdup(text + begin, end - begin));
}

/* The place of a byte of the script, in what is registered. */
static void
place_of(const dbmig_place *at, size_t offset, int *line, int *column)
{
	dbmig_step_position(&dbmig_pg_host, at->step,
						at->script - at->step->text + offset, line, column);
}

/*
 * A position in the text that was given to the server becomes one in an
 * internal query, as it is none in what the user sent.
 */
void
dbmig_pg_add_context(void *arg)
{
	dbmig_place *at = arg;
	int			position = geterrposition();
	const char *what = dbmig_pg_describe(at->step);
	size_t		offset = at->start;
	int			column;

	dbmig_pg_add_blockers();
	if (at->script == NULL)
	{
		errcontext("%s, function %s", what, at->step->text);
		return;
	}
	if (at->number == 0 && position == 0)
	{
		errcontext("%s", what);
		return;
	}
	if (position > 0)
	{
		bool		whole = at->statement == NULL;
		const char *text = whole ? at->script : at->statement;
		size_t		end = strlen(text);
		size_t		found = pg_mbcharcliplen(text, end, position - 1);

		if (whole)
		{
			dbmig_pg_statement_at(text, found, &at->number, &at->start, &end);
			text += at->start;
			end -= at->start;
			found -= Min(found, at->start);
		}
		set_query(text, end, found);
		offset = at->start + found;
	}
	else if (at->statement != NULL)
	{
		int			length = strlen(at->statement);
		int			shown = pg_mbcliplen(at->statement, length, SHOWN);

		errcontext("SQL statement \"%.*s%s\"", shown, at->statement,
				   shown < length ? "..." : "");
	}
	place_of(at, offset, &at->line, &column);
	errcontext("%s, statement %d, line %d, column %d",
			   what, at->number, at->line, column);
}

/* A6, once more: the script may have come here without inspection. */
int
dbmig_pg_check_statements(dbmig_call *call, const dbmig_place *at,
						  List *statements)
{
	ListCell   *cell;

	foreach(cell, statements)
	{
		RawStmt    *raw = lfirst_node(RawStmt, cell);
		const char *refused = dbmig_pg_refused(raw->stmt);
		int			line;
		int			column;

		if (refused == NULL)
			continue;
		place_of(at, dbmig_pg_skip_blank(at->script,
										 Max(raw->stmt_location, 0)),
				 &line, &column);
		return dbmig_fail(call, DBMIG_NOT_SUPPORTED,
						  "dbmig has the transaction; take the statement out of the script.",
						  "%s cannot run: %s in line %d",
						  dbmig_pg_describe(at->step), refused, line);
	}
	return 0;
}

void
dbmig_pg_say_skipped(const dbmig_place *at, Node *statement,
					 const char *reason)
{
	int			line;
	int			column;

	place_of(at, at->start, &line, &column);
	ereport(NOTICE,
			(errmsg("%s in line %d of %s is skipped, as %s",
					CreateCommandName(statement), line,
					dbmig_pg_describe(at->step), reason)));
}

/*
 * The four kinds that Citus distributes only at top level.  The server itself
 * treats them alike; for all others "top level" would let a statement begin
 * and end transactions.
 */
static ProcessUtilityContext
context_of(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_CreateStmt:
		case T_CreateForeignTableStmt:
		case T_CreateTableAsStmt:
		case T_AlterObjectSchemaStmt:
			return PROCESS_UTILITY_TOPLEVEL;
		default:
			return PROCESS_UTILITY_QUERY;
	}
}

static void
run_planned(PlannedStmt *planned, const char *text)
{
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (planned->utilityStmt != NULL)
		compat_utility(planned, text, context_of(planned->utilityStmt));
	else
	{
		QueryDesc  *query = CreateQueryDesc(planned, text, GetActiveSnapshot(),
											InvalidSnapshot, None_Receiver,
											NULL, NULL, 0);

		ExecutorStart(query, 0);
		compat_executor_run(query);
		ExecutorFinish(query);
		ExecutorEnd(query);
		FreeQueryDesc(query);
	}
	PopActiveSnapshot();
}

void
dbmig_pg_run_statement(RawStmt *raw, const char *text)
{
	List	   *planned;
	ListCell   *cell;

	/* analysis sees what the statements before have done */
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	planned = pg_plan_queries(compat_analyze(raw, text), text,
							  CURSOR_OPT_PARALLEL_OK, NULL);
	PopActiveSnapshot();
	foreach(cell, planned)
		run_planned(lfirst_node(PlannedStmt, cell), text);
}

/* A tenant's schema goes before what the option says, its temporary tables last. */
const char *
dbmig_pg_step_path(const dbmig_pg *pg, const dbmig_step *step)
{
	const char *path = step->search_path;

	if (path == NULL)
		return pg->search_path;
	if (pg->callers_path == NULL)
		return path;
	return psprintf("%s, %s%spg_temp", quote_identifier(step->tenant), path,
					path[strspn(path, " ")] != '\0' ? ", " : "");
}

static bool
resets_path(Node *statement)
{
	VariableSetStmt *set = (VariableSetStmt *) statement;

	if (IsA(statement, DiscardStmt))
		return ((DiscardStmt *) statement)->target == DISCARD_ALL;
	return IsA(set, VariableSetStmt) &&
		(set->kind == VAR_RESET_ALL ||
		 ((set->kind == VAR_RESET || set->kind == VAR_SET_DEFAULT) &&
		  strcmp(set->name, "search_path") == 0));
}

/* The session's default, where another path was asked for, is nobody's wish. */
void
dbmig_pg_keep_path(const dbmig_pg *pg, const dbmig_step *step, Node *statement,
				   GucAction action)
{
	if ((pg->callers_path != NULL || step->search_path != NULL) &&
		resets_path(statement))
		(void) set_config_option("search_path", dbmig_pg_step_path(pg, step),
								 PGC_USERSET, PGC_S_SESSION, action, true, 0,
								 false);
}

char *
dbmig_pg_statement_text(const char *text, const RawStmt *raw, size_t start)
{
	size_t		end = Max(raw->stmt_location, 0) + raw->stmt_len;

	if (raw->stmt_len == 0)
		end = start + strlen(text + start);
	while (end > start && scanner_isspace(text[end - 1]))
		end--;
	return pnstrdup(text + start, end - start);
}

static int
run_script(dbmig_call *call, dbmig_place *at, int *statements)
{
	dbmig_pg   *pg = call->data;
	MemoryContext script_context = CurrentMemoryContext;
	MemoryContext statement_context;
	List	   *raws = pg_parse_query(at->script);
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
			dbmig_pg_say_skipped(at, raw->stmt, "dbmig has the transaction");
		else
		{
			if (at->start > 0 || list_length(raws) > 1)
				raw = linitial_node(RawStmt, pg_parse_query(at->statement));
			dbmig_pg_watch_locks();
			(void) dbmig_pg_share(pg, at->step);
			dbmig_pg_run_statement(raw, at->statement);
			dbmig_pg_keep_path(pg, at->step, raw->stmt, GUC_ACTION_SAVE);
			(*statements)++;
		}
		at->statement = NULL;
		MemoryContextSwitchTo(script_context);
		MemoryContextReset(statement_context);
	}
	CommandCounterIncrement();
	return 0;
}

/* "f" or "s.f" as it is written in SQL. */
static char *
function_name(const char *text)
{
	StringInfoData quoted;
	List	   *names = compat_qualified_name(text);
	ListCell   *cell;

	initStringInfo(&quoted);
	foreach(cell, names)
	{
		if (quoted.len > 0)
			appendStringInfoChar(&quoted, '.');
		appendStringInfoString(&quoted, quote_identifier(strVal(lfirst(cell))));
	}
	return quoted.data;
}

/*
 * Through SPI, not by OID: so the caller's right to execute it is checked, and
 * a function that was made anew since is found.
 */
static SPIPlanPtr
prepare_function(const dbmig_step *step)
{
	MemoryContext context = CurrentMemoryContext;
	Oid			types[2] = {TEXTOID, TEXTOID};
	SPIPlanPtr volatile plan = NULL;

	PG_TRY();
	{
		plan = SPI_prepare(psprintf("SELECT %s($1, $2)",
									function_name(step->text)), 2, types);
	}
	PG_CATCH();
	{
		int			code = geterrcode();

		if (code != ERRCODE_UNDEFINED_FUNCTION &&
			code != ERRCODE_UNDEFINED_SCHEMA)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		ereport(ERROR,
				(errcode(code),
				 errmsg("%s needs the function \"%s\", which does not exist",
						dbmig_pg_describe(step), step->text),
				 errhint("It is called with the package and the version, as two texts.")));
	}
	PG_END_TRY();
	return plan;
}

void
dbmig_pg_run_function(const dbmig_step *step)
{
	Datum		values[2];
	SPIPlanPtr	plan;
	int			code;

	/* else what runs inside finds none, and leaves one to the portal */
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	plan = prepare_function(step);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	values[0] = CStringGetTextDatum(step->package);
	values[1] = CStringGetTextDatum(step->version);
	code = SPI_execute_plan(plan, values, NULL, false, 0);
	if (code < 0)
		elog(ERROR, "SPI_execute_plan failed: %s",
			 SPI_result_code_string(code));
	SPI_finish();
	PopActiveSnapshot();
}

static int
run_step(dbmig_call *call, dbmig_place *at, int *statements)
{
	dbmig_pg   *pg = call->data;
	ErrorContextCallback callback;
	dbmig_role	role;
	int			nest;
	int			result = 0;

	callback.callback = dbmig_pg_add_context;
	callback.arg = at;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	nest = NewGUCNestLevel();
	dbmig_pg_set_search_path(dbmig_pg_step_path(pg, at->step));
	dbmig_pg_set_lock_timeout(call, at->step, true);
	dbmig_pg_role_begin(pg, at->step, &role);
	dbmig_pg_check_schema(at->step);
	pg->maker = InvalidOid;
	(void) dbmig_pg_share(pg, at->step);
	dbmig_pg_running = true;

	if (at->step->function)
	{
		dbmig_pg_run_function(at->step);
		*statements = 1;
	}
	else
		result = run_script(call, at, statements);

	dbmig_pg_check_dropped(at->step);
	dbmig_pg_role_end(at->step, &role);
	dbmig_pg_running = false;
	AtEOXact_GUC(false, nest);
	error_context_stack = callback.previous;
	return result;
}

static int
run_step_tries(dbmig_call *call, dbmig_place *at, int *statements)
{
	return at->step->retries == 0 ? run_step(call, at, statements) :
		dbmig_pg_run_tries(call, at, statements, run_step);
}

/* The core records what fails in a transaction of the call's own. */
static int
run_step_kept(dbmig_call *call, dbmig_place *at, int *statements)
{
	volatile int result = 0;

	PG_TRY();
	{
		result = run_step_tries(call, at, statements);
	}
	PG_CATCH();
	{
		dbmig_pg_running = false;
		result = dbmig_pg_keep_error(call, at);
	}
	PG_END_TRY();
	return result;
}

int
dbmig_pg_run(dbmig_call *call, const dbmig_step *step, int *statements)
{
	dbmig_pg   *pg = call->data;
	MemoryContext old = CurrentMemoryContext;
	MemoryContext context;
	dbmig_place *at;
	int			result;

	if (pg->own && !step->transactional)
		return dbmig_pg_run_alone(call, step, statements);
	context = AllocSetContextCreate(pg->context, "dbmig script",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	at = palloc0(sizeof(dbmig_place));
	at->step = step;
	at->script = step->function ? NULL : dbmig_pg_begin_text(step->text);
	*statements = 0;
	if (pg->own)
	{
		pg->step = MemoryContextStrdup(pg->context, dbmig_pg_describe(step));
		result = run_step_kept(call, at, statements);
	}
	else
		result = run_step_tries(call, at, statements);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return result;
}
