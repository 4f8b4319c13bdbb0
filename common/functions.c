/*
 * functions.c
 *		Every SQL function that the engines share, once.
 */
#include "dbmig_core.h"

#include <string.h>

#include "internal.h"

#define SCALAR(name, min, max, flags) \
	{"dbmig_" #name, min, max, flags, dbmig_do_##name, NULL, NULL, NULL}
#define ROWS(name, min, max, arguments, columns) \
	{"dbmig_" #name, min, max, DBMIG_READS, NULL, dbmig_do_##name, arguments, columns}

const dbmig_function dbmig_functions[] = {
	SCALAR(register, 3, 6, DBMIG_WRITES),
	SCALAR(append, 2, 4, DBMIG_WRITES),
	SCALAR(register_function, 3, 6, DBMIG_WRITES),
	SCALAR(register_file, 3, 4, DBMIG_WRITES),
	SCALAR(after, 2, -1, DBMIG_WRITES),
	SCALAR(package_options, 1, 2, DBMIG_WRITES),
	SCALAR(unregister, 1, 2, DBMIG_WRITES),
	SCALAR(load, 1, 3, DBMIG_WRITES),
	SCALAR(export, 0, 1, DBMIG_READS),
	SCALAR(apply, 0, 3, DBMIG_WRITES),
	SCALAR(migrate, 0, 3, DBMIG_WRITES),
	SCALAR(migrate_tenants, 0, 3, DBMIG_WRITES),
	SCALAR(wait, 2, 2, DBMIG_READS),
	SCALAR(rollback, 1, 3, DBMIG_WRITES),
	SCALAR(rollback_all, 1, 2, DBMIG_WRITES),
	SCALAR(redo, 1, 2, DBMIG_WRITES),
	SCALAR(baseline, 2, 3, DBMIG_WRITES),
	SCALAR(resolve, 3, 4, DBMIG_WRITES),
	SCALAR(is_current, 0, 3, DBMIG_READS),
	SCALAR(check, 0, 3, DBMIG_READS),
	SCALAR(graph, 0, 1, DBMIG_READS),
	SCALAR(set, 2, 2, DBMIG_WRITES),
	SCALAR(version, 0, 0, DBMIG_PURE),
	ROWS(plan, 0, 3, "package, version, tenant",
		 "position INTEGER, package TEXT, version TEXT, name TEXT,"
		 " direction TEXT, transactional INTEGER"),
	ROWS(status, 0, 0, "",
		 "tenant TEXT, package TEXT, applied TEXT, registered TEXT,"
		 " pending INTEGER, state TEXT"),
	ROWS(tenants, 0, 0, "",
		 "tenant TEXT, package TEXT, applied TEXT, registered TEXT,"
		 " pending INTEGER, state TEXT, error TEXT"),
	ROWS(lookup, 1, 1, "package",
		 "version TEXT, name TEXT, up TEXT, down TEXT, transactional INTEGER,"
		 " checksum TEXT"),
	ROWS(verify, 0, 2, "package, tenant",
		 "tenant TEXT, package TEXT, version TEXT, problem TEXT, detail TEXT")
};

const int	dbmig_function_count = sizeof(dbmig_functions) / sizeof(dbmig_functions[0]);

const dbmig_function *
dbmig_function_find(const char *name)
{
	int			i;

	for (i = 0; i < dbmig_function_count; i++)
		if (strcmp(dbmig_functions[i].name, name) == 0)
			return &dbmig_functions[i];
	return NULL;
}
