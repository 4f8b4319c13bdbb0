/*
 * fake.c
 *		The fake host: every member counts as a call, and can be made to fail,
 *		by a code or by not returning at all.
 */
#define _POSIX_C_SOURCE 200809L

#include "fake.h"

#include <ctype.h>
#include <time.h>

static fake *
db_of(dbmig_call *call)
{
	return call->data;
}

/* Counts a call; gives true where it is the one to fail. */
static bool
is_fault(dbmig_call *call)
{
	fake	   *db = db_of(call);

	if (++db->calls != db->fail_at)
		return false;
	if (db->jumps)
		longjmp(db->jump, 1);
	return true;
}

static int
fault(dbmig_call *call)
{
	return dbmig_fail(call, DBMIG_ENGINE, NULL, "the fake host failed");
}

static void *
fake_alloc(dbmig_call *call, size_t size)
{
	if (is_fault(call))
		return NULL;
	db_of(call)->blocks++;
	return malloc(size);
}

static void
fake_free(dbmig_call *call, void *p)
{
	db_of(call)->blocks--;
	free(p);
}

static int
fake_query(dbmig_call *call, dbmig_sql id, const dbmig_value *params,
		   dbmig_row_fn row, void *arg)
{
	if (is_fault(call))
		return fault(call);
	return fake_tables_query(db_of(call), id, params, row, arg);
}

static int
fake_caller(dbmig_call *call, dbmig_mode mode)
{
	(void) mode;
	return is_fault(call) ? fault(call) : 0;
}

static int
fake_begin(dbmig_call *call, dbmig_mode mode)
{
	fake	   *db = db_of(call);

	(void) mode;
	if (is_fault(call))
		return fault(call);
	assert_false(db->in_transaction);
	if (db->meanwhile != NULL && --db->meanwhile_in == 0)
	{
		db->meanwhile(db);
		call->moved = true;
	}
	db->in_transaction = true;
	db->before = db->now;
	strcat(db->log, "begin ");
	return 0;
}

static int
fake_lock(dbmig_call *call, dbmig_lock lock, const char *tenant)
{
	static const char *const names[] = {"registry", "texts", "tenant"};
	fake	   *db = db_of(call);

	if (is_fault(call))
		return fault(call);
	assert_true(db->in_transaction);
	if (db->held[0] != '\0' && strcmp(db->held, tenant) == 0)
	{
		if (call->settings.lock_timeout >= 0)
			db->held[0] = '\0'; /* the other has come to its end */
		else
			return dbmig_fail(call, DBMIG_LOCKED, NULL, "somebody has it");
	}
	sprintf(db->log + strlen(db->log), "lock-%s%s ", names[lock], tenant);
	return 0;
}

static int
fake_commit(dbmig_call *call)
{
	fake	   *db = db_of(call);

	if (is_fault(call))
		return fault(call);
	assert_true(db->in_transaction);
	if (db->readers > 0)
	{
		db->readers--;
		return dbmig_fail(call, DBMIG_LOCKED, NULL, "others are reading");
	}
	db->in_transaction = false;
	db->commits++;
	strcat(db->log, "commit ");
	return 0;
}

static void
fake_abort(dbmig_call *call)
{
	fake	   *db = db_of(call);

	assert_true(db->in_transaction);
	db->in_transaction = false;
	db->now = db->before;
	strcat(db->log, "abort ");
}

static void
fake_release(dbmig_call *call)
{
	strcat(db_of(call)->log, "release ");
}

static int
fake_pause(dbmig_call *call, double seconds)
{
	assert_true(seconds > 0);
	return is_fault(call) ? fault(call) : 0;
}

/*
 * A step outside of a transaction: each character of its text is a statement,
 * and 'x' one that fails as long as the host is told so.
 */
static int
run_alone(dbmig_call *call, const dbmig_step *step, int *statements)
{
	fake	   *db = db_of(call);
	int			i;

	assert_false(db->in_transaction);
	*statements = step->skip;
	for (i = step->skip; step->text[i] != '\0'; i++)
	{
		if (step->text[i] == 'x' && !db->x_works)
			return dbmig_fail(call, DBMIG_ENGINE, NULL, "x in statement %d", i + 1);
		sprintf(db->now.effects + strlen(db->now.effects), "%c;", step->text[i]);
		*statements = i + 1;
		if (dbmig_step_done(call, step, i + 1) != 0)
			return -1;
	}
	return 0;
}

