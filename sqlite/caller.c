/*
 * caller.c
 *		Whether this call may write here, before it does anything.
 *
 * While a statement of the same connection reads, DROP TABLE and much else
 * fails half-way, and while one writes, so does COMMIT.  A SELECT without FROM
 * is neither.  The tests below are exact, not guesses: in autocommit mode the
 * connection's transaction state is NONE unless somebody reads; inside a
 * transaction each busy statement is asked for its program.
 */
#include "dbmig_sqlite.h"

#include <string.h>

SQLITE_EXTENSION_INIT3

/* 1, 0, or -1 without memory: does this statement hold a table open? */
static int
reads_tables(dbmig_work *work, const char *sql)
{
	char	   *explain = dbmig_printf(work->call, "EXPLAIN %s", sql);
	sqlite3_stmt *stmt = NULL;
	int			reads = 0;

	if (explain == NULL)
		return -1;
	if (sqlite3_prepare_v2(work->db, explain, -1, &stmt, NULL) == SQLITE_OK)
		while (reads == 0 && sqlite3_step(stmt) == SQLITE_ROW)
		{
			const char *opcode = (const char *) sqlite3_column_text(stmt, 1);

			reads = opcode != NULL && strcmp(opcode, "Transaction") == 0;
		}
	sqlite3_finalize(stmt);
	return reads;
}

static int
refuse(dbmig_work *work, bool steps, const char *sql)
{
	size_t		length = strlen(sql);
	const char *more = "";
	const char *hint;

	if (length > 100)
	{
		length = 100;
		while (length > 0 && ((unsigned char) sql[length] & 0xC0) == 0x80)
			length--;
		more = "...";
	}
	hint = dbmig_printf(work->call, steps ?
						"Finish it, and call %s in a SELECT of its own, without FROM." :
						"Finish it, and call %s in a SELECT.", work->function);
	return dbmig_fail(work->call, DBMIG_BAD_CALLER, hint,
					  "a statement of this connection is still running: \"%.*s%s\"",
					  (int) length, sql, more);
}

/* On dqlite: every commit must be the client's own, or it is lost. */
bool
dbmig_caller_replicated(dbmig_work *work)
{
	sqlite3_vfs *vfs = NULL;

	return sqlite3_file_control(work->db, "main", SQLITE_FCNTL_VFS_POINTER,
								&vfs) == SQLITE_OK &&
		vfs != NULL && vfs->zName != NULL &&
		strncmp(vfs->zName, "dqlite", 6) == 0;
}

/* On dqlite each commit is the client's own, and nothing can be waited for. */
static int
refuse_replicated(dbmig_work *work, dbmig_mode mode)
{
	switch (mode)
	{
		case DBMIG_MODE_MIGRATE:
			return dbmig_fail(work->call, DBMIG_NOT_SUPPORTED,
							  "Send BEGIN IMMEDIATE, SELECT dbmig_apply(), then COMMIT.",
							  "dqlite commits for its clients only, not for %s",
							  work->function);
		case DBMIG_MODE_WAIT:
			return dbmig_fail(work->call, DBMIG_NOT_SUPPORTED,
							  "Ask dbmig_is_current from time to time.",
							  "%s would keep dqlite from everything else",
							  work->function);
		case DBMIG_MODE_APPLY:
		case DBMIG_MODE_REGISTER:
			break;
	}
	if (sqlite3_txn_state(work->db, "main") == SQLITE_TXN_WRITE)
		return 0;
	return dbmig_fail(work->call, DBMIG_BAD_CALLER,
					  "Send BEGIN IMMEDIATE, then this call, then COMMIT or ROLLBACK.",
					  "%s needs a transaction of the client on dqlite",
					  work->function);
}

/* The statements of this connection that are in the way. */
static int
check_statements(dbmig_work *work, bool steps)
{
	sqlite3    *db = work->db;
	bool		autocommit = sqlite3_get_autocommit(db) != 0;
	sqlite3_stmt *stmt = NULL;

	if (autocommit && sqlite3_txn_state(db, NULL) == SQLITE_TXN_NONE)
		return 0;
	while ((stmt = sqlite3_next_stmt(db, stmt)) != NULL)
	{
		int			reads = 1;

		if (!sqlite3_stmt_busy(stmt))
			continue;
		if (sqlite3_stmt_readonly(stmt))
		{
			if (!steps)
				continue;
			reads = reads_tables(work, sqlite3_sql(stmt));
		}
		if (reads < 0)
			return -1;
		if (reads > 0)
			return refuse(work, steps, sqlite3_sql(stmt));
	}
	if (steps && autocommit)
		return refuse(work, steps, "?");
	return 0;
}

/* What can never be done from here, whatever there is to do. */
int
dbmig_sqlite_caller(dbmig_call *call, dbmig_mode mode)
{
	dbmig_work *work = call->data;
	bool		steps = mode != DBMIG_MODE_REGISTER;
	bool		alone = mode == DBMIG_MODE_MIGRATE || mode == DBMIG_MODE_WAIT;
	struct dbmig_work *running = work->connection->running;

	if (work->home != NULL)
		return dbmig_tenant_caller(work);

	if (steps && running != NULL && running != work)
		return dbmig_fail(call, DBMIG_BAD_CALLER,
						  "Declare what it comes after with dbmig_after.",
						  mode == DBMIG_MODE_WAIT ?
						  "a migration cannot wait for migrations" :
						  "a migration cannot apply or roll back migrations");
	if (dbmig_caller_replicated(work) && refuse_replicated(work, mode) != 0)
		return -1;
	if (alone && !sqlite3_get_autocommit(work->db))
		return dbmig_fail(call, DBMIG_BAD_CALLER,
						  "Call it by itself, outside of a transaction.",
						  "%s cannot run in a transaction", work->function);
	work->waits = mode == DBMIG_MODE_WAIT;
	return check_statements(work, steps);
}

/* The same, and what cannot be written. */
int
dbmig_caller_check(dbmig_work *work, dbmig_mode mode)
{
	if (dbmig_sqlite_caller(work->call, mode) != 0)
		return -1;
	if (sqlite3_db_readonly(work->db, "main") == 1)
		return dbmig_fail(work->call, DBMIG_READ_ONLY,
						  "Open the file for writing.",
						  "the database is read-only");
	return 0;
}
