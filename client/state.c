/*
 * state.c
 *		What a database has of the program's packages, compared with them.
 *
 * A row is one of three kinds, told by its first column:
 *
 *	m	registered: package, sort key, version, kind, checksum, name, options,
 *		down
 *	a	applied: package, sort key, version, state, checksum
 *	d	dependency: package, version, after package, after version
 *
 * Versions are compared by their sort key, since 1 and 01 are the same.  The
 * text that was applied is compared by its checksum, the one that takes it
 * back in full.
 */
#include "start.h"

#include <stdlib.h>
#include <string.h>

#define STATE(packages, tenant) \
	"SELECT 'm', package, sort_key, version, kind, checksum, name, options, down" \
	" FROM @.dbmig_migration" packages \
	" UNION ALL SELECT 'a', package, sort_key, version, state, checksum," \
	" NULL, NULL, NULL FROM @.dbmig_applied" packages tenant " tenant = ''" \
	" UNION ALL SELECT 'd', package, version, after_package, after_version," \
	" NULL, NULL, NULL, NULL FROM @.dbmig_dependency" packages

const char	dbmig_state_pg[] = STATE(" WHERE package = ANY ($1::text[])", " AND");
const char	dbmig_state_sqlite[] = STATE("", " WHERE");

/* In the order of the columns, from the second on: what a row is found by. */
typedef struct dbmig_state_key
{
	const char *parts[5];		/* kind, and up to four columns */
	int			row;
} state_key;

static int
compare_keys(const void *a, const void *b)
{
	const state_key *x = a;
	const state_key *y = b;
	int			i;

	for (i = 0; i < 5; i++)
	{
		int			result = strcmp(x->parts[i], y->parts[i]);

		if (result != 0)
			return result;
	}
	return 0;
}

/* A migration is found by package and sort key, a dependency by all. */
static void
fill_key(state_key *key, const char *kind, const char *a, const char *b,
		 const char *c, const char *d)
{
	bool		all = kind[0] == 'd';

	key->parts[0] = kind;
	key->parts[1] = a;
	key->parts[2] = b;
	key->parts[3] = all ? c : "";
	key->parts[4] = all ? d : "";
}

dbmig_error *
dbmig_state_make(dbmig_rows *rows, dbmig_state *state)
{
	int			i;

	state->rows = rows;
	state->count = dbmig_rows_count(rows);
	state->keys = malloc(((size_t) state->count + 1) * sizeof(state_key));
	if (state->keys == NULL)
		return dbmig_error_memory();
	for (i = 0; i < state->count; i++)
	{
		fill_key(&state->keys[i], dbmig_text_at(rows, i, 0),
				 dbmig_text_at(rows, i, 1), dbmig_text_at(rows, i, 2),
				 dbmig_text_at(rows, i, 3), dbmig_text_at(rows, i, 4));
		state->keys[i].row = i;
	}
	qsort(state->keys, (size_t) state->count, sizeof(state_key), compare_keys);
	return NULL;
}

void
dbmig_state_free(dbmig_state *state)
{
	dbmig_rows_free(state->rows);
	free(state->keys);
	memset(state, 0, sizeof(*state));
}

/* The row, or -1. */
static int
find(const dbmig_state *state, const char *kind, const char *a, const char *b,
	 const char *c, const char *d)
{
	state_key	key;
	const state_key *found;

	if (state->rows == NULL)
		return -1;
	fill_key(&key, kind, a, b, c, d);
	found = bsearch(&key, state->keys, (size_t) state->count, sizeof(key), compare_keys);
	return found != NULL ? found->row : -1;
}

/* Two texts, or two times nothing. */
static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static int
find_wanted(const dbmig_state *state, const dbmig_wanted *wanted,
			const char *kind, int i)
{
	return find(state, kind, dbmig_text_at(wanted->migrations, i, WANTED_PACKAGE),
				dbmig_text_at(wanted->migrations, i, WANTED_SORT_KEY), "", "");
}

bool
dbmig_is_registered(const dbmig_state *state, const dbmig_wanted *wanted, int i)
{
	/* where the database has them, from its fourth column on */
	static const dbmig_wanted_column columns[] = {
		WANTED_VERSION, WANTED_KIND, WANTED_CHECKSUM, WANTED_NAME,
		WANTED_OPTIONS, WANTED_DOWN
	};
	int			row = find_wanted(state, wanted, "m", i);
	size_t		j;

	if (row < 0)
		return false;
	for (j = 0; j < sizeof(columns) / sizeof(columns[0]); j++)
		if (!same(dbmig_text_at(state->rows, row, (int) j + 3),
				  dbmig_text_at(wanted->migrations, i, (int) columns[j])))
			return false;
	return true;
}

