/*
 * blockers.c
 *		How long a step waits for a lock, and who it waits for (L1).
 *
 * When lock_timeout fires the server leaves the lock's queue before it throws,
 * and with that the lock is forgotten.  So while a timeout is set a timer of
 * ours, with a period well below it, notes from the signal's handler what this
 * process waits for: at least once in each wait that is timed out.  When the
 * error is thrown its lock is known, and the lock table tells who holds it, or
 * asked for it before us.
 */
#include "postgres.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/guc_tables.h"
#include "utils/memutils.h"
#include "utils/timeout.h"

#include "compat.h"
#include "dbmig_pg.h"

/* A shorter timeout could fire between two looks. */
#define TIMEOUT_LEAST_MS 10
#define PERIOD_LEAST_MS 2
#define PERIOD_MOST_MS 20

/* So much of a query is shown. */
#define SHOWN 200

static bool registered = false;
static TimeoutId timer;
static int	period = 0;			/* milliseconds; 0: not set */
static bool sees_all = false;	/* the caller sees what others run */
static Oid	caller = InvalidOid;

/* What was waited for last; written by the signal's handler. */
static volatile bool was_waiting = false;
static LOCKTAG wanted;
static LOCKMODE wanted_mode;

/*
 * In a signal's handler, also while the process ends.  Only this process takes its request out of a lock's
 * queue, or gives back what it was granted: the lock stays where it is as long
 * as the handler runs.
 */
static void
look(void)
{
	PGPROC	   *proc = MyProc;
	LOCK	   *lock = proc != NULL ? proc->waitLock : NULL;

	if (lock != NULL)
	{
		wanted = lock->tag;
		wanted_mode = proc->waitLockMode;
		was_waiting = true;
	}
	compat_timeout_again(timer, period);
}

/* Before each statement: the one before may have set lock_timeout. */
void
dbmig_pg_watch_locks(void)
{
	int			wanted_period = LockTimeout <= 0 ? 0 :
	Min(Max(LockTimeout / 4, PERIOD_LEAST_MS), PERIOD_MOST_MS);

	was_waiting = false;
	if (wanted_period == period)
		return;
	if (!registered)
		timer = RegisterTimeout(USER_TIMEOUT, look);
	registered = true;
	if (period > 0)
		disable_timeout(timer, false);
	period = wanted_period;
	if (period > 0)
		compat_timeout_every(timer, period);
}

void
dbmig_pg_watch_end(void)
{
	if (period > 0)
		disable_timeout(timer, false);
	period = 0;
	was_waiting = false;
}

/*
 * Whether the session has a lock_timeout of its own, which a step keeps to: one
 * that is not 0, or that was set in the session.  Scripts do not change that.
 */
static bool
has_own_timeout(dbmig_pg *pg)
{
	if (!pg->timeout_known)
	{
		int			count;
		struct config_generic **variables = compat_guc_variables(&count);

		pg->own_timeout = LockTimeout != 0;
		for (int i = 0; i < count && !pg->own_timeout; i++)
			pg->own_timeout = strcmp(variables[i]->name, "lock_timeout") == 0 &&
				variables[i]->source == PGC_S_SESSION;
		pg->timeout_known = true;
	}
	return pg->own_timeout;
}

static void
set_timeout(int64 milliseconds, GucAction action)
{
	char		text[32];

	snprintf(text, sizeof(text), INT64_FORMAT,
			 Max(milliseconds, TIMEOUT_LEAST_MS));
	(void) set_config_option("lock_timeout", text, PGC_USERSET, PGC_S_SESSION,
							 action, true, 0, false);
}

void
dbmig_pg_set_lock_timeout(dbmig_call *call, const dbmig_step *step,
						  bool nested)
{
	dbmig_pg   *pg = call->data;
	bool		own = has_own_timeout(pg);

	/* not where the error is thrown: it looks into catalogs */
	if (!pg->sight_known)
	{
		caller = pg->user;
		sees_all = has_privs_of_role(caller, COMPAT_READ_ALL_STATS);
		pg->sight_known = true;
	}
	if (step->lock_timeout >= 0)
		set_timeout(step->lock_timeout,
					nested ? GUC_ACTION_SAVE : GUC_ACTION_SET);
	else if (nested && !own)
		set_timeout((int64) (call->settings.lock_timeout * 1000.0),
					GUC_ACTION_SAVE);
	dbmig_pg_watch_locks();
}

