/*
 * apply.c
 *		Lock, load, plan, run, record (rules A1-A3, A7, C2).
 *
 * The order matters: the plan is made under the lock, so that a second applier
 * sees what the first has done; each step's record is written right behind
 * it, in its transaction.
 */
#define _POSIX_C_SOURCE 200809L

#include "dbmig_core.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "internal.h"

static int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int
dbmig_history_add(dbmig_call *call, const char *tenant, dbmig_item item,
				  const char *name, const char *action, const char *checksum,
				  int64_t statements, int64_t microseconds)
{
	dbmig_value params[8];

	params[0] = dbmig_text(tenant);
	params[1] = dbmig_text(item.package);
	params[2] = dbmig_text(item.version);
	params[3] = dbmig_text(name);
	params[4] = dbmig_text(action);
	params[5] = dbmig_text(checksum);
	params[6] = statements < 0 ? dbmig_null() : dbmig_int(statements);
	params[7] = microseconds < 0 ? dbmig_null() : dbmig_int(microseconds);
	return call->host->query(call, DBMIG_HISTORY_ADD, params, NULL, NULL);
}

static int
mark_applied(dbmig_call *call, const char *tenant, dbmig_item item,
			 const char *sort_key, const char *checksum, int statements,
			 int64_t microseconds)
{
	dbmig_value params[7];

	params[0] = dbmig_text(tenant);
	params[1] = dbmig_text(item.package);
	params[2] = dbmig_text(item.version);
	params[3] = dbmig_text(sort_key);
	params[4] = dbmig_text(checksum);
	params[5] = dbmig_int(statements);
	params[6] = dbmig_int(microseconds);
	return call->host->query(call, DBMIG_APPLIED_PUT, params, NULL, NULL);
}

static int
mark_pending(dbmig_call *call, const char *tenant, dbmig_item item)
{
	dbmig_value params[3];

	params[0] = dbmig_text(tenant);
	params[1] = dbmig_text(item.package);
	params[2] = dbmig_text(item.version);
	return call->host->query(call, DBMIG_APPLIED_DROP, params, NULL, NULL);
}

/*
 * The texts of the steps that come next.  They are read some at a time: where
 * a script changes the schema, an engine has to prepare anew what reads them.
 */
#define AHEAD_STEPS 64
#define AHEAD_BYTES 65536

typedef struct step_text
{
	bool		found;
	bool		function;
	size_t		text;			/* where they are in bytes */
	size_t		length;
	size_t		options;
	size_t		sort_key;
} step_text;

typedef struct texts
{
	dbmig_buffer bytes;
	step_text	steps[AHEAD_STEPS];
	int			first;			/* the step of the plan that steps[0] is */
	int			count;
} texts;

static int
keep_bytes(dbmig_call *call, texts *kept, const dbmig_value *value, size_t *at)
{
	*at = kept->bytes.length;
	return dbmig_append_bytes(call, &kept->bytes, value->text, value->length + 1);
}

/* kind, options, text, sort_key */
static int
keep_text(dbmig_call *call, void *arg, const dbmig_value *row)
{
	texts	   *kept = arg;
	step_text  *step = &kept->steps[kept->count];

	if (row[2].type != DBMIG_TEXT)
		return 0;
	step->found = true;
	step->function = strcmp(row[0].text, "function") == 0;
	step->length = row[2].length;
	if (keep_bytes(call, kept, &row[1], &step->options) != 0 ||
		keep_bytes(call, kept, &row[2], &step->text) != 0)
		return -1;
	return keep_bytes(call, kept, &row[3], &step->sort_key);
}

/* The text of the i-th step of a plan. */
static int
read_text(dbmig_call *call, const dbmig_plan *plan, int i,
		  dbmig_direction direction, texts *kept, step_text **step)
{
	if (i >= kept->first && i < kept->first + kept->count)
	{
		*step = &kept->steps[i - kept->first];
		return 0;
	}
	kept->bytes.length = 0;
	kept->first = i;
	kept->count = 0;
	do
	{
		dbmig_item	item = dbmig_graph_item(&plan->graph, plan->order[i]);
		dbmig_value params[2];

		kept->steps[kept->count].found = false;
		params[0] = dbmig_text(item.package);
		params[1] = dbmig_text(item.version);
		if (call->host->query(call, direction == DBMIG_UP ? DBMIG_STEP_UP : DBMIG_STEP_DOWN,
							  params, keep_text, kept) != 0)
			return -1;
		if (!kept->steps[kept->count].found)
			return dbmig_fail(call, DBMIG_DAMAGED, NULL,
							  "migration \"%s\" has vanished from dbmig_migration",
							  dbmig_item_text(call, item));
		kept->count++;
		i++;
	} while (i < plan->count && kept->count < AHEAD_STEPS &&
			 kept->bytes.length < AHEAD_BYTES);
	*step = &kept->steps[0];
	return 0;
}

