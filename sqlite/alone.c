/*
 * alone.c
 *		A step whose statements cannot be in one transaction (N2).
 *
 * Each statement is recorded before the next one runs, and a second run goes
 * on behind the last one recorded.  Which connection runs it:
 *
 * - What SQLite can do in a transaction runs on the caller's connection, with
 *   the program's functions and collations, in a transaction of its own that
 *   has the record in it; foreign keys are checked before each commit (K1).
 * - The script's own BEGIN ... COMMIT is one such transaction (whatever kind
 *   of BEGIN it is, the lock to write is taken at once), recorded with its
 *   COMMIT.
 * - PRAGMAs of the connection, journal_mode and wal_checkpoint run on the
 *   caller's connection in no transaction, and are recorded behind.
 * - VACUUM, page_size and auto_vacuum run on a second connection (second.c),
 *   without the program's functions, and are recorded behind.
 *
 * So only the last two kinds can run twice, after a crash between statement
 * and record; all of these give the same twice.  PRAGMAs that set something
 * for the statements behind them run again in a second run.  Another process
 * at the same step shares it: what it has recorded is not done again.
 *
 * A function step runs once, in no transaction and with foreign keys as the
 * program has them.
 */
#include "dbmig_sqlite.h"

#include <limits.h>
#include <string.h>

SQLITE_EXTENSION_INIT3

typedef struct alone
{
	dbmig_run  *run;
	int		   *statements;		/* that are recorded */
	int			skip;			/* done before, or by another process */
	bool		block;			/* between the script's BEGIN and COMMIT */
	dbmig_second second;
} alone;

/* What is recorded as done; 0 or -1. */
static int
look_again(alone *a)
{
	int			seen;

	if (dbmig_step_seen(a->run->call, a->run->step, &seen) != 0)
		return -1;
	if (seen > a->skip)
		a->skip = seen;
	return 0;
}

static bool
is_skipped(const alone *a)
{
	return a->run->number <= a->skip;
}

static int
record(alone *a)
{
	if (dbmig_step_done(a->run->call, a->run->step, a->run->number) != 0)
		return -1;
	*a->statements = a->run->number;
	return 0;
}

/* A transaction; ended again where the statement turns out to be done. */
static int
begin(alone *a)
{
	dbmig_call *call = a->run->call;

	if (dbmig_transaction_begin(call, DBMIG_MODE_MIGRATE) != 0)
		return -1;
	if (look_again(a) == 0 &&
		(is_skipped(a) || dbmig_fkeys_before(a->run->work) == 0))
	{
		if (is_skipped(a))
			dbmig_transaction_abort(call);
		return 0;
	}
	dbmig_transaction_abort(call);
	return -1;
}

/* The record and the commit; -1: all of it is undone. */
static int
commit(alone *a)
{
	dbmig_call *call = a->run->call;
	int			before = *a->statements;

	if (record(a) == 0 && dbmig_transaction_commit(call) == 0)
		return 0;
	*a->statements = before;
	dbmig_transaction_abort(call);
	return -1;
}

static int
begin_block(alone *a)
{
	if (a->block)
		return dbmig_run_fail(a->run, SQLITE_ERROR, NULL,
							  "cannot start a transaction within a transaction");
	if (begin(a) != 0)
		return -1;
	a->block = !is_skipped(a);
	return 0;
}

static int
end_block(alone *a)
{
	if (!a->block)
		return dbmig_run_fail(a->run, SQLITE_ERROR, NULL,
							  "cannot commit - no transaction is active");
	a->block = false;
	return commit(a);
}

/* What can be in a transaction, in one of its own. */
static int
run_ordinary(alone *a, const dbmig_look *look)
{
	const char *tail;

	if (a->block)
		return dbmig_run_statement(a->run, look, &tail);
	if (begin(a) != 0)
		return -1;
	if (is_skipped(a))
		return 0;
	if (dbmig_run_statement(a->run, look, &tail) == 0)
		return commit(a);
	dbmig_transaction_abort(a->run->call);
	return -1;
}

