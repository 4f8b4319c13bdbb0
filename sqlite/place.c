/*
 * place.c
 *		What is said of a statement of a script, with its place in it.
 */
#include "dbmig_sqlite.h"

#include <string.h>

SQLITE_EXTENSION_INIT3

#define SHOWN 200				/* bytes of a statement in an error */
#define HINT "\nHINT:  "		/* in an error of a dbmig function */

/* For the history; the first to fail is kept. */
static void
note_failure(dbmig_run *r, int code, const char *text, int line)
{
	dbmig_failure *failure = &r->call->failure;

	if (r->call->status != DBMIG_OK)
		return;
	failure->code = dbmig_printf(r->call, "%d", code);
	failure->message = dbmig_copy(r->call, text, strlen(text));
	failure->statement = r->number;
	failure->line = line;
}

/* A4: the failed statement with its place; at is where in it, or NULL. */
int
dbmig_run_fail(dbmig_run *r, int code, const char *at,
			   const char *text)
{
	const dbmig_step *step = r->step;
	const char *end = dbmig_statement_end(r->start);
	const char *more = "";
	const char *hint = strstr(text, HINT);
	size_t		length;
	int			line;
	int			column;

	if (hint != NULL)
	{
		text = dbmig_copy(r->call, text, (size_t) (hint - text));
		hint += strlen(HINT);
		hint = dbmig_copy(r->call, hint, strlen(hint));
		if (text == NULL)
			return -1;
	}
	while (end > r->start && (end[-1] == ';' || end[-1] == ' ' ||
							  end[-1] == '\n' || end[-1] == '\r' ||
							  end[-1] == '\t'))
		end--;
	length = (size_t) (end - r->start);
	if (length > SHOWN)
	{
		length = SHOWN;
		while (length > 0 && ((unsigned char) r->start[length] & 0xC0) == 0x80)
			length--;
		more = "...";
	}
	dbmig_step_position(r->call->host, step,
						(size_t) ((at != NULL ? at : r->start) - step->text),
						&line, &column);
	r->work->code = code;
	if ((code & 0xFF) == SQLITE_INTERRUPT)
		r->call->failure.interrupted = true;
	note_failure(r, code, text, line);
	return dbmig_fail(r->call, DBMIG_ENGINE, hint,
					  "%smigration \"%s@%s\", statement %d, line %d, column %d: "
					  "%s (code %d)\nSTATEMENT:  %.*s%s",
					  step->direction == DBMIG_DOWN ? "rollback of " : "",
					  step->package, step->version, r->number, line, column,
					  text, code, (int) length, r->start, more);
}

/* SQLite's own error, of prepare where compiling, else of step. */
int
dbmig_run_fail_statement(dbmig_run *r, bool compiling)
{
	sqlite3    *db = r->work->db;
	int			code = sqlite3_extended_errcode(db);
	const char *at = NULL;

#if SQLITE_VERSION_NUMBER >= 3038000
	if (compiling && sqlite3_libversion_number() >= 3038000)
	{
		int			offset = sqlite3_error_offset(db);

		if (offset >= 0 && (size_t) offset <= strlen(r->start))
			at = r->start + offset;
	}
#else
	(void) compiling;
#endif
	return dbmig_run_fail(r, code, at, sqlite3_errmsg(db));
}

int
dbmig_run_refuse(dbmig_run *r, dbmig_status status,
				 const dbmig_look *look)
{
	const char *reason = status == DBMIG_NOT_SUPPORTED ?
	"cannot run in a transaction" : "is not allowed in a migration";
	int			line;
	int			column;

	dbmig_step_position(r->call->host, r->step,
						(size_t) (look->start - r->step->text), &line, &column);
	note_failure(r, SQLITE_ERROR, reason, line);
	return dbmig_fail(r->call, status, NULL,
					  "%smigration \"%s@%s\", statement %d, line %d, column %d: "
					  "%.*s %s",
					  r->step->direction == DBMIG_DOWN ? "rollback of " : "",
					  r->step->package, r->step->version, r->number, line,
					  column, (int) look->keyword.length, look->start, reason);
}

void
dbmig_run_notice(dbmig_run *r, const dbmig_look *look,
				 const char *reason)
{
	int			line;
	int			column;

	dbmig_step_position(r->call->host, r->step,
						(size_t) (look->start - r->step->text), &line, &column);
	sqlite3_log(SQLITE_NOTICE,
				"dbmig: %s@%s, line %d: %.*s is skipped: %s",
				r->step->package, r->step->version, line,
				(int) look->keyword.length, look->start, reason);
}
