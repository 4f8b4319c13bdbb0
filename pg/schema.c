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

#include "dbmig_pg.h"

/* What no tenant may be: the system's, the database's own, dbmig's. */
static bool
is_reserved(const dbmig_pg *pg, const char *schema)
{
	return IsReservedName(schema) || strcmp(schema, "public") == 0 ||
		strcmp(schema, "information_schema") == 0 ||
		strcmp(schema, pg->schema) == 0;
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
		return dbmig_fail(call, DBMIG_UNKNOWN, NULL,
						  "tenant \"%s\" is not known", tenant);
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
