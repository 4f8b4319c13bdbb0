/*
 * plain_run.c
 *		Runs one step over libpq: a script statement by statement, an SQL
 *		function, or a function of the program.
 *
 * Each statement is sent by itself, so that the server names it, and an error
 * gets its place in the script (A4).  What a script sets is put back behind it
 * (A5): the connection is dbmig_start()'s own, with nothing set but what it was
 * opened with.
 *
 * A step that is not transactional is plain_alone.c's.
 */
#include "plain.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOM "\xEF\xBB\xBF"
#define SHOWN 200

static const char *
rollback_of(const dbmig_step *step)
{
	return step->direction == DBMIG_DOWN ? "rollback of " : "";
}

static const char *
begin_text(const char *text)
{
	return strncmp(text, BOM, 3) == 0 ? text + 3 : text;
}

/* Bytes of so many characters. */
static size_t
bytes_of(const char *text, long characters)
{
	const char *p = text;

	for (; characters > 0 && *p != '\0'; characters--)
		for (p++; ((unsigned char) *p & 0xC0) == 0x80; p++)
			;
	return (size_t) (p - text);
}

/* The server's error, with its place in the script. */
static int
fail_statement(dbmig_place *at, const PGresult *result)
{
	const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
	dbmig_error *error = dbmig_plain_blocked(at->plain, dbmig_pg_error(at->plain->conn, result));
	size_t		offset = at->part.start;
	size_t		length = at->part.end - at->part.start;
	dbmig_error *placed;
	char	   *detail;
	int			line;
	int			column;

	if (position != NULL)
		offset += bytes_of(at->script + offset, strtol(position, NULL, 10) - 1);
	dbmig_step_position(at->call->host, at->step,
						offset + (size_t) (at->script - at->step->text), &line, &column);
	if (length > SHOWN)
		for (length = SHOWN; ((unsigned char) at->script[at->part.start + length] & 0xC0) == 0x80;)
			length--;
	detail = dbmig_format_text("%s%sSQL statement \"%.*s%s\"\n%smigration \"%s@%s\", statement %d, line %d, column %d",
							   error->detail != NULL ? error->detail : "",
							   error->detail != NULL ? "\n" : "", (int) length,
							   at->script + at->part.start,
							   length < at->part.end - at->part.start ? "..." : "",
							   rollback_of(at->step), at->step->package,
							   at->step->version, at->number, line, column);
	placed = detail == NULL ? dbmig_error_memory() :
		dbmig_error_make(error->code, error->message, detail, error->hint);
	if (placed->code != DBMIG_E_MEMORY)
		memcpy(placed->sqlstate, error->sqlstate, sizeof(placed->sqlstate));
	free(detail);
	dbmig_error_free(error);
	at->call->failure.statement = at->number;
	at->call->failure.line = line;
	return dbmig_plain_keep(at->call, placed);
}

/* One statement as the client's own; COPY has been refused before. */
int
dbmig_plain_run_statement(dbmig_place *at)
{
	char	   *text = dbmig_format_text("%.*s", (int) (at->part.end - at->part.start),
										 at->script + at->part.start);
	PGresult   *result;
	ExecStatusType status;
	int			failed = 0;

	if (text == NULL)
		return dbmig_fail(at->call, DBMIG_NO_MEMORY, NULL, "out of memory");
	result = dbmig_plain_send(at->plain, text, 0, NULL);
	status = PQresultStatus(result);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
		status != PGRES_EMPTY_QUERY)
		failed = fail_statement(at, result);
	PQclear(result);
	free(text);
	return failed;
}

int
dbmig_plain_exec(dbmig_place *at, const char *sql)
{
	return dbmig_plain_keep(at->call, dbmig_exec(at->plain->conn, sql, 0, NULL, NULL));
}

/* With a name behind it. */
int
dbmig_plain_exec_quoted(dbmig_place *at, const char *sql, const char *name)
{
	char	   *quoted = dbmig_quote(name);
	char	   *text = quoted != NULL ? dbmig_format_text("%s%s", sql, quoted) : NULL;
	int			result = text != NULL ? dbmig_plain_exec(at, text) :
	dbmig_fail(at->call, DBMIG_NO_MEMORY, NULL, "out of memory");

	free(quoted);
	free(text);
	return result;
}

/* A5 */
static int
restore_settings(dbmig_place *at)
{
	return dbmig_plain_exec(at, "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL");
}

