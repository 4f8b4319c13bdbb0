/*
 * stamp.c
 *		Stamps: what tells that dbmig's tables have changed, by whatever hand.
 *
 * Whether something is pending is known of a package and a tenant as long as
 * nothing has changed since it was found out.  Triggers on the tables see to
 * it that every change leaves a stamp, a number drawn at random that none had
 * before:
 *
 *		dbmig_stamp.changed		of a package: its row, its migrations, or what
 *								it comes after
 *		dbmig_stamp.removed		of a package: it, or a migration of it, is gone,
 *								that others may come after
 *		dbmig_settled.changed	of a tenant and a package: something that was
 *								applied is so no longer, or otherwise
 *
 * What is applied in addition makes nothing pending and leaves no stamp.
 *
 * Whoever finds that all of a package is applied as it is registered writes
 * down the stamps that he had seen BEFORE he looked at the tables: changed and
 * the sum of removed of what it comes after, as dbmig_settled.settled, and that
 * only where the row's own changed is still as he saw it.  Who reads compares
 * (settled.c).  So a change that is committed in between, or later, or was there
 * and not seen, can only make the two differ; it takes no lock to be safe.  Of
 * those who write the same row the second waits for the first; he who only
 * writes down what he found rather leaves it.  A row that is gone cannot differ:
 * that of a tenant that was removed is not made again by who still saw it.
 *
 * TRUNCATE gives every package a new stamp.  The triggers are ALWAYS ones, so
 * that a replica's changes leave stamps, too; there a row is never added, as it
 * comes by itself where the tables are replicated as a whole.  What has no
 * stamp is never settled.  Both tables are left out of dumps; a restore leaves
 * new stamps.  Only who disables the triggers, or writes these tables himself,
 * can make them lie; TRUNCATE dbmig_settled makes that good.
 *
 * Written with the rights of the tables' owner, from any user's statement: no
 * name may be resolved by the search_path of that one, operators included.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "dbmig_pg.h"
#include "stamp.h"

#pragma GCC visibility push(default)
PG_FUNCTION_INFO_V1(dbmig_touched);
#pragma GCC visibility pop

#define IS " OPERATOR(pg_catalog.=) "
#define ADD_STAMP "INSERT INTO %s.dbmig_stamp VALUES ($1, $2, $2)" \
	" ON CONFLICT (package) DO UPDATE SET changed = excluded.changed"
#define SET_STAMP "UPDATE %s.dbmig_stamp SET changed = $2"
#define SET_SETTLED "UPDATE %s.dbmig_settled SET changed = $3, settled = NULL" \
	" WHERE tenant" IS "$1 AND package" IS "$2"

typedef enum writing
{
	CHANGED,					/* package, stamp */
	REMOVED,
	UNSETTLED,					/* tenant, package, stamp */
	CHANGED_COPY,				/* the same on a replica */
	REMOVED_COPY,
	UNSETTLED_COPY,
	EMPTIED,					/* stamp */
	SETTLED,					/* the row */
	FORGOTTEN,					/* tenant */
	WRITINGS
} writing;

static const struct
{
	const char *params;
	const char *text;
}			writings[WRITINGS] = {
	[CHANGED] = {"ti", ADD_STAMP},
	[REMOVED] = {"ti", ADD_STAMP ", removed = excluded.removed"},
	[UNSETTLED] = {"tti", "INSERT INTO %s.dbmig_settled"
		" VALUES ($1, $2, $3, NULL, false, false)"
		" ON CONFLICT (tenant, package) DO UPDATE"
	" SET changed = excluded.changed, settled = NULL"},
	[CHANGED_COPY] = {"ti", SET_STAMP " WHERE package" IS "$1"},
	[REMOVED_COPY] = {"ti", SET_STAMP ", removed = $2 WHERE package" IS "$1"},
	[UNSETTLED_COPY] = {"tti", SET_SETTLED},
	[EMPTIED] = {"i", "UPDATE %s.dbmig_stamp SET changed = $1, removed = $1"},
	[SETTLED] = {"ttiibb", "INSERT INTO %1$s.dbmig_settled AS s"
		" SELECT $1, $2, $3, $4, $5, $6"
		" WHERE $1" IS "'' OR EXISTS (SELECT 1 FROM %1$s.dbmig_tenant"
		" WHERE tenant" IS "$1)"
		" ON CONFLICT (tenant, package) DO UPDATE SET settled = excluded.settled,"
		" registered = excluded.registered, alone = excluded.alone"
	" WHERE s.changed" IS "excluded.changed"},
	[FORGOTTEN] = {"t", "DELETE FROM %s.dbmig_settled WHERE tenant" IS "$1"},
};

