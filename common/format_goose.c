/*
 * format_goose.c
 *		Files of goose: <number>_<name>.sql with "-- +goose Up" and "Down".
 *
 * The annotations are read as goose reads them: in any case of letters, at the
 * very beginning of a line.  StatementBegin and StatementEnd only matter where
 * what they enclose does not end with a semicolon: here a script is parsed, not
 * split at line ends.  Migrations written in Go are refused by name.
 */
#include "dbmig_core.h"

#include <string.h>

#include "format.h"
#include "internal.h"

#define MARKER "+goose"

typedef enum place
{
	START,						/* before "Up" */
	SECTION,
	STATEMENT,					/* between StatementBegin and StatementEnd */
	AFTER_STATEMENT				/* a section, behind a StatementEnd */
} place;

typedef struct reader
{
	dbmig_call *call;
	const dbmig_file *file;
	dbmig_definition *definition;
	dbmig_lines lines;
	place		at;
	bool		down;
	bool		text_seen;		/* in this statement: more than comments */
	bool		ended;			/* its last line ends with a semicolon */
	dbmig_buffer texts[2];		/* up and down */
} reader;

static int
name_file(dbmig_call *call, dbmig_file *file)
{
	const char *base = file->base;
	size_t		length = strlen(base);
	size_t		digits = dbmig_digits(base);
	bool		program = dbmig_ends_with(base, length, ".go");

	if (digits == 0 || (!program && !dbmig_ends_with(base, length, ".sql")) ||
		dbmig_ends_with(base, length, "_test.go"))
		return 0;
	if (base[digits] != '_')
	{
		if (program)
			return 0;
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "goose has files named <number>_<name>.sql");
	}
	file->part = program ? DBMIG_PART_PROGRAM : DBMIG_PART_UP;
	file->version = dbmig_copy(call, base, digits);
	file->name = dbmig_describe(call, base + digits + 1,
								length - digits - 1 - (program ? 3 : 4));
	return call->status == DBMIG_OK ? 0 : -1;
}

/* A comment with +goose in it; goose takes leading blanks for an error. */
static bool
is_annotation(const dbmig_lines *lines)
{
	const char *at = dbmig_line_comment(lines);

	if (at == NULL)
		return false;
	for (; (size_t) (lines->stop - at) >= strlen(MARKER); at++)
		if (memcmp(at, MARKER, strlen(MARKER)) == 0)
			return true;
	return false;
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
fail(reader *r, const char *what)
{
	return dbmig_fail(r->call, DBMIG_BAD_VALUE, NULL, "file \"%s\", line %d: %s",
					  r->file->path, r->lines.number, what);
}

/* The annotation's words: the line without "--" and without "+goose". */
static const char *
words_of(reader *r)
{
	const char *at = r->lines.line;
	const char *end = r->lines.stop;
	char	   *words = dbmig_alloc(r->call, (size_t) (end - at) + 1);
	size_t		length = 0;
	bool		found = false;

	if (words == NULL)
		return NULL;
	if (*at == ' ' || *at == '\t')
	{
		fail(r, "blanks before a goose annotation");
		return NULL;
	}
	while (at < end)
	{
		if (end - at >= 2 && at[0] == '-' && at[1] == '-')
			at += 2;
		else if ((size_t) (end - at) >= strlen(MARKER) && memcmp(at, MARKER, strlen(MARKER)) == 0)
		{
			if (found)
			{
				fail(r, "two goose annotations in one line");
				return NULL;
			}
			found = true;
			at += strlen(MARKER);
		}
		else
			words[length++] = *at++;
	}
	while (length > 0 && (words[length - 1] == ' ' || words[length - 1] == '\t'))
		length--;
	words[length] = '\0';
	return words + strspn(words, " \t");
}

static bool
same_words(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++)
	{
		char		x = *a >= 'A' && *a <= 'Z' ? (char) (*a + 'a' - 'A') : *a;
		char		y = *b >= 'A' && *b <= 'Z' ? (char) (*b + 'a' - 'A') : *b;

		if (x != y)
			return false;
	}
	return *a == *b;
}

static int
keep(reader *r, const char *text, size_t length)
{
	return r->at == START ? 0 :
		dbmig_append_bytes(r->call, &r->texts[r->down], text, length);
}

