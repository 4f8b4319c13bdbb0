/*
 * schema.c
 *		A tenant of PostgreSQL: the schema that a call is about.
 *
 * Its tables are the registry's, by the tenant's name.  Its migrations run with
 * a search_path that holds its schema and nothing of the caller's; temporary
 * tables come last, so that none hides a table of the tenant.
 */
#include "postgres.h"

#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "stamp.h"

/* Of dbmig_tenant, as the install script has them. */
enum
{
	TENANT_TENANT = 1, TENANT_USERNAME
};

/* What no tenant may be: the system's, the database's own, dbmig's. */
static bool
is_reserved(const dbmig_pg *pg, const char *schema)
{
	return IsReservedName(schema) || strcmp(schema, "public") == 0 ||
		strcmp(schema, "information_schema") == 0 ||
		strcmp(schema, pg->schema) == 0;
}

/*
 * Read without the right to, which whoever makes something for a tenant need
 * not have: nobody is told what it says.
 */
bool
dbmig_pg_find_tenant(const dbmig_pg *pg, const char *tenant,
					 const char **username)
{
	dbmig_reading r;
	HeapTuple	tuple;

	PushActiveSnapshot(GetTransactionSnapshot());
	dbmig_pg_read_begin(&r, pg->schema_oid, "dbmig_tenant", GetActiveSnapshot(), 1,
						TENANT_TENANT, &tenant);
	tuple = systable_getnext(r.scan);
	*username = tuple != NULL ? dbmig_pg_read_text(&r, tuple, TENANT_USERNAME) : "";
	dbmig_pg_read_end(&r);
	PopActiveSnapshot();
	return tuple != NULL;
}

static int
fail_missing(dbmig_call *call, const char *tenant)
{
	const char *username;

	if (dbmig_pg_find_tenant(call->data, tenant, &username))
		return dbmig_fail(call, DBMIG_UNKNOWN,
						  "Forget the tenant with dbmig_remove_tenant, or give its schema its name back.",
						  "the schema of tenant \"%s\" does not exist", tenant);
	return dbmig_fail(call, DBMIG_UNKNOWN, NULL,
					  "tenant \"%s\" is not known", tenant);
}

int
dbmig_pg_enter(dbmig_call *call, const char *tenant, const char **name)
{
	dbmig_pg   *pg = call->data;

	dbmig_pg_leave(call);
	if (is_reserved(pg, tenant))
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "schema \"%s\" cannot be a tenant", tenant);
	if (strlen(tenant) >= NAMEDATALEN ||
		!OidIsValid(get_namespace_oid(tenant, true)))
		return fail_missing(call, tenant);
	pg->callers_path = pg->search_path;
	pg->search_path = MemoryContextStrdup(pg->context,
										  psprintf("%s, pg_temp",
												   quote_identifier(tenant)));
	*name = tenant;
	return 0;
}

/*
 * As the role of the step: a schema that it may not look into, or that is gone,
 * is left out of the path in silence, and what is made would be temporary.
 */
void
dbmig_pg_check_schema(const dbmig_step *step)
{
	if (step->tenant[0] != '\0')
		(void) LookupExplicitNamespace(step->tenant, false);
}

/* Else what follows in the step would be temporary, and what is recorded a lie. */
void
dbmig_pg_check_dropped(const dbmig_step *step)
{
	if (step->tenant[0] != '\0' && !OidIsValid(get_namespace_oid(step->tenant, true)))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s drops the schema of its tenant",
						dbmig_pg_describe(step)),
				 errhint("dbmig_remove_tenant takes a tenant away.")));
}

void
dbmig_pg_leave(dbmig_call *call)
{
	dbmig_pg   *pg = call->data;

	if (pg->callers_path == NULL)
		return;
	pfree(unconstify(char *, pg->search_path));
	pg->search_path = pg->callers_path;
	pg->callers_path = NULL;
	if (pg->error != NULL)
		FreeErrorData(pg->error);
	pg->error = NULL;
	dbmig_pg_unlock(pg);
}
