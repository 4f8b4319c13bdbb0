/*
 * migrate.c
 *		Migration by migration, each committed by itself (rules N1-N2), and
 *		waiting until it is done.
 *
 * The lock is held from the first to the last.  A migration that is
 * transactional is one transaction with its record.  Any other is marked as
 * running first, then runs statement by statement, and the number done is
 * recorded behind each, so that the next call goes on from there.  A failure
 * is undone, recorded in a transaction of its own, and said again.
 *
 * Where many tenants are files of their own, most of the time would go into
 * beginning and committing.  There quick migrations share a transaction (T21),
 * for no longer than TOGETHER_SECONDS and the one that is at work then; they
 * are counted and said once it is committed.  If one fails, all in it is
 * undone, the plan made anew, and they are done again one by one up to the one
 * that failed: so what is applied, recorded and said in the end does not depend
 * on how quick they are.  Only after an interrupt, without memory, and where
 * readers do not let the transaction be committed, nothing is tried again.
 *
 * Where locks end with each transaction, another call may have done some of
 * the plan in between: once something was written by another connection, what
 * the plan was made of is looked at again, and the rest planned anew where it
 * differs.  Two calls at the same step share its statements.
 */
#include "dbmig_core.h"

#include <limits.h>
#include <string.h>

#include "internal.h"

#define POLL_SECONDS 0.05
#define TOGETHER_SECONDS 0.25	/* nobody else can write meanwhile */
#define TOGETHER_STEPS 64

static int
put_unsettled(dbmig_call *call, const char *tenant, dbmig_item item,
			  const char *sort_key, const char *checksum, const char *state,
			  int statements, int64_t microseconds)
{
	dbmig_value params[8];

	params[0] = dbmig_text(tenant);
	params[1] = dbmig_text(item.package);
	params[2] = dbmig_text(item.version);
	params[3] = dbmig_text(sort_key);
	params[4] = dbmig_text(checksum);
	params[5] = dbmig_text(state);
	params[6] = dbmig_int(statements);
	params[7] = dbmig_int(microseconds);
	return call->host->query(call, DBMIG_UNSETTLED_PUT, params, NULL, NULL);
}

/* A transaction that holds the lock; the next one goes on with it. */
static int
begin(dbmig_call *call, const char *tenant)
{
	if (call->host->begin(call, DBMIG_MODE_MIGRATE) != 0)
		return -1;
	if (call->host->lock(call, DBMIG_LOCK_TENANT, tenant) == 0)
		return 0;
	call->host->abort(call);
	return -1;
}

/* result is what became of the work in it. */
static int
end(dbmig_call *call, int result)
{
	if (result == 0)
		result = call->host->commit(call);
	if (result != 0)
		call->host->abort(call);
	return result;
}

int
dbmig_step_done(dbmig_call *call, const dbmig_step *step, int statements)
{
	dbmig_value params[4];

	params[0] = dbmig_int(statements);
	params[1] = dbmig_text(step->tenant);
	params[2] = dbmig_text(step->package);
	params[3] = dbmig_text(step->version);
	if (begin(call, step->tenant) != 0)
		return -1;
	return end(call, call->host->query(call, DBMIG_STATEMENTS_DONE, params, NULL, NULL));
}

int
dbmig_step_seen(dbmig_call *call, const dbmig_step *step, int *statements)
{
	dbmig_value params[3];
	dbmig_value row[2];
	bool		found;

	params[0] = dbmig_text(step->tenant);
	params[1] = dbmig_text(step->package);
	params[2] = dbmig_text(step->version);
	*statements = 0;
	if (dbmig_query_row(call, DBMIG_APPLIED_STATE, params, row, 2, &found) != 0)
		return -1;
	if (found)
		*statements = strcmp(row[0].text, "applied") == 0 ? INT_MAX :
			(int) row[1].integer;
	return 0;
}

