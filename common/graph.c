/*
 * graph.c
 *		Migrations and what comes after what (rules O1, O2, O5).
 *
 * A package's nodes lie side by side in version order, so that O1 needs no
 * edges.  Ids: 0 to n-1 are the nodes, then a start and an end for each
 * package.  An edge leads from what comes first to what comes after it; edges
 * are kept by where they lead to (into), each as the number of its dependency.
 */
#include "dbmig_core.h"

#include <string.h>

#include "internal.h"

static int
start_of(const dbmig_graph *graph, int package)
{
	return (int) graph->node_count + 2 * package;
}

int
dbmig_graph_end(const dbmig_graph *graph, int package)
{
	return start_of(graph, package) + 1;
}

size_t
dbmig_graph_size(const dbmig_graph *graph)
{
	return graph->node_count + 2 * graph->package_count;
}

int
dbmig_graph_package_of(const dbmig_graph *graph, int id)
{
	if (id < (int) graph->node_count)
		return graph->nodes[id].package;
	return (id - (int) graph->node_count) / 2;
}

int
dbmig_graph_before(const dbmig_graph *graph, int id)
{
	int			number = dbmig_graph_package_of(graph, id);
	const dbmig_package *package = &graph->packages[number];

	if (id == start_of(graph, number))
		return -1;
	if (id == dbmig_graph_end(graph, number))
		id = package->first + package->count;
	return id > package->first && package->count > 0 ? id - 1 : start_of(graph, number);
}

int
dbmig_graph_after(const dbmig_graph *graph, int id)
{
	int			number = dbmig_graph_package_of(graph, id);
	const dbmig_package *package = &graph->packages[number];
	int			next = id + 1;

	if (id == dbmig_graph_end(graph, number))
		return -1;
	if (id == start_of(graph, number))
		next = package->first;
	return next < package->first + package->count ? next : dbmig_graph_end(graph, number);
}

static size_t
hash(const char *name)
{
	uint32_t	h = 2166136261u;

	while (*name != '\0')
		h = (h ^ (unsigned char) *name++) * 16777619u;
	return h;
}

static int
rehash(dbmig_call *call, dbmig_graph *graph)
{
	size_t		count = graph->bucket_count == 0 ? 64 : graph->bucket_count * 4;
	int		   *buckets = dbmig_alloc(call, count * sizeof(int));
	size_t		i;

	if (buckets == NULL)
		return -1;
	for (i = 0; i < graph->package_count; i++)
	{
		size_t		at = hash(graph->packages[i].name) & (count - 1);

		while (buckets[at] != 0)
			at = (at + 1) & (count - 1);
		buckets[at] = (int) i + 1;
	}
	graph->buckets = buckets;
	graph->bucket_count = count;
	return 0;
}

int
dbmig_graph_find(const dbmig_graph *graph, const char *name)
{
	size_t		at = hash(name) & (graph->bucket_count - 1);

	if (graph->bucket_count == 0)
		return -1;
	while (graph->buckets[at] != 0)
	{
		if (strcmp(graph->packages[graph->buckets[at] - 1].name, name) == 0)
			return graph->buckets[at] - 1;
		at = (at + 1) & (graph->bucket_count - 1);
	}
	return -1;
}

int
dbmig_graph_package(dbmig_call *call, dbmig_graph *graph, const char *name)
{
	int			found = dbmig_graph_find(graph, name);
	dbmig_package *package;
	size_t		at;

	if (found >= 0)
		return found;
	if (graph->package_count * 2 >= graph->bucket_count &&
		rehash(call, graph) != 0)
		return -1;
	package = dbmig_grow(call, graph->packages, graph->package_count,
						 &graph->package_capacity, sizeof(*package));
	if (package == NULL)
		return -1;
	graph->packages = package;
	package += graph->package_count;
	memset(package, 0, sizeof(*package));
	package->name = dbmig_copy(call, name, strlen(name));
	if (package->name == NULL)
		return -1;
	at = hash(name) & (graph->bucket_count - 1);
	while (graph->buckets[at] != 0)
		at = (at + 1) & (graph->bucket_count - 1);
	graph->buckets[at] = (int) ++graph->package_count;
	return (int) graph->package_count - 1;
}

