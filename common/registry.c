/*
 * registry.c
 *		Reading what should be (the registry) and what is (the applied set).
 *
 * Rows come by package and version order, so nodes fall into place as they
 * are read, and the applied set is merged along them in one pass.
 */
#include "dbmig_core.h"

#include <string.h>

#include "internal.h"

typedef struct reader
{
	dbmig_graph *graph;
	int			package;		/* of the last row, or -1 */
	bool		taken;			/* rows of other packages are left out */
	int			at;				/* next node to compare an applied row with */
}			reader;

static dbmig_node_more *
more_of(dbmig_call *call, dbmig_node *node)
{
	if (node->more == NULL)
		node->more = dbmig_alloc(call, sizeof(*node->more));
	return node->more;
}

/* The package of a row; rows of one package follow each other. */
static int
find_package(dbmig_call *call, reader *reader, const dbmig_value *name)
{
	dbmig_graph *graph = reader->graph;
	int			package = reader->package;

	if (package < 0 || strcmp(graph->packages[package].name, name->text) != 0)
	{
		package = dbmig_graph_package(call, graph, name->text);
		if (package < 0)
			return -1;
		reader->package = package;
		reader->at = graph->packages[package].first;
	}
	return package;
}

static int
read_package(dbmig_call *call, void *arg, const dbmig_value *row)
{
	dbmig_graph *graph = arg;
	int			package = dbmig_graph_package(call, graph, row[0].text);

	if (package < 0)
		return -1;
	graph->packages[package].registered = true;
	graph->packages[package].position = row[1].integer;
	if (strcmp(row[2].text, "{}") == 0)
		return 0;
	graph->packages[package].options = dbmig_copy(call, row[2].text, row[2].length);
	return graph->packages[package].options != NULL ? 0 : -1;
}

static int
read_migration(dbmig_call *call, void *arg, const dbmig_value *row)
{
	reader	   *reader = arg;
	dbmig_graph *graph = reader->graph;
	int			package = find_package(call, reader, &row[0]);
	dbmig_node *node;

	if (package < 0)
		return -1;
	node = dbmig_grow(call, graph->nodes, graph->node_count,
					  &graph->node_capacity, sizeof(*node));
	if (node == NULL)
		return -1;
	graph->nodes = node;
	node += graph->node_count;
	memset(node, 0, sizeof(*node));
	node->package = package;
	node->version = dbmig_copy(call, row[1].text, row[1].length);
	if (row[2].type != DBMIG_NULL)
		node->name = dbmig_copy(call, row[2].text, row[2].length);
	if (!dbmig_checksum_pack(row[3].text, node->checksum) &&
		more_of(call, node) != NULL)
		node->more->checksum = dbmig_copy(call, row[3].text, row[3].length);
	if (row[4].integer)
		node->flags |= DBMIG_NODE_TRANSACTIONAL;
	if (row[5].integer)
		node->flags |= DBMIG_NODE_DOWN_TRANSACTIONAL;
	if (row[6].type != DBMIG_NULL && more_of(call, node) != NULL)
		node->more->refusal = dbmig_copy(call, row[6].text, row[6].length);
	if (row[7].type != DBMIG_NULL && more_of(call, node) != NULL)
		node->more->down_refusal = dbmig_copy(call, row[7].text, row[7].length);
	if (row[8].integer)
		node->flags |= DBMIG_NODE_HAS_DOWN;
	if (row[9].type != DBMIG_NULL && more_of(call, node) != NULL)
		node->more->options = dbmig_copy(call, row[9].text, row[9].length);
	if (call->status != DBMIG_OK)
		return -1;
	if (graph->packages[package].count++ == 0)
	{
		graph->packages[package].first = (int) graph->node_count;
		graph->packages[package].registered = true;
	}
	graph->node_count++;
	return 0;
}

static int
read_dependency(dbmig_call *call, void *arg, const dbmig_value *row)
{
	return dbmig_graph_add_dependency(call, arg, row);
}

