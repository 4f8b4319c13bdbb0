/*
 * register.c
 *		The functions that register, and take back.
 */
#include "dbmig_core.h"

#include <string.h>

#include "internal.h"

#define NAME_MAX_BYTES 255

static int
read_name(dbmig_call *call, int nargs, const dbmig_value *args, int i,
		  const char **name)
{
	if (dbmig_arg_text(call, nargs, args, i, "name", false, name) != 0)
		return -1;
	if (*name == NULL)
		return 0;
	if (strlen(*name) > NAME_MAX_BYTES)
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "name is %zu bytes long, at most %d are allowed",
						  strlen(*name), NAME_MAX_BYTES);
	if (dbmig_has_control(*name, strlen(*name)))
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "name has a control character");
	return 0;
}

/* up, down, name, options: from the i-th argument on */
static int
read_definition(dbmig_call *call, int nargs, const dbmig_value *args, int i,
				dbmig_definition *definition)
{
	bool		function = definition->function;
	const char *options;

	dbmig_options_begin(&definition->options);
	if (dbmig_arg_text(call, nargs, args, i, function ? "up_function" : "up",
					   true, &definition->up) != 0 ||
		dbmig_arg_text(call, nargs, args, i + 1, function ? "down_function" : "down",
					   false, &definition->down) != 0 ||
		read_name(call, nargs, args, i + 2, &definition->name) != 0 ||
		dbmig_arg_text(call, nargs, args, i + 3, "options", false, &options) != 0)
		return -1;
	if (function && (definition->up[0] == '\0' ||
					 (definition->down != NULL && definition->down[0] == '\0')))
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "name of a function must not be empty");
	return options == NULL ? 0 : dbmig_options_parse(call, options, &definition->options);
}

static int
do_register(dbmig_call *call, int nargs, const dbmig_value *args,
			bool function, dbmig_value *result)
{
	dbmig_definition definition = {0};
	dbmig_writer writer = {0};
	dbmig_outcome outcome;

	definition.function = function;
	if (dbmig_arg_package(call, nargs, args, 0, true, &definition.package) != 0 ||
		dbmig_arg_version(call, nargs, args, 1, true, &definition.version) != 0 ||
		read_definition(call, nargs, args, 2, &definition) != 0 ||
		dbmig_writer_end(call, &writer,
						 dbmig_define(call, &writer, &definition, &outcome)) != 0)
		return -1;
	*result = dbmig_text(dbmig_outcome_text(outcome));
	return 0;
}

int
dbmig_do_register(dbmig_call *call, int nargs, const dbmig_value *args,
				  dbmig_value *result)
{
	return do_register(call, nargs, args, false, result);
}

int
dbmig_do_register_function(dbmig_call *call, int nargs, const dbmig_value *args,
						   dbmig_value *result)
{
	return do_register(call, nargs, args, true, result);
}

static int
append(dbmig_call *call, dbmig_writer *writer, dbmig_definition *definition)
{
	dbmig_value params[1];
	dbmig_value row[1];
	dbmig_outcome outcome;
	bool		found;

	/* under the lock, so that two of them get two versions */
	params[0] = dbmig_text(definition->package);
	if (dbmig_writer_begin(call, writer, false) != 0 ||
		dbmig_query_row(call, DBMIG_MIGRATION_LAST, params, row, 1, &found) != 0)
		return -1;
	definition->version = found ? dbmig_version_next(call, row[0].text) : "1";
	if (definition->version == NULL ||
		dbmig_version_check(call, definition->version) != 0)
		return -1;
	return dbmig_define(call, writer, definition, &outcome);
}

int
dbmig_do_append(dbmig_call *call, int nargs, const dbmig_value *args,
				dbmig_value *result)
{
	dbmig_definition definition = {0};
	dbmig_writer writer = {0};

	if (dbmig_arg_package(call, nargs, args, 0, true, &definition.package) != 0 ||
		read_definition(call, nargs, args, 1, &definition) != 0 ||
		dbmig_writer_end(call, &writer, append(call, &writer, &definition)) != 0)
		return -1;
	*result = dbmig_text(definition.version);
	return 0;
}

static int
depend_all(dbmig_call *call, dbmig_writer *writer, dbmig_item item, int nargs,
		   const dbmig_value *args, dbmig_value *result)
{
	dbmig_value params[2];
	bool		found;
	int			i;

	for (i = 1; i < nargs; i++)
	{
		dbmig_item	after;
		const char *text;
		bool		added;

		if (dbmig_arg_text(call, nargs, args, i, "after", true, &text) != 0 ||
			dbmig_item_parse(call, text, &after) != 0 ||
			dbmig_depend(call, writer, &item, after, &added) != 0)
			return -1;
	}
	params[0] = dbmig_text(item.package);
	params[1] = dbmig_text(item.version);
	return dbmig_query_row(call, DBMIG_DEPENDENCY_COUNT, params, result, 1, &found);
}

