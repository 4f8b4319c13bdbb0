/*
 * script.c
 *		The running of one step: a script, statement by statement, or a function.
 *
 * SQLite itself tells where a statement ends; what its first words are is
 * looked at before it runs (A6).  What is not plain DDL or DML may call the
 * program's functions, which can do anything: around these stands a savepoint,
 * and where it cannot be released, something has ended the transaction in a
 * way that the script did not show.  (Inside a statement that writes, SQLite
 * itself refuses to commit.)
 */
#include "dbmig_sqlite.h"

#include <string.h>

SQLITE_EXTENSION_INIT3

/* Step a statement to its end; its rows are nobody's. */
static int
step_through(sqlite3_stmt *stmt)
{
	int			rc;

	do
		rc = sqlite3_step(stmt);
	while (rc == SQLITE_ROW);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The guard must be ready whenever something can fail. */
static int
arm(dbmig_run *r)
{
	if (dbmig_guard_ready(r->work) != SQLITE_OK)
		return dbmig_run_fail_statement(r, false);
	return 0;
}

/*
 * Before a statement: what drops, or may call a function that does, works
 * only where nothing reads.  (What writes is a reader itself.)
 */
static int
prepare_guard(dbmig_run *r, const dbmig_look *look)
{
	static const char *const words[] = {
		"create", "insert", "update", "delete", "replace", "alter", "analyze",
		"pragma", "reindex", NULL
	};
	int			i;

	for (i = 0; words[i] != NULL; i++)
		if (dbmig_token_is(&look->keyword, words[i]))
			break;
	if ((words[i] != NULL ? dbmig_guard_hold(r->work) :
		 dbmig_guard_let_go(r->work)) != SQLITE_OK)
		return dbmig_run_fail_statement(r, false);
	return 0;
}

static int
control(dbmig_work *work, sqlite3_stmt **stmt, const char *sql)
{
	int			rc = SQLITE_OK;

	if (*stmt == NULL)
		rc = sqlite3_prepare_v2(work->db, sql, -1, stmt, NULL);
	if (rc == SQLITE_OK)
		rc = step_through(*stmt);
	if (rc != SQLITE_OK)
		rc = sqlite3_extended_errcode(work->db);
	sqlite3_reset(*stmt);
	return rc;
}

/*
 * Before what may do anything: its savepoint, and what it may change.  Where it
 * can end the transaction after all, what was applied before has its record.
 */
static int
be_guarded(dbmig_run *r)
{
	int			rc;

	if (r->work->kept.all)
		return 0;
	if (dbmig_queue_flush(r->work) != 0)
		return -1;
	rc = control(r->work, &r->work->savepoint, "SAVEPOINT dbmig_step");
	if (rc != SQLITE_OK)
		return dbmig_work_fail(r->work, rc, NULL);
	dbmig_flags_save(r->work);
	return 0;
}

/* Whether a statement of this kind leaves the schema as it is. */
static bool
keeps_schema(const dbmig_look *look)
{
	static const char *const words[] = {
		"insert", "update", "delete", "select", "with", "replace", NULL
	};
	int			i;

	for (i = 0; words[i] != NULL; i++)
		if (dbmig_token_is(&look->keyword, words[i]))
			return true;
	return false;
}

/* A parameter would be NULL: nobody binds it. */
static int
fail_parameter(dbmig_run *r, sqlite3_stmt *stmt)
{
	const char *name = sqlite3_bind_parameter_name(stmt, 1);
	const char *text = dbmig_printf(r->call, "the parameter \"%s\" has no value",
									name != NULL ? name : "?");

	return text == NULL ? -1 : dbmig_run_fail(r, SQLITE_ERROR, NULL, text);
}

/* Run the statement at start; *tail is the place behind it. */
static int
run_statement(dbmig_run *r, const char **tail)
{
	dbmig_work *work = r->work;
	sqlite3_stmt *stmt = NULL;
	int			result = 0;

	if (sqlite3_prepare_v2(work->db, r->start, -1, &stmt, tail) != SQLITE_OK)
		return dbmig_run_fail_statement(r, true);
	if (sqlite3_bind_parameter_count(stmt) > 0)
		result = fail_parameter(r, stmt);
	if (result == 0 && stmt != NULL && sqlite3_stmt_readonly(stmt))
		result = be_guarded(r);
	if (result == 0 && stmt != NULL && step_through(stmt) != SQLITE_OK)
		result = dbmig_run_fail_statement(r, false);
	sqlite3_finalize(stmt);
	if (result == 0 && work->transaction != DBMIG_TRANSACTION_NONE &&
		sqlite3_get_autocommit(work->db))
	{
		work->unsure = true;
		result = dbmig_run_fail(r, SQLITE_ERROR, NULL,
								"this statement has ended the transaction; what ran "
								"before it may be committed");
	}
	return result == 0 ? arm(r) : -1;
}

static int
remember_dropped(dbmig_run *r, const dbmig_look *look)
{
	r->dropped = dbmig_grow(r->call, r->dropped, r->dropped_count,
							&r->dropped_capacity, sizeof(*r->dropped));
	if (r->dropped == NULL)
		return -1;
	r->dropped[r->dropped_count] = dbmig_token_name(r->call, &look->name);
	return r->dropped[r->dropped_count++] == NULL ? -1 : 0;
}

static int
was_dropped(dbmig_run *r, const dbmig_look *look, bool *dropped)
{
	const char *name = dbmig_token_name(r->call, &look->name);
	size_t		i;

	if (name == NULL)
		return -1;
	*dropped = false;
	for (i = 0; i < r->dropped_count; i++)
		if (strcmp(r->dropped[i], name) == 0)
			*dropped = true;
	return 0;
}

/*
 * ALTER TABLE in the way of SQLite before 3.26, which leaves views and triggers
 * alone.  Foreign keys are on meanwhile, so that those of the table to itself
 * are renamed with it; no row is touched.
 */
static int
run_legacy_rename(dbmig_run *r, const char **tail)
{
	sqlite3    *db = r->work->db;
	bool		foreign_keys = dbmig_flag_get(db, SQLITE_DBCONFIG_ENABLE_FKEY);

	if (be_guarded(r) != 0)
		return -1;
	dbmig_flag_set(db, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, true);
	dbmig_flag_set(db, SQLITE_DBCONFIG_ENABLE_FKEY, true);
	if (arm(r) != 0 || run_statement(r, tail) != 0)
		return -1;				/* abort() puts the flags back */
	dbmig_flag_set(db, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, false);
	dbmig_flag_set(db, SQLITE_DBCONFIG_ENABLE_FKEY, foreign_keys);
	return arm(r);
}

/*
 * ALTER TABLE new RENAME TO old, where the script has dropped old: the end of
 * a table rebuild.  SQLite refuses it while a view or trigger elsewhere names
 * old, although with the rename everything fits again.  Then, and only then,
 * it is run once more in the old way.
 */
static int
run_rename(dbmig_run *r, const char **tail, const dbmig_look *look)
{
	sqlite3    *db = r->work->db;
	sqlite3_stmt *stmt = NULL;
	bool		dropped;
	bool		again;
	int			rc;

	if (was_dropped(r, look, &dropped) != 0)
		return -1;
	if (!dropped || dbmig_flag_get(db, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE))
		return run_statement(r, tail);

	if (sqlite3_prepare_v2(db, r->start, -1, &stmt, tail) != SQLITE_OK)
		return dbmig_run_fail_statement(r, true);
	rc = step_through(stmt);
	again = (rc & 0xFF) == SQLITE_ERROR && !sqlite3_get_autocommit(db) &&
		strncmp(sqlite3_errmsg(db), "error in ", 9) == 0;
	if (rc != SQLITE_OK && !again)
		dbmig_run_fail_statement(r, false);
	sqlite3_finalize(stmt);
	if (again)
		return run_legacy_rename(r, tail);
	return rc == SQLITE_OK ? arm(r) : -1;
}

/*
 * Turning foreign keys off hides violations that were to be settled by
 * COMMIT: they are looked for now.
 */
static int
set_foreign_keys(dbmig_run *r, bool on)
{
	sqlite3    *db = r->work->db;

	if (!on && dbmig_flag_get(db, SQLITE_DBCONFIG_ENABLE_FKEY) &&
		dbmig_fkeys_deferred(db))
	{
		if (dbmig_fkeys_after(r->work) != 0)
			return -1;
		return dbmig_run_fail(r, SQLITE_CONSTRAINT_FOREIGNKEY, NULL,
							  "deferred foreign keys are still violated");
	}
	if (dbmig_flag_get(db, SQLITE_DBCONFIG_ENABLE_FKEY) == on)
		return 0;
	if (dbmig_guard_hold(r->work) != SQLITE_OK)
		return dbmig_run_fail_statement(r, false);
	dbmig_flag_set(db, SQLITE_DBCONFIG_ENABLE_FKEY, on);
	return 0;
}

static int
run_pragma(dbmig_run *r, const char **tail, const dbmig_look *look)
{
	bool		skip;

	if (look->value.kind != DBMIG_TOKEN_END &&
		dbmig_token_called(&look->name, "foreign_keys"))
	{
		*tail = dbmig_statement_end(look->start);
		if (set_foreign_keys(r, dbmig_pragma_is_on(&look->value)) != 0)
			return -1;
		return arm(r);
	}
	if (be_guarded(r) != 0 || dbmig_pragma_before(r->work, look, &skip) != 0)
		return -1;
	if (!skip)
		return run_statement(r, tail);
	dbmig_run_notice(r, look, "it is the program's to set");
	*tail = dbmig_statement_end(look->start);
	return 0;
}

/* One statement that is neither transaction control nor top level. */
int
dbmig_run_statement(dbmig_run *r, const dbmig_look *look, const char **tail)
{
	if (!r->schema_changed)
		r->schema_changed = !keeps_schema(look);
	if (prepare_guard(r, look) != 0)
		return -1;
	switch (look->sort)
	{
		case DBMIG_SORT_PRAGMA:
			return run_pragma(r, tail, look);
		case DBMIG_SORT_RENAME_TABLE:
			return run_rename(r, tail, look);
		case DBMIG_SORT_DROP_TABLE:
			if (remember_dropped(r, look) != 0)
				return -1;
			break;
		case DBMIG_SORT_EMPTY:
		case DBMIG_SORT_SKIPPED:
		case DBMIG_SORT_REFUSED:
		case DBMIG_SORT_TOP_LEVEL:
		case DBMIG_SORT_ORDINARY:
			break;
	}
	return run_statement(r, tail);
}

static int
run_script(dbmig_run *r, int *statements)
{
	const char *p = r->step->text;

	for (;;)
	{
		dbmig_look	look;

		dbmig_statement_look(p, &look);
		if (look.sort == DBMIG_SORT_EMPTY)
			return 0;
		r->number++;
		r->start = look.start;
		if (look.sort == DBMIG_SORT_SKIPPED)
		{
			dbmig_run_notice(r, &look, "dbmig has the transaction");
			p = dbmig_statement_end(look.start);
			continue;
		}
		if (look.sort == DBMIG_SORT_REFUSED)
			return dbmig_run_refuse(r, DBMIG_BAD_VALUE, &look);
		if (look.sort == DBMIG_SORT_TOP_LEVEL)
			return dbmig_run_refuse(r, DBMIG_NOT_SUPPORTED, &look);
		if (dbmig_run_statement(r, &look, &p) != 0)
			return -1;
		(*statements)++;
	}
}

/* SELECT "f"(package, version) */
int
dbmig_run_function(dbmig_run *r, int *statements)
{
	const dbmig_step *step = r->step;
	sqlite3    *db = r->work->db;
	const char *rollback = step->direction == DBMIG_DOWN ? "rollback of " : "";
	char	   *missing = dbmig_printf(r->call, "no such function: %s", step->text);
	char	   *sql = sqlite3_mprintf("SELECT \"%w\"(?1, ?2)", step->text);
	sqlite3_stmt *stmt = NULL;
	int			rc;

	if (sql == NULL || missing == NULL)
	{
		sqlite3_free(sql);
		return dbmig_work_fail(r->work, SQLITE_NOMEM, NULL);
	}
	rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	sqlite3_free(sql);
	if (rc != SQLITE_OK && strcmp(sqlite3_errmsg(db), missing) == 0)
		return dbmig_fail(r->call, DBMIG_UNKNOWN,
						  r->work->home == NULL ?
						  "It is called with the package and the version, as two texts." :
						  "A tenant's file has a connection of its own, without the program's functions.",
						  "%smigration \"%s@%s\" needs the function \"%s\", which does not exist",
						  rollback, step->package, step->version, step->text);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 1, step->package, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 2, step->version, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK && be_guarded(r) != 0)
	{
		sqlite3_finalize(stmt);
		return -1;
	}
	if (rc == SQLITE_OK)
		rc = dbmig_guard_let_go(r->work);
	if (rc == SQLITE_OK)
		rc = step_through(stmt);
	if (rc != SQLITE_OK)
	{
		r->work->code = sqlite3_extended_errcode(db);
		dbmig_fail(r->call, DBMIG_ENGINE, NULL,
				   "%smigration \"%s@%s\", function \"%s\": %s (code %d)",
				   rollback, step->package, step->version, step->text,
				   sqlite3_errmsg(db), r->work->code);
	}
	sqlite3_finalize(stmt);
	if (rc != SQLITE_OK)
		return -1;
	if (r->work->transaction == DBMIG_TRANSACTION_NONE)
	{
		*statements = 1;
		return 0;
	}
	if (sqlite3_get_autocommit(db))
	{
		r->work->unsure = true;
		return dbmig_fail(r->call, DBMIG_BAD_CALLER,
						  "What ran before that may be committed; look at the database.",
						  "function \"%s\" of %smigration \"%s@%s\" has ended the transaction",
						  step->text, rollback, step->package, step->version);
	}
	*statements = 1;
	rc = dbmig_guard_arm(r->work);
	return rc == SQLITE_OK ? 0 : dbmig_work_fail(r->work, rc, NULL);
}

