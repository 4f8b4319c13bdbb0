/*
 * format_migrate.c
 *		Files of golang-migrate: <number>_<name>.up.sql and .down.sql.
 *
 * Without a name, with another version than a number, or behind a V as in
 * V0001.Name.up.sql they are taken too: nothing else looks like that.
 */
#include "dbmig_core.h"

#include <string.h>

#include "format.h"
#include "internal.h"

/* The version of <version>_<name>.<part>; a point ends a number behind V. */
static size_t
version_length(const char *text, const char *end, bool letter)
{
	const char *at = text;

	while (at < end && *at != '_' && !(letter && *at == '.'))
		at++;
	return (size_t) (at - text);
}

/* call may be NULL: only the part is wanted. */
static int
name_file(dbmig_call *call, dbmig_file *file)
{
	const char *base = file->base;
	bool		letter = base[0] == 'V' && dbmig_is_digit(base[1]);
	const char *from = base + letter;
	const char *extension = strrchr(base, '.');
	const char *end;
	size_t		length;

	if (!dbmig_is_digit(*from) || extension == NULL || extension[1] == '\0')
		return 0;
	length = (size_t) (extension - base);
	if (dbmig_ends_with(base, length, ".up"))
		end = extension - 3;
	else if (dbmig_ends_with(base, length, ".down"))
		end = extension - 5;
	else
		return 0;
	length = version_length(from, end, letter);
	if (letter && from[length] == '_' && from[length + 1] == '_')
		return 0;				/* V1__name.up.sql is Flyway's */
	file->part = extension - end == 3 ? DBMIG_PART_UP : DBMIG_PART_DOWN;
	if (call == NULL)
		return 0;
	file->version = dbmig_copy(call, from, length);
	if (from + length + 1 < end)
		file->name = dbmig_describe(call, from + length + 1,
									(size_t) (end - from) - length - 1);
	return call->status == DBMIG_OK ? 0 : -1;
}

static int
read(dbmig_call *call, const dbmig_file *file, dbmig_definition *definition)
{
	(void) call;
	if (file->part == DBMIG_PART_UP)
		definition->up = file->text;
	else
		definition->down = file->text;
	return 0;
}

const dbmig_format dbmig_format_golang_migrate = {
	.name = "golang-migrate",
	.family = DBMIG_FAMILY_PAIR,
	.pairs = true,
	.name_file = name_file,
	.read = read
};
