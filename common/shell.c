/*
 * shell.c
 *		What a file has for the engine's shell, and not for the engine.
 *
 * Scripts that were written for psql or the sqlite3 shell may have commands
 * (\ir, .read), variables (:'name') and rows of a COPY, none of which is SQL.
 * They are found behind quotes and comments of the engine's kind, and refused
 * by name when the file is loaded; what could be SQL is left to the engine.
 */
#include "dbmig_core.h"

#include <string.h>

#include "format.h"
#include "internal.h"

#define MAX_DEPTH 63

typedef enum thing
{
	NOTHING,
	COMMAND,
	VARIABLE,
	ROWS
} thing;

typedef struct scan
{
	const char *at;
	bool		postgres;
	bool		begin;			/* of a statement */
	bool		line;			/* nothing but blanks before it in its line */
	const char *word;			/* that came last, or NULL */
	size_t		length;
	const char *copy;			/* the statement is a COPY, and from STDIN */
	bool		stdin_seen;
	int			depth;			/* of brackets */
	uint64_t	colons;			/* a bit for each depth: ":" is SQL there */
	const char *found;
	size_t		found_length;
} scan;

static bool
is_word(char c)
{
	return dbmig_is_digit(c) || c == '_' || (unsigned char) c >= 0x80 ||
		((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool
word_is(const scan *s, const char *lower)
{
	size_t		i;

	for (i = 0; s->word != NULL && i < s->length; i++)
		if ((s->word[i] | 0x20) != lower[i] && s->word[i] != lower[i])
			return false;
	return s->word != NULL && lower[i] == '\0';
}

/* Behind the quoted thing that at is at, to its quote. */
static const char *
skip_quoted(const char *at, char quote, bool backslash)
{
	for (at++; *at != '\0' && *at != quote; at++)
		if (backslash && *at == '\\' && at[1] != '\0')
			at++;
	return *at != '\0' ? at + 1 : at;
}

static const char *
skip_comment(const char *at, bool nested)
{
	int			depth = 0;

	do
	{
		bool		opens = at[0] == '/' && at[1] == '*' && (nested || depth == 0);
		bool		closes = depth > 0 && at[0] == '*' && at[1] == '/';

		depth += opens ? 1 : closes ? -1 : 0;
		at += opens || closes ? 2 : 1;
	} while (depth > 0 && *at != '\0');
	return at;
}

/* Behind the $tag$ string that at is at, or behind the $ where it is none. */
static const char *
skip_dollar(const char *at)
{
	const char *tag = at;
	const char *end;
	size_t		length;

	if (dbmig_is_digit(at[1]))
		return at + 1;
	for (at++; is_word(*at); at++)
		;
	if (*at != '$')
		return at;
	length = (size_t) (at - tag) + 1;
	for (end = at + 1; (end = strchr(end, '$')) != NULL; end++)
		if (strncmp(end, tag, length) == 0)
			return end + length;
	return at + strlen(at);
}

static thing
find_here(scan *s, thing what, const char *at, size_t length)
{
	s->found = at;
	s->found_length = length;
	return what;
}

/*
 * psql's :name, :'name', :"name" and :{?name}.  A colon is SQL in a slice and
 * in JSON_OBJECT(key: value), and so is "::" and ":=".
 */
static thing
at_colon(scan *s)
{
	const char *at = s->at + 1;
	const char *begin;
	char		quote = *at;

	if (*at == ':' || *at == '=')
	{
		s->at += 2;
		return NOTHING;
	}
	s->at++;
	if (s->depth > MAX_DEPTH || (s->colons >> s->depth & 1) != 0)
		return NOTHING;
	if (quote == '\'' || quote == '"')
		at++;
	else if (at[0] == '{' && at[1] == '?')
	{
		quote = '}';
		at += 2;
	}
	else
		quote = '\0';
	for (begin = at; is_word(*at); at++)
		;
	if (at == begin || (quote != '\0' && *at != quote))
		return NOTHING;
	at += quote != '\0';
	return find_here(s, VARIABLE, s->at - 1, (size_t) (at - s->at) + 1);
}

static void
at_bracket(scan *s)
{
	bool		opens = *s->at == '[' || *s->at == '(';

	s->depth += opens ? 1 : s->depth > 0 ? -1 : 0;
	if (opens && s->depth <= MAX_DEPTH)
	{
		uint64_t	bit = UINT64_C(1) << s->depth;

		s->colons &= ~bit;
		if (*s->at == '[' || word_is(s, "json_object") || word_is(s, "json_objectagg"))
			s->colons |= bit;
	}
	s->at++;
}

static void
at_word(scan *s)
{
	const char *from = s->at;
	bool		after_from = word_is(s, "from");

	while (is_word(*s->at) || *s->at == '$')
		s->at++;
	s->word = from;
	s->length = (size_t) (s->at - from);
	if (s->begin)
		s->copy = s->postgres && word_is(s, "copy") ? from : NULL;
	s->stdin_seen = (s->stdin_seen && !s->begin) || (after_from && word_is(s, "stdin"));
	if (s->postgres && s->length == 1 && (*from | 0x20) == 'e' && *s->at == '\'')
		s->at = skip_quoted(s->at, '\'', true);
}

/* A line of nothing but "\.", which ends the rows of a COPY */
static bool
has_end_of_rows(const char *at)
{
	while ((at = strstr(at, "\n\\.")) != NULL)
	{
		at += 3;
		if (*at == '\0' || *at == '\n' || *at == '\r')
			return true;
	}
	return false;
}

/* One token; its statement has begun before it but where s->begin says so. */
static thing
at_token(scan *s)
{
	const char *at = s->at;

	if (s->postgres && *at == '\\')
		return find_here(s, COMMAND, at, strcspn(at, " \t\r\n;'\"`"));
	if (!s->postgres && *at == '.' && s->begin && s->line && is_word(at[1]))
		return find_here(s, COMMAND, at, strcspn(at, " \t\r\n;'\"`"));
	if (*at == ';' && s->copy != NULL && s->stdin_seen && has_end_of_rows(at))
		return find_here(s, ROWS, s->copy, 0);
	if (is_word(*at))
	{
		at_word(s);
		return NOTHING;
	}
	if (s->postgres && *at == ':')
	{
		s->word = NULL;
		return at_colon(s);
	}
	if (at[0] == '$' && at[1] == '{')
		s->at += strcspn(at, "}\n");	/* a placeholder; it may have a colon */
	else if (s->postgres && strchr("[]()", *at) != NULL)
		at_bracket(s);
	else if (*at == '\'' || *at == '"' || (!s->postgres && *at == '`'))
		s->at = skip_quoted(at, *at, false);
	else if (!s->postgres && *at == '[')
		s->at = skip_quoted(at, ']', false);
	else if (s->postgres && *at == '$')
		s->at = skip_dollar(at);
	else
		s->at++;
	s->word = NULL;
	return NOTHING;
}

static thing
find(scan *s, const char *text)
{
	thing		what = NOTHING;

	s->at = text;
	s->begin = true;
	s->line = true;
	while (what == NOTHING && *s->at != '\0')
	{
		const char *from = s->at;

		if (*from == ' ' || *from == '\t' || *from == '\r' || *from == '\n')
		{
			s->line = *from == '\n';
			s->at++;
		}
		else if (from[0] == '-' && from[1] == '-')
			s->at += strcspn(from, "\n");
		else if (from[0] == '/' && from[1] == '*')
			s->at = skip_comment(from, s->postgres);
		else
		{
			what = at_token(s);
			s->begin = *from == ';';
			s->line = false;
		}
	}
	return what;
}

int
dbmig_shell_check(dbmig_call *call, const char *path, const char *text, int before)
{
	scan		s = {0};
	thing		what;
	const char *shell;
	int			line;
	int			column;

	s.postgres = strcmp(call->host->engine, "postgres") == 0;
	shell = s.postgres ? "psql" : "the sqlite3 shell";
	what = find(&s, text);
	if (what == NOTHING)
		return 0;
	dbmig_position(text, (size_t) (s.found - text), &line, &column);
	line += before;
	if (what == ROWS)
		return dbmig_fail(call, DBMIG_NOT_SUPPORTED,
						  "Write them as INSERT, or COPY them from a file of the server.",
						  "file \"%s\", line %d: COPY FROM STDIN takes its rows from %s",
						  path, line, shell);
	return dbmig_fail(call, DBMIG_NOT_SUPPORTED,
					  what == COMMAND ? "dbmig sends scripts to no shell: say it in SQL." :
					  "dbmig sends scripts to no shell: write its value.",
					  "file \"%s\", line %d: \"%.*s\" is a %s of %s, not SQL",
					  path, line, (int) s.found_length, s.found,
					  what == COMMAND ? "command" : "variable", shell);
}
