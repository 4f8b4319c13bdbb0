/*
 * refresh.c
 *		A folder that is loaded again: what is registered of it already.
 *
 * That is read by one query, so that a folder in which nothing changed costs
 * little more than reading its files.  Where anything differs, dbmig_define()
 * looks for itself.  What was registered from a file that is not there any
 * more stays, since it may be applied; dbmig_verify() tells of it.
 */
#include "dbmig_core.h"

#include <string.h>

#include "folder.h"
#include "internal.h"

/* A registered migration that is a script; in version order. */
struct dbmig_known
{
	const char *version;
	const char *name;			/* or NULL */
	const char *options;
	bool		has_down;
	bool		from_file;
	bool		missing;		/* its file was, the last time */
	bool		seen;			/* its file is here */
	unsigned char checksum[32];
	unsigned char down[32];		/* likewise of the down */
};

/* version, name, checksum, options, down, from_file, file_missing */
static int
read_known(dbmig_call *call, void *arg, const dbmig_value *row)
{
	dbmig_folder *folder = arg;
	dbmig_known *known = dbmig_grow(call, folder->known, folder->known_count,
									&folder->known_capacity, sizeof(*known));
	char		hex[DBMIG_CHECKSUM_SIZE];

	if (known == NULL)
		return -1;
	folder->known = known;
	known += folder->known_count;
	memset(known, 0, sizeof(*known));
	known->version = dbmig_copy(call, row[0].text, row[0].length);
	if (row[1].type != DBMIG_NULL)
		known->name = dbmig_copy(call, row[1].text, row[1].length);
	known->options = strcmp(row[3].text, "{}") == 0 ? "{}" :
		dbmig_copy(call, row[3].text, row[3].length);
	if (call->status != DBMIG_OK)
		return -1;
	known->has_down = row[4].type != DBMIG_NULL;
	if (known->has_down)
	{
		dbmig_checksum(row[4].text, row[4].length, hex);
		dbmig_checksum_pack(hex, known->down);
	}
	known->from_file = row[5].integer != 0;
	known->missing = row[6].integer != 0;

	/* what dbmig has not written is looked at by dbmig_define() */
	if (dbmig_checksum_pack(row[2].text, known->checksum))
		folder->known_count++;
	return 0;
}

int
dbmig_folder_known(dbmig_call *call, dbmig_folder *folder)
{
	dbmig_value params[1];

	params[0] = dbmig_text(folder->package);
	return call->host->query(call, DBMIG_MIGRATION_KNOWN, params, read_known, folder);
}

static dbmig_known *
find(const dbmig_folder *folder, const char *version)
{
	size_t		low = 0;
	size_t		high = folder->known_count;

	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;
		int			order = dbmig_version_compare(folder->known[middle].version, version);

		if (order == 0)
			return &folder->known[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static bool
same_text(const unsigned char *checksum, const char *text)
{
	char		hex[DBMIG_CHECKSUM_SIZE];
	unsigned char bytes[32];

	dbmig_checksum(text, strlen(text), hex);
	return dbmig_checksum_pack(hex, bytes) && memcmp(bytes, checksum, sizeof(bytes)) == 0;
}

int
dbmig_folder_same(dbmig_call *call, dbmig_folder *folder,
				  const dbmig_definition *definition, bool *same)
{
	dbmig_known *known = find(folder, definition->version);
	const char *options;

	*same = false;
	if (known == NULL)
		return 0;
	known->seen = true;
	options = dbmig_options_text(call, &definition->options);
	if (options == NULL)
		return -1;
	*same = !definition->options.repeatable && definition->options.after_count == 0 &&
		strcmp(known->version, definition->version) == 0 &&
		(known->name == NULL) == (definition->name == NULL) &&
		(known->name == NULL || strcmp(known->name, definition->name) == 0) &&
		strcmp(known->options, options) == 0 &&
		known->has_down == (definition->down != NULL) &&
		same_text(known->checksum, definition->up) &&
		(!known->has_down || same_text(known->down, definition->down));
	return 0;
}

const char *
dbmig_folder_known_name(const dbmig_folder *folder, const char *version)
{
	const dbmig_known *known = find(folder, version);

	return known != NULL ? known->name : NULL;
}

void
dbmig_folder_seen(dbmig_folder *folder, const char *version)
{
	dbmig_known *known = find(folder, version);

	if (known != NULL)
		known->seen = true;
}

int
dbmig_folder_missing(dbmig_call *call, dbmig_folder *folder)
{
	dbmig_value params[3];
	size_t		i;

	for (i = 0; i < folder->known_count; i++)
	{
		const dbmig_known *known = &folder->known[i];

		if (!known->from_file || known->missing == !known->seen)
			continue;
		params[0] = dbmig_int(!known->seen);
		params[1] = dbmig_text(folder->package);
		params[2] = dbmig_text(known->version);
		if (dbmig_writer_begin(call, folder->writer, false) != 0 ||
			call->host->query(call, DBMIG_MIGRATION_MISSING, params, NULL, NULL) != 0)
			return -1;
	}
	return 0;
}
