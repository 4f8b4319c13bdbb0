/*
 * format.c
 *		One migration file of dbmig's own layout.
 *
 * <version>_<name>.sql.  Lines "-- dbmig:up" and "-- dbmig:down", perhaps
 * followed by an engine, begin a section; a file without them is one up.  What
 * stands before the first of them is the head, with the other markers.
 */
#include "dbmig_core.h"

#include <string.h>

#include "internal.h"

typedef struct file
{
	dbmig_call *call;
	const char *name;
	dbmig_definition *definition;
	int			line;
	bool		seen;			/* a section has begun */
	const char *other;			/* an up section's engine that is not ours */
	const char **section;		/* where the text of this section goes, or NULL */
	const char *begin;			/* of its text */
} file;

/* The words of a line from *at on; NULL where there is none left. */
static const char *
next_word(file *f, const char **at, const char *end)
{
	const char *begin = *at;

	while (begin < end && (*begin == ' ' || *begin == '\t'))
		begin++;
	*at = begin;
	while (*at < end && **at != ' ' && **at != '\t')
		(*at)++;
	return *at > begin ? dbmig_copy(f->call, begin, (size_t) (*at - begin)) : NULL;
}

static int
end_section(file *f, const char *end)
{
	if (f->section == NULL)
		return 0;
	*f->section = dbmig_copy(f->call, f->begin, (size_t) (end - f->begin));
	f->section = NULL;
	return f->call->status == DBMIG_OK ? 0 : -1;
}

static int
begin_section(file *f, bool up, const char *engine, const char *next)
{
	dbmig_call *call = f->call;
	const char **text = up ? &f->definition->up : &f->definition->down;

	f->seen = true;
	f->begin = next;
	if (engine != NULL && strcmp(engine, "postgres") != 0 && strcmp(engine, "sqlite") != 0)
		return dbmig_fail(call, DBMIG_BAD_VALUE,
						  "The engines are postgres and sqlite.",
						  "file \"%s\", line %d: unknown engine \"%s\"",
						  f->name, f->line, engine);
	if (engine != NULL && strcmp(engine, call->host->engine) != 0)
	{
		if (up)
			f->other = engine;
		return 0;
	}
	if (*text != NULL)
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "file \"%s\", line %d: a second %s section%s%s",
						  f->name, f->line, up ? "up" : "down",
						  engine != NULL ? " for " : "", engine != NULL ? engine : "");

	/* the place is taken until its text is known */
	*text = "";
	f->section = text;
	*(up ? &f->definition->up_line : &f->definition->down_line) = f->line;
	return 0;
}

/* auth, core@3 */
static int
read_after(file *f, const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	if (at == end)
		return dbmig_fail(f->call, DBMIG_BAD_VALUE, NULL,
						  "file \"%s\", line %d: marker \"dbmig:after\" without a package",
						  f->name, f->line);
	for (;;)
	{
		const char *comma = memchr(at, ',', (size_t) (end - at));
		const char *stop = comma != NULL ? comma : end;
		dbmig_item	item;
		const char *text;
		const char *last = stop;

		while (at < last && (*at == ' ' || *at == '\t'))
			at++;
		while (last > at && (last[-1] == ' ' || last[-1] == '\t'))
			last--;
		text = dbmig_copy(f->call, at, (size_t) (last - at));
		if (text == NULL)
			return -1;
		if (dbmig_item_parse(f->call, text, &item) != 0)
			return dbmig_fail_in(f->call, "file \"%s\", line %d", f->name, f->line);
		if (dbmig_options_after(f->call, &f->definition->options, text) != 0)
			return -1;
		if (comma == NULL)
			return 0;
		at = comma + 1;
	}
}

