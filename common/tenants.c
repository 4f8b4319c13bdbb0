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

#include "internal.h"

int
dbmig_tenant_enter(dbmig_call *call, const char *tenant, const char **name)
{
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

	if (tenant[0] == '\0')
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
