/*
 * plain_sort.c
 *		What a statement is, told by its words (A6, N1).
 *
 * The server's parser is not here, so this goes by keywords.  What it does not
 * know passes as ordinary, and is refused by the server when it runs; what is
 * taken to be alone and is not runs all the same, in a transaction of its own.
 */
#include "plain.h"

#include <string.h>

#define WORDS 12

/* The first words of a statement, and how to look at the rest. */
typedef struct words
{
	dbmig_piece word[WORDS];
	int			count;
	const char *end;
} words;

static void
read_words(const char *p, const char *end, words *w)
{
	w->end = end;
	w->count = 0;
	while (w->count < WORDS)
	{
		p = dbmig_piece_next(p, &w->word[w->count]);
		if (w->word[w->count].kind == DBMIG_PIECE_END || w->word[w->count].text >= end)
			break;
		w->count++;
	}
	memset(&w->word[w->count], 0, sizeof(dbmig_piece) * (size_t) (WORDS - w->count));
}

static bool
at(const words *w, int i, const char *word)
{
	return i < w->count && dbmig_piece_is(&w->word[i], word);
}

/* Whether one of these words is somewhere, outside of strings and names. */
static bool
has(const words *w, const char *word)
{
	const char *p = w->word[0].text;
	dbmig_piece piece;

	while ((p = dbmig_piece_next(p, &piece)) <= w->end && piece.kind != DBMIG_PIECE_END)
		if (dbmig_piece_is(&piece, word))
			return true;
	return false;
}

/* An option such as "copy_data = false", "(refresh off)" */
static bool
is_off(const words *w, const char *option)
{
	const char *p = w->word[0].text;
	dbmig_piece piece;

	while ((p = dbmig_piece_next(p, &piece)) <= w->end && piece.kind != DBMIG_PIECE_END)
	{
		if (!dbmig_piece_is(&piece, option))
			continue;
		p = dbmig_piece_next(p, &piece);
		if (dbmig_piece_is(&piece, "="))
			dbmig_piece_next(p, &piece);
		return dbmig_piece_is(&piece, "false") || dbmig_piece_is(&piece, "off") ||
			dbmig_piece_is(&piece, "0") || dbmig_piece_is(&piece, "none");
	}
	return false;
}

static const char *
transaction_refused(const words *w)
{
	if (at(w, 0, "rollback"))
		return at(w, 1, "prepared") ? "ROLLBACK PREPARED" : "ROLLBACK";
	if (at(w, 0, "abort"))
		return "ROLLBACK";
	if (at(w, 0, "savepoint"))
		return "SAVEPOINT";
	if (at(w, 0, "release"))
		return "RELEASE";
	if (at(w, 0, "prepare") && at(w, 1, "transaction"))
		return "PREPARE TRANSACTION";
	if (at(w, 0, "commit") && at(w, 1, "prepared"))
		return "COMMIT PREPARED";
	if (!at(w, 0, "copy"))
		return NULL;
	if (has(w, "stdin"))
		return "COPY FROM STDIN";
	return has(w, "stdout") ? "COPY TO STDOUT" : NULL;
}

static const char *
transaction_skipped(const words *w)
{
	if (at(w, 0, "begin"))
		return "BEGIN";
	if (at(w, 0, "start") && at(w, 1, "transaction"))
		return "START TRANSACTION";
	if (at(w, 0, "commit") || at(w, 0, "end"))
		return "COMMIT";
	return NULL;
}

static bool
creates_alone(const words *w)
{
	if (at(w, 1, "database") || at(w, 1, "tablespace"))
		return true;
	if (at(w, 1, "subscription"))
		return !is_off(w, "create_slot") && !is_off(w, "connect");
	return at(w, 1, "index") ? at(w, 2, "concurrently") :
		at(w, 1, "unique") && at(w, 2, "index") && at(w, 3, "concurrently");
}

static bool
drops_alone(const words *w)
{
	return at(w, 1, "database") || at(w, 1, "tablespace") ||
		at(w, 1, "subscription") || (at(w, 1, "index") && at(w, 2, "concurrently"));
}

static bool
alters_alone(const words *w)
{
	if (at(w, 1, "system"))
		return true;
	if (at(w, 1, "database"))
		return at(w, 3, "set") && at(w, 4, "tablespace");
	if (at(w, 1, "table"))
		return has(w, "detach") && has(w, "concurrently");
	if (at(w, 1, "subscription"))
		return at(w, 3, "refresh") || (at(w, 4, "publication") && !is_off(w, "refresh"));
	return false;
}

