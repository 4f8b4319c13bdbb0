/*
 * define.c
 *		Writing the registry: migrations and dependencies.
 *
 * What is there already is looked at without a lock, so that registering the
 * same again (every instance does at its start) waits for nobody.  Only where
 * something is to be written a transaction and the registrars' lock are taken,
 * and what is there is looked at again; a text that is there is changed only
 * while no applier runs.
 */
#include "dbmig_core.h"

#include <string.h>

#include "internal.h"

const char *
dbmig_outcome_text(dbmig_outcome outcome)
{
	switch (outcome)
	{
		case DBMIG_REGISTERED:
			return "registered";
		case DBMIG_UNCHANGED:
			return "unchanged";
		case DBMIG_REPLACED:
			return "replaced";
	}
	return NULL;
}

int
dbmig_writer_begin(dbmig_call *call, dbmig_writer *writer, bool texts)
{
	if (!writer->begun)
	{
		if (call->host->begin(call, DBMIG_MODE_REGISTER) != 0)
			return -1;
		writer->begun = true;
		if (call->host->lock(call, DBMIG_LOCK_REGISTRY, "") != 0)
			return -1;
	}
	if (texts && !writer->texts_locked)
	{
		if (call->host->lock(call, DBMIG_LOCK_TEXTS, "") != 0)
			return -1;
		writer->texts_locked = true;
	}
	return 0;
}

/* Commits where result is 0, undoes everything else; gives what became of it. */
int
dbmig_writer_end(dbmig_call *call, dbmig_writer *writer, int result)
{
	if (!writer->begun)
		return result;
	if (result == 0)
		result = call->host->commit(call);
	if (result != 0)
		call->host->abort(call);
	return result;
}

/* The columns of MIGRATION_FIND */
enum
{
	FOUND_VERSION, FOUND_NAME, FOUND_KIND, FOUND_CHECKSUM, FOUND_OPTIONS,
	FOUND_DOWN, FOUND_COLUMNS
};

static bool
same_text(const dbmig_value *value, const char *text)
{
	if (value->type == DBMIG_NULL || text == NULL)
		return value->type == DBMIG_NULL && text == NULL;
	return strcmp(value->text, text) == 0;
}

static const char *
kind_of(const dbmig_definition *definition)
{
	return definition->function ? "function" : "sql";
}

/* A portable script's own for this engine; an error has its place. */
static int
expand(dbmig_call *call, const dbmig_definition *definition, const char *text,
	   dbmig_buffer *to)
{
	bool		down = text == definition->down;
	dbmig_item	item = {definition->package, definition->version};
	size_t		wrong_at;
	int			line;
	int			column;

	if (dbmig_portable_expand(call, text, strlen(text), to, &wrong_at) == 0)
		return 0;
	dbmig_position(text, wrong_at, &line, &column);
	if (definition->source != NULL)
		return dbmig_fail_in(call, "file \"%s\", line %d, column %d",
							 definition->source,
							 line + (down ? definition->down_line : definition->up_line),
							 column);
	return dbmig_fail_in(call, "%smigration \"%s\", line %d, column %d",
						 down ? "rollback of " : "",
						 dbmig_item_text(call, item), line, column);
}

/* What is to be kept of the script, and what can be told of it. */
static int
inspect(dbmig_call *call, const dbmig_definition *definition, bool up,
		dbmig_inspection *result)
{
	const dbmig_options *options = &definition->options;
	dbmig_buffer expanded = {0};
	const char *text = up ? definition->up : definition->down;
	int			transaction = options->transaction;

	result->transactional = true;
	result->refusal = NULL;
	if (text != NULL && !definition->function && options->portable == 1)
	{
		if (expand(call, definition, text, &expanded) != 0)
			return -1;
		text = expanded.text;
	}
	if (text != NULL && !definition->function &&
		(options->engine == NULL || strcmp(options->engine, call->host->engine) == 0) &&
		call->host->inspect(call, text, strlen(text), result) != 0)
		return -1;
	if (!up && options->down_transaction >= 0)
		transaction = options->down_transaction;
	if (transaction >= 0)
		result->transactional = transaction == 1;
	return 0;
}

/*
 * C2: where it is applied with another text, that must be wanted; *accept says
 * that it is.
 */
static int
check_applied(dbmig_call *call, const dbmig_definition *definition,
			  const char *checksum, bool *accept)
{
	dbmig_item	item = {definition->package, definition->version};
	dbmig_value params[3];
	dbmig_value row[1];

	params[0] = dbmig_text(item.package);
	params[1] = dbmig_text(item.version);
	params[2] = dbmig_text(checksum);
	if (dbmig_query_row(call, DBMIG_APPLIED_OTHERWISE, params, row, 1, accept) != 0)
		return -1;
	if (*accept && !call->settings.accept_changed)
		return dbmig_fail(call, DBMIG_CHANGED,
						  "Register the change as a new version, or accept it with dbmig_set('changed', 'accept').",
						  "migration \"%s\" is applied with checksum %s, and cannot be replaced by a text with checksum %s",
						  dbmig_item_text(call, item), row[0].text, checksum);
	return 0;
}

