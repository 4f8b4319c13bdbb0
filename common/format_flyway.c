/*
 * format_flyway.c
 *		Files of Flyway: V<version>__<name>.sql, U (undo), R (repeatable), B
 *		(baseline), and a <file>.conf beside one.
 *
 * Placeholders ${name} have their values from the package's dbmig.conf; one
 * without a value is refused, also in a comment, as Flyway does.  A baseline
 * stands for the versions up to its own: where the folder has these too it is
 * left alone, else it is the first version.  Callbacks are left alone.
 */
#include "dbmig_core.h"

#include <string.h>

#include "format.h"
#include "internal.h"

static const char *const programs[] = {".java", ".kt", ".class"};

/* Length without .sql, and what that makes of it; 0: none of ours. */
static size_t
read_ending(const char *base, size_t length, bool *settings, bool *program)
{
	size_t		i;

	*program = false;
	*settings = dbmig_ends_with(base, length, ".sql.conf");
	if (*settings)
		return length - 9;
	if (dbmig_ends_with(base, length, ".sql"))
		return length - 4;
	*program = true;
	for (i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (dbmig_ends_with(base, length, programs[i]))
			return length - strlen(programs[i]);
	return 0;
}

/* call may be NULL: only the part is wanted. */
static int
name_file(dbmig_call *call, dbmig_file *file)
{
	const char *base = file->base;
	const char *from = base + 1;
	const char *at = from;
	bool		settings;
	bool		program;
	size_t		length = read_ending(base, strlen(base), &settings, &program);
	const char *end = base + length;
	char	   *version;

	if (length < 4 || strchr("VURB", base[0]) == NULL)
		return 0;
	if (base[0] != 'R')
	{
		if (!dbmig_is_digit(*at))
			return 0;
		while (dbmig_is_digit(*at) || *at == '.' || (*at == '_' && at[1] != '_'))
			at++;
	}
	if (end - at < 3 || at[0] != '_' || at[1] != '_')
		return 0;
	file->letter = base[0];
	if (program)
		file->part = DBMIG_PART_PROGRAM;
	else if (base[0] == 'U')
		file->part = settings ? DBMIG_PART_DOWN_SETTINGS : DBMIG_PART_DOWN;
	else
		file->part = settings ? DBMIG_PART_SETTINGS : DBMIG_PART_UP;
	if (call == NULL)
		return 0;
	file->name = dbmig_describe(call, at + 2, (size_t) (end - at) - 2);
	if (base[0] == 'R')
		file->version = dbmig_printf(call, DBMIG_REPEATABLE "%s", file->name);
	else
	{
		version = dbmig_copy(call, from, (size_t) (at - from));
		file->version = version;
		for (; version != NULL && *version != '\0'; version++)
			if (*version == '_')
				*version = '.';
	}
	return call->status == DBMIG_OK ? 0 : -1;
}

/* files are in version order */
static int
arrange(dbmig_call *call, dbmig_file *files, size_t count)
{
	const dbmig_file *first = NULL;
	dbmig_file *last = NULL;
	size_t		i;

	(void) call;
	for (i = 0; i < count; i++)
		if (files[i].letter == 'B' && files[i].part == DBMIG_PART_UP)
		{
			if (last != NULL)
				last->part = DBMIG_PART_NONE;
			last = &files[i];
		}
		else if (files[i].letter == 'V' && first == NULL)
			first = &files[i];
	if (last == NULL)
		return 0;
	if (first != NULL && dbmig_version_compare(first->version, last->version) <= 0)
		last->part = DBMIG_PART_NONE;
	for (i = 0; i < count; i++)
		if (files[i].letter == 'B' && files[i].part == DBMIG_PART_SETTINGS &&
			(last->part == DBMIG_PART_NONE || dbmig_version_compare(files[i].version, last->version) != 0))
			files[i].part = DBMIG_PART_NONE;
	return 0;
}

/* key=value lines of a file's own configuration */
static int
read_settings(dbmig_call *call, const dbmig_file *file,
			  dbmig_definition *definition)
{
	bool		down = file->part == DBMIG_PART_DOWN_SETTINGS;
	dbmig_lines lines;

	dbmig_lines_begin(&lines, file->text, file->length);
	while (dbmig_lines_next(&lines))
	{
		const char *at = lines.line;
		const char *equals = memchr(at, '=', (size_t) (lines.stop - at));
		const char *value = equals != NULL ? equals + 1 : lines.stop;
		size_t		key_length;
		size_t		length;
		const char *key = dbmig_next_word(&at, equals != NULL ? equals : lines.stop, &key_length);

		if (key_length == 0 || *key == '#' || *key == '!')
			continue;
		value = dbmig_next_word(&value, lines.stop, &length);
		if (dbmig_word_is(key, key_length, "executeInTransaction") &&
			(dbmig_word_is(value, length, "true") || dbmig_word_is(value, length, "false")))
		{
			int			transaction = *value == 't' ? -1 : 0;

			if (down)
				definition->options.down_transaction = transaction;
			else
				definition->options.transaction = transaction;
		}
		else if (dbmig_word_is(key, key_length, "placeholderReplacement") &&
				 (dbmig_word_is(value, length, "true") || dbmig_word_is(value, length, "false")))
		{
			if (down)
				definition->down_verbatim = *value == 'f';
			else
				definition->verbatim = *value == 'f';
		}
		else if (!(dbmig_word_is(key, key_length, "encoding") && dbmig_word_is(value, length, "UTF-8")) &&
				 !(dbmig_word_is(key, key_length, "shouldExecute") && dbmig_word_is(value, length, "true")))
			return dbmig_fail(call, DBMIG_NOT_SUPPORTED,
							  "What is known: executeInTransaction and placeholderReplacement with true or false, encoding=UTF-8, shouldExecute=true.",
							  "file \"%s\", line %d: \"%.*s\" is not supported",
							  file->path, lines.number,
							  (int) (lines.stop - key), key);
	}
	return 0;
}

static const char *
find_value(const dbmig_file *file, const char *name, size_t length)
{
	const dbmig_placeholder *p;

	for (p = file->placeholders; p != NULL; p = p->next)
		if (dbmig_word_is(name, length, p->name))
			return p->value;
	return NULL;
}

static const char *
replace(dbmig_call *call, const dbmig_file *file)
{
	const char *from = file->text;
	const char *mark = strstr(from, "${");
	dbmig_buffer text = {0};

	if (mark == NULL)
		return file->text;
	for (; mark != NULL; mark = strstr(mark, "${"))
	{
		size_t		length = strcspn(mark + 2, "}\n");
		const char *value;

		if (mark[2 + length] != '}')
		{
			mark += 2;
			continue;
		}
		value = find_value(file, mark + 2, length);
		if (value == NULL)
		{
			int			line;
			int			column;

			dbmig_position(file->text, (size_t) (mark - file->text), &line, &column);
			dbmig_fail(call, DBMIG_BAD_VALUE,
					   "Give it one in the folder's dbmig.conf: placeholder.NAME = value.",
					   "file \"%s\", line %d: placeholder \"%.*s\" has no value",
					   file->path, line, (int) length + 3, mark);
			return NULL;
		}
		if (dbmig_append_bytes(call, &text, from, (size_t) (mark - from)) != 0 ||
			dbmig_append_text(call, &text, value) != 0)
			return NULL;
		mark += length + 3;
		from = mark;
	}
	return dbmig_append_text(call, &text, from) == 0 ? text.text : NULL;
}

static int
read(dbmig_call *call, const dbmig_file *file, dbmig_definition *definition)
{
	bool		down = file->part == DBMIG_PART_DOWN;
	const char *text;

	if (file->part != DBMIG_PART_UP && !down)
		return read_settings(call, file, definition);
	text = (down ? definition->down_verbatim : definition->verbatim) ?
		file->text : replace(call, file);
	if (down)
		definition->down = text;
	else
		definition->up = text;
	return text != NULL ? 0 : -1;
}

const dbmig_format dbmig_format_flyway = {
	.name = "flyway",
	.family = DBMIG_FAMILY_LETTER,
	.pairs = true,
	.recursive = true,
	.name_file = name_file,
	.arrange = arrange,
	.read = read
};
