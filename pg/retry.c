/*
 * retry.c
 *		Tries a step again that did not get a lock (L2).
 *
 * In a transaction each try is a subtransaction, so that the locks it has taken
 * are gone before the pause.  alone.c tries a statement again in a new
 * transaction.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "dbmig_pg.h"

#define PAUSE_FIRST_MS 100
#define PAUSE_MOST_MS 10000

bool
dbmig_pg_may_retry(const dbmig_step *step, int code, int tries)
{
	return code == ERRCODE_LOCK_NOT_AVAILABLE && tries <= step->retries;
}

/* Says what went wrong with the tries-th try; gives the pause before the next. */
long
dbmig_pg_say_retry(const dbmig_step *step, const ErrorData *error, int tries)
{
	long		pause = PAUSE_FIRST_MS;

	for (int i = 1; i < tries && pause < PAUSE_MOST_MS; i++)
		pause = Min(pause * 2, PAUSE_MOST_MS);
	ereport(NOTICE,
			(errmsg("%s did not get a lock: retry %d of %d follows in %ld ms",
					dbmig_pg_describe(step), tries, step->retries, pause),
			 error->detail != NULL ? errdetail_internal("%s", error->detail) : 0));
	return pause;
}

static void
pause_here(long milliseconds)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
												  milliseconds);
	long		left;

	while ((left = (long) ((end - GetCurrentTimestamp() + 999) / 1000)) > 0)
	{
		CHECK_FOR_INTERRUPTS();
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 left, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	CHECK_FOR_INTERRUPTS();
}

int
dbmig_pg_run_tries(dbmig_call *call, dbmig_place *at, int *statements,
				   dbmig_try_fn run)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile int tries = 0;

	for (;;)
	{
		ErrorData  *volatile error = NULL;
		volatile int result = 0;

		tries++;
		BeginInternalSubTransaction(NULL);
		MemoryContextSwitchTo(context);
		PG_TRY();
		{
			result = run(call, at, statements);
			ReleaseCurrentSubTransaction();
		}
		PG_CATCH();
		{
			MemoryContextSwitchTo(context);
			error = CopyErrorData();
			FlushErrorState();
			dbmig_pg_running = false;
			RollbackAndReleaseCurrentSubTransaction();
		}
		PG_END_TRY();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (error == NULL)
			return result;
		if (!dbmig_pg_may_retry(at->step, error->sqlerrcode, tries))
			ReThrowError(error);
		pause_here(dbmig_pg_say_retry(at->step, error, tries));
		FreeErrorData(error);
		at->number = 0;
		at->statement = NULL;
		*statements = 0;
	}
}