/* The same, where another call may have got further than we know. */
static int
see_statements(dbmig_call *call, const char *tenant, dbmig_item item,
			   int *statements)
{
	dbmig_step	step;
	int			seen;

	memset(&step, 0, sizeof(step));
	step.tenant = tenant;
	step.package = item.package;
	step.version = item.version;
	if (dbmig_step_seen(call, &step, &seen) != 0)
		return -1;
	if (seen > *statements)
		*statements = seen;
	return 0;
}

/* The plan of what is left, and what it was made of. */
typedef struct work
{
	const dbmig_target *target;
	dbmig_plan	plan;
	dbmig_texts own;
	dbmig_texts *kept;			/* own, or the call's */
	int64_t		history;		/* last id, by us or before us, or -1 */
	bool		open;			/* the plan's transaction is the next step's */
	bool		watched;		/* another connection has written since */
	bool		together;		/* quick steps share a transaction */
	int			singly;			/* steps from here on that do not, because one
								 * of them has failed in one */
} work;

/*
 * In a transaction with so many steps in it already: whether the i-th is still
 * to be done as planned.
 */
static int
is_as_planned(dbmig_call *call, work *w, int i, int before, bool *same)
{
	const dbmig_node *node = &w->plan.graph.nodes[w->plan.order[i]];
	dbmig_item	item = dbmig_graph_item(&w->plan.graph, w->plan.order[i]);
	dbmig_value params[3];
	dbmig_value row[1];
	char		hex[DBMIG_CHECKSUM_SIZE];

	*same = true;
	w->watched |= call->moved;
	if (!w->watched)
		return 0;
	params[0] = dbmig_text(item.package);
	params[1] = dbmig_text(item.version);
	params[2] = dbmig_text(dbmig_node_checksum(node, hex));
	if (dbmig_query_row(call, DBMIG_AS_REGISTERED, params, row, 1, same) != 0)
		return -1;
	if (*same)
	{
		if (dbmig_query_row(call, DBMIG_HISTORY_LAST, NULL, row, 1, same) != 0)
			return -1;
		*same = row[0].integer == w->history + before;
	}
	call->moved = !*same;
	return 0;
}

/*
 * V6: that an older text is applied says nothing of this one.  In the
 * transaction that begins to run it, or records that it failed.
 */
static int
forget_older(dbmig_call *call, const char *tenant, dbmig_item item,
			 const char *checksum)
{
	dbmig_value params[4];

	if (!dbmig_version_repeats(item.version))
		return 0;
	params[0] = dbmig_text(tenant);
	params[1] = dbmig_text(item.package);
	params[2] = dbmig_text(item.version);
	params[3] = dbmig_text(checksum);
	return call->host->query(call, DBMIG_APPLIED_OLDER_DROP, params, NULL, NULL);
}

static int
record_failure(dbmig_call *call, const char *tenant, dbmig_item item,
			   const char *name, const char *checksum,
			   int statements, int64_t microseconds)
{
	const dbmig_failure *failure = &call->failure;
	const char *sort_key = dbmig_version_key(call, item.version);
	dbmig_value params[11];

	if (sort_key == NULL ||
		forget_older(call, tenant, item, checksum) != 0 ||
		see_statements(call, tenant, item, &statements) != 0)
		return -1;
	if (statements == INT_MAX)
		return 0;				/* another call has done it all the same */
	params[0] = dbmig_text(tenant);
	params[1] = dbmig_text(item.package);
	params[2] = dbmig_text(item.version);
	params[3] = dbmig_text(name);
	params[4] = dbmig_text(checksum);
	params[5] = dbmig_int(statements);
	params[6] = dbmig_int(microseconds);
	params[7] = dbmig_text(failure->code);
	params[8] = dbmig_text(failure->message != NULL ? failure->message : call->message);
	params[9] = failure->statement > 0 ? dbmig_int(failure->statement) : dbmig_null();
	params[10] = failure->line > 0 ? dbmig_int(failure->line) : dbmig_null();
	if (put_unsettled(call, tenant, item, sort_key, checksum, "failed",
					  statements, microseconds) != 0)
		return -1;
	return call->host->query(call, DBMIG_HISTORY_FAIL, params, NULL, NULL);
}

