/*
 * apply.c
 *		Lock, load, plan, run, record (rules A1-A3, C2).
 *
 * The order matters: the plan is made under the lock, so that a second applier
 * sees what the first has done; each step's record is written right behind
 * it, in its transaction.
 */
#include "dbmig_core.h"

#include <string.h>

#include "internal.h"

/* C2: where that is wanted, what is registered is what was applied. */
int
dbmig_accept_changed(dbmig_call *call, const char *tenant, const dbmig_graph *graph)
{
	size_t		i;

	if (!call->settings.accept_changed)
		return 0;
	for (i = 0; i < graph->node_count; i++)
	{
		const dbmig_node *node = &graph->nodes[i];
		dbmig_item	item = dbmig_graph_item(graph, (int) i);
		dbmig_value params[3];
		char		hex[DBMIG_CHECKSUM_SIZE];

		if ((node->flags & DBMIG_NODE_DRIFTED) == 0)
			continue;
		params[0] = dbmig_text(dbmig_node_checksum(node, hex));
		params[1] = dbmig_text(item.package);
		params[2] = dbmig_text(item.version);
		if (call->host->query(call, DBMIG_APPLIED_ACCEPT, params, NULL, NULL) != 0 ||
			dbmig_history_add(call, tenant, item, node->name, "accept",
							  dbmig_node_checksum(node, hex), -1, -1) != 0)
			return -1;
	}
	return 0;
}

typedef enum work
{
	APPLY,
	ROLLBACK,
	REDO,
	BASELINE
} work;

int
dbmig_apply_target(dbmig_call *call, const dbmig_target *target, int *count)
{
	dbmig_texts kept = {0};
	dbmig_plan	plan;
	int64_t		took;
	int			i;

	if (dbmig_plan_up(call, target, DBMIG_MODE_APPLY, &plan) != 0 ||
		dbmig_tenant_adopt(call, target->tenant, target->package) != 0 ||
		dbmig_accept_changed(call, target->tenant, &plan.graph) != 0)
		return -1;
	for (i = 0; i < plan.count; i++)
		if (dbmig_step_up(call, target->tenant, &plan, i, &kept, &took) != 0 ||
			dbmig_step_say(call, &plan, i, DBMIG_UP, took) != 0)
			return -1;
	*count = plan.count;
	return dbmig_settle_plan(call, target, &plan);
}

static int
rollback(dbmig_call *call, const dbmig_target *target, int *count)
{
	dbmig_texts kept = {0};
	dbmig_plan	plan;
	int64_t		took;
	int			i;

	if (dbmig_plan_down(call, target, &plan) != 0 ||
		dbmig_step_forget(call, target->tenant, &plan) != 0)
		return -1;
	for (i = 0; i < plan.count; i++)
		if (dbmig_step_down(call, target->tenant, &plan, i, &kept, &took) != 0 ||
			dbmig_step_say(call, &plan, i, DBMIG_DOWN, took) != 0)
			return -1;
	*count = plan.count;
	return 0;
}

/* What is repeatable went with the version, and comes back with it. */
static int
repeat(dbmig_call *call, const char *tenant, const dbmig_plan *again)
{
	dbmig_texts kept = {0};
	int64_t		took;
	int			i;

	for (i = 0; i < again->count; i++)
		if (dbmig_step_up(call, tenant, again, i, &kept, &took) != 0 ||
			dbmig_step_say(call, again, i, DBMIG_UP, took) != 0)
			return -1;
	return 0;
}

static int
redo(dbmig_call *call, const dbmig_target *target, int *count)
{
	dbmig_texts down = {0};
	dbmig_texts up = {0};
	dbmig_plan	plan;
	dbmig_plan	again;
	int64_t		took;

	if (dbmig_plan_down(call, target, &plan) != 0)
		return -1;
	*count = plan.count;
	if (plan.count == 0)
		return 0;
	again = plan;
	again.order = plan.again;
	again.count = plan.again_count;
	if (dbmig_plan_runnable(call, &plan, DBMIG_UP, false) != 0 ||
		dbmig_plan_runnable(call, &again, DBMIG_UP, false) != 0 ||
		dbmig_step_forget(call, target->tenant, &plan) != 0 ||
		dbmig_step_down(call, target->tenant, &plan, 0, &down, &took) != 0 ||
		dbmig_step_say(call, &plan, 0, DBMIG_DOWN, took) != 0 ||
		dbmig_step_up(call, target->tenant, &plan, 0, &up, &took) != 0 ||
		dbmig_step_say(call, &plan, 0, DBMIG_UP, took) != 0)
		return -1;
	return repeat(call, target->tenant, &again) != 0 ? -1 :
		dbmig_settle_counted(call, target);
}