static int
add_stray(dbmig_call *call, dbmig_graph *graph, int package,
		  const dbmig_value *version)
{
	dbmig_stray *stray = dbmig_grow(call, graph->strays, graph->stray_count,
									&graph->stray_capacity, sizeof(*stray));

	if (stray == NULL)
		return -1;
	graph->strays = stray;
	stray += graph->stray_count++;
	stray->package = package;
	stray->version = dbmig_copy(call, version->text, version->length);
	return stray->version != NULL ? 0 : -1;
}

static bool
has_checksum(const dbmig_node *node, const char *text)
{
	return node->more != NULL && node->more->checksum != NULL ?
		strcmp(node->more->checksum, text) == 0 :
		dbmig_checksum_is(node->checksum, text);
}

static int
read_applied(dbmig_call *call, void *arg, const dbmig_value *row)
{
	reader	   *reader = arg;
	dbmig_graph *graph = reader->graph;
	int			number;
	bool		applied = strcmp(row[3].text, "applied") == 0;
	dbmig_package *package;
	dbmig_node *node;
	int			end;
	int			order = 1;

	if (reader->taken && dbmig_graph_find(graph, row[0].text) < 0)
		return 0;
	number = find_package(call, reader, &row[0]);
	if (number < 0)
		return -1;
	package = &graph->packages[number];
	end = package->first + package->count;
	while (reader->at < end &&
		   (order = dbmig_version_compare(graph->nodes[reader->at].version,
										  row[1].text)) < 0)
		reader->at++;
	if (reader->at == end || order != 0)
	{
		if (applied)
		{
			if (add_stray(call, graph, number, &row[1]) != 0)
				return -1;
			if (!dbmig_version_repeats(row[1].text))
				package->last_applied = graph->strays[graph->stray_count - 1].version;
		}
		return 0;
	}
	node = &graph->nodes[reader->at++];

	/* V6: with another text it is to be run again */
	if (applied && dbmig_version_repeats(node->version))
	{
		if (has_checksum(node, row[2].text))
			node->flags |= DBMIG_NODE_APPLIED;
		return 0;
	}
	if (!applied)
	{
		node->flags |= DBMIG_NODE_UNSETTLED;
		if (more_of(call, node) == NULL)
			return -1;
		node->more->statements = (int) row[4].integer;
		return 0;
	}
	node->flags |= DBMIG_NODE_APPLIED;
	package->last_applied = node->version;
	if (!has_checksum(node, row[2].text))
	{
		node->flags |= DBMIG_NODE_DRIFTED;
		if (more_of(call, node) == NULL)
			return -1;
		node->more->applied_checksum = dbmig_copy(call, row[2].text, row[2].length);
		if (node->more->applied_checksum == NULL)
			return -1;
	}
	return 0;
}

/* O3: packages by position, then name. */
static int
rank_packages(dbmig_call *call, dbmig_graph *graph)
{
	size_t		count = graph->package_count;
	int		   *order = dbmig_alloc(call, count * sizeof(int));
	int		   *merged = dbmig_alloc(call, count * sizeof(int));
	size_t		width;
	size_t		i;

	if (order == NULL || merged == NULL)
		return -1;
	for (i = 0; i < count; i++)
		order[i] = (int) i;
	for (width = 1; width < count; width *= 2)
	{
		int		   *swap = order;
		size_t		low;

		for (low = 0; low < count; low += 2 * width)
		{
			size_t		middle = low + width < count ? low + width : count;
			size_t		high = low + 2 * width < count ? low + 2 * width : count;
			size_t		a = low;
			size_t		b = middle;

			for (i = low; i < high; i++)
			{
				bool		left = b >= high;

				if (a < middle && b < high)
				{
					const dbmig_package *p = &graph->packages[order[a]];
					const dbmig_package *q = &graph->packages[order[b]];

					left = p->position != q->position ?
						p->position < q->position : strcmp(p->name, q->name) < 0;
				}
				merged[i] = left ? order[a++] : order[b++];
			}
		}
		order = merged;
		merged = swap;
	}
	for (i = 0; i < count; i++)
		graph->packages[order[i]].rank = (int) i;
	return 0;
}