/* The first transaction of a step: *same false, it was ended again. */
static int
begin_step(dbmig_call *call, const char *tenant, work *w, int i, bool *same)
{
	if (!w->open && begin(call, tenant) != 0)
		return -1;
	w->open = false;
	if (is_as_planned(call, w, i, 0, same) != 0)
		return end(call, -1);
	return *same ? 0 : end(call, 0);
}

/* Another call at the same step may have come to its end before us. */
static int
record_alone(dbmig_call *call, const char *tenant, work *w, int i,
			 const char *sort_key, int statements, int64_t took)
{
	const dbmig_node *node = &w->plan.graph.nodes[w->plan.order[i]];
	dbmig_item	item = dbmig_graph_item(&w->plan.graph, w->plan.order[i]);
	char		hex[DBMIG_CHECKSUM_SIZE];
	const char *checksum = dbmig_node_checksum(node, hex);
	int			seen = 0;

	if (see_statements(call, tenant, item, &seen) != 0)
		return -1;
	if (seen == INT_MAX)
		return 0;
	if (dbmig_mark_applied(call, tenant, item, sort_key, checksum, statements,
						   took) != 0)
		return -1;
	return dbmig_history_add(call, tenant, item, node->name, "apply", checksum,
							 statements, took);
}

/* In the transaction of the last step. */
static int
settle_last(dbmig_call *call, work *w, int i)
{
	return i < w->plan.count - 1 ? 0 : dbmig_settle_plan(call, w->target, &w->plan);
}

/* A step that is not transactional: what is done of it is in the tables. */
static int
migrate_alone(dbmig_call *call, const char *tenant, work *w, int i,
			  int *statements, int64_t *took, bool *same)
{
	const dbmig_node *node = &w->plan.graph.nodes[w->plan.order[i]];
	dbmig_item	item = dbmig_graph_item(&w->plan.graph, w->plan.order[i]);
	int64_t		since = dbmig_now_us();
	const char *sort_key = dbmig_version_key(call, item.version);
	char		hex[DBMIG_CHECKSUM_SIZE];
	const char *key;

	if (sort_key == NULL ||
		begin_step(call, tenant, w, i, same) != 0)
		return -1;
	if (!*same)
		return 0;
	if (forget_older(call, tenant, item, dbmig_node_checksum(node, hex)) != 0 ||
		see_statements(call, tenant, item, statements) != 0)
		return end(call, -1);
	if (end(call, put_unsettled(call, tenant, item, sort_key,
								dbmig_node_checksum(node, hex), "running",
								*statements, 0)) != 0 ||
		dbmig_step_run(call, tenant, &w->plan, i, DBMIG_UP, w->kept, &key,
					   statements) != 0)
		return -1;
	*took = dbmig_now_us() - since;
	if (begin(call, tenant) != 0)
		return -1;
	if (record_alone(call, tenant, w, i, sort_key, *statements, *took) != 0)
		return end(call, -1);
	return end(call, settle_last(call, w, i));
}

static bool
is_transactional(const work *w, int i)
{
	return (w->plan.graph.nodes[w->plan.order[i]].flags & DBMIG_NODE_TRANSACTIONAL) != 0;
}

/*
 * Whether the i-th step goes into the transaction of those before it, which has
 * lasted since then.  What it runs was read under the plan's eyes: where it
 * still has to be, the next begin looks whether the registry has changed.
 */
static int
goes_along(dbmig_call *call, work *w, int i, int before, int64_t since, bool *goes)
{
	*goes = w->together && w->singly == 0 && before < TOGETHER_STEPS &&
		i < w->plan.count && is_transactional(w, i) &&
		dbmig_step_is_kept(&w->plan, i, w->kept) &&
		(double) (dbmig_now_us() - since) < TOGETHER_SECONDS * 1000000.0;
	return *goes ? is_as_planned(call, w, i, before, goes) : 0;
}

