/*
 * fkeys.c
 *		K1: no migration leaves a foreign key violation behind.
 *
 * Scripts run with foreign keys off, so that DROP TABLE in a rebuild deletes
 * no child row.  What violates a foreign key before the first step is kept,
 * and before commit, and before the next migration that is to be looked at by
 * itself, every violation that was not there is an error, whether the
 * connection had foreign keys on or not.  The check costs nothing for
 * tables without foreign keys.
 *
 * Rows of a table WITHOUT ROWID have no number, so they are compared by count.
 */
#include "dbmig_sqlite.h"

#include <stdlib.h>
#include <string.h>

SQLITE_EXTENSION_INIT3

/* SQLite's words, which stand in place of the parent's name then */
#define MISMATCH "foreign key mismatch"

#define NAMED 10				/* violations in the message */

typedef struct check
{
	dbmig_work *work;
	bool		before;
	const char *last[2];		/* names met last: table, parent */
	uint32_t	last_index[2];
	int			new_count;
	dbmig_buffer text;			/* the first of the new ones */
} check;

/* Violations of deferred foreign keys that this transaction still has. */
bool
dbmig_fkeys_deferred(sqlite3 *db)
{
	int			now = 0;
	int			highest = 0;

	sqlite3_db_status(db, SQLITE_DBSTATUS_DEFERRED_FKS, &now, &highest, 0);
	return now != 0;
}

static int
find_name(check *c, int which, const char *name, uint32_t *index)
{
	dbmig_fkeys *fkeys = &c->work->fkeys;
	uint32_t	i;

	if (c->last[which] != NULL && strcmp(c->last[which], name) == 0)
	{
		*index = c->last_index[which];
		return 0;
	}
	for (i = 0; i < fkeys->name_count; i++)
		if (strcmp(fkeys->names[i], name) == 0)
			break;
	if (i == fkeys->name_count)
	{
		char	   *copy;

		fkeys->names = dbmig_grow(c->work->call, fkeys->names,
								  fkeys->name_count, &fkeys->name_capacity,
								  sizeof(*fkeys->names));
		copy = fkeys->names == NULL ? NULL :
			dbmig_copy(c->work->call, name, strlen(name));
		if (copy == NULL)
			return -1;
		fkeys->names[fkeys->name_count++] = copy;
	}
	c->last[which] = fkeys->names[i];
	c->last_index[which] = i;
	*index = i;
	return 0;
}

static int
compare(const void *x, const void *y)
{
	const dbmig_violation *a = x;
	const dbmig_violation *b = y;

	if (a->table != b->table)
		return a->table < b->table ? -1 : 1;
	if (a->parent != b->parent)
		return a->parent < b->parent ? -1 : 1;
	if (a->has_rowid != b->has_rowid)
		return a->has_rowid ? 1 : -1;
	if (a->rowid != b->rowid)
		return a->rowid < b->rowid ? -1 : 1;
	return 0;
}

/* Was it there before?  Each that was can be met once. */
static bool
was_there(dbmig_fkeys *fkeys, const dbmig_violation *violation)
{
	size_t		low = 0;
	size_t		high = fkeys->before_count;

	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;

		if (compare(&fkeys->before[middle], violation) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < fkeys->before_count; low++)
	{
		if (compare(&fkeys->before[low], violation) != 0)
			return false;
		if (!fkeys->before[low].used)
		{
			fkeys->before[low].used = true;
			return true;
		}
	}
	return false;
}

static int
name_violation(check *c, const dbmig_violation *violation)
{
	dbmig_call *call = c->work->call;
	const char *table = c->work->fkeys.names[violation->table];
	const char *parent = c->work->fkeys.names[violation->parent];
	const char *comma = c->new_count > 1 ? ", " : "";

	if (c->new_count > NAMED)
		return c->new_count == NAMED + 1 ?
			dbmig_append_text(call, &c->text, ", ...") : 0;
	if (strncmp(parent, MISMATCH, sizeof(MISMATCH) - 1) == 0)
		return dbmig_append_format(call, &c->text, "%s%s", comma, parent);
	if (violation->has_rowid)
		return dbmig_append_format(call, &c->text,
								   "%srow %lld of \"%s\" refers to no row of \"%s\"", comma,
								   (long long) violation->rowid, table, parent);
	return dbmig_append_format(call, &c->text,
							   "%sa row of \"%s\" refers to no row of \"%s\"", comma,
							   table, parent);
}

static int
add_violation(check *c, const char *table, const char *parent, bool has_rowid,
			  int64_t rowid)
{
	dbmig_fkeys *fkeys = &c->work->fkeys;
	dbmig_violation violation;

	memset(&violation, 0, sizeof(violation));
	violation.has_rowid = has_rowid;
	violation.rowid = rowid;
	if (find_name(c, 0, table, &violation.table) != 0 ||
		find_name(c, 1, parent, &violation.parent) != 0)
		return -1;
	if (!c->before)
	{
		if (was_there(fkeys, &violation))
			return 0;
		c->new_count++;
		return name_violation(c, &violation);
	}
	fkeys->before = dbmig_grow(c->work->call, fkeys->before,
							   fkeys->before_count, &fkeys->before_capacity,
							   sizeof(*fkeys->before));
	if (fkeys->before == NULL)
		return -1;
	fkeys->before[fkeys->before_count++] = violation;
	return 0;
}

