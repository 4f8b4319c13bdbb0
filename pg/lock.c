/*
 * lock.c
 *		Keeps appliers and registrars apart.
 *
 * The locks are heavyweight locks on objects that nothing else locks: classid
 * is dbmig_applied, and objsubid tells the kind.
 *
 *		0	one tenant (objid is a hash of its name), exclusive: an applier
 *		1	the registry, exclusive: a registrar
 *		2	the texts: shared by appliers, exclusive for a registrar that
 *			changes or removes what is there
 *		3	shared by those who run a step outside of a transaction now
 *
 * An applier takes 2 before 0.  All are held until the transaction ends; those
 * of a call with transactions of its own, until it gives them back, or until
 * one of them is aborted.
 *
 * Waiting is polling (A3): a waiter inside a SELECT holds a snapshot, and
 * asleep in the lock manager would be in a deadlock with the very CREATE INDEX
 * CONCURRENTLY that it waits for, one of the two killed.  Polling, it would
 * still make that wait, so it gives up where 3 is held.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "dbmig_pg.h"

#define SUBID_TENANT 0
#define SUBID_REGISTRY 1
#define SUBID_TEXTS 2
#define SUBID_ALONE 3

#define WAIT_FIRST_MS 10
#define WAIT_MOST_MS 100

/*
 * Who holds it, as `process 123 of user "u", application "a"`, joined by "; ".
 * NULL where nobody does any more, or nobody who could be named.
 */
static const char *
holders(dbmig_call *call, const LOCKTAG *tag, LOCKMODE mode)
{
	StringInfoData sql;
	int			count;
	VirtualTransactionId *vxids = GetLockConflicts(tag, mode, &count);
	const char *who = NULL;

	initStringInfo(&sql);
	for (int i = 0; i < count; i++)
	{
		PGPROC	   *proc = compat_vxid_proc(vxids[i]);

		if (proc != NULL && proc->pid != 0)
			appendStringInfo(&sql, "%s%d", sql.len > 0 ? ", " : "", proc->pid);
	}
	if (sql.len == 0)
		return NULL;
	resetStringInfo(&sql);
	appendStringInfoString(&sql,
						   "SELECT string_agg('process ' || pid"
						   " || coalesce(' of user \"' || usename || '\"', '')"
						   " || coalesce(', application \"'"
						   " || nullif(application_name, '') || '\"', ''),"
						   " '; ' ORDER BY pid)"
						   " FROM pg_catalog.pg_stat_activity WHERE pid IN (0");
	for (int i = 0; i < count; i++)
	{
		PGPROC	   *proc = compat_vxid_proc(vxids[i]);

		if (proc != NULL && proc->pid != 0)
			appendStringInfo(&sql, ", %d", proc->pid);
	}
	appendStringInfoChar(&sql, ')');

	/* the view's copy of this transaction may be older than the holder */
	pgstat_clear_snapshot();
	PushActiveSnapshot(GetTransactionSnapshot());
	dbmig_pg_connect(call->data);
	if (SPI_execute(sql.data, true, 1) == SPI_OK_SELECT && SPI_processed == 1)
	{
		char	   *value = SPI_getvalue(SPI_tuptable->vals[0],
										 SPI_tuptable->tupdesc, 1);

		if (value != NULL)
			who = dbmig_copy(call, value, strlen(value));
	}
	SPI_finish();
	PopActiveSnapshot();
	return who;
}

static Oid
lock_class(dbmig_pg *pg)
{
	if (!OidIsValid(pg->lock_class))
		pg->lock_class = get_relname_relid("dbmig_applied", pg->schema_oid);
	return pg->lock_class;
}

static LOCKTAG
tag_of(dbmig_pg *pg, uint32 object, uint16 subid)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, lock_class(pg), object, subid);
	return tag;
}

/* Somebody runs what would wait for this transaction's snapshot. */
static bool
would_wait_for_us(dbmig_pg *pg)
{
	LOCKTAG		tag = tag_of(pg, 0, SUBID_ALONE);
	int			count;

	if (pg->own)
		return false;
	(void) GetLockConflicts(&tag, ExclusiveLock, &count);
	return count > 0;
}