bool
dbmig_is_depending(const dbmig_state *state, const dbmig_wanted *wanted, int i)
{
	const dbmig_rows *rows = wanted->dependencies;

	return find(state, "d", dbmig_text_at(rows, i, 0), dbmig_text_at(rows, i, 1),
				dbmig_text_at(rows, i, 2), dbmig_text_at(rows, i, 3)) >= 0;
}

bool
dbmig_is_applied(const dbmig_state *state, const dbmig_wanted *wanted, int i)
{
	int			row = find_wanted(state, wanted, "a", i);

	return row >= 0 && same(dbmig_text_at(state->rows, row, 4), "applied") &&
		same(dbmig_text_at(state->rows, row, 5),
			 dbmig_text_at(wanted->migrations, i, WANTED_CHECKSUM));
}

bool
dbmig_state_settled(const dbmig_state *state, const dbmig_wanted *wanted)
{
	int			i;

	for (i = 0; i < dbmig_rows_count(wanted->migrations); i++)
		if (!dbmig_is_applied(state, wanted, i) ||
			!dbmig_is_registered(state, wanted, i))
			return false;
	for (i = 0; i < dbmig_rows_count(wanted->dependencies); i++)
		if (!dbmig_is_depending(state, wanted, i))
			return false;
	return true;
}

dbmig_error *
dbmig_state_pending(const dbmig_state *state, const dbmig_wanted *wanted)
{
	const dbmig_rows *rows = wanted->migrations;
	int			count = 0;
	int			first = -1;
	int			row;
	int			i;

	for (i = 0; i < dbmig_rows_count(rows); i++)
		if (!dbmig_is_applied(state, wanted, i))
		{
			first = count == 0 ? i : first;
			count++;
		}
	if (count == 0)
		return NULL;
	if (state->rows == NULL)
		return dbmig_error_new(DBMIG_E_PENDING,
							   "dbmig's tables are not in the database");
	row = find_wanted(state, wanted, "a", first);
	if (count > 1)
		return dbmig_error_new(DBMIG_E_PENDING,
							   "%d migrations are not applied, the first is \"%s@%s\"",
							   count, dbmig_text_at(rows, first, WANTED_PACKAGE),
							   dbmig_text_at(rows, first, WANTED_VERSION));
	if (row >= 0 && same(dbmig_text_at(state->rows, row, 4), "applied"))
		return dbmig_error_new(DBMIG_E_PENDING,
							   "migration \"%s@%s\" is applied with checksum %s, this program has %s",
							   dbmig_text_at(rows, first, WANTED_PACKAGE),
							   dbmig_text_at(rows, first, WANTED_VERSION),
							   dbmig_text_at(state->rows, row, 5),
							   dbmig_text_at(rows, first, WANTED_CHECKSUM));
	return dbmig_error_new(DBMIG_E_PENDING, "migration \"%s@%s\" is %s",
						   dbmig_text_at(rows, first, WANTED_PACKAGE),
						   dbmig_text_at(rows, first, WANTED_VERSION),
						   row >= 0 ? dbmig_text_at(state->rows, row, 4) : "not applied");
}

/* An applied migration above the last one that the program has. */
dbmig_error *
dbmig_state_newer(const dbmig_state *state, const dbmig_wanted *wanted)
{
	const dbmig_rows *packages = wanted->packages;
	int			i;
	int			j;

	for (i = 0; i < state->count; i++)
		for (j = 0; j < dbmig_rows_count(packages) &&
			 strcmp(dbmig_text_at(state->rows, i, 0), "a") == 0; j++)
			if (strcmp(dbmig_text_at(state->rows, i, 1), dbmig_text_at(packages, j, 0)) == 0 &&
				strcmp(dbmig_text_at(state->rows, i, 2), dbmig_text_at(packages, j, 2)) > 0)
				return dbmig_error_hint(DBMIG_E_NEWER,
										"Run a newer version of the program.",
										"the database has \"%s@%s\", this program's packages end at %s",
										dbmig_text_at(packages, j, 0),
										dbmig_text_at(state->rows, i, 3),
										dbmig_text_at(packages, j, 1));
	return NULL;
}
