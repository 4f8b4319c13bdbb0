/*
 * settled.c
 *		What is settled (dbmig_memo): told by the stamps that were seen, and
 *		written down against them.
 *
 * Nobody is waited for to write it down: a row that somebody else is writing is
 * left alone.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "common/hashfn.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "stamp.h"

static int
host_known(dbmig_call *call, const char *package, const char *tenant,
		   bool *known)
{
	dbmig_looked *l;
	HASH_SEQ_STATUS all;
	dbmig_seen *it;

	*known = false;
	if (dbmig_pg_look(call, package, tenant) != 0)
		return -1;
	l = ((dbmig_pg *) call->data)->looked;
	if (l == NULL || l->bad)
		return 0;
	*known = true;
	hash_seq_init(&all, l->items);
	while ((it = hash_seq_search(&all)) != NULL)
		*known = dbmig_pg_settled(l, it) && *known;
	return 0;
}

typedef struct verdict
{
	const char *tenant;
	size_t		count;
	const char *const *packages;	/* NULL: all that was looked at is whole */
	const char *whole;			/* of each package */
	bool		all;			/* what is not among them has nothing to apply */
} verdict;

/* Whether somebody writes its stamp now, who would be waited for. */
static bool
is_stamped_now(const dbmig_looked *l, const char *package)
{
	SnapshotData dirty;
	dbmig_reading r;
	bool		busy = false;

	InitDirtySnapshot(dirty);
	dbmig_pg_read_begin(&r, l->schema, "dbmig_stamp", &dirty, 1, 1, &package);
	while (!busy && systable_getnext(r.scan) != NULL)
		busy = TransactionIdIsValid(dirty.xmin) ||
			TransactionIdIsValid(dirty.xmax);
	dbmig_pg_read_end(&r);
	return busy;
}

/* dbmig_settled as the extension made it; else there is the statement. */
static bool
is_plain(Relation table)
{
	List	   *indexes = RelationGetIndexList(table);
	bool		plain = table->rd_rel->relkind == RELKIND_RELATION &&
	table->rd_rel->relam == HEAP_TABLE_AM_OID && !table->rd_rel->relrowsecurity &&
	table->rd_rules == NULL && table->trigdesc == NULL &&
	RelationGetNumberOfAttributes(table) == SETTLED_ALONE &&
	list_length(indexes) == 1;

	list_free(indexes);
	return plain;
}

/*
 * The row's new version.  What another transaction writes meanwhile is left
 * alone.  Our own lock on the row, which an upsert leaves, is in nobody's way,
 * but the server finds that out only for who would wait.
 */
static void
replace(Relation table, HeapTuple old, Datum *values, bool *nulls)
{
	HeapTuple	new = heap_form_tuple(RelationGetDescr(table), values, nulls);
	bool		ours = (old->t_data->t_infomask & HEAP_XMAX_IS_MULTI) == 0 &&
	TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetRawXmax(old->t_data));
	TM_FailureData failure;
	LockTupleMode mode;

	if (compat_heap_update(table, &old->t_self, new, GetCurrentCommandId(true),
						   ours, &failure, &mode) != TM_Ok)
		return;
	if (!HeapTupleIsHeapOnly(new))
		(void) dbmig_pg_insert_key(table, linitial_oid(RelationGetIndexList(table)),
								   UNIQUE_CHECK_YES, values, nulls, &new->t_self);
}

/*
 * What the snapshot sees of the row.  True where that is the end of it: also of
 * one that somebody is writing, or that has changed since.
 */
static bool
update_found(Relation table, HeapTuple tuple, const SnapshotData * dirty,
			 const Datum *put)
{
	Datum		values[SETTLED_ALONE];
	bool		nulls[SETTLED_ALONE];

	if (TransactionIdIsValid(dirty->xmin) || TransactionIdIsValid(dirty->xmax))
		return true;
	if (!is_plain(table))
		return false;
	heap_deform_tuple(tuple, RelationGetDescr(table), values, nulls);
	for (int i = SETTLED_TENANT; i <= SETTLED_PACKAGE; i++)
		if (!DatumGetBool(DirectFunctionCall2Coll(texteq, C_COLLATION_OID,
												  values[i - 1], put[i - 1])))
			return false;		/* another one, at its place */
	if (values[SETTLED_CHANGED - 1] != put[SETTLED_CHANGED - 1])
		return true;
	for (int i = SETTLED_SETTLED; i <= SETTLED_ALONE; i++)
	{
		values[i - 1] = put[i - 1];
		nulls[i - 1] = false;
	}
	replace(table, tuple, values, nulls);
	CommandCounterIncrement();
	return true;
}

/*
 * Without the executor, where the row is there; at is where it was, which
 * saves looking for it.  For many tenants that counts.  False where it is for the
 * statement.
 */
