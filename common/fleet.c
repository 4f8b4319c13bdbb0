/*
 * fleet.c
 *		Who the tenants are, what each is to have, and who is behind.
 *
 * The registry is read once.  Where the tenants' tables are with it, few
 * queries tell who is behind; else each of them may be.
 */
#include "dbmig_core.h"

#include <string.h>

#include "fleet.h"

#define MOST_ASKED 8

/* Rows come by tenant, then package. */
static int
read_tenant(dbmig_call *call, void *arg, const dbmig_value *row)
{
	dbmig_fleet *fleet = arg;
	dbmig_tenant *t = fleet->count > 0 ? &fleet->tenants[fleet->count - 1] : NULL;
	const char **packages;

	if (t == NULL || strcmp(t->name, row[0].text) != 0)
	{
		t = dbmig_grow(call, fleet->tenants, fleet->count, &fleet->capacity,
					   sizeof(*t));
		if (t == NULL)
			return -1;
		fleet->tenants = t;
		t += fleet->count++;
		memset(t, 0, sizeof(*t));
		t->name = dbmig_copy(call, row[0].text, row[0].length);
	}
	packages = dbmig_grow(call, t->packages, t->count, &t->capacity,
						  sizeof(*packages));
	if (packages == NULL)
		return -1;
	t->packages = packages;
	packages[t->count] = dbmig_copy(call, row[1].text, row[1].length);
	return t->name != NULL && packages[t->count++] != NULL ? 0 : -1;
}

int
dbmig_fleet_registry(dbmig_fleet *fleet)
{
	dbmig_call *call = fleet->call;
	size_t		i;

	call->registry = NULL;
	fleet->taken_count = 0;
	fleet->settled = NULL;

	/* what they have they have of the other one */
	for (i = 0; i < fleet->count; i++)
		fleet->tenants[i].counted = fleet->tenants[i].done = false;
	if (call->texts != NULL)
		call->texts->count = 0;
	if (dbmig_settle_look(call, NULL, NULL) != 0 ||
		dbmig_registry_load(call, NULL, NULL, &fleet->graph) != 0)
		return -1;
	call->registry = &fleet->graph;
	call->moved = false;
	return 0;
}

int
dbmig_fleet_read(dbmig_call *call, dbmig_fleet *fleet)
{
	memset(fleet, 0, sizeof(*fleet));
	fleet->call = call;
	if (dbmig_fleet_registry(fleet) != 0)
		return -1;
	return call->host->query(call, DBMIG_TENANT_PACKAGES, NULL, read_tenant, fleet);
}

