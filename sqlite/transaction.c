/*
 * transaction.c
 *		Begin, commit and undo, in the caller's transaction or in our own.
 *
 * An interrupt (Ctrl-C) and a failed allocation are sticky: while the calling
 * SELECT runs, every statement that SQLite would have to compile or start
 * fails, ROLLBACK among them, and the program would be left in an open
 * transaction with half of the migrations in it.  What still works is to
 * start a writer that is compiled already: it fails at once with the sticky
 * error, and for a failing writer SQLite rolls everything back by itself.
 * This is the guard.  It is a BEGIN IMMEDIATE, because that looks at no table,
 * so that no change of the schema makes it stale; started without a sticky
 * error it does nothing but say that there is a transaction already.
 *
 * Some statements (CREATE INDEX, ALTER TABLE, ANALYZE) and every change of a
 * flag make it stale all the same, and compiling it again can be the very
 * allocation that fails.  So there is a second one, the holder: a reader that
 * has begun and is not ended, which nothing makes stale.  When it goes on
 * without memory it fails, and for a failing reader, too, SQLite rolls
 * everything back (not for an interrupt).  But DROP TABLE does not work
 * beside a reader, nor do functions of the program that drop one.  The rule:
 * at each moment the holder reads, or the guard is armed.
 *
 * Both kinds of transaction hold a savepoint of our name, by which one that
 * could not be ended is known again at the next call.
 */
#include "dbmig_sqlite.h"

#include <string.h>

SQLITE_EXTENSION_INIT3

static bool
is_stale(sqlite3_stmt *stmt)
{
#ifdef SQLITE_OMIT_DEPRECATED
	(void) stmt;
	return true;
#else
#ifndef SQLITE_CORE
	if (sqlite3_api->expired == NULL)
		return true;
#endif
	return sqlite3_expired(stmt) != 0;
#endif
}

/* After every statement that may have made it stale; SQLite's code. */
int
dbmig_guard_arm(dbmig_work *work)
{
	sqlite3_stmt *guard = NULL;
	int			rc;

	if (work->guard != NULL && !is_stale(work->guard))
		return SQLITE_OK;
	rc = sqlite3_prepare_v2(work->db, "BEGIN IMMEDIATE", -1, &guard, NULL);
	if (rc != SQLITE_OK)
		return sqlite3_extended_errcode(work->db);	/* the old one is kept */
	sqlite3_finalize(work->guard);
	work->guard = guard;
	return SQLITE_OK;
}