int
dbmig_do_after(dbmig_call *call, int nargs, const dbmig_value *args,
			   dbmig_value *result)
{
	dbmig_writer writer = {0};
	dbmig_item	item;
	const char *text;

	if (dbmig_arg_text(call, nargs, args, 0, "item", true, &text) != 0 ||
		dbmig_item_parse(call, text, &item) != 0)
		return -1;
	return dbmig_writer_end(call, &writer,
							depend_all(call, &writer, item, nargs, args, result));
}

/* Whom a removal would leave without what they come after. */
typedef struct dependents
{
	dbmig_item	item;			/* what goes: version "" is the whole package */
	bool		last;			/* the package goes with it */
	dbmig_item	by;				/* found: package NULL is nobody */
} dependents;

static int
find_dependent(dbmig_call *call, void *arg, const dbmig_value *row)
{
	dependents *found = arg;
	const char *version = found->item.version;

	/* what goes along does not count */
	if (found->by.package != NULL ||
		(strcmp(row[0].text, found->item.package) == 0 &&
		 (found->last || (row[1].text[0] != '\0' &&
						  dbmig_version_compare(row[1].text, version) == 0))))
		return 0;
	if (!found->last &&
		(row[3].text[0] == '\0' || dbmig_version_compare(row[3].text, version) != 0))
		return 0;
	found->by.version = dbmig_copy(call, row[1].text, row[1].length);
	found->by.package = dbmig_copy(call, row[0].text, row[0].length);
	return found->by.package != NULL && found->by.version != NULL ? 0 : -1;
}

typedef struct versions
{
	int			count;
	const char *match;			/* the one that is the same as version */
	const char *version;
} versions;

static int
count_version(dbmig_call *call, void *arg, const dbmig_value *row)
{
	versions   *all = arg;

	all->count++;
	if (all->version != NULL && dbmig_version_compare(row[0].text, all->version) == 0)
	{
		all->match = dbmig_copy(call, row[0].text, row[0].length);
		if (all->match == NULL)
			return -1;
	}
	return 0;
}

static int
unregister(dbmig_call *call, const char *package, const char *version,
		   int64_t *count)
{
	const dbmig_host *host = call->host;
	dependents	needed = {{package, ""}, false, {NULL, NULL}};
	versions	all = {0, NULL, version};
	dbmig_value params[2];
	dbmig_value row[1];
	bool		found;

	params[0] = dbmig_text(package);
	if (host->query(call, DBMIG_MIGRATION_VERSIONS, params, count_version, &all) != 0)
		return -1;
	if (all.count == 0)
		return dbmig_fail(call, DBMIG_UNKNOWN, NULL,
						  "package \"%s\" is not registered", package);
	if (version != NULL && all.match == NULL)
		return dbmig_fail(call, DBMIG_UNKNOWN, NULL,
						  "version \"%s\" of package \"%s\" is not registered",
						  version, package);
	if (version != NULL)
		needed.item.version = all.match;
	needed.last = version == NULL || all.count == 1;
	params[1] = dbmig_text(all.match);
	if (dbmig_query_row(call, version == NULL ? DBMIG_APPLIED_OF_PACKAGE : DBMIG_APPLIED_ANYWHERE,
						params, row, 1, &found) != 0)
		return -1;
	if (found)
	{
		dbmig_item	applied = needed.item;

		if (version == NULL)
			applied.version = row[0].text;
		return dbmig_fail(call, DBMIG_NEEDED, "Roll it back first.",
						  "migration \"%s\" is applied",
						  dbmig_item_text(call, applied));
	}
	if (host->query(call, DBMIG_DEPENDENTS, params, find_dependent, &needed) != 0)
		return -1;
	if (needed.by.package != NULL)
		return dbmig_fail(call, DBMIG_NEEDED, "Unregister that first.",
						  "\"%s\" comes after \"%s\"",
						  dbmig_item_text(call, needed.by),
						  dbmig_item_text(call, needed.item));
	*count = version == NULL ? all.count : 1;
	if (needed.last)
	{
		if (host->query(call, DBMIG_MIGRATION_DROP_ALL, params, NULL, NULL) != 0 ||
			host->query(call, DBMIG_DEPENDENCY_DROP_ALL, params, NULL, NULL) != 0)
			return -1;
		return host->query(call, DBMIG_PACKAGE_DROP, params, NULL, NULL);
	}
	if (host->query(call, DBMIG_MIGRATION_DROP, params, NULL, NULL) != 0)
		return -1;
	return host->query(call, DBMIG_DEPENDENCY_DROP, params, NULL, NULL);
}

int
dbmig_do_unregister(dbmig_call *call, int nargs, const dbmig_value *args,
					dbmig_value *result)
{
	dbmig_writer writer = {0};
	const char *package;
	const char *version;
	int64_t		count = 0;
	int			failed;

	if (dbmig_arg_package(call, nargs, args, 0, true, &package) != 0 ||
		dbmig_arg_version(call, nargs, args, 1, false, &version) != 0)
		return -1;
	failed = dbmig_writer_begin(call, &writer, true);
	if (failed == 0)
		failed = unregister(call, package, version, &count);
	*result = dbmig_int(count);
	return dbmig_writer_end(call, &writer, failed);
}
