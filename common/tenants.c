/*
 * tenants.c
 *		Tenants: a schema, or a file, that gets the same packages (D22).
 *
 * A call is about one tenant at a time.  dbmig_tenant has those that are
 * known, dbmig_tenant_package what each is to have, '' for all that is
 * registered; both are the registry's.  What is applied to a tenant, and its
 * history, is where the tenant is.
 */
#include "dbmig_core.h"

#include <string.h>

#include "fleet.h"

int
dbmig_tenant_enter(dbmig_call *call, const char *tenant, const char **name)
{
	call->tenant = "";
	if (call->host->enter(call, tenant, name) != 0)
		return -1;
	call->tenant = *name;
	return 0;
}

void
dbmig_tenant_leave(dbmig_call *call)
{
	call->tenant = "";
	call->host->leave(call);
}

bool
dbmig_tenant_apart(const dbmig_call *call)
{
	return call->host->tenants_apart && call->tenant[0] != '\0';
}

int
dbmig_tenant_adopt(dbmig_call *call, const char *tenant, const char *package)
{
	dbmig_value params[2];
	dbmig_value row[1];
	bool		found;

	if (tenant[0] == '\0' || call->registry != NULL)
		return 0;
	params[0] = dbmig_text(tenant);
	params[1] = dbmig_text(package != NULL ? package : "");
	if (dbmig_query_row(call, DBMIG_TENANT_HAS, params, row, 1, &found) != 0)
		return -1;
	if (found)
		return 0;
	if (call->host->query(call, DBMIG_TENANT_PACKAGE_PUT, params, NULL, NULL) != 0)
		return -1;
	params[1] = dbmig_null();
	return call->host->query(call, DBMIG_TENANT_PUT, params, NULL, NULL);
}

int
dbmig_tenant_find(dbmig_call *call, const char *tenant, bool *found,
				  const char **username)
{
	dbmig_value params[1];
	dbmig_value row[2];

	params[0] = dbmig_text(tenant);
	if (dbmig_query_row(call, DBMIG_TENANT_FIND, params, row, 2, found) != 0)
		return -1;
	*username = *found && row[1].type == DBMIG_TEXT ? row[1].text : NULL;
	return 0;
}

int
dbmig_tenant_note(dbmig_call *call, const char *tenant, const char *action)
{
	dbmig_item	item = {"", ""};

	return dbmig_history_add(call, tenant, item, NULL, action, NULL, -1, -1);
}

static int
fill(dbmig_call *call, const char *tenant, const char *username, int count,
	 const dbmig_value *packages, int *applied)
{
	dbmig_target target = {NULL, NULL, tenant};
	dbmig_value params[2];
	int			i;

	params[0] = dbmig_text(tenant);
	params[1] = dbmig_text(username);
	if (call->host->query(call, DBMIG_TENANT_PUT, params, NULL, NULL) != 0 ||
		dbmig_tenant_note(call, tenant, "create") != 0)
		return -1;
	for (i = 0; i < count || (i == 0 && count == 0); i++)
	{
		int			more = 0;

		if (dbmig_arg_package(call, count, packages, i, count > 0, &target.package) != 0 ||
			dbmig_tenant_adopt(call, tenant, target.package) != 0 ||
			dbmig_apply_target(call, &target, &more) != 0)
			return -1;
		*applied += more;
	}
	return 0;
}

int
dbmig_tenant_check_new(dbmig_call *call, const char *tenant)
{
	const char *username;
	bool		found;

	if (dbmig_tenant_find(call, tenant, &found, &username) != 0)
		return -1;
	return !found ? 0 :
		dbmig_fail(call, DBMIG_DUPLICATE, "Forget it first, with dbmig_remove_tenant.",
				   "tenant \"%s\" is there already", tenant);
}

int
dbmig_tenant_furnish(dbmig_call *call, const char *tenant, const char *username,
					 int count, const dbmig_value *packages, int *applied)
{
	const dbmig_host *host = call->host;

	*applied = 0;
	if (dbmig_tenant_enter(call, tenant, &tenant) != 0 ||
		host->begin(call, DBMIG_MODE_APPLY) != 0)
		return -1;
	if (host->lock(call, DBMIG_LOCK_TENANT, tenant) == 0 &&
		dbmig_tenant_check_new(call, tenant) == 0 &&
		fill(call, tenant, username, count, packages, applied) == 0 &&
		host->commit(call) == 0)
		return 0;
	host->abort(call);
	return -1;
}