void
dbmig_plain_say_skipped(dbmig_place *at, const char *reason)
{
	int			line;
	int			column;
	char	   *text;

	dbmig_position(at->script, at->part.start, &line, &column);
	text = dbmig_format_text("%s in line %d of %smigration \"%s@%s\" is skipped, as %s",
							 at->part.what, line, rollback_of(at->step), at->step->package,
							 at->step->version, reason);
	if (text != NULL)
		dbmig_say(at->plain->conn->db, DBMIG_LOG_NOTICE, text);
	free(text);
}

/* R1: what would leave the role. */
static bool
leaves_role(const dbmig_place *at, const dbmig_part *part)
{
	const char *p = at->script + part->start;
	dbmig_piece word[3];
	int			i;

	if (at->step->role == NULL || part->sort != DBMIG_PLAIN_SETTING)
		return false;
	for (i = 0; i < 3; i++)
		p = dbmig_piece_next(p, &word[i]);
	for (i = 1; i < 3; i++)
		if (dbmig_piece_is(&word[i], "role") || dbmig_piece_is(&word[i], "session"))
			return true;
	return false;
}

/* A6, once more: the script may have come here without inspection. */
static int
check_script(dbmig_place *at)
{
	size_t		from = 0;
	dbmig_part	part;
	int			line;
	int			column;

	for (; dbmig_part_next(at->script, from, &part); from = part.next)
	{
		if (leaves_role(at, &part))
		{
			dbmig_position(at->script, part.start, &line, &column);
			return dbmig_fail(at->call, DBMIG_NOT_SUPPORTED,
							  "The step runs as the role of its options.",
							  "%smigration \"%s@%s\" cannot run: SET ROLE in line %d",
							  rollback_of(at->step), at->step->package, at->step->version, line);
		}
		if (part.sort != DBMIG_PLAIN_REFUSED)
			continue;
		dbmig_position(at->script, part.start, &line, &column);
		return dbmig_fail(at->call, DBMIG_NOT_SUPPORTED,
						  "dbmig has the transaction; take the statement out of the script.",
						  "%smigration \"%s@%s\" cannot run: %s in line %d",
						  rollback_of(at->step), at->step->package, at->step->version,
						  part.what, line);
	}
	return 0;
}

static int
still_in_transaction(dbmig_place *at)
{
	if (at->plain->conn->driver->in_use(at->plain->conn))
		return 0;
	return dbmig_fail(at->call, DBMIG_BAD_CALLER,
					  "What ran before that may be committed; look at the database.",
					  "%smigration \"%s@%s\" has ended the transaction",
					  rollback_of(at->step), at->step->package, at->step->version);
}

static int
run_script(dbmig_place *at, int *statements)
{
	size_t		from = 0;

	for (; dbmig_part_next(at->script, from, &at->part); from = at->part.next)
	{
		at->number++;
		if (at->part.sort == DBMIG_PLAIN_SKIPPED)
		{
			dbmig_plain_say_skipped(at, "dbmig has the transaction");
			continue;
		}
		if (dbmig_plain_run_statement(at) != 0 || still_in_transaction(at) != 0)
			return -1;
		(*statements)++;
	}
	return 0;
}

/* "f", "s.f", with quotes or without; nothing else can be put into SQL. */
static bool
is_function_name(const char *text)
{
	dbmig_piece piece;
	int			parts = 0;
	const char *p = text;

	for (;;)
	{
		const char *before = p;

		p = dbmig_piece_next(p, &piece);
		if (piece.text != before || parts == 2 ||
			(piece.kind != DBMIG_PIECE_WORD && piece.kind != DBMIG_PIECE_NAME))
			return false;
		parts++;
		if (*p == '\0')
			return true;
		if (*p++ != '.')
			return false;
	}
}

int
dbmig_plain_run_function(dbmig_place *at, int *statements)
{
	const dbmig_step *step = at->step;
	const char *values[2];
	dbmig_error *error = NULL;
	PGresult   *result;
	char	   *sql;

	*statements = 1;
	if (strcmp(step->text, STEP_FUNCTION_PG) == 0)
	{
		error = dbmig_step_call(at->plain->conn, step->package, step->version,
								step->direction == DBMIG_DOWN);
		error = dbmig_error_in(error, "%smigration \"%s@%s\"", rollback_of(step),
							   step->package, step->version);
		return dbmig_plain_keep(at->call, error) != 0 ? -1 :
			step->transactional ? still_in_transaction(at) : 0;
	}
	if (!is_function_name(step->text))
		return dbmig_fail(at->call, DBMIG_BAD_VALUE, NULL,
						  "\"%s\" is no name of a function", step->text);
	sql = dbmig_format_text("SELECT %s($1::text, $2::text)", step->text);
	if (sql == NULL)
		return dbmig_fail(at->call, DBMIG_NO_MEMORY, NULL, "out of memory");
	values[0] = step->package;
	values[1] = step->version;
	result = dbmig_plain_send(at->plain, sql, 2, values);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		error = dbmig_plain_blocked(at->plain, dbmig_pg_error(at->plain->conn, result));
	PQclear(result);
	free(sql);
	if (error != NULL && (strcmp(error->sqlstate, "42883") == 0 ||
						  strcmp(error->sqlstate, "3F000") == 0))
	{
		dbmig_error_free(error);
		return dbmig_fail(at->call, DBMIG_UNKNOWN,
						  "It is called with the package and the version, as two texts.",
						  "%smigration \"%s@%s\" needs the function \"%s\", which does not exist",
						  rollback_of(step), step->package, step->version, step->text);
	}
	error = dbmig_error_in(error, "%smigration \"%s@%s\", function %s",
						   rollback_of(step), step->package, step->version, step->text);
	return dbmig_plain_keep(at->call, error);
}