/* There is nobody who can be "nobody". */
static int
fake_role(dbmig_call *call, const char *role)
{
	if (is_fault(call))
		return fault(call);
	return strcmp(role, "nobody") != 0 ? 0 :
		dbmig_fail(call, DBMIG_UNKNOWN, NULL, "role \"%s\" does not exist", role);
}

/* What a step is told of its options. */
static void
keep_options(fake *db, const dbmig_step *step)
{
	snprintf(db->options, sizeof(db->options), "%s|%s|%d|%d",
			 step->role != NULL ? step->role : "",
			 step->search_path != NULL ? step->search_path : "",
			 (int) step->lock_timeout, step->retries);
}

/*
 * A script is kept as its effect; "boom" is one that fails, "fails for x" one
 * that fails in that tenant, "stop" one that somebody interrupts, and "slow"
 * one that takes a while.
 */
static int
fake_run(dbmig_call *call, const dbmig_step *step, int *statements)
{
	static const struct timespec slow = {0, 300000000};
	fake	   *db = db_of(call);

	if (is_fault(call))
		return fault(call);
	assert_int_equal(strlen(step->text), step->length);
	keep_options(db, step);
	if (!step->transactional)
		return run_alone(call, step, statements);
	assert_true(db->in_transaction);
	assert_string_equal(step->tenant, db->entered);
	sprintf(db->log + strlen(db->log), "%s%s@%s ",
			step->direction == DBMIG_UP ? "+" : "-", step->package, step->version);
	if (strcmp(step->text, "boom") == 0)
		return dbmig_fail(call, DBMIG_ENGINE, NULL, "boom in \"%s@%s\"",
						  step->package, step->version);
	if (strcmp(step->text, "stop") == 0)
	{
		call->failure.interrupted = true;
		return dbmig_fail(call, DBMIG_ENGINE, NULL, "interrupted");
	}
	if (strcmp(step->text, "slow") == 0)
		nanosleep(&slow, NULL);
	if (strncmp(step->text, "fails for ", 10) == 0 &&
		strcmp(step->text + 10, db->entered) == 0 && !db->x_works)
		return dbmig_fail(call, DBMIG_ENGINE, NULL, "%s", step->text);
	sprintf(db->now.effects + strlen(db->now.effects), "%s;", step->text);
	*statements = 1;
	return 0;
}

static int
fake_inspect(dbmig_call *call, const char *script, size_t length,
			 dbmig_inspection *result)
{
	if (is_fault(call))
		return fault(call);
	assert_int_equal(strlen(script), length);
	result->transactional = strcmp(script, "vacuum") != 0 &&
		strcmp(script, "abxd") != 0;
	result->refusal = strcmp(script, "rollback") == 0 ? "ROLLBACK in line 1" : NULL;
	return 0;
}

static int
fake_progress(dbmig_call *call, const dbmig_progress *progress)
{
	fake	   *db = db_of(call);

	if (is_fault(call))
		return fault(call);
	assert_true(progress->done <= progress->total);
	assert_false(db->in_transaction && call->registry != NULL);
	snprintf(db->progress, sizeof(db->progress), DBMIG_PROGRESS_FORMAT,
			 DBMIG_PROGRESS_ARGS(progress));
	if (strlen(db->said) < sizeof(db->said) - 100)
		sprintf(db->said + strlen(db->said), "%d/%d:%s@%s ", progress->done,
				progress->total, progress->package, progress->version);
	return 0;
}

static void
fake_warn(dbmig_call *call, const char *text)
{
	fake	   *db = db_of(call);

	sprintf(db->warnings + strlen(db->warnings), "%s;", text);
}

static int
fake_set(dbmig_call *call, const char *name, const char *value)
{
	fake	   *db = db_of(call);

	if (is_fault(call))
		return fault(call);
	if (strcmp(name, "lock_timeout") == 0)
		db->settings.lock_timeout = atof(value);
	if (strcmp(name, "retries") == 0)
		db->settings.retries = atoi(value);
	if (strcmp(name, "out_of_order") == 0)
		db->settings.out_of_order = strcmp(value, "apply") == 0;
	if (strcmp(name, "changed") == 0)
		db->settings.accept_changed = strcmp(value, "accept") == 0;
	return 0;
}

