/*
 * functions.c
 *		The SQL-callable functions.
 *
 * Each is one C symbol that finds its entry in dbmig_functions[]; the core
 * checks the arguments.  Overloads in SQL (version as text or bigint) share a
 * symbol: the types are read from pg_proc.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "catalog/namespace.h"
#include "commands/extension.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "dbmig_pg.h"

/* Kept in fn_extra: what a function is, for as long as the query runs. */
typedef struct entry
{
	const dbmig_function *function;
	Oid		   *types;
	int			count;
} entry;

/* Where the rows of a call go. */
typedef struct sink
{
	Tuplestorestate *store;
	TupleDesc	desc;
	Datum	   *values;
	bool	   *nulls;
	MemoryContext context;		/* of one row */
} sink;

static entry *
get_entry(FunctionCallInfo fcinfo, const char *name)
{
	FmgrInfo   *info = fcinfo->flinfo;
	entry	   *e = info->fn_extra;
	MemoryContext old;

	if (e != NULL)
		return e;
	old = MemoryContextSwitchTo(info->fn_mcxt);
	e = palloc0(sizeof(entry));
	e->function = dbmig_function_find(name);
	if (e->function == NULL)
		e->function = dbmig_pg_tenant_function(name);
	if (e->function == NULL)
		elog(ERROR, "no function \"%s\"", name);
	(void) get_func_signature(info->fn_oid, &e->types, &e->count);
	MemoryContextSwitchTo(old);
	info->fn_extra = e;
	return e;
}

static dbmig_value
text_value(Datum datum)
{
	return dbmig_text(TextDatumGetCString(datum));
}

static dbmig_value
numeric_value(Datum datum)
{
	dbmig_value value = dbmig_text(DatumGetCString(DirectFunctionCall1(numeric_out,
																	   datum)));

	/* a whole number is what other engines take it for */
	if (strspn(value.text, "-0123456789") == value.length &&
		value.length < 18)
		return dbmig_int(strtoll(value.text, NULL, 10));
	value.type = DBMIG_REAL;
	return value;
}

/* The arguments; those of a VARIADIC array one by one. */
static dbmig_value *
get_arguments(FunctionCallInfo fcinfo, const entry *e, int *count)
{
	dbmig_value *values = palloc0((e->count + 1) * sizeof(dbmig_value));

	*count = e->count;
	for (int i = 0; i < e->count; i++)
	{
		Datum		datum = PG_GETARG_DATUM(i);

		if (PG_ARGISNULL(i))
		{
			values[i] = dbmig_null();
			continue;
		}
		switch (e->types[i])
		{
			case TEXTOID:
				values[i] = text_value(datum);
				break;
			case INT8OID:
				values[i] = dbmig_int(DatumGetInt64(datum));
				break;
			case NUMERICOID:
				values[i] = numeric_value(datum);
				break;
			case TEXTARRAYOID:
				{
					Datum	   *items;
					bool	   *nulls;
					int			length;

					deconstruct_array(DatumGetArrayTypeP(datum), TEXTOID, -1,
									  false, TYPALIGN_INT, &items, &nulls,
									  &length);
					values = repalloc(values,
									  (i + length + 1) * sizeof(dbmig_value));
					for (int j = 0; j < length; j++)
						values[i + j] = nulls[j] ? dbmig_null() :
							text_value(items[j]);
					*count = i + length;
					return values;
				}
			default:
				elog(ERROR, "unexpected type %u of an argument", e->types[i]);
		}
	}
	return values;
}

static Datum
to_datum(const dbmig_value *value, Oid type, bool *isnull)
{
	*isnull = value->type == DBMIG_NULL;
	if (*isnull)
		return (Datum) 0;
	switch (type)
	{
		case TEXTOID:
			if (value->type == DBMIG_TEXT)
				return PointerGetDatum(cstring_to_text_with_len(value->text,
																value->length));
			return CStringGetTextDatum(psprintf(INT64_FORMAT, value->integer));
		case INT4OID:
			return Int32GetDatum((int32) value->integer);
		case INT8OID:
			return Int64GetDatum(value->integer);
		case BOOLOID:
			return BoolGetDatum(value->integer != 0);
		case VOIDOID:
			return (Datum) 0;
		default:
			elog(ERROR, "unexpected type %u of a result", type);
	}
	return (Datum) 0;
}