static bool
update_settled(Oid schema, ItemPointerData at, const char *const *key,
			   const Datum *put)
{
	Oid			oid = get_relname_relid("dbmig_settled", schema);
	Relation	table = OidIsValid(oid) ? try_relation_open(oid, RowExclusiveLock) : NULL;
	SnapshotData dirty;
	HeapTupleData there;
	HeapTuple	tuple = &there;
	Buffer		buffer;
	dbmig_reading r;
	bool		done = false;

	if (table == NULL)
		return false;
	CommandCounterIncrement();
	InitDirtySnapshot(dirty);
	there.t_self = at;
	if (ItemPointerIsValid(&at) && is_plain(table) &&
		compat_heap_fetch(table, &dirty, tuple, &buffer))
	{
		done = update_found(table, tuple, &dirty, put);
		ReleaseBuffer(buffer);
	}
	if (!done)
	{
		dbmig_pg_read_begin(&r, schema, "dbmig_settled", &dirty, 2, SETTLED_TENANT, key);
		while (!done && (tuple = systable_getnext(r.scan)) != NULL)
			done = update_found(table, tuple, &dirty, put);
		dbmig_pg_read_end(&r);
	}
	relation_close(table, NoLock);
	return done;
}

static void
write_down(const dbmig_looked *l, const char *tenant, dbmig_seen *it)
{
	const char *key[2] = {tenant, it->package};
	Datum		values[SETTLED_ALONE];

	/* a restore without triggers leaves none */
	if (!it->stamped)
	{
		if (!is_stamped_now(l, it->package))
			dbmig_pg_stamp(l->schema, it->package);
		return;
	}

	if (it->round != l->round)
	{
		it->tenant_changed = 0;
		ItemPointerSetInvalid(&it->at);
	}

	values[SETTLED_TENANT - 1] = CStringGetTextDatum(tenant);
	values[SETTLED_PACKAGE - 1] = CStringGetTextDatum(it->package);
	values[SETTLED_CHANGED - 1] = Int64GetDatum((int64) it->tenant_changed);
	values[SETTLED_SETTLED - 1] = Int64GetDatum((int64) (it->changed + it->after));

	/* where not all was looked at, what is whole is registered */
	values[SETTLED_REGISTERED - 1] = BoolGetDatum(it->listed || !l->all);
	values[SETTLED_ALONE - 1] = BoolGetDatum(it->alone);
	if (!update_settled(l->schema, it->at, key, values))
		dbmig_pg_put_settled(l->schema, values);
}

static int
by_name(const ListCell *a, const ListCell *b)
{
	return strcmp(((dbmig_seen *) lfirst(a))->package, ((dbmig_seen *) lfirst(b))->package);
}

/*
 * A row of dbmig_settled, of those that were seen all at once.  Two of the same
 * hash are taken for each other: then nothing is written, or what is so.
 */
typedef struct noted
{
	uint64		hash;
	uint64		changed;
	ItemPointerData at;
	bool		settled;
} noted;

static uint64
hash_of(const char *tenant, const char *package)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) tenant,
										   strlen(tenant), 0);

	return hash_bytes_extended((const unsigned char *) package,
							   strlen(package), hash);
}

static void
keep_noted(dbmig_looked *l, const char *tenant, const char *package,
		   uint64 changed, const ItemPointerData * at, bool settled)
{
	uint64		hash = hash_of(tenant, package);
	noted	   *n = hash_search(l->noted, &hash, HASH_ENTER, NULL);

	n->changed = changed;
	n->at = *at;
	n->settled = settled;
}

/* What was seen of this tenant's row, among all of them. */
static void
recall(dbmig_looked *l, const char *tenant, dbmig_seen *it)
{
	uint64		hash = hash_of(tenant, it->package);
	const noted *n = hash_search(l->noted, &hash, HASH_FIND, NULL);

	if (n == NULL)
		return;
	it->round = l->round;
	it->tenant_changed = n->changed;
	it->at = n->at;
	it->has_settled = n->settled;
	it->settled = it->changed + it->after;
	it->registered = true;
}

/* The items that are whole and not yet known to be. */
static List *
find_new(dbmig_looked *l, const verdict *v)
{
	List	   *new = NIL;
	HASH_SEQ_STATUS all;
	dbmig_seen *it;

	for (size_t i = 0; i < v->count; i++)
	{
		it = dbmig_pg_seen(l, v->packages[i]);
		if (it == NULL)
			continue;
		it->told = l->round;
		if (v->whole[i] && l->noted !=NULL)
			recall(l, v->tenant, it);
		if (v->whole[i] && !dbmig_pg_settled(l, it))
			new = lappend(new, it);
	}
	if (v->packages != NULL && !(v->all && l->all))
		return new;
	hash_seq_init(&all, l->items);
	while ((it = hash_seq_search(&all)) != NULL)
		if (it->told != l->round && !dbmig_pg_settled(l, it))
			new = lappend(new, it);
	return new;
}