/* "no..." is not there, and a tenant is known by its name in small letters. */
static int
fake_enter(dbmig_call *call, const char *tenant, const char **name)
{
	fake	   *db = db_of(call);
	size_t		i;

	if (is_fault(call))
		return fault(call);
	assert_false(db->in_transaction);
	db->entered[0] = '\0';
	if (strncmp(tenant, "no", 2) == 0)
		return dbmig_fail(call, DBMIG_UNKNOWN, NULL,
						  "tenant \"%s\" is not known", tenant);
	for (i = 0; i <= strlen(tenant); i++)
		db->entered[i] = (char) tolower((unsigned char) tenant[i]);
	*name = dbmig_copy(call, db->entered, i - 1);
	if (*name == NULL)
		return -1;
	sprintf(db->log + strlen(db->log), "enter-%s ", db->entered);
	return 0;
}

static void
fake_leave(dbmig_call *call)
{
	assert_false(db_of(call)->in_transaction);
	db_of(call)->entered[0] = '\0';
	strcat(db_of(call)->log, "leave ");
}

static const dbmig_host host = {
	.engine = "sqlite",
	.migrate = "SELECT dbmig_migrate",
	.alloc = fake_alloc,
	.free = fake_free,
	.query = fake_query,
	.caller = fake_caller,
	.begin = fake_begin,
	.lock = fake_lock,
	.commit = fake_commit,
	.abort = fake_abort,
	.release = fake_release,
	.role = fake_role,
	.run = fake_run,
	.inspect = fake_inspect,
	.pause = fake_pause,
	.progress = fake_progress,
	.warn = fake_warn,
	.set = fake_set,
	.enter = fake_enter,
	.leave = fake_leave
};

static int
keep_row(dbmig_call *call, void *arg, const dbmig_value *row)
{
	fake	   *db = db_of(call);
	const dbmig_function *function = arg;
	const char *comma;
	int			i = 0;

	if (is_fault(call))
		return fault(call);
	for (comma = function->columns; comma != NULL; comma = strchr(comma + 1, ','), i++)
	{
		if (i > 0)
			strcat(db->answer, "|");
		if (row[i].type == DBMIG_TEXT)
			strcat(db->answer, row[i].text);
		else if (row[i].type != DBMIG_NULL)
			sprintf(db->answer + strlen(db->answer), "%d", (int) row[i].integer);
	}
	strcat(db->answer, ";");
	return 0;
}

const char *
fake_call(fake *db, const char *name,...)
{
	const dbmig_function *function = dbmig_function_find(name);
	dbmig_value args[8];
	dbmig_value result = dbmig_null();
	dbmig_call *call = &db->call;
	const char *arg;
	va_list		list;
	int			count = 0;
	int			failed;

	assert_non_null(function);
	va_start(list, name);
	while ((arg = va_arg(list, const char *)) != NULL)
		args[count++] = arg[0] == '\0' ? dbmig_null() : dbmig_text(arg);
	va_end(list);
	db->host = host;
	db->host.tenants_apart = db->apart;
	db->entered[0] = '\0';
	dbmig_call_begin(call, &db->host, db);
	call->settings = db->settings;
	db->answer[0] = '\0';
	db->calls = 0;
	if (db->jumps && setjmp(db->jump) != 0)
	{
		/* what a host that jumps does by itself */
		if (db->in_transaction)
			fake_abort(call);
		db->status = DBMIG_ENGINE;
		sprintf(db->answer, "ERROR: jumped");
		dbmig_call_end(call);
		return db->answer;
	}
	failed = function->scalar != NULL ?
		function->scalar(call, count, args, &result) :
		function->rows(call, count, args, keep_row, (void *) function);
	db->status = call->status;
	snprintf(db->hint, sizeof(db->hint), "%s", call->hint != NULL ? call->hint : "");
	if (failed != 0)
	{
		assert_int_equal(failed, -1);
		assert_int_not_equal(call->status, DBMIG_OK);
		assert_non_null(call->message);
		snprintf(db->answer, sizeof(db->answer), "ERROR: %s", call->message);
	}
	else
	{
		assert_int_equal(call->status, DBMIG_OK);
		if (result.type == DBMIG_TEXT)
			snprintf(db->answer, sizeof(db->answer), "%s", result.text);
		else if (result.type != DBMIG_NULL)
			sprintf(db->answer, "%d", (int) result.integer);
	}
	dbmig_call_end(call);
	assert_int_equal(db->blocks, 0);
	return db->answer;
}

fake *
fake_new(void)
{
	fake	   *db = calloc(1, sizeof(*db));

	assert_non_null(db);
	db->settings.lock_timeout = DBMIG_LOCK_TIMEOUT_DEFAULT;
	return db;
}
