/*
 * plan.c
 *		What an apply or a rollback would do, and why it would not (A2).
 *
 * Everything that can be known is found here, before anything runs.
 */
#include "dbmig_core.h"

#include <string.h>

#include "internal.h"

static int
find_package(dbmig_call *call, dbmig_graph *graph, const char *name)
{
	int			package = dbmig_graph_find(graph, name);

	if (package < 0 || !graph->packages[package].registered)
		return dbmig_fail(call, DBMIG_UNKNOWN, NULL,
						  "package \"%s\" is not registered", name);
	return package;
}

static int
find_version(dbmig_call *call, const dbmig_graph *graph, int package,
			 const char *version)
{
	int			node = dbmig_graph_node(graph, package, version);

	if (node < 0)
		return dbmig_fail(call, DBMIG_UNKNOWN, NULL,
						  "version \"%s\" of package \"%s\" is not registered",
						  version, graph->packages[package].name);
	return node;
}

int
dbmig_plan_find(dbmig_call *call, dbmig_graph *graph, const char *package,
				const char *version, int *node)
{
	int			number = find_package(call, graph, package);

	if (number < 0)
		return -1;
	*node = find_version(call, graph, number, version);
	return *node < 0 ? -1 : 0;
}

/* O6: a marked id that comes after something that is not registered. */
static int
check_missing(dbmig_call *call, const dbmig_graph *graph, const char *mark)
{
	size_t		i;

	for (i = 0; i < graph->dependency_count; i++)
		if (graph->targets[i] >= 0 && mark[graph->targets[i]] &&
			graph->sources[i] < 0)
			return dbmig_fail(call, DBMIG_NOT_READY,
							  "Register it, then apply again.",
							  "\"%s\" comes after \"%s\", which is not registered",
							  dbmig_item_text(call, graph->dependencies[i].item),
							  dbmig_item_text(call, graph->dependencies[i].after));
	return 0;
}

/* C2: what was applied is not what is registered. */
static int
check_drift(dbmig_call *call, const dbmig_graph *graph, const char *mark)
{
	char		hex[DBMIG_CHECKSUM_SIZE];
	size_t		i;

	if (call->settings.accept_changed)
		return 0;
	for (i = 0; i < graph->node_count; i++)
		if (mark[i] && (graph->nodes[i].flags & DBMIG_NODE_DRIFTED) != 0)
			return dbmig_fail(call, DBMIG_CHANGED,
							  "Register the text that was applied, or accept the registered one with dbmig_set('changed', 'accept').",
							  "migration \"%s\" has drifted: it was applied with checksum %s, and is registered with checksum %s",
							  dbmig_item_text(call, dbmig_graph_item(graph, (int) i)),
							  graph->nodes[i].more->applied_checksum,
							  dbmig_node_checksum(&graph->nodes[i], hex));
	return 0;
}

/* O7 */
static int
check_order(dbmig_call *call, const dbmig_graph *graph, const dbmig_plan *plan)
{
	int			i;

	if (call->settings.out_of_order)
		return 0;
	for (i = 0; i < plan->count; i++)
	{
		dbmig_item	item = dbmig_graph_item(graph, plan->order[i]);
		dbmig_item	last = item;
		const dbmig_package *package = &graph->packages[graph->nodes[plan->order[i]].package];

		last.version = package->last_applied;
		if (last.version != NULL &&
			dbmig_version_compare(item.version, last.version) < 0)
			return dbmig_fail(call, DBMIG_NOT_READY,
							  "Give it a higher version, or allow it with dbmig_set('out_of_order', 'apply').",
							  "migration \"%s\" is out of order: \"%s\" is already applied",
							  dbmig_item_text(call, item),
							  dbmig_item_text(call, last));
	}
	return 0;
}

/*
 * R1: what cannot run as the role that it names.  A role that is not there may
 * be made by a step before, which then names it.
 */
static int
check_roles(dbmig_call *call, const dbmig_plan *plan, dbmig_direction direction)
{
	const dbmig_graph *graph = &plan->graph;
	const char *checked = "";
	int			i;

	for (i = 0; i < plan->count && call->host->role != NULL; i++)
	{
		const dbmig_node *node = &graph->nodes[plan->order[i]];
		dbmig_options options;
		dbmig_status failed;
		const char *message;
		const char *hint;
		int			named;

		if (node->more == NULL && graph->packages[node->package].options == NULL)
			continue;
		if (dbmig_node_options(call, graph, node,
							   node->more != NULL ? node->more->options : NULL,
							   &options) != 0)
			return -1;
		if (options.role == NULL || strcmp(options.role, checked) == 0 ||
			(options.engine != NULL && strcmp(options.engine, call->host->engine) != 0))
			continue;
		checked = options.role;
		if (call->host->role(call, options.role) == 0)
			continue;
		failed = call->status;
		message = call->message;
		hint = call->hint;
		if (failed == DBMIG_UNKNOWN && direction == DBMIG_UP)
		{
			call->status = DBMIG_OK;
			named = dbmig_steps_name(call, plan, i, options.role);
			if (named < 0)
				return -1;
			if (named > 0)
				continue;
		}
		call->status = failed;
		call->message = message;
		call->hint = hint;
		return dbmig_fail_in(call, "migration \"%s\"",
							 dbmig_item_text(call, dbmig_graph_item(graph, plan->order[i])));
	}
	return 0;
}

