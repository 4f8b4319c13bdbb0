/*
 * direct.c
 *		What is done for each migration of each tenant, without the executor.
 *
 * The records of a migration, and the look at what a tenant has, are simple,
 * and the executor sets up far more than it then does: it reads the CHECK
 * constraints' trees anew for every INSERT, for one.  So they go by the table
 * and its indexes, as the server's own catalogs do; a plain row is written as
 * the INSERT would write it.
 *
 * Only where that is the same: is_plain() looks at whether the tables are as
 * the extension has made them, with no trigger, rule, policy, default or index
 * that asks for more; hence what it finds stands until the server tells of a
 * change to the table.  For all else there is the statement.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodes.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "dbmig_pg.h"

typedef struct column
{
	const char *name;
	Oid			type;
	const char *value;			/* its default, where it gets that */
} column;

#define FROM_CLOCK "clock_timestamp()"
#define FROM_USER "CURRENT_USER"
#define FROM_TRANSACTION "((pg_current_xact_id())::text)::bigint"

/* In the order of the table, as are the numbers below. */
static const column applied_columns[] = {
	{"tenant", TEXTOID, NULL}, {"package", TEXTOID, NULL}, {"version", TEXTOID, NULL},
	{"sort_key", TEXTOID, NULL}, {"checksum", TEXTOID, NULL}, {"state", TEXTOID, NULL},
	{"statements", INT4OID, NULL}, {"duration_us", INT8OID, NULL},
	{"applied_at", TIMESTAMPTZOID, FROM_CLOCK}, {"applied_by", TEXTOID, FROM_USER},
	{"transaction_id", INT8OID, FROM_TRANSACTION}
};

static const column history_columns[] = {
	{"id", INT8OID, NULL}, {"happened_at", TIMESTAMPTZOID, FROM_CLOCK},
	{"tenant", TEXTOID, NULL}, {"package", TEXTOID, NULL}, {"version", TEXTOID, NULL},
	{"name", TEXTOID, NULL}, {"action", TEXTOID, NULL}, {"outcome", TEXTOID, "'ok'::text"},
	{"checksum", TEXTOID, NULL}, {"duration_us", INT8OID, NULL},
	{"statements", INT4OID, NULL}, {"performed_by", TEXTOID, FROM_USER},
	{"transaction_id", INT8OID, FROM_TRANSACTION}, {"error_code", TEXTOID, NULL},
	{"error_message", TEXTOID, NULL}, {"error_statement", INT4OID, NULL}, {"error_line", INT4OID, NULL}
};

#define APPLIED_PACKAGE 2
#define APPLIED_VERSION 3
#define APPLIED_SORT_KEY 4
#define APPLIED_CHECKSUM 5
#define APPLIED_STATE 6
#define APPLIED_STATEMENTS 7

#define INDEXES_MOST 4			/* somebody may have made one more, or two */

typedef struct table
{
	const char *name;
	const column *columns;
	int			count;
	int			check_count;	/* CHECK constraints, by name, that hold by
								 * what is written here */
	const char *checks[2];
	int			defaults;
	AclMode		needs;			/* that the statement needs, too */
	bool		upserts;		/* a row of the same key is no error */

	Oid			schema;
	Oid			relid;			/* what follows is about, or InvalidOid */
	bool		plain;
	Oid			indexes[INDEXES_MOST];	/* the primary key's first */
	int			index_count;
	Oid			sequence;		/* of the first column */
} table;

static table applied = {
	.name = "dbmig_applied",
	.columns = applied_columns,
	.count = lengthof(applied_columns),
	.check_count = 1,
	.checks = {"dbmig_applied_state_check"},
	.defaults = 5,
	.needs = ACL_SELECT | ACL_INSERT | ACL_UPDATE,
	.upserts = true
};

static table history = {
	.name = "dbmig_history",
	.columns = history_columns,
	.count = lengthof(history_columns),
	.check_count = 2,
	.checks = {"dbmig_history_action_check", "dbmig_history_outcome_check"},
	.defaults = 5,
	.needs = ACL_INSERT
};