int
dbmig_graph_node(const dbmig_graph *graph, int package, const char *version)
{
	int			low = graph->packages[package].first;
	int			high = low + graph->packages[package].count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		int			order = dbmig_version_compare(graph->nodes[middle].version,
												  version);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

dbmig_item
dbmig_graph_item(const dbmig_graph *graph, int node)
{
	dbmig_item	item;

	item.package = graph->packages[graph->nodes[node].package].name;
	item.version = graph->nodes[node].version;
	return item;
}

const char *
dbmig_node_checksum(const dbmig_node *node, char *hex)
{
	if (node->more != NULL && node->more->checksum != NULL)
		return node->more->checksum;
	dbmig_checksum_unpack(node->checksum, hex);
	return hex;
}

const char *
dbmig_item_text(dbmig_call *call, dbmig_item item)
{
	const char *text;

	if (item.version[0] == '\0')
		return item.package;
	text = dbmig_printf(call, "%s@%s", item.package, item.version);
	return text != NULL ? text : item.package;
}

/* row: package, version, after_package, after_version */
int
dbmig_graph_add_dependency(dbmig_call *call, dbmig_graph *graph,
						   const dbmig_value *row)
{
	dbmig_dependency *dependency;
	const char *text[4];
	int			i;

	for (i = 0; i < 4; i++)
	{
		int			package = i % 2 == 0 ? dbmig_graph_find(graph, row[i].text) : -1;

		/* most names are there already, and most versions empty */
		if (package >= 0)
			text[i] = graph->packages[package].name;
		else if (row[i].length == 0)
			text[i] = "";
		else
			text[i] = dbmig_copy(call, row[i].text, row[i].length);
		if (text[i] == NULL)
			return -1;
	}
	dependency = dbmig_grow(call, graph->dependencies, graph->dependency_count,
							&graph->dependency_capacity, sizeof(*dependency));
	if (dependency == NULL)
		return -1;
	graph->dependencies = dependency;
	dependency += graph->dependency_count++;
	dependency->item.package = text[0];
	dependency->item.version = text[1];
	dependency->after.package = text[2];
	dependency->after.version = text[3];
	return 0;
}

/* The id that an item stands for at that side of an edge, or -1. */
static int
resolve(const dbmig_graph *graph, dbmig_item item, bool end)
{
	int			package = dbmig_graph_find(graph, item.package);

	if (package < 0 || !graph->packages[package].registered)
		return -1;
	if (item.version[0] != '\0')
		return dbmig_graph_node(graph, package, item.version);
	return end ? dbmig_graph_end(graph, package) : start_of(graph, package);
}

/* To be called when all nodes and dependencies are there. */
int
dbmig_graph_link(dbmig_call *call, dbmig_graph *graph)
{
	size_t		size = dbmig_graph_size(graph);
	size_t		count = graph->dependency_count;
	size_t		i;

	graph->into_start = dbmig_alloc(call, (size + 2) * sizeof(int));
	graph->into = dbmig_alloc(call, count * sizeof(int));
	graph->sources = dbmig_alloc(call, count * sizeof(int));
	graph->targets = dbmig_alloc(call, count * sizeof(int));
	if (graph->into_start == NULL || graph->into == NULL ||
		graph->sources == NULL || graph->targets == NULL)
		return -1;
	for (i = 0; i < count; i++)
	{
		const dbmig_dependency *dependency = &graph->dependencies[i];
		int			target = resolve(graph, dependency->item, false);

		graph->sources[i] = resolve(graph, dependency->after, true);
		graph->targets[i] = target;
		if (target >= 0)
			graph->into_start[target + 2]++;
	}
	for (i = 2; i < size + 2; i++)
		graph->into_start[i] += graph->into_start[i - 1];
	for (i = 0; i < count; i++)
		if (graph->targets[i] >= 0)
			graph->into[graph->into_start[graph->targets[i] + 1]++] = (int) i;
	return 0;
}

int
dbmig_graph_ancestors(dbmig_call *call, const dbmig_graph *graph, int target,
					  char *mark)
{
	int		   *stack = dbmig_alloc(call, dbmig_graph_size(graph) * sizeof(int));
	size_t		depth = 0;

	if (stack == NULL)
		return -1;
	if (!mark[target])
	{
		mark[target] = 1;
		stack[depth++] = target;
	}
	while (depth > 0)
	{
		int			id = stack[--depth];
		int			before = dbmig_graph_before(graph, id);
		int			i;

		if (before >= 0 && !mark[before])
		{
			mark[before] = 1;
			stack[depth++] = before;
		}
		for (i = graph->into_start[id]; i < graph->into_start[id + 1]; i++)
		{
			before = graph->sources[graph->into[i]];
			if (before >= 0 && !mark[before])
			{
				mark[before] = 1;
				stack[depth++] = before;
			}
		}
	}
	return 0;
}

int
dbmig_graph_outgoing(dbmig_call *call, const dbmig_graph *graph,
					 int **out_start, int **out)
{
	size_t		size = dbmig_graph_size(graph);
	size_t		i;

	*out_start = dbmig_alloc(call, (size + 2) * sizeof(int));
	*out = dbmig_alloc(call, graph->dependency_count * sizeof(int));
	if (*out_start == NULL || *out == NULL)
		return -1;
	for (i = 0; i < graph->dependency_count; i++)
		if (graph->sources[i] >= 0 && graph->targets[i] >= 0)
			(*out_start)[graph->sources[i] + 2]++;
	for (i = 2; i < size + 2; i++)
		(*out_start)[i] += (*out_start)[i - 1];
	for (i = 0; i < graph->dependency_count; i++)
		if (graph->sources[i] >= 0 && graph->targets[i] >= 0)
			(*out)[(*out_start)[graph->sources[i] + 1]++] = graph->targets[i];
	return 0;
}

int
dbmig_graph_dependents(dbmig_call *call, const dbmig_graph *graph, int target,
					   char *mark)
{
	int		   *stack = dbmig_alloc(call, dbmig_graph_size(graph) * sizeof(int));
	size_t		depth = 0;
	int		   *out_start;
	int		   *out;

	if (stack == NULL || dbmig_graph_outgoing(call, graph, &out_start, &out) != 0)
		return -1;
	mark[target] = 1;
	stack[depth++] = target;
	while (depth > 0)
	{
		int			id = stack[--depth];
		int			after = dbmig_graph_after(graph, id);
		int			i;

		if (after >= 0 && !mark[after])
		{
			mark[after] = 1;
			stack[depth++] = after;
		}
		for (i = out_start[id]; i < out_start[id + 1]; i++)
			if (!mark[out[i]])
			{
				mark[out[i]] = 1;
				stack[depth++] = out[i];
			}
	}
	return 0;
}

/* Adds the version of an item to the list of its package, once, in order. */
static int
add_named(dbmig_call *call, dbmig_graph *graph, dbmig_item item)
{
	int			package = dbmig_graph_package(call, graph, item.package);
	dbmig_node *node;

	if (package < 0)
		return -1;
	graph->packages[package].registered = true;
	if (item.version[0] == '\0')
		return 0;
	node = dbmig_grow(call, graph->nodes, graph->node_count,
					  &graph->node_capacity, sizeof(*node));
	if (node == NULL)
		return -1;
	graph->nodes = node;
	node += graph->node_count++;
	memset(node, 0, sizeof(*node));
	node->package = package;
	node->version = item.version;
	return 0;
}

static int
compare_nodes(const dbmig_node *a, const dbmig_node *b)
{
	if (a->package != b->package)
		return a->package < b->package ? -1 : 1;
	return dbmig_version_compare(a->version, b->version);
}

/* Heap sort: named versions may come in any order and number. */
static void
sift(dbmig_node *nodes, size_t at, size_t count)
{
	dbmig_node	moved = nodes[at];

	for (;;)
	{
		size_t		child = 2 * at + 1;

		if (child >= count)
			break;
		if (child + 1 < count &&
			compare_nodes(&nodes[child], &nodes[child + 1]) < 0)
			child++;
		if (compare_nodes(&moved, &nodes[child]) >= 0)
			break;
		nodes[at] = nodes[child];
		at = child;
	}
	nodes[at] = moved;
}

static void
sort_nodes(dbmig_node *nodes, size_t count)
{
	size_t		i;

	for (i = count / 2; i-- > 0;)
		sift(nodes, i, count);
	for (i = count; i-- > 1;)
	{
		dbmig_node	top = nodes[0];

		nodes[0] = nodes[i];
		nodes[i] = top;
		sift(nodes, 0, i);
	}
}

/*
 * The nodes are the versions that the dependencies name: registering another
 * one later adds no way between these, so what has no cycle now never gets one
 * by registering.
 */
int
dbmig_graph_check_cycle(dbmig_call *call, dbmig_graph *graph)
{
	size_t		i;
	size_t		kept = 0;
	char	   *mark;
	int		   *order;
	int			count;

	for (i = 0; i < graph->dependency_count; i++)
		if (add_named(call, graph, graph->dependencies[i].item) != 0 ||
			add_named(call, graph, graph->dependencies[i].after) != 0)
			return -1;
	sort_nodes(graph->nodes, graph->node_count);
	for (i = 0; i < graph->node_count; i++)
	{
		dbmig_package *package = &graph->packages[graph->nodes[i].package];

		if (kept > 0 && compare_nodes(&graph->nodes[kept - 1], &graph->nodes[i]) == 0)
			continue;
		if (package->count++ == 0)
			package->first = (int) kept;
		graph->nodes[kept++] = graph->nodes[i];
	}
	graph->node_count = kept;
	mark = dbmig_alloc(call, dbmig_graph_size(graph) + 1);
	if (mark == NULL || dbmig_graph_link(call, graph) != 0)
		return -1;
	memset(mark, 1, dbmig_graph_size(graph));
	return dbmig_graph_order(call, graph, mark, &order, &count);
}
