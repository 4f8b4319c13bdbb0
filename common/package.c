/*
 * package.c
 *		The options of a package.
 *
 * They are its migrations' where these say nothing else.  They belong to the
 * registered package and go with its last migration; so they can be set once
 * a migration of it is registered.
 */
#include "dbmig_core.h"

#include <string.h>

#include "internal.h"

int
dbmig_node_options(dbmig_call *call, const dbmig_graph *graph,
				   const dbmig_node *node, const char *own,
				   dbmig_options *options)
{
	const char *json = graph->packages[node->package].options;
	dbmig_options package;

	dbmig_options_begin(options);
	if (own != NULL && strcmp(own, "{}") != 0 &&
		dbmig_options_parse(call, own, options) != 0)
		return -1;
	if (json == NULL)
		return 0;
	dbmig_options_begin(&package);
	if (dbmig_options_parse_package(call, json, &package) != 0)
		return -1;
	dbmig_options_inherit(options, &package);
	return 0;
}

/* position, options */
static int
find(dbmig_call *call, const char *package, dbmig_value *row)
{
	dbmig_value params[1];
	bool		found;

	params[0] = dbmig_text(package);
	if (dbmig_query_row(call, DBMIG_PACKAGE_FIND, params, row, 2, &found) != 0)
		return -1;
	if (!found)
		return dbmig_fail(call, DBMIG_UNKNOWN,
						  "Register a migration of it first.",
						  "package \"%s\" is not registered", package);
	return 0;
}

/* As with texts, what is there already is no change, and waits for nobody. */
int
dbmig_package_change(dbmig_call *call, dbmig_writer *writer,
					 const char *package, const dbmig_options *options,
					 bool *changed)
{
	const char *text = dbmig_options_text(call, options);
	dbmig_value params[2];
	dbmig_value row[2];

	*changed = false;
	if (text == NULL || find(call, package, row) != 0)
		return -1;
	if (strcmp(row[1].text, text) == 0)
		return 0;
	if (dbmig_writer_begin(call, writer, true) != 0 ||
		find(call, package, row) != 0)
		return -1;
	*changed = true;
	params[0] = dbmig_text(text);
	params[1] = dbmig_text(package);
	return call->host->query(call, DBMIG_PACKAGE_OPTIONS, params, NULL, NULL);
}

int
dbmig_do_package_options(dbmig_call *call, int nargs, const dbmig_value *args,
						 dbmig_value *result)
{
	dbmig_writer writer = {0};
	dbmig_options options;
	dbmig_value row[2];
	const char *package;
	const char *json;
	bool		changed;

	if (dbmig_arg_package(call, nargs, args, 0, true, &package) != 0 ||
		dbmig_arg_text(call, nargs, args, 1, "options", false, &json) != 0)
		return -1;
	if (json == NULL)
	{
		if (find(call, package, row) != 0)
			return -1;
		*result = row[1];
		return 0;
	}
	dbmig_options_begin(&options);
	if (dbmig_options_parse_package(call, json, &options) != 0)
		return -1;
	if (dbmig_writer_end(call, &writer,
						 dbmig_package_change(call, &writer, package, &options, &changed)) != 0)
		return -1;
	*result = dbmig_text(dbmig_options_text(call, &options));
	return call->status == DBMIG_OK ? 0 : -1;
}
