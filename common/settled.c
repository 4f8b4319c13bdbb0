/*
 * settled.c
 *		A quick look, before any lock, at whether there is anything to do.
 *
 * It counts, and loads no migration.  Where that finds something, a plan says
 * what; so it may be wrong in that direction only.
 */
#include "dbmig_core.h"

#include "internal.h"

typedef enum counted
{
	PENDING,					/* not applied */
	UNSETTLED					/* or otherwise than registered */
} counted;

/* What a package takes along is followed only where it comes after anything. */
static int
count(dbmig_call *call, const dbmig_target *target, counted what,
	  int64_t *number, bool *alone)
{
	static const dbmig_sql statements[][3] = {
		{DBMIG_PENDING, DBMIG_PENDING_ONE, DBMIG_PENDING_TAKEN},
		{DBMIG_UNSETTLED, DBMIG_UNSETTLED_ONE, DBMIG_UNSETTLED_TAKEN}
	};
	dbmig_value tenant = dbmig_text(target->tenant);
	dbmig_value package = dbmig_text(target->package);
	dbmig_value params[2];
	dbmig_value row[1];
	bool		found = false;
	int			scope = 0;

	*alone = false;
	params[0] = tenant;
	if (target->package != NULL)
	{
		if (dbmig_query_row(call, DBMIG_DEPENDS, &package, row, 1, &found) != 0)
			return -1;
		*alone = !found;
		scope = found ? 2 : 1;
		params[0] = found ? package : tenant;
		params[1] = found ? tenant : package;
	}
	if (dbmig_query_row(call, statements[what][scope], params, row, 1, &found) != 0)
		return -1;
	*number = row[0].integer;
	return 0;
}

int
dbmig_count_pending(dbmig_call *call, const dbmig_target *target,
					int64_t *number)
{
	bool		alone;

	return count(call, target, PENDING, number, &alone);
}

/* Where no one statement sees the registry and what is applied. */
static int
settled_apart(dbmig_call *call, const dbmig_target *target, bool *settled)
{
	dbmig_graph graph;
	dbmig_value params[2];
	dbmig_value row[1];
	bool		known = true;
	size_t		i;

	/* one that has everything, but is to be adopted */
	params[0] = dbmig_text(target->tenant);
	params[1] = dbmig_text(target->package != NULL ? target->package : "");
	if (call->registry == NULL &&
		dbmig_query_row(call, DBMIG_TENANT_HAS, params, row, 1, &known) != 0)
		return -1;
	if (!known)
		return 0;
	if (dbmig_registry_load(call, target->package, target->tenant, &graph) != 0)
		return -1;
	*settled = target->package == NULL || graph.package_count > 0;
	for (i = 0; i < graph.node_count; i++)
		if ((graph.nodes[i].flags & (DBMIG_NODE_APPLIED | DBMIG_NODE_DRIFTED)) != DBMIG_NODE_APPLIED)
			*settled = false;
	for (i = 0; i < graph.dependency_count; i++)
		if (graph.sources[i] < 0)
			*settled = false;
	return 0;
}

int
dbmig_settled(dbmig_call *call, const dbmig_target *target, bool *settled)
{
	bool		all = target->package == NULL;
	bool		alone;
	dbmig_value params[1];
	dbmig_value row[1];
	int64_t		number;
	bool		found;

	*settled = false;
	if (target->version != NULL)
		return 0;
	if (dbmig_tenant_apart(call))
		return settled_apart(call, target, settled);
	if (call->memo != NULL &&
		call->memo->known(call, target->package, target->tenant, settled) != 0)
		return -1;
	if (*settled)
		return 0;
	params[0] = dbmig_text(target->package);
	if (!all)
	{
		if (dbmig_query_row(call, DBMIG_PACKAGE_FIND, params, row, 1, &found) != 0)
			return -1;
		if (!found)
			return 0;
	}
	if (count(call, target, UNSETTLED, &number, &alone) != 0)
		return -1;
	if (number != 0)
		return 0;
	if (!alone)
	{
		if (dbmig_query_row(call, all ? DBMIG_UNMET : DBMIG_UNMET_TAKEN, params,
							row, 1, &found) != 0)
			return -1;
		if (row[0].integer != 0)
			return 0;
	}
	*settled = true;
	return 0;
}

int
dbmig_settle_look(dbmig_call *call, const char *package, const char *tenant)
{
	if (call->memo == NULL || call->registry != NULL)
		return 0;
	return call->memo->look(call, package, tenant);
}

int
dbmig_settle_counted(dbmig_call *call, const dbmig_target *target)
{
	bool		settled;

	if (call->memo == NULL ||
		dbmig_settled(call, target, &settled) != 0)
		return call->status != DBMIG_OK ? -1 : 0;
	return settled ? dbmig_settle_found(call, target) : 0;
}

int
dbmig_settle_found(dbmig_call *call, const dbmig_target *target)
{
	if (call->memo == NULL || target->version != NULL)
		return 0;
	return call->memo->settle(call, target->tenant, 0, NULL, NULL,
							  target->package == NULL);
}

/* What has all that is registered, now that the nodes marked so are applied. */
int
dbmig_settle_graph(dbmig_call *call, const char *tenant,
				   const dbmig_graph *graph, bool all)
{
	const char **names;
	char	   *whole;
	size_t		i;

	if (call->memo == NULL || !call->memo->can_settle(call))
		return 0;
	names = dbmig_alloc(call, graph->package_count * sizeof(*names) + 1);
	whole = dbmig_alloc(call, graph->package_count + 1);
	if (names == NULL || whole == NULL)
		return -1;
	for (i = 0; i < graph->package_count; i++)
	{
		names[i] = graph->packages[i].name;
		whole[i] = 1;
	}
	for (i = 0; i < graph->node_count; i++)
		if ((graph->nodes[i].flags & (DBMIG_NODE_APPLIED | DBMIG_NODE_DRIFTED)) != DBMIG_NODE_APPLIED)
			whole[graph->nodes[i].package] = 0;
	for (i = 0; i < graph->dependency_count; i++)
		if (graph->sources[i] < 0)
		{
			int			number = dbmig_graph_find(graph, graph->dependencies[i].item.package);

			if (number >= 0)
				whole[number] = 0;
		}
	return call->memo->settle(call, tenant, graph->package_count, names, whole, all);
}

/*
 * The plan is done.  Where it has replaced what was applied, and not only added
 * to it, nothing that was looked at before stands; then counting tells.
 */
int
dbmig_settle_plan(dbmig_call *call, const dbmig_target *target,
				  dbmig_plan *plan)
{
	bool		again = call->settings.accept_changed;
	int			i;

	if (call->memo == NULL || call->registry != NULL)
		return 0;
	for (i = 0; i < plan->count; i++)
	{
		dbmig_node *node = &plan->graph.nodes[plan->order[i]];

		node->flags |= DBMIG_NODE_APPLIED;
		again |= dbmig_version_repeats(node->version);
	}
	if (!again)
		return dbmig_settle_graph(call, target->tenant, &plan->graph,
								  target->package == NULL);
	return target->version == NULL ? dbmig_settle_counted(call, target) : 0;
}
