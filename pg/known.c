/*
 * known.c
 *		What this session has found settled, and nobody has changed since.
 *
 * To see that nothing is pending, every migration has to be compared with what
 * is applied.  A session that asks again need not compare again: a trigger on
 * dbmig's tables tells all sessions of every change, by whomever, in the way
 * in which the server tells them of changed catalogs.  That is exact: the
 * message is handled here at once, elsewhere after the commit and before the
 * one who committed hears of it, and likewise on a standby.  What is applied
 * in addition makes nothing unsettled and needs none; so a transaction that
 * has written remembers nothing.
 *
 * The message names an index of dbmig_package, that of the position: no kept
 * plan depends on an index's entry in the cache, and none is made anew for it.
 * What is said of the tables themselves is heard too: their rights, policies,
 * triggers.
 *
 * An old snapshot (REPEATABLE READ) neither asks nor remembers here, nor does
 * a user for whom policies choose the rows.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"

#include "dbmig_pg.h"

#define MOST 16					/* targets */

typedef struct known
{
	Oid			user;
	char	   *package;		/* "": all */
	char	   *tenant;
} known;

#pragma GCC visibility push(default)
PG_FUNCTION_INFO_V1(dbmig_touched);
#pragma GCC visibility pop

static known found[MOST];
static int	count = 0;
static Oid	signal_oid = InvalidOid;	/* what the messages are about */
static Oid	tables[4];			/* and these */
static uint64 changes = 0;		/* messages so far */
static uint64 changes_asked = 0;	/* when it was asked last */
static bool listening = false;

static Oid
signal_of(Oid schema)
{
	return get_relname_relid("dbmig_package_position_idx", schema);
}

static void
forget(void)
{
	while (count > 0)
	{
		count--;
		pfree(found[count].package);
		pfree(found[count].tenant);
	}
}

static void
heard(Datum arg, Oid relid)
{
	(void) arg;
	if (relid != InvalidOid && relid != signal_oid && relid != tables[0] &&
		relid != tables[1] && relid != tables[2] && relid != tables[3])
		return;
	changes++;
	forget();
}

/* Behind each change of a row, and TRUNCATE. */
Datum
dbmig_touched(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Oid			oid;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("dbmig_touched is a trigger's function")));
	oid = signal_of(RelationGetNamespace(trigger->tg_relation));
	if (OidIsValid(oid))
		CacheInvalidateRelcacheByRelid(oid);
	return PointerGetDatum(NULL);
}

/* Whether what was found stands for what would be found now. */
static bool
usable(void)
{
	if (IsolationUsesXactSnapshot() || !OidIsValid(signal_oid))
		return false;
	for (size_t i = 0; i < lengthof(tables); i++)
		if (!OidIsValid(tables[i]) ||
			check_enable_rls(tables[i], InvalidOid, true) == RLS_ENABLED)
			return false;
	return true;
}

/*
 * Asked before the tables are; what is remembered then is what they held after
 * this moment, if no message has come since.
 */
static bool
is_known(dbmig_call *call, const char *package, const char *tenant)
{
	dbmig_pg   *pg = call->data;
	Oid			oid;

	if (!listening)
		CacheRegisterRelcacheCallback(heard, (Datum) 0);
	listening = true;
	AcceptInvalidationMessages();
	oid = signal_of(pg->schema_oid);
	if (oid != signal_oid)
	{
		forget();
		changes++;
		tables[0] = get_relname_relid("dbmig_package", pg->schema_oid);
		tables[1] = get_relname_relid("dbmig_migration", pg->schema_oid);
		tables[2] = get_relname_relid("dbmig_dependency", pg->schema_oid);
		tables[3] = get_relname_relid("dbmig_applied", pg->schema_oid);
	}
	signal_oid = oid;
	changes_asked = changes;
	if (!usable())
		return false;
	for (int i = 0; i < count; i++)
		if (found[i].user == GetUserId() &&
			strcmp(found[i].package, package) == 0 &&
			strcmp(found[i].tenant, tenant) == 0)
			return true;
	return false;
}

static void
remember(dbmig_call *call, const char *package, const char *tenant)
{
	MemoryContext old;

	(void) call;

	/* what this transaction has applied may yet be undone, without a message */
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return;
	/* looking may hear of a change too */
	if (!usable() || changes != changes_asked)
		return;
	if (count == MOST)
		forget();
	old = MemoryContextSwitchTo(TopMemoryContext);
	found[count].user = GetUserId();
	found[count].package = pstrdup(package);
	found[count].tenant = pstrdup(tenant);
	count++;
	MemoryContextSwitchTo(old);
}

const dbmig_memo dbmig_pg_memo = {is_known, remember};
