/*
 * sqitch_script.c
 *		Whether a script of Sqitch is SQL only.
 *
 * Sqitch has psql or the sqlite3 shell run its scripts, which know commands of
 * their own: \set, \ir, .read.  They are found behind quotes and comments of
 * the engine's kind, and refused by name.
 */
#include "dbmig_core.h"

#include <string.h>

#include "sqitch.h"

static bool
is_word(char c)
{
	return dbmig_is_digit(c) || c == '_' || (unsigned char) c >= 0x80 ||
		((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
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

/* The first command of a shell in the text, or NULL. */
static const char *
find_command(const char *text, bool postgres)
{
	const char *at = text;
	bool		begin = true;	/* of a statement */
	bool		line = true;	/* nothing but that is before it in its line */

	while (*at != '\0')
	{
		const char *from = at;

		if (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n')
		{
			line = *at == '\n';
			at++;
			continue;
		}
		if (at[0] == '-' && at[1] == '-')
		{
			at += strcspn(at, "\n");
			continue;
		}
		if (at[0] == '/' && at[1] == '*')
		{
			at = skip_comment(at, postgres);
			continue;
		}
		if (postgres ? *at == '\\' : *at == '.' && begin && line && is_word(at[1]))
			return at;
		if (is_word(*at))
		{
			while (is_word(*at) || *at == '$')
				at++;
			if (postgres && at - from == 1 && (*from | 0x20) == 'e' && *at == '\'')
				at = skip_quoted(at, '\'', true);
		}
		else if (*at == '\'' || *at == '"' || (!postgres && *at == '`'))
			at = skip_quoted(at, *at, false);
		else if (!postgres && *at == '[')
			at = skip_quoted(at, ']', false);
		else if (postgres && *at == '$')
			at = skip_dollar(at);
		else
			at++;
		begin = *from == ';';
		line = false;
	}
	return NULL;
}

int
dbmig_sqitch_script_check(dbmig_call *call, const dbmig_file *file)
{
	bool		postgres = strcmp(call->host->engine, "postgres") == 0;
	const char *command = find_command(file->text, postgres);
	int			line;
	int			column;

	if (command == NULL)
		return 0;
	dbmig_position(file->text, (size_t) (command - file->text), &line, &column);
	return dbmig_fail(call, DBMIG_NOT_SUPPORTED,
					  "dbmig sends scripts to no shell: say it in SQL.",
					  "file \"%s\", line %d: \"%.*s\" is a command of %s, not SQL",
					  file->path, line, (int) strcspn(command, " \t\r\n;'\"`"), command,
					  postgres ? "psql" : "the sqlite3 shell");
}
