/*
 * format_diesel.c
 *		Folders of Diesel: <version>_<name>/up.sql, down.sql, metadata.toml.
 *
 * 2020-01-31-120000_create_users: version 20200131120000, "create users".
 * Diesel compares versions as texts, so 2020-01-31_x, which comes in between
 * there, has to be 20200131000000 here, where they compare as numbers.
 */
#include "dbmig_core.h"

#include <string.h>

#include "format.h"
#include "internal.h"

#define DIGITS 14

/* The version of a folder's name, dashes left out. */
static int
read_folder_name(dbmig_call *call, const char *text, size_t length,
				 dbmig_file *file)
{
	const char *underscore = memchr(text, '_', length);
	size_t		size = underscore != NULL ? (size_t) (underscore - text) : length;
	char	   *version = dbmig_alloc(call, size + DIGITS + 1);
	char	   *to = version;
	size_t		i;

	if (version == NULL)
		return -1;
	for (i = 0; i < size; i++)
		if (text[i] != '-')
			*to++ = text[i];
	if (to < version + size)
		while (to < version + DIGITS)
			*to++ = '0';
	file->version = version;
	if (underscore != NULL)
		file->name = dbmig_describe(call, underscore + 1, length - size - 1);
	return call->status == DBMIG_OK ? 0 : -1;
}

static int
name_file(dbmig_call *call, dbmig_file *file)
{
	const char *base = file->base;
	const char *end = base - 1;
	const char *folder = end;

	if (base == file->path)
		return 0;
	while (folder > file->path && folder[-1] != '/')
		folder--;
	if (!dbmig_is_digit(*folder))
		return 0;
	if (strcmp(base, "up.sql") == 0)
		file->part = DBMIG_PART_UP;
	else if (strcmp(base, "down.sql") == 0)
		file->part = DBMIG_PART_DOWN;
	else if (strcmp(base, "metadata.toml") == 0)
		file->part = DBMIG_PART_SETTINGS;
	else
		return 0;
	return read_folder_name(call, folder, (size_t) (end - folder), file);
}

/*
 * metadata.toml: a file without the key means false, one that cannot be read
 * means true.
 */
static int
read_metadata(const dbmig_file *file)
{
	dbmig_lines lines;
	int			transaction = 0;

	dbmig_lines_begin(&lines, file->text, file->length);
	while (dbmig_lines_next(&lines))
	{
		const char *at = lines.line;
		size_t		length;
		const char *equals = memchr(at, '=', (size_t) (lines.stop - at));
		const char *key = dbmig_next_word(&at, equals != NULL ? equals : lines.stop, &length);

		if (length > 0 && *key != '#' && *key != '[' && equals == NULL)
			return -1;
		if (equals == NULL || !dbmig_word_is(key, length, "run_in_transaction"))
			continue;
		at = equals + 1;
		key = dbmig_next_word(&at, lines.stop, &length);
		if (length >= 4 && memcmp(key, "true", 4) == 0)
			transaction = -1;
		else if (length >= 5 && memcmp(key, "false", 5) == 0)
			transaction = 0;
		else
			return -1;
	}
	return transaction;
}

static int
read(dbmig_call *call, const dbmig_file *file, dbmig_definition *definition)
{
	(void) call;
	if (file->part == DBMIG_PART_UP)
		definition->up = file->text;
	else if (file->part == DBMIG_PART_DOWN)
		definition->down = file->text;
	else
		definition->options.transaction = read_metadata(file);
	return 0;
}

const dbmig_format dbmig_format_diesel = {
	.name = "diesel",
	.family = DBMIG_FAMILY_FOLDER,
	.recursive = true,
	.name_file = name_file,
	.read = read
};
