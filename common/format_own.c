/*
 * format_own.c
 *		dbmig's own layout: <version>_<name>.sql.
 *
 * Lines "-- dbmig:up" and "-- dbmig:down", perhaps followed by an engine, begin
 * a section; a file without them is one up.  What stands before the first of
 * them is the head, with the other markers.  R__<name>.sql, or a file with the
 * marker repeatable, is repeatable.
 */
#include "dbmig_core.h"

#include <string.h>

#include "format.h"
#include "internal.h"

#define MARKER "dbmig:"

typedef struct reader
{
	dbmig_call *call;
	const dbmig_file *file;
	dbmig_definition *definition;
	dbmig_lines lines;
	bool		seen;			/* a section has begun */
	const char *other;			/* an up section's engine that is not ours */
	const char **section;		/* where the text of this section goes, or
								 * NULL */
	const char *begin;			/* of its text */
} reader;

static int
name_file(dbmig_call *call, dbmig_file *file)
{
	const char *base = file->base;
	size_t		length = strlen(base);
	const char *underscore;

	if (!dbmig_ends_with(base, length, ".sql"))
		return 0;
	length -= 4;
	if (length > 3 && strncmp(base, "R__", 3) == 0)
	{
		file->part = DBMIG_PART_UP;
		file->name = dbmig_describe(call, base + 3, length - 3);
		file->version = dbmig_printf(call, DBMIG_REPEATABLE "%s", file->name);
		return call->status == DBMIG_OK ? 0 : -1;
	}
	if (!dbmig_is_digit(base[0]))
		return 0;
	underscore = memchr(base, '_', length);
	file->part = DBMIG_PART_UP;
	file->version = dbmig_copy(call, base, underscore != NULL ? (size_t) (underscore - base) : length);
	if (underscore != NULL)
		file->name = dbmig_describe(call, underscore + 1,
									(size_t) (base + length - underscore - 1));
	return call->status == DBMIG_OK ? 0 : -1;
}

static bool
marked(const char *text, size_t length, int *line)
{
	dbmig_lines lines;

	dbmig_lines_begin(&lines, text, length);
	while (dbmig_lines_next(&lines))
	{
		const char *comment = dbmig_line_comment(&lines);

		*line = lines.number;
		if (comment != NULL && (size_t) (lines.stop - comment) >= strlen(MARKER) &&
			memcmp(comment, MARKER, strlen(MARKER)) == 0)
			return true;
	}
	return false;
}

static int
end_section(reader *r, const char *end)
{
	if (r->section == NULL)
		return 0;
	*r->section = dbmig_copy(r->call, r->begin, (size_t) (end - r->begin));
	r->section = NULL;
	return r->call->status == DBMIG_OK ? 0 : -1;
}

static int
begin_section(reader *r, bool up, const char *engine)
{
	dbmig_call *call = r->call;
	const char **text = up ? &r->definition->up : &r->definition->down;

	r->seen = true;
	r->begin = r->lines.next;
	if (engine != NULL && strcmp(engine, "postgres") != 0 && strcmp(engine, "sqlite") != 0)
		return dbmig_fail(call, DBMIG_BAD_VALUE,
						  "The engines are postgres and sqlite.",
						  "file \"%s\", line %d: unknown engine \"%s\"",
						  r->file->path, r->lines.number, engine);
	if (engine != NULL && strcmp(engine, call->host->engine) != 0)
	{
		if (up)
			r->other = engine;
		return 0;
	}
	if (*text != NULL)
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "file \"%s\", line %d: a second %s section%s%s",
						  r->file->path, r->lines.number, up ? "up" : "down",
						  engine != NULL ? " for " : "", engine != NULL ? engine : "");

	/* the place is taken until its text is known */
	*text = "";
	r->section = text;
	*(up ? &r->definition->up_line : &r->definition->down_line) = r->lines.number;
	return 0;
}

/* The rest of the marker's line, blanks around it left out. */
static const char *
rest_of(reader *r, const char *at)
{
	const char *end = r->lines.stop;

	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return dbmig_copy(r->call, at, (size_t) (end - at));
}