/*
 * Run a PRAGMA outside of transactions until it gets its lock; result has
 * room for its first value.
 */
static int
run_pragma(dbmig_run *r, char *result, size_t size)
{
	sqlite3    *db = r->work->db;
	dbmig_wait	wait = {0, 0, 0, false};
	sqlite3_stmt *stmt = NULL;
	bool		again;
	int			rc;

	do
	{
		result[0] = '\0';
		rc = sqlite3_prepare_v2(db, r->start, -1, &stmt, NULL);
		if (rc == SQLITE_OK)
			rc = sqlite3_step(stmt);
		if (rc == SQLITE_ROW && sqlite3_column_text(stmt, 0) != NULL)
			sqlite3_snprintf((int) size, result, "%s", sqlite3_column_text(stmt, 0));
		while (rc == SQLITE_ROW)
			rc = sqlite3_step(stmt);
		rc = rc == SQLITE_DONE ? SQLITE_OK : sqlite3_extended_errcode(db);
		again = dbmig_wait_more(r->work, &wait, rc);
		if (rc != SQLITE_OK && !again)
			dbmig_run_fail_statement(r, false);
		sqlite3_finalize(stmt);
	} while (again);
	return rc == SQLITE_OK ? 0 : -1;
}

static int
read_journal_mode(dbmig_run *r, char *mode, size_t size)
{
	const char *start = r->start;
	int			result;

	r->start = "PRAGMA main.journal_mode";
	result = run_pragma(r, mode, size);
	r->start = start;
	return result;
}

/* SQLite says nothing where it does not change the mode: its answer does. */
static int
set_journal_mode(alone *a, const dbmig_look *look)
{
	dbmig_run  *r = a->run;
	const char *wanted = dbmig_token_name(r->call, &look->value);
	const char *refusal = dbmig_second_refusal(r->work);
	char		before[16];
	char		now[16];
	char	   *text;

	if (wanted == NULL)
		return -1;
	if (refusal != NULL)
	{
		text = dbmig_printf(r->call, "the journal mode cannot be set: %s", refusal);
		return text == NULL ? -1 : dbmig_run_fail(r, SQLITE_ERROR, NULL, text);
	}
	if (strcmp(wanted, "off") == 0)
		return dbmig_run_fail(r, SQLITE_ERROR, NULL,
							  "without a journal nothing that fails can be undone");
	if (read_journal_mode(r, before, sizeof(before)) != 0 ||
		run_pragma(r, now, sizeof(now)) != 0)
		return -1;
	if (sqlite3_stricmp(now, wanted) != 0)
	{
		text = dbmig_printf(r->call, "the journal mode is \"%s\" and did not become \"%s\"",
							now, wanted);
		return text == NULL ? -1 : dbmig_run_fail(r, SQLITE_ERROR, NULL, text);
	}
	if (look->schema.kind != DBMIG_TOKEN_END &&
		!dbmig_token_called(&look->schema, "main"))
		return 0;
	return dbmig_journal_mode_save(r->work, before, now);
}

/* What cannot be in a transaction. */
static int
run_top_level(alone *a, const dbmig_look *look)
{
	dbmig_run  *r = a->run;
	char		result[16];
	bool		setting = dbmig_token_called(&look->name, "page_size") ||
	dbmig_token_called(&look->name, "auto_vacuum");

	if (look->sort == DBMIG_SORT_TOP_LEVEL &&
		dbmig_token_is(&look->keyword, "vacuum"))
		return dbmig_second_run(r, &a->second, true);
	if (look->sort == DBMIG_SORT_PRAGMA)
	{
		const char *tail;

		return dbmig_run_statement(r, look, &tail);
	}
	if (setting && dbmig_second_remember(r, &a->second, look) != 0)
		return -1;
	if (setting)
		return dbmig_second_run(r, &a->second, false);
	if (dbmig_token_called(&look->name, "journal_mode"))
		return set_journal_mode(a, look);
	if (dbmig_token_called(&look->name, "locking_mode"))
	{
		dbmig_run_notice(r, look, "it is the program's to set");
		return 0;
	}
	return run_pragma(r, result, sizeof(result));
}

