/*
 * leftover.c
 *		What a statement that was cut off has left behind (N3).
 *
 * CREATE INDEX CONCURRENTLY that fails leaves an invalid index of its name,
 * which the next try would fail for, or skip where it says IF NOT EXISTS.
 * REINDEX CONCURRENTLY leaves invalid copies, named _ccnew and _ccold.  Both
 * are dropped before the statement runs.  DETACH PARTITION CONCURRENTLY leaves
 * a partition that is about to be detached: that is finished instead.
 *
 * Such a statement cannot be in the transaction that records it.  Where the
 * server went down between the two, the statement is done: so what is there
 * already, or gone already, is taken for its work.
 */
#include "postgres.h"

#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "dbmig_pg.h"

/*
 * The invalid copies among the indexes of the tables $2 stands for: an index
 * ($1 is i), a table with its partitions (t), a schema (s) or all (d); with
 * the tables' own tables for large values.
 */
static const char leftovers_sql[] =
"WITH tables AS ("
" SELECT indrelid AS id FROM pg_index WHERE $1 = 'i' AND indexrelid = $2"
" UNION SELECT relid FROM pg_partition_tree($2) WHERE $1 = 't'"
" UNION SELECT $2 WHERE $1 = 't'"
" UNION SELECT oid FROM pg_class"
"  WHERE $1 = 'd' OR $1 = 's' AND relnamespace = $2)"
" SELECT format('%I.%I', n.nspname, c.relname)"
" FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
" JOIN pg_namespace n ON n.oid = c.relnamespace"
" WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$'"
" AND (i.indrelid IN (SELECT id FROM tables) OR i.indrelid IN"
"  (SELECT reltoastrelid FROM pg_class WHERE oid IN (SELECT id FROM tables)))"
" AND ($1 <> 'i' OR starts_with((SELECT relname::text FROM pg_class"
"  WHERE oid = $2), regexp_replace(c.relname, '_cc(new|old)[0-9]*$', '')))"
" ORDER BY 1";

/* In transactions of its own; what is gone meanwhile is no error. */
static void
drop_index(dbmig_pg *pg, const char *name)
{
	char	   *text = psprintf("DROP INDEX CONCURRENTLY IF EXISTS %s", name);
	MemoryContext old = CurrentMemoryContext;

	dbmig_pg_next(pg);
	MemoryContextSwitchTo(old);
	ereport(NOTICE,
			(errmsg("dropping the invalid index %s, which was left behind",
					name)));
	dbmig_pg_run_at_top(text);
	dbmig_pg_next(pg);
	MemoryContextSwitchTo(old);
}

static const char *
qualified_name(Oid relation)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
									  get_rel_name(relation));
}

/* True: the index is there. */
static bool
clear_index(dbmig_pg *pg, const IndexStmt *create)
{
	Oid			table = RangeVarGetRelid(create->relation, NoLock, true);
	Oid			schema;
	Oid			index;

	if (!OidIsValid(table) || create->idxname == NULL)
		return false;
	schema = get_rel_namespace(table);
	index = get_relname_relid(create->idxname, schema);
	if (!OidIsValid(index) || IndexGetRelation(index, true) != table)
		return false;
	if (!get_index_isvalid(index))
	{
		/* another session may be building it now: see what becomes of it */
		LockRelationOid(table, ShareUpdateExclusiveLock);
		index = get_relname_relid(create->idxname, schema);
		if (OidIsValid(index) && !get_index_isvalid(index))
			drop_index(pg, qualified_name(index));
		return false;
	}
	return true;
}

static void
clear_copies(dbmig_pg *pg, const ReindexStmt *reindex)
{
	const char *scope = "d";
	Oid			id = InvalidOid;
	Oid			types[2] = {TEXTOID, OIDOID};
	Datum		values[2];
	MemoryContext context = CurrentMemoryContext;
	List	   *names = NIL;
	ListCell   *cell;

	if (reindex->kind == REINDEX_OBJECT_SCHEMA)
	{
		scope = "s";
		id = get_namespace_oid(reindex->name, true);
	}
	else if (reindex->relation != NULL)
	{
		scope = reindex->kind == REINDEX_OBJECT_INDEX ? "i" : "t";
		id = RangeVarGetRelid(reindex->relation, NoLock, true);
		if (!OidIsValid(id))
			return;
	}
	values[0] = CStringGetTextDatum(scope);
	values[1] = ObjectIdGetDatum(id);
	dbmig_pg_open(pg);
	PushActiveSnapshot(GetTransactionSnapshot());
	dbmig_pg_connect(pg);
	if (SPI_execute_with_args(leftovers_sql, 2, types, values, NULL, true,
							  0) != SPI_OK_SELECT)
		elog(ERROR, "could not read pg_index");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *name = SPI_getvalue(SPI_tuptable->vals[i],
										SPI_tuptable->tupdesc, 1);
		MemoryContext old = MemoryContextSwitchTo(context);

		names = lappend(names, pstrdup(name));
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	PopActiveSnapshot();
	dbmig_pg_next(pg);
	MemoryContextSwitchTo(context);
	foreach(cell, names)
		drop_index(pg, lfirst(cell));
}

/*
 * Sets *finished where half a detaching was left, and is done now.  True: the
 * table is no partition.
 */
static bool
finish_detaching(dbmig_pg *pg, const AlterTableStmt *alter, bool *finished)
{
	AlterTableCmd *command = linitial_node(AlterTableCmd, alter->cmds);
	Oid			table = RangeVarGetRelid(alter->relation, NoLock, true);
	Oid			partition;
	MemoryContext old = CurrentMemoryContext;
	char	   *text;

	if (!OidIsValid(table) || command->subtype != AT_DetachPartition)
		return false;
	partition = RangeVarGetRelid(((PartitionCmd *) command->def)->name, NoLock,
								 true);
	if (!OidIsValid(partition))
		return false;
	if (!get_rel_relispartition(partition))
		return true;
	if (!compat_detach_pending(partition))
		return false;
	text = psprintf("ALTER TABLE %s DETACH PARTITION %s FINALIZE",
					qualified_name(table), qualified_name(partition));
	dbmig_pg_next(pg);
	MemoryContextSwitchTo(old);
	dbmig_pg_run_at_top(text);
	*finished = true;
	return false;
}

/* Nothing of what DROP INDEX names is there. */
static bool
is_gone(const DropStmt *drop)
{
	ListCell   *cell;

	foreach(cell, drop->objects)
	{
		RangeVar   *name = makeRangeVarFromNameList(lfirst(cell));

		if (OidIsValid(RangeVarGetRelid(name, NoLock, true)))
			return false;
	}
	return true;
}

bool
dbmig_pg_clear_leftovers(dbmig_pg *pg, Node *statement, bool was_running)
{
	bool		done = false;
	bool		finished = false;

	switch (nodeTag(statement))
	{
		case T_IndexStmt:
			done = clear_index(pg, (IndexStmt *) statement);
			break;
		case T_AlterTableStmt:
			done = finish_detaching(pg, (AlterTableStmt *) statement, &finished);
			break;
		case T_ReindexStmt:
			clear_copies(pg, (ReindexStmt *) statement);
			break;
		case T_DropStmt:
			done = is_gone((DropStmt *) statement);
			break;
		case T_CreatedbStmt:
			done = OidIsValid(get_database_oid(((CreatedbStmt *) statement)->dbname,
											   true));
			break;
		case T_DropdbStmt:
			done = !OidIsValid(get_database_oid(((DropdbStmt *) statement)->dbname,
												true));
			break;
		default:
			break;
	}
	return finished || (done && was_running);
}
