/*
 * migrate_tenants.c
 *		dbmig_migrate_tenants: all tenants that are behind.
 *
 * Each tenant is a part of the call, with memory and an error of its own: what
 * goes wrong with one is said, kept in its history, and counted, and the
 * others go on until there are too many.  A tenant that another call holds is
 * left for later, so that two calls share the work; only canaries, and what is
 * left at the end, are waited for.
 */
#include "dbmig_core.h"

#include <string.h>

#include "fleet.h"

typedef struct run
{
	dbmig_call *call;
	dbmig_fleet fleet;
	const char *package;		/* that was asked for, or NULL */
	const char *version;
	dbmig_tenants_options options;
	dbmig_tenant **canaries;

	int64_t		applied;		/* migrations */
	int			touched;		/* tenants that had something to do */
	int			failed;
	bool		stopped;
	const char *first_failed;
	const char *first_message;
	const char *first_code;
	dbmig_status first_status;
} run;

/* A name as somebody has written it: the tenant, or an error. */
static int
look_up(run *r, const char *name, dbmig_tenant **t)
{
	dbmig_call *call = r->call;
	const char *whole = name;

	dbmig_part_begin(call);
	if (name[0] != '\0' && dbmig_tenant_enter(call, name, &whole) != 0 &&
		(!call->host->tenants_apart || call->status == DBMIG_NO_MEMORY ||
		 call->failure.interrupted))
		return -1;

	/* a file that is known, and cannot be opened now, fails by itself */
	*t = dbmig_fleet_find(&r->fleet, whole);
	dbmig_tenant_leave(call);
	if (*t == NULL && call->status != DBMIG_OK)
		return -1;
	if (*t == NULL)
		return dbmig_fail(call, DBMIG_UNKNOWN,
						  "Apply something to it first, or create it.",
						  "tenant \"%s\" is not known", name);
	dbmig_part_end(call);
	return 0;
}

/* Option only: chosen has a byte for each tenant. */
static int
choose_only(run *r, char *chosen)
{
	const dbmig_tenants_options *options = &r->options;
	bool		all = options->only == NULL && options->like == NULL;
	dbmig_tenant *t;
	bool		some = false;
	size_t		i;

	for (i = 0; options->only != NULL && i < options->only_count; i++)
	{
		if (look_up(r, options->only[i], &t) != 0)
			return -1;
		chosen[t - r->fleet.tenants] = 1;
	}
	for (i = 0; i < r->fleet.count; i++)
	{
		if (all || (options->like != NULL && dbmig_like(r->fleet.tenants[i].name, options->like)))
			chosen[i] = 1;
		else if (!chosen[i])
			r->fleet.tenants[i].state = DBMIG_TENANT_CURRENT;
		some = some || chosen[i];
	}
	if (options->like != NULL && !some)
		r->call->host->warn(r->call, dbmig_printf(r->call, "no tenant is like \"%s\"", options->like));
	return 0;
}

/* Options only and first. */
static int
choose(run *r)
{
	const dbmig_tenants_options *options = &r->options;
	char	   *chosen = dbmig_alloc(r->call, r->fleet.count + 1);
	size_t		i;

	r->canaries = dbmig_alloc(r->call, options->first_count * sizeof(*r->canaries));
	if (r->canaries == NULL || chosen == NULL ||
		choose_only(r, chosen) != 0)
		return -1;
	for (i = 0; i < options->first_count; i++)
	{
		if (look_up(r, options->first[i], &r->canaries[i]) != 0)
			return -1;
		if (!chosen[r->canaries[i] - r->fleet.tenants])
			return dbmig_fail(r->call, DBMIG_BAD_VALUE, "Add it to \"only\", or take it out of \"first\".",
							  "tenant \"%s\" is to be the first, but is not among those of option \"only\"",
							  r->canaries[i]->name);
		r->canaries[i]->canary = true;
	}
	return 0;
}

/* A file that has everything need not be locked to be told so. */
static int
migrate_target(run *r, const dbmig_target *target, int *count, bool *held)
{
	bool		settled = false;

	if (dbmig_tenant_apart(r->call) &&
		dbmig_settled(r->call, target, &settled) != 0)
	{
		*held = r->call->status == DBMIG_LOCKED;
		return -1;
	}
	return settled ? 0 :
		dbmig_migrate_target(r->call, target, dbmig_tenant_apart(r->call), count, held);
}

/* All that this tenant is to have, or of that what was asked for. */
static int
migrate_all(run *r, const dbmig_tenant *t, int *count, bool *held)
{
	dbmig_target target = {r->package, r->version, NULL};
	int			more = 0;
	int			failed = 0;
	size_t		i;

	if (dbmig_tenant_enter(r->call, t->name, &target.tenant) != 0)
	{
		*held = r->call->status == DBMIG_LOCKED;
		return -1;
	}
	if (r->package != NULL)
		return migrate_target(r, &target, count, held);
	for (i = 0; i < t->count && failed == 0; i++)
	{
		target.package = t->packages[i][0] != '\0' ? t->packages[i] : NULL;
		failed = migrate_target(r, &target, &more, held);
		*count += more;
		more = 0;
		if (target.package == NULL)
			break;
	}
	return failed;
}

static int
keep_failure(run *r, const dbmig_tenant *t)
{
	dbmig_call *call = r->call;

	call->host->warn(call, dbmig_printf(call, "tenant \"%s\": %s", t->name,
										call->message));
	if (r->failed++ > 0)
		return 0;
	r->first_failed = t->name;
	r->first_status = call->status;
	r->first_message = dbmig_part_keep(call, call->message);
	r->first_code = dbmig_part_keep(call, call->failure.code);
	return r->first_message != NULL ? 0 : -1;
}