int
dbmig_tenant_forget(dbmig_call *call, const char *tenant)
{
	dbmig_value params[1];

	params[0] = dbmig_text(tenant);
	if (call->host->query(call, DBMIG_TENANT_PACKAGE_DROP, params, NULL, NULL) != 0 ||
		call->host->query(call, DBMIG_TENANT_DROP, params, NULL, NULL) != 0 ||
		call->host->query(call, DBMIG_TENANT_APPLIED_DROP, params, NULL, NULL) != 0 ||
		(call->memo != NULL && call->memo->forget(call, tenant) != 0))
		return -1;
	return dbmig_tenant_note(call, tenant, "remove");
}

/* The last failure of a package, as a line of the history. */
typedef struct last_failure
{
	const char *tenant;
	const char *package;
	int64_t		id;
} last_failure;

/* What dbmig_tenants goes by, for all tenants. */
typedef struct listing
{
	dbmig_row_fn emit;
	void	   *arg;
	int		   *by_rank;		/* the packages, in the order of their
								 * registration */
	char	   *mark;			/* of the tenant: what it is to have */
	bool		has_failures;	/* they were read: where the tenants' tables
								 * are with the registry */
	last_failure *failures;		/* by tenant and package */
	size_t		failure_count;
	size_t		failure_capacity;
} listing;

/* The host may keep the row, and for longer than the part lasts. */
static int
emit_row(dbmig_call *call, const dbmig_value *row, const listing *l)
{
	int			result;

	dbmig_part_swap(call);
	result = l->emit(call, l->arg, row);
	dbmig_part_swap(call);
	return result;
}

static int
read_failure(dbmig_call *call, void *arg, const dbmig_value *row)
{
	listing    *l = arg;
	last_failure *f = dbmig_grow(call, l->failures, l->failure_count,
								 &l->failure_capacity, sizeof(*f));

	if (f == NULL)
		return -1;
	l->failures = f;
	f += l->failure_count++;
	f->tenant = dbmig_copy(call, row[0].text, row[0].length);
	f->package = dbmig_copy(call, row[1].text, row[1].length);
	f->id = row[2].integer;
	return f->tenant != NULL && f->package != NULL ? 0 : -1;
}

static int
read_failures(dbmig_call *call, listing *l)
{
	int			result = 0;

	dbmig_part_swap(call);
	if (!l->has_failures)
		result = call->host->query(call, DBMIG_TENANT_FAILURES, NULL, read_failure, l);
	dbmig_part_swap(call);
	l->has_failures = true;
	return result;
}

/*
 * Why it failed.  The history knows its lines by number only: one query looks
 * through it for all.
 */