/* The step with the foreign keys that it asks for. */
static int
run_step(dbmig_run *r, int *statements)
{
	dbmig_work *work = r->work;
	sqlite3    *db = work->db;
	const dbmig_step *step = r->step;
	int			rc;

	if (!step->foreign_keys || dbmig_flag_get(db, SQLITE_DBCONFIG_ENABLE_FKEY))
	{
		if (dbmig_fkeys_deferred(db))
			return dbmig_fail(r->call, DBMIG_BAD_CALLER,
							  "Settle them, or commit, before migrations run.",
							  "this transaction has violated deferred foreign keys");
	}
	rc = dbmig_guard_hold(work);
	if (rc != SQLITE_OK)
		return dbmig_work_fail(work, rc, NULL);
	dbmig_flag_set(db, SQLITE_DBCONFIG_ENABLE_FKEY, step->foreign_keys);
	if ((step->function ? dbmig_run_function(r, statements) :
		 run_script(r, statements)) != 0)
		return -1;
	if (set_foreign_keys(r, false) != 0)
		return -1;
	if (!work->kept.all)
		return 0;
	rc = dbmig_guard_hold(work);	/* flags will be put back */
	if (rc == SQLITE_OK)
		rc = control(work, &work->release, "RELEASE dbmig_step");
	if ((rc & 0xFF) == SQLITE_ERROR)
	{
		work->unsure = true;
		return dbmig_fail(r->call, DBMIG_BAD_CALLER,
						  "What ran before that may be committed; look at the database.",
						  "%smigration \"%s@%s\" has ended the transaction",
						  step->direction == DBMIG_DOWN ? "rollback of " : "",
						  step->package, step->version);
	}
	if (rc != SQLITE_OK)
		return dbmig_work_fail(work, rc, NULL);
	return 0;
}