/* *again: the registry has changed meanwhile, and was read again. */
static int
try_one(run *r, dbmig_tenant *t, bool waits, bool *again)
{
	dbmig_call *call = r->call;
	double		limit = call->settings.lock_timeout;
	bool		held = false;
	int			count = 0;
	int			failed;

	dbmig_part_begin(call);
	if (!waits)
		call->settings.lock_timeout = -1;
	failed = migrate_all(r, t, &count, &held);
	call->settings.lock_timeout = limit;
	if (failed != 0 && (call->status == DBMIG_NO_MEMORY || call->failure.interrupted))
		return -1;
	*again = failed != 0 && held && call->moved;
	held = failed != 0 && held && !waits;
	if (failed != 0 && !*again && !held && keep_failure(r, t) != 0)
		return -1;
	r->applied += count;
	t->applied += count;
	t->state = held ? DBMIG_TENANT_HELD : DBMIG_TENANT_DONE;
	t->done = failed == 0 && r->version == NULL;
	if (!*again && !held && (t->applied > 0 || failed != 0))
		r->touched++;
	if (!*again && !held && failed != 0)
		r->stopped = r->stopped || t->canary ||
			(r->options.stop_after > 0 && r->failed >= r->options.stop_after);
	dbmig_tenant_leave(call);
	dbmig_part_end(call);
	return call->moved ? dbmig_fleet_registry(&r->fleet) : 0;
}

/* -1 only where the whole call has to end. */
static int
migrate_one(run *r, dbmig_tenant *t, bool waits)
{
	bool		again = true;

	while (again)
		if (try_one(r, t, waits, &again) != 0)
			return -1;
	return 0;
}

static bool
goes_on(const run *r)
{
	return !r->stopped &&
		(r->options.batch == 0 || r->touched < r->options.batch);
}

static int
migrate_fleet(run *r)
{
	dbmig_tenant *t;
	size_t		i;

	for (i = 0; i < r->options.first_count && goes_on(r); i++)
		if (r->canaries[i]->state == DBMIG_TENANT_BEHIND &&
			migrate_one(r, r->canaries[i], true) != 0)
			return -1;
	for (t = r->fleet.tenants; t < r->fleet.tenants + r->fleet.count && goes_on(r); t++)
		if (t->state == DBMIG_TENANT_BEHIND && migrate_one(r, t, false) != 0)
			return -1;
	for (t = r->fleet.tenants; t < r->fleet.tenants + r->fleet.count && goes_on(r); t++)
		if (t->state == DBMIG_TENANT_HELD && migrate_one(r, t, true) != 0)
			return -1;
	return 0;
}

/* The failures, as the call's error. */
static int
say_failed(run *r)
{
	int			left = 0;
	const char *hint = "Mend the cause and call again: it goes on with those that are behind.";
	size_t		i;

	for (i = 0; i < r->fleet.count; i++)
		left += r->fleet.tenants[i].state == DBMIG_TENANT_BEHIND ||
			r->fleet.tenants[i].state == DBMIG_TENANT_HELD;
	if (left > 0)
		hint = dbmig_printf(r->call, "%d more are behind and were not begun. %s", left, hint);
	r->call->failure.code = r->first_code;
	return dbmig_fail(r->call, r->first_status, hint,
					  "%d of %d tenants failed, the first is \"%s\": %s",
					  r->failed, r->touched, r->first_failed, r->first_message);
}

/* A package or version that is not registered is nobody's fault but the caller's. */
static int
check_target(run *r)
{
	dbmig_value params[1];
	dbmig_value row[1];
	bool		found;
	int			node;

	if (r->package == NULL)
		return 0;
	if (r->version != NULL)
		return dbmig_plan_find(r->call, &r->fleet.graph, r->package, r->version, &node);
	params[0] = dbmig_text(r->package);
	if (dbmig_query_row(r->call, DBMIG_PACKAGE_FIND, params, row, 1, &found) != 0)
		return -1;
	return found ? 0 : dbmig_fail(r->call, DBMIG_UNKNOWN, NULL,
								  "package \"%s\" is not registered", r->package);
}

int
dbmig_do_migrate_tenants(dbmig_call *call, int nargs, const dbmig_value *args,
						 dbmig_value *result)
{
	run			r;
	dbmig_texts texts;
	dbmig_target target;
	const char *json;
	int			failed;

	memset(&r, 0, sizeof(r));
	r.call = call;
	if (dbmig_target_read(call, nargs < 2 ? nargs : 2, args, &target) != 0 ||
		dbmig_arg_text(call, nargs, args, 2, "options", false, &json) != 0 ||
		dbmig_tenants_options_parse(call, json, &r.options) != 0 ||
		call->host->caller(call, DBMIG_MODE_MIGRATE) != 0)
		return -1;
	r.package = target.package;
	r.version = target.version;
	if (dbmig_fleet_read(call, &r.fleet) != 0 || check_target(&r) != 0 ||
		dbmig_fleet_behind(&r.fleet, r.package) != 0 || choose(&r) != 0)
		return -1;
	memset(&texts, 0, sizeof(texts));
	call->texts = &texts;
	failed = migrate_fleet(&r);
	if (failed == 0)
		failed = dbmig_fleet_settle(&r.fleet, r.package);
	call->texts = NULL;
	call->registry = NULL;
	call->host->release(call);
	if (failed != 0)
		return -1;
	*result = dbmig_int(r.applied);
	return r.failed > 0 ? say_failed(&r) : 0;
}