/* A marker of the head; at is behind its word. */
static int
read_head(reader *r, const char *word, const char *at)
{
	dbmig_call *call = r->call;
	dbmig_options *options = &r->definition->options;
	const char *rest = rest_of(r, at);
	const char *what = NULL;

	if (rest == NULL)
		return -1;
	if (r->seen)
		return dbmig_fail(call, DBMIG_BAD_VALUE,
						  "It belongs before the first section.",
						  "file \"%s\", line %d: marker \"dbmig:%s\" inside of a section",
						  r->file->path, r->lines.number, word);
	if (strcmp(word, "after") == 0)
		what = "a package";
	if (strcmp(word, "role") == 0)
		what = "a role";
	if (what != NULL && rest[0] == '\0')
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "file \"%s\", line %d: marker \"dbmig:%s\" without %s",
						  r->file->path, r->lines.number, word, what);
	if (what == NULL && rest[0] != '\0')
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "file \"%s\", line %d: marker \"dbmig:%s\" takes nothing, not \"%s\"",
						  r->file->path, r->lines.number, word, rest);
	if (strcmp(word, "no-transaction") == 0)
		options->transaction = 0;
	else if (strcmp(word, "repeatable") == 0)
		options->repeatable = true;
	else if (strcmp(word, "portable") == 0)
		options->portable = 1;
	else if ((strcmp(word, "role") == 0 ? dbmig_options_set(call, options, word, rest) :
			  dbmig_options_after_list(call, options, rest)) != 0)
		return dbmig_fail_in(call, "file \"%s\", line %d", r->file->path, r->lines.number);
	return 0;
}

/* A line "-- dbmig:word ..."; at is behind the colon. */
static int
read_marker(reader *r, const char *at)
{
	static const char *const head[] = {
		"after", "no-transaction", "repeatable", "portable", "role"
	};
	dbmig_call *call = r->call;
	size_t		length;
	const char *begin = dbmig_next_word(&at, r->lines.stop, &length);
	const char *word = dbmig_copy(call, begin, length);
	size_t		i;

	if (word == NULL)
		return -1;
	if (strcmp(word, "up") == 0 || strcmp(word, "down") == 0)
	{
		const char *engine = NULL;

		begin = dbmig_next_word(&at, r->lines.stop, &length);
		if (length > 0)
			engine = dbmig_copy(call, begin, length);
		return call->status != DBMIG_OK || end_section(r, r->lines.line) != 0 ? -1 :
			begin_section(r, word[0] == 'u', engine);
	}
	for (i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		if (strcmp(word, head[i]) == 0)
			return read_head(r, word, at);
	return dbmig_fail(call, DBMIG_BAD_VALUE,
					  "The markers are up, down, after, no-transaction, portable, repeatable and role.",
					  "file \"%s\", line %d: unknown marker \"dbmig:%s\"",
					  r->file->path, r->lines.number, word);
}

/* What stands before the first section may only be comments. */
static int
check_head(reader *r, const char *first)
{
	dbmig_lines lines;

	dbmig_lines_begin(&lines, r->file->text, (size_t) (first - r->file->text));
	while (dbmig_lines_next(&lines))
	{
		const char *at = lines.line;

		while (at < lines.stop && (*at == ' ' || *at == '\t'))
			at++;
		if (at < lines.stop && dbmig_line_comment(&lines) == NULL)
			return dbmig_fail(r->call, DBMIG_BAD_VALUE, NULL,
							  "file \"%s\", line %d: only comments can stand before the first section",
							  r->file->path, lines.number);
	}
	return 0;
}

/* V6: the file's name is what repeatable migrations go by. */
static int
make_repeatable(reader *r)
{
	const char *base = r->file->base;
	dbmig_definition *definition = r->definition;

	if (dbmig_version_repeats(definition->version))
		return 0;
	definition->version = dbmig_printf(r->call, DBMIG_REPEATABLE "%s",
									   dbmig_describe(r->call, base, strlen(base) - 4));
	return r->call->status == DBMIG_OK ? 0 : -1;
}

static int
read(dbmig_call *call, const dbmig_file *file, dbmig_definition *definition)
{
	reader		r = {0};
	const char *first = NULL;
	const char *end = file->text + file->length;

	r.call = call;
	r.file = file;
	r.definition = definition;
	dbmig_lines_begin(&r.lines, file->text, file->length);
	while (dbmig_lines_next(&r.lines))
	{
		const char *comment = dbmig_line_comment(&r.lines);

		if (comment == NULL || (size_t) (r.lines.stop - comment) < strlen(MARKER) ||
			memcmp(comment, MARKER, strlen(MARKER)) != 0)
			continue;
		if (read_marker(&r, comment + strlen(MARKER)) != 0)
			return -1;
		if (r.seen && first == NULL)
			first = r.lines.line;
	}
	if (end_section(&r, end) != 0)
		return -1;
	if (definition->options.repeatable && make_repeatable(&r) != 0)
		return -1;
	if (!r.seen)
	{
		definition->up = dbmig_copy(call, file->text, file->length);
		return definition->up != NULL ? 0 : -1;
	}
	if (check_head(&r, first) != 0)
		return -1;
	if (definition->up == NULL && r.other == NULL)
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "file \"%s\" has a down section, but no up section",
						  file->path);

	/* nothing to do on this engine */
	if (definition->up == NULL)
	{
		definition->up = "";
		definition->options.engine = r.other;
	}
	return 0;
}

const dbmig_format dbmig_format_own = {
	.name = "dbmig",
	.family = DBMIG_FAMILY_PLAIN,
	.name_file = name_file,
	.marked = marked,
	.engines = true,
	.read = read
};