/* A6, N1 and R1: what cannot run, or not in a transaction. */
int
dbmig_plan_runnable(dbmig_call *call, const dbmig_plan *plan,
					dbmig_direction direction, bool alone)
{
	const dbmig_graph *graph = &plan->graph;
	int			i;

	for (i = 0; i < plan->count; i++)
	{
		const dbmig_node *node = &graph->nodes[plan->order[i]];
		bool		up = direction == DBMIG_UP;
		int			transactional = up ? DBMIG_NODE_TRANSACTIONAL : DBMIG_NODE_DOWN_TRANSACTIONAL;
		const char *refusal = node->more == NULL ? NULL :
		up ? node->more->refusal : node->more->down_refusal;
		const char *item;

		if (refusal == NULL && (alone || (node->flags & transactional) != 0))
			continue;
		item = dbmig_item_text(call, dbmig_graph_item(graph, plan->order[i]));
		if (refusal != NULL)
			return dbmig_fail(call, DBMIG_NOT_SUPPORTED,
							  "dbmig has the transaction; take the statement out of the script.",
							  "%smigration \"%s\" cannot run: %s",
							  up ? "" : "rollback of ", item, refusal);
		return dbmig_fail(call, DBMIG_NOT_SUPPORTED,
						  !up ? "Register it with a down that can; of what is applied the down may change." :
						  call->way != NULL ? call->way :
						  dbmig_printf(call, "Use %s, which runs it outside of a transaction.",
									   call->host->migrate),
						  "%smigration \"%s\" cannot run in a transaction",
						  up ? "" : "rollback of ", item);
	}
	return check_roles(call, plan, direction);
}

/* A target that others have passed: nothing to do is not what was meant. */
static int
check_target(dbmig_call *call, const dbmig_graph *graph, int package, int node)
{
	const char *last = graph->packages[package].last_applied;

	if (last != NULL && dbmig_version_compare(graph->nodes[node].version, last) < 0)
		return dbmig_fail(call, DBMIG_NOT_READY,
						  "Use dbmig_rollback to go back to a version.",
						  "version \"%s\" of package \"%s\" is below \"%s\", which is applied",
						  graph->nodes[node].version,
						  graph->packages[package].name, last);
	return 0;
}

int
dbmig_plan_up(dbmig_call *call, const dbmig_target *target, dbmig_mode mode,
			  dbmig_plan *plan)
{
	dbmig_graph *graph = &plan->graph;
	int			package = -1;
	int			node = -1;
	char	   *mark;

	if ((mode != DBMIG_MODE_WAIT &&
		 dbmig_settle_look(call, target->package, target->tenant) != 0) ||
		dbmig_registry_load(call, target->package, target->tenant, graph) != 0)
		return -1;
	mark = dbmig_alloc(call, dbmig_graph_size(graph) + 1);
	if (mark == NULL)
		return -1;
	if (target->package == NULL)
		memset(mark, 1, dbmig_graph_size(graph));
	else
	{
		package = find_package(call, graph, target->package);
		if (package < 0)
			return -1;
		if (target->version != NULL)
		{
			node = find_version(call, graph, package, target->version);
			if (node < 0)
				return -1;
		}
		if (dbmig_graph_ancestors(call, graph,
								  node >= 0 ? node : dbmig_graph_end(graph, package),
								  mark) != 0)
			return -1;
	}
	plan->before = 0;
	if (check_missing(call, graph, mark) != 0 ||
		dbmig_graph_order(call, graph, mark, &plan->order, &plan->count) != 0 ||
		check_drift(call, graph, mark) != 0 ||
		check_order(call, graph, plan) != 0)
		return -1;
	if (mode == DBMIG_MODE_WAIT)
		return 0;
	if (dbmig_plan_runnable(call, plan, DBMIG_UP, mode == DBMIG_MODE_MIGRATE) != 0)
		return -1;
	if (node >= 0 && plan->count == 0 && call->registry == NULL)
		return check_target(call, graph, package, node);
	return 0;
}

/* What another applied migration needs is not rolled back. */
static int
check_needed(dbmig_call *call, const dbmig_graph *graph, int lowest,
			 const char *leaving)
{
	char	   *mark = dbmig_alloc(call, dbmig_graph_size(graph) + 1);
	size_t		i;

	if (mark == NULL || dbmig_graph_dependents(call, graph, lowest, mark) != 0)
		return -1;
	for (i = 0; i < graph->node_count; i++)
		if (mark[i] && !leaving[i] &&
			(graph->nodes[i].flags & DBMIG_NODE_APPLIED) != 0)
			return dbmig_fail(call, DBMIG_NEEDED,
							  "Roll that back first.",
							  "cannot roll back \"%s\": \"%s\" comes after it and is applied",
							  dbmig_item_text(call, dbmig_graph_item(graph, lowest)),
							  dbmig_item_text(call, dbmig_graph_item(graph, (int) i)));
	return 0;
}