/* A line "-- dbmig:word ..."; text is behind the colon, next the next line. */
static int
read_marker(file *f, const char *text, const char *end, const char *line,
			const char *next)
{
	static const char *const later[] = {"role", "repeatable"};
	dbmig_call *call = f->call;
	const char *at = text;
	const char *word = next_word(f, &at, end);
	size_t		i;

	if (word == NULL)
		word = "";
	if (call->status != DBMIG_OK)
		return -1;
	if (strcmp(word, "up") == 0 || strcmp(word, "down") == 0)
	{
		const char *engine;

		if (end_section(f, line) != 0)
			return -1;
		engine = next_word(f, &at, end);
		return call->status != DBMIG_OK ? -1 :
			begin_section(f, word[0] == 'u', engine, next);
	}
	for (i = 0; i < sizeof(later) / sizeof(later[0]); i++)
		if (strcmp(word, later[i]) == 0)
			return dbmig_fail(call, DBMIG_NOT_SUPPORTED, NULL,
							  "file \"%s\", line %d: marker \"dbmig:%s\" is not supported by this version of dbmig",
							  f->name, f->line, word);
	if (strcmp(word, "after") != 0 && strcmp(word, "no-transaction") != 0 &&
		strcmp(word, "portable") != 0)
		return dbmig_fail(call, DBMIG_BAD_VALUE,
						  "The markers are up, down, after, no-transaction and portable.",
						  "file \"%s\", line %d: unknown marker \"dbmig:%s\"",
						  f->name, f->line, word);
	if (f->seen)
		return dbmig_fail(call, DBMIG_BAD_VALUE,
						  "It belongs before the first section.",
						  "file \"%s\", line %d: marker \"dbmig:%s\" inside of a section",
						  f->name, f->line, word);
	if (strcmp(word, "after") == 0)
		return read_after(f, at, end);
	if (strcmp(word, "portable") == 0)
		f->definition->options.portable = 1;
	else
		f->definition->options.transaction = 0;
	return 0;
}

/* Markers of other tools would be skipped as comments otherwise. */
static int
check_foreign(file *f, const char *comment, size_t length)
{
	static const char *const markers[][2] = {
		{"+goose", "goose"}, {"migrate:up", "dbmate"}, {"migrate:down", "dbmate"}
	};
	size_t		i;

	for (i = 0; i < sizeof(markers) / sizeof(markers[0]); i++)
		if (length >= strlen(markers[i][0]) &&
			strncmp(comment, markers[i][0], strlen(markers[i][0])) == 0)
			return dbmig_fail(f->call, DBMIG_NOT_SUPPORTED, NULL,
							  "file \"%s\", line %d: %s files are not supported by this version of dbmig",
							  f->name, f->line, markers[i][1]);
	return 0;
}

static int
read_line(file *f, const char *line, const char *end, const char *next)
{
	const char *at = line;

	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	if (end - at >= 2 && at[0] == '-' && at[1] == '-')
	{
		at += 2;
		while (at < end && (*at == ' ' || *at == '\t'))
			at++;
		if (end - at >= 6 && strncmp(at, "dbmig:", 6) == 0)
			return read_marker(f, at + 6, end, line, next);
		return check_foreign(f, at, (size_t) (end - at));
	}
	return 0;
}

/* What stands before the first section may only be comments. */
static int
check_head(file *f, const char *text, const char *first)
{
	const char *at = text;
	int			line = 1;

	while (at < first)
	{
		const char *end = memchr(at, '\n', (size_t) (first - at));

		while (*at == ' ' || *at == '\t' || *at == '\r')
			at++;
		if (at < first && *at != '\n' && strncmp(at, "--", 2) != 0)
			return dbmig_fail(f->call, DBMIG_BAD_VALUE, NULL,
							  "file \"%s\", line %d: only comments can stand before the first section",
							  f->name, line);
		at = end != NULL ? end + 1 : first;
		line++;
	}
	return 0;
}

