/*
 * query.c
 *		Runs the core's own statements through SPI.
 *
 * A statement is planned once a session and kept, for one name of the schema;
 * when that changes (ALTER EXTENSION ... SET SCHEMA, a renamed schema) all are
 * planned anew.  read_only is false everywhere: only so does a statement that
 * follows a wait for a lock see what was committed in the meantime.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "dbmig_pg.h"

/* So many rows are in memory at once. */
#define BATCH 500
#define MAX_PARAMS 24

static SPIPlanPtr plans[DBMIG_SQL_COUNT];
static char *plans_schema = NULL;

/*
 * How a statement is to be planned.  dbmig's tables change from empty to full
 * within a session, before anybody has analyzed them, and a plan made for the
 * one can be quadratic in the other.  What reads everything joins by hashing;
 * what follows dependencies from one package goes by the indexes.
 */
typedef enum advice
{
	PLAN_ANY,					/* one table */
	PLAN_HASH,
	PLAN_GROUP,					/* the same, and groups by hashing */
	PLAN_INDEX
} advice;

static void
forget_plans(void)
{
	for (int i = 0; i < DBMIG_SQL_COUNT; i++)
	{
		SPIPlanPtr	plan = plans[i];

		plans[i] = NULL;
		if (plan != NULL)
			SPI_freeplan(plan);
	}
}

/* The statement's text with "@." and "#." replaced by the schema's name. */
static char *
statement_text(const char *text, const char *schema)
{
	StringInfoData buffer;

	initStringInfo(&buffer);
	for (const char *p = text; *p != '\0'; p++)
	{
		if ((p[0] == '@' || p[0] == '#') && p[1] == '.')
			appendStringInfoString(&buffer, quote_identifier(schema));
		else
			appendStringInfoChar(&buffer, *p);
	}
	return buffer.data;
}