static int
fail_locked(dbmig_call *call, const LOCKTAG *tag, LOCKMODE mode,
			const char *what, const char *hint)
{
	const char *who = NULL;

	if (call->settings.lock_timeout >= 0)
		who = holders(call, tag, mode);
	return dbmig_fail(call, DBMIG_LOCKED, hint, "another session is %s%s%s",
					  what, who != NULL ? ": " : "", who != NULL ? who : "");
}

static int
take(dbmig_call *call, uint32 object, uint16 subid, LOCKMODE mode,
	 const char *what)
{
	dbmig_pg   *pg = call->data;
	TimestampTz start = GetCurrentTimestamp();
	double		limit = call->settings.lock_timeout * 1000.0;
	long		wait = WAIT_FIRST_MS;
	LOCKTAG		tag = tag_of(pg, object, subid);

	if (pg->own && compat_lock_held(&tag, mode))
		return 0;
	while (LockAcquire(&tag, mode, pg->own, true) == LOCKACQUIRE_NOT_AVAIL)
	{
		double		left = limit - (GetCurrentTimestamp() - start) / 1000.0;

		if (would_wait_for_us(pg))
			return fail_locked(call, &tag, mode, what,
							   "It runs outside of a transaction, and would wait for this one to end. Call again later, or use CALL dbmig_migrate, which can wait for it.");
		if (left <= 0)
			return fail_locked(call, &tag, mode, what, limit > 0 ?
							   "The setting dbmig.lock_timeout is how many seconds it waits." :
							   "The setting dbmig.lock_timeout is 0, so it did not wait.");
		dbmig_pg_sleep(pg, Min(wait, (long) left + 1));
		wait = Min(wait * 2, WAIT_MOST_MS);
	}

	/* what this transaction goes on to see may be older than the lock */
	if (pg->own && IsolationUsesXactSnapshot() &&
		!TransactionIdIsValid(GetTopTransactionIdIfAny()))
	{
		dbmig_pg_next(pg);
		dbmig_pg_open(pg);
	}
	return 0;
}

static bool
take_at_once(dbmig_pg *pg, uint32 object, uint16 subid, LOCKMODE mode)
{
	LOCKTAG		tag = tag_of(pg, object, subid);

	return compat_lock_held(&tag, mode) ||
		LockAcquire(&tag, mode, true, true) != LOCKACQUIRE_NOT_AVAIL;
}

static void
give_back(dbmig_pg *pg, uint32 object, uint16 subid, LOCKMODE mode)
{
	LOCKTAG		tag = tag_of(pg, object, subid);

	if (compat_lock_held(&tag, mode))
		LockRelease(&tag, mode, true);
}

/* As far as that goes without waiting; false where somebody else has them. */
bool
dbmig_pg_lock_again(dbmig_pg *pg)
{
	if (take_at_once(pg, 0, SUBID_TEXTS, ShareLock))
		return take_at_once(pg, pg->lock_tenant, SUBID_TENANT, ExclusiveLock);
	pg->lost = true;
	return false;
}

void
dbmig_pg_lock_alone(dbmig_pg *pg, bool held)
{
	if (held)
		(void) take_at_once(pg, 0, SUBID_ALONE, ShareLock);
	else
		give_back(pg, 0, SUBID_ALONE, ShareLock);
}

/* The tenant's lock alone. */
void
dbmig_pg_unlock(dbmig_pg *pg)
{
	if (!pg->own)
		return;
	pg->locked = false;
	give_back(pg, pg->lock_tenant, SUBID_TENANT, ExclusiveLock);
}

void
dbmig_pg_release(dbmig_call *call)
{
	dbmig_pg   *pg = call->data;

	if (!pg->own)
		return;
	dbmig_pg_unlock(pg);
	give_back(pg, 0, SUBID_TEXTS, ShareLock);
}

/*
 * What the snapshot sees of the registry and of the tenant's history, as one
 * text.
 */
