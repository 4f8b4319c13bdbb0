/*
 * plain_split.c
 *		Where a script's statements begin and end, as psql finds it.
 *
 * It knows strings (with backslashes after E), dollar quotes, quoted names,
 * comments, nested ones too, parentheses, and BEGIN ATOMIC ... END.
 */
#include "plain.h"

#include <string.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool
begins_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
		(unsigned char) c >= 0x80;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *
skip_blank(const char *p)
{
	for (;;)
	{
		if (is_blank(*p))
			p++;
		else if (p[0] == '-' && p[1] == '-')
			p += strcspn(p, "\r\n");
		else if (p[0] == '/' && p[1] == '*')
		{
			int			depth = 1;

			for (p += 2; depth > 0 && *p != '\0';)
			{
				int			step = p[0] == '/' && p[1] == '*' ? 1 :
				p[0] == '*' && p[1] == '/' ? -1 : 0;

				depth += step;
				p += step != 0 ? 2 : 1;
			}
		}
		else
			return p;
	}
}

/* Behind the quote that ends it; a quote in it is written twice. */
static const char *
skip_quoted(const char *p, bool backslash)
{
	char		quote = *p++;

	for (; *p != '\0'; p++)
	{
		if (backslash && *p == '\\' && p[1] != '\0')
			p++;
		else if (*p == quote && p[1] == quote)
			p++;
		else if (*p == quote)
			return p + 1;
	}
	return p;
}

/* Behind $tag$ ... $tag$, or NULL where p begins none. */
static const char *
skip_dollar(const char *p)
{
	const char *end = p + 1;
	size_t		length;

	if (is_digit(*end))
		return NULL;
	while (begins_word(*end) || is_digit(*end))
		end++;
	if (*end != '$')
		return NULL;
	length = (size_t) (end - p) + 1;
	for (end++; (end = strchr(end, '$')) != NULL; end++)
		if (strncmp(end, p, length) == 0)
			return end + length;
	return p + strlen(p);
}

const char *
dbmig_piece_next(const char *p, dbmig_piece *piece)
{
	const char *end;

	p = skip_blank(p);
	piece->text = p;
	if (*p == '\0')
	{
		piece->kind = DBMIG_PIECE_END;
		end = p;
	}
	else if ((*p == 'e' || *p == 'E') && p[1] == '\'')
	{
		piece->kind = DBMIG_PIECE_STRING;
		end = skip_quoted(p + 1, true);
	}
	else if (begins_word(*p) || is_digit(*p))
	{
		piece->kind = DBMIG_PIECE_WORD;
		for (end = p; begins_word(*end) || is_digit(*end) || *end == '$'; end++)
			;
	}
	else if (*p == '\'' || *p == '"')
	{
		piece->kind = *p == '"' ? DBMIG_PIECE_NAME : DBMIG_PIECE_STRING;
		end = skip_quoted(p, false);
	}
	else if (*p == '$' && (end = skip_dollar(p)) != NULL)
		piece->kind = DBMIG_PIECE_STRING;
	else
	{
		piece->kind = DBMIG_PIECE_OTHER;
		end = p + 1;
	}
	piece->length = (size_t) (end - p);
	return end;
}

/* word is in lower case */
bool
dbmig_piece_is(const dbmig_piece *piece, const char *word)
{
	size_t		i;

	if (piece->kind != DBMIG_PIECE_WORD && piece->kind != DBMIG_PIECE_OTHER)
		return false;
	for (i = 0; i < piece->length; i++)
	{
		char		c = piece->text[i];

		if (c >= 'A' && c <= 'Z')
			c = (char) (c - 'A' + 'a');
		if (c != word[i])
			return false;
	}
	return word[i] == '\0';
}

bool
dbmig_part_next(const char *script, size_t from, dbmig_part *part)
{
	const char *p = script + from;
	bool		after_begin = false;
	int			parentheses = 0;
	int			body = 0;		/* depth in BEGIN ATOMIC ... END */
	dbmig_piece piece;

	/* semicolons alone are no statement */
	do
		p = dbmig_piece_next(p, &piece);
	while (dbmig_piece_is(&piece, ";"));
	if (piece.kind == DBMIG_PIECE_END)
		return false;
	part->start = (size_t) (piece.text - script);
	part->end = part->start;
	for (;;)
	{
		if (piece.kind == DBMIG_PIECE_END ||
			(dbmig_piece_is(&piece, ";") && parentheses <= 0 && body == 0))
			break;
		if (dbmig_piece_is(&piece, "("))
			parentheses++;
		else if (dbmig_piece_is(&piece, ")"))
			parentheses--;
		else if (dbmig_piece_is(&piece, "atomic") && after_begin)
			body++;
		else if (dbmig_piece_is(&piece, "case") && body > 0)
			body++;
		else if (dbmig_piece_is(&piece, "end") && body > 0)
			body--;
		after_begin = dbmig_piece_is(&piece, "begin");
		part->end = (size_t) (piece.text - script) + piece.length;
		p = dbmig_piece_next(p, &piece);
	}
	part->next = (size_t) (p - script);
	dbmig_part_sort(script, part);
	return true;
}
