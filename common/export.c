/*
 * export.c
 *		The registry as one SQL script, and as a drawing.
 *
 * The script is read by every engine: SELECTs of string literals, with quotes
 * doubled.  It holds no transaction control, so it can be part of another.
 */
#include "dbmig_core.h"

#include <string.h>

#include "internal.h"

static int
append_literal(dbmig_call *call, dbmig_buffer *text, const dbmig_value *value)
{
	const char *from = value->text;
	const char *quote;

	if (value->type == DBMIG_NULL)
		return dbmig_append_text(call, text, "NULL");
	if (dbmig_append_text(call, text, "'") != 0)
		return -1;
	while ((quote = strchr(from, '\'')) != NULL)
	{
		if (dbmig_append_bytes(call, text, from, (size_t) (quote - from) + 1) != 0 ||
			dbmig_append_text(call, text, "'") != 0)
			return -1;
		from = quote + 1;
	}
	if (dbmig_append_text(call, text, from) != 0)
		return -1;
	return dbmig_append_text(call, text, "'");
}

/* package, version, name, kind, options, up, down */
static int
export_migration(dbmig_call *call, void *arg, const dbmig_value *row)
{
	static const int order[] = {0, 1, 5, 6, 2, 4};
	dbmig_buffer *to = arg;
	bool		function = strcmp(row[3].text, "function") == 0;
	int			last = 5;
	int			i;

	/* absent arguments at the end are left out */
	if (strcmp(row[4].text, "{}") == 0)
		last = row[2].type != DBMIG_NULL ? 4 : row[6].type != DBMIG_NULL ? 3 : 2;
	if (dbmig_append_format(call, to, "SELECT dbmig_register%s(",
							function ? "_function" : "") != 0)
		return -1;
	for (i = 0; i <= last; i++)
		if ((i > 0 && dbmig_append_text(call, to, ", ") != 0) ||
			append_literal(call, to, &row[order[i]]) != 0)
			return -1;
	return dbmig_append_text(call, to, ");\n");
}

static int
export_dependency(dbmig_call *call, void *arg, const dbmig_value *row)
{
	dbmig_buffer *to = arg;
	int			i;

	if (dbmig_append_text(call, to, "SELECT dbmig_after(") != 0)
		return -1;
	for (i = 0; i < 4; i += 2)
	{
		dbmig_item	item = {row[i].text, row[i + 1].text};
		dbmig_value text = dbmig_text(dbmig_item_text(call, item));

		if ((i > 0 && dbmig_append_text(call, to, ", ") != 0) ||
			append_literal(call, to, &text) != 0)
			return -1;
	}
	return dbmig_append_text(call, to, ");\n");
}

/* package, options */
static int
export_options(dbmig_call *call, void *arg, const dbmig_value *row)
{
	dbmig_buffer *to = arg;

	if (dbmig_append_text(call, to, "SELECT dbmig_package_options(") != 0 ||
		append_literal(call, to, &row[0]) != 0 ||
		dbmig_append_text(call, to, ", ") != 0 ||
		append_literal(call, to, &row[1]) != 0)
		return -1;
	return dbmig_append_text(call, to, ");\n");
}

/* Of one package, if it has any. */
static int
export_own_options(dbmig_call *call, dbmig_buffer *to, const char *package,
				   const char *options)
{
	dbmig_value row[2];

	if (strcmp(options, "{}") == 0)
		return 0;
	row[0] = dbmig_text(package);
	row[1] = dbmig_text(options);
	return export_options(call, to, row);
}

int
dbmig_do_export(dbmig_call *call, int nargs, const dbmig_value *args,
				dbmig_value *result)
{
	const dbmig_host *host = call->host;
	dbmig_buffer to = {0};
	const char *package;
	dbmig_value params[1];
	dbmig_value row[2];
	bool		found;

	if (dbmig_arg_package(call, nargs, args, 0, false, &package) != 0)
		return -1;
	params[0] = dbmig_text(package);
	if (package != NULL)
	{
		if (dbmig_query_row(call, DBMIG_PACKAGE_FIND, params, row, 2, &found) != 0)
			return -1;
		if (!found)
			return dbmig_fail(call, DBMIG_UNKNOWN, NULL,
							  "package \"%s\" is not registered", package);
	}
	if (dbmig_append_format(call, &to, "-- dbmig %s: the registry%s%s\n",
							DBMIG_VERSION, package != NULL ? " of " : "",
							package != NULL ? package : "") != 0 ||
		host->query(call, package != NULL ? DBMIG_EXPORT_ONE : DBMIG_EXPORT,
					params, export_migration, &to) != 0 ||
		(package != NULL ? export_own_options(call, &to, package, row[1].text) :
		 host->query(call, DBMIG_EXPORT_OPTIONS, NULL, export_options, &to)) != 0 ||
		host->query(call, package != NULL ? DBMIG_DEPENDENCIES_OF : DBMIG_DEPENDENCIES,
					params, export_dependency, &to) != 0)
		return -1;
	*result = dbmig_text(to.text);
	return 0;
}

/* A name inside of a quoted label; mermaid has entities, dot has escapes. */
static int
append_label(dbmig_call *call, dbmig_buffer *text, const char *name,
			 bool mermaid)
{
	for (; *name != '\0'; name++)
	{
		int			failed;

		if (mermaid && strchr("\"#<>&", *name) != NULL)
			failed = dbmig_append_format(call, text, "#%d;", *name);
		else if (!mermaid && (*name == '"' || *name == '\\'))
			failed = dbmig_append_format(call, text, "\\%c", *name);
		else
			failed = dbmig_append_bytes(call, text, name, 1);
		if (failed != 0)
			return -1;
	}
	return 0;
}