static int
read_annotation(reader *r)
{
	const char *words = words_of(r);

	if (words == NULL)
		return -1;
	if (same_words(words, "Up"))
	{
		if (r->at != START)
			return fail(r, "a second \"+goose Up\"");
		r->at = SECTION;
		r->definition->up_line = r->lines.number;
		return 0;
	}
	if (same_words(words, "Down"))
	{
		if (r->at == START)
			return fail(r, "\"+goose Down\" before \"+goose Up\"");
		if (r->at == STATEMENT)
			return fail(r, "\"+goose Down\" before \"+goose StatementEnd\"");
		if (r->down)
			return fail(r, "a second \"+goose Down\"");
		r->down = true;
		r->at = SECTION;
		r->definition->down_line = r->lines.number;
		return 0;
	}
	if (same_words(words, "StatementBegin"))
	{
		if (r->at == START)
			return fail(r, "\"+goose StatementBegin\" before \"+goose Up\"");
		if (r->at == STATEMENT)
			return fail(r, "\"+goose StatementBegin\" before \"+goose StatementEnd\"");
		r->at = STATEMENT;
		r->text_seen = false;
		r->ended = false;
	}
	else if (same_words(words, "StatementEnd"))
	{
		if (r->at != STATEMENT)
			return fail(r, "\"+goose StatementEnd\" without \"+goose StatementBegin\"");
		r->at = AFTER_STATEMENT;
		if (r->text_seen && !r->ended && keep(r, ";", 1) != 0)
			return -1;
	}
	else if (same_words(words, "NO TRANSACTION"))
		r->definition->options.transaction = 0;
	else if (same_words(words, "ENVSUB ON"))
		return dbmig_fail(r->call, DBMIG_NOT_SUPPORTED,
						  "Write what the variables stand for into the file.",
						  "file \"%s\", line %d: goose's ENVSUB is not supported",
						  r->file->path, r->lines.number);
	else if (!same_words(words, "ENVSUB OFF"))
		return dbmig_fail(r->call, DBMIG_BAD_VALUE,
						  "The annotations are Up, Down, StatementBegin, StatementEnd and NO TRANSACTION.",
						  "file \"%s\", line %d: unknown goose annotation \"%s\"",
						  r->file->path, r->lines.number, words);

	/* the line stays as a comment, so that the others keep their numbers */
	return keep(r, r->lines.line, (size_t) (r->lines.next - r->lines.line));
}

/* Does the last word before a comment end with a semicolon? */
static void
look_for_end(reader *r)
{
	const char *at = r->lines.line;
	size_t		length;
	const char *word;

	while ((word = dbmig_next_word(&at, r->lines.stop, &length), length > 0) &&
		   !(length >= 2 && word[0] == '-' && word[1] == '-'))
	{
		r->text_seen = true;
		r->ended = word[length - 1] == ';';
	}
}

static int
read(dbmig_call *call, const dbmig_file *file, dbmig_definition *definition)
{
	reader		r;

	memset(&r, 0, sizeof(r));
	r.call = call;
	r.file = file;
	r.definition = definition;
	dbmig_lines_begin(&r.lines, file->text, file->length);
	while (dbmig_lines_next(&r.lines))
	{
		if (is_annotation(&r.lines))
		{
			if (read_annotation(&r) != 0)
				return -1;
			continue;
		}
		if (r.at == START)
		{
			const char *at = r.lines.line;
			size_t		length;

			dbmig_next_word(&at, r.lines.stop, &length);
			if (length > 0 && dbmig_line_comment(&r.lines) == NULL)
				return fail(&r, "only comments can stand before \"+goose Up\"");
		}
		look_for_end(&r);
		if (keep(&r, r.lines.line, (size_t) (r.lines.next - r.lines.line)) != 0)
			return -1;
	}
	if (r.at == START)
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "file \"%s\" has no \"-- +goose Up\"", file->path);
	if (r.at == STATEMENT)
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "file \"%s\" has no \"+goose StatementEnd\" at its end",
						  file->path);
	definition->up = r.texts[0].text != NULL ? r.texts[0].text : "";
	if (r.down)
		definition->down = r.texts[1].text != NULL ? r.texts[1].text : "";
	return 0;
}

const dbmig_format dbmig_format_goose = {
	.name = "goose",
	.family = DBMIG_FAMILY_PLAIN,
	.name_file = name_file,
	.marked = marked,
	.read = read
};