/* Before what can make the guard stale; SQLite's code. */
int
dbmig_guard_hold(dbmig_work *work)
{
	static const char sql[] = "SELECT 1 UNION ALL SELECT 1 FROM main.sqlite_schema";
	int			rc = SQLITE_OK;

	if (work->transaction == DBMIG_TRANSACTION_NONE ||
		(work->holder != NULL && sqlite3_stmt_busy(work->holder)))
		return SQLITE_OK;
	if (work->holder == NULL)
		rc = sqlite3_prepare_v2(work->db, sql, -1, &work->holder, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(work->holder);
	return rc == SQLITE_ROW ? SQLITE_OK : sqlite3_extended_errcode(work->db);
}

/* Before what does not work beside a reader; SQLite's code. */
int
dbmig_guard_let_go(dbmig_work *work)
{
	int			rc = dbmig_guard_arm(work);

	if (rc == SQLITE_OK)
		sqlite3_reset(work->holder);
	return rc;
}

/* Behind what may have made the guard stale; SQLite's code. */
int
dbmig_guard_ready(dbmig_work *work)
{
	if (work->holder != NULL && sqlite3_stmt_busy(work->holder))
		return SQLITE_OK;
	return dbmig_guard_arm(work);
}

/* Roll everything back although nothing can be run. */
static void
fire_guard(dbmig_work *work)
{
	sqlite3_stmt *stmt = NULL;

	if (work->holder != NULL && sqlite3_stmt_busy(work->holder))
	{
		sqlite3_step(work->holder);
		sqlite3_reset(work->holder);
	}
	if (sqlite3_get_autocommit(work->db))
		return;
	if (work->guard != NULL)
	{
		sqlite3_step(work->guard);
		sqlite3_reset(work->guard);
	}
	if (sqlite3_get_autocommit(work->db))
		return;

	/* the tokenizer looks for an interrupt at blanks: there are none */
	sqlite3_prepare_v2(work->db,
					   "UPDATE\"main\".\"dbmig_history\"SET\"name\"=(name)WHERE(0);",
					   -1, &stmt, NULL);
	if (stmt != NULL)
		sqlite3_step(stmt);
	sqlite3_finalize(stmt);
}

/* Run a statement, again and again while the database is locked. */
static int
exec_waiting(dbmig_work *work, const char *sql, bool begins)
{
	dbmig_wait	wait = {0, 0, 0, begins};
	int			rc;

	do
		rc = dbmig_work_exec(work, sql);
	while (dbmig_wait_more(work, &wait, rc));
	return rc;
}

static int
fail_to_begin(dbmig_work *work, int rc, bool waited)
{
	double		limit = work->call->settings.lock_timeout;

	if (!dbmig_is_locked(rc))
	{
		if ((rc & 0xFF) == SQLITE_READONLY)
			return dbmig_fail(work->call, DBMIG_READ_ONLY,
							  "Look at PRAGMA query_only, and at the rights of the file and its folder.",
							  "the database cannot be written");
		return dbmig_work_fail(work, rc, "could not begin to write");
	}
	if (!waited)
		return dbmig_fail(work->call, DBMIG_LOCKED,
						  "Begin with BEGIN IMMEDIATE, so that it can be waited for.",
						  "another connection is writing, and this transaction has already read");
	if (limit <= 0)
		return dbmig_fail(work->call, DBMIG_LOCKED,
						  "Try again, or have dbmig_set('lock_timeout', seconds) wait for it.",
						  "another connection is writing to the database");
	return dbmig_fail(work->call, DBMIG_LOCKED,
					  "Try again, or have dbmig_set('lock_timeout', seconds) wait longer.",
					  "another connection has been writing to the database for %g seconds",
					  limit);
}

/*
 * The caller's transaction gets the write lock now, not at some statement.  It
 * is waited for only where nothing was read yet: another writer cannot commit
 * while we hold a lock to read, or we would not see what it commits.
 */
static int
lock_joined(dbmig_work *work, bool wait)
{
	int			tries;
	int			rc = SQLITE_OK;

	for (tries = 0; tries < 2; tries++)
	{
		char	   *sql;

		if (sqlite3_txn_state(work->db, "main") == SQLITE_TXN_WRITE)
			return SQLITE_OK;
		sql = dbmig_tables_lock(work);
		if (sql == NULL)
			return SQLITE_NOMEM;
		/* fails, or changes nothing, where the schema in memory is old */
		rc = wait ? exec_waiting(work, sql, true) : dbmig_work_exec(work, sql);
		if (rc != SQLITE_OK && rc != SQLITE_ERROR)
			break;
	}
	return rc;
}

/*
 * The names differ where a migration calls a dbmig function, so that a name
 * stands for one savepoint.
 */
static int
set_savepoint(dbmig_work *work)
{
	work->nested = work->connection->running != NULL &&
		work->connection->running != work;
	return dbmig_work_exec(work, work->nested ? "SAVEPOINT dbmig_inner" :
						   "SAVEPOINT dbmig");
}

static int
release_savepoint(dbmig_work *work)
{
	return dbmig_work_exec(work, work->nested ? "RELEASE dbmig_inner" :
						   "RELEASE dbmig");
}

static int
undo_savepoint(dbmig_work *work)
{
	int			rc = dbmig_work_exec(work, work->nested ?
									 "ROLLBACK TO dbmig_inner" :
									 "ROLLBACK TO dbmig");

	return rc == SQLITE_OK ? release_savepoint(work) : rc;
}

/*
 * BEGIN IMMEDIATE locks every attached database, too, and one of these may be
 * the tenant that we hold already.
 */
static int
lock_own(dbmig_work *work)
{
	int			rc;

	if (!work->main_only)
		return exec_waiting(work, "BEGIN IMMEDIATE", true);
	rc = dbmig_work_exec(work, "BEGIN");
	return rc == SQLITE_OK ? lock_joined(work, true) : rc;
}

static int
begin_own(dbmig_work *work)
{
	int			rc = lock_own(work);

	if (rc != SQLITE_OK)
	{
		fail_to_begin(work, rc, true);
		if (!sqlite3_get_autocommit(work->db) &&
			dbmig_work_exec(work, "ROLLBACK") != SQLITE_OK)
			fire_guard(work);
		return -1;
	}
	work->transaction = DBMIG_TRANSACTION_OWN;
	rc = set_savepoint(work);
	if (rc != SQLITE_OK)
		return dbmig_work_fail(work, rc, "could not begin to write");
	return 0;
}

static int
begin_joined(dbmig_work *work)
{
	bool		wait = sqlite3_txn_state(work->db, "main") == SQLITE_TXN_NONE;
	int			rc = set_savepoint(work);

	if (rc != SQLITE_OK)
		return dbmig_work_fail(work, rc, "could not begin to write");
	work->transaction = DBMIG_TRANSACTION_JOINED;
	work->joined = true;
	rc = lock_joined(work, wait);
	return rc == SQLITE_OK ? 0 : fail_to_begin(work, rc, wait);
}

/*
 * Before a writing function first reads, in a transaction of the caller that
 * has not read yet: get the write lock, and change nothing.  Otherwise what
 * it reads would be in the way of the lock, see lock_joined().
 */
int
dbmig_transaction_reserve(dbmig_work *work)
{
	sqlite3    *db = work->db;
	int			rc;

	if (work->reserved || work->transaction != DBMIG_TRANSACTION_NONE)
		return 0;
	work->reserved = true;
	if (sqlite3_get_autocommit(db) ||
		sqlite3_txn_state(db, NULL) != SQLITE_TXN_NONE ||
		sqlite3_db_readonly(db, "main") == 1 || dbmig_caller_replicated(work))
		return 0;
	rc = dbmig_guard_arm(work);
	if (rc == SQLITE_OK)
		rc = set_savepoint(work);
	if (rc != SQLITE_OK)
		return fail_to_begin(work, rc, true);
	work->transaction = DBMIG_TRANSACTION_JOINED;
	rc = lock_joined(work, true);
	dbmig_transaction_abort(work->call);
	if (rc != SQLITE_OK && (rc & 0xFF) != SQLITE_READONLY)
		return fail_to_begin(work, rc, true);
	return 0;
}

/* Under the lock: whether others have written since the last time. */
int
dbmig_transaction_look(dbmig_work *work)
{
	sqlite3_stmt *stmt = NULL;
	sqlite3_int64 now = 0;
	int			rc;

	rc = sqlite3_prepare_v2(work->db, "PRAGMA main.data_version", -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		now = sqlite3_column_int64(stmt, 0);
	else
		dbmig_work_fail(work, sqlite3_extended_errcode(work->db),
						"could not begin to write");
	sqlite3_finalize(stmt);
	if (rc != SQLITE_ROW)
		return -1;
	if (work->data_version != 0 && work->data_version != now)
		work->call->moved = true;
	work->data_version = now;
	return 0;
}

/* A tenant's: the same of the registry, as it is from now on. */
static int
look_at_registry(dbmig_work *work, dbmig_mode mode)
{
	if (dbmig_tenant_registry(work) != 0)
		return -1;
	return mode == DBMIG_MODE_MIGRATE ? dbmig_transaction_look(work->home) : 0;
}

int
dbmig_transaction_begin(dbmig_call *call, dbmig_mode mode)
{
	dbmig_work *work = call->data;
	int			rc;

	if (mode == DBMIG_MODE_MIGRATE &&
		work->transaction == DBMIG_TRANSACTION_OWN)
	{
		work->inner++;			/* a record, with what it is of */
		return 0;
	}
	if (dbmig_caller_check(work, mode) != 0)
		return -1;
	if (work->call->status == DBMIG_OK)
		work->undone = DBMIG_TRANSACTION_NONE;

	/* who has the tenant may be about to write to the registry */
	if (work->home != NULL)
		dbmig_work_unpin(work->home);
	rc = dbmig_connection_complete(work->connection);
	if (rc == SQLITE_OK)
		rc = dbmig_guard_arm(work);
	if (rc != SQLITE_OK)
		return dbmig_work_fail(work, rc, "could not begin to write");
	if ((sqlite3_get_autocommit(work->db) ? begin_own(work) :
		 begin_joined(work)) != 0 ||
		dbmig_tables_make(work) != 0 ||
		(mode == DBMIG_MODE_MIGRATE && dbmig_transaction_look(work) != 0) ||
		(work->home != NULL && look_at_registry(work, mode) != 0))
	{
		dbmig_transaction_abort(call);
		return -1;
	}
	rc = dbmig_guard_arm(work);
	if (rc == SQLITE_OK && mode != DBMIG_MODE_REGISTER)
		rc = dbmig_guard_hold(work);
	if (rc != SQLITE_OK)
	{
		dbmig_work_fail(work, rc, "could not begin to write");
		dbmig_transaction_abort(call);
		return -1;
	}
	if (mode != DBMIG_MODE_REGISTER)
	{
		work->steps = true;
		work->migrates = mode == DBMIG_MODE_MIGRATE;
		work->connection->running = work;
	}
	return 0;
}

/* What is kept for one transaction. */
static void
ended(dbmig_work *work)
{
	if (!work->alone)
	{
		dbmig_flags_restore(work);
		dbmig_foreign_keys_restore(work);
	}
	dbmig_queue_clear(work);
	if (work->home != NULL)
		dbmig_work_unpin(work->home);
	work->deferred = NULL;
	work->fkeys.taken = false;
	work->fkeys.name_count = 0;
	work->fkeys.before_count = 0;
	work->transaction = DBMIG_TRANSACTION_NONE;
	if (work->steps && !work->migrates)
		work->connection->running = NULL;
	work->steps = false;
}

/* The last of the transactions of DBMIG_MODE_MIGRATE is over. */
void
dbmig_transaction_release(dbmig_call *call)
{
	dbmig_work *work = call->data;

	if (work->migrates)
		work->connection->running = NULL;
	work->migrates = false;
}

int
dbmig_transaction_commit(dbmig_call *call)
{
	dbmig_work *work = call->data;
	int			rc;

	if (work->inner > 0)
	{
		work->inner--;
		return 0;
	}
	if (dbmig_queue_flush(work) != 0 || dbmig_fkeys_after(work) != 0 ||
		(work->home != NULL && dbmig_tenant_keep(work) != 0))
		return -1;

	/* a reader of this connection would keep a WAL from its checkpoint */
	rc = dbmig_guard_let_go(work);
	if (rc != SQLITE_OK)
		return dbmig_work_fail(work, rc, "could not commit");
	if (work->transaction == DBMIG_TRANSACTION_OWN)
		rc = exec_waiting(work, "COMMIT", false);
	else
		rc = release_savepoint(work);
	if (rc == SQLITE_OK)
	{
		ended(work);
		return 0;
	}
	if ((rc & 0xFF) == SQLITE_BUSY)
		return dbmig_fail(call, DBMIG_LOCKED,
						  "Try again when the readers have finished.",
						  "other connections are still reading the database");
	return dbmig_work_fail(work, rc, "could not commit");
}

/* Undo everything; also where there is nothing to undo. */
void
dbmig_transaction_abort(dbmig_call *call)
{
	dbmig_work *work = call->data;
	int			rc;

	if (work->inner > 0)
	{
		work->inner--;
		return;
	}
	if (work->transaction == DBMIG_TRANSACTION_NONE)
		return;
	dbmig_work_note(work);
	if (work->undone == DBMIG_TRANSACTION_NONE)
	{
		work->undone = work->transaction;
		work->undone_alone = work->alone;
	}
	if (!sqlite3_get_autocommit(work->db))
	{
		if (work->transaction == DBMIG_TRANSACTION_OWN)
			rc = dbmig_work_exec(work, "ROLLBACK");
		else
			rc = undo_savepoint(work);
		if (rc != SQLITE_OK)
			fire_guard(work);
		if (rc != SQLITE_OK && !sqlite3_get_autocommit(work->db))
		{
			work->damaged = true;
			if (!work->nested)
				work->connection->left_open = work->transaction;
		}
	}
	sqlite3_reset(work->holder);
	ended(work);
}

/*
 * At the start of each call: end a transaction that an earlier call could not,
 * if it is still there.
 */
void
dbmig_transaction_clean(dbmig_connection *connection)
{
	sqlite3    *db = connection->db;
	dbmig_transaction left_open = connection->left_open;

	if (connection->running != NULL)
		return;
	if (connection->saved != NULL)
		dbmig_pragmas_restore(connection);
	connection->left_open = DBMIG_TRANSACTION_NONE;
	if (left_open == DBMIG_TRANSACTION_NONE || sqlite3_get_autocommit(db) ||
		sqlite3_exec(db, "ROLLBACK TO dbmig", NULL, NULL, NULL) != SQLITE_OK)
		return;
	sqlite3_exec(db, left_open == DBMIG_TRANSACTION_OWN ? "ROLLBACK" :
				 "RELEASE dbmig", NULL, NULL, NULL);
}
