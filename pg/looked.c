/*
 * looked.c
 *		Reads stamps: whether a package is settled in a tenant, all of it
 *		applied as it is registered and nothing missing that it comes after.
 *
 * stamp.c tells what stamps are, and why comparing them is right.  Here they
 * are read, straight from the tables by their indexes: for the first call of a
 * session the server would take longer to prepare a statement.  One snapshot
 * sees all of them.  What was seen stays with the call until it looks again:
 * what it then finds, or makes, whole is written down against it.
 *
 * A user who cannot see all that there is, for want of a right or by a policy,
 * is told nothing, and writes down nothing: he goes by what he can see.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "stamp.h"

/* The columns, as the install script has them. */
enum
{
	PACKAGE_PACKAGE = 1
};

enum
{
	DEPENDENCY_PACKAGE = 1,
	DEPENDENCY_AFTER_PACKAGE = 3
};

enum
{
	STAMP_PACKAGE = 1, STAMP_CHANGED, STAMP_REMOVED
};

/* Its index may be replaced by another at any time but while it is locked. */
void
dbmig_pg_read_begin(dbmig_reading *r, Oid schema, const char *table,
					Snapshot snapshot, int count, AttrNumber first,
					const char *const *values)
{
	ScanKeyData keys[2];
	Oid			index = InvalidOid;

	for (int i = 0; i < count; i++)
		ScanKeyInit(&keys[i], first + i, BTEqualStrategyNumber, F_TEXTEQ,
					CStringGetTextDatum(values[i]));
	r->table = table_open(get_relname_relid(table, schema), AccessShareLock);
	r->desc = RelationGetDescr(r->table);
	if (count > 0)
		index = get_relname_relid(psprintf("%s_pkey", table), schema);
	r->scan = systable_beginscan(r->table, index, OidIsValid(index), snapshot,
								 count, keys);
}

void
dbmig_pg_read_end(dbmig_reading *r)
{
	systable_endscan(r->scan);
	table_close(r->table, AccessShareLock);
}

const char *
dbmig_pg_read_text(const dbmig_reading *r, HeapTuple tuple, int column)
{
	bool		isnull;
	Datum		datum = heap_getattr(tuple, column, r->desc, &isnull);

	return isnull ? "" : TextDatumGetCString(datum);
}

uint64
dbmig_pg_read_number(const dbmig_reading *r, HeapTuple tuple, int column, bool *there)
{
	bool		isnull;
	Datum		datum = heap_getattr(tuple, column, r->desc, &isnull);

	if (there != NULL)
		*there = !isnull;
	return isnull ? 0 : (uint64) DatumGetInt64(datum);
}

bool
dbmig_pg_read_bool(const dbmig_reading *r, HeapTuple tuple, int column)
{
	bool		isnull;
	Datum		datum = heap_getattr(tuple, column, r->desc, &isnull);

	return !isnull && DatumGetBool(datum);
}

/* The item of this name, added where it is wanted; or NULL. */
static dbmig_seen *
get_item(dbmig_looked *l, const char *package, bool add)
{
	dbmig_seen *it;
	bool		found;

	if (strlen(package) >= DBMIG_NAME_SIZE)
	{
		l->bad = true;
		return NULL;
	}
	it = hash_search(l->items, package, add ? HASH_ENTER : HASH_FIND, &found);
	if (it != NULL && !found)
	{
		memset((char *) it + offsetof(dbmig_seen, listed), 0,
			   sizeof(dbmig_seen) - offsetof(dbmig_seen, listed));
		it->alone = true;
	}
	return it;
}

static void
keep_stamp(const dbmig_reading *r, HeapTuple tuple, dbmig_seen *it)
{
	it->stamped = true;
	it->changed = dbmig_pg_read_number(r, tuple, STAMP_CHANGED, NULL);
	it->removed = dbmig_pg_read_number(r, tuple, STAMP_REMOVED, NULL);
}

static void
keep_settled(dbmig_looked *l, const dbmig_reading *r, HeapTuple tuple, dbmig_seen *it)
{
	it->round = l->round;
	it->at = tuple->t_self;
	it->tenant_changed = dbmig_pg_read_number(r, tuple, SETTLED_CHANGED, NULL);
	it->settled = dbmig_pg_read_number(r, tuple, SETTLED_SETTLED, &it->has_settled);
	it->registered = dbmig_pg_read_bool(r, tuple, SETTLED_REGISTERED);
}

