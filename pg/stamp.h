/*
 * stamp.h
 *		Stamps, as those who write them (stamp.c), read them (looked.c) and
 *		decide by them (settled.c) share them.
 */
#ifndef DBMIG_STAMP_H
#define DBMIG_STAMP_H

#include "postgres.h"

#include "access/genam.h"
#include "utils/hsearch.h"
#include "utils/rel.h"

#include "dbmig_pg.h"

/*
 * stamp.c
 *
 * dbmig_pg_stamps_seen: what was stamped so far, in this transaction, may be
 * known to somebody.  dbmig_pg_stamp: a new one for a package that has none.
 * dbmig_pg_put_settled: a row of dbmig_settled, changed as it was, 0 where there
 * was none.
 */
extern void dbmig_pg_stamps_seen(void);
extern void dbmig_pg_stamp(Oid schema, const char *package);
extern void dbmig_pg_put_settled(Oid schema, Datum *row);
extern void dbmig_pg_drop_settled(Oid schema, const char *tenant);

/* The columns, as the install script has them. */
enum
{
	SETTLED_TENANT = 1, SETTLED_PACKAGE, SETTLED_CHANGED, SETTLED_SETTLED,
	SETTLED_REGISTERED, SETTLED_ALONE
};

#define DBMIG_NAME_SIZE 256		/* V5; a longer one is never settled */

/* A package, and of the tenant that was looked at last. */
typedef struct dbmig_seen
{
	char		package[DBMIG_NAME_SIZE];	/* the key */
	bool		listed;			/* in dbmig_package; if all was looked at */
	bool		stamped;
	uint64		changed;
	uint64		removed;
	uint64		after;			/* sum of removed of what it comes after */
	bool		alone;			/* it comes after nothing */
	uint64		round;			/* what follows is of this round, or not there */
	uint64		tenant_changed;
	ItemPointerData at;			/* the row, if that is known */
	bool		has_settled;
	uint64		settled;
	bool		registered;
	uint64		told;			/* the round in which settle() was told of it */
} dbmig_seen;

struct dbmig_looked
{
	MemoryContext context;
	HTAB	   *items;
	bool		all;			/* every package, or one and what it comes
								 * after */
	bool		bad;			/* there are names that do not fit */
	uint64		round;
	HTAB	   *noted;			/* of all tenants, by a hash of tenant and
								 * package */
	Oid			schema;
};

/* A read of one table. */
typedef struct dbmig_reading
{
	Relation	table;
	SysScanDesc scan;
	TupleDesc	desc;
} dbmig_reading;

/*
 * looked.c
 *
 * dbmig_pg_look: what was seen is kept in pg->looked, or NULL there.
 * dbmig_pg_seen: of this package, or NULL.  dbmig_pg_settled: by what was seen.
 * dbmig_pg_read_*: a table, or by its primary key the rows where the columns
 * from first on have these values; a text is allocated.
 */
extern int	dbmig_pg_look(dbmig_call *call, const char *package,
						  const char *tenant);
extern dbmig_seen *dbmig_pg_seen(dbmig_looked *looked, const char *package);
extern bool dbmig_pg_settled(const dbmig_looked *looked, const dbmig_seen *seen);
extern void dbmig_pg_read_begin(dbmig_reading *reading, Oid schema,
								const char *table, Snapshot snapshot,
								int count, AttrNumber first,
								const char *const *values);
extern void dbmig_pg_read_end(dbmig_reading *reading);
extern const char *dbmig_pg_read_text(const dbmig_reading *reading,
									  HeapTuple tuple, int column);
extern uint64 dbmig_pg_read_number(const dbmig_reading *reading,
								   HeapTuple tuple, int column, bool *there);
extern bool dbmig_pg_read_bool(const dbmig_reading *reading, HeapTuple tuple,
							   int column);

#endif							/* DBMIG_STAMP_H */