static int
accept_change(dbmig_call *call, const dbmig_definition *definition,
			  const char *checksum)
{
	dbmig_item	item = {definition->package, definition->version};
	dbmig_value params[3];

	params[0] = dbmig_text(checksum);
	params[1] = dbmig_text(item.package);
	params[2] = dbmig_text(item.version);
	if (call->host->query(call, DBMIG_APPLIED_ACCEPT, params, NULL, NULL) != 0)
		return -1;
	return dbmig_history_add(call, "", item, definition->name, "accept",
							 checksum, -1, -1);
}

/* What was done of another text is nothing that this one could go on from. */
static int
forget_failure(dbmig_call *call, const dbmig_definition *definition)
{
	dbmig_value params[2];

	params[0] = dbmig_text(definition->package);
	params[1] = dbmig_text(definition->version);
	return call->host->query(call, DBMIG_FAILED_DROP, params, NULL, NULL);
}

static int
add_package(dbmig_call *call, const char *package)
{
	dbmig_value params[2];
	dbmig_value row[1];
	bool		found;

	params[0] = dbmig_text(package);
	params[1] = dbmig_text(call->extension);
	if (dbmig_query_row(call, DBMIG_PACKAGE_FIND, params, row, 1, &found) != 0)
		return -1;
	return found ? 0 : call->host->query(call, DBMIG_PACKAGE_PUT, params, NULL, NULL);
}

static int
write_migration(dbmig_call *call, const dbmig_definition *definition,
				const char *sort_key, const char *checksum,
				const char *options, bool replace)
{
	dbmig_inspection up;
	dbmig_inspection down;
	dbmig_value p[15];

	if (inspect(call, definition, true, &up) != 0 ||
		inspect(call, definition, false, &down) != 0)
		return -1;
	if (replace)
	{
		p[0] = dbmig_text(kind_of(definition));
		p[1] = dbmig_int(up.transactional);
		p[2] = dbmig_int(down.transactional);
		p[3] = dbmig_text(definition->name);
		p[4] = dbmig_text(checksum);
		p[5] = dbmig_text(up.refusal);
		p[6] = dbmig_text(down.refusal);
		p[7] = dbmig_text(options);
		p[8] = dbmig_text(definition->source);
		p[9] = dbmig_text(definition->up);
		p[10] = dbmig_text(definition->down);
		p[11] = dbmig_text(definition->package);
		p[12] = dbmig_text(definition->version);
		return call->host->query(call, DBMIG_MIGRATION_CHANGE, p, NULL, NULL);
	}
	if (add_package(call, definition->package) != 0)
		return -1;
	p[0] = dbmig_text(definition->package);
	p[1] = dbmig_text(definition->version);
	p[2] = dbmig_text(sort_key);
	p[3] = dbmig_text(kind_of(definition));
	p[4] = dbmig_int(up.transactional);
	p[5] = dbmig_int(down.transactional);
	p[6] = dbmig_text(definition->name);
	p[7] = dbmig_text(checksum);
	p[8] = dbmig_text(up.refusal);
	p[9] = dbmig_text(down.refusal);
	p[10] = dbmig_text(options);
	p[11] = dbmig_text(definition->source);
	p[12] = dbmig_text(call->extension);
	p[13] = dbmig_text(definition->up);
	p[14] = dbmig_text(definition->down);
	return call->host->query(call, DBMIG_MIGRATION_ADD, p, NULL, NULL);
}

/* What a definition would change: finds the migration of this version. */
static int
compare(dbmig_call *call, const dbmig_definition *definition,
		const char *sort_key, const char *checksum, const char *options,
		dbmig_outcome *outcome, bool *same_up)
{
	dbmig_value params[2];
	dbmig_value row[FOUND_COLUMNS];
	bool		found;

	params[0] = dbmig_text(definition->package);
	params[1] = dbmig_text(sort_key);
	if (dbmig_query_row(call, DBMIG_MIGRATION_FIND, params, row, FOUND_COLUMNS,
						&found) != 0)
		return -1;
	*outcome = DBMIG_REGISTERED;
	*same_up = false;
	if (!found)
		return 0;

	/* V4 */
	if (strcmp(row[FOUND_VERSION].text, definition->version) != 0)
		return dbmig_fail(call, DBMIG_DUPLICATE,
						  "Versions compare by their numbers and letters: 1, 01 and 1. are the same.",
						  "version \"%s\" of package \"%s\" is the same as \"%s\", which is registered",
						  definition->version, definition->package,
						  row[FOUND_VERSION].text);
	*same_up = same_text(&row[FOUND_CHECKSUM], checksum) &&
		same_text(&row[FOUND_KIND], kind_of(definition));
	*outcome = *same_up && same_text(&row[FOUND_NAME], definition->name) &&
		same_text(&row[FOUND_OPTIONS], options) &&
		same_text(&row[FOUND_DOWN], definition->down) ? DBMIG_UNCHANGED : DBMIG_REPLACED;
	return 0;
}