/* One package: its stamps, and what is noted of the tenant. */
static dbmig_seen *
read_one(dbmig_looked *l, const char *package, const char *tenant,
		 Snapshot snapshot, bool *alone)
{
	const char *key[2] = {tenant, package};
	dbmig_seen *it = get_item(l, package, true);
	dbmig_reading r;
	HeapTuple	tuple;

	*alone = false;
	if (it == NULL)
		return NULL;
	dbmig_pg_read_begin(&r, l->schema, "dbmig_stamp", snapshot, 1, STAMP_PACKAGE,
						&key[1]);
	tuple = systable_getnext(r.scan);
	if (tuple != NULL)
		keep_stamp(&r, tuple, it);
	dbmig_pg_read_end(&r);
	dbmig_pg_read_begin(&r, l->schema, "dbmig_settled", snapshot, 2,
						SETTLED_TENANT, key);
	tuple = systable_getnext(r.scan);
	if (tuple != NULL)
	{
		keep_settled(l, &r, tuple, it);
		*alone = dbmig_pg_read_bool(&r, tuple, SETTLED_ALONE) && it->stamped &&
			it->has_settled && it->settled == it->changed;
	}
	dbmig_pg_read_end(&r);
	return it;
}

/* A package and all that it comes after. */
static void
read_taken(dbmig_looked *l, const char *package, const char *tenant,
		   Snapshot snapshot)
{
	List	   *todo = list_make1(unconstify(char *, package));
	bool		alone;

	/* what is settled and alone was alone when it was settled */
	if (read_one(l, package, tenant, snapshot, &alone) == NULL || alone)
		return;
	while (todo != NIL)
	{
		const char *name = linitial(todo);
		dbmig_seen *it = get_item(l, name, false);
		dbmig_reading r;
		HeapTuple	tuple;

		todo = list_delete_first(todo);
		dbmig_pg_read_begin(&r, l->schema, "dbmig_dependency", snapshot, 1, DEPENDENCY_PACKAGE, &name);
		while ((tuple = systable_getnext(r.scan)) != NULL)
		{
			const char *after = dbmig_pg_read_text(&r, tuple, DEPENDENCY_AFTER_PACKAGE);
			dbmig_seen *other = get_item(l, after, false);

			if (other == NULL)
			{
				other = read_one(l, after, tenant, snapshot, &alone);
				todo = lappend(todo, unconstify(char *, after));
			}
			if (other == NULL)
				break;
			it->alone = false;
			it->after += other->removed;
		}
		dbmig_pg_read_end(&r);
		if (l->bad)
			return;
	}
}

/* What is registered, of all packages. */
static void
read_registry(dbmig_looked *l, Snapshot snapshot)
{
	dbmig_reading r;
	HeapTuple	tuple;
	dbmig_seen *it;
	dbmig_seen *after;

	dbmig_pg_read_begin(&r, l->schema, "dbmig_stamp", snapshot, 0, 0, NULL);
	while ((tuple = systable_getnext(r.scan)) != NULL)
	{
		it = get_item(l, dbmig_pg_read_text(&r, tuple, STAMP_PACKAGE), true);
		if (it != NULL)
			keep_stamp(&r, tuple, it);
	}
	dbmig_pg_read_end(&r);
	dbmig_pg_read_begin(&r, l->schema, "dbmig_package", snapshot, 0, 0, NULL);
	while ((tuple = systable_getnext(r.scan)) != NULL)
	{
		it = get_item(l, dbmig_pg_read_text(&r, tuple, PACKAGE_PACKAGE), true);
		if (it != NULL)
			it->listed = true;
	}
	dbmig_pg_read_end(&r);
	dbmig_pg_read_begin(&r, l->schema, "dbmig_dependency", snapshot, 0, 0,
						NULL);
	while ((tuple = systable_getnext(r.scan)) != NULL)
	{
		it = get_item(l, dbmig_pg_read_text(&r, tuple, DEPENDENCY_PACKAGE), true);
		after = get_item(l, dbmig_pg_read_text(&r, tuple, DEPENDENCY_AFTER_PACKAGE), true);
		if (it == NULL || after == NULL)
			continue;
		it->alone = false;
		it->after += after->removed;
	}
	dbmig_pg_read_end(&r);
}

/* What is noted of a tenant, of all packages. */
static void
read_tenant(dbmig_looked *l, const char *tenant, Snapshot snapshot)
{
	dbmig_reading r;
	HeapTuple	tuple;

	dbmig_pg_read_begin(&r, l->schema, "dbmig_settled", snapshot, 1,
						SETTLED_TENANT, &tenant);
	while ((tuple = systable_getnext(r.scan)) != NULL)
	{
		dbmig_seen *it = get_item(l, dbmig_pg_read_text(&r, tuple, SETTLED_PACKAGE), true);

		if (it != NULL)
			keep_settled(l, &r, tuple, it);
	}
	dbmig_pg_read_end(&r);
}

