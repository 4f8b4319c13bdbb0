/*
 * steps.c
 *		One step of a plan: its text, its run, its record (rules A1, A7).
 */
#define _POSIX_C_SOURCE 200809L

#include "dbmig_core.h"

#include <string.h>
#include <time.h>

#include "internal.h"

int64_t
dbmig_now_us(void)
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

int
dbmig_mark_applied(dbmig_call *call, const char *tenant, dbmig_item item,
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

int
dbmig_mark_pending(dbmig_call *call, const char *tenant, dbmig_item item)
{
	dbmig_value params[3];

	params[0] = dbmig_text(tenant);
	params[1] = dbmig_text(item.package);
	params[2] = dbmig_text(item.version);
	return call->host->query(call, DBMIG_APPLIED_DROP, params, NULL, NULL);
}

#define AHEAD_BYTES 65536

static int
keep_bytes(dbmig_call *call, dbmig_texts *kept, const dbmig_value *value, size_t *at)
{
	*at = kept->bytes.length;
	return dbmig_append_bytes(call, &kept->bytes, value->text, value->length + 1);
}

/* What keep_text() is looking for: the next steps of a plan. */
typedef struct reading
{
	const dbmig_plan *plan;
	dbmig_texts *kept;
	size_t		wanted;			/* at most so many steps */
} reading;

/* version, kind, options, text, sort_key */
static int
keep_text(dbmig_call *call, void *arg, const dbmig_value *row)
{
	reading    *look = arg;
	dbmig_texts *kept = look->kept;
	dbmig_step_text *step = &kept->steps[kept->count];
	dbmig_item	item;

	if ((size_t) kept->count == look->wanted)
		return 0;
	item = dbmig_graph_item(&look->plan->graph,
							look->plan->order[kept->first + kept->count]);

	/* versions in between that are no step of the plan */
	if (strcmp(row[0].text, item.version) != 0 || row[3].type != DBMIG_TEXT)
		return 0;
	step->node = look->plan->order[kept->first + kept->count];
	step->function = strcmp(row[1].text, "function") == 0;
	step->length = row[3].length;
	if (keep_bytes(call, kept, &row[2], &step->options) != 0 ||
		keep_bytes(call, kept, &row[3], &step->text) != 0 ||
		keep_bytes(call, kept, &row[4], &step->sort_key) != 0)
		return -1;
	kept->count++;

	/* a long text may be followed by others like it */
	if (kept->bytes.length >= AHEAD_BYTES)
		look->wanted = (size_t) kept->count;
	return 0;
}

static bool
is_kept(const dbmig_plan *plan, int i, dbmig_direction direction,
		const dbmig_texts *kept)
{
	return i >= kept->first && i < kept->first + kept->count &&
		kept->steps[i - kept->first].node == plan->order[i] &&
		kept->direction == direction;
}

bool
dbmig_step_is_kept(const dbmig_plan *plan, int i, const dbmig_texts *kept)
{
	return is_kept(plan, i, DBMIG_UP, kept);
}

/* Room for the i-th step behind the one before it, or else for it alone. */
static void
make_room(const dbmig_plan *plan, int i, dbmig_direction direction,
		  dbmig_texts *kept)
{
	if (i > 0 && i == kept->first + kept->count &&
		is_kept(plan, i - 1, direction, kept) &&
		kept->count < DBMIG_AHEAD_STEPS && kept->bytes.length < AHEAD_BYTES)
		return;
	kept->bytes.length = 0;
	kept->direction = direction;
	kept->first = i;
	kept->count = 0;
}

/*
 * The text of the i-th step of a plan.  Going up, the steps of one package
 * that follow each other are read by one query, and kept with those before.
 */
static int
read_text(dbmig_call *call, const dbmig_plan *plan, int i,
		  dbmig_direction direction, dbmig_texts *kept, dbmig_step_text **step)
{
	const dbmig_node *nodes = plan->graph.nodes;
	dbmig_item	item = dbmig_graph_item(&plan->graph, plan->order[i]);
	reading		look = {plan, kept, 1};
	dbmig_value params[3];
	int			before;

	if (is_kept(plan, i, direction, kept))
	{
		*step = &kept->steps[i - kept->first];
		return 0;
	}
	make_room(plan, i, direction, kept);
	before = kept->count;
	while (direction == DBMIG_UP && (size_t) before + look.wanted < DBMIG_AHEAD_STEPS &&
		   (size_t) i + look.wanted < (size_t) plan->count &&
		   nodes[plan->order[(size_t) i + look.wanted]].package == nodes[plan->order[i]].package)
		look.wanted++;
	params[0] = dbmig_text(item.package);
	params[1] = dbmig_text(dbmig_version_key(call, item.version));
	params[2] = dbmig_int((int64_t) look.wanted);
	look.wanted += (size_t) before;
	if (call->status == DBMIG_NO_MEMORY ||
		call->host->query(call, direction == DBMIG_UP ? DBMIG_STEPS_UP : DBMIG_STEPS_DOWN,
						  params, keep_text, &look) != 0)
		return -1;
	if (kept->count == before)
		return dbmig_fail(call, DBMIG_DAMAGED, NULL,
						  "migration \"%s\" has vanished from dbmig_migration",
						  dbmig_item_text(call, item));
	*step = &kept->steps[before];
	return 0;
}

int
dbmig_steps_name(dbmig_call *call, const dbmig_plan *plan, int count,
				 const char *word)
{
	dbmig_texts *kept = dbmig_alloc(call, sizeof(dbmig_texts));
	dbmig_step_text *step = NULL;
	int			i;

	if (kept == NULL)
		return -1;
	memset(kept, 0, sizeof(*kept));
	for (i = 0; i < count; i++)
	{
		if (read_text(call, plan, i, DBMIG_UP, kept, &step) != 0)
			return -1;
		if (step->function || strstr(kept->bytes.text + step->text, word) != NULL)
			return 1;
	}
	return 0;
}

/* A portable step runs what is made from its text. */
static int
make_text(dbmig_call *call, dbmig_step *step, dbmig_buffer *made)
{
	size_t		wrong_at;
	int			line;
	int			column;

	step->source = step->text;
	step->source_length = step->length;
	made->length = 0;
	if (dbmig_portable_expand(call, step->text, step->length, made, &wrong_at) != 0)
	{
		dbmig_position(step->text, wrong_at, &line, &column);
		return dbmig_fail_in(call, "%smigration \"%s@%s\", line %d, column %d",
							 step->direction == DBMIG_DOWN ? "rollback of " : "",
							 step->package, step->version, line, column);
	}
	step->text = made->text;
	step->length = made->length;
	return 0;
}

int
dbmig_step_run(dbmig_call *call, const char *tenant, const dbmig_plan *plan, int i,
			   dbmig_direction direction, dbmig_texts *kept, const char **sort_key,
			   int *statements)
{
	dbmig_item	item = dbmig_graph_item(&plan->graph, plan->order[i]);
	const dbmig_node *node = &plan->graph.nodes[plan->order[i]];
	dbmig_options options;
	dbmig_step	step;
	dbmig_step_text *text = NULL;
	const char *json;
	int			failed;

	*statements = 0;
	if (kept == call->texts)
		dbmig_part_swap(call);
	failed = read_text(call, plan, i, direction, kept, &text);
	if (kept == call->texts)
		dbmig_part_swap(call);
	if (failed != 0)
		return -1;
	*sort_key = kept->bytes.text + text->sort_key;
	json = kept->bytes.text + text->options;
	if (dbmig_node_options(call, &plan->graph, node, json, &options) != 0)
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
	step.role = options.role;
	step.search_path = options.search_path;
	step.lock_timeout = options.lock_timeout;
	step.retries = options.retries >= 0 ? options.retries : call->settings.retries;
	step.transactional = (node->flags & (direction == DBMIG_UP ? DBMIG_NODE_TRANSACTIONAL :
										 DBMIG_NODE_DOWN_TRANSACTIONAL)) != 0;
	if ((node->flags & DBMIG_NODE_UNSETTLED) != 0 && !step.transactional)
		step.skip = node->more->statements;
	*statements = step.skip;
	step.text = kept->bytes.text + text->text;
	step.length = text->length;
	if (options.portable == 1 && !step.function &&
		make_text(call, &step, &kept->made) != 0)
		return -1;
	return call->host->run(call, &step, statements);
}

void
dbmig_step_position(const dbmig_host *host, const dbmig_step *step,
					size_t offset, int *line, int *column)
{
	if (step->source == NULL)
		dbmig_position(step->text, offset, line, column);
	else
		dbmig_position(step->source,
					   dbmig_portable_origin(host->engine, step->source,
											 step->source_length, offset),
					   line, column);
}

/* A7 */
int
dbmig_step_say(dbmig_call *call, const dbmig_plan *plan, int i,
			   dbmig_direction direction, int64_t microseconds)
{
	dbmig_item	item = dbmig_graph_item(&plan->graph, plan->order[i]);
	dbmig_progress progress;

	progress.done = plan->before + i + 1;
	progress.total = plan->before + plan->count;
	progress.direction = direction;
	progress.package = item.package;
	progress.version = item.version;
	progress.name = plan->graph.nodes[plan->order[i]].name;
	progress.microseconds = microseconds;
	progress.tenant = call->tenant;
	return call->host->progress(call, &progress);
}

int
dbmig_step_up(dbmig_call *call, const char *tenant, const dbmig_plan *plan,
			  int i, dbmig_texts *kept, int64_t *microseconds)
{
	dbmig_item	item = dbmig_graph_item(&plan->graph, plan->order[i]);
	const dbmig_node *node = &plan->graph.nodes[plan->order[i]];
	int64_t		since = dbmig_now_us();
	const char *sort_key;
	const char *checksum;
	char		hex[DBMIG_CHECKSUM_SIZE];
	int			statements;

	if (dbmig_step_run(call, tenant, plan, i, DBMIG_UP, kept, &sort_key, &statements) != 0)
		return -1;
	since = dbmig_now_us() - since;
	checksum = dbmig_node_checksum(node, hex);
	if (dbmig_mark_applied(call, tenant, item, sort_key, checksum, statements,
						   since) != 0 ||
		dbmig_history_add(call, tenant, item, node->name, "apply", checksum,
						  statements, since) != 0)
		return -1;
	*microseconds = since;
	return 0;
}

int
dbmig_step_down(dbmig_call *call, const char *tenant, const dbmig_plan *plan,
				int i, dbmig_texts *kept, int64_t *microseconds)
{
	dbmig_item	item = dbmig_graph_item(&plan->graph, plan->order[i]);
	const dbmig_node *node = &plan->graph.nodes[plan->order[i]];
	int64_t		since = dbmig_now_us();
	const char *sort_key;
	char		hex[DBMIG_CHECKSUM_SIZE];
	int			statements;

	if (dbmig_step_run(call, tenant, plan, i, DBMIG_DOWN, kept, &sort_key, &statements) != 0)
		return -1;
	since = dbmig_now_us() - since;
	if (dbmig_mark_pending(call, tenant, item) != 0 ||
		dbmig_history_add(call, tenant, item, node->name, "rollback",
						  dbmig_node_checksum(node, hex), statements, since) != 0)
		return -1;
	*microseconds = since;
	return 0;
}

int
dbmig_step_forget(dbmig_call *call, const char *tenant, const dbmig_plan *plan)
{
	int			i;

	for (i = 0; i < plan->again_count; i++)
	{
		const dbmig_node *node = &plan->graph.nodes[plan->again[i]];
		dbmig_item	item = dbmig_graph_item(&plan->graph, plan->again[i]);
		char		hex[DBMIG_CHECKSUM_SIZE];

		if (dbmig_mark_pending(call, tenant, item) != 0 ||
			dbmig_history_add(call, tenant, item, node->name, "rollback",
							  dbmig_node_checksum(node, hex), 0, -1) != 0)
			return -1;
	}
	return 0;
}
