/*
 * transaction.c
 *		Transactions of the call's own, for dbmig_migrate and dbmig_wait.
 *
 * A CALL that is the only statement of its message may end its transaction, as
 * VACUUM does.  From then on a transaction is always begun, mostly idle: with
 * no snapshot, no lock of its own and no GUC nest level.  dbmig_pg_open() makes
 * it fit for dbmig's own SQL.  The portal of the CALL is active and outlives
 * them all, and with it the call's memory; but CurrentMemoryContext has to be
 * put right after each change.
 *
 * An error inside is caught where the core has to record it: kept, undone by
 * AbortCurrentTransaction(), and thrown at the end of the call as it was.  (Not
 * by SPI_rollback(), which finds snapshots that it did not count.)  A user that
 * a script has set is put aside while dbmig's own SQL runs, within one
 * transaction each time: nothing of it may outlive a commit.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#include "compat.h"
#include "dbmig_pg.h"

void
dbmig_pg_own(dbmig_pg *pg)
{
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	SPI_commit();
	SPI_finish();
	pg->own = true;
	pg->nest = -1;
	MemoryContextSwitchTo(pg->context);
}

void
dbmig_pg_open(dbmig_pg *pg)
{
	GetUserIdAndSecContext(&pg->script_user, &pg->script_context);
	if (pg->script_user != pg->user)
	{
		SetUserIdAndSecContext(pg->user, pg->script_context |
							   SECURITY_LOCAL_USERID_CHANGE);
		pg->switched = true;
	}
	pg->nest = NewGUCNestLevel();
	pg->safe = false;
}

/* Many a transaction has no SQL of dbmig's in it. */
void
dbmig_pg_connect(dbmig_pg *pg)
{
	if (!pg->safe)
		dbmig_pg_set_search_path(DBMIG_SAFE_PATH);
	pg->safe = true;
	SPI_connect();
}

void
dbmig_pg_next(dbmig_pg *pg)
{
	if (pg->switched)
		SetUserIdAndSecContext(pg->script_user, pg->script_context);
	pg->switched = false;
	pg->nest = -1;
	CommitTransactionCommand();
	StartTransactionCommand();
	MemoryContextSwitchTo(pg->context);
}

/*
 * An abort loses the locks of the session too.  Others who want them poll, so
 * that taking them again at once is sure enough to succeed; and whoever does
 * not hold them waits for them in the next begin().
 */
void
dbmig_pg_undo(dbmig_pg *pg)
{
	pg->switched = false;
	pg->nest = -1;
	AbortCurrentTransaction();
	StartTransactionCommand();
	MemoryContextSwitchTo(pg->context);
	if (pg->locked)
		(void) dbmig_pg_lock_again(pg);
}

/* Interrupts are served in the next transaction, where an error is no harm. */
void
dbmig_pg_sleep(dbmig_pg *pg, long milliseconds)
{
	if (pg->own)
	{
		if (pg->switched)
			SetUserIdAndSecContext(pg->script_user, pg->script_context);
		pg->switched = false;
		CommitTransactionCommand();
	}
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 milliseconds, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	if (pg->own)
	{
		StartTransactionCommand();
		MemoryContextSwitchTo(pg->context);
		dbmig_pg_open(pg);
	}
	CHECK_FOR_INTERRUPTS();
}

static const char *
copy(dbmig_pg *pg, const char *text)
{
	return text != NULL ? MemoryContextStrdup(pg->context, text) : NULL;
}

int
dbmig_pg_keep_error(dbmig_call *call, const dbmig_place *at)
{
	dbmig_pg   *pg = call->data;
	ErrorData  *error;

	MemoryContextSwitchTo(pg->context);
	error = CopyErrorData();
	FlushErrorState();
	if (pg->error != NULL || call->status != DBMIG_OK)
		return -1;
	pg->error = error;
	switch (error->sqlerrcode)
	{
		case ERRCODE_QUERY_CANCELED:
		case ERRCODE_ADMIN_SHUTDOWN:
		case ERRCODE_CRASH_SHUTDOWN:
			call->failure.interrupted = true;
	}
	call->failure.code = copy(pg, unpack_sql_state(error->sqlerrcode));
	call->failure.message = copy(pg, error->message);
	if (at != NULL && at->script != NULL)
	{
		call->failure.statement = at->number;
		call->failure.line = at->line;
	}
	return dbmig_fail(call, DBMIG_ENGINE, NULL, "%s",
					  error->message != NULL ? error->message : "error");
}

static void
add_commit_context(void *arg)
{
	dbmig_pg   *pg = arg;

	errcontext("commit of %s", pg->step);
}

int
dbmig_pg_commit(dbmig_call *call)
{
	dbmig_pg   *pg = call->data;
	ErrorContextCallback callback;
	volatile int result = 0;

	if (!pg->own)
		return 0;
	callback.callback = add_commit_context;
	callback.arg = pg;
	callback.previous = error_context_stack;
	if (pg->step != NULL)
		error_context_stack = &callback;
	PG_TRY();
	{
		dbmig_pg_next(pg);
	}
	PG_CATCH();
	{
		result = dbmig_pg_keep_error(call, NULL);
	}
	PG_END_TRY();
	error_context_stack = callback.previous;
	pg->step = NULL;
	return result;
}

void
dbmig_pg_abort(dbmig_call *call)
{
	dbmig_pg   *pg = call->data;

	if (!pg->own)
		return;
	pg->step = NULL;
	dbmig_pg_undo(pg);
}

int
dbmig_pg_pause(dbmig_call *call, double seconds)
{
	dbmig_pg_sleep(call->data, Max((long) (seconds * 1000.0), 1));
	return 0;
}