static void
heard(Datum arg, Oid relid)
{
	(void) arg;
	if (relid == InvalidOid || relid == applied.relid)
		applied.relid = InvalidOid;
	if (relid == InvalidOid || relid == history.relid)
		history.relid = InvalidOid;
}

/* The server sorts them by name. */
static bool
has_checks(const table *t, const TupleConstr *constr)
{
	for (int i = 0; i < constr->num_check; i++)
		if (i == t->check_count ||
			strcmp(constr->check[i].ccname, t->checks[i]) != 0)
			return false;
	return constr->num_check == t->check_count;
}

static bool
has_defaults(const table *t, Relation relation)
{
	const TupleConstr *constr = RelationGetDescr(relation)->constr;
	List	   *context = deparse_context_for(t->name, RelationGetRelid(relation));

	if (constr->num_defval != t->defaults)
		return false;
	for (int i = 0; i < constr->num_defval; i++)
	{
		AttrDefault *now = &constr->defval[i];
		const char *value = t->columns[now->adnum - 1].value;

		if (value != NULL &&
			strcmp(deparse_expression(stringToNode(now->adbin), context, false, false), value) != 0)
			return false;
	}
	return true;
}

static bool
has_columns(const table *t, TupleDesc desc)
{
	const TupleConstr *constr = desc->constr;

	if (desc->natts != t->count || constr == NULL ||
		constr->has_generated_stored || !has_checks(t, constr))
		return false;
	for (int i = 0; i < t->count; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (attribute->attisdropped ||
			attribute->atttypid != t->columns[i].type ||
			strcmp(NameStr(attribute->attname), t->columns[i].name) != 0)
			return false;
	}
	return true;
}

static bool
inserts_nothing_else(Relation relation)
{
	const TriggerDesc *triggers = relation->trigdesc;

	return triggers == NULL ||
		!(triggers->trig_insert_before_row || triggers->trig_insert_after_row ||
		  triggers->trig_insert_before_statement ||
		  triggers->trig_insert_after_statement ||
		  triggers->trig_insert_new_table);
}

/* B-trees of columns, that are checked at once. */
static bool
is_plain_index(Relation index)
{
	Form_pg_index form = index->rd_index;

	return index->rd_rel->relam == BTREE_AM_OID && form->indimmediate &&
		form->indisvalid && !form->indisexclusion &&
		heap_attisnull(index->rd_indextuple, Anum_pg_index_indexprs, NULL) &&
		heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL);
}