static char *
state_of(SPIPlanPtr plan, const char *tenant, Snapshot snapshot)
{
	Datum		values[1] = {CStringGetTextDatum(tenant)};

	if (SPI_execute_snapshot(plan, values, NULL, snapshot, InvalidSnapshot,
							 true, false, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not read dbmig's tables");
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

/* Whether the query finds now what this transaction's snapshot sees. */
static bool
is_latest(dbmig_pg *pg, const char *query, const char *tenant)
{
	Oid			types[1] = {TEXTOID};
	SPIPlanPtr	plan;
	char	   *seen;
	char	   *latest;
	bool		same;

	dbmig_pg_connect(pg);
	plan = SPI_prepare(query, 1, types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	CommandCounterIncrement();
	seen = state_of(plan, tenant, GetTransactionSnapshot());
	latest = state_of(plan, tenant, GetLatestSnapshot());
	same = strcmp(seen, latest) == 0;
	SPI_finish();
	return same;
}

static int
fail_snapshot(dbmig_call *call)
{
	return dbmig_fail(call, DBMIG_SERIALIZE,
					  "Run the transaction again, or use READ COMMITTED.",
					  "dbmig's tables were changed after this transaction took its snapshot");
}

/*
 * A transaction that keeps its snapshot does not see what was committed while
 * it waited for the lock, or before: it would apply that once more.
 */
static int
check_snapshot(dbmig_call *call, const char *tenant)
{
	dbmig_pg   *pg = call->data;
	const char *schema = quote_identifier(pg->schema);

	if (is_latest(pg, psprintf("SELECT concat_ws('/',"
							   " (SELECT max(id) FROM %s.dbmig_history"
							   "  WHERE tenant = $1),"
							   " (SELECT count(*) || '+' || sum(xmin::text::bigint)"
							   "  FROM %s.dbmig_migration),"
							   " (SELECT count(*) || '+' || sum(xmin::text::bigint)"
							   "  FROM %s.dbmig_dependency))",
							   schema, schema, schema), tenant))
		return 0;
	return fail_snapshot(call);
}

/* Looks at what everybody may see only. */
void
dbmig_pg_check_latest(dbmig_call *call, const char *tenant)
{
	dbmig_pg   *pg = call->data;
	const char *schema = quote_identifier(pg->schema);

	if (!IsolationUsesXactSnapshot() || pg->own ||
		is_latest(pg, psprintf("SELECT concat_ws('/',"
							   " (SELECT max(id) FROM %s.dbmig_history"
							   "  WHERE tenant = $1),"
							   " (SELECT count(*) FROM %s.dbmig_applied"
							   "  WHERE tenant = $1),"
							   " (SELECT count(*) FROM %s.dbmig_package))",
							   schema, schema, schema), tenant))
		return;
	call->status = DBMIG_OK;
	(void) fail_snapshot(call);
}

int
dbmig_pg_lock(dbmig_call *call, dbmig_lock lock, const char *tenant)
{
	dbmig_pg   *pg = call->data;

	switch (lock)
	{
		case DBMIG_LOCK_REGISTRY:
			return take(call, 0, SUBID_REGISTRY, ExclusiveLock,
						"registering migrations");
		case DBMIG_LOCK_TEXTS:
			return take(call, 0, SUBID_TEXTS, ExclusiveLock,
						"using the registered migrations");
		case DBMIG_LOCK_TENANT:
			pg->lock_tenant = hash_bytes((const unsigned char *) tenant,
										 strlen(tenant));
			if (take(call, 0, SUBID_TEXTS, ShareLock,
					 "changing registered migrations") != 0 ||
				take(call, pg->lock_tenant, SUBID_TENANT, ExclusiveLock,
					 "applying migrations") != 0)
				return -1;
			pg->locked = pg->own;
			pg->lock_taken = true;
			if (pg->lost)
				call->moved = true;
			pg->lost = false;
			if (IsolationUsesXactSnapshot() && !pg->own)
				return check_snapshot(call, tenant);
			return 0;
	}
	return 0;
}