static SPIPlanPtr
get_plan(dbmig_sql id, const char *schema)
{
	const dbmig_statement *statement = &dbmig_statements[id];
	Oid			types[MAX_PARAMS];
	int			count = 0;
	SPIPlanPtr	plan;

	if (plans_schema == NULL || strcmp(plans_schema, schema) != 0)
	{
		char	   *old = plans_schema;

		forget_plans();
		plans_schema = MemoryContextStrdup(TopMemoryContext, schema);
		if (old != NULL)
			pfree(old);
	}
	if (plans[id] != NULL)
		return plans[id];

	for (const char *p = statement->params; *p != '\0'; p++)
	{
		Assert(count < MAX_PARAMS);
		types[count++] = *p == 'i' ? INT8OID : TEXTOID;
	}
	plan = SPI_prepare(statement_text(statement->text, schema), count, types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	plans[id] = plan;
	return plan;
}

static advice
advise(dbmig_sql id)
{
	const char *text = dbmig_statements[id].text;

	if (strstr(text, "WITH RECURSIVE") != NULL)
		return PLAN_INDEX;
	if (strstr(text, " CROSS JOIN ") != NULL)
		return PLAN_GROUP;
	if (strstr(text, " JOIN ") != NULL || strstr(text, " EXISTS ") != NULL)
		return PLAN_HASH;
	return PLAN_ANY;
}

static void
turn_off(const char *setting)
{
	(void) set_config_option(setting, "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/* Opening a cursor plans it; what runs afterwards has the user's settings. */
static Portal
open_cursor(dbmig_sql id, SPIPlanPtr plan, Datum *values, const char *nulls)
{
	advice		a = advise(id);
	int			nest = -1;
	Portal		portal;

	if (a != PLAN_ANY)
	{
		nest = NewGUCNestLevel();
		turn_off("jit");
	}
	if (a == PLAN_HASH || a == PLAN_GROUP)
		turn_off("enable_nestloop");
	if (a == PLAN_GROUP)
		turn_off("enable_sort");
	if (a == PLAN_INDEX)
	{
		turn_off("enable_hashjoin");
		turn_off("enable_mergejoin");
		turn_off("enable_material");
		turn_off("enable_seqscan");
	}
	portal = SPI_cursor_open(NULL, plan, values, nulls, false);
	if (portal == NULL)
		elog(ERROR, "SPI_cursor_open failed: %s",
			 SPI_result_code_string(SPI_result));
	if (nest >= 0)
		AtEOXact_GUC(true, nest);
	return portal;
}

static void
bind_values(const char *letters, const dbmig_value *params, Datum *values,
			char *nulls)
{
	for (int i = 0; letters[i] != '\0'; i++)
	{
		const dbmig_value *param = &params[i];

		nulls[i] = param->type == DBMIG_NULL ? 'n' : ' ';
		values[i] = (Datum) 0;
		if (param->type == DBMIG_NULL)
			continue;
		if (letters[i] == 'i')
			values[i] = Int64GetDatum(param->integer);
		else
			values[i] = PointerGetDatum(cstring_to_text_with_len(param->text,
																 param->length));
	}
}

/*
 * Reads rows into values without an allocation per field: the texts of a row
 * stand one after the other in a buffer that is used again.  Only texts that
 * come compressed or from elsewhere are allocated, in the current context.
 */
typedef struct reader
{
	int			columns;
	Datum	   *datums;
	bool	   *nulls;
	dbmig_value *values;
	char	   *buffer;
	size_t		size;
	MemoryContext row_context;
} reader;

static void
begin_reader(reader *r, TupleDesc desc)
{
	r->columns = desc->natts;
	r->datums = palloc(desc->natts * sizeof(Datum));
	r->nulls = palloc(desc->natts * sizeof(bool));
	r->values = palloc0(desc->natts * sizeof(dbmig_value));
	r->size = 1024;
	r->buffer = palloc(r->size);
	r->row_context = AllocSetContextCreate(CurrentMemoryContext, "dbmig row",
										   ALLOCSET_DEFAULT_SIZES);
}

static void
read_row(reader *r, HeapTuple tuple, TupleDesc desc, MemoryContext buffers)
{
	size_t		need = 0;
	char	   *to;

	heap_deform_tuple(tuple, desc, r->datums, r->nulls);
	for (int i = 0; i < r->columns; i++)
	{
		dbmig_value *value = &r->values[i];

		value->integer = 0;
		value->text = NULL;
		value->length = 0;
		if (r->nulls[i])
		{
			value->type = DBMIG_NULL;
			continue;
		}
		switch (TupleDescAttr(desc, i)->atttypid)
		{
			case BOOLOID:
				value->type = DBMIG_BOOL;
				value->integer = DatumGetBool(r->datums[i]);
				break;
			case INT4OID:
				value->type = DBMIG_INT;
				value->integer = DatumGetInt32(r->datums[i]);
				break;
			case INT8OID:
				value->type = DBMIG_INT;
				value->integer = DatumGetInt64(r->datums[i]);
				break;
			case TEXTOID:
				value->type = DBMIG_TEXT;
				/* flat, so that VARSIZE_ANY_EXHDR is the text's length */
				r->datums[i] = PointerGetDatum(PG_DETOAST_DATUM_PACKED(r->datums[i]));
				value->length = VARSIZE_ANY_EXHDR(DatumGetPointer(r->datums[i]));
				need += value->length + 1;
				break;
			default:
				elog(ERROR, "unexpected type %u in a result",
					 TupleDescAttr(desc, i)->atttypid);
		}
	}
	if (need > r->size)
	{
		pfree(r->buffer);
		r->size = need;
		r->buffer = MemoryContextAllocHuge(buffers, need);
	}
	to = r->buffer;
	for (int i = 0; i < r->columns; i++)
	{
		dbmig_value *value = &r->values[i];

		if (value->type != DBMIG_TEXT)
			continue;
		memcpy(to, VARDATA_ANY(DatumGetPointer(r->datums[i])), value->length);
		to[value->length] = '\0';
		value->text = to;
		to += value->length + 1;
	}
}

/* The rows that SPI has just given. */
static int
emit_rows(dbmig_call *call, reader *r, dbmig_row_fn emit, void *arg)
{
	MemoryContext call_context = ((dbmig_pg *) call->data)->context;
	MemoryContext spi_context = CurrentMemoryContext;
	SPITupleTable *table = SPI_tuptable;
	uint64		count = SPI_processed;
	int			result = 0;

	for (uint64 i = 0; i < count && result == 0; i++)
	{
		MemoryContextSwitchTo(r->row_context);
		read_row(r, table->vals[i], table->tupdesc, spi_context);
		MemoryContextSwitchTo(call_context);
		result = emit(call, arg, r->values);
		MemoryContextReset(r->row_context);
	}
	MemoryContextSwitchTo(spi_context);
	SPI_freetuptable(table);
	return result;
}

static int
fetch_rows(dbmig_call *call, Portal portal, dbmig_row_fn emit, void *arg)
{
	reader		r = {0};
	int			result = 0;
	uint64		count = BATCH;

	begin_reader(&r, portal->tupDesc);
	while (result == 0 && count == BATCH)
	{
		SPI_cursor_fetch(portal, true, BATCH);
		count = SPI_processed;
		result = emit_rows(call, &r, emit, arg);
	}
	SPI_cursor_close(portal);
	return result;
}

/* What one of many tenants has is little: a cursor would cost more. */
static int
read_at_once(dbmig_call *call, SPIPlanPtr plan, Datum *values,
			 const char *nulls, dbmig_row_fn emit, void *arg)
{
	reader		r = {0};
	int			code = SPI_execute_plan(plan, values, nulls, false, 0);

	if (code != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed: %s",
			 SPI_result_code_string(code));
	begin_reader(&r, SPI_tuptable->tupdesc);
	return emit_rows(call, &r, emit, arg);
}

static int
run_statement(dbmig_call *call, dbmig_sql id, const dbmig_value *params,
			  dbmig_row_fn emit, void *arg)
{
	dbmig_pg   *pg = call->data;
	Datum		values[MAX_PARAMS];
	char		nulls[MAX_PARAMS + 1];
	SPIPlanPtr	plan;
	int			result = 0;

	dbmig_pg_connect(pg);
	plan = get_plan(id, pg->schema);
	bind_values(dbmig_statements[id].params, params, values, nulls);
	if (emit != NULL && call->kept != NULL && advise(id) == PLAN_ANY)
		result = read_at_once(call, plan, values, nulls, emit, arg);
	else if (emit != NULL && SPI_is_cursor_plan(plan))
		result = fetch_rows(call, open_cursor(id, plan, values, nulls),
							emit, arg);
	else
	{
		int			code = SPI_execute_plan(plan, values, nulls, false, 0);

		if (code < 0)
			elog(ERROR, "SPI_execute_plan failed: %s",
				 SPI_result_code_string(code));
	}
	SPI_finish();
	return result;
}

/* The tables that are read stay locked, whatever becomes of their indexes. */
static void
keep_tables_locked(const dbmig_pg *pg)
{
	static const char *const tables[] = {
		"dbmig_package", "dbmig_migration", "dbmig_dependency", "dbmig_applied"
	};

	for (size_t i = 0; i < lengthof(tables); i++)
	{
		Oid			table = get_relname_relid(tables[i], pg->schema_oid);

		if (OidIsValid(table))
			LockRelationOid(table, AccessShareLock);
	}
}

/*
 * In the caller's transaction.  A backend has few places for locks that it need
 * not tell others about (16 before PostgreSQL 18), and the planner locks every
 * index of a table: they would all be taken when the migration begins, which
 * then locks the catalogs the slow way.  So what a query has locked is given
 * back behind it, but for the tables.
 */
static int
run_apart(dbmig_call *call, dbmig_sql id, const dbmig_value *params,
		  dbmig_row_fn emit, void *arg)
{
	ResourceOwner current = CurrentResourceOwner;
	ResourceOwner transaction = CurTransactionResourceOwner;
	ResourceOwner own;
	int			result;

	keep_tables_locked(call->data);
	own = ResourceOwnerCreate(transaction, "dbmig query");
	CurrentResourceOwner = CurTransactionResourceOwner = own;
	PG_TRY();
	{
		result = run_statement(call, id, params, emit, arg);
	}
	PG_FINALLY();
	{
		CurrentResourceOwner = current;
		CurTransactionResourceOwner = transaction;
	}
	PG_END_TRY();
	ResourceOwnerRelease(own, RESOURCE_RELEASE_BEFORE_LOCKS, true, false);
	ResourceOwnerRelease(own, RESOURCE_RELEASE_LOCKS, false, false);
	ResourceOwnerRelease(own, RESOURCE_RELEASE_AFTER_LOCKS, true, false);
	ResourceOwnerDelete(own);
	return result;
}

static int
run_query(dbmig_call *call, dbmig_sql id, const dbmig_value *params,
		  dbmig_row_fn emit, void *arg)
{
	dbmig_pg   *pg = call->data;
	int			result = 0;

	if (dbmig_pg_check_place(call) != 0)
		return -1;
	if (dbmig_pg_direct(call, id, params, emit, arg, &result))
		return result;
	return emit != NULL && !pg->own ? run_apart(call, id, params, emit, arg) :
		run_statement(call, id, params, emit, arg);
}

typedef struct query
{
	dbmig_sql	id;
	const dbmig_value *params;
	dbmig_row_fn emit;
	void	   *arg;
} query;

static int
see_running(dbmig_call *call, void *arg, const dbmig_value *row)
{
	(void) call;
	*(bool *) arg = strcmp(row[0].text, "running") == 0;
	return 0;
}

/*
 * What a step finds of an earlier try is gone once it is marked as running,
 * hence the look here.
 */
static int
do_query(dbmig_call *call, void *arg)
{
	dbmig_pg   *pg = call->data;
	const query *q = arg;

	if (q->id == DBMIG_UNSETTLED_PUT && pg->own)
	{
		pg->was_running = false;
		if (run_query(call, DBMIG_APPLIED_STATE, q->params, see_running,
					  &pg->was_running) != 0)
			return -1;
	}
	return run_query(call, q->id, q->params, q->emit, q->arg);
}

/*
 * In a transaction of the call's own: with a snapshot (planning, and values
 * that are stored apart, need one), and the nest level where the core asks
 * between two transactions.
 */
static int
work_open(dbmig_call *call, dbmig_pg_work work, void *arg)
{
	dbmig_pg   *pg = call->data;
	bool		between = pg->nest < 0;
	int			result;

	if (between)
		dbmig_pg_open(pg);
	PushActiveSnapshot(GetTransactionSnapshot());
	result = work(call, arg);
	PopActiveSnapshot();
	if (between)
		dbmig_pg_next(pg);
	return result;
}

/* For a standby that had to cancel it, to replay what was done: ask again. */
static bool
is_conflict(void)
{
	return geterrcode() == ERRCODE_T_R_SERIALIZATION_FAILURE ||
		geterrcode() == ERRCODE_T_R_DEADLOCK_DETECTED;
}

static int
work_kept(dbmig_call *call, dbmig_pg_work work, void *arg)
{
	dbmig_pg   *pg = call->data;
	bool		between = pg->nest < 0;
	volatile int result = 0;

	PG_TRY();
	{
		result = work_open(call, work, arg);
	}
	PG_CATCH();
	{
		if (pg->waiting)
		{
			if (!is_conflict())
				PG_RE_THROW();
			FlushErrorState();
			dbmig_pg_undo(pg);
			dbmig_pg_open(pg);
			result = dbmig_fail(call, DBMIG_NOT_READY, NULL,
								"the standby is replaying changes");
		}
		else
		{
			result = dbmig_pg_keep_error(call, NULL);
			if (between)
				dbmig_pg_undo(pg);
		}
	}
	PG_END_TRY();
	return result;
}

int
dbmig_pg_guard(dbmig_call *call, dbmig_pg_work work, void *arg)
{
	if (((dbmig_pg *) call->data)->own)
		return work_kept(call, work, arg);
	return work(call, arg);
}

int
dbmig_pg_query(dbmig_call *call, dbmig_sql id, const dbmig_value *params,
			   dbmig_row_fn emit, void *arg)
{
	query		q = {id, params, emit, arg};

	return dbmig_pg_guard(call, do_query, &q);
}
