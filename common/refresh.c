/*
 * refresh.c
 *		A folder that is loaded again: which of its files are gone.
 *
 * What was registered from a file that is not there any more stays, since it
 * may be applied; dbmig_verify() tells of it.
 */
#include "dbmig_core.h"

#include <stdlib.h>
#include <string.h>

#include "folder.h"
#include "internal.h"

static int
compare_versions(const void *a, const void *b)
{
	return dbmig_version_compare(*(const char *const *) a, *(const char *const *) b);
}

/* Registered versions that came from a file, against those seen now. */
typedef struct comparison
{
	dbmig_folder *folder;
	size_t		at;				/* next of seen */
	dbmig_file *changed;		/* version, and part: NONE where it is gone */
	size_t		count;
	size_t		capacity;
} comparison;

/* version, file_missing */
static int
compare_source(dbmig_call *call, void *arg, const dbmig_value *row)
{
	comparison *c = arg;
	dbmig_folder *folder = c->folder;
	dbmig_file *changed;
	int			order = -1;
	bool		missing;

	while (c->at < folder->seen_count &&
		   (order = dbmig_version_compare(folder->seen[c->at], row[0].text)) < 0)
		c->at++;
	missing = c->at == folder->seen_count || order != 0;
	if (missing == (row[1].integer != 0))
		return 0;
	changed = dbmig_grow(call, c->changed, c->count, &c->capacity, sizeof(*changed));
	if (changed == NULL)
		return -1;
	c->changed = changed;
	changed += c->count++;
	changed->version = dbmig_copy(call, row[0].text, row[0].length);
	changed->part = missing ? DBMIG_PART_NONE : DBMIG_PART_UP;
	return changed->version != NULL ? 0 : -1;
}

int
dbmig_folder_missing(dbmig_call *call, dbmig_folder *folder)
{
	comparison	c = {0};
	dbmig_value params[3];
	size_t		i;

	c.folder = folder;
	if (folder->seen_count > 1)
		qsort(folder->seen, folder->seen_count, sizeof(*folder->seen), compare_versions);
	params[0] = dbmig_text(folder->package);
	if (call->host->query(call, DBMIG_MIGRATION_SOURCES, params, compare_source, &c) != 0)
		return -1;
	for (i = 0; i < c.count; i++)
	{
		params[0] = dbmig_int(c.changed[i].part == DBMIG_PART_NONE);
		params[1] = dbmig_text(folder->package);
		params[2] = dbmig_text(c.changed[i].version);
		if (dbmig_writer_begin(call, folder->writer, false) != 0 ||
			call->host->query(call, DBMIG_MIGRATION_MISSING, params, NULL, NULL) != 0)
			return -1;
	}
	return 0;
}