static int
run_one(alone *a, const dbmig_look *look)
{
	dbmig_run  *r = a->run;
	bool		setting;

	if (dbmig_pragma_is_setting(r->work, look, &setting) != 0)
		return -1;
	if (look->sort == DBMIG_SORT_SKIPPED && !is_skipped(a))
		return dbmig_token_is(&look->keyword, "begin") ? begin_block(a) :
			end_block(a);
	if (look->sort == DBMIG_SORT_REFUSED)
		return dbmig_run_refuse(r, DBMIG_BAD_VALUE, look);
	if (look->sort != DBMIG_SORT_TOP_LEVEL && (!setting || a->block))
		return is_skipped(a) ? 0 : run_ordinary(a, look);
	if (a->block)
		return dbmig_run_refuse(r, DBMIG_NOT_SUPPORTED, look);
	if (!is_skipped(a) && look_again(a) != 0)
		return -1;
	if (!is_skipped(a))
		return run_top_level(a, look) == 0 ? record(a) : -1;

	/* what the statements behind it need all the same */
	if (setting)
		return run_top_level(a, look);
	if (dbmig_token_called(&look->name, "page_size") ||
		dbmig_token_called(&look->name, "auto_vacuum"))
		return dbmig_second_remember(r, &a->second, look);
	return 0;
}

static int
run_script(alone *a)
{
	dbmig_run  *r = a->run;
	const char *p = r->step->text;

	for (;;)
	{
		dbmig_look	look;

		dbmig_statement_look(p, &look);
		if (look.sort == DBMIG_SORT_EMPTY)
			break;
		r->number++;
		r->start = look.start;
		if (run_one(a, &look) != 0)
			return -1;
		p = dbmig_statement_end(look.start);
	}
	if (a->block)
		return dbmig_run_fail(r, SQLITE_ERROR, NULL,
							  "the script ends without COMMIT");
	return 0;
}

static int
run_function(alone *a)
{
	dbmig_run  *r = a->run;
	int			ran;

	r->number = 1;
	if (look_again(a) != 0)
		return -1;
	if (is_skipped(a))
		return 0;
	if (dbmig_run_function(r, &ran) != 0)
		return -1;
	return record(a);
}

/* An error leaves no transaction of the function's behind. */
static int
end_stray(dbmig_run *r, int result)
{
	if (r->work->transaction != DBMIG_TRANSACTION_NONE ||
		sqlite3_get_autocommit(r->work->db))
		return result;
	if (result == 0)
		result = dbmig_run_fail(r, SQLITE_ERROR, NULL,
								"it has left a transaction open");
	sqlite3_exec(r->work->db, "ROLLBACK;", NULL, NULL, NULL);
	return result;
}

int
dbmig_alone_run(dbmig_run *r, int *statements)
{
	dbmig_work *work = r->work;
	alone		a;
	int			result;

	memset(&a, 0, sizeof(a));
	a.run = r;
	a.statements = statements;
	a.skip = r->step->skip;
	*statements = a.skip;
	work->alone = true;
	dbmig_foreign_keys_save(work);
	dbmig_flags_save(work);
	if (!r->step->function)
		dbmig_flag_set(work->db, SQLITE_DBCONFIG_ENABLE_FKEY,
					   r->step->foreign_keys);
	result = r->step->function ? run_function(&a) : run_script(&a);
	if (result != 0)
		dbmig_transaction_abort(r->call);
	result = end_stray(r, result);
	work->alone = false;
	dbmig_flags_restore(work);
	dbmig_foreign_keys_restore(work);
	dbmig_work_forget(work);
	if (result != 0)
		dbmig_work_note(work);
	else if (*statements < r->number)
		*statements = r->number;
	return result;
}
