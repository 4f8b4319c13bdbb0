/*
 * settled.c
 *		What is settled (dbmig_memo): told by the stamps that were seen, and
 *		written down against them.
 *
 * Nobody is waited for to write it down: a row that somebody else is writing is
 * left alone.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "common/hashfn.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

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
	if (call->registry != NULL && package != NULL)
		return 0;
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

/* Whether somebody writes the row of this key now, who would be waited for. */
static bool
is_busy(const dbmig_looked *l, const char *table, int count,
		const char *const *key)
{
	SnapshotData dirty;
	dbmig_reading r;
	bool		busy = false;

	InitDirtySnapshot(dirty);
	dbmig_pg_read_begin(&r, l->schema, table, &dirty, count, 1, key);
	while (!busy && systable_getnext(r.scan) != NULL)
		busy = TransactionIdIsValid(dirty.xmin) ||
			TransactionIdIsValid(dirty.xmax);
	dbmig_pg_read_end(&r);
	return busy;
}

static void
write_down(const dbmig_looked *l, const char *tenant, const dbmig_seen *it)
{
	const char *key[2] = {tenant, it->package};
	bool		there = it->round == l->round;

	/* a restore without triggers leaves none */
	if (!it->stamped)
	{
		if (!is_busy(l, "dbmig_stamp", 1, &key[1]))
			dbmig_pg_stamp(l->schema, it->package);
		return;
	}
	if (is_busy(l, "dbmig_settled", 2, key))
		return;
	dbmig_pg_put_settled(l->schema, tenant, it->package,
						 there ? it->tenant_changed : 0,
						 it->changed + it->after, it->alone);
}

static int
by_name(const ListCell *a, const ListCell *b)
{
	return strcmp(((dbmig_seen *) lfirst(a))->package, ((dbmig_seen *) lfirst(b))->package);
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

/* Two of the same hash are taken for each other: then nothing is written. */
typedef struct unsettled
{
	uint64		hash;
	uint64		changed;
} unsettled;

static uint64
hash_of(const char *tenant, const char *package)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) tenant,
										   strlen(tenant), 0);

	return hash_bytes_extended((const unsigned char *) package,
							   strlen(package), hash);
}

static void
keep_unsettled(dbmig_looked *l, const char *tenant, const char *package,
			   uint64 changed)
{
	uint64		hash = hash_of(tenant, package);
	unsettled  *u;

	u = hash_search(l->unsettled, &hash, HASH_ENTER, NULL);
	u->changed = changed;
}

static void
host_recall(dbmig_call *call, const char *tenant)
{
	dbmig_looked *l = ((dbmig_pg *) call->data)->looked;
	HASH_SEQ_STATUS all;
	dbmig_seen *it;

	if (l == NULL)
		return;
	l->round++;
	if (l->unsettled == NULL)
	{
		l->bad = true;			/* nothing that could be recalled */
		return;
	}
	hash_seq_init(&all, l->items);
	while ((it = hash_seq_search(&all)) != NULL)
	{
		uint64		hash = hash_of(tenant, it->package);
		const unsettled *u = hash_search(l->unsettled, &hash, HASH_FIND, NULL);

		if (u == NULL)
			continue;
		it->round = l->round;
		it->tenant_changed = u->changed;
		it->has_settled = false;
	}
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
	control.entrysize = sizeof(unsettled);
	control.hcxt = l->context;
	l->unsettled = hash_create("dbmig unsettled", 1024, &control,
							   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	PushActiveSnapshot(GetTransactionSnapshot());
	dbmig_pg_read_begin(&r, l->schema, "dbmig_settled", GetActiveSnapshot(),
						0, 0, NULL);
	while (result == 0 && (tuple = systable_getnext(r.scan)) != NULL)
	{
		const char *tenant;
		const char *package;
		const dbmig_seen *it;
		bool		there;
		uint64		settled = dbmig_pg_read_number(&r, tuple, SETTLED_SETTLED, &there);
		dbmig_value row[2];

		old = MemoryContextSwitchTo(context);
		tenant = dbmig_pg_read_text(&r, tuple, SETTLED_TENANT);
		package = dbmig_pg_read_text(&r, tuple, SETTLED_PACKAGE);
		MemoryContextSwitchTo(old);
		it = dbmig_pg_seen(l, package);
		row[0] = dbmig_text(tenant);
		row[1] = dbmig_text(package);
		if (it == NULL || !it->stamped || !there ||
			settled != it->changed + it->after ||
			!dbmig_pg_read_bool(&r, tuple, SETTLED_REGISTERED))
			keep_unsettled(l, tenant, package,
						   dbmig_pg_read_number(&r, tuple, SETTLED_CHANGED, NULL));
		else
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