int
dbmig_script_run(dbmig_call *call, const dbmig_step *step, int *statements)
{
	dbmig_work *work = call->data;
	dbmig_run	r;
	int			rc;

	memset(&r, 0, sizeof(r));
	r.call = call;
	r.work = work;
	r.step = step;

	/* K1 is about each migration, also where several share a transaction */
	if (work->migrates && step->transactional && dbmig_fkeys_after(work) != 0)
		return -1;
	work->package = step->package;
	work->version = step->version;
	r.start = step->text;
	r.schema_changed = step->function;
	*statements = 0;

	/* the next step's begin looks whether the registry has changed */
	if (work->home != NULL && work->migrates)
		dbmig_work_unpin(work->home);
	if (step->function || dbmig_queue_named(step->text))
	{
		if (dbmig_queue_flush(work) != 0)
			return -1;
		if (!step->function)
			work->queue.off = true; /* it may make a view of dbmig's tables */
	}
	if (!step->transactional)
		return dbmig_alone_run(&r, statements);
	if (dbmig_fkeys_before(work) != 0)
		return -1;

	/* after a failure, abort() puts everything back, once it has undone all */
	dbmig_foreign_keys_save(work);
	if (run_step(&r, statements) != 0)
		return -1;
	dbmig_flags_restore(work);

	/* they would be compiled again, with a line in the program's log for each */
	if (r.schema_changed)
		dbmig_work_forget(work);
	rc = dbmig_guard_ready(work);
	return rc == SQLITE_OK ? 0 : dbmig_work_fail(work, rc, NULL);
}