static const char *
state_words(BackendState state)
{
	switch (state)
	{
		case STATE_IDLEINTRANSACTION:
		case STATE_IDLEINTRANSACTION_ABORTED:
			return ", idle in transaction";
		case STATE_IDLE:
			return ", idle";
		default:
			return "";
	}
}

/* What it runs, as far as the caller may see that. */
static void
describe_process(StringInfo text, int pid)
{
	int			count = pgstat_fetch_stat_numbackends();

	for (int i = 1; i <= count; i++)
	{
		LocalPgBackendStatus *local = compat_backend_entry(i);
		PgBackendStatus *entry = local != NULL ? &local->backendStatus : NULL;
		char	   *query;
		int			length;
		int			shown;

		if (entry == NULL || entry->st_procpid != pid)
			continue;
		if (!sees_all && entry->st_userid != caller)
			return;
		if (entry->st_appname != NULL && entry->st_appname[0] != '\0')
			appendStringInfo(text, ", application \"%s\"", entry->st_appname);
		appendStringInfoString(text, state_words(entry->st_state));
		query = pgstat_clip_activity(entry->st_activity_raw);
		length = strlen(query);
		shown = pg_mbcliplen(query, length, SHOWN);
		if (length > 0)
			appendStringInfo(text, ", query \"%.*s%s\"", shown, query,
							 shown < length ? "..." : "");
		return;
	}
}

/* Whether it has a lock that ours conflicts with; queued: or has asked for it. */
static bool
is_in_the_way(const LockInstanceData *instance, bool queued)
{
	if (instance->pid == MyProcPid || instance->leaderPid == MyProcPid ||
		memcmp(&instance->locktag, &wanted, sizeof(LOCKTAG)) != 0)
		return false;
	if (queued)
		return instance->waitLockMode != NoLock &&
			DoLockModesConflict(wanted_mode, instance->waitLockMode);
	for (LOCKMODE mode = 1; mode < MAX_LOCKMODES; mode++)
		if ((instance->holdMask & LOCKBIT_ON(mode)) != 0 &&
			DoLockModesConflict(wanted_mode, mode))
			return true;
	return false;
}

/*
 * A line for each process.  One that only waits itself is in the way where
 * nobody that holds the lock is.
 */
static void
describe_all(StringInfo text)
{
	LockData   *locks = GetLockStatusData();

	pgstat_clear_snapshot();
	for (int queued = 0; queued < 2 && text->len == 0; queued++)
		for (int i = 0; i < locks->nelements; i++)
		{
			LockInstanceData *instance = &locks->locks[i];

			if (!is_in_the_way(instance, queued != 0))
				continue;
			if (text->len > 0)
				appendStringInfoChar(text, '\n');
			if (instance->pid == 0)
			{
				appendStringInfoString(text, "A prepared transaction blocks it.");
				continue;
			}
			appendStringInfo(text, "Process %d %s", instance->pid,
							 queued ? "waits before it" : "blocks it");
			describe_process(text, instance->pid);
			appendStringInfoChar(text, '.');
		}
	if (text->len == 0)
		appendStringInfoString(text, "Nobody blocks it any more.");
}

/* From an error's context callback, for an error that is being thrown. */
void
dbmig_pg_add_blockers(void)
{
	MemoryContext context;
	MemoryContext old;
	StringInfoData text;

	if (geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE || !was_waiting)
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "dbmig blockers",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	initStringInfo(&text);
	describe_all(&text);
	MemoryContextSwitchTo(old);
	errdetail_internal("%s", text.data);
	errhint("The option lock_timeout is how many seconds a migration waits for a lock, the option retries how often it is tried again.");
	MemoryContextDelete(context);
}
