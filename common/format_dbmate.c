/*
 * format_dbmate.c
 *		Files of dbmate: <digits>_<name>.sql with "-- migrate:up" and
 *		"-- migrate:down", and options such as transaction:false behind them.
 *
 * A file may have several pairs of them: the ups belong together, and the
 * downs.
 */
#include "dbmig_core.h"

#include <string.h>

#include "format.h"
#include "internal.h"

static int
name_file(dbmig_call *call, dbmig_file *file)
{
	const char *base = file->base;
	size_t		length = strlen(base);
	size_t		digits = dbmig_digits(base);
	size_t		from = digits;

	if (digits == 0 || !dbmig_ends_with(base, length, ".sql"))
		return 0;
	if (base[from] == '_')
		from++;
	file->part = DBMIG_PART_UP;
	file->version = dbmig_copy(call, base, digits);
	if (from < length - 4)
		file->name = dbmig_describe(call, base + from, length - 4 - from);
	return call->status == DBMIG_OK ? 0 : -1;
}

/* Behind "migrate:up" or "migrate:down" where the line is such a marker. */
static const char *
marker_of(const dbmig_lines *lines, bool *up)
{
	const char *at = lines->line;
	const char *word;
	size_t		length;

	/* at the very beginning of a line */
	if (lines->stop - at < 2 || at[0] != '-' || at[1] != '-')
		return NULL;
	at += 2;
	while (at < lines->stop && (*at == ' ' || *at == '\t'))
		at++;
	if (at == lines->stop || *at != 'm')
		return NULL;
	word = dbmig_next_word(&at, lines->stop, &length);
	*up = dbmig_word_is(word, length, "migrate:up");
	return *up || dbmig_word_is(word, length, "migrate:down") ? at : NULL;
}

static bool
marked(const char *text, size_t length, int *line)
{
	dbmig_lines lines;
	bool		up;

	dbmig_lines_begin(&lines, text, length);
	while (dbmig_lines_next(&lines))
	{
		*line = lines.number;
		if (marker_of(&lines, &up) != NULL)
			return true;
	}
	return false;
}

/* key:value words; dbmate skips what it does not know. */
static bool
says_no_transaction(const char *at, const char *end)
{
	bool		found = false;
	const char *word;
	size_t		length;

	while (word = dbmig_next_word(&at, end, &length), length > 0)
		if (length > 12 && memcmp(word, "transaction:", 12) == 0)
			found = dbmig_word_is(word, length, "transaction:false");
	return found;
}

static int
read(dbmig_call *call, const dbmig_file *file, dbmig_definition *definition)
{
	dbmig_buffer texts[2] = {{0}, {0}};
	dbmig_lines lines;
	int			section = -1;	/* 0: up, 1: down */

	dbmig_lines_begin(&lines, file->text, file->length);
	while (dbmig_lines_next(&lines))
	{
		const char *line = lines.line;
		bool		up;
		const char *options = marker_of(&lines, &up);
		size_t		length;

		if (options == NULL)
		{
			dbmig_next_word(&line, lines.stop, &length);
			if (section >= 0)
			{
				if (dbmig_append_bytes(call, &texts[section], lines.line,
									   (size_t) (lines.next - lines.line)) != 0)
					return -1;
			}
			else if (length > 0 && dbmig_line_comment(&lines) == NULL)
				return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
								  "file \"%s\", line %d: only comments can stand before \"migrate:up\"",
								  file->path, lines.number);
			continue;
		}
		if ((section < 0 && !up) || (section == 1 && !up))
			return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
							  "file \"%s\", line %d: \"migrate:down\" without \"migrate:up\" before it",
							  file->path, lines.number);
		if (section == 0 && up)
			return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
							  "file \"%s\", line %d: \"migrate:up\" without \"migrate:down\" before it",
							  file->path, lines.number);
		section = up ? 0 : 1;
		if (says_no_transaction(options, lines.stop))
		{
			if (up)
				definition->options.transaction = 0;
			else
				definition->options.down_transaction = 0;
		}
		if (dbmig_append_text(call, &texts[section], "") != 0)
			return -1;
	}
	if (section != 1)
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "file \"%s\" has no \"-- migrate:%s\"%s", file->path,
						  section < 0 ? "up" : "down", section < 0 ? "" : " behind its last \"-- migrate:up\"");
	definition->up = texts[0].text;
	definition->down = texts[1].text;
	return 0;
}

const dbmig_format dbmig_format_dbmate = {
	.name = "dbmate",
	.family = DBMIG_FAMILY_PLAIN,
	.pairs = true,
	.name_file = name_file,
	.marked = marked,
	.read = read
};