static int
add_dependencies(dbmig_call *call, dbmig_writer *writer,
				 const dbmig_definition *definition, dbmig_outcome *outcome)
{
	dbmig_item	item = {definition->package, definition->version};
	size_t		i;

	for (i = 0; i < definition->options.after_count; i++)
	{
		dbmig_item	after;
		bool		added;

		if (dbmig_item_parse(call, definition->options.after[i], &after) != 0 ||
			dbmig_depend(call, writer, &item, after, &added) != 0)
			return -1;
		if (added && *outcome == DBMIG_UNCHANGED)
			*outcome = DBMIG_REPLACED;
	}
	return 0;
}

/* V6: the option and the version say the same. */
static int
repeat(dbmig_call *call, dbmig_definition *definition)
{
	bool		repeats = dbmig_version_repeats(definition->version);

	if (definition->options.repeatable && !repeats)
	{
		definition->version = dbmig_printf(call, DBMIG_REPEATABLE "%s", definition->version);
		if (definition->version == NULL || dbmig_version_check(call, definition->version) != 0)
			return -1;
		repeats = true;
	}
	if (repeats && definition->down != NULL)
		return dbmig_fail(call, DBMIG_BAD_VALUE,
						  "It runs again when its text changes, and is not rolled back.",
						  "repeatable migration \"%s@%s\" has a down",
						  definition->package, definition->version);
	return 0;
}

/* Another text than the registered one: may it be, and what goes with it? */
static int
change_text(dbmig_call *call, const dbmig_definition *definition,
			const char *checksum)
{
	bool		accept = false;

	if (!dbmig_version_repeats(definition->version) &&
		check_applied(call, definition, checksum, &accept) != 0)
		return -1;
	if (accept && accept_change(call, definition, checksum) != 0)
		return -1;
	return forget_failure(call, definition);
}

int
dbmig_define(dbmig_call *call, dbmig_writer *writer,
			 dbmig_definition *definition, dbmig_outcome *outcome)
{
	char		checksum[DBMIG_CHECKSUM_SIZE];
	bool		locked = writer->begun;
	const char *options;
	const char *sort_key;
	bool		same_up;

	if (repeat(call, definition) != 0)
		return -1;
	options = dbmig_options_text(call, &definition->options);
	sort_key = dbmig_version_key(call, definition->version);
	if (options == NULL || sort_key == NULL)
		return -1;

	/* a byte order mark is no part of the script (C1) */
	if (strncmp(definition->up, DBMIG_BOM, 3) == 0)
		definition->up += 3;
	if (definition->down != NULL && strncmp(definition->down, DBMIG_BOM, 3) == 0)
		definition->down += 3;
	dbmig_checksum(definition->up, strlen(definition->up), checksum);
	if (compare(call, definition, sort_key, checksum, options, outcome, &same_up) != 0)
		return -1;
	if (*outcome != DBMIG_UNCHANGED)
	{
		if (dbmig_writer_begin(call, writer, *outcome == DBMIG_REPLACED) != 0 ||
			(!locked &&
			 compare(call, definition, sort_key, checksum, options, outcome, &same_up) != 0))
			return -1;

		/* somebody else may have registered it in between, in another form */
		if (*outcome == DBMIG_REPLACED &&
			dbmig_writer_begin(call, writer, true) != 0)
			return -1;
	}
	if (*outcome == DBMIG_REPLACED && !same_up &&
		change_text(call, definition, checksum) != 0)
		return -1;
	if (*outcome != DBMIG_UNCHANGED &&
		write_migration(call, definition, sort_key, checksum, options,
						*outcome == DBMIG_REPLACED) != 0)
		return -1;
	return add_dependencies(call, writer, definition, outcome);
}

/* The columns of MIGRATION_PART */
enum
{
	PART_VERSION, PART_KIND, PART_NAME, PART_OPTIONS, PART_SOURCE, PART_UP,
	PART_DOWN, PART_COLUMNS
};

