/*
 * role.c
 *		Runs a step as a role that it cannot leave (R1).
 *
 * The role is put on as a SECURITY DEFINER function's owner is: as long as
 * that lasts the server refuses to set role and session authorization.  What
 * would run later, as somebody else, runs now or is refused: deferred triggers
 * fire at the end of the step, and a cursor WITH HOLD, whose query is run by
 * the commit, has to be closed.
 *
 * Statements that cannot be in a transaction begin some of their own, and no
 * transaction may begin in that state: they run as the role without it.  They
 * run no code that is the role's but in the server's own restricted state; the
 * one that could leave, DISCARD ALL, is refused.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "dbmig_pg.h"

static SPIPlanPtr constraints_plan = NULL;
static SPIPlanPtr cursors_plan = NULL;
static Oid	acts_for = InvalidOid;	/* the caller, while a role is on */

int
dbmig_pg_role(dbmig_call *call, const char *role)
{
	dbmig_pg   *pg = call->data;
	Oid			id = get_role_oid(role, true);

	if (!OidIsValid(id))
		return dbmig_fail(call, DBMIG_UNKNOWN, NULL,
						  "role \"%s\" does not exist", role);
	if (!compat_can_set_role(pg->user, id))
		return dbmig_fail(call, DBMIG_NO_RIGHT,
						  dbmig_printf(call, "Only a member of the role can run it: GRANT %s TO %s.",
									   quote_identifier(role),
									   quote_identifier(GetUserNameFromId(pg->user, false))),
						  "\"%s\" is not a member of role \"%s\"",
						  GetUserNameFromId(pg->user, false), role);
	return 0;
}

static Oid
role_id(dbmig_pg *pg, const char *role)
{
	Oid			id = get_role_oid(role, false);

	if (!compat_can_set_role(pg->user, id))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("\"%s\" is not a member of role \"%s\"",
						GetUserNameFromId(pg->user, false), role)));
	return id;
}

/* Runs a query of dbmig's own, which finds nothing of a user's. */
static void
open_query(SPIPlanPtr *plan, const char *query, int *nest)
{
	*nest = NewGUCNestLevel();
	dbmig_pg_set_search_path(DBMIG_SAFE_PATH);
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	if (*plan == NULL)
	{
		SPIPlanPtr	made = SPI_prepare(query, 0, NULL);

		if (made == NULL)
			elog(ERROR, "SPI_prepare failed: %s",
				 SPI_result_code_string(SPI_result));
		SPI_keepplan(made);
		*plan = made;
	}
	if (SPI_execute_plan(*plan, NULL, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the catalogs");
}

static void
close_query(int nest)
{
	SPI_finish();
	PopActiveSnapshot();
	AtEOXact_GUC(true, nest);
}

static char *
get_text(uint64 row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

/* Whether a trigger waits for the end of the transaction. */
static bool
is_pending(void)
{
	Relation	triggers;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	CommandCounterIncrement();
	triggers = table_open(TriggerRelationId, AccessShareLock);
	scan = systable_beginscan(triggers, InvalidOid, false, NULL, 0, NULL);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);

		found = trigger->tgdeferrable &&
			AfterTriggerPendingOnRel(trigger->tgrelid);
	}
	systable_endscan(scan);
	table_close(triggers, AccessShareLock);
	return found;
}

/*
 * The constraints whose triggers wait for the end of the transaction, as names
 * for SET CONSTRAINTS; deferred: those of them that do so by default.
 */
static List *
pending_constraints(List **deferred)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *names = NIL;
	int			nest;

	*deferred = NIL;
	open_query(&constraints_plan,
			   "SELECT DISTINCT t.tgrelid, n.nspname, c.conname, c.condeferred"
			   " FROM pg_trigger t JOIN pg_constraint c ON c.oid = t.tgconstraint"
			   " JOIN pg_namespace n ON n.oid = c.connamespace"
			   " WHERE t.tgdeferrable", &nest);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Oid			table = atooid(get_text(i, 1));
		MemoryContext old;
		RangeVar   *name;

		if (!AfterTriggerPendingOnRel(table))
			continue;
		old = MemoryContextSwitchTo(context);
		name = makeRangeVar(pstrdup(get_text(i, 2)), pstrdup(get_text(i, 3)), -1);
		names = lappend(names, name);
		if (strcmp(get_text(i, 4), "t") == 0)
			*deferred = lappend(*deferred, name);
		MemoryContextSwitchTo(old);
	}
	close_query(nest);
	return names;
}

