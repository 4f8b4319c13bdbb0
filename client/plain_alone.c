/*
 * plain_alone.c
 *		A step whose statements cannot be in one transaction (N2), over libpq.
 *
 * Each statement is one that the client sends by itself; a BEGIN to its COMMIT
 * is one transaction.  What can be in a transaction is recorded in that same
 * one, others behind it: plain_leftover.c knows what a crash in between means.
 * Statements are counted without BEGIN and COMMIT; a second run goes on behind
 * the last one recorded, but sets anew what the ones before have set.
 */
#include "plain.h"

#include <stdlib.h>
#include <string.h>

/* What is done, and recorded, at once: a statement, or a BEGIN to its COMMIT. */
typedef struct unit
{
	size_t		start;			/* bytes of the script */
	size_t		end;
	bool		block;
	bool		chained;		/* it ends by COMMIT AND CHAIN */
	bool		was_running;	/* a run before this one was cut off */
	int			before;			/* so many statements come before it */
	int			count;			/* and so many are in it */
	int			number;			/* of its first one, BEGIN and COMMIT counted */
	int			length;			/* so counted */
} unit;

static bool
is_begin(const dbmig_part *part)
{
	return part->sort == DBMIG_PLAIN_SKIPPED && strcmp(part->what, "COMMIT") != 0;
}

static bool
is_commit(const dbmig_part *part)
{
	return part->sort == DBMIG_PLAIN_SKIPPED && strcmp(part->what, "COMMIT") == 0;
}

/* COMMIT [ WORK | TRANSACTION ] AND CHAIN */
static bool
is_chain(const char *script, const dbmig_part *part)
{
	const char *p = script + part->start;
	bool		after_and = false;
	dbmig_piece piece;

	while ((p = dbmig_piece_next(p, &piece)) <= script + part->end &&
		   piece.kind != DBMIG_PIECE_END)
	{
		if (after_and)
			return dbmig_piece_is(&piece, "chain");
		after_and = dbmig_piece_is(&piece, "and");
	}
	return false;
}

/* The unit behind u; the end of the script ends a block too. */
static bool
next_unit(const char *script, unit *u)
{
	bool		chained = u->chained;
	dbmig_part	part;

	u->before += u->count;
	u->number += u->length;
	u->count = 0;
	u->length = 0;
	u->start = u->end;
	u->chained = false;
	if (!dbmig_part_next(script, u->start, &part))
		return false;
	u->block = chained || is_begin(&part);
	do
	{
		u->length++;
		u->count += part.sort != DBMIG_PLAIN_SKIPPED;
		u->end = part.next;
		if (is_commit(&part))
		{
			u->chained = u->block && is_chain(script, &part);
			break;
		}
	} while (u->block && dbmig_part_next(script, u->end, &part));
	return true;
}

/* What BEGIN says of the transaction; one that writes nothing has no record. */
static int
set_modes(dbmig_place *at)
{
	const char *p = at->script + at->part.start;
	const char *end = at->script + at->part.end;
	const char *modes;
	dbmig_piece piece;
	char	   *sql;
	int			result;

	p = dbmig_piece_next(p, &piece);
	modes = p;
	dbmig_piece_next(p, &piece);
	if (dbmig_piece_is(&piece, "transaction") || dbmig_piece_is(&piece, "work"))
	{
		modes = piece.text + piece.length;
		dbmig_piece_next(modes, &piece);
	}
	if (piece.kind == DBMIG_PIECE_END || piece.text >= end)
		return 0;
	sql = dbmig_format_text("SET TRANSACTION %.*s; SET TRANSACTION READ WRITE",
							(int) (end - modes), modes);
	result = sql == NULL ? dbmig_fail(at->call, DBMIG_NO_MEMORY, NULL, "out of memory") :
		dbmig_plain_exec(at, sql);
	free(sql);
	return result;
}

/* As the step's role (R1); the record is not made as that one. */
static int
role_on(dbmig_place *at)
{
	return at->step->role == NULL ? 0 :
		dbmig_plain_exec_quoted(at, "SET ROLE ", at->step->role);
}

static int
role_off(dbmig_place *at)
{
	return at->step->role == NULL ? 0 : dbmig_plain_exec(at, "RESET ROLE");
}

/* The statements of u in the transaction that is open. */
static int
run_inside(dbmig_place *at, const unit *u)
{
	size_t		from = u->start;
	bool		first = true;

	at->number = u->number;
	for (; from < u->end && dbmig_part_next(at->script, from, &at->part); from = at->part.next)
	{
		at->number++;
		if (at->part.sort != DBMIG_PLAIN_SKIPPED)
		{
			if (dbmig_plain_run_statement(at) != 0)
				return -1;
		}
		else if (first && is_begin(&at->part))
		{
			if (set_modes(at) != 0)
				return -1;
		}
		else if (at->part.next < u->end)
			dbmig_plain_say_skipped(at, "a transaction is open");
		first = false;
	}
	return 0;
}

