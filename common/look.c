/*
 * look.c
 *		The functions that read: no lock, nothing written.
 */
#include "dbmig_core.h"

#include <string.h>

#include "internal.h"

int
dbmig_do_plan(dbmig_call *call, int nargs, const dbmig_value *args,
			  dbmig_row_fn emit, void *arg)
{
	dbmig_target target;
	dbmig_plan	plan;
	int			i;

	if (dbmig_target_read(call, nargs, args, &target) != 0 ||
		dbmig_plan_up(call, &target, DBMIG_MODE_WAIT, &plan) != 0)
		return -1;
	for (i = 0; i < plan.count; i++)
	{
		const dbmig_node *node = &plan.graph.nodes[plan.order[i]];
		dbmig_value row[6];

		row[0] = dbmig_int(i + 1);
		row[1] = dbmig_text(plan.graph.packages[node->package].name);
		row[2] = dbmig_text(node->version);
		row[3] = dbmig_text(node->name);
		row[4] = dbmig_text("up");
		row[5] = dbmig_bool((node->flags & DBMIG_NODE_TRANSACTIONAL) != 0);
		if (emit(call, arg, row) != 0)
			return -1;
	}
	return 0;
}

/* Rows go on to the caller as they are. */
typedef struct onward
{
	dbmig_row_fn emit;
	void	   *arg;
} onward;

/* What is left of DBMIG_AND_VERSION is the version. */
static void
cut_key(dbmig_value *value)
{
	const char *end = value->type == DBMIG_TEXT ? strrchr(value->text, '\001') : NULL;

	if (end == NULL)
		return;
	value->length -= (size_t) (end + 1 - value->text);
	value->text = end + 1;
}

static int
emit_status(dbmig_call *call, void *arg, const dbmig_value *row)
{
	onward	   *to = arg;
	const char *state = "current";
	dbmig_value out[6];

	if (row[3].type == DBMIG_NULL)
		state = "unknown";
	else if (row[6].integer > 0)
		state = "failed";
	else if (row[5].integer > 0)
		state = "drifted";
	else if (row[4].integer > 0)
		state = "pending";
	memcpy(out, row, 5 * sizeof(*row));
	cut_key(&out[2]);
	cut_key(&out[3]);
	out[5] = dbmig_text(state);
	return to->emit(call, to->arg, out);
}

int
dbmig_do_status(dbmig_call *call, int nargs, const dbmig_value *args,
				dbmig_row_fn emit, void *arg)
{
	onward		to = {emit, arg};

	(void) nargs;
	return call->host->query(call, DBMIG_STATUS, args, emit_status, &to);
}

int
dbmig_do_lookup(dbmig_call *call, int nargs, const dbmig_value *args,
				dbmig_row_fn emit, void *arg)
{
	const char *package;
	dbmig_value params[1];

	if (dbmig_arg_package(call, nargs, args, 0, true, &package) != 0)
		return -1;
	params[0] = dbmig_text(package);
	return call->host->query(call, DBMIG_LOOKUP, params, emit, arg);
}

/* Whether a package, and its version, are registered. */
static int
is_registered(dbmig_call *call, const dbmig_target *target, bool *known)
{
	dbmig_value params[2];
	dbmig_value row[6];

	*known = true;
	if (target->package == NULL)
		return 0;
	params[0] = dbmig_text(target->package);
	if (target->version == NULL)
		return dbmig_query_row(call, DBMIG_PACKAGE_FIND, params, row, 1, known);
	params[1] = dbmig_text(dbmig_version_key(call, target->version));
	if (call->status != DBMIG_OK)
		return -1;
	return dbmig_query_row(call, DBMIG_MIGRATION_FIND, params, row, 6, known);
}