/* No names: all of them. */
static void
set_constraints(List *names, bool deferred)
{
	ConstraintsSetStmt *statement = makeNode(ConstraintsSetStmt);

	statement->constraints = names;
	statement->deferred = deferred;
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	AfterTriggerSetState(statement);
	PopActiveSnapshot();
}

/* Fires what waits, and what waits because of that; as the present user. */
static void
fire_deferred(void)
{
	while (is_pending())
	{
		List	   *deferred;

		CHECK_FOR_INTERRUPTS();
		set_constraints(pending_constraints(&deferred), false);
		if (deferred != NIL)
			set_constraints(deferred, true);
	}
}

/* The cursors that outlive the transaction, each told from one made later. */
static List *
held_cursors(List **names)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *found = NIL;
	int			nest;

	*names = NIL;
	open_query(&cursors_plan,
			   "SELECT name, concat_ws(' ', name, creation_time, statement)"
			   " FROM pg_cursors WHERE is_holdable", &nest);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		*names = lappend(*names, makeString(pstrdup(get_text(i, 1))));
		found = lappend(found, makeString(pstrdup(get_text(i, 2))));
		MemoryContextSwitchTo(old);
	}
	close_query(nest);
	return found;
}

static void
check_cursors(const dbmig_step *step, List *before)
{
	List	   *names;
	List	   *now = held_cursors(&names);
	ListCell   *cell;
	ListCell   *name;

	forboth(cell, now, name, names)
	{
		if (!list_member(before, lfirst(cell)))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("%s leaves the cursor \"%s\" open, which is WITH HOLD",
							dbmig_pg_describe(step), strVal(lfirst(name))),
					 errhint("The commit would run its query as somebody else than the role. Close it in the script.")));
	}
}

void
dbmig_pg_role_begin(dbmig_pg *pg, const dbmig_step *step, dbmig_role *kept)
{
	List	   *names;
	Oid			role;

	kept->active = step->role != NULL;
	if (!kept->active)
		return;
	role = role_id(pg, step->role);
	GetUserIdAndSecContext(&kept->user, &kept->context);

	/* what the caller has left to be fired is not the role's */
	if (!pg->own)
		fire_deferred();
	kept->cursors = held_cursors(&names);
	SetUserIdAndSecContext(role, kept->context | SECURITY_LOCAL_USERID_CHANGE);
}

void
dbmig_pg_role_end(const dbmig_step *step, const dbmig_role *kept)
{
	if (!kept->active)
		return;
	fire_deferred();
	check_cursors(step, kept->cursors);
	SetUserIdAndSecContext(kept->user, kept->context);
}

/*
 * Outside of a transaction the role lasts over commits, and an abort would go
 * back to whom its transaction began as.  So whatever aborts, the caller is the
 * user again; a step that is tried again puts the role on again.
 */
static void
on_abort(XactEvent event, void *arg)
{
	(void) arg;
	if (event == XACT_EVENT_ABORT && OidIsValid(acts_for))
	{
		SetUserIdAndSecContext(acts_for, 0);
		acts_for = InvalidOid;
	}
}

void
dbmig_pg_role_on(dbmig_pg *pg, const dbmig_step *step)
{
	static bool registered = false;
	Oid			role;

	if (step->role == NULL)
		return;
	role = role_id(pg, step->role);
	if (!registered)
		RegisterXactCallback(on_abort, NULL);
	registered = true;
	acts_for = pg->user;
	SetUserIdAndSecContext(role, 0);
	dbmig_pg_next(pg);
}

void
dbmig_pg_role_off(dbmig_pg *pg, const dbmig_step *step)
{
	if (step->role == NULL)
		return;
	SetUserIdAndSecContext(pg->user, 0);
	dbmig_pg_next(pg);
	acts_for = InvalidOid;
}
