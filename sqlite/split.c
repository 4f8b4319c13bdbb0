/*
 * split.c
 *		The tokens and statements of a script, without running it.
 *
 * Reads SQL as SQLite's own tokenizer does, in one pass.  A statement ends at
 * its semicolon; that of CREATE TRIGGER at "; END ;", as for
 * sqlite3_complete().
 */
#include "dbmig_sqlite.h"

#include <string.h>

SQLITE_EXTENSION_INIT3

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '_' || c == '$' ||
		((unsigned char) c & 0x80) != 0;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

/* Past blanks, comments and byte order marks. */
static const char *
skip_blanks(const char *p)
{
	for (;;)
	{
		if (is_blank(*p))
			p++;
		else if (p[0] == '-' && p[1] == '-')
		{
			while (*p != '\0' && *p != '\n')
				p++;
		}
		else if (p[0] == '/' && p[1] == '*')
		{
			const char *end = strstr(p + 2, "*/");

			p = end != NULL ? end + 2 : p + strlen(p);
		}
		else if (strncmp(p, "\xEF\xBB\xBF", 3) == 0)
			p += 3;
		else
			return p;
	}
}

/* Past a quoted text whose closing mark is doubled where it is meant. */
static const char *
skip_quoted(const char *p, char mark)
{
	for (p++; *p != '\0'; p++)
	{
		if (*p != mark)
			continue;
		if (mark == ']' || p[1] != mark)
			return p + 1;
		p++;
	}
	return p;
}

/* The token at or after p; gives the place behind it. */
const char *
dbmig_token_next(const char *p, dbmig_token *token)
{
	p = skip_blanks(p);
	token->text = p;
	switch (*p)
	{
		case '\0':
			token->kind = DBMIG_TOKEN_END;
			break;
		case ';':
			token->kind = DBMIG_TOKEN_SEMICOLON;
			p++;
			break;
		case '\'':
			token->kind = DBMIG_TOKEN_STRING;
			p = skip_quoted(p, '\'');
			break;
		case '"':
		case '`':
			token->kind = DBMIG_TOKEN_NAME;
			p = skip_quoted(p, *p);
			break;
		case '[':
			token->kind = DBMIG_TOKEN_NAME;
			p = skip_quoted(p, ']');
			break;
		default:
			token->kind = is_word(*p) ? DBMIG_TOKEN_WORD : DBMIG_TOKEN_OTHER;
			p++;
			if (token->kind == DBMIG_TOKEN_WORD)
				while (is_word(*p))
					p++;
			break;
	}
	token->length = (size_t) (p - token->text);
	return p;
}

/* word is in lower case. */
bool
dbmig_token_is(const dbmig_token *token, const char *word)
{
	size_t		i;

	if (token->kind != DBMIG_TOKEN_WORD || strlen(word) != token->length)
		return false;
	for (i = 0; i < token->length; i++)
		if (lower(token->text[i]) != word[i])
			return false;
	return true;
}

/* As dbmig_token_is(), for a name that may be quoted. */
bool
dbmig_token_called(const dbmig_token *token, const char *word)
{
	dbmig_token bare = *token;

	if (bare.kind == DBMIG_TOKEN_NAME || bare.kind == DBMIG_TOKEN_STRING)
	{
		bare.kind = DBMIG_TOKEN_WORD;
		bare.text++;
		bare.length = bare.length >= 2 ? bare.length - 2 : 0;
	}
	return dbmig_token_is(&bare, word);
}

/* The token without its quotes, in lower case as far as it is ASCII. */
char *
dbmig_token_name(dbmig_call *call, const dbmig_token *token)
{
	bool		quoted = token->kind != DBMIG_TOKEN_WORD;
	char	   *name = dbmig_copy(call, token->text, token->length);
	size_t		i = 0;
	size_t		n = 0;
	size_t		end = token->length;
	char		mark;

	if (name == NULL)
		return NULL;
	mark = name[0] == '[' ? ']' : name[0];
	if (quoted)
	{
		i = 1;
		if (end > 1 && name[end - 1] == mark)
			end--;
	}
	for (; i < end; i++)
	{
		if (quoted && mark != ']' && name[i] == mark && name[i + 1] == mark)
			i++;
		name[n++] = lower(name[i]);
	}
	name[n] = '\0';
	return name;
}

/* The end of the statement at p: behind its semicolon, or the text's end. */
const char *
dbmig_statement_end(const char *p)
{
	dbmig_token token;
	int			place = 0;
	bool		create = false;
	bool		trigger = false;
	bool		after_semicolon = false;
	bool		after_end = false;

	for (;; place++)
	{
		p = dbmig_token_next(p, &token);
		if (token.kind == DBMIG_TOKEN_END)
			return p;
		if (token.kind == DBMIG_TOKEN_SEMICOLON)
		{
			if (!trigger || after_end)
				return p;
			after_semicolon = true;
			continue;
		}
		if (dbmig_token_is(&token, "explain") && place == 0)
			place = -1;
		else if (dbmig_token_is(&token, "query") && place == 0)
			place = -1;
		else if (dbmig_token_is(&token, "plan") && place == 0)
			place = -1;
		else if (place == 0)
			create = dbmig_token_is(&token, "create");
		else if (place == 1 && create && (dbmig_token_is(&token, "temp") ||
										  dbmig_token_is(&token, "temporary")))
			place = 0;
		else if (place == 1 && create)
			trigger = dbmig_token_is(&token, "trigger");
		after_end = trigger && after_semicolon && dbmig_token_is(&token, "end");
		after_semicolon = false;
	}
}