int
dbmig_do_is_current(dbmig_call *call, int nargs, const dbmig_value *args,
					dbmig_value *result)
{
	bool		all;
	bool		known;
	dbmig_target target;
	dbmig_graph graph;
	char	   *mark;
	int			package;
	int			id;
	size_t		i;

	if (dbmig_target_read(call, nargs, args, &target) != 0)
		return -1;
	all = target.package == NULL;
	if (call->memo != NULL && target.version == NULL)
	{
		if (call->memo->known(call, target.package, target.tenant, &known) != 0)
			return -1;
		*result = dbmig_bool(known);
		if (known)
			return 0;
	}
	if (is_registered(call, &target, &known) != 0)
		return -1;
	*result = dbmig_bool(false);
	if (!known)
		return 0;
	if (!dbmig_tenant_apart(call))
	{
		int64_t		pending;

		if (dbmig_count_pending(call, &target, &pending) != 0)
			return -1;
		*result = dbmig_bool(pending == 0);
		if (pending == 0 || all)
			return 0;
	}

	/* something is, but perhaps not of what the target needs */
	if (dbmig_registry_load(call, target.package, target.tenant, &graph) != 0)
		return -1;
	mark = dbmig_alloc(call, dbmig_graph_size(&graph) + 1);
	if (mark == NULL)
		return -1;
	if (all)
		memset(mark, 1, graph.node_count);
	else
	{
		package = dbmig_graph_find(&graph, target.package);
		if (package < 0)
			return 0;
		id = target.version != NULL ?
			dbmig_graph_node(&graph, package, target.version) :
			dbmig_graph_end(&graph, package);
		if (id < 0)
			return 0;
		if (dbmig_graph_ancestors(call, &graph, id, mark) != 0)
			return -1;
	}
	for (i = 0; i < graph.node_count; i++)
		if (mark[i] && (graph.nodes[i].flags & DBMIG_NODE_APPLIED) == 0)
			return 0;
	*result = dbmig_bool(true);
	return 0;
}

int
dbmig_do_check(dbmig_call *call, int nargs, const dbmig_value *args,
			   dbmig_value *result)
{
	dbmig_target target;
	dbmig_plan	plan;
	const char *with = "dbmig_apply";
	const char *first;
	bool		settled;
	int			i;

	if (dbmig_target_read(call, nargs, args, &target) != 0 ||
		dbmig_settled(call, &target, &settled) != 0)
		return -1;
	*result = dbmig_bool(true);
	if (settled)
		return 0;

	/* what was accepted or is allowed for an apply is no reason to be content */
	call->settings.out_of_order = true;
	call->settings.accept_changed = false;
	if (dbmig_plan_up(call, &target, DBMIG_MODE_WAIT, &plan) != 0)
		return -1;
	for (i = 0; i < plan.count; i++)
		if ((plan.graph.nodes[plan.order[i]].flags & DBMIG_NODE_UNSETTLED) != 0)
			return dbmig_fail(call, DBMIG_NOT_READY,
							  "Apply again, or settle it with dbmig_resolve.",
							  "migration \"%s\" has failed or was interrupted",
							  dbmig_item_text(call, dbmig_graph_item(&plan.graph, plan.order[i])));
	if (plan.count == 0)
		return 0;
	first = dbmig_item_text(call, dbmig_graph_item(&plan.graph, plan.order[0]));
	for (i = 0; i < plan.count; i++)
		if ((plan.graph.nodes[plan.order[i]].flags & DBMIG_NODE_TRANSACTIONAL) == 0)
			with = call->host->migrate;
	if (plan.count == 1)
		return dbmig_fail(call, DBMIG_NOT_READY,
						  dbmig_printf(call, "Apply it with %s.", with),
						  "migration \"%s\" is pending", first);
	return dbmig_fail(call, DBMIG_NOT_READY,
					  dbmig_printf(call, "Apply them with %s.", with),
					  "%d migrations are pending, the first is \"%s\"",
					  plan.count, first);
}

/* One row of dbmig_verify */
static int
emit_problem(dbmig_call *call, onward *to, const char *tenant, dbmig_item item,
			 const char *problem, const char *detail)
{
	dbmig_value row[5];

	row[0] = dbmig_text(tenant);
	row[1] = dbmig_text(item.package);
	row[2] = dbmig_text(item.version[0] != '\0' ? item.version : NULL);
	row[3] = dbmig_text(problem);
	row[4] = dbmig_text(detail);
	return call->status != DBMIG_OK ? -1 : to->emit(call, to->arg, row);
}