/*
 * The i-th step, and those that go along with it, in one transaction.  *done:
 * how many; of a failure the last is the one that failed, 0: none was begun.
 */
static int
migrate_together(dbmig_call *call, const char *tenant, work *w, int i,
				 int64_t *took, int *done, bool *same)
{
	int64_t		since = dbmig_now_us();
	bool		more = true;
	int			result;

	if (begin_step(call, tenant, w, i, same) != 0)
		return -1;
	if (!*same)
		return 0;
	do
	{
		result = dbmig_step_up(call, tenant, &w->plan, i + *done, w->kept,
							   &took[*done]);
		(*done)++;
		if (result == 0)
			result = goes_along(call, w, i + *done, *done, since, &more);
	} while (result == 0 && more);
	if (result == 0)
		result = settle_last(call, w, i + *done - 1);
	if (result != 0)
		return end(call, -1);
	result = end(call, 0);

	/* who reads would be in the way of the first one's commit, too */
	if (result != 0 && call->status == DBMIG_LOCKED)
		*done = 1;
	return result;
}

/* What cannot be recorded is said all the same. */
static int
keep_failure(dbmig_call *call, const char *tenant, work *w, int i,
			 int statements, int64_t took)
{
	const dbmig_node *node = &w->plan.graph.nodes[w->plan.order[i]];
	char		hex[DBMIG_CHECKSUM_SIZE];

	if (begin(call, tenant) == 0)
		end(call, record_failure(call, tenant,
								 dbmig_graph_item(&w->plan.graph, w->plan.order[i]),
								 node->name, dbmig_node_checksum(node, hex),
								 statements, took));
	return -1;
}

/*
 * The i-th step, and perhaps some that follow.  *done: how many; 0, the rest is
 * to be planned anew.
 */
static int
migrate_next(dbmig_call *call, const char *tenant, work *w, int i, int *done)
{
	const dbmig_node *node = &w->plan.graph.nodes[w->plan.order[i]];
	int			statements = 0;
	int64_t		since = dbmig_now_us();
	int64_t		took[TOGETHER_STEPS];
	bool		same = true;
	int			result;
	int			j;

	*done = 0;
	if (is_transactional(w, i))
		result = migrate_together(call, tenant, w, i, took, done, &same);
	else
	{
		*done = 1;
		statements = node->more != NULL ? node->more->statements : 0;
		result = migrate_alone(call, tenant, w, i, &statements, took, &same);
	}
	if (result != 0 && *done == 0)
		return -1;
	if (result != 0 && *done > 1 && call->status != DBMIG_NO_MEMORY &&
		!call->failure.interrupted)
	{
		dbmig_call_forgive(call);
		w->singly = *done;
		*done = 0;
		return 0;
	}
	if (result != 0)
		return keep_failure(call, tenant, w, i + *done - 1, statements,
							dbmig_now_us() - since);
	if (!same)
	{
		w->singly = 0;
		*done = 0;
		return 0;
	}
	w->history += *done;
	w->singly -= w->singly > 0;
	for (j = 0; j < *done && result == 0; j++)
		result = dbmig_step_say(call, &w->plan, i + j, DBMIG_UP, took[j]);
	return result;
}

/*
 * *held: where the lock could not be had, or the registry that was read before
 * may have changed since: then call->moved is still set.
 */
static int
make_plan(dbmig_call *call, const dbmig_target *target, work *w, bool *held)
{
	dbmig_value row[1];
	bool		found;

	w->own.count = 0;
	w->own.bytes.length = 0;
	w->open = false;
	if (begin(call, target->tenant) != 0)
	{
		*held = call->status == DBMIG_LOCKED;
		return -1;
	}
	w->watched = call->moved && w->singly > 0;
	if (call->moved && call->registry != NULL && !w->watched)
	{
		*held = true;
		dbmig_fail(call, DBMIG_LOCKED, NULL, "the registered migrations are being changed");
		return end(call, -1);
	}
	call->moved = false;
	if (dbmig_plan_up(call, target, DBMIG_MODE_MIGRATE, &w->plan) != 0 ||
		dbmig_tenant_adopt(call, target->tenant, target->package) != 0 ||
		dbmig_accept_changed(call, target->tenant, &w->plan.graph) != 0)
		return end(call, -1);
	if (call->host->keeps_locks)
		row[0] = dbmig_int(-1);
	else if (dbmig_query_row(call, DBMIG_HISTORY_LAST, NULL, row, 1, &found) != 0)
		return end(call, -1);
	w->history = row[0].integer;
	w->open = w->plan.count > 0;
	return w->open ? 0 : end(call, dbmig_settle_plan(call, target, &w->plan));
}