/* PRAGMA [schema.]name [= value | (value)] */
static void
look_at_pragma(const char *p, dbmig_look *look)
{
	dbmig_token token;

	look->sort = DBMIG_SORT_PRAGMA;
	p = dbmig_token_next(p, &look->name);
	p = dbmig_token_next(p, &token);
	if (token.kind == DBMIG_TOKEN_OTHER && *token.text == '.')
	{
		look->schema = look->name;
		p = dbmig_token_next(p, &look->name);
		p = dbmig_token_next(p, &token);
	}
	if (token.kind == DBMIG_TOKEN_OTHER &&
		(*token.text == '=' || *token.text == '('))
		dbmig_token_next(p, &look->value);

	if (dbmig_token_called(&look->name, "wal_checkpoint") ||
		(look->value.kind != DBMIG_TOKEN_END &&
		 (dbmig_token_called(&look->name, "journal_mode") ||
		  dbmig_token_called(&look->name, "page_size") ||
		  dbmig_token_called(&look->name, "auto_vacuum") ||
		  dbmig_token_called(&look->name, "locking_mode"))))
		look->sort = DBMIG_SORT_TOP_LEVEL;
}

/* [schema.]name: its last part, and the place behind it */
static const char *
look_at_name(const char *p, dbmig_look *look)
{
	dbmig_token token;
	const char *next;

	p = dbmig_token_next(p, &look->name);
	next = dbmig_token_next(p, &token);
	if (token.kind == DBMIG_TOKEN_OTHER && *token.text == '.')
	{
		look->schema = look->name;
		return dbmig_token_next(next, &look->name);
	}
	return p;
}

/* DROP TABLE [IF EXISTS] [schema.]name */
static void
look_at_drop(const char *p, dbmig_look *look)
{
	dbmig_token token;
	const char *next;

	p = dbmig_token_next(p, &token);
	if (!dbmig_token_is(&token, "table"))
		return;
	next = dbmig_token_next(p, &token);
	if (dbmig_token_is(&token, "if"))
		p = dbmig_token_next(next, &token);
	look_at_name(p, look);
	look->sort = DBMIG_SORT_DROP_TABLE;
}

/* ALTER TABLE [schema.]name RENAME TO name */
static void
look_at_alter(const char *p, dbmig_look *look)
{
	dbmig_token token;

	p = dbmig_token_next(p, &token);
	if (!dbmig_token_is(&token, "table"))
		return;
	p = look_at_name(p, look);
	p = dbmig_token_next(p, &token);
	if (!dbmig_token_is(&token, "rename"))
		return;
	p = dbmig_token_next(p, &token);
	if (!dbmig_token_is(&token, "to"))
		return;
	dbmig_token_next(p, &look->name);
	look->sort = DBMIG_SORT_RENAME_TABLE;
}

/* What the next statement at or after p is; empty ones are passed over. */
void
dbmig_statement_look(const char *p, dbmig_look *look)
{
	static const char *const skipped[] = {"begin", "commit", "end", NULL};
	static const char *const refused[] = {
		"rollback", "savepoint", "release", "attach", "detach", NULL
	};
	int			i;

	memset(look, 0, sizeof(*look));
	do
		p = dbmig_token_next(p, &look->keyword);
	while (look->keyword.kind == DBMIG_TOKEN_SEMICOLON);

	look->start = look->keyword.text;
	if (look->keyword.kind == DBMIG_TOKEN_END)
	{
		look->sort = DBMIG_SORT_EMPTY;
		return;
	}
	switch (lower(*look->start))
	{
		case 'p':
			if (dbmig_token_is(&look->keyword, "pragma"))
				look_at_pragma(p, look);
			break;
		case 'd':
			if (dbmig_token_is(&look->keyword, "drop"))
				look_at_drop(p, look);
			break;
		case 'a':
			if (dbmig_token_is(&look->keyword, "alter"))
				look_at_alter(p, look);
			break;
		case 'v':
			if (dbmig_token_is(&look->keyword, "vacuum"))
				look->sort = DBMIG_SORT_TOP_LEVEL;
			break;
		default:
			break;
	}
	for (i = 0; skipped[i] != NULL; i++)
		if (dbmig_token_is(&look->keyword, skipped[i]))
			look->sort = DBMIG_SORT_SKIPPED;
	for (i = 0; refused[i] != NULL; i++)
		if (dbmig_token_is(&look->keyword, refused[i]))
			look->sort = DBMIG_SORT_REFUSED;
}

int
dbmig_script_inspect(dbmig_call *call, const char *text, size_t length,
					 dbmig_inspection *result)
{
	const char *p = text;
	dbmig_look	look;

	(void) length;				/* texts are NUL-terminated */
	result->transactional = true;
	result->refusal = NULL;
	for (;;)
	{
		dbmig_statement_look(p, &look);
		if (look.sort == DBMIG_SORT_EMPTY)
			return 0;
		if (look.sort == DBMIG_SORT_TOP_LEVEL)
			result->transactional = false;
		if (look.sort == DBMIG_SORT_REFUSED && result->refusal == NULL)
		{
			char	   *word = dbmig_copy(call, look.start, look.keyword.length);
			size_t		i;
			int			line;
			int			column;

			if (word == NULL)
				return -1;
			for (i = 0; word[i] != '\0'; i++)
				if (word[i] >= 'a' && word[i] <= 'z')
					word[i] = (char) (word[i] - 'a' + 'A');
			dbmig_position(text, (size_t) (look.start - text), &line, &column);
			result->refusal = dbmig_printf(call, "%s in line %d", word, line);
			if (result->refusal == NULL)
				return -1;
		}
		p = dbmig_statement_end(look.start);
	}
}