static int
emit_row(dbmig_call *call, void *arg, const dbmig_value *row)
{
	sink	   *to = arg;
	MemoryContext old = MemoryContextSwitchTo(to->context);

	(void) call;
	for (int i = 0; i < to->desc->natts; i++)
		to->values[i] = to_datum(&row[i],
								 TupleDescAttr(to->desc, i)->atttypid,
								 &to->nulls[i]);
	tuplestore_putvalues(to->store, to->desc, to->values, to->nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(to->context);
	return 0;
}

/* The store and its descriptor outlive the call: the executor reads them. */
static void
begin_sink(FunctionCallInfo fcinfo, sink *to)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	TupleDesc	desc;
	MemoryContext old;

	if (info == NULL || !IsA(info, ReturnSetInfo) ||
		(info->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	old = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
	to->desc = CreateTupleDescCopy(desc);
	to->store = tuplestore_begin_heap((info->allowedModes & SFRM_Materialize_Random) != 0,
									  false, work_mem);
	info->returnMode = SFRM_Materialize;
	info->setResult = to->store;
	info->setDesc = to->desc;
	MemoryContextSwitchTo(old);
	to->values = palloc(to->desc->natts * sizeof(Datum));
	to->nulls = palloc(to->desc->natts * sizeof(bool));
	to->context = AllocSetContextCreate(CurrentMemoryContext, "dbmig row",
										ALLOCSET_SMALL_SIZES);
}

/* What only the server knows: rights on its files, and its encoding. */
static void
check_load(void)
{
	if (!has_privs_of_role(GetUserId(), COMPAT_READ_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to read files of the server"),
				 errhint("dbmig_load() needs the rights of the role pg_read_server_files; dbmig_register_file() takes a file's text from the client.")));
	if (GetDatabaseEncoding() != PG_UTF8 &&
		GetDatabaseEncoding() != PG_SQL_ASCII)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot load UTF-8 files into a database with encoding %s",
						GetDatabaseEncodingName()),
				 errhint("dbmig_register_file() takes a file's text from the client, in the client's encoding.")));
}

/*
 * A CALL that is the only statement of its message, outside of a transaction
 * block: nothing but its own portal would be cut by the end of a transaction.
 */
static bool
is_top(FunctionCallInfo fcinfo)
{
	CallContext *context = (CallContext *) fcinfo->context;
	PlannedStmt *planned;

	if (context == NULL || !IsA(context, CallContext) || context->atomic ||
		ActivePortal == NULL || list_length(ActivePortal->stmts) != 1)
		return false;
	planned = linitial_node(PlannedStmt, ActivePortal->stmts);
	return planned->utilityStmt != NULL &&
		IsA(planned->utilityStmt, CallStmt) &&
		((CallStmt *) planned->utilityStmt)->funcexpr->funcid ==
		fcinfo->flinfo->fn_oid;
}

static void
begin_call(FunctionCallInfo fcinfo, dbmig_call *call, dbmig_pg *pg)
{
	pg->user = GetUserId();
	pg->top = is_top(fcinfo);
	pg->schema_oid = get_func_namespace(fcinfo->flinfo->fn_oid);
	pg->schema = get_namespace_name(pg->schema_oid);
	if (pg->schema == NULL)
		elog(ERROR, "function %u has no schema", fcinfo->flinfo->fn_oid);
	pg->search_path = pstrdup(namespace_search_path);
	dbmig_pg_settings(&call->settings);
	if (creating_extension)
		call->extension = get_extension_name(CurrentExtensionObject);
}

static int
dispatch(FunctionCallInfo fcinfo, dbmig_call *call, const entry *e,
		 dbmig_value *result)
{
	const dbmig_function *function = e->function;
	int			count;
	dbmig_value *args = get_arguments(fcinfo, e, &count);
	sink		to;

	if (function->scalar != NULL)
	{
		int			failed = function->scalar(call, count, args, result);

		if (failed != 0 && strcmp(function->name, "dbmig_check") == 0 &&
			(call->status == DBMIG_NOT_READY ||
			 call->status == DBMIG_CHANGED || call->status == DBMIG_UNKNOWN))
			dbmig_pg_check_latest(call, "");
		return failed;
	}
	begin_sink(fcinfo, &to);
	return function->rows(call, count, args, emit_row, &to);
}