/* Runs one direction of a step; *statements: how many it had. */
static int
run_step(dbmig_call *call, const char *tenant, const dbmig_plan *plan, int i,
		 dbmig_direction direction, texts *kept, const char **sort_key,
		 int *statements)
{
	dbmig_item	item = dbmig_graph_item(&plan->graph, plan->order[i]);
	dbmig_options options;
	dbmig_step	step;
	step_text  *text = NULL;
	const char *json;

	*statements = 0;
	if (read_text(call, plan, i, direction, kept, &text) != 0)
		return -1;
	*sort_key = kept->bytes.text + text->sort_key;
	json = kept->bytes.text + text->options;
	dbmig_options_begin(&options);
	if (strcmp(json, "{}") != 0 && dbmig_options_parse(call, json, &options) != 0)
		return -1;
	if (options.engine != NULL && strcmp(options.engine, call->host->engine) != 0)
		return 0;
	memset(&step, 0, sizeof(step));
	step.tenant = tenant;
	step.package = item.package;
	step.version = item.version;
	step.direction = direction;
	step.function = text->function;
	step.foreign_keys = options.foreign_keys == 1;
	step.text = kept->bytes.text + text->text;
	step.length = text->length;
	return call->host->run(call, &step, statements);
}

/* A7: "2/7 auth@3 create users (12 ms)" */
static int
say_progress(dbmig_call *call, int done, int total, dbmig_item item,
			 const char *name, const char *what, int64_t microseconds)
{
	char		text[600];
	char		line[1000];

	snprintf(text, sizeof(text), "%s@%s", item.package, item.version);
	snprintf(line, sizeof(line), "%d/%d %s%s%s%s (%ld ms)", done, total, what,
			 text, name != NULL ? " " : "", name != NULL ? name : "",
			 (long) ((microseconds + 500) / 1000));
	return call->host->progress(call, done, total, text, line);
}

static int
step_up(dbmig_call *call, const char *tenant, const dbmig_plan *plan, int i,
		texts *kept)
{
	dbmig_item	item = dbmig_graph_item(&plan->graph, plan->order[i]);
	const dbmig_node *node = &plan->graph.nodes[plan->order[i]];
	int64_t		since = now_us();
	const char *sort_key;
	char		hex[DBMIG_CHECKSUM_SIZE];
	int			statements;

	if (run_step(call, tenant, plan, i, DBMIG_UP, kept, &sort_key, &statements) != 0)
		return -1;
	since = now_us() - since;
	if (mark_applied(call, tenant, item, sort_key, dbmig_node_checksum(node, hex),
					 statements, since) != 0 ||
		dbmig_history_add(call, tenant, item, node->name, "apply",
						  dbmig_node_checksum(node, hex), statements, since) != 0)
		return -1;
	return say_progress(call, i + 1, plan->count, item, node->name, "", since);
}

static int
step_down(dbmig_call *call, const char *tenant, const dbmig_plan *plan, int i,
		  texts *kept)
{
	dbmig_item	item = dbmig_graph_item(&plan->graph, plan->order[i]);
	const dbmig_node *node = &plan->graph.nodes[plan->order[i]];
	int64_t		since = now_us();
	const char *sort_key;
	char		hex[DBMIG_CHECKSUM_SIZE];
	int			statements;

	if (run_step(call, tenant, plan, i, DBMIG_DOWN, kept, &sort_key, &statements) != 0)
		return -1;
	since = now_us() - since;
	if (mark_pending(call, tenant, item) != 0 ||
		dbmig_history_add(call, tenant, item, node->name, "rollback",
						  dbmig_node_checksum(node, hex), statements, since) != 0)
		return -1;
	return say_progress(call, i + 1, plan->count, item, node->name,
						"rollback ", since);
}

/* C2: where that is wanted, what is registered is what was applied. */
static int
accept_changed(dbmig_call *call, const char *tenant, const dbmig_graph *graph)
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

static int
apply(dbmig_call *call, const dbmig_target *target, int *count)
{
	texts		kept = {0};
	dbmig_plan	plan;
	int			i;

	if (dbmig_plan_up(call, target, true, &plan) != 0 ||
		accept_changed(call, target->tenant, &plan.graph) != 0)
		return -1;
	for (i = 0; i < plan.count; i++)
		if (step_up(call, target->tenant, &plan, i, &kept) != 0)
			return -1;
	*count = plan.count;
	return 0;
}

static int
rollback(dbmig_call *call, const dbmig_target *target, int *count)
{
	texts		kept = {0};
	dbmig_plan	plan;
	int			i;

	if (dbmig_plan_down(call, target, &plan) != 0)
		return -1;
	for (i = 0; i < plan.count; i++)
		if (step_down(call, target->tenant, &plan, i, &kept) != 0)
			return -1;
	*count = plan.count;
	return 0;
}