dbmig_tenant *
dbmig_fleet_find(const dbmig_fleet *fleet, const char *name)
{
	size_t		low = 0;
	size_t		high = fleet->count;

	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;
		int			order = strcmp(fleet->tenants[middle].name, name);

		if (order == 0)
			return &fleet->tenants[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const dbmig_taken *
dbmig_fleet_take(dbmig_fleet *fleet, const char *package)
{
	dbmig_call *call = fleet->call;
	dbmig_graph *graph = &fleet->graph;
	int			number = dbmig_graph_find(graph, package);
	dbmig_taken *t;
	size_t		i;

	for (i = 0; i < fleet->taken_count; i++)
		if (strcmp(fleet->taken[i].package, package) == 0)
			return &fleet->taken[i];
	t = dbmig_grow(call, fleet->taken, fleet->taken_count,
				   &fleet->taken_capacity, sizeof(*t));
	if (t == NULL)
		return NULL;
	fleet->taken = t;
	t += fleet->taken_count;
	t->package = package;
	t->mark = dbmig_alloc(call, dbmig_graph_size(graph) + 1);
	t->packages = dbmig_alloc(call, graph->package_count + 1);
	if (t->mark == NULL || t->packages == NULL)
		return NULL;
	if (package[0] == '\0')
		memset(t->mark, 1, dbmig_graph_size(graph));
	else if (number >= 0 &&
			 dbmig_graph_ancestors(call, graph, dbmig_graph_end(graph, number),
								   t->mark) != 0)
		return NULL;
	for (i = 0; i < graph->node_count; i++)
		if (t->mark[i])
			t->packages[graph->nodes[i].package] = DBMIG_TAKEN_WHOLE;
	for (i = 0; i < graph->node_count; i++)
		if (!t->mark[i] && t->packages[graph->nodes[i].package] != 0)
			t->packages[graph->nodes[i].package] = DBMIG_TAKEN_SOME;
	fleet->taken_count++;
	return t;
}

/* Is a tenant to have this package? */
static int
has_package(dbmig_fleet *fleet, const dbmig_tenant *t, int package, bool *has)
{
	size_t		i;

	*has = false;
	for (i = 0; i < t->count && !*has; i++)
	{
		const dbmig_taken *its = dbmig_fleet_take(fleet, t->packages[i]);

		if (its == NULL)
			return -1;
		*has = its->packages[package] != 0;
	}
	return 0;
}

/* What finds those that are behind, from the rows of one query. */
typedef struct search
{
	dbmig_fleet *fleet;
	const char *package;		/* that was asked for, or NULL */
	char	   *has;			/* by tenant: the migration that is looked for */
} search;

/* A tenant, and a package of which it has not all. */
static int
read_behind(dbmig_call *call, void *arg, const dbmig_value *row)
{
	search	   *s = arg;
	dbmig_tenant *t = dbmig_fleet_find(s->fleet, row[0].text);
	int			package = dbmig_graph_find(&s->fleet->graph, row[1].text);
	const dbmig_taken *asked;
	bool		has;

	(void) call;
	if (t == NULL || package < 0 || t->state == DBMIG_TENANT_BEHIND)
		return 0;
	if (s->package != NULL)
	{
		asked = dbmig_fleet_take(s->fleet, s->package);
		if (asked == NULL)
			return -1;
		if (!asked->packages[package])
			return 0;
	}
	if (has_package(s->fleet, t, package, &has) != 0)
		return -1;
	if (has)
		t->state = DBMIG_TENANT_BEHIND;
	return 0;
}

/*
 * Is this package one that a tenant is to have, and asked for?  (NULL: all.)
 * One without migrations is nobody's.
 */
static int
is_wanted(dbmig_fleet *fleet, const dbmig_tenant *t, int package,
		  const char *asked, bool *wanted)
{
	const dbmig_taken *its;

	*wanted = true;
	if (asked != NULL)
	{
		its = dbmig_fleet_take(fleet, asked);
		if (its == NULL)
			return -1;
		*wanted = its->packages[package] != 0;
	}
	return *wanted ? has_package(fleet, t, package, wanted) : 0;
}

/* A tenant, and a package that is settled there. */
static int
read_settled(dbmig_call *call, void *arg, const dbmig_value *row)
{
	search	   *s = arg;
	dbmig_tenant *t = dbmig_fleet_find(s->fleet, row[0].text);
	int			package = dbmig_graph_find(&s->fleet->graph, row[1].text);
	bool		wanted;

	(void) call;
	if (t == NULL || package < 0)
		return 0;
	if (is_wanted(s->fleet, t, package, s->package, &wanted) != 0)
		return -1;
	t->settled += wanted;
	s->fleet->settled[package]++;
	return 0;
}

/* Marks the tenants where everything is settled. */
static int
find_settled(dbmig_fleet *fleet, search *s)
{
	dbmig_call *call = fleet->call;
	const char *last = NULL;
	int			number = 0;
	size_t		i;
	size_t		j;

	fleet->settled = dbmig_alloc(call, fleet->graph.package_count * sizeof(*fleet->settled) + 1);
	if (fleet->settled == NULL ||
		call->memo->tenants(call, read_settled, s) != 0)
		return -1;
	for (i = 0; i < fleet->count; i++)
	{
		dbmig_tenant *t = &fleet->tenants[i];

		/* most have the same as the one before */
		if (t->count != 1 || last == NULL || strcmp(last, t->packages[0]) != 0)
			for (number = 0, j = 0; j < fleet->graph.package_count; j++)
			{
				bool		wanted;

				if (is_wanted(fleet, t, (int) j, s->package, &wanted) != 0)
					return -1;
				number += wanted;
			}
		last = t->count == 1 ? t->packages[0] : NULL;
		t->is_settled = t->settled == number;
	}
	return 0;
}

static bool
all_are_known(const dbmig_fleet *fleet)
{
	size_t		i;

	for (i = 0; i < fleet->count; i++)
		if (!fleet->tenants[i].is_settled &&
			fleet->tenants[i].state != DBMIG_TENANT_BEHIND)
			return false;
	return true;
}

static int
read_has(dbmig_call *call, void *arg, const dbmig_value *row)
{
	search	   *s = arg;
	const dbmig_tenant *t = dbmig_fleet_find(s->fleet, row[0].text);

	(void) call;
	if (t != NULL)
		s->has[t - s->fleet->tenants] = 1;
	return 0;
}

/* Those that lack this package's last migration are behind. */
static int
find_lacking(search *s, int package)
{
	dbmig_fleet *fleet = s->fleet;
	const dbmig_package *p = &fleet->graph.packages[package];
	int			last = p->first + p->count - 1;
	dbmig_value params[2];
	size_t		i;

	while (last >= p->first && dbmig_version_repeats(fleet->graph.nodes[last].version))
		last--;
	if (last < p->first)
		return 0;
	memset(s->has, 0, fleet->count);
	params[0] = dbmig_text(p->name);
	params[1] = dbmig_text(fleet->graph.nodes[last].version);
	if (fleet->call->host->query(fleet->call, DBMIG_TENANTS_HAVE, params, read_has, s) != 0)
		return -1;
	for (i = 0; i < fleet->count; i++)
	{
		dbmig_tenant *t = &fleet->tenants[i];
		bool		wanted;

		if (t->is_settled || s->has[i])
			continue;
		if (is_wanted(fleet, t, package, s->package, &wanted) != 0)
			return -1;
		if (wanted)
			t->state = DBMIG_TENANT_BEHIND;
	}
	return 0;
}

/*
 * What was registered since, at the end of some packages, is what most lack:
 * that need not be counted.  A few are asked for; then counting is quicker.
 */
static int
find_last(search *s)
{
	dbmig_fleet *fleet = s->fleet;
	int			left = MOST_ASKED;
	size_t		i;

	s->has = dbmig_alloc(fleet->call, fleet->count + 1);
	if (s->has == NULL)
		return -1;
	for (i = 0; i < fleet->graph.package_count; i++)
		if (fleet->settled[i] < fleet->count && left-- > 0 &&
			find_lacking(s, (int) i) != 0)
			return -1;
	return 0;
}

/* Is a dependency's other side missing?  Then nobody is up to date. */
static bool
is_unmet(const dbmig_graph *graph)
{
	size_t		i;

	for (i = 0; i < graph->dependency_count; i++)
		if (graph->sources[i] < 0)
			return true;
	return false;
}

int
dbmig_fleet_behind(dbmig_fleet *fleet, const char *package)
{
	const dbmig_host *host = fleet->call->host;
	bool		each = host->tenants_apart || is_unmet(&fleet->graph);
	int			number = -1;
	search		s = {fleet, package, NULL};
	size_t		i;

	if (package != NULL)
		number = dbmig_graph_find(&fleet->graph, package);
	if (fleet->call->memo != NULL &&
		(find_settled(fleet, &s) != 0 ||
		 (!each && !all_are_known(fleet) && find_last(&s) != 0)))
		return -1;
	if (!each && !all_are_known(fleet) &&
		host->query(fleet->call, DBMIG_TENANTS_BEHIND, NULL, read_behind, &s) != 0)
		return -1;
	for (i = 0; i < fleet->count; i++)
	{
		dbmig_tenant *t = &fleet->tenants[i];
		bool		has = true;

		if (number >= 0 && has_package(fleet, t, number, &has) != 0)
			return -1;
		if (each)
			t->state = DBMIG_TENANT_BEHIND;
		if (!has)
			t->state = DBMIG_TENANT_CURRENT;
		t->counted = has && !t->is_settled && t->state != DBMIG_TENANT_BEHIND;
	}
	return 0;
}

/* Is this one of which such a tenant has everything, now that it is done? */
static int
is_done(dbmig_fleet *fleet, const dbmig_tenant *t, int package,
		const char *asked, bool *done)
{
	size_t		count = asked != NULL ? 1 : t->count;
	size_t		i;

	*done = false;
	for (i = 0; i < count && !*done; i++)
	{
		const dbmig_taken *its = dbmig_fleet_take(fleet, asked != NULL ? asked : t->packages[i]);

		if (its == NULL)
			return -1;
		*done = its->packages[package] == DBMIG_TAKEN_WHOLE;
	}
	return 0;
}

static int
settle_tenants(dbmig_fleet *fleet, const char *package)
{
	dbmig_call *call = fleet->call;
	size_t		count = fleet->graph.package_count;
	const char **names = dbmig_alloc(call, count * sizeof(*names) + 1);
	char	   *whole = dbmig_alloc(call, count + 1);
	size_t		i;
	size_t		j;

	if (names == NULL || whole == NULL)
		return -1;
	for (j = 0; j < count; j++)
		names[j] = fleet->graph.packages[j].name;
	for (i = 0; i < fleet->count; i++)
	{
		const dbmig_tenant *t = &fleet->tenants[i];

		if (!t->counted && !t->done)
			continue;
		for (j = 0; j < count; j++)
		{
			bool		has;

			whole[j] = 0;
			if (fleet->settled != NULL && fleet->settled[j] == fleet->count)
				continue;
			if (t->done ? is_done(fleet, t, (int) j, package, &has) != 0 :
				is_wanted(fleet, t, (int) j, package, &has) != 0)
				return -1;
			whole[j] = has;
		}
		call->memo->recall(call);
		if (call->memo->settle(call, t->name, count, names, whole, false) != 0)
			return -1;
	}
	return 0;
}

int
dbmig_fleet_settle(dbmig_fleet *fleet, const char *package)
{
	dbmig_call *call = fleet->call;
	const dbmig_host *host = call->host;
	bool		some = false;
	size_t		i;

	for (i = 0; i < fleet->count; i++)
		some = some || fleet->tenants[i].counted || fleet->tenants[i].done;
	if (!some || call->memo == NULL || !call->memo->can_settle(call))
		return 0;
	if (host->begin(call, DBMIG_MODE_MIGRATE) != 0)
		return -1;
	if (settle_tenants(fleet, package) == 0 && host->commit(call) == 0)
		return 0;
	host->abort(call);
	return -1;
}