/* Everything of the package up to the version, whatever it comes after. */
static int
baseline(dbmig_call *call, const dbmig_target *target, int *count)
{
	dbmig_graph graph;
	const dbmig_package *package;
	int			last;
	int			i;

	if (dbmig_settle_look(call, target->package, target->tenant) != 0 ||
		dbmig_registry_load(call, target->package, target->tenant, &graph) != 0 ||
		dbmig_plan_find(call, &graph, target->package, target->version, &last) != 0 ||
		dbmig_tenant_adopt(call, target->tenant, target->package) != 0)
		return -1;
	package = &graph.packages[graph.nodes[last].package];
	for (i = package->first; i <= last; i++)
	{
		dbmig_node *node = &graph.nodes[i];
		dbmig_item	item = dbmig_graph_item(&graph, i);
		char		hex[DBMIG_CHECKSUM_SIZE];
		const char *sort_key;

		if ((node->flags & DBMIG_NODE_APPLIED) != 0)
			continue;
		node->flags |= DBMIG_NODE_APPLIED;
		sort_key = dbmig_version_key(call, node->version);
		if (sort_key == NULL ||
			dbmig_mark_applied(call, target->tenant, item, sort_key, dbmig_node_checksum(node, hex), 0, 0) != 0 ||
			dbmig_history_add(call, target->tenant, item, node->name, "baseline",
							  dbmig_node_checksum(node, hex), -1, -1) != 0)
			return -1;
		(*count)++;
	}
	return dbmig_settle_graph(call, target->tenant, &graph, false);
}

/* The frame of all that changes the applied set. */
static int
run_work(dbmig_call *call, const dbmig_target *target, work kind,
		 dbmig_value *result)
{
	const dbmig_host *host = call->host;
	bool		settled = false;
	int			count = 0;
	int			failed = -1;

	*result = dbmig_int(0);
	if (host->caller(call, DBMIG_MODE_APPLY) != 0 ||
		(kind == APPLY && dbmig_settled(call, target, &settled) != 0))
		return -1;
	if (settled)
		return dbmig_settle_found(call, target);
	if (host->begin(call, kind != BASELINE ? DBMIG_MODE_APPLY : DBMIG_MODE_REGISTER) != 0)
		return -1;
	if (host->lock(call, DBMIG_LOCK_TENANT, target->tenant) == 0)
		switch (kind)
		{
			case APPLY:
				failed = dbmig_apply_target(call, target, &count);
				break;
			case ROLLBACK:
				failed = rollback(call, target, &count);
				break;
			case REDO:
				failed = redo(call, target, &count);
				break;
			case BASELINE:
				failed = baseline(call, target, &count);
				break;
		}
	if (failed != 0 || host->commit(call) != 0)
	{
		host->abort(call);
		return -1;
	}
	*result = dbmig_int(count);
	return 0;
}

int
dbmig_do_apply(dbmig_call *call, int nargs, const dbmig_value *args,
			   dbmig_value *result)
{
	dbmig_target target;

	if (dbmig_target_read(call, nargs, args, &target) != 0)
		return -1;
	return run_work(call, &target, APPLY, result);
}

int
dbmig_do_rollback(dbmig_call *call, int nargs, const dbmig_value *args,
				  dbmig_value *result)
{
	dbmig_target target;

	if (dbmig_target_read(call, nargs, args, &target) != 0)
		return -1;
	if (target.package == NULL)
		return dbmig_arg_package(call, nargs, args, 0, true, &target.package);
	return run_work(call, &target, ROLLBACK, result);
}