static int
set_config(dbmig_place *at, const char *name, const char *value)
{
	dbmig_param params[2];

	params[0] = dbmig_bind_text(name);
	params[1] = dbmig_bind_text(value);
	return dbmig_plain_keep(at->call,
							dbmig_exec(at->plain->conn, "SELECT pg_catalog.set_config($1, $2, false)",
									   2, params, NULL));
}

/*
 * What the step's options say, and that unqualified names go to the tenant's
 * schema.  All of it is put back with what the script sets.
 */
static int
set_up(dbmig_place *at)
{
	const dbmig_step *step = at->step;

	if (dbmig_plain_lock_timeout(at) != 0 ||
		(step->search_path != NULL && set_config(at, "search_path", step->search_path) != 0))
		return -1;
	if (step->search_path == NULL && step->tenant != NULL && step->tenant[0] != '\0' &&
		dbmig_plain_exec_quoted(at, "SET search_path = ", step->tenant) != 0)
		return -1;
	return step->role != NULL && step->transactional ?
		dbmig_plain_exec_quoted(at, "SET LOCAL ROLE ", step->role) : 0;
}

static int
run_once(dbmig_place *at, int *statements)
{
	*statements = 0;
	at->number = 0;
	return at->step->function ? dbmig_plain_run_function(at, statements) :
		run_script(at, statements);
}

/* L2: each try can be undone by itself, and its locks with it. */
static int
run_tries(dbmig_place *at, int *statements)
{
	int			tries = 0;
	double		pause;

	if (at->step->retries == 0)
		return run_once(at, statements);
	for (;;)
	{
		if (dbmig_plain_exec(at, "SAVEPOINT dbmig_try") != 0)
			return -1;
		if (run_once(at, statements) == 0)
			return dbmig_plain_exec(at, "RELEASE SAVEPOINT dbmig_try");
		if (!dbmig_plain_retries(at, ++tries, &pause))
			return -1;
		if (dbmig_plain_exec(at, "ROLLBACK TO SAVEPOINT dbmig_try; RELEASE SAVEPOINT dbmig_try") != 0)
			return -1;
		dbmig_clock_sleep(pause);
	}
}

int
dbmig_plain_run(dbmig_call *call, const dbmig_step *step, int *statements)
{
	dbmig_place at;

	memset(&at, 0, sizeof(at));
	at.call = call;
	at.plain = call->data;
	at.step = step;
	at.script = begin_text(step->text);
	*statements = step->skip;
	if ((!step->function && check_script(&at) != 0) || set_up(&at) != 0)
		return -1;

	/* a failed transaction is undone, and its settings with it */
	if (step->transactional)
		return run_tries(&at, statements) != 0 ? -1 : restore_settings(&at);
	if (dbmig_plain_run_alone(&at, statements) == 0)
		return restore_settings(&at);
	dbmig_plain_abort(call);
	dbmig_error_free(dbmig_exec(at.plain->conn,
								"RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL",
								0, NULL, NULL));
	return -1;
}

int
dbmig_plain_inspect(dbmig_call *call, const char *text, size_t length,
					dbmig_inspection *result)
{
	size_t		from = 0;
	dbmig_part	part;
	int			line;
	int			column;

	(void) length;
	result->transactional = true;
	result->refusal = NULL;
	text = begin_text(text);
	for (; dbmig_part_next(text, from, &part); from = part.next)
	{
		if (part.sort == DBMIG_PLAIN_ALONE)
			result->transactional = false;
		if (part.sort != DBMIG_PLAIN_REFUSED || result->refusal != NULL)
			continue;
		dbmig_position(text, part.start, &line, &column);
		result->refusal = dbmig_printf(call, "%s in line %d", part.what, line);
		if (result->refusal == NULL)
			return -1;
	}
	return 0;
}