static int
run_in_transaction(dbmig_place *at, const unit *u)
{
	if (dbmig_plain_begin(at->call, DBMIG_MODE_MIGRATE) != 0)
		return -1;
	if (role_on(at) == 0 && run_inside(at, u) == 0 && role_off(at) == 0 &&
		dbmig_step_done(at->call, at->step, u->before + u->count) == 0 &&
		dbmig_plain_commit(at->call) == 0)
		return 0;
	dbmig_plain_abort(at->call);
	return -1;
}

static int
run_apart(dbmig_place *at, const unit *u)
{
	bool		done = false;
	char	   *text;

	if (at->part.sort == DBMIG_PLAIN_ALONE &&
		dbmig_plain_clear_leftovers(at, u->was_running, &done) != 0)
		return -1;
	if (done)
	{
		text = dbmig_format_text("statement %d of migration \"%s@%s\" was done already",
								 at->number, at->step->package, at->step->version);
		if (text != NULL)
			dbmig_say(at->plain->conn->db, DBMIG_LOG_NOTICE, text);
		free(text);
	}
	else if (role_on(at) != 0 || dbmig_plain_run_statement(at) != 0 || role_off(at) != 0)
		return -1;
	return 0;
}

/* One unit and its record, tried again where a lock was not had (L2). */
static int
run_recorded(dbmig_place *at, unit *u)
{
	bool		apart;
	int			tries = 0;
	double		pause;

	for (;;)
	{
		(void) dbmig_part_next(at->script, u->start, &at->part);
		at->number = u->number + 1;
		apart = !u->block && at->part.sort != DBMIG_PLAIN_ORDINARY;
		if ((apart ? run_apart(at, u) : run_in_transaction(at, u)) == 0)
			break;
		if (!dbmig_plain_retries(at, ++tries, &pause))
			return -1;
		if (role_off(at) != 0)
			return -1;
		dbmig_clock_sleep(pause);
		u->was_running = false;
	}
	return apart ? dbmig_step_done(at->call, at->step, u->before + u->count) : 0;
}

/* SET LOCAL, whose work has ended with its transaction */
static bool
is_local(const dbmig_place *at)
{
	dbmig_piece piece;

	dbmig_piece_next(dbmig_piece_next(at->script + at->part.start, &piece), &piece);
	return dbmig_piece_is(&piece, "local");
}

/* What a run before this one has done: only what it set is set again. */
static int
set_again(dbmig_place *at, const unit *u)
{
	size_t		from = u->start;

	at->number = u->number;
	for (; from < u->end && dbmig_part_next(at->script, from, &at->part); from = at->part.next)
	{
		at->number++;
		if (at->part.sort == DBMIG_PLAIN_SETTING && !is_local(at) &&
			dbmig_plain_run_statement(at) != 0)
			return -1;
	}
	return 0;
}

static int
run_script(dbmig_place *at, int *statements)
{
	unit		u;

	memset(&u, 0, sizeof(u));
	u.was_running = at->plain->was_running;
	while (next_unit(at->script, &u))
	{
		if (u.count == 0)
		{
			if (!u.block)
			{
				(void) dbmig_part_next(at->script, u.start, &at->part);
				dbmig_plain_say_skipped(at, "no transaction is open");
			}
			continue;
		}
		if (u.before + u.count <= at->step->skip)
		{
			if (set_again(at, &u) != 0)
				return -1;
			continue;
		}
		if (run_recorded(at, &u) != 0)
			return -1;
		u.was_running = false;
		*statements = u.before + u.count;
	}
	return 0;
}

/* A function has no statements to go on behind: one transaction. */
static int
run_function(dbmig_place *at, int *statements)
{
	int			tries = 0;
	double		pause;

	for (;;)
	{
		if (role_on(at) == 0 && dbmig_plain_run_function(at, statements) == 0 &&
			role_off(at) == 0)
			return dbmig_step_done(at->call, at->step, 1);
		if (!dbmig_plain_retries(at, ++tries, &pause) || role_off(at) != 0)
			return -1;
		dbmig_clock_sleep(pause);
	}
}

int
dbmig_plain_run_alone(dbmig_place *at, int *statements)
{
	if (!at->step->function)
		return run_script(at, statements);
	return at->step->skip > 0 ? 0 : run_function(at, statements);
}