int
dbmig_do_rollback_all(dbmig_call *call, int nargs, const dbmig_value *args,
					  dbmig_value *result)
{
	dbmig_target target;

	target.version = "";
	if (dbmig_arg_package(call, nargs, args, 0, true, &target.package) != 0 ||
		dbmig_arg_tenant(call, nargs, args, 1, &target.tenant) != 0)
		return -1;
	return run_work(call, &target, ROLLBACK, result);
}

int
dbmig_do_redo(dbmig_call *call, int nargs, const dbmig_value *args,
			  dbmig_value *result)
{
	dbmig_target target;

	target.version = NULL;
	if (dbmig_arg_package(call, nargs, args, 0, true, &target.package) != 0 ||
		dbmig_arg_tenant(call, nargs, args, 1, &target.tenant) != 0)
		return -1;
	return run_work(call, &target, REDO, result);
}

int
dbmig_do_baseline(dbmig_call *call, int nargs, const dbmig_value *args,
				  dbmig_value *result)
{
	dbmig_target target;

	if (dbmig_arg_package(call, nargs, args, 0, true, &target.package) != 0 ||
		dbmig_arg_version(call, nargs, args, 1, true, &target.version) != 0 ||
		dbmig_arg_tenant(call, nargs, args, 2, &target.tenant) != 0)
		return -1;
	return run_work(call, &target, BASELINE, result);
}

/* For a migration that was left running or failed, settled by hand. */
static int
resolve(dbmig_call *call, const char *tenant, dbmig_item item, bool applied)
{
	dbmig_graph graph;
	dbmig_value params[3];
	dbmig_value state[2];
	char		hex[DBMIG_CHECKSUM_SIZE];
	const char *sort_key;
	bool		found;
	int			node;

	params[0] = dbmig_text(tenant);
	params[1] = dbmig_text(item.package);
	params[2] = dbmig_text(item.version);
	if (dbmig_registry_load(call, item.package, tenant, &graph) != 0 ||
		dbmig_plan_find(call, &graph, item.package, item.version, &node) != 0)
		return -1;
	item = dbmig_graph_item(&graph, node);
	params[2] = dbmig_text(item.version);
	if (dbmig_query_row(call, DBMIG_APPLIED_STATE, params, state, 2, &found) != 0)
		return -1;
	if (!found || strcmp(state[0].text, "applied") == 0)
		return dbmig_fail(call, DBMIG_NOT_READY, NULL,
						  "migration \"%s\" is %s, not running or failed",
						  dbmig_item_text(call, item), found ? "applied" : "pending");
	sort_key = dbmig_version_key(call, item.version);
	if (sort_key == NULL)
		return -1;
	if ((applied ? dbmig_mark_applied(call, tenant, item, sort_key,
									  dbmig_node_checksum(&graph.nodes[node], hex), 0, 0) :
		 dbmig_mark_pending(call, tenant, item)) != 0)
		return -1;
	return dbmig_history_add(call, tenant, item, graph.nodes[node].name,
							 "resolve", dbmig_node_checksum(&graph.nodes[node], hex), -1, -1);
}

int
dbmig_do_resolve(dbmig_call *call, int nargs, const dbmig_value *args,
				 dbmig_value *result)
{
	dbmig_item	item;
	const char *state;
	const char *tenant;

	if (dbmig_arg_package(call, nargs, args, 0, true, &item.package) != 0 ||
		dbmig_arg_version(call, nargs, args, 1, true, &item.version) != 0 ||
		dbmig_arg_text(call, nargs, args, 2, "state", true, &state) != 0 ||
		dbmig_arg_tenant(call, nargs, args, 3, &tenant) != 0)
		return -1;
	if (strcmp(state, "applied") != 0 && strcmp(state, "pending") != 0)
		return dbmig_fail(call, DBMIG_BAD_VALUE,
						  "The states are applied and pending.",
						  "unknown state \"%s\"", state);
	if (call->host->caller(call, DBMIG_MODE_APPLY) != 0 ||
		call->host->begin(call, DBMIG_MODE_REGISTER) != 0)
		return -1;
	if (call->host->lock(call, DBMIG_LOCK_TENANT, tenant) != 0 ||
		resolve(call, tenant, item, strcmp(state, "applied") == 0) != 0 ||
		call->host->commit(call) != 0)
	{
		call->host->abort(call);
		return -1;
	}
	*result = dbmig_text(state);
	return 0;
}
