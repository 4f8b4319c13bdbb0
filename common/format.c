/*
 * format.c
 *		The table of layouts, and what they share (see format.h).
 */
#include "dbmig_core.h"

#include <string.h>

#include "format.h"
#include "internal.h"
#include "sqitch.h"

/* Within a family the first is what a file without any marker is. */
const dbmig_format *const dbmig_formats[] = {
	&dbmig_format_own,
	&dbmig_format_goose,
	&dbmig_format_dbmate,
	&dbmig_format_golang_migrate,
	&dbmig_format_sqlx,
	&dbmig_format_flyway,
	&dbmig_format_refinery,
	&dbmig_format_diesel,
	&dbmig_format_sqitch,
	NULL
};

const dbmig_format *
dbmig_format_find(dbmig_call *call, const char *name)
{
	dbmig_buffer names = {0};
	int			i;

	for (i = 0; dbmig_formats[i] != NULL; i++)
	{
		if (strcmp(dbmig_formats[i]->name, name) == 0)
			return dbmig_formats[i];
		if (dbmig_append_format(call, &names, "%s%s",
								i == 0 ? "The formats are " :
								dbmig_formats[i + 1] == NULL ? " and " : ", ",
								dbmig_formats[i]->name) != 0)
			return NULL;
	}
	if (dbmig_append_text(call, &names, ".") == 0)
		dbmig_fail(call, DBMIG_BAD_VALUE, names.text, "unknown format \"%s\"", name);
	return NULL;
}

const dbmig_format *
dbmig_format_of_family(dbmig_family family)
{
	int			i;

	for (i = 0; dbmig_formats[i] != NULL; i++)
		if (dbmig_formats[i]->family == family)
			return dbmig_formats[i];
	return NULL;
}

bool
dbmig_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* How many digits a text begins with. */
size_t
dbmig_digits(const char *text)
{
	size_t		count = 0;

	while (dbmig_is_digit(text[count]))
		count++;
	return count;
}

bool
dbmig_ends_with(const char *text, size_t length, const char *end)
{
	size_t		size = strlen(end);

	return length > size && memcmp(text + length - size, end, size) == 0;
}

static const char *
base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* The folder right above base is named as a migration is. */
static bool
in_numbered_folder(const char *path, const char *base)
{
	const char *folder = base - 1;

	if (base == path)
		return false;
	while (folder > path && folder[-1] != '/')
		folder--;
	return dbmig_is_digit(*folder);
}

dbmig_family
dbmig_family_of(const char *path)
{
	const char *base = base_of(path);
	size_t		length = strlen(base);
	dbmig_file	file = {0};

	file.path = path;
	file.base = base;
	if (strcmp(base, DBMIG_SQITCH_PLAN) == 0 || strcmp(base, DBMIG_SQITCH_CONF) == 0)
		return DBMIG_FAMILY_PLAN;
	if ((strcmp(base, "up.sql") == 0 || strcmp(base, "down.sql") == 0 ||
		 strcmp(base, "metadata.toml") == 0) && in_numbered_folder(path, base))
		return DBMIG_FAMILY_FOLDER;
	if (dbmig_format_golang_migrate.name_file(NULL, &file) == 0 &&
		file.part != DBMIG_PART_NONE)
		return DBMIG_FAMILY_PAIR;
	if (dbmig_format_flyway.name_file(NULL, &file) == 0 &&
		file.part != DBMIG_PART_NONE)
		return DBMIG_FAMILY_LETTER;
	if (dbmig_format_refinery.name_file(NULL, &file) == 0 &&
		file.part != DBMIG_PART_NONE)
		return DBMIG_FAMILY_LETTER;
	return dbmig_is_digit(base[0]) && dbmig_ends_with(base, length, ".sql") ?
		DBMIG_FAMILY_PLAIN : DBMIG_FAMILY_NONE;
}

const dbmig_format *
dbmig_format_marked(const char *text, size_t length, int *line)
{
	int			i;

	for (i = 0; dbmig_formats[i] != NULL; i++)
		if (dbmig_formats[i]->marked != NULL &&
			dbmig_formats[i]->marked(text, length, line))
			return dbmig_formats[i];
	return NULL;
}

int
dbmig_file_name(dbmig_call *call, const dbmig_format *format, const char *path,
				dbmig_file *file)
{
	memset(file, 0, sizeof(*file));
	file->path = path;
	file->base = base_of(path);
	if (format->name_file(call, file) != 0)
		return dbmig_fail_in(call, "file \"%s\"", path);
	if (file->part == DBMIG_PART_NONE)
		return 0;
	if (!dbmig_utf8_valid(path, strlen(path)) || dbmig_has_control(path, strlen(path)))
		return dbmig_fail(call, DBMIG_BAD_VALUE, "Rename it.",
						  "the name of file \"%s\" is not UTF-8, or has a control character",
						  file->version != NULL ? file->version : "");
	if (file->version != NULL && dbmig_version_check(call, file->version) != 0)
		return dbmig_fail_in(call, "file \"%s\"", path);
	return call == NULL || call->status == DBMIG_OK ? 0 : -1;
}