static bool
has_plain_indexes(table *t, Relation relation)
{
	List	   *indexes = RelationGetIndexList(relation);
	ListCell   *cell;
	bool		plain = list_length(indexes) <= INDEXES_MOST;
	bool		has_key = false;

	t->index_count = 0;
	foreach(cell, indexes)
	{
		Relation	index;

		if (!plain)
			break;
		index = index_open(lfirst_oid(cell), AccessShareLock);
		plain = is_plain_index(index);
		t->indexes[t->index_count] = RelationGetRelid(index);
		if (index->rd_index->indisprimary)
		{
			t->indexes[t->index_count] = t->indexes[0];
			t->indexes[0] = RelationGetRelid(index);
			has_key = true;
		}
		t->index_count++;
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	return plain && has_key;
}

static bool
is_plain(table *t, Relation relation)
{
	Form_pg_class class = relation->rd_rel;

	return class->relkind == RELKIND_RELATION &&
		class->relam == HEAP_TABLE_AM_OID && !class->relrowsecurity &&
		!class->relispartition && !class->relhassubclass &&
		relation->rd_rules == NULL &&
		has_columns(t, RelationGetDescr(relation)) &&
		has_defaults(t, relation) &&
		inserts_nothing_else(relation) && has_plain_indexes(t, relation);
}

/*
 * What is found while nobody can change it: a message that comes in between
 * says that it is to be looked at again.
 */
static void
look_at(table *t, Relation relation)
{
	List	   *sequences;

	t->relid = RelationGetRelid(relation);
	t->plain = is_plain(t, relation);
	sequences = getOwnedSequences(RelationGetRelid(relation));
	t->sequence = list_length(sequences) == 1 ? linitial_oid(sequences) : InvalidOid;
	list_free(sequences);
}

/* The table, locked, or NULL where the statement has to do it. */
static Relation
open_table(dbmig_pg *pg, table *t, LOCKMODE mode, AclMode needs)
{
	static bool listening = false;
	Oid			oid = t->relid;
	Relation	relation;

	/* the last: sepgsql and pgaudit look at whatever a statement does */
	if (IsolationUsesXactSnapshot() || XactReadOnly ||
		ExecutorCheckPerms_hook != NULL)
		return NULL;
	if (!listening)
		CacheRegisterRelcacheCallback(heard, (Datum) 0);
	listening = true;
	if (!OidIsValid(oid) || t->schema != pg->schema_oid)
		oid = get_relname_relid(t->name, pg->schema_oid);
	t->schema = pg->schema_oid;
	if (!OidIsValid(oid) ||
		pg_class_aclmask(oid, GetUserId(), needs, ACLMASK_ALL) != needs)
		return NULL;
	relation = try_relation_open(oid, mode);
	if (relation == NULL)
		return NULL;
	if (t->relid != oid)
		look_at(t, relation);
	if (t->relid == oid && t->plain)
		return relation;
	relation_close(relation, NoLock);
	return NULL;
}

static Datum
text_datum(const dbmig_value *value)
{
	return PointerGetDatum(cstring_to_text_with_len(value->text, value->length));
}

/* For what the statement's parameters say; NULL where they are NULL. */
static void
put_value(Datum *values, bool *nulls, int column, const dbmig_value *value,
		  bool wide)
{
	nulls[column] = value->type == DBMIG_NULL;
	if (nulls[column])
		return;
	if (value->type == DBMIG_TEXT)
		values[column] = text_datum(value);
	else if (wide)
		values[column] = Int64GetDatum(value->integer);
	else
		values[column] = Int32GetDatum((int32) value->integer);
}

static Datum
current_user_name(void)
{
	return CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));
}

static Datum
transaction_number(void)
{
	return Int64GetDatum((int64) U64FromFullTransactionId(GetTopFullTransactionId()));
}

bool
dbmig_pg_insert_key(Relation relation, Oid oid, IndexUniqueCheck check,
					const Datum *values, const bool *nulls, ItemPointer at)
{
	Relation	index = index_open(oid, RowExclusiveLock);
	Form_pg_index form = index->rd_index;
	Datum		keys[INDEX_MAX_KEYS];
	bool		missing[INDEX_MAX_KEYS];
	bool		sure;

	for (int i = 0; i < form->indnatts; i++)
	{
		keys[i] = values[form->indkey.values[i] - 1];
		missing[i] = nulls[form->indkey.values[i] - 1];
	}
	sure = compat_index_insert(index, keys, missing, at, relation,
							   form->indisunique ? check : UNIQUE_CHECK_NO);
	sure = sure || !form->indisunique;
	index_close(index, RowExclusiveLock);
	return sure;
}

/* A column may have been made NOT NULL; then the statement says so. */
static bool
is_complete(Relation relation, const bool *nulls)
{
	TupleDesc	desc = RelationGetDescr(relation);

	for (int i = 0; i < desc->natts; i++)
		if (nulls[i] && TupleDescAttr(desc, i)->attnotnull)
			return false;
	return true;
}

/*
 * As INSERT ... ON CONFLICT does it: what is there already was never written, for
 * logical decoding, too.  The macro evaluates its token twice, hence a variable.
 */
