/*
 * literal.c
 *		What makes a script not transactional, and can be told from the text of
 *		its strings only (N1).
 *
 * A CALL cannot be told: whether a procedure commits is known when it runs.
 */
#include "postgres.h"

#include <ctype.h>

#include "nodes/parsenodes.h"
#include "nodes/value.h"

#include "compat.h"
#include "dbmig_pg.h"

static bool
is_word(char c)
{
	return isalnum((unsigned char) c) || c == '_' || c == '$' ||
		IS_HIGHBIT_SET(c);
}

static bool
word_is(const char *word, size_t length, const char *expected)
{
	return strlen(expected) == length &&
		pg_strncasecmp(word, expected, length) == 0;
}

/* What a statement of PL/pgSQL may follow, but for a semicolon. */
static bool
opens_statement(const char *word, size_t length)
{
	return word_is(word, length, "begin") || word_is(word, length, "then") ||
		word_is(word, length, "else") || word_is(word, length, "loop");
}

/* A COMMIT or ROLLBACK where a statement begins, outside of strings. */
static bool
body_commits(const char *p)
{
	bool		first = true;

	for (;;)
	{
		p += dbmig_pg_skip_blank(p, 0);
		if (*p == '\0')
			return false;
		if (*p == '\'' || *p == '"')
		{
			p = dbmig_pg_skip_quoted(p, false);
			first = false;
		}
		else if (*p == '$')
		{
			p = dbmig_pg_skip_dollar(p);
			first = false;
		}
		else if (is_word(*p))
		{
			const char *word = p;

			while (is_word(*p))
				p++;
			if (first && (word_is(word, p - word, "commit") ||
						  word_is(word, p - word, "rollback")))
				return true;
			first = opens_statement(word, p - word);
		}
		else
		{
			/* a label ends in >> */
			first = *p == ';' || (p[0] == '>' && p[1] == '>');
			p += p[0] == '>' && p[1] == '>' ? 2 : 1;
		}
	}
}

bool
dbmig_pg_commits(Node *statement)
{
	ListCell   *cell;

	if (!IsA(statement, DoStmt))
		return false;
	foreach(cell, ((DoStmt *) statement)->args)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, "as") == 0)
			return body_commits(strVal(option->arg));
	}
	return false;
}

/* Whether the text has the literal, in strings within strings too. */
static bool
has_literal(const char *p, const char *literal)
{
	size_t		length = strlen(literal);

	for (;;)
	{
		const char *end;

		p += dbmig_pg_skip_blank(p, 0);
		if (*p == '\0')
			return false;
		if (*p == '\'')
		{
			/* a quote in it is written twice */
			end = dbmig_pg_skip_quoted(p, false);
			while (*end == '\'')
				end = dbmig_pg_skip_quoted(end, false);
			if ((size_t) (end - p) == length &&
				strncmp(p, literal, length) == 0)
				return true;
			p = end;
		}
		else if (*p == '"')
			p = dbmig_pg_skip_quoted(p, false);
		else if (*p == '$')
		{
			end = dbmig_pg_skip_dollar(p);
			for (; p < end; p++)
			{
				if (strncmp(p, literal, length) == 0)
					return true;
			}
		}
		else
			p++;
	}
}

static char *
quote_label(const char *label)
{
	StringInfoData quoted;

	initStringInfo(&quoted);
	appendStringInfoChar(&quoted, '\'');
	for (; *label != '\0'; label++)
	{
		if (*label == '\'')
			appendStringInfoChar(&quoted, '\'');
		appendStringInfoChar(&quoted, *label);
	}
	appendStringInfoChar(&quoted, '\'');
	return quoted.data;
}

/* Whether the script has made the type itself, in a statement before end. */
static bool
made_here(List *statements, const ListCell *end, List *type)
{
	ListCell   *cell;

	foreach(cell, statements)
	{
		CreateEnumStmt *create = (CreateEnumStmt *) lfirst_node(RawStmt, cell)->stmt;

		if (cell == end)
			return false;
		if (IsA(create, CreateEnumStmt) && equal(create->typeName, type))
			return true;
	}
	return false;
}

/* Another type may have a label of the same name: to add it is no use of it. */
static bool
used_after(const char *text, List *statements, const ListCell *begin,
		   const char *literal)
{
	ListCell   *cell;
	bool		after = false;

	foreach(cell, statements)
	{
		RawStmt    *raw = lfirst_node(RawStmt, cell);
		const char *from = text + raw->stmt_location;

		if (after && !IsA(raw->stmt, AlterEnumStmt) &&
			has_literal(raw->stmt_len > 0 ? pnstrdup(from, raw->stmt_len) : from,
						literal))
			return true;
		after = after || cell == begin;
	}
	return false;
}

bool
dbmig_pg_uses_new_label(const char *text, List *statements, ListCell *cell)
{
	RawStmt    *raw = lfirst_node(RawStmt, cell);
	AlterEnumStmt *alter = (AlterEnumStmt *) raw->stmt;

	if (!IsA(alter, AlterEnumStmt) || alter->oldVal != NULL ||
		raw->stmt_len == 0)
		return false;
	if (COMPAT_NEW_ENUM_USABLE &&
		made_here(statements, cell, alter->typeName))
		return false;
	return used_after(text, statements, cell, quote_label(alter->newVal));
}