/* A copy that can be marked with what one tenant has; the edges are shared. */
static int
copy_graph(dbmig_call *call, const dbmig_graph *from, dbmig_graph *graph)
{
	size_t		i;

	*graph = *from;
	graph->nodes = dbmig_alloc(call, from->node_count * sizeof(*graph->nodes));
	graph->packages = dbmig_alloc(call, from->package_count * sizeof(*graph->packages));
	if (graph->nodes == NULL || graph->packages == NULL)
		return -1;
	if (from->node_count > 0)
		memcpy(graph->nodes, from->nodes, from->node_count * sizeof(*graph->nodes));
	if (from->package_count > 0)
		memcpy(graph->packages, from->packages,
			   from->package_count * sizeof(*graph->packages));
	for (i = 0; i < graph->node_count; i++)
		if (graph->nodes[i].more != NULL)
		{
			const dbmig_node_more *more = graph->nodes[i].more;

			graph->nodes[i].more = NULL;
			if (more_of(call, &graph->nodes[i]) == NULL)
				return -1;
			*graph->nodes[i].more = *more;
		}
	return 0;
}

/* What was read once, and what this tenant has of it. */
static int
load_applied(dbmig_call *call, const char *tenant, dbmig_graph *graph)
{
	dbmig_value params[1];
	reader		rows;

	rows.graph = graph;
	rows.package = -1;
	rows.taken = true;
	rows.at = 0;
	params[0] = dbmig_text(tenant);
	if (copy_graph(call, call->registry, graph) != 0)
		return -1;
	return call->host->query(call, DBMIG_APPLIED, params, read_applied, &rows);
}

int
dbmig_registry_load(dbmig_call *call, const char *package, const char *tenant,
					dbmig_graph *graph)
{
	const dbmig_host *host = call->host;
	bool		all = package == NULL;
	bool		apart = dbmig_tenant_apart(call);
	dbmig_value one[1];
	dbmig_value two[2];
	reader		rows;

	if (call->registry != NULL)
		return load_applied(call, tenant, graph);
	memset(graph, 0, sizeof(*graph));
	one[0] = dbmig_text(package);
	if (host->query(call, all ? DBMIG_PACKAGES : DBMIG_PACKAGES_TAKEN, one,
					read_package, graph) != 0)
		return -1;
	rows.graph = graph;
	rows.package = -1;
	rows.taken = false;
	rows.at = 0;
	if (host->query(call, all ? DBMIG_MIGRATIONS : DBMIG_MIGRATIONS_TAKEN, one,
					read_migration, &rows) != 0)
		return -1;
	if (host->query(call, all ? DBMIG_DEPENDENCIES : DBMIG_DEPENDENCIES_TAKEN,
					one, read_dependency, graph) != 0)
		return -1;
	rows.package = -1;
	rows.taken = !all && apart;
	two[0] = dbmig_text(all || apart ? tenant : package);
	two[1] = dbmig_text(tenant);
	if (tenant != NULL &&
		host->query(call, all || apart ? DBMIG_APPLIED : DBMIG_APPLIED_TAKEN,
					two, read_applied, &rows) != 0)
		return -1;
	if (rank_packages(call, graph) != 0)
		return -1;
	return dbmig_graph_link(call, graph);
}

typedef struct one_row
{
	dbmig_value *row;
	int			columns;
	bool	   *found;
} one_row;

static int
keep_row(dbmig_call *call, void *arg, const dbmig_value *row)
{
	one_row    *one = arg;
	int			i;

	*one->found = true;
	for (i = 0; i < one->columns; i++)
	{
		one->row[i] = row[i];
		if (row[i].type == DBMIG_TEXT)
		{
			one->row[i].text = dbmig_copy(call, row[i].text, row[i].length);
			if (one->row[i].text == NULL)
				return -1;
		}
	}
	return 0;
}

int
dbmig_query_row(dbmig_call *call, dbmig_sql id, const dbmig_value *params,
				dbmig_value *row, int columns, bool *found)
{
	one_row		one;

	one.row = row;
	one.columns = columns;
	one.found = found;
	*found = false;
	return call->host->query(call, id, params, keep_row, &one);
}