static int
redo(dbmig_call *call, const dbmig_target *target, int *count)
{
	texts		down = {0};
	texts		up = {0};
	dbmig_plan	plan;

	if (dbmig_plan_down(call, target, &plan) != 0)
		return -1;
	*count = plan.count;
	if (plan.count == 0)
		return 0;
	if (dbmig_plan_runnable(call, &plan, DBMIG_UP) != 0 ||
		step_down(call, target->tenant, &plan, 0, &down) != 0)
		return -1;
	return step_up(call, target->tenant, &plan, 0, &up);
}

/* Everything of the package up to the version, whatever it comes after. */
static int
baseline(dbmig_call *call, const dbmig_target *target, int *count)
{
	dbmig_graph graph;
	const dbmig_package *package;
	int			last;
	int			i;

	if (dbmig_registry_load(call, target->package, target->tenant, &graph) != 0 ||
		dbmig_plan_find(call, &graph, target->package, target->version, &last) != 0)
		return -1;
	package = &graph.packages[graph.nodes[last].package];
	for (i = package->first; i <= last; i++)
	{
		const dbmig_node *node = &graph.nodes[i];
		dbmig_item	item = dbmig_graph_item(&graph, i);
		char		hex[DBMIG_CHECKSUM_SIZE];
		const char *sort_key;

		if ((node->flags & DBMIG_NODE_APPLIED) != 0)
			continue;
		sort_key = dbmig_version_key(call, node->version);
		if (sort_key == NULL ||
			mark_applied(call, target->tenant, item, sort_key, dbmig_node_checksum(node, hex), 0, 0) != 0 ||
			dbmig_history_add(call, target->tenant, item, node->name, "baseline",
							  dbmig_node_checksum(node, hex), -1, -1) != 0)
			return -1;
		(*count)++;
	}
	return 0;
}

/* The frame of all that changes the applied set. */
static int
run_work(dbmig_call *call, const dbmig_target *target, work kind,
		 dbmig_value *result)
{
	const dbmig_host *host = call->host;
	int			count = 0;
	int			failed = -1;

	if (host->begin(call, kind != BASELINE) != 0)
		return -1;
	if (host->lock(call, DBMIG_LOCK_TENANT, target->tenant) == 0)
		switch (kind)
		{
			case APPLY:
				failed = apply(call, target, &count);
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

/* package, version, tenant: what most of these functions take */
static int
read_target(dbmig_call *call, int nargs, const dbmig_value *args,
			bool package, bool version, dbmig_target *target)
{
	if (dbmig_arg_package(call, nargs, args, 0, package, &target->package) != 0 ||
		dbmig_arg_version(call, nargs, args, 1, version, &target->version) != 0 ||
		dbmig_arg_tenant(call, nargs, args, 2, &target->tenant) != 0)
		return -1;
	if (target->package == NULL && target->version != NULL)
		return dbmig_fail(call, DBMIG_NULL_VALUE, NULL,
						  "a version needs a package");
	return 0;
}

int
dbmig_do_apply(dbmig_call *call, int nargs, const dbmig_value *args,
			   dbmig_value *result)
{
	dbmig_target target;
	bool		settled;

	if (read_target(call, nargs, args, false, false, &target) != 0 ||
		dbmig_settled(call, &target, &settled) != 0)
		return -1;
	if (settled)
	{
		*result = dbmig_int(0);
		return 0;
	}
	return run_work(call, &target, APPLY, result);
}

int
dbmig_do_rollback(dbmig_call *call, int nargs, const dbmig_value *args,
				  dbmig_value *result)
{
	dbmig_target target;

	if (read_target(call, nargs, args, true, false, &target) != 0)
		return -1;
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

	if (read_target(call, nargs, args, true, true, &target) != 0)
		return -1;
	return run_work(call, &target, BASELINE, result);
}

/* For a migration that was left running or failed, settled by hand. */
static int
resolve(dbmig_call *call, const char *tenant, dbmig_item item, bool applied)
{
	dbmig_graph graph;
	dbmig_value params[3];
	dbmig_value state[1];
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
	if (dbmig_query_row(call, DBMIG_APPLIED_STATE, params, state, 1, &found) != 0)
		return -1;
	if (!found || strcmp(state[0].text, "applied") == 0)
		return dbmig_fail(call, DBMIG_NOT_READY, NULL,
						  "migration \"%s\" is %s, not running or failed",
						  dbmig_item_text(call, item), found ? "applied" : "pending");
	sort_key = dbmig_version_key(call, item.version);
	if (sort_key == NULL)
		return -1;
	if ((applied ? mark_applied(call, tenant, item, sort_key,
								dbmig_node_checksum(&graph.nodes[node], hex), 0, 0) :
		 mark_pending(call, tenant, item)) != 0)
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
	if (call->host->begin(call, false) != 0)
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
