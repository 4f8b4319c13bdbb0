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
 */
#include "dbmig_core.h"

#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define POLL_SECONDS 0.05

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

static int
record_failure(dbmig_call *call, const char *tenant, dbmig_item item,
			   const char *name, const char *sort_key, const char *checksum,
			   int statements, int64_t microseconds)
{
	const dbmig_failure *failure = &call->failure;
	dbmig_value params[11];

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

/* A step that is not transactional: what is done of it is in the tables. */
static int
migrate_alone(dbmig_call *call, const char *tenant, const dbmig_plan *plan,
			  int i, dbmig_texts *kept, const char *sort_key, int *statements,
			  int64_t *took)
{
	const dbmig_node *node = &plan->graph.nodes[plan->order[i]];
	dbmig_item	item = dbmig_graph_item(&plan->graph, plan->order[i]);
	int64_t		since = dbmig_now_us();
	char		hex[DBMIG_CHECKSUM_SIZE];
	const char *checksum = dbmig_node_checksum(node, hex);
	const char *key;

	if (begin(call, tenant) != 0 ||
		end(call, put_unsettled(call, tenant, item, sort_key, checksum, "running",
								*statements, 0)) != 0 ||
		dbmig_step_run(call, tenant, plan, i, DBMIG_UP, kept, &key, statements) != 0)
		return -1;
	*took = dbmig_now_us() - since;
	if (begin(call, tenant) != 0)
		return -1;
	if (dbmig_mark_applied(call, tenant, item, sort_key, checksum, *statements,
						   *took) != 0)
		return end(call, -1);
	return end(call, dbmig_history_add(call, tenant, item, node->name, "apply",
									   checksum, *statements, *took));
}

static int
migrate_one(dbmig_call *call, const char *tenant, const dbmig_plan *plan, int i,
			dbmig_texts *kept)
{
	const dbmig_node *node = &plan->graph.nodes[plan->order[i]];
	dbmig_item	item = dbmig_graph_item(&plan->graph, plan->order[i]);
	const char *sort_key = dbmig_version_key(call, item.version);
	int			statements = node->more != NULL ? node->more->statements : 0;
	int64_t		since = dbmig_now_us();
	int64_t		took = 0;
	char		hex[DBMIG_CHECKSUM_SIZE];
	int			result;

	if (sort_key == NULL)
		return -1;
	if ((node->flags & DBMIG_NODE_TRANSACTIONAL) == 0)
		result = migrate_alone(call, tenant, plan, i, kept, sort_key,
							   &statements, &took);
	else
	{
		statements = 0;
		if (begin(call, tenant) != 0)
			return -1;
		result = end(call, dbmig_step_up(call, tenant, plan, i, kept, &took));
	}
	if (result == 0)
		return dbmig_step_say(call, plan, i, DBMIG_UP, took);

	/* what cannot be recorded is said all the same */
	if (begin(call, tenant) == 0)
		end(call, record_failure(call, tenant, item, node->name, sort_key,
								 dbmig_node_checksum(node, hex), statements,
								 dbmig_now_us() - since));
	return -1;
}

static int
migrate(dbmig_call *call, const dbmig_target *target, int *count)
{
	dbmig_texts kept = {0};
	dbmig_plan	plan;
	int			result;

	if (begin(call, target->tenant) != 0)
		return -1;
	result = dbmig_plan_up(call, target, DBMIG_MODE_MIGRATE, &plan);
	if (result == 0)
		result = dbmig_accept_changed(call, target->tenant, &plan.graph);
	if (end(call, result) != 0)
		return -1;
	for (*count = 0; *count < plan.count; (*count)++)
		if (migrate_one(call, target->tenant, &plan, *count, &kept) != 0)
			return -1;
	return 0;
}

int
dbmig_do_migrate(dbmig_call *call, int nargs, const dbmig_value *args,
				 dbmig_value *result)
{
	dbmig_target target;
	bool		settled;
	int			count = 0;
	int			failed;

	if (dbmig_target_read(call, nargs, args, &target) != 0 ||
		call->host->caller(call, DBMIG_MODE_MIGRATE) != 0 ||
		dbmig_settled(call, &target, &settled) != 0)
		return -1;
	if (!settled)
	{
		failed = migrate(call, &target, &count);
		call->host->release(call);
		if (failed != 0)
			return -1;
	}
	*result = dbmig_int(count);
	return 0;
}

/* A number of seconds as text, 0 or more. */
static int
read_seconds(dbmig_call *call, const char *text, double *seconds)
{
	size_t		length = strlen(text);

	if (length == 0 || length > 20 || strspn(text, "0123456789.") != length ||
		strspn(text, ".") == length || strchr(text, '.') != strrchr(text, '.'))
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "\"%s\" is no number of seconds", text);
	*seconds = strtod(text, NULL);
	return 0;
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
		double		seconds;
		double		left;

		if (dbmig_arg_package(call, nargs, args, 0, false, &package) != 0 ||
			dbmig_arg_text(call, nargs, args, 1, "seconds", true, &text) != 0 ||
			read_seconds(call, text, &seconds) != 0 ||
			call->host->caller(call, DBMIG_MODE_WAIT) != 0)
			return -1;
		if (dbmig_do_check(call, 1, args, result) == 0)
			return 0;
		if (call->status != DBMIG_NOT_READY && call->status != DBMIG_CHANGED &&
			call->status != DBMIG_UNKNOWN)
			return -1;
		left = seconds - (double) (dbmig_now_us() - begun) / 1000000.0;
		if (left <= 0)
			return dbmig_fail_in(call, "waited %s seconds", text);
		dbmig_call_clear(call);
		if (call->host->pause(call, left < POLL_SECONDS ? left : POLL_SECONDS) != 0)
			return -1;
	}
}