#define MAX_PARAMS 6

static SPIPlanPtr plans[WRITINGS];
static char *plans_schema = NULL;

/*
 * What this subtransaction has stamped since anybody has looked at stamps here
 * need not be stamped again: a load has many migrations of one package.  What
 * it was is kept as a hash, whose seed is drawn as stamps are.
 */
typedef struct stamped
{
	uint64		what;
	FullTransactionId transaction;
	uint64		looks;
	SubTransactionId subtransaction;
} stamped;

#define STAMPED 4096

static stamped recent[STAMPED];
static uint64 looks = 1;

void
dbmig_pg_stamps_seen(void)
{
	looks++;
}

static SPIPlanPtr
get_plan(writing what, const char *schema)
{
	Oid			types[MAX_PARAMS];
	int			count = 0;
	SPIPlanPtr	plan;

	if (plans_schema == NULL || strcmp(plans_schema, schema) != 0)
	{
		char	   *old = plans_schema;

		for (int i = 0; i < WRITINGS; i++)
		{
			plan = plans[i];
			plans[i] = NULL;
			if (plan != NULL)
				SPI_freeplan(plan);
		}
		plans_schema = MemoryContextStrdup(TopMemoryContext, schema);
		if (old != NULL)
			pfree(old);
	}
	if (plans[what] != NULL)
		return plans[what];
	for (const char *p = writings[what].params; *p != '\0'; p++)
		types[count++] = *p == 't' ? TEXTOID : *p == 'i' ? INT8OID : BOOLOID;
	plan = SPI_prepare(psprintf(writings[what].text, quote_identifier(schema)),
					   count, types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	plans[what] = plan;
	return plan;
}

static Oid
owner_of(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relation);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * By the latest snapshot, in a transaction with an older one, too: a row that
 * it does not see is to be changed all the same.  Gives the number of rows.
 */
static uint64
write_row(Oid schema, writing what, Datum *values)
{
	Oid			relation = get_relname_relid("dbmig_stamp", schema);
	const char *name = get_namespace_name(schema);
	Oid			user;
	int			context;
	int			code;
	uint64		count;

	if (!OidIsValid(relation) || name == NULL)
		return 0;
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(owner_of(relation),
						   context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_NOFORCE_RLS);
	CommandCounterIncrement();
	SPI_connect();
	code = SPI_execute_snapshot(get_plan(what, name), values, NULL,
								GetLatestSnapshot(), InvalidSnapshot, false,
								false, 0);
	if (code < 0)
		elog(ERROR, "SPI_execute_snapshot failed: %s",
			 SPI_result_code_string(code));
	count = SPI_processed;
	SPI_finish();
	SetUserIdAndSecContext(user, context);
	return count;
}

static uint64
draw(void)
{
	uint64		number = 0;

	while (number == 0)
		if (!pg_strong_random(&number, sizeof(number)))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not generate a random number")));
	return number;
}

/* Whether this was just stamped; *place is for keep_recent(). */
static bool
is_recent(Oid schema, writing what, const char *tenant, const char *package,
		  stamped *place)
{
	static uint64 seed = 0;
	const stamped *s;

	if (seed == 0)
		seed = draw();
	place->what = hash_bytes_extended((const unsigned char *) tenant,
									  strlen(tenant), seed + schema);
	place->what = hash_bytes_extended((const unsigned char *) package,
									  strlen(package), place->what + what);
	place->looks = looks;
	place->transaction = GetTopFullTransactionId();
	place->subtransaction = GetCurrentSubTransactionId();
	s = &recent[place->what % STAMPED];
	return s->what == place->what && s->looks == looks &&
		s->subtransaction == place->subtransaction &&
		FullTransactionIdEquals(s->transaction, place->transaction);
}

static void
keep_recent(const stamped *place)
{
	recent[place->what % STAMPED] = *place;
}

static void
stamp_package(Oid schema, writing what, const char *package)
{
	stamped		place;
	Datum		values[2];

	if (is_recent(schema, what, "", package, &place))
		return;
	values[0] = CStringGetTextDatum(package);
	values[1] = Int64GetDatum((int64) draw());
	if (SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA)
		what = what == CHANGED ? CHANGED_COPY : REMOVED_COPY;
	write_row(schema, what, values);
	keep_recent(&place);
}

void
dbmig_pg_stamp(Oid schema, const char *package)
{
	stamp_package(schema, CHANGED, package);
}

static void
unsettle(Oid schema, const char *tenant, const char *package)
{
	stamped		place;
	Datum		values[3];

	if (is_recent(schema, UNSETTLED, tenant, package, &place))
		return;
	values[0] = CStringGetTextDatum(tenant);
	values[1] = CStringGetTextDatum(package);
	values[2] = Int64GetDatum((int64) draw());
	if (SessionReplicationRole != SESSION_REPLICATION_ROLE_REPLICA)
		write_row(schema, UNSETTLED, values);
	else if (write_row(schema, UNSETTLED_COPY, values) == 0)

		/* for one who has seen that there is no row, either */
		stamp_package(schema, CHANGED, package);
	keep_recent(&place);
}

static char *
column(HeapTuple tuple, TupleDesc desc, const char *name)
{
	char	   *value = SPI_getvalue(tuple, desc, SPI_fnumber(desc, name));

	return value != NULL ? value : "";
}

/* A migration, or package, that is no longer what others may come after. */
static bool
is_gone(HeapTuple old, HeapTuple new, TupleDesc desc)
{
	return new == NULL ||
		strcmp(column(old, desc, "package"), column(new, desc, "package")) != 0 ||
		strcmp(column(old, desc, "version"), column(new, desc, "version")) != 0;
}

/* Behind each change of a row of dbmig's tables, and TRUNCATE. */
Datum
dbmig_touched(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	HeapTuple	old = NULL;
	HeapTuple	new = NULL;
	const char *table;
	TupleDesc	desc;
	Oid			schema;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("dbmig_touched is a trigger's function")));
	schema = RelationGetNamespace(trigger->tg_relation);
	table = RelationGetRelationName(trigger->tg_relation);
	desc = RelationGetDescr(trigger->tg_relation);
	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
	{
		Datum		stamp = Int64GetDatum((int64) draw());

		write_row(schema, EMPTIED, &stamp);
		dbmig_pg_stamps_seen();
		return PointerGetDatum(NULL);
	}
	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		new = trigger->tg_trigtuple;
	else
		old = trigger->tg_trigtuple;
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		new = trigger->tg_newtuple;
	if (strcmp(table, "dbmig_applied") == 0)
	{
		if (old != NULL)
			unsettle(schema, column(old, desc, "tenant"),
					 column(old, desc, "package"));
		return PointerGetDatum(NULL);
	}
	if (old != NULL)
		stamp_package(schema,
					  strcmp(table, "dbmig_dependency") != 0 && is_gone(old, new, desc) ?
					  REMOVED : CHANGED, column(old, desc, "package"));
	if (new != NULL)
		stamp_package(schema, CHANGED, column(new, desc, "package"));
	return PointerGetDatum(NULL);
}

void
dbmig_pg_put_settled(Oid schema, Datum *row)
{
	write_row(schema, SETTLED, row);
}

void
dbmig_pg_drop_settled(Oid schema, const char *tenant)
{
	Datum		value = CStringGetTextDatum(tenant);

	write_row(schema, FORGOTTEN, &value);
}
