/*
 * dbmig_pg.c
 *		The PostgreSQL host: settings, memory, errors, and who may call.
 *
 * The transaction is the caller's, and an error undoes it: so commit() and
 * abort() have nothing to do, but for calls with transactions of their own
 * (transaction.c).  A call's memory is a child of the caller's
 * context; after an error it is left to the abort, which still looks at what
 * was allocated there (descriptors, snapshots) before it frees contexts.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "dbmig_pg.h"

#pragma GCC visibility push(default)
PG_MODULE_MAGIC;
extern void _PG_init(void);
#pragma GCC visibility pop

bool		dbmig_pg_running = false;
char	   *dbmig_pg_client_host = NULL;

static double lock_timeout = DBMIG_LOCK_TIMEOUT_DEFAULT;
static int	retries = 0;
static int	out_of_order = 0;
static int	changed = 0;
static bool progress_wanted = true;

static const struct config_enum_entry out_of_order_words[] = {
	{"refuse", 0, false},
	{"apply", 1, false},
	{NULL, 0, false}
};

static const struct config_enum_entry changed_words[] = {
	{"refuse", 0, false},
	{"accept", 1, false},
	{NULL, 0, false}
};

void
_PG_init(void)
{
	DefineCustomRealVariable("dbmig.lock_timeout",
							 "How long dbmig waits for another session that applies or registers, and a migration for a lock.",
							 "0 does not wait.",
							 &lock_timeout,
							 DBMIG_LOCK_TIMEOUT_DEFAULT, 0.0,
							 DBMIG_LOCK_TIMEOUT_MAX,
							 PGC_USERSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("dbmig.retries",
							"How many times a migration that did not get a lock is tried again.",
							NULL, &retries, 0, 0, DBMIG_RETRIES_MAX,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("dbmig.out_of_order",
							 "What dbmig does with a pending version below an applied one.",
							 NULL, &out_of_order, 0, out_of_order_words,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("dbmig.changed",
							 "What dbmig does with another text for an applied migration.",
							 NULL, &changed, 0, changed_words,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("dbmig.progress",
							 "Whether dbmig gives a notice for each migration.",
							 NULL, &progress_wanted, true,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("dbmig.client_host",
							   "The host, or host:port, in the connection strings of tenants.",
							   "Empty: the address that the session has come in by.",
							   &dbmig_pg_client_host, "",
							   PGC_USERSET, 0, NULL, NULL, NULL);
	compat_reserve_prefix("dbmig");
}

void
dbmig_pg_settings(dbmig_settings *settings)
{
	settings->lock_timeout = lock_timeout;
	settings->retries = retries;
	settings->out_of_order = out_of_order != 0;
	settings->accept_changed = changed != 0;
}

/* No default: the compiler finds the status that is missing. */
static int
sqlstate(dbmig_status status)
{
	switch (status)
	{
		case DBMIG_OK:
		case DBMIG_ENGINE:
			break;
		case DBMIG_NO_MEMORY:
			return ERRCODE_OUT_OF_MEMORY;
		case DBMIG_NULL_VALUE:
			return ERRCODE_NULL_VALUE_NOT_ALLOWED;
		case DBMIG_BAD_VALUE:
			return ERRCODE_INVALID_PARAMETER_VALUE;
		case DBMIG_UNKNOWN:
			return ERRCODE_UNDEFINED_OBJECT;
		case DBMIG_DUPLICATE:
			return ERRCODE_DUPLICATE_OBJECT;
		case DBMIG_CYCLE:
			return ERRCODE_INVALID_OBJECT_DEFINITION;
		case DBMIG_CHANGED:
		case DBMIG_NOT_READY:
			return ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
		case DBMIG_NEEDED:
			return ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST;
		case DBMIG_LOCKED:
			return ERRCODE_LOCK_NOT_AVAILABLE;
		case DBMIG_BAD_CALLER:
			return ERRCODE_ACTIVE_SQL_TRANSACTION;
		case DBMIG_NOT_SUPPORTED:
			return ERRCODE_FEATURE_NOT_SUPPORTED;
		case DBMIG_READ_ONLY:
			return ERRCODE_READ_ONLY_SQL_TRANSACTION;
		case DBMIG_NO_RIGHT:
			return ERRCODE_INSUFFICIENT_PRIVILEGE;
		case DBMIG_NO_FILE:
			return ERRCODE_UNDEFINED_FILE;
		case DBMIG_IO:
			return ERRCODE_IO_ERROR;
		case DBMIG_SERIALIZE:
			return ERRCODE_T_R_SERIALIZATION_FAILURE;
		case DBMIG_DAMAGED:
			return ERRCODE_DATA_CORRUPTED;
	}
	return ERRCODE_INTERNAL_ERROR;
}

