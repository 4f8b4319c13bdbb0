/*
 * format_sqlx.c
 *		Files of sqlx: <number>_<name>.sql, or with .up.sql and .down.sql.
 *
 * They are told from others by "-- no-transaction", which sqlx knows as the
 * very first bytes of a file only; without it nothing is different.
 */
#include "dbmig_core.h"

#include <string.h>

#include "format.h"
#include "internal.h"

#define MARKER "-- no-transaction"

static int
name_file(dbmig_call *call, dbmig_file *file)
{
	const char *base = file->base;
	size_t		length = strlen(base);
	size_t		digits = dbmig_digits(base);

	if (digits == 0 || base[digits] != '_' || !dbmig_ends_with(base, length, ".sql"))
		return 0;
	length -= 4;
	file->part = DBMIG_PART_UP;
	if (dbmig_ends_with(base, length, ".up"))
		length -= 3;
	else if (dbmig_ends_with(base, length, ".down"))
	{
		file->part = DBMIG_PART_DOWN;
		length -= 5;
	}
	file->version = dbmig_copy(call, base, digits);
	if (length > digits + 1)
		file->name = dbmig_describe(call, base + digits + 1, length - digits - 1);
	return call->status == DBMIG_OK ? 0 : -1;
}

static bool
marked(const char *text, size_t length, int *line)
{
	*line = 1;
	return length >= strlen(MARKER) && memcmp(text, MARKER, strlen(MARKER)) == 0;
}

static int
read(dbmig_call *call, const dbmig_file *file, dbmig_definition *definition)
{
	int			line;
	bool		alone = marked(file->text, file->length, &line);

	(void) call;
	if (file->part == DBMIG_PART_UP)
	{
		definition->up = file->text;
		if (alone)
			definition->options.transaction = 0;
	}
	else
	{
		definition->down = file->text;
		if (alone)
			definition->options.down_transaction = 0;
	}
	return 0;
}

const dbmig_format dbmig_format_sqlx = {
	.name = "sqlx",
	.family = DBMIG_FAMILY_PAIR,
	.pairs = true,
	.name_file = name_file,
	.marked = marked,
	.read = read
};
