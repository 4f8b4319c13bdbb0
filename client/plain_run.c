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
 * Of a step that is not transactional (N2) each statement that can be in a
 * transaction is recorded in its own one; others behind it.  An invalid index
 * that a failed CREATE INDEX CONCURRENTLY has left is dropped before (N3).
 */
#include "plain.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOM "\xEF\xBB\xBF"
#define SHOWN 200

typedef struct run
{
	dbmig_call *call;
	dbmig_plain *plain;
	const dbmig_step *step;
	const char *script;
	dbmig_part	part;
	int			number;			/* of the statement, from 1 */
} run;

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
fail_statement(run *r, const PGresult *result)
{
	const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
	dbmig_error *error = dbmig_pg_error(r->plain->conn, result);
	size_t		offset = r->part.start;
	size_t		length = r->part.end - r->part.start;
	dbmig_error *placed;
	char	   *detail;
	int			line;
	int			column;

	if (position != NULL)
		offset += bytes_of(r->script + offset, strtol(position, NULL, 10) - 1);
	dbmig_step_position(r->call->host, r->step,
						offset + (size_t) (r->script - r->step->text), &line, &column);
	if (length > SHOWN)
		for (length = SHOWN; ((unsigned char) r->script[r->part.start + length] & 0xC0) == 0x80;)
			length--;
	detail = dbmig_format_text("%s%sSQL statement \"%.*s%s\"\n%smigration \"%s@%s\", statement %d, line %d, column %d",
							   error->detail != NULL ? error->detail : "",
							   error->detail != NULL ? "\n" : "", (int) length,
							   r->script + r->part.start,
							   length < r->part.end - r->part.start ? "..." : "",
							   rollback_of(r->step), r->step->package,
							   r->step->version, r->number, line, column);
	placed = detail == NULL ? dbmig_error_memory() :
		dbmig_error_make(error->code, error->message, detail, error->hint);
	if (placed->code != DBMIG_E_MEMORY)
		memcpy(placed->sqlstate, error->sqlstate, sizeof(placed->sqlstate));
	free(detail);
	dbmig_error_free(error);
	r->call->failure.statement = r->number;
	r->call->failure.line = line;
	return dbmig_plain_keep(r->call, placed);
}

/* One statement as the client's own; COPY has been refused before. */
static int
send_statement(run *r)
{
	char	   *text = dbmig_format_text("%.*s", (int) (r->part.end - r->part.start),
										 r->script + r->part.start);
	PGresult   *result;
	ExecStatusType status;
	int			failed = 0;

	if (text == NULL)
		return dbmig_fail(r->call, DBMIG_NO_MEMORY, NULL, "out of memory");
	result = PQexec(r->plain->conn->native, text);
	status = PQresultStatus(result);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
		status != PGRES_EMPTY_QUERY)
		failed = fail_statement(r, result);
	PQclear(result);
	free(text);
	return failed;
}

static int
exec(dbmig_call *call, const char *sql)
{
	dbmig_plain *plain = call->data;

	return dbmig_plain_keep(call, dbmig_exec(plain->conn, sql, 0, NULL, NULL));
}

/* With a name behind it. */
static int
exec_quoted(run *r, const char *sql, const char *name)
{
	char	   *quoted = dbmig_quote(name);
	char	   *text = quoted != NULL ? dbmig_format_text("%s%s", sql, quoted) : NULL;
	int			result = text != NULL ? exec(r->call, text) :
	dbmig_fail(r->call, DBMIG_NO_MEMORY, NULL, "out of memory");

	free(quoted);
	free(text);
	return result;
}

/* A5 */
static int
restore_settings(dbmig_call *call)
{
	return exec(call, "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL");
}

static void
say_skipped(run *r, const char *reason)
{
	int			line;
	int			column;
	char	   *text;

	dbmig_position(r->script, r->part.start, &line, &column);
	text = dbmig_format_text("%s in line %d of %smigration \"%s@%s\" is skipped, as %s",
							 r->part.what, line, rollback_of(r->step), r->step->package,
							 r->step->version, reason);
	if (text != NULL)
		dbmig_say(r->plain->conn->db, DBMIG_LOG_NOTICE, text);
	free(text);
}