static int
find_error(dbmig_call *call, listing *l, const char *tenant,
		   const char *package, dbmig_value *error)
{
	dbmig_value params[2];
	size_t		low = 0;
	size_t		high;
	bool		found;

	params[0] = dbmig_text(tenant);
	params[1] = dbmig_text(package);
	if (dbmig_tenant_apart(call))
		return dbmig_query_row(call, DBMIG_TENANT_ERROR, params, error, 1, &found);
	if (read_failures(call, l) != 0)
		return -1;
	high = l->failure_count;
	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;
		const last_failure *f = &l->failures[middle];
		int			order = strcmp(f->tenant, tenant);

		if (order == 0)
			order = strcmp(f->package, package);
		if (order == 0)
		{
			params[0] = dbmig_int(f->id);
			return dbmig_query_row(call, DBMIG_HISTORY_ERROR, params, error, 1, &found);
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

/* A row of dbmig_tenants: one package of the tenant that was entered. */
static int
emit_package(dbmig_call *call, const dbmig_graph *graph, int number,
			 const char *name, listing *l)
{
	const dbmig_package *package = &graph->packages[number];
	const char *state = "current";
	dbmig_value row[7];
	int			pending = 0;
	int			all = 0;
	int			i;

	for (i = package->first; i < package->first + package->count; i++)
	{
		pending += l->mark[i] && (graph->nodes[i].flags & DBMIG_NODE_APPLIED) == 0;
		all |= graph->nodes[i].flags;
	}
	if ((all & DBMIG_NODE_UNSETTLED) != 0)
		state = "failed";
	else if ((all & DBMIG_NODE_DRIFTED) != 0)
		state = "drifted";
	else if (pending > 0)
		state = "pending";
	row[0] = dbmig_text(name);
	row[1] = dbmig_text(package->name);
	row[2] = dbmig_text(package->last_applied);
	row[3] = dbmig_null();
	for (i = package->first + package->count - 1;
		 i >= package->first && row[3].type == DBMIG_NULL; i--)
		if (!dbmig_version_repeats(graph->nodes[i].version))
			row[3] = dbmig_text(graph->nodes[i].version);
	row[4] = dbmig_int(pending);
	row[5] = dbmig_text(state);
	row[6] = dbmig_null();
	if ((all & DBMIG_NODE_UNSETTLED) != 0 &&
		find_error(call, l, name, package->name, &row[6]) != 0)
		return -1;
	return emit_row(call, row, l);
}

static int
emit_tenant(dbmig_call *call, const char *name, listing *l)
{
	dbmig_graph graph;
	size_t		i;
	int			node;

	if (dbmig_tenant_enter(call, name, &name) != 0 ||
		dbmig_registry_load(call, NULL, name, &graph) != 0)
		return -1;
	for (i = 0; i < graph.package_count; i++)
	{
		const dbmig_package *package = &graph.packages[l->by_rank[i]];
		bool		wanted = package->last_applied != NULL;

		for (node = package->first; node < package->first + package->count; node++)
			wanted = wanted || l->mark[node] ||
				(graph.nodes[node].flags & DBMIG_NODE_UNSETTLED) != 0;
		if (wanted && emit_package(call, &graph, l->by_rank[i], name, l) != 0)
			return -1;
	}
	return 0;
}

/* One that is not there, or cannot be looked at: that is a row, too. */
static int
emit_missing(dbmig_call *call, const char *name, const listing *l)
{
	dbmig_value row[7];
	int			i;

	if (call->status == DBMIG_NO_MEMORY || call->failure.interrupted)
		return -1;
	for (i = 0; i < 7; i++)
		row[i] = dbmig_null();
	row[0] = dbmig_text(name);
	row[5] = dbmig_text("missing");
	row[6] = dbmig_text(call->message);
	call->status = DBMIG_OK;
	return emit_row(call, row, l);
}

int
dbmig_do_tenants(dbmig_call *call, int nargs, const dbmig_value *args,
				 dbmig_row_fn emit, void *arg)
{
	dbmig_fleet fleet;
	listing		l;
	size_t		size;
	size_t		i;

	(void) nargs;
	(void) args;
	if (dbmig_fleet_read(call, &fleet) != 0)
		return -1;
	size = dbmig_graph_size(&fleet.graph);
	memset(&l, 0, sizeof(l));
	l.emit = emit;
	l.arg = arg;
	l.mark = dbmig_alloc(call, size + 1);
	l.by_rank = dbmig_alloc(call, fleet.graph.package_count * sizeof(int));
	if (l.mark == NULL || l.by_rank == NULL)
		return -1;
	for (i = 0; i < fleet.graph.package_count; i++)
		l.by_rank[fleet.graph.packages[i].rank] = (int) i;
	for (i = 0; i < fleet.count; i++)
	{
		const dbmig_tenant *t = &fleet.tenants[i];
		size_t		j;
		size_t		id;
		int			result;

		memset(l.mark, 0, size);
		for (j = 0; j < t->count; j++)
		{
			const dbmig_taken *taken = dbmig_fleet_take(&fleet, t->packages[j]);

			if (taken == NULL)
				return -1;
			for (id = 0; id < size; id++)
				l.mark[id] |= taken->mark[id];
		}
		dbmig_part_begin(call);
		result = emit_tenant(call, t->name, &l);
		if (result != 0 && call->tenant[0] == '\0')
			result = emit_missing(call, t->name, &l);
		if (result != 0)
			return -1;
		dbmig_tenant_leave(call);
		dbmig_part_end(call);
	}
	call->registry = NULL;
	return 0;
}
