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
 *
 * An applier takes 2 before 0.  All are held until the transaction ends.
 *
 * Waiting is polling (A3): a waiter inside a SELECT holds a snapshot, and
 * asleep in the lock manager would be in a deadlock with the very CREATE INDEX
 * CONCURRENTLY that it waits for, one of the two killed.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/latch.h"
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
	SPI_connect();
	if (SPI_execute(sql.data, true, 1) == SPI_OK_SELECT && SPI_processed == 1)
	{
		char	   *value = SPI_getvalue(SPI_tuptable->vals[0],
										 SPI_tuptable->tupdesc, 1);

		if (value != NULL)
			who = dbmig_copy(call, value, strlen(value));
	}
	SPI_finish();
	return who;
}

static int
take(dbmig_call *call, uint32 object, uint16 subid, LOCKMODE mode,
	 const char *what)
{
	dbmig_pg   *pg = call->data;
	TimestampTz start = GetCurrentTimestamp();
	double		limit = call->settings.lock_timeout * 1000.0;
	long		wait = WAIT_FIRST_MS;
	LOCKTAG		tag;
	const char *who;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId,
					   get_relname_relid("dbmig_applied", pg->schema_oid),
					   object, subid);
	while (LockAcquire(&tag, mode, false, true) == LOCKACQUIRE_NOT_AVAIL)
	{
		double		left = limit - (GetCurrentTimestamp() - start) / 1000.0;

		if (left <= 0)
		{
			who = holders(call, &tag, mode);
			return dbmig_fail(call, DBMIG_LOCKED,
							  limit > 0 ?
							  "The setting dbmig.lock_timeout is how many seconds it waits." :
							  "The setting dbmig.lock_timeout is 0, so it did not wait.",
							  "another session is %s%s%s", what,
							  who != NULL ? ": " : "",
							  who != NULL ? who : "");
		}
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Min(wait, (long) left + 1), PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		wait = Min(wait * 2, WAIT_MOST_MS);
	}
	return 0;
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

/*
 * A transaction that keeps its snapshot does not see what was committed while
 * it waited for the lock, or before: it would apply that once more.
 */
static int
check_snapshot(dbmig_call *call, const char *tenant)
{
	dbmig_pg   *pg = call->data;
	const char *schema = quote_identifier(pg->schema);
	Oid			types[1] = {TEXTOID};
	StringInfoData sql;
	SPIPlanPtr	plan;
	char	   *seen;
	char	   *latest;
	int			result = 0;

	initStringInfo(&sql);
	appendStringInfo(&sql,
					 "SELECT concat_ws('/',"
					 " (SELECT max(id) FROM %s.dbmig_history"
					 "  WHERE tenant = $1),"
					 " (SELECT count(*) || '+' || sum(xmin::text::bigint)"
					 "  FROM %s.dbmig_migration),"
					 " (SELECT count(*) || '+' || sum(xmin::text::bigint)"
					 "  FROM %s.dbmig_dependency))", schema, schema, schema);
	SPI_connect();
	plan = SPI_prepare(sql.data, 1, types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	CommandCounterIncrement();
	seen = state_of(plan, tenant, GetTransactionSnapshot());
	latest = state_of(plan, tenant, GetLatestSnapshot());
	if (strcmp(seen, latest) != 0)
		result = dbmig_fail(call, DBMIG_SERIALIZE,
							"Run the transaction again, or use READ COMMITTED.",
							"dbmig's tables were changed after this transaction took its snapshot");
	SPI_finish();
	return result;
}

int
dbmig_pg_lock(dbmig_call *call, dbmig_lock lock, const char *tenant)
{
	switch (lock)
	{
		case DBMIG_LOCK_REGISTRY:
			return take(call, 0, SUBID_REGISTRY, ExclusiveLock,
						"registering migrations");
		case DBMIG_LOCK_TEXTS:
			return take(call, 0, SUBID_TEXTS, ExclusiveLock,
						"using the registered migrations");
		case DBMIG_LOCK_TENANT:
			if (take(call, 0, SUBID_TEXTS, ShareLock,
					 "changing registered migrations") != 0 ||
				take(call, hash_bytes((const unsigned char *) tenant,
									  strlen(tenant)),
					 SUBID_TENANT, ExclusiveLock,
					 "applying migrations") != 0)
				return -1;
			if (IsolationUsesXactSnapshot())
				return check_snapshot(call, tenant);
			return 0;
	}
	return 0;
}