/* R1: what would leave the role. */
static bool
leaves_role(const run *r, const dbmig_part *part)
{
	const char *p = r->script + part->start;
	dbmig_piece word[3];
	int			i;

	if (r->step->role == NULL || part->sort != DBMIG_PLAIN_SETTING)
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
check_script(run *r)
{
	size_t		from = 0;
	dbmig_part	part;
	int			line;
	int			column;

	for (; dbmig_part_next(r->script, from, &part); from = part.next)
	{
		if (leaves_role(r, &part))
		{
			dbmig_position(r->script, part.start, &line, &column);
			return dbmig_fail(r->call, DBMIG_NOT_SUPPORTED,
							  "The step runs as the role of its options.",
							  "%smigration \"%s@%s\" cannot run: SET ROLE in line %d",
							  rollback_of(r->step), r->step->package, r->step->version, line);
		}
		if (part.sort != DBMIG_PLAIN_REFUSED)
			continue;
		dbmig_position(r->script, part.start, &line, &column);
		return dbmig_fail(r->call, DBMIG_NOT_SUPPORTED,
						  "dbmig has the transaction; take the statement out of the script.",
						  "%smigration \"%s@%s\" cannot run: %s in line %d",
						  rollback_of(r->step), r->step->package, r->step->version,
						  part.what, line);
	}
	return 0;
}

static int
still_in_transaction(run *r)
{
	if (r->plain->conn->driver->in_use(r->plain->conn))
		return 0;
	return dbmig_fail(r->call, DBMIG_BAD_CALLER,
					  "What ran before that may be committed; look at the database.",
					  "%smigration \"%s@%s\" has ended the transaction",
					  rollback_of(r->step), r->step->package, r->step->version);
}

static int
run_script(run *r, int *statements)
{
	size_t		from = 0;

	for (; dbmig_part_next(r->script, from, &r->part); from = r->part.next)
	{
		r->number++;
		if (r->part.sort == DBMIG_PLAIN_SKIPPED)
		{
			say_skipped(r, "dbmig has the transaction");
			continue;
		}
		if (send_statement(r) != 0 || still_in_transaction(r) != 0)
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

static int
run_function(run *r, int *statements)
{
	const dbmig_step *step = r->step;
	dbmig_param params[2];
	dbmig_error *error;
	char	   *sql;

	*statements = 1;
	if (strcmp(step->text, STEP_FUNCTION_PG) == 0)
	{
		error = dbmig_step_call(r->plain->conn, step->package, step->version,
								step->direction == DBMIG_DOWN);
		error = dbmig_error_in(error, "%smigration \"%s@%s\"", rollback_of(step),
							   step->package, step->version);
		return dbmig_plain_keep(r->call, error) != 0 ? -1 :
			step->transactional ? still_in_transaction(r) : 0;
	}
	if (!is_function_name(step->text))
		return dbmig_fail(r->call, DBMIG_BAD_VALUE, NULL,
						  "\"%s\" is no name of a function", step->text);
	sql = dbmig_format_text("SELECT %s($1::text, $2::text)", step->text);
	if (sql == NULL)
		return dbmig_fail(r->call, DBMIG_NO_MEMORY, NULL, "out of memory");
	params[0] = dbmig_bind_text(step->package);
	params[1] = dbmig_bind_text(step->version);
	error = dbmig_exec(r->plain->conn, sql, 2, params, NULL);
	free(sql);
	if (error != NULL && (strcmp(error->sqlstate, "42883") == 0 ||
						  strcmp(error->sqlstate, "3F000") == 0))
	{
		dbmig_error_free(error);
		return dbmig_fail(r->call, DBMIG_UNKNOWN,
						  "It is called with the package and the version, as two texts.",
						  "%smigration \"%s@%s\" needs the function \"%s\", which does not exist",
						  rollback_of(step), step->package, step->version, step->text);
	}
	error = dbmig_error_in(error, "%smigration \"%s@%s\", function %s",
						   rollback_of(step), step->package, step->version, step->text);
	return dbmig_plain_keep(r->call, error);
}

/*
 * N3.  *done: the index is there, or gone, as a crash between the statement and
 * its record leaves it.
 */
static int
clear_leftovers(run *r, bool was_running, bool *done)
{
	static const char find[] =
	"SELECT i.indisvalid, pg_catalog.format('%I.%I', n.nspname, c.relname)"
	" FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
	" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	" WHERE i.indrelid = pg_catalog.to_regclass($2)"
	" AND i.indexrelid = pg_catalog.to_regclass("
	"(SELECT pg_catalog.quote_ident(t.nspname) FROM pg_catalog.pg_namespace t"
	" JOIN pg_catalog.pg_class x ON x.relnamespace = t.oid"
	" WHERE x.oid = pg_catalog.to_regclass($2)) || '.' || $1)";
	const char *p = r->script + r->part.start;
	const char *end = r->script + r->part.end;
	const char *table;
	dbmig_piece piece;
	dbmig_piece name;
	dbmig_param params[2];
	dbmig_rows *rows = NULL;
	char	   *texts[2];
	bool		valid = false;
	int			result = 0;

	*done = false;
	p = dbmig_piece_next(p, &piece);
	if (!dbmig_piece_is(&piece, "create"))
		return 0;
	while ((p = dbmig_piece_next(p, &name)) < end && !dbmig_piece_is(&name, "concurrently"))
		;
	p = dbmig_piece_next(p, &name);
	if (dbmig_piece_is(&name, "if"))
	{
		p = dbmig_piece_next(p, &name);
		p = dbmig_piece_next(p, &name);
		p = dbmig_piece_next(p, &name);
	}
	p = dbmig_piece_next(p, &piece);
	if (!dbmig_piece_is(&piece, "on"))	/* an index without a name */
		return 0;
	p = dbmig_piece_next(p, &piece);
	if (dbmig_piece_is(&piece, "only"))
		p = dbmig_piece_next(p, &piece);
	table = piece.text;
	while (*p == '.')
		p = dbmig_piece_next(p + 1, &piece);
	texts[0] = dbmig_format_text("%.*s", (int) name.length, name.text);
	texts[1] = dbmig_format_text("%.*s", (int) (p - table), table);
	if (texts[0] == NULL || texts[1] == NULL)
		result = dbmig_fail(r->call, DBMIG_NO_MEMORY, NULL, "out of memory");
	else
	{
		params[0] = dbmig_bind_text(texts[0]);
		params[1] = dbmig_bind_text(texts[1]);
		result = dbmig_plain_keep(r->call, dbmig_query(r->plain->conn, find, 2, params, &rows));
	}
	if (result == 0 && dbmig_bool_at(rows, 0, 0, &valid))
	{
		char	   *drop = dbmig_format_text("DROP INDEX CONCURRENTLY IF EXISTS %s",
											 dbmig_text_at(rows, 0, 1));

		*done = valid && was_running;
		if (!valid && drop != NULL)
			dbmig_say(r->plain->conn->db, DBMIG_LOG_NOTICE,
					  "dropping an invalid index, which was left behind");
		if (!valid)
			result = drop == NULL ? -1 : exec(r->call, drop);
		free(drop);
	}
	free(texts[0]);
	free(texts[1]);
	dbmig_rows_free(rows);
	return result;
}

/* As the step's role (R1); the record behind it is not made as that one. */
static int
send_as_role(run *r)
{
	if (r->step->role == NULL)
		return send_statement(r);
	if (exec_quoted(r, "SET ROLE ", r->step->role) != 0 || send_statement(r) != 0)
		return -1;
	return exec(r->call, "RESET ROLE");
}

/* One statement and its record, count of which are done then. */
static int
run_recorded(run *r, int count, bool was_running)
{
	bool		apart = r->part.sort != DBMIG_PLAIN_ORDINARY;
	bool		done = false;

	if (apart)
	{
		if (r->part.sort == DBMIG_PLAIN_ALONE && clear_leftovers(r, was_running, &done) != 0)
			return -1;
		if (!done && send_as_role(r) != 0)
			return -1;
		return dbmig_step_done(r->call, r->step, count);
	}
	if (dbmig_plain_begin(r->call, DBMIG_MODE_MIGRATE) != 0)
		return -1;
	if (send_as_role(r) == 0 && dbmig_step_done(r->call, r->step, count) == 0 &&
		dbmig_plain_commit(r->call) == 0)
		return 0;
	dbmig_plain_abort(r->call);
	return -1;
}

static int
run_script_alone(run *r, int *statements)
{
	bool		was_running = r->plain->was_running;
	size_t		from = 0;
	int			count = 0;

	for (; dbmig_part_next(r->script, from, &r->part); from = r->part.next)
	{
		r->number++;
		if (r->part.sort == DBMIG_PLAIN_SKIPPED)
		{
			say_skipped(r, "each statement runs by itself");
			continue;
		}
		if (++count <= r->step->skip)
		{
			/* what the statements behind it need all the same */
			if (r->part.sort == DBMIG_PLAIN_SETTING && send_statement(r) != 0)
				return -1;
			continue;
		}
		if (run_recorded(r, count, was_running) != 0)
			return -1;
		was_running = false;
		*statements = count;
	}
	return 0;
}

static int
run_alone(run *r, int *statements)
{
	int			result;

	if (!r->step->function)
		result = run_script_alone(r, statements);
	else if (r->step->skip > 0)
		result = 0;
	else if ((result = run_function(r, statements)) == 0)
		result = dbmig_step_done(r->call, r->step, 1);
	if (result != 0)
		dbmig_plain_abort(r->call);
	return result;
}

static int
set_config(run *r, const char *name, const char *value)
{
	dbmig_param params[2];

	params[0] = dbmig_bind_text(name);
	params[1] = dbmig_bind_text(value);
	return dbmig_plain_keep(r->call,
							dbmig_exec(r->plain->conn, "SELECT pg_catalog.set_config($1, $2, false)",
									   2, params, NULL));
}

/*
 * What the step's options say, and that unqualified names go to the tenant's
 * schema.  All of it is put back with what the script sets.
 */
static int
set_up(run *r)
{
	const dbmig_step *step = r->step;
	char		number[32];

	snprintf(number, sizeof(number), "%lld", (long long) step->lock_timeout);
	if ((step->lock_timeout >= 0 && set_config(r, "lock_timeout", number) != 0) ||
		(step->search_path != NULL && set_config(r, "search_path", step->search_path) != 0))
		return -1;
	if (step->search_path == NULL && step->tenant != NULL && step->tenant[0] != '\0' &&
		exec_quoted(r, "SET search_path = ", step->tenant) != 0)
		return -1;
	return step->role != NULL && step->transactional ?
		exec_quoted(r, "SET LOCAL ROLE ", step->role) : 0;
}

int
dbmig_plain_run(dbmig_call *call, const dbmig_step *step, int *statements)
{
	int			result;
	run			r;

	memset(&r, 0, sizeof(r));
	r.call = call;
	r.plain = call->data;
	r.step = step;
	r.script = begin_text(step->text);
	*statements = step->skip;
	if ((!step->function && check_script(&r) != 0) || set_up(&r) != 0)
		return -1;
	if (step->transactional)
	{
		*statements = 0;
		result = step->function ? run_function(&r, statements) :
			run_script(&r, statements);

		/* a failed transaction is undone, and its settings with it */
		return result != 0 ? -1 : restore_settings(call);
	}
	result = run_alone(&r, statements);
	if (result == 0)
		return restore_settings(call);
	dbmig_error_free(dbmig_exec(r.plain->conn,
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