void
dbmig_pg_raise(dbmig_call *call)
{
	dbmig_pg   *pg = call->data;
	const char *code = call->failure.code;
	int			state = pg->sqlstate;

	if (pg->error != NULL)
		ReThrowError(pg->error);
	if (call->status == DBMIG_ENGINE && code != NULL)
		state = MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4]);
	ereport(ERROR,
			(errcode(state != 0 ? state : sqlstate(call->status)),
			 errmsg_internal("%s", call->message != NULL ?
							 call->message : "unknown error"),
			 call->hint != NULL ? errhint("%s", call->hint) : 0,
			 pg->first_context != NULL && pg->first_context[0] != '\0' ?
			 errcontext_msg("%s", pg->first_context) : 0));
	pg_unreachable();
}

void
dbmig_pg_set_search_path(const char *path)
{
	(void) set_config_option("search_path", path, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

static void *
host_alloc(dbmig_call *call, size_t size)
{
	return MemoryContextAllocExtended(((dbmig_pg *) call->data)->context, size,
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
}

static void
host_free(dbmig_call *call, void *p)
{
	(void) call;
	pfree(p);
}

/*
 * Citus keeps its node's number here; 0 is the coordinator.  On a worker the
 * tables are there but stay empty, so that even looking would mislead.
 */
int
dbmig_pg_check_place(dbmig_call *call)
{
	dbmig_pg   *pg = call->data;
	bool		worker = false;

	if (pg->place_checked)
		return 0;
	pg->place_checked = true;

	/* Citus runs the scripts of extensions on every node: these register */
	if (creating_extension ||
		!OidIsValid(get_relname_relid("pg_dist_local_group",
									  PG_CATALOG_NAMESPACE)))
		return 0;
	PushActiveSnapshot(GetTransactionSnapshot());
	dbmig_pg_connect(pg);
	if (SPI_execute("SELECT 1 FROM pg_catalog.pg_dist_local_group"
					" WHERE groupid <> 0", true, 1) == SPI_OK_SELECT)
		worker = SPI_processed > 0;
	SPI_finish();
	PopActiveSnapshot();
	if (worker)
		return dbmig_fail(call, DBMIG_NOT_SUPPORTED,
						  "Call it on the coordinator, which has the registry and the history.",
						  "dbmig does not work on a worker node of Citus");
	return 0;
}

/* The words for a caller that can never do this, or NULL. */
static const char *
refused_caller(dbmig_mode mode, const char **hint)
{
	if (mode == DBMIG_MODE_REGISTER)
		return NULL;
	if (dbmig_pg_running)
	{
		*hint = "Declare what it comes after with dbmig_after.";
		return mode == DBMIG_MODE_WAIT ?
			"a migration cannot wait for migrations" :
			"a migration cannot apply or roll back migrations";
	}
	if (creating_extension)
	{
		*hint = "Register the migrations in the script, and apply them after it.";
		return "an extension's script cannot apply or roll back migrations";
	}
	return NULL;
}

static int
host_caller(dbmig_call *call, dbmig_mode mode)
{
	dbmig_pg   *pg = call->data;
	const char *hint = NULL;
	const char *refused;

	if (pg->own)
		return 0;
	refused = refused_caller(mode, &hint);
	if (refused != NULL)
		return dbmig_fail(call, DBMIG_BAD_CALLER, hint, "%s", refused);
	if (mode != DBMIG_MODE_MIGRATE && mode != DBMIG_MODE_WAIT)
		return 0;

	/* what has written may be part of something that is not to be cut */
	if (!pg->top || TransactionIdIsValid(GetTopTransactionIdIfAny()))
	{
		pg->sqlstate = ERRCODE_INVALID_TRANSACTION_TERMINATION;
		return dbmig_fail(call, DBMIG_BAD_CALLER,
						  "Call it by itself, outside of a transaction block.",
						  "%s cannot run in a transaction block, function or procedure",
						  pg->function);
	}
	if (mode == DBMIG_MODE_WAIT)
	{
		dbmig_pg_own(pg);
		pg->waiting = true;
		dbmig_pg_open(pg);
	}
	return 0;
}

static int
host_begin(dbmig_call *call, dbmig_mode mode)
{
	dbmig_pg   *pg = call->data;

	if (RecoveryInProgress())
		return dbmig_fail(call, DBMIG_READ_ONLY,
						  "Call it on the primary server.",
						  "this server is a standby");
	if (host_caller(call, mode) != 0)
		return -1;
	if (mode == DBMIG_MODE_MIGRATE && !pg->own)
		dbmig_pg_own(pg);
	if (XactReadOnly)
		return dbmig_fail(call, DBMIG_READ_ONLY,
						  "Begin the transaction with READ WRITE, and look at default_transaction_read_only.",
						  "this transaction is read-only");
	if (pg->own)
		dbmig_pg_open(pg);
	if (dbmig_pg_check_place(call) != 0)
	{
		dbmig_pg_abort(call);
		return -1;
	}
	return 0;
}

static int
host_progress(dbmig_call *call, const dbmig_progress *progress)
{
	(void) call;
	if (progress_wanted)
		ereport(NOTICE,
				(errmsg_internal(DBMIG_PROGRESS_FORMAT,
								 DBMIG_PROGRESS_ARGS(progress))));
	CHECK_FOR_INTERRUPTS();
	return 0;
}

/* With all that the server said of it. */
static void
host_warn(dbmig_call *call, const char *text)
{
	dbmig_pg   *pg = call->data;
	const ErrorData *error = pg->error;
	const char *hint = error != NULL ? error->hint : call->hint;
	const char *where = error != NULL ? error->context : NULL;

	/* psql shows it with an error only: the one at the end says it, too */
	if (call->status != DBMIG_OK && pg->first_context == NULL)
		pg->first_context = MemoryContextStrdup(pg->context, where != NULL ? where : "");
	ereport(WARNING,
			(errcode(error != NULL ? error->sqlerrcode : sqlstate(call->status)),
			 errmsg_internal("%s", text),
			 error != NULL && error->detail != NULL ?
			 errdetail_internal("%s", error->detail) : 0,
			 hint != NULL ? errhint("%s", hint) : 0,
			 where != NULL ? errcontext_msg("%s", where) : 0));
}

static int
host_set(dbmig_call *call, const char *name, const char *value)
{
	(void) call;
	SetConfigOption(psprintf("dbmig.%s", name), value, PGC_USERSET,
					PGC_S_SESSION);
	return 0;
}

const dbmig_host dbmig_pg_host = {
	.engine = "postgres",
	.migrate = "CALL dbmig_migrate",
	.keeps_locks = true,
	.has_clients = true,
	.alloc = host_alloc,
	.free = host_free,
	.query = dbmig_pg_query,
	.caller = host_caller,
	.begin = host_begin,
	.lock = dbmig_pg_lock,
	.commit = dbmig_pg_commit,
	.abort = dbmig_pg_abort,
	.release = dbmig_pg_release,
	.role = dbmig_pg_role,
	.run = dbmig_pg_run,
	.inspect = dbmig_pg_inspect,
	.pause = dbmig_pg_pause,
	.progress = host_progress,
	.warn = host_warn,
	.set = host_set,
	.enter = dbmig_pg_enter,
	.leave = dbmig_pg_leave
};