bool
dbmig_pg_settled(const dbmig_looked *l, const dbmig_seen *it)
{
	return it->stamped && it->round == l->round && it->has_settled &&
		it->settled == it->changed + it->after &&
		(it->registered || (l->all && !it->listed));
}

/* The columns that counting looks at, for a user who may see some only. */
static bool
may_select(Oid table, Oid user)
{
	static const char *const columns[] = {"package", "version", "checksum"};

	if (pg_class_aclcheck(table, user, ACL_SELECT) == ACLCHECK_OK)
		return true;
	for (size_t i = 0; i < lengthof(columns); i++)
	{
		AttrNumber	number = get_attnum(table, columns[i]);

		if (number == InvalidAttrNumber ||
			pg_attribute_aclcheck(table, number, user, ACL_SELECT) != ACLCHECK_OK)
			return false;
	}
	return true;
}

static bool
may_look(Oid schema)
{
	static const char *const tables[] = {
		"dbmig_package", "dbmig_migration", "dbmig_dependency", "dbmig_applied"
	};
	Oid			user = GetUserId();

	for (size_t i = 0; i < lengthof(tables) && !superuser_arg(user); i++)
	{
		Oid			table = get_relname_relid(tables[i], schema);

		if (!OidIsValid(table) || !may_select(table, user) ||
			check_enable_rls(table, InvalidOid, true) == RLS_ENABLED)
			return false;
	}
	return true;
}

/* NULL where this user is told nothing. */
static dbmig_looked *
begin_looked(dbmig_pg *pg, bool all)
{
	MemoryContext context;
	dbmig_looked *l;
	HASHCTL		control = {0};

	if (pg->looked != NULL)
		MemoryContextDelete(pg->looked->context);
	pg->looked = NULL;
	if (!OidIsValid(get_relname_relid("dbmig_stamp", pg->schema_oid)) ||
		!may_look(pg->schema_oid))
		return NULL;
	context = AllocSetContextCreate(pg->context, "dbmig looked",
									ALLOCSET_SMALL_SIZES);
	l = MemoryContextAllocZero(context, sizeof(dbmig_looked));
	l->context = context;
	l->all = all;
	l->schema = pg->schema_oid;
	control.keysize = DBMIG_NAME_SIZE;
	control.entrysize = sizeof(dbmig_seen);
	control.hcxt = context;
	l->items = hash_create("dbmig looked", all ? 256 : 8, &control,
						   HASH_ELEM | HASH_CONTEXT | COMPAT_HASH_STRINGS);
	pg->looked = l;
	return l;
}

typedef struct look
{
	const char *package;		/* NULL: all */
	const char *tenant;			/* NULL: none yet */
} look;

static int
do_look(dbmig_call *call, void *arg)
{
	dbmig_pg   *pg = call->data;
	const look *asked = arg;
	dbmig_looked *l;
	MemoryContext old;
	Snapshot	snapshot;

	l = begin_looked(pg, asked->package == NULL);
	if (l == NULL)
		return 0;
	if (dbmig_pg_check_place(call) != 0)
		return -1;
	dbmig_pg_stamps_seen();
	CommandCounterIncrement();
	snapshot = GetTransactionSnapshot();
	PushActiveSnapshot(snapshot);
	snapshot = GetActiveSnapshot();
	old = MemoryContextSwitchTo(AllocSetContextCreate(CurrentMemoryContext,
													  "dbmig look",
													  ALLOCSET_DEFAULT_SIZES));
	l->round++;
	if (asked->package != NULL)
		read_taken(l, asked->package, asked->tenant, snapshot);
	else
	{
		read_registry(l, snapshot);
		if (asked->tenant != NULL)
			read_tenant(l, asked->tenant, snapshot);
	}
	MemoryContextDelete(MemoryContextSwitchTo(old));
	PopActiveSnapshot();
	return 0;
}

int
dbmig_pg_look(dbmig_call *call, const char *package, const char *tenant)
{
	look		asked = {package, tenant};

	return dbmig_pg_guard(call, do_look, &asked);
}

dbmig_seen *
dbmig_pg_seen(dbmig_looked *looked, const char *package)
{
	return get_item(looked, package, false);
}