/*
 * A failure is thrown here; whatever throws, the flag is as it was.  A call from
 * within a migration leaves the watch to that one's.
 */
static void
dispatch_or_raise(FunctionCallInfo fcinfo, dbmig_call *call, const entry *e,
				  dbmig_value *result)
{
	bool		was_running = dbmig_pg_running;

	PG_TRY();
	{
		if (dispatch(fcinfo, call, e, result) != 0)
			dbmig_pg_raise(call);
	}
	PG_CATCH();
	{
		dbmig_pg_running = was_running;
		if (!was_running)
			dbmig_pg_watch_end();
		PG_RE_THROW();
	}
	PG_END_TRY();
	dbmig_pg_running = was_running;
	if (!was_running)
		dbmig_pg_watch_end();
}

/*
 * The border: a call begins and ends here.  The nest level ends as if
 * committed, so that what dbmig_set() sets stays; search_path, saved rather
 * than set, goes back all the same.  A call with transactions of its own leaves
 * an idle one, which the server ends.
 */
static Datum
run_call(FunctionCallInfo fcinfo, const char *name)
{
	entry	   *e = get_entry(fcinfo, name);
	MemoryContext old = CurrentMemoryContext;
	dbmig_value result = dbmig_null();
	dbmig_call	call;
	dbmig_pg	pg = {0};
	Datum		datum;

	if (strcmp(name, "dbmig_load") == 0)
		check_load();
	pg.nest = -1;
	pg.function = name;
	pg.context = AllocSetContextCreate(old, "dbmig", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(pg.context);
	dbmig_call_begin(&call, &dbmig_pg_host, &pg);
	call.memo = &dbmig_pg_memo;
	if (e->function->flags != DBMIG_PURE)
	{
		begin_call(fcinfo, &call, &pg);
		pg.nest = NewGUCNestLevel();
		dbmig_pg_set_search_path(DBMIG_SAFE_PATH);
		pg.safe = true;
	}
	dispatch_or_raise(fcinfo, &call, e, &result);
	if (pg.nest >= 0)
		AtEOXact_GUC(true, pg.nest);
	MemoryContextSwitchTo(old);
	if (e->function->scalar != NULL)
		datum = to_datum(&result, get_func_rettype(fcinfo->flinfo->fn_oid),
						 &fcinfo->isnull);
	else
	{
		datum = (Datum) 0;
		fcinfo->isnull = true;
	}
	MemoryContextDelete(pg.context);
	return datum;
}

/* Nothing else of this library can be seen from outside, but _PG_init(). */
#pragma GCC visibility push(default)

#define FUNCTION(name) \
	extern Datum dbmig_pg_##name(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(dbmig_pg_##name); \
	Datum \
	dbmig_pg_##name(PG_FUNCTION_ARGS) \
	{ \
		return run_call(fcinfo, "dbmig_" #name); \
	}

FUNCTION(register)
FUNCTION(append)
FUNCTION(register_function)
FUNCTION(register_file)
FUNCTION(after)
FUNCTION(package_options)
FUNCTION(unregister)
FUNCTION(load)
FUNCTION(export)
FUNCTION(apply)
FUNCTION(migrate)
FUNCTION(migrate_tenants)
FUNCTION(wait)
FUNCTION(rollback)
FUNCTION(rollback_all)
FUNCTION(redo)
FUNCTION(baseline)
FUNCTION(resolve)
FUNCTION(is_current)
FUNCTION(check)
FUNCTION(plan)
FUNCTION(status)
FUNCTION(tenants)
FUNCTION(create_tenant)
FUNCTION(remove_tenant)
FUNCTION(lookup)
FUNCTION(verify)
FUNCTION(graph)
FUNCTION(set)
FUNCTION(version)

#pragma GCC visibility pop