static int
verify_node(dbmig_call *call, onward *to, const char *tenant,
			const dbmig_graph *graph, int i)
{
	const dbmig_node *node = &graph->nodes[i];
	const char *last = graph->packages[node->package].last_applied;
	dbmig_item	item = dbmig_graph_item(graph, i);
	char		hex[DBMIG_CHECKSUM_SIZE];

	if ((node->flags & DBMIG_NODE_DRIFTED) != 0 &&
		emit_problem(call, to, tenant, item, "changed",
					 dbmig_printf(call, "applied with checksum %s, registered with %s",
								  node->more->applied_checksum,
								  dbmig_node_checksum(node, hex))) != 0)
		return -1;
	if ((node->flags & DBMIG_NODE_UNSETTLED) != 0 &&
		emit_problem(call, to, tenant, item, "failed",
					 "it has failed or was interrupted") != 0)
		return -1;
	if ((node->flags & DBMIG_NODE_APPLIED) == 0 && last != NULL &&
		dbmig_version_compare(node->version, last) < 0 &&
		emit_problem(call, to, tenant, item, "out of order",
					 dbmig_printf(call, "%s is applied", last)) != 0)
		return -1;
	if ((node->flags & DBMIG_NODE_HAS_DOWN) == 0 &&
		!dbmig_version_repeats(node->version) &&
		emit_problem(call, to, tenant, item, "down missing",
					 "it cannot be rolled back") != 0)
		return -1;
	return 0;
}

typedef struct missing_files
{
	onward	   *to;
	const char *package;		/* or NULL: all */
} missing_files;

/* package, version, source */
static int
emit_missing(dbmig_call *call, void *arg, const dbmig_value *row)
{
	missing_files *missing = arg;
	dbmig_item	item = {row[0].text, row[1].text};

	if (missing->package != NULL && strcmp(missing->package, row[0].text) != 0)
		return 0;
	return emit_problem(call, missing->to, "", item, "file missing",
						dbmig_printf(call, "%s was gone when its folder was loaded",
									 row[2].text));
}

int
dbmig_do_verify(dbmig_call *call, int nargs, const dbmig_value *args,
				dbmig_row_fn emit, void *arg)
{
	onward		to = {emit, arg};
	missing_files missing = {&to, NULL};
	const char *tenant;
	const char *package;
	dbmig_graph graph;
	size_t		i;

	if (dbmig_arg_package(call, nargs, args, 0, false, &package) != 0 ||
		dbmig_arg_tenant(call, nargs, args, 1, &tenant) != 0 ||
		dbmig_registry_load(call, package, tenant, &graph) != 0)
		return -1;
	if (package != NULL && graph.package_count == 0)
		return dbmig_fail(call, DBMIG_UNKNOWN, NULL,
						  "package \"%s\" is not registered", package);
	for (i = 0; i < graph.node_count; i++)
		if ((package == NULL || strcmp(graph.packages[graph.nodes[i].package].name, package) == 0) &&
			verify_node(call, &to, tenant, &graph, (int) i) != 0)
			return -1;
	for (i = 0; i < graph.stray_count; i++)
	{
		dbmig_item	item;

		item.package = graph.packages[graph.strays[i].package].name;
		item.version = graph.strays[i].version;
		if ((package == NULL || strcmp(item.package, package) == 0) &&
			emit_problem(call, &to, tenant, item, "no longer registered",
						 "it is applied") != 0)
			return -1;
	}
	for (i = 0; i < graph.dependency_count; i++)
	{
		const dbmig_dependency *dependency = &graph.dependencies[i];

		if (graph.sources[i] < 0 &&
			(package == NULL || strcmp(dependency->item.package, package) == 0) &&
			emit_problem(call, &to, tenant, dependency->item, "missing dependency",
						 dbmig_printf(call, "%s is not registered",
									  dbmig_item_text(call, dependency->after))) != 0)
			return -1;
	}
	missing.package = package;
	return call->host->query(call, DBMIG_FILES_MISSING, NULL, emit_missing, &missing);
}

int
dbmig_do_version(dbmig_call *call, int nargs, const dbmig_value *args,
				 dbmig_value *result)
{
	(void) call;
	(void) nargs;
	(void) args;
	*result = dbmig_text(DBMIG_VERSION);
	return 0;
}