static int
do_settle(dbmig_call *call, void *arg)
{
	dbmig_pg   *pg = call->data;
	const verdict *v = arg;
	dbmig_looked *l = pg->looked;
	List	   *new;
	ListCell   *cell;

	PushActiveSnapshot(GetTransactionSnapshot());
	new = find_new(l, v);
	list_sort(new, by_name);
	foreach(cell, new)
		write_down(l, v->tenant, lfirst(cell));
	PopActiveSnapshot();
	return 0;
}

static bool
can_settle(dbmig_call *call)
{
	dbmig_looked *l = ((dbmig_pg *) call->data)->looked;

	return l != NULL && !l->bad && !RecoveryInProgress() && !XactReadOnly;
}

/*
 * What was counted without the tenant's lock is noted only where that keeps
 * nobody waiting until some later commit, and by a snapshot that is new: the
 * rows of a tenant that was removed since tell nothing.
 */
static bool
may_note(const dbmig_pg *pg)
{
	return pg->own || pg->lock_taken ||
		!(IsTransactionBlock() || IsolationUsesXactSnapshot());
}

static int
host_settle(dbmig_call *call, const char *tenant, size_t count,
			const char *const *packages, const char *whole, bool all)
{
	verdict		v = {tenant, count, packages, whole, all};

	if (packages == NULL && !may_note(call->data))
		return 0;
	return can_settle(call) ? dbmig_pg_guard(call, do_settle, &v) : 0;
}

static int
host_forget(dbmig_call *call, const char *tenant)
{
	dbmig_pg_drop_settled(((dbmig_pg *) call->data)->schema_oid, tenant);
	return 0;
}

static void
host_recall(dbmig_call *call)
{
	dbmig_looked *l = ((dbmig_pg *) call->data)->looked;

	if (l == NULL)
		return;
	l->round++;
	if (l->noted == NULL)
		l->bad = true;			/* nothing that could be recalled */
}

typedef struct rows
{
	dbmig_row_fn emit;
	void	   *arg;
} rows;

static int
do_tenants(dbmig_call *call, void *arg)
{
	dbmig_pg   *pg = call->data;
	const rows *to = arg;
	dbmig_looked *l = pg->looked;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "dbmig row",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old;
	HASHCTL		control = {0};
	int			result = 0;
	dbmig_reading r;
	HeapTuple	tuple;

	control.keysize = sizeof(uint64);
	control.entrysize = sizeof(noted);
	control.hcxt = l->context;
	l->noted = hash_create("dbmig noted", 1024, &control,
						   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	PushActiveSnapshot(GetTransactionSnapshot());
	dbmig_pg_read_begin(&r, l->schema, "dbmig_settled", GetActiveSnapshot(),
						0, 0, NULL);
	while (result == 0 && r.desc->natts == SETTLED_ALONE &&
		   (tuple = systable_getnext(r.scan)) != NULL)
	{
		Datum		values[SETTLED_ALONE];
		bool		nulls[SETTLED_ALONE];
		dbmig_value row[2];
		const dbmig_seen *it;
		bool		settled;

		heap_deform_tuple(tuple, r.desc, values, nulls);
		if (nulls[SETTLED_TENANT - 1] || nulls[SETTLED_PACKAGE - 1])
			continue;
		old = MemoryContextSwitchTo(context);
		row[0] = dbmig_text(TextDatumGetCString(values[SETTLED_TENANT - 1]));
		row[1] = dbmig_text(TextDatumGetCString(values[SETTLED_PACKAGE - 1]));
		MemoryContextSwitchTo(old);
		it = dbmig_pg_seen(l, row[1].text);
		settled = !nulls[SETTLED_SETTLED - 1] && it != NULL && it->stamped &&
			(uint64) DatumGetInt64(values[SETTLED_SETTLED - 1]) == it->changed + it->after &&
			DatumGetBool(values[SETTLED_REGISTERED - 1]);
		keep_noted(l, row[0].text, row[1].text,
				   (uint64) DatumGetInt64(values[SETTLED_CHANGED - 1]),
				   &tuple->t_self, settled);
		if (settled)
			result = to->emit(call, to->arg, row);
		MemoryContextReset(context);
	}
	dbmig_pg_read_end(&r);
	PopActiveSnapshot();
	MemoryContextDelete(context);
	return result;
}

static int
host_tenants(dbmig_call *call, dbmig_row_fn row, void *arg)
{
	const dbmig_looked *l = ((dbmig_pg *) call->data)->looked;
	rows		to = {row, arg};

	return l != NULL && l->all && !l->bad ?
		dbmig_pg_guard(call, do_tenants, &to) : 0;
}

const dbmig_memo dbmig_pg_memo = {
	.look = dbmig_pg_look,
	.known = host_known,
	.tenants = host_tenants,
	.recall = host_recall,
	.can_settle = can_settle,
	.settle = host_settle,
	.forget = host_forget
};
