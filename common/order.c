/*
 * order.c
 *		What runs before what: the order (O3), and the path of a cycle (O5).
 */
#include "dbmig_core.h"

#include <string.h>

#include "internal.h"

/*
 * What is ready.  What costs nothing (starts, ends, applied migrations) goes
 * first, in any order, so that what waits behind it is ready too; then O3, by
 * a heap of keys: the package's rank, and below it the node.
 */
typedef struct ready
{
	const dbmig_graph *graph;
	int		   *free_ids;
	size_t		free_count;
	uint64_t   *keys;
	size_t		count;
} ready;

static bool
is_free(const dbmig_graph *graph, int id)
{
	return id >= (int) graph->node_count ||
		(graph->nodes[id].flags & DBMIG_NODE_APPLIED) != 0;
}

static void
push(ready *ids, int id)
{
	size_t		at = ids->count;
	uint64_t	key;

	if (is_free(ids->graph, id))
	{
		ids->free_ids[ids->free_count++] = id;
		return;
	}
	key = (uint64_t) ids->graph->packages[ids->graph->nodes[id].package].rank << 32 |
		(uint64_t) id;
	ids->count++;
	while (at > 0 && key < ids->keys[(at - 1) / 2])
	{
		ids->keys[at] = ids->keys[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	ids->keys[at] = key;
}

/* One of what is ready, or -1. */
static int
pop(ready *ids)
{
	size_t		at = 0;
	uint64_t	top;
	uint64_t	last;

	if (ids->free_count > 0)
		return ids->free_ids[--ids->free_count];
	if (ids->count == 0)
		return -1;
	top = ids->keys[0];
	last = ids->keys[--ids->count];
	for (;;)
	{
		size_t		child = 2 * at + 1;

		if (child >= ids->count)
			break;
		if (child + 1 < ids->count && ids->keys[child + 1] < ids->keys[child])
			child++;
		if (last <= ids->keys[child])
			break;
		ids->keys[at] = ids->keys[child];
		at = child;
	}
	ids->keys[at] = last;
	return (int) (top & 0xFFFFFFFFu);
}

/*
 * Where two dependencies of a circle meet: the first ends at after, the next
 * begins at item, both in one package.  What is said is the narrower of the
 * two, or both where they are different migrations.
 */
static int
say_joint(dbmig_call *call, dbmig_buffer *path, dbmig_item after,
		  dbmig_item item, bool both)
{
	dbmig_item	last = item.version[0] != '\0' ? item : after;

	if (both && after.version[0] != '\0' && item.version[0] != '\0' &&
		strcmp(after.version, item.version) != 0 &&
		dbmig_append_format(call, path, "%s -> ",
							dbmig_item_text(call, after)) != 0)
		return -1;
	return dbmig_append_text(call, path, dbmig_item_text(call, last));
}

/*
 * waiting marks the ids that never became ready: each has one among them that
 * it comes after, so walking back from any of them ends in a circle.
 */
static int
fail_cycle(dbmig_call *call, const dbmig_graph *graph, const char *waiting)
{
	size_t		size = dbmig_graph_size(graph);
	int		   *step = dbmig_alloc(call, size * sizeof(int));
	int		   *by = dbmig_alloc(call, size * sizeof(int));
	int		   *circle = dbmig_alloc(call, size * sizeof(int));
	dbmig_buffer path = {0};
	int			count = 0;
	int			walked = 0;
	int			id = 0;
	int			i;

	if (step == NULL || by == NULL || circle == NULL)
		return -1;
	while (!waiting[id])
		id++;
	while (step[id] == 0)
	{
		int			before = dbmig_graph_before(graph, id);

		step[id] = ++walked;
		by[id] = -1;
		for (i = graph->into_start[id]; i < graph->into_start[id + 1]; i++)
			if (graph->sources[graph->into[i]] >= 0 &&
				waiting[graph->sources[graph->into[i]]])
			{
				by[id] = graph->into[i];
				before = graph->sources[graph->into[i]];
				break;
			}
		circle[walked - 1] = by[id];
		id = before;
	}

	/* the circle: the dependencies walked since id was met first */
	for (i = step[id] - 1; i < walked; i++)
		if (circle[i] >= 0)
			circle[count++] = circle[i];
	for (i = 0; i <= count; i++)
	{
		const dbmig_dependency *one = &graph->dependencies[circle[(i + count - 1) % count]];
		const dbmig_dependency *next = &graph->dependencies[circle[i % count]];

		if (i > 0 && dbmig_append_text(call, &path, " -> ") != 0)
			return -1;
		if (say_joint(call, &path, one->after, next->item, i > 0) != 0)
			return -1;
	}
	return dbmig_fail(call, DBMIG_CYCLE, NULL, "dependency cycle: %s",
					  path.text);
}

int
dbmig_graph_order(dbmig_call *call, const dbmig_graph *graph,
				  const char *mark, int **order, int *count)
{
	int			size = (int) dbmig_graph_size(graph);
	int		   *blockers = dbmig_alloc(call, (size_t) size * sizeof(int));
	char	   *waiting = dbmig_alloc(call, (size_t) size + 1);
	int			left = 0;
	ready		ids = {graph, NULL, 0, NULL, 0};
	int		   *out_start;
	int		   *out;
	int			id;
	int			i;

	ids.free_ids = dbmig_alloc(call, (size_t) size * sizeof(int));
	ids.keys = dbmig_alloc(call, graph->node_count * sizeof(uint64_t));
	*order = dbmig_alloc(call, graph->node_count * sizeof(int));
	*count = 0;
	if (blockers == NULL || waiting == NULL || ids.free_ids == NULL || ids.keys == NULL ||
		*order == NULL || dbmig_graph_outgoing(call, graph, &out_start, &out) != 0)
		return -1;
	for (id = 0; id < size; id++)
	{
		if (!mark[id])
			continue;
		left++;
		waiting[id] = 1;
		blockers[id] = dbmig_graph_before(graph, id) >= 0;
		for (i = graph->into_start[id]; i < graph->into_start[id + 1]; i++)
			blockers[id] += graph->sources[graph->into[i]] >= 0;
		if (blockers[id] == 0)
			push(&ids, id);
	}
	while ((id = pop(&ids)) >= 0)
	{
		int			after;

		waiting[id] = 0;
		left--;
		if (!is_free(graph, id))
			(*order)[(*count)++] = id;
		after = dbmig_graph_after(graph, id);
		if (after >= 0 && mark[after] && --blockers[after] == 0)
			push(&ids, after);
		for (i = out_start[id]; i < out_start[id + 1]; i++)
			if (mark[out[i]] && --blockers[out[i]] == 0)
				push(&ids, out[i]);
	}
	return left == 0 ? 0 : fail_cycle(call, graph, waiting);
}