static bool
insert_speculatively(table *t, Relation relation, HeapTuple tuple,
					 Datum *values, bool *nulls)
{
	TransactionId transaction = GetCurrentTransactionId();
	uint32		token = SpeculativeInsertionLockAcquire(transaction);
	bool		sure;

	HeapTupleHeaderSetSpeculativeToken(tuple->t_data, token);
	heap_insert(relation, tuple, GetCurrentCommandId(true),
				HEAP_INSERT_SPECULATIVE, NULL);
	sure = dbmig_pg_insert_key(relation, t->indexes[0], UNIQUE_CHECK_PARTIAL, values,
							   nulls, &tuple->t_self);
	for (int i = 1; i < t->index_count && sure; i++)
		(void) dbmig_pg_insert_key(relation, t->indexes[i], UNIQUE_CHECK_YES, values,
								   nulls, &tuple->t_self);
	if (sure)
		heap_finish_speculative(relation, &tuple->t_self);
	else
		heap_abort_speculative(relation, &tuple->t_self);
	SpeculativeInsertionLockRelease(transaction);
	return sure;
}

/*
 * Writes the row, and ends with the table.  False, and it is not written, where
 * its key may be there already, or it misses something.
 */
static bool
insert_row(table *t, Relation relation, Datum *values, bool *nulls)
{
	bool		done = is_complete(relation, nulls);

	if (done)
	{
		HeapTuple	tuple = heap_form_tuple(RelationGetDescr(relation), values, nulls);

		if (t->upserts)
			done = insert_speculatively(t, relation, tuple, values, nulls);
		else
		{
			simple_heap_insert(relation, tuple);
			for (int i = 0; i < t->index_count; i++)
				(void) dbmig_pg_insert_key(relation, t->indexes[i], UNIQUE_CHECK_YES,
										   values, nulls, &tuple->t_self);
		}
		CommandCounterIncrement();
	}
	relation_close(relation, NoLock);
	return done;
}

/* tenant, package, version, sort_key, checksum, statements, duration */
static bool
put_applied(dbmig_pg *pg, const dbmig_value *params)
{
	Relation	relation = open_table(pg, &applied, RowExclusiveLock, applied.needs);
	Datum		values[lengthof(applied_columns)] = {0};
	bool		nulls[lengthof(applied_columns)] = {0};
	dbmig_value state = dbmig_text("applied");

	if (relation == NULL)
		return false;
	for (int i = 0; i < 5; i++)
		put_value(values, nulls, i, &params[i], false);
	put_value(values, nulls, 5, &state, false);
	put_value(values, nulls, 6, &params[5], false);
	put_value(values, nulls, 7, &params[6], true);
	values[8] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[9] = current_user_name();
	values[10] = transaction_number();
	return insert_row(&applied, relation, values, nulls);
}

/* tenant, package, version, name, action, checksum, statements, duration */
static bool
add_history(dbmig_pg *pg, const dbmig_value *params)
{
	Relation	relation = open_table(pg, &history, RowExclusiveLock, history.needs);
	Datum		values[lengthof(history_columns)] = {0};
	bool		nulls[lengthof(history_columns)] = {0};
	dbmig_value outcome = dbmig_text("ok");

	if (relation == NULL)
		return false;
	if (!OidIsValid(history.sequence))
	{
		relation_close(relation, NoLock);
		return false;
	}
	values[0] = Int64GetDatum(nextval_internal(history.sequence, false));
	values[1] = TimestampTzGetDatum(GetCurrentTimestamp());
	for (int i = 0; i < 5; i++)
		put_value(values, nulls, i + 2, &params[i], false);
	put_value(values, nulls, 7, &outcome, false);
	put_value(values, nulls, 8, &params[5], false);
	put_value(values, nulls, 9, &params[7], true);
	put_value(values, nulls, 10, &params[6], false);
	values[11] = current_user_name();
	values[12] = transaction_number();
	for (int i = 13; i < history.count; i++)
		nulls[i] = true;
	return insert_row(&history, relation, values, nulls);
}