/* 0001_create_users.sql: version 0001, name "create users" */
static int
read_name(dbmig_call *call, const char *filename, dbmig_definition *definition,
		  bool *is_migration)
{
	const char *slash = strrchr(filename, '/');
	const char *base = slash != NULL ? slash + 1 : filename;
	size_t		length = strlen(base);
	const char *underscore;
	char	   *version;
	char	   *name;

	*is_migration = length > 4 && strcmp(base + length - 4, ".sql") == 0 &&
		base[0] >= '0' && base[0] <= '9';
	if (!*is_migration)
		return 0;
	length -= 4;
	if ((length > 3 && strncmp(base + length - 3, ".up", 3) == 0) ||
		(length > 5 && strncmp(base + length - 5, ".down", 5) == 0))
		return dbmig_fail(call, DBMIG_NOT_SUPPORTED,
						  "Put both into one file, in sections that begin with -- dbmig:up and -- dbmig:down.",
						  "file \"%s\": up and down in two files are not supported by this version of dbmig",
						  base);
	underscore = memchr(base, '_', length);
	version = dbmig_copy(call, base, underscore != NULL ? (size_t) (underscore - base) : length);
	if (version == NULL || dbmig_version_check(call, version) != 0)
		return -1;
	definition->version = version;
	definition->source = dbmig_copy(call, base, length + 4);
	if (underscore != NULL && underscore + 1 < base + length)
	{
		name = dbmig_copy(call, underscore + 1, (size_t) (base + length - underscore - 1));
		definition->name = name;
		for (; name != NULL && *name != '\0'; name++)
			if (*name == '_')
				*name = ' ';
	}
	return call->status == DBMIG_OK ? 0 : -1;
}

/* Every file must be text that every engine can hold. */
int
dbmig_format_check_text(dbmig_call *call, const char *filename,
						const char *text, size_t length)
{
	const char *nul = memchr(text, '\0', length);
	int			line;
	int			column;

	if (nul != NULL)
	{
		dbmig_position(text, (size_t) (nul - text), &line, &column);
		return dbmig_fail(call, DBMIG_BAD_VALUE, "Save it as UTF-8.",
						  "file \"%s\", line %d: a NUL byte", filename, line);
	}
	if (!dbmig_utf8_valid(text, length))
		return dbmig_fail(call, DBMIG_BAD_VALUE, "Save it as UTF-8.",
						  "file \"%s\" is not valid UTF-8", filename);
	return 0;
}

int
dbmig_format_own(dbmig_call *call, const char *filename, const char *text,
				 size_t length, dbmig_definition *definition,
				 bool *is_migration)
{
	file		f = {0};
	const char *end = text + length;
	const char *line;
	const char *first = NULL;

	dbmig_options_begin(&definition->options);
	if (read_name(call, filename, definition, is_migration) != 0)
		return -1;
	if (!*is_migration)
		return 0;
	f.call = call;
	f.name = definition->source;
	f.definition = definition;
	if (length >= 3 && memcmp(text, DBMIG_BOM, 3) == 0)
		text += 3;
	for (line = text; line < end;)
	{
		const char *feed = memchr(line, '\n', (size_t) (end - line));
		const char *stop = feed != NULL ? feed : end;
		const char *next = feed != NULL ? feed + 1 : end;
		bool		seen = f.seen;

		f.line++;
		if (stop > line && stop[-1] == '\r')
			stop--;
		if (read_line(&f, line, stop, next) != 0)
			return -1;
		if (f.seen && !seen)
			first = line;
		line = next;
	}
	if (end_section(&f, end) != 0)
		return -1;
	if (!f.seen)
	{
		definition->up = dbmig_copy(call, text, (size_t) (end - text));
		return definition->up != NULL ? 0 : -1;
	}
	if (check_head(&f, text, first) != 0)
		return -1;
	if (definition->up == NULL && f.other == NULL)
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "file \"%s\" has a down section, but no up section",
						  f.name);

	/* nothing to do on this engine */
	if (definition->up == NULL)
	{
		definition->up = "";
		definition->options.engine = f.other;
	}
	return 0;
}