static const char *
state_of(const dbmig_graph *graph, const dbmig_package *package, int *applied)
{
	bool		drifted = false;
	bool		failed = false;
	int			i;

	*applied = 0;
	for (i = package->first; i < package->first + package->count; i++)
	{
		int			flags = graph->nodes[i].flags;

		*applied += (flags & DBMIG_NODE_APPLIED) != 0;
		drifted |= (flags & DBMIG_NODE_DRIFTED) != 0;
		failed |= (flags & DBMIG_NODE_UNSETTLED) != 0;
	}
	if (!package->registered)
		return "unknown";
	if (failed)
		return "failed";
	if (drifted)
		return "drifted";
	return *applied == package->count ? "current" : "pending";
}

static int
draw_package(dbmig_call *call, dbmig_buffer *text, const dbmig_graph *graph,
			 int number, bool mermaid)
{
	static const char *const colours[][2] = {
		{"current", "palegreen"}, {"pending", "khaki"}, {"drifted", "orange"},
		{"failed", "salmon"}, {"unknown", "lightgrey"}
	};
	const dbmig_package *package = &graph->packages[number];
	int			applied;
	const char *state = state_of(graph, package, &applied);
	size_t		i = 0;

	if (dbmig_append_format(call, text, mermaid ? "    p%d[\"" : "    p%d [label=\"",
							package->rank + 1) != 0 ||
		append_label(call, text, package->name, mermaid) != 0)
		return -1;
	if (mermaid)
		return dbmig_append_format(call, text, " %d/%d\"]:::%s\n", applied,
								   package->count, state);
	while (strcmp(colours[i][0], state) != 0)
		i++;
	return dbmig_append_format(call, text, " %d/%d\", tooltip=\"%s\", fillcolor=\"%s\"];\n",
							   applied, package->count, state, colours[i][1]);
}

/* An arrow from what comes first to what comes after it. */
static int
draw_dependency(dbmig_call *call, dbmig_buffer *text, dbmig_graph *graph,
				const dbmig_dependency *dependency, bool mermaid)
{
	int			from = dbmig_graph_find(graph, dependency->after.package);
	int			to = dbmig_graph_find(graph, dependency->item.package);
	const char *first = dependency->after.version;
	const char *second = dependency->item.version;
	const char *label = "";

	if (from < 0 || to < 0)
		return -1;
	if (first[0] != '\0' || second[0] != '\0')
	{
		label = dbmig_printf(call, "%s before %s", first[0] != '\0' ? first : "all",
							 second[0] != '\0' ? second : "all");
		if (label == NULL)
			return -1;
	}
	from = graph->packages[from].rank + 1;
	to = graph->packages[to].rank + 1;
	if (mermaid)
		return dbmig_append_format(call, text, "    p%d -->%s%s%s p%d\n", from,
								   label[0] != '\0' ? "|\"" : "", label,
								   label[0] != '\0' ? "\"|" : "", to);
	return dbmig_append_format(call, text, "    p%d -> p%d%s%s%s;\n", from, to,
							   label[0] != '\0' ? " [label=\"" : "", label,
							   label[0] != '\0' ? "\"]" : "");
}

int
dbmig_do_graph(dbmig_call *call, int nargs, const dbmig_value *args,
			   dbmig_value *result)
{
	const char *format;
	dbmig_graph graph;
	dbmig_buffer text = {0};
	bool		mermaid;
	int		   *order;
	size_t		i;

	if (dbmig_arg_text(call, nargs, args, 0, "format", false, &format) != 0)
		return -1;
	mermaid = format == NULL || strcmp(format, "mermaid") == 0;
	if (!mermaid && strcmp(format, "dot") != 0)
		return dbmig_fail(call, DBMIG_BAD_VALUE,
						  "The formats are mermaid and dot.",
						  "unknown format \"%s\"", format);
	if (dbmig_registry_load(call, NULL, "", &graph) != 0)
		return -1;

	/* what is named only in a dependency is drawn too */
	for (i = 0; i < graph.dependency_count; i++)
	{
		const char *names[2];
		int			side;

		names[0] = graph.dependencies[i].item.package;
		names[1] = graph.dependencies[i].after.package;
		for (side = 0; side < 2; side++)
		{
			size_t		before = graph.package_count;
			int			number = dbmig_graph_package(call, &graph, names[side]);

			if (number < 0)
				return -1;
			if (graph.package_count > before)
				graph.packages[number].rank = number;
		}
	}
	order = dbmig_alloc(call, graph.package_count * sizeof(int));
	if (order == NULL ||
		dbmig_append_text(call, &text, mermaid ? "flowchart TD\n" :
						  "digraph dbmig {\n    node [shape=box, style=filled];\n") != 0)
		return -1;
	for (i = 0; i < graph.package_count; i++)
		order[graph.packages[i].rank] = (int) i;
	for (i = 0; i < graph.package_count; i++)
		if (draw_package(call, &text, &graph, order[i], mermaid) != 0)
			return -1;
	for (i = 0; i < graph.dependency_count; i++)
		if (draw_dependency(call, &text, &graph, &graph.dependencies[i], mermaid) != 0)
			return -1;
	if (dbmig_append_text(call, &text, mermaid ?
						  "    classDef current fill:palegreen\n"
						  "    classDef pending fill:khaki\n"
						  "    classDef drifted fill:orange\n"
						  "    classDef failed fill:salmon\n"
						  "    classDef unknown fill:lightgrey\n" : "}\n") != 0)
		return -1;
	*result = dbmig_text(text.text);
	return 0;
}