/* package, version, checksum, state, statements; and the sort key */
typedef struct applied_row
{
	dbmig_value columns[5];
	const char *sort_key;
} applied_row;

static int
compare_rows(const void *a, const void *b)
{
	const applied_row *left = a;
	const applied_row *right = b;
	int			order = strcmp(left->columns[0].text, right->columns[0].text);

	return order != 0 ? order : strcmp(left->sort_key, right->sort_key);
}

static void
read_applied(HeapTuple tuple, TupleDesc desc, applied_row *row)
{
	static const int texts[] = {APPLIED_PACKAGE, APPLIED_VERSION, APPLIED_CHECKSUM, APPLIED_STATE, APPLIED_SORT_KEY};
	Datum		values[lengthof(applied_columns)];
	bool		nulls[lengthof(applied_columns)];
	size_t		need = 0;
	char	   *to;

	heap_deform_tuple(tuple, desc, values, nulls);
	for (size_t i = 0; i < lengthof(texts); i++)
	{
		Datum	   *value = &values[texts[i] - 1];

		*value = PointerGetDatum(PG_DETOAST_DATUM_PACKED(*value));
		need += VARSIZE_ANY_EXHDR(DatumGetPointer(*value)) + 1;
	}
	to = palloc(need);
	for (size_t i = 0; i < lengthof(texts); i++)
	{
		Pointer		from = DatumGetPointer(values[texts[i] - 1]);
		dbmig_value *value = &row->columns[i];

		value->type = DBMIG_TEXT;
		value->text = to;
		value->length = VARSIZE_ANY_EXHDR(from);
		memcpy(to, VARDATA_ANY(from), value->length);
		to[value->length] = '\0';
		to += value->length + 1;
	}
	row->sort_key = row->columns[4].text;
	row->columns[4] = dbmig_int(DatumGetInt32(values[APPLIED_STATEMENTS - 1]));
}

static int
emit_applied(dbmig_call *call, Relation relation, const dbmig_value *tenant,
			 dbmig_row_fn emit, void *arg)
{
	MemoryContext call_context = ((dbmig_pg *) call->data)->context;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	size_t		count = 0;
	size_t		capacity = 32;
	applied_row *rows = palloc(capacity * sizeof(applied_row));
	int			result = 0;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_TEXTEQ, text_datum(tenant));
	scan = systable_beginscan(relation, applied.indexes[0], true, GetActiveSnapshot(), 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		if (count == capacity)
		{
			capacity *= 2;
			rows = repalloc_huge(rows, capacity * sizeof(applied_row));
		}
		read_applied(tuple, RelationGetDescr(relation), &rows[count++]);
	}
	systable_endscan(scan);
	qsort(rows, count, sizeof(applied_row), compare_rows);
	MemoryContextSwitchTo(call_context);
	for (size_t i = 0; i < count && result == 0; i++)
		result = emit(call, arg, rows[i].columns);
	return result;
}

/* False where the statement is to be run. */
bool
dbmig_pg_direct(dbmig_call *call, dbmig_sql id, const dbmig_value *params,
				dbmig_row_fn emit, void *arg, int *result)
{
	dbmig_pg   *pg = call->data;
	MemoryContext old;
	MemoryContext context;
	Relation	relation;
	bool		done = false;

	if (id != DBMIG_APPLIED_PUT && id != DBMIG_HISTORY_ADD &&
		(id != DBMIG_APPLIED || call->kept == NULL))
		return false;
	*result = 0;
	context = AllocSetContextCreate(CurrentMemoryContext, "dbmig direct",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (id == DBMIG_APPLIED_PUT)
		done = put_applied(pg, params);
	else if (id == DBMIG_HISTORY_ADD)
		done = add_history(pg, params);
	else if ((relation = open_table(pg, &applied, AccessShareLock, ACL_SELECT)) != NULL)
	{
		*result = emit_applied(call, relation, params, emit, arg);
		relation_close(relation, NoLock);
		done = true;
	}
	PopActiveSnapshot();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return done;
}
