/*
 * format_refinery.c
 *		Files of refinery: V<number>__<name>.sql and U<number>__<name>.sql.
 *
 * A U is a version as any other, which may come later than a higher one (O7
 * says how that is allowed here); Flyway's U is the undo of the V of the same
 * version.  Where a folder has a U, that tells the two apart.  Migrations
 * written in Rust are refused by name.
 */
#include "dbmig_core.h"

#include <string.h>

#include "format.h"
#include "internal.h"

/* call may be NULL: only the part is wanted. */
static int
name_file(dbmig_call *call, dbmig_file *file)
{
	const char *base = file->base;
	const char *at = base + 1;
	size_t		length = strlen(base);
	bool		program = dbmig_ends_with(base, length, ".rs");
	const char *end = base + length - (program ? 3 : 4);
	const char *version_end;
	const char *name;

	if ((base[0] != 'V' && base[0] != 'U') || !dbmig_is_digit(*at) ||
		(!program && !dbmig_ends_with(base, length, ".sql")))
		return 0;
	at += dbmig_digits(at);
	if (*at == '.' && dbmig_is_digit(at[1]))
		at += 1 + dbmig_digits(at + 1);
	version_end = at;
	name = at + 2;
	if (at[0] != '_' || at[1] != '_' || name >= end)
		return 0;
	for (at = name; at < end; at++)
		if (!dbmig_is_digit(*at) && *at != '_' && (unsigned char) *at < 0x80 &&
			!((*at | 0x20) >= 'a' && (*at | 0x20) <= 'z'))
			return 0;
	file->letter = base[0];
	file->part = program ? DBMIG_PART_PROGRAM : DBMIG_PART_UP;
	if (call == NULL)
		return 0;
	file->version = dbmig_copy(call, base + 1, (size_t) (version_end - base) - 1);
	file->name = dbmig_describe(call, name, (size_t) (end - name));
	return call->status == DBMIG_OK ? 0 : -1;
}

static int
read(dbmig_call *call, const dbmig_file *file, dbmig_definition *definition)
{
	(void) call;
	definition->up = file->text;
	return 0;
}

const dbmig_format dbmig_format_refinery = {
	.name = "refinery",
	.family = DBMIG_FAMILY_LETTER,
	.recursive = true,
	.name_file = name_file,
	.read = read
};