int
dbmig_file_text(dbmig_call *call, dbmig_file *file, const char *text, size_t length)
{
	const char *nul = memchr(text, '\0', length);
	int			line;
	int			column;

	if (length >= 2 && (memcmp(text, "\xFF\xFE", 2) == 0 || memcmp(text, "\xFE\xFF", 2) == 0))
		return dbmig_fail(call, DBMIG_BAD_VALUE, "Save it as UTF-8.",
						  "file \"%s\" is UTF-16", file->path);
	if (nul != NULL)
	{
		dbmig_position(text, (size_t) (nul - text), &line, &column);
		return dbmig_fail(call, DBMIG_BAD_VALUE, "Save it as UTF-8.",
						  "file \"%s\", line %d: a NUL byte", file->path, line);
	}
	if (!dbmig_utf8_valid(text, length))
		return dbmig_fail(call, DBMIG_BAD_VALUE, "Save it as UTF-8.",
						  "file \"%s\" is not valid UTF-8", file->path);
	if (length >= 3 && memcmp(text, DBMIG_BOM, 3) == 0)
	{
		text += 3;
		length -= 3;
	}
	file->text = text;
	file->length = length;
	return 0;
}

void
dbmig_file_begin(const dbmig_file *file, dbmig_definition *definition)
{
	dbmig_options_begin(&definition->options);
	definition->version = file->version;
	definition->name = file->name;
	definition->source = file->path;
}

int
dbmig_file_read(dbmig_call *call, const dbmig_format *format,
				const dbmig_file *file, dbmig_definition *definition)
{
	return format->read(call, file, definition);
}

int
dbmig_file_check(dbmig_call *call, const dbmig_format *format,
				 const dbmig_file *file, const dbmig_definition *definition)
{
	if (file->part != DBMIG_PART_UP && file->part != DBMIG_PART_DOWN)
		return 0;
	if (!format->engines)
		return dbmig_shell_check(call, file->path, file->text, 0);
	return dbmig_shell_check(call, file->path, definition->up, definition->up_line) != 0 ||
		(definition->down != NULL &&
		 dbmig_shell_check(call, file->path, definition->down, definition->down_line) != 0) ? -1 : 0;
}

void
dbmig_file_end(const dbmig_format *format, dbmig_definition *definition)
{
	dbmig_options *options = &definition->options;

	if (format->pairs && definition->up != NULL && definition->down != NULL &&
		options->transaction == 0 && options->down_transaction < 0)
		options->down_transaction = 1;
}

void
dbmig_lines_begin(dbmig_lines *lines, const char *text, size_t length)
{
	lines->next = text;
	lines->end = text + length;
	lines->line = lines->stop = text;
	lines->number = 0;
}

bool
dbmig_lines_next(dbmig_lines *lines)
{
	const char *feed;

	if (lines->next >= lines->end)
		return false;
	lines->line = lines->next;
	lines->number++;
	feed = memchr(lines->line, '\n', (size_t) (lines->end - lines->line));
	lines->stop = feed != NULL ? feed : lines->end;
	lines->next = feed != NULL ? feed + 1 : lines->end;
	if (lines->stop > lines->line && lines->stop[-1] == '\r')
		lines->stop--;
	return true;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

const char *
dbmig_next_word(const char **at, const char *end, size_t *length)
{
	const char *begin = *at;

	while (begin < end && is_blank(*begin))
		begin++;
	*at = begin;
	while (*at < end && !is_blank(**at))
		(*at)++;
	*length = (size_t) (*at - begin);
	return begin;
}

bool
dbmig_word_is(const char *word, size_t length, const char *text)
{
	return length == strlen(text) && memcmp(word, text, length) == 0;
}

const char *
dbmig_line_comment(const dbmig_lines *lines)
{
	const char *at = lines->line;

	while (at < lines->stop && is_blank(*at))
		at++;
	if (lines->stop - at < 2 || at[0] != '-' || at[1] != '-')
		return NULL;
	at += 2;
	while (at < lines->stop && is_blank(*at))
		at++;
	return at;
}

/* call NULL: a family is asked for, and nobody reads the name. */
const char *
dbmig_describe(dbmig_call *call, const char *text, size_t length)
{
	char	   *name;
	size_t		i;

	if (length == 0 || call == NULL)
		return NULL;
	name = dbmig_copy(call, text, length);
	for (i = 0; name != NULL && i < length; i++)
		if (name[i] == '_')
			name[i] = ' ';
	return name;
}