int
dbmig_define_part(dbmig_call *call, dbmig_writer *writer,
				  dbmig_definition *definition, dbmig_outcome *outcome)
{
	int			down_transaction = definition->options.down_transaction;
	dbmig_options registered;
	dbmig_value params[2];
	dbmig_value row[PART_COLUMNS];
	bool		found;

	params[0] = dbmig_text(definition->package);
	params[1] = dbmig_text(dbmig_version_key(call, definition->version));
	if (call->status != DBMIG_OK ||
		dbmig_query_row(call, DBMIG_MIGRATION_PART, params, row, PART_COLUMNS, &found) != 0)
		return -1;
	if (definition->up == NULL &&
		(!found || strcmp(row[PART_KIND].text, "sql") != 0))
		return dbmig_fail(call, DBMIG_UNKNOWN, "Register its up first.",
						  "file \"%s\" is a down, and version \"%s\" of package \"%s\" is not registered",
						  definition->source, definition->version, definition->package);
	dbmig_options_begin(&registered);
	if (found && dbmig_options_parse(call, row[PART_OPTIONS].text, &registered) != 0)
		return -1;
	if (definition->up == NULL)
	{
		definition->version = row[PART_VERSION].text;
		definition->up = row[PART_UP].text;
		definition->name = row[PART_NAME].text;
		definition->source = row[PART_SOURCE].text;
		definition->options = registered;
	}
	else if (found && row[PART_DOWN].type != DBMIG_NULL)
	{
		definition->down = row[PART_DOWN].text;
		down_transaction = registered.down_transaction == 0 ? 0 : -1;
	}

	/* each of the two says for itself whether it can be in a transaction */
	if (down_transaction != 0)
		down_transaction = definition->options.transaction == 0 && definition->down != NULL ? 1 : -1;
	definition->options.down_transaction = down_transaction;
	return dbmig_define(call, writer, definition, outcome);
}

static int
read_dependency(dbmig_call *call, void *arg, const dbmig_value *row)
{
	return dbmig_graph_add_dependency(call, arg, row);
}

/*
 * O5: would the dependency close a circle?  Only where something comes after
 * the item's package, or the two are of one package.
 */
static int
check_cycle(dbmig_call *call, dbmig_item item, dbmig_item after)
{
	dbmig_graph graph = {0};
	dbmig_value row[4];
	bool		found;

	row[0] = dbmig_text(item.package);
	row[1] = dbmig_text(item.version);
	row[2] = dbmig_text(after.package);
	row[3] = dbmig_text(after.version);
	if (strcmp(item.package, after.package) != 0)
	{
		dbmig_value one[1];

		if (dbmig_query_row(call, DBMIG_DEPENDED_ON, row, one, 1, &found) != 0)
			return -1;
		if (!found)
			return 0;
	}
	if (dbmig_graph_add_dependency(call, &graph, row) != 0 ||
		call->host->query(call, DBMIG_DEPENDENCIES_TAKEN, &row[2],
						  read_dependency, &graph) != 0)
		return -1;
	return dbmig_graph_check_cycle(call, &graph);
}

/* V4: an item whose version is registered has the spelling it has there. */
static int
spell(dbmig_call *call, dbmig_item *item)
{
	dbmig_value params[2];
	dbmig_value row[FOUND_COLUMNS];
	bool		found;

	if (item->version[0] == '\0')
		return 0;
	params[0] = dbmig_text(item->package);
	params[1] = dbmig_text(dbmig_version_key(call, item->version));
	if (call->status != DBMIG_OK ||
		dbmig_query_row(call, DBMIG_MIGRATION_FIND, params, row, FOUND_COLUMNS,
						&found) != 0)
		return -1;
	if (found)
		item->version = row[FOUND_VERSION].text;
	return 0;
}

int
dbmig_depend(dbmig_call *call, dbmig_writer *writer, dbmig_item *item,
			 dbmig_item after, bool *added)
{
	dbmig_value params[5];
	dbmig_value row[1];
	bool		found;
	int			look;

	*added = false;
	if (spell(call, item) != 0 || spell(call, &after) != 0)
		return -1;
	params[0] = dbmig_text(item->package);
	params[1] = dbmig_text(item->version);
	params[2] = dbmig_text(after.package);
	params[3] = dbmig_text(after.version);
	params[4] = dbmig_text(call->extension);
	for (look = 0; look < 2; look++)
	{
		if (dbmig_query_row(call, DBMIG_DEPENDENCY_FIND, params, row, 1, &found) != 0)
			return -1;
		if (found)
			return 0;
		if (look == 0 && dbmig_writer_begin(call, writer, false) != 0)
			return -1;
	}
	if (check_cycle(call, *item, after) != 0)
		return -1;
	*added = true;
	return call->host->query(call, DBMIG_DEPENDENCY_ADD, params, NULL, NULL);
}
