/*
 * arguments.c
 *		The arguments of the SQL functions, checked: what one engine refuses
 *		the other refuses in the same words.
 */
#include "dbmig_core.h"

#include <string.h>

#include "internal.h"

int
dbmig_arg_text(dbmig_call *call, int nargs, const dbmig_value *args, int i,
			   const char *what, bool required, const char **text)
{
	*text = NULL;
	if (i >= nargs || args[i].type == DBMIG_NULL)
		return required ? dbmig_fail(call, DBMIG_NULL_VALUE, NULL,
									 "%s must not be NULL", what) : 0;
	if (args[i].type == DBMIG_INT || args[i].type == DBMIG_BOOL)
		*text = dbmig_printf(call, "%lld", (long long) args[i].integer);
	else
		*text = args[i].text;
	return *text != NULL ? 0 : -1;
}

int
dbmig_arg_package(dbmig_call *call, int nargs, const dbmig_value *args, int i,
				  bool required, const char **package)
{
	if (dbmig_arg_text(call, nargs, args, i, "package", required, package) != 0)
		return -1;
	return *package != NULL ? dbmig_package_check(call, *package) : 0;
}

int
dbmig_arg_version(dbmig_call *call, int nargs, const dbmig_value *args, int i,
				  bool required, const char **version)
{
	/* 1.10 is 1.1 by the time it gets here: a trap */
	if (i < nargs && args[i].type == DBMIG_REAL)
		return dbmig_fail(call, DBMIG_BAD_VALUE, "Put the version in quotes.",
						  "version must be text or a whole number");
	if (dbmig_arg_text(call, nargs, args, i, "version", required, version) != 0)
		return -1;
	return *version != NULL ? dbmig_version_check(call, *version) : 0;
}

/* The tenant; '' is the database itself, any other is entered. */
int
dbmig_arg_tenant(dbmig_call *call, int nargs, const dbmig_value *args, int i,
				 const char **tenant)
{
	if (dbmig_arg_text(call, nargs, args, i, "tenant", false, tenant) != 0)
		return -1;
	if (*tenant == NULL)
		*tenant = "";
	return **tenant != '\0' ? dbmig_tenant_enter(call, *tenant, tenant) : 0;
}

/* package, version, tenant: what most of these functions take, all optional */
int
dbmig_target_read(dbmig_call *call, int nargs, const dbmig_value *args,
				  dbmig_target *target)
{
	if (dbmig_arg_package(call, nargs, args, 0, false, &target->package) != 0 ||
		dbmig_arg_version(call, nargs, args, 1, false, &target->version) != 0 ||
		dbmig_arg_tenant(call, nargs, args, 2, &target->tenant) != 0)
		return -1;
	if (target->package == NULL && target->version != NULL)
		return dbmig_fail(call, DBMIG_NULL_VALUE, NULL,
						  "a version needs a package");
	return 0;
}