static int
migrate_plans(dbmig_call *call, work *w, int *count, bool *held)
{
	int			done = 1;
	int			i;

	for (;;)
	{
		if (make_plan(call, w->target, w, held) != 0)
			return -1;
		w->plan.before = *count;
		for (i = 0; i < w->plan.count; i += done)
		{
			if (migrate_next(call, w->target->tenant, w, i, &done) != 0)
				return -1;
			if (done == 0)
				break;
			*count += done;
		}
		if (i >= w->plan.count)
			return 0;
	}
}

int
dbmig_migrate_target(dbmig_call *call, const dbmig_target *target,
					 bool together, int *count, bool *held)
{
	work		w;
	int			failed;

	*held = false;
	memset(&w, 0, sizeof(w));
	w.target = target;
	w.together = together;
	w.kept = &w.own;
	if (call->texts != NULL)
	{
		w.kept = call->texts;
		memset(&w.kept->made, 0, sizeof(w.kept->made));
	}
	failed = migrate_plans(call, &w, count, held);

	/* this plan did not need what has changed; the next one may */
	call->moved |= w.watched;
	return failed;
}

int
dbmig_do_migrate(dbmig_call *call, int nargs, const dbmig_value *args,
				 dbmig_value *result)
{
	dbmig_target target;
	bool		settled;
	bool		held;
	int			count = 0;
	int			failed;

	if (dbmig_target_read(call, nargs, args, &target) != 0 ||
		call->host->caller(call, DBMIG_MODE_MIGRATE) != 0 ||
		dbmig_settled(call, &target, &settled) != 0)
		return -1;
	if (settled)
		failed = dbmig_settle_found(call, &target);
	else
	{
		failed = dbmig_migrate_target(call, &target, false, &count, &held);
		call->host->release(call);
	}
	if (failed != 0)
		return -1;
	*result = dbmig_int(count);
	return 0;
}

static int
read_seconds(dbmig_call *call, const char *text, double *seconds)
{
	return dbmig_seconds_read(text, seconds) ? 0 :
		dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
				   "\"%s\" is no number of seconds", text);
}

int
dbmig_do_wait(dbmig_call *call, int nargs, const dbmig_value *args,
			  dbmig_value *result)
{
	int64_t		begun = dbmig_now_us();

	for (;;)
	{
		const char *package;
		const char *text;
		double		seconds = 0;
		double		left;

		if (dbmig_arg_package(call, nargs, args, 0, false, &package) != 0 ||
			dbmig_arg_text(call, nargs, args, 1, "seconds", true, &text) != 0 ||
			read_seconds(call, text, &seconds) != 0 ||
			call->host->caller(call, DBMIG_MODE_WAIT) != 0)
			return -1;
		if (dbmig_do_check(call, 1, args, result) == 0)
			return 0;
		if (call->status != DBMIG_NOT_READY && call->status != DBMIG_CHANGED &&
			call->status != DBMIG_UNKNOWN && call->status != DBMIG_LOCKED)
			return -1;
		left = seconds - (double) (dbmig_now_us() - begun) / 1000000.0;
		if (left <= 0)
			return dbmig_fail_in(call, "waited %s seconds", text);
		dbmig_call_clear(call);
		if (call->host->pause(call, left < POLL_SECONDS ? left : POLL_SECONDS) != 0)
			return -1;
	}
}