/* An applied version above the target that is not registered has no down. */
static int
check_strays(dbmig_call *call, const dbmig_graph *graph, int package,
			 const char *version, const char *lowest)
{
	size_t		i;

	for (i = graph->stray_count; i-- > 0;)
	{
		const dbmig_stray *stray = &graph->strays[i];

		if (stray->package != package || dbmig_version_repeats(stray->version))
			continue;
		if (version != NULL ?
			version[0] == '\0' || dbmig_version_compare(stray->version, version) > 0 :
			lowest == NULL || dbmig_version_compare(stray->version, lowest) > 0)
			return dbmig_fail(call, DBMIG_NOT_READY,
							  "Register it again, with its down.",
							  "migration \"%s@%s\" is applied, but no longer registered",
							  graph->packages[package].name, stray->version);
	}
	return 0;
}

/*
 * V6: what is repeatable comes after the versions, so it goes with any of
 * them, without a script, and is run again by the next apply.
 */
static int
forget_repeatable(dbmig_call *call, const dbmig_package *package,
				  dbmig_plan *plan, char *leaving)
{
	const dbmig_graph *graph = &plan->graph;
	int			i;

	plan->again = dbmig_alloc(call, (size_t) package->count * sizeof(int));
	if (plan->again == NULL)
		return -1;
	for (i = package->first; i < package->first + package->count; i++)
		if (dbmig_version_repeats(graph->nodes[i].version) &&
			(graph->nodes[i].flags & DBMIG_NODE_APPLIED) != 0)
		{
			plan->again[plan->again_count++] = i;
			leaving[i] = 1;
		}
	return 0;
}

/* The versions above the target, the highest first. */
static void
collect_down(const dbmig_package *package, const char *version,
			 dbmig_plan *plan, char *leaving)
{
	const dbmig_graph *graph = &plan->graph;
	int			i;

	for (i = package->first + package->count - 1; i >= package->first; i--)
	{
		if ((graph->nodes[i].flags & DBMIG_NODE_APPLIED) == 0 ||
			dbmig_version_repeats(graph->nodes[i].version))
			continue;
		if (version != NULL && version[0] != '\0' &&
			dbmig_version_compare(graph->nodes[i].version, version) <= 0)
			break;
		plan->order[plan->count++] = i;
		leaving[i] = 1;
		if (version == NULL)
			break;
	}
}

int
dbmig_plan_down(dbmig_call *call, const dbmig_target *target, dbmig_plan *plan)
{
	dbmig_graph *graph = &plan->graph;
	const char *version = target->version;
	const dbmig_package *package;
	char	   *leaving;
	int			lowest = -1;
	int			number;
	int			i;

	/* all of it: anybody may come after what is rolled back */
	if (dbmig_registry_load(call, NULL, target->tenant, graph) != 0)
		return -1;
	number = find_package(call, graph, target->package);
	if (number < 0)
		return -1;
	package = &graph->packages[number];
	if (version != NULL && version[0] != '\0' &&
		find_version(call, graph, number, version) < 0)
		return -1;
	if (version != NULL && dbmig_version_repeats(version))
		return dbmig_fail(call, DBMIG_NOT_SUPPORTED,
						  "Roll back to a version; what is repeatable comes after all of them.",
						  "cannot roll back to \"%s@%s\", which is repeatable",
						  target->package, version);
	leaving = dbmig_alloc(call, graph->node_count + 1);
	plan->order = dbmig_alloc(call, (size_t) package->count * sizeof(int));
	plan->count = 0;
	plan->before = 0;
	plan->again_count = 0;
	if (leaving == NULL || plan->order == NULL)
		return -1;
	collect_down(package, version, plan, leaving);
	if ((plan->count > 0 || (version != NULL && version[0] == '\0')) &&
		forget_repeatable(call, package, plan, leaving) != 0)
		return -1;
	if (check_strays(call, graph, number, version,
					 plan->count > 0 ? graph->nodes[plan->order[0]].version : NULL) != 0)
		return -1;
	for (i = 0; i < plan->count; i++)
		if ((graph->nodes[plan->order[i]].flags & DBMIG_NODE_HAS_DOWN) == 0)
			return dbmig_fail(call, DBMIG_NOT_READY,
							  "Register the migration with a down.",
							  "migration \"%s\" has no down",
							  dbmig_item_text(call, dbmig_graph_item(graph, plan->order[i])));
	if (plan->count > 0)
		lowest = plan->order[plan->count - 1];
	else if (plan->again_count > 0)
		lowest = plan->again[0];
	if (lowest >= 0 && check_needed(call, graph, lowest, leaving) != 0)
		return -1;
	return dbmig_plan_runnable(call, plan, DBMIG_DOWN, false);
}
