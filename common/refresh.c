/*
 * refresh.c
 *		A folder that is loaded again: what is registered of it already.
 *
 * One query reads that in version order, and as it goes on, so do the files:
 * each is read and its text compared with the one that is registered.  So a
 * folder in which nothing changed costs little more than reading its files, and
 * no more memory than one of its migrations.  Where anything differs,
 * dbmig_define() looks for itself.  What was registered from a file that is not
 * there any more stays, since it may be applied; dbmig_verify() tells of it.
 */
#include "dbmig_core.h"

#include <string.h>

#include "folder.h"
#include "internal.h"

/* A registered migration that is a script; in version order. */
struct dbmig_known
{
	const char *version;
	bool		from_file;
	bool		missing;		/* its file was, the last time */
	bool		seen;			/* its file is here */

	/* where the files come one by one, by dbmig_format.load */
	bool		has_down;
	const char *name;			/* or NULL */
	const char *options;
	unsigned char checksum[32];
	unsigned char down[32];		/* likewise of the down */
};

/* The columns of MIGRATION_KNOWN */
enum
{
	KNOWN_VERSION, KNOWN_NAME, KNOWN_CHECKSUM, KNOWN_OPTIONS, KNOWN_FROM_FILE,
	KNOWN_MISSING, KNOWN_UP, KNOWN_DOWN
};

static bool
same_text(const dbmig_value *value, const char *text)
{
	size_t		length;

	if (value->type == DBMIG_NULL || text == NULL)
		return value->type == DBMIG_NULL && text == NULL;
	length = strlen(text);
	return length == value->length && memcmp(value->text, text, length) == 0;
}

/* Read the files of the row's version, where there are some, and compare. */
static int
compare_files(dbmig_call *call, dbmig_folder *folder, const dbmig_value *row,
			  bool *seen)
{
	struct dbmig_block *scope;
	dbmig_definition definition = {0};
	dbmig_file *file;
	const char *options;
	size_t		count;
	int			order = -1;

	while (folder->compared < folder->count &&
		   (order = dbmig_version_compare(folder->files[folder->compared].version,
										  row[KNOWN_VERSION].text)) < 0)
		folder->compared++;
	*seen = order == 0;
	if (order != 0)
		return 0;
	file = &folder->files[folder->compared];
	count = dbmig_folder_group(folder, folder->compared);
	folder->compared += count;
	if (file->part == DBMIG_PART_PROGRAM)
		return 0;				/* what is registered stands for it */
	scope = dbmig_scope_begin(call);
	if (scope == NULL ||
		dbmig_folder_migration(call, folder, file, count, &definition) != 0)
		return -1;
	options = dbmig_options_text(call, &definition.options);
	if (options == NULL)
		return -1;
	file->same = !definition.options.repeatable && definition.options.after_count == 0 &&
		same_text(&row[KNOWN_VERSION], definition.version) &&
		same_text(&row[KNOWN_NAME], definition.name) &&
		same_text(&row[KNOWN_OPTIONS], options) &&
		same_text(&row[KNOWN_UP], definition.up) &&
		same_text(&row[KNOWN_DOWN], definition.down);
	folder->loaded += file->same;
	dbmig_scope_end(call, scope);
	return 0;
}

/* To be compared by dbmig_folder_same(). */
static int
keep(dbmig_call *call, const dbmig_value *row, dbmig_known *known)
{
	char		hex[DBMIG_CHECKSUM_SIZE];

	if (row[KNOWN_NAME].type != DBMIG_NULL)
		known->name = dbmig_copy(call, row[KNOWN_NAME].text, row[KNOWN_NAME].length);
	known->options = strcmp(row[KNOWN_OPTIONS].text, "{}") == 0 ? "{}" :
		dbmig_copy(call, row[KNOWN_OPTIONS].text, row[KNOWN_OPTIONS].length);
	if (call->status != DBMIG_OK)
		return -1;
	known->has_down = row[KNOWN_DOWN].type != DBMIG_NULL;
	if (known->has_down)
	{
		dbmig_checksum(row[KNOWN_DOWN].text, row[KNOWN_DOWN].length, hex);
		dbmig_checksum_pack(hex, known->down);
	}

	/* what dbmig has not written is looked at by dbmig_define() */
	if (!dbmig_checksum_pack(row[KNOWN_CHECKSUM].text, known->checksum))
		known->options = "";
	return 0;
}

static int
read_known(dbmig_call *call, void *arg, const dbmig_value *row)
{
	dbmig_folder *folder = arg;
	dbmig_known *known = dbmig_grow(call, folder->known, folder->known_count,
									&folder->known_capacity, sizeof(*known));

	if (known == NULL)
		return -1;
	folder->known = known;
	known += folder->known_count;
	memset(known, 0, sizeof(*known));
	known->version = dbmig_copy(call, row[KNOWN_VERSION].text, row[KNOWN_VERSION].length);
	if (known->version == NULL)
		return -1;
	known->from_file = row[KNOWN_FROM_FILE].integer != 0;
	known->missing = row[KNOWN_MISSING].integer != 0;
	folder->known_count++;
	return folder->count > 0 ? compare_files(call, folder, row, &known->seen) :
		keep(call, row, known);
}

int
dbmig_folder_known(dbmig_call *call, dbmig_folder *folder)
{
	dbmig_value params[1];

	params[0] = dbmig_text(folder->package);
	folder->ahead = dbmig_alloc(call, sizeof(*folder->ahead));
	if (folder->ahead == NULL ||
		call->host->query(call, DBMIG_MIGRATION_KNOWN, params, read_known, folder) != 0)
		return -1;
	folder->ahead = NULL;
	return 0;
}

/* Reads the files from this one on, as far as they are regular and small. */
static void
read_ahead(const dbmig_folder *folder, size_t first, dbmig_ahead *ahead)
{
	const char *paths[DBMIG_AHEAD_FILES];
	char	   *at = ahead->bytes;
	size_t		i;

	for (i = 0; i < DBMIG_AHEAD_FILES && first + i < folder->count &&
		 folder->files[first + i].regular; i++)
		paths[i] = folder->files[first + i].path;
	ahead->first = first;
	ahead->count = i == 0 ? 0 :
		dbmig_files_ahead(folder->path, paths, i, at, sizeof(ahead->bytes), ahead->lengths);
	for (i = 0; i < ahead->count; i++)
	{
		ahead->at[i] = at;
		at += ahead->lengths[i] + 1;
	}
}

bool
dbmig_folder_ahead(const dbmig_folder *folder, const dbmig_file *file, char **text,
				   size_t *length)
{
	dbmig_ahead *ahead = folder->ahead;
	size_t		i;

	for (i = 0; ahead != NULL && i < 2; i++)
	{
		size_t		number = (size_t) (file - folder->files);

		if (number >= ahead->first && number < ahead->first + ahead->count)
		{
			*text = ahead->at[number - ahead->first];
			*length = ahead->lengths[number - ahead->first];
			return true;
		}
		if (i == 0 && file->regular)
			read_ahead(folder, number, ahead);
	}
	return false;
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
same_checksum(const unsigned char *checksum, const char *text)
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
	if (known == NULL || folder->count > 0)
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
		same_checksum(known->checksum, definition->up) &&
		(!known->has_down || same_checksum(known->down, definition->down));
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