static bool
reindexes_alone(const words *w)
{
	int			i;

	for (i = 1; i < w->count; i++)
		if (at(w, i, "concurrently") || at(w, i, "schema") || at(w, i, "database") ||
			at(w, i, "system"))
			return true;
	return false;
}

static bool
is_alone(const words *w)
{
	if (at(w, 0, "create"))
		return creates_alone(w);
	if (at(w, 0, "drop"))
		return drops_alone(w);
	if (at(w, 0, "alter"))
		return alters_alone(w);
	if (at(w, 0, "reindex"))
		return reindexes_alone(w);
	if (at(w, 0, "discard"))
		return at(w, 1, "all");

	/* CLUSTER of all that was clustered before */
	if (at(w, 0, "cluster"))
		return w->count == 1 || (w->count == 2 && at(w, 1, "verbose"));
	return at(w, 0, "vacuum");
}

/* ALTER TYPE ... ADD VALUE, and its label in a later statement. */
static bool
uses_new_label(const words *w)
{
	const char *p = w->end;
	const dbmig_piece *label = NULL;
	dbmig_piece piece;
	int			i;

	if (!at(w, 0, "alter") || !at(w, 1, "type"))
		return false;
	for (i = 2; i + 1 < w->count && label == NULL; i++)
		if (at(w, i, "add") && at(w, i + 1, "value"))
		{
			int			next = at(w, i + 2, "if") ? i + 5 : i + 2;

			if (next < w->count && w->word[next].kind == DBMIG_PIECE_STRING)
				label = &w->word[next];
		}
	if (label == NULL)
		return false;
	while ((p = dbmig_piece_next(p, &piece)) != NULL && piece.kind != DBMIG_PIECE_END)
	{
		size_t		at_byte;

		if (piece.kind != DBMIG_PIECE_STRING)
			continue;
		for (at_byte = 0; at_byte + label->length <= piece.length; at_byte++)
			if (strncmp(piece.text + at_byte, label->text, label->length) == 0)
				return true;
	}
	return false;
}

/* Behind what a statement of PL/pgSQL can begin. */
static bool
begins_statement(const dbmig_piece *before)
{
	return dbmig_piece_is(before, ";") || dbmig_piece_is(before, "begin") ||
		dbmig_piece_is(before, "then") || dbmig_piece_is(before, "else") ||
		dbmig_piece_is(before, "loop") || dbmig_piece_is(before, ">");
}

/* A COMMIT or ROLLBACK in the body of DO. */
static bool
body_commits(const words *w)
{
	int			i;

	for (i = 1; i < w->count; i++)
	{
		const char *p = w->word[i].text;
		const char *end = p + w->word[i].length;
		dbmig_piece before;
		dbmig_piece piece;

		if (w->word[i].kind != DBMIG_PIECE_STRING)
			continue;
		p = *p == '$' ? strchr(p + 1, '$') + 1 : p + strcspn(p, "'") + 1;
		memset(&before, 0, sizeof(before));
		while ((p = dbmig_piece_next(p, &piece)) < end && piece.kind != DBMIG_PIECE_END)
		{
			if ((dbmig_piece_is(&piece, "commit") || dbmig_piece_is(&piece, "rollback")) &&
				begins_statement(&before))
				return true;
			before = piece;
		}
	}
	return false;
}

void
dbmig_part_sort(const char *script, dbmig_part *part)
{
	words		w;

	read_words(script + part->start, script + part->end, &w);
	part->sort = DBMIG_PLAIN_ORDINARY;
	part->what = transaction_refused(&w);
	if (part->what != NULL)
		part->sort = DBMIG_PLAIN_REFUSED;
	else if ((part->what = transaction_skipped(&w)) != NULL)
		part->sort = DBMIG_PLAIN_SKIPPED;
	else if (is_alone(&w) || uses_new_label(&w) ||
			 (at(&w, 0, "do") && body_commits(&w)))
		part->sort = DBMIG_PLAIN_ALONE;
	else if (at(&w, 0, "call") || at(&w, 0, "do"))
		part->sort = DBMIG_PLAIN_PERHAPS;
	else if (at(&w, 0, "set") || at(&w, 0, "reset") ||
			 (at(&w, 0, "select") && (at(&w, 1, "set_config") || at(&w, 3, "set_config"))))
		part->sort = DBMIG_PLAIN_SETTING;
}