/* One PRAGMA; *mismatch: a foreign key that refers to nothing unique. */
static int
run_check(check *c, const char *sql, bool *mismatch)
{
	dbmig_work *work = c->work;
	sqlite3_stmt *stmt = NULL;
	int			result = 0;
	int			rc;

	*mismatch = false;
	rc = sqlite3_prepare_v2(work->db, sql, -1, &stmt, NULL);
	while (rc == SQLITE_OK && result == 0)
	{
		const char *table;
		const char *parent;

		rc = sqlite3_step(stmt);
		if (rc != SQLITE_ROW)
			break;
		rc = SQLITE_OK;
		table = (const char *) sqlite3_column_text(stmt, 0);
		parent = (const char *) sqlite3_column_text(stmt, 2);
		if (table == NULL || parent == NULL)
			result = dbmig_work_fail(work, SQLITE_NOMEM, NULL);
		else
			result = add_violation(c, table, parent,
								   sqlite3_column_type(stmt, 1) != SQLITE_NULL,
								   sqlite3_column_int64(stmt, 1));
	}
	if (result == 0 && rc == SQLITE_ERROR)
		*mismatch = true;
	else if (result == 0 && rc != SQLITE_DONE)
		result = dbmig_work_fail(work, sqlite3_extended_errcode(work->db),
								 "could not check the foreign keys");
	sqlite3_finalize(stmt);
	return result;
}

/*
 * Table by table, because one of them has a foreign key that is no good, or so
 * that they are named in the same order by each version of SQLite.
 */
static int
check_each(check *c)
{
	dbmig_work *work = c->work;
	sqlite3_stmt *stmt = NULL;
	int			result = 0;
	int			rc;

	rc = sqlite3_prepare_v2(work->db,
							"SELECT name FROM main.sqlite_schema WHERE type = 'table' ORDER BY name",
							-1, &stmt, NULL);
	while (rc == SQLITE_OK && result == 0)
	{
		const char *table;
		char	   *sql;
		bool		mismatch = false;

		rc = sqlite3_step(stmt);
		if (rc != SQLITE_ROW)
			break;
		rc = SQLITE_OK;
		table = (const char *) sqlite3_column_text(stmt, 0);
		sql = table == NULL ? NULL :
			sqlite3_mprintf("PRAGMA main.foreign_key_check(\"%w\")", table);
		if (sql == NULL)
			result = dbmig_work_fail(work, SQLITE_NOMEM, NULL);
		else
			result = run_check(c, sql, &mismatch);
		sqlite3_free(sql);
		if (result == 0 && mismatch)
			result = add_violation(c, table, sqlite3_errmsg(work->db), false, 0);
	}
	if (result == 0 && rc != SQLITE_DONE)
		result = dbmig_work_fail(work, sqlite3_extended_errcode(work->db),
								 "could not check the foreign keys");
	sqlite3_finalize(stmt);
	return result;
}

static int
check_all(check *c)
{
	bool		mismatch;

	if (run_check(c, "PRAGMA main.foreign_key_check", &mismatch) != 0)
		return -1;
	return mismatch ? check_each(c) : 0;
}

/* Before the first step; later calls do nothing. */
int
dbmig_fkeys_before(dbmig_work *work)
{
	dbmig_fkeys *fkeys = &work->fkeys;
	check		c;

	if (fkeys->taken)
		return 0;
	memset(&c, 0, sizeof(c));
	c.work = work;
	c.before = true;
	if (check_all(&c) != 0)
		return -1;
	if (fkeys->before_count > 0)
		qsort(fkeys->before, fkeys->before_count, sizeof(*fkeys->before),
			  compare);
	fkeys->taken = true;
	return 0;
}

/* Compare with what was before; none of that was met yet. */
static int
compare_all(check *c, dbmig_work *work, int (*check_tables) (check *c))
{
	size_t		i;

	for (i = 0; i < work->fkeys.before_count; i++)
		work->fkeys.before[i].used = false;
	memset(c, 0, sizeof(*c));
	c->work = work;
	return check_tables(c);
}

/* What is mended was not there before the next step. */
static void
forget_mended(dbmig_fkeys *fkeys)
{
	size_t		count = 0;
	size_t		i;

	for (i = 0; i < fkeys->before_count; i++)
		if (fkeys->before[i].used)
			fkeys->before[count++] = fkeys->before[i];
	fkeys->before_count = count;
}

/* An error where there are violations that were not there before. */
int
dbmig_fkeys_after(dbmig_work *work)
{
	const char *which = NULL;
	check		c;

	if (!work->fkeys.taken)
		return 0;
	if (compare_all(&c, work, check_all) != 0)
		return -1;
	if (c.new_count == 0)
	{
		forget_mended(&work->fkeys);
		return 0;
	}
	if (compare_all(&c, work, check_each) != 0)
		return -1;
	work->code = SQLITE_CONSTRAINT_FOREIGNKEY;
	if (work->migrates && work->version != NULL)
		which = dbmig_printf(work->call, "migration \"%s@%s\": ",
							 work->package, work->version);
	return dbmig_fail(work->call, DBMIG_ENGINE, NULL,
					  "%s%d foreign key violation%s that %s not there before: %s (code %d)",
					  which != NULL ? which : "", c.new_count, c.new_count == 1 ? "" : "s",
					  c.new_count == 1 ? "was" : "were", c.text.text,
					  SQLITE_CONSTRAINT_FOREIGNKEY);
}
