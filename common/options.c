/*
 * options.c
 *		The options of a migration or a package: a flat JSON object (RFC 8259).
 */
#include "dbmig_core.h"

#include <stdio.h>
#include <string.h>

#include "internal.h"

#define KNOWN \
	"The options are transaction, down_transaction, foreign_keys, engine, portable, repeatable, role, search_path, lock_timeout, retries and after."
#define KNOWN_PACKAGE \
	"The options of a package are role, search_path, lock_timeout and retries."

static int
read_after(dbmig_json *p, const char *key, dbmig_options *options)
{
	const char **items;
	size_t		count;
	size_t		i;

	if (dbmig_json_texts(p, key, &items, &count) != 0)
		return -1;
	for (i = 0; i < count; i++)
		if (dbmig_options_after(p->call, options, items[i]) != 0)
			return -1;
	return 0;
}

/* Those that a package has too; false where it is another. */
static bool
read_shared(dbmig_json *p, const char *key, dbmig_options *options, int *result)
{
	const char *value = NULL;
	bool		number;

	if (!dbmig_options_of_package(key))
		return false;
	number = strcmp(key, "lock_timeout") == 0 || strcmp(key, "retries") == 0;
	*result = number ? dbmig_json_number(p, key, &value) : dbmig_json_text(p, key, &value);
	if (*result == 0)
		*result = dbmig_options_set(p->call, options, key, value);
	return true;
}

static int
read_of_package(dbmig_json *p, const char *key, void *arg)
{
	int			result;

	if (read_shared(p, key, arg, &result))
		return result;
	return dbmig_fail(p->call, DBMIG_BAD_VALUE, KNOWN_PACKAGE,
					  "a package has no option \"%s\"", key);
}

static int
read_option(dbmig_json *p, const char *key, void *arg)
{
	dbmig_options *options = arg;
	int			result;

	if (read_shared(p, key, options, &result))
		return result;
	if (strcmp(key, "transaction") == 0)
		return dbmig_json_bool(p, key, &options->transaction);
	if (strcmp(key, "down_transaction") == 0)
		return dbmig_json_bool(p, key, &options->down_transaction);
	if (strcmp(key, "foreign_keys") == 0)
		return dbmig_json_bool(p, key, &options->foreign_keys);
	if (strcmp(key, "portable") == 0)
		return dbmig_json_bool(p, key, &options->portable);
	if (strcmp(key, "repeatable") == 0)
	{
		int			repeatable = 0;

		if (dbmig_json_bool(p, key, &repeatable) != 0)
			return -1;
		options->repeatable = repeatable == 1;
		return 0;
	}
	if (strcmp(key, "after") == 0)
		return read_after(p, key, options);
	if (strcmp(key, "engine") == 0)
	{
		if (dbmig_json_text(p, key, &options->engine) != 0)
			return -1;
		if (strcmp(options->engine, "postgres") != 0 &&
			strcmp(options->engine, "sqlite") != 0)
			return dbmig_fail(p->call, DBMIG_BAD_VALUE,
							  "The engines are postgres and sqlite.",
							  "unknown engine \"%s\"", options->engine);
		return 0;
	}
	return dbmig_fail(p->call, DBMIG_BAD_VALUE, KNOWN,
					  "unknown option \"%s\"", key);
}

void
dbmig_options_begin(dbmig_options *options)
{
	memset(options, 0, sizeof(*options));
	options->transaction = -1;
	options->down_transaction = -1;
	options->foreign_keys = -1;
	options->lock_timeout = -1;
	options->retries = -1;
	options->portable = -1;
}

int
dbmig_options_after(dbmig_call *call, dbmig_options *options, const char *item)
{
	const char **after = dbmig_grow(call, options->after, options->after_count,
									&options->after_capacity, sizeof(*after));

	if (after == NULL)
		return -1;
	options->after = after;
	options->after[options->after_count++] = item;
	return 0;
}

/* "auth, core@3", as files have it */
int
dbmig_options_after_list(dbmig_call *call, dbmig_options *options,
						 const char *list)
{
	for (;;)
	{
		const char *comma = strchr(list, ',');
		const char *end = comma != NULL ? comma : list + strlen(list);
		dbmig_item	item;
		const char *text;

		while (*list == ' ' || *list == '\t')
			list++;
		while (end > list && (end[-1] == ' ' || end[-1] == '\t'))
			end--;
		text = dbmig_copy(call, list, (size_t) (end - list));
		if (text == NULL || dbmig_item_parse(call, text, &item) != 0 ||
			dbmig_options_after(call, options, text) != 0)
			return -1;
		if (comma == NULL)
			return 0;
		list = comma + 1;
	}
}

int
dbmig_options_parse(dbmig_call *call, const char *json, dbmig_options *options)
{
	return dbmig_json_members(call, json, DBMIG_JSON_SUCH_AS("{\"transaction\": false}"), read_option, options);
}

int
dbmig_options_parse_package(dbmig_call *call, const char *json,
							dbmig_options *options)
{
	return dbmig_json_members(call, json, DBMIG_JSON_SUCH_AS("{\"role\": \"shop_owner\"}"), read_of_package, options);
}

/* A key, with what stands before it, to be followed by its value. */
static int
append_key(dbmig_call *call, dbmig_buffer *text, const char *key)
{
	return dbmig_append_format(call, text, "%s\"%s\": ",
							   text->length > 1 ? ", " : "", key);
}

static int
append_bool(dbmig_call *call, dbmig_buffer *text, const char *key, int value)
{
	if (value < 0)
		return 0;
	if (append_key(call, text, key) != 0)
		return -1;
	return dbmig_append_text(call, text, value ? "true" : "false");
}

/* The value has no control characters. */
static int
append_string(dbmig_call *call, dbmig_buffer *text, const char *key,
			  const char *value)
{
	if (value == NULL)
		return 0;
	if (append_key(call, text, key) != 0 ||
		dbmig_append_text(call, text, "\"") != 0)
		return -1;
	for (; *value != '\0'; value++)
		if (((*value == '"' || *value == '\\') &&
			 dbmig_append_text(call, text, "\\") != 0) ||
			dbmig_append_bytes(call, text, value, 1) != 0)
			return -1;
	return dbmig_append_text(call, text, "\"");
}

static int
append_seconds(dbmig_call *call, dbmig_buffer *text, const char *key,
			   int64_t milliseconds)
{
	char		fraction[8] = "";
	int			rest = (int) (milliseconds % 1000);

	if (milliseconds < 0)
		return 0;
	if (rest > 0)
	{
		size_t		length;

		snprintf(fraction, sizeof(fraction), ".%03d", rest);
		length = strlen(fraction);
		while (fraction[length - 1] == '0')
			fraction[--length] = '\0';
	}
	if (append_key(call, text, key) != 0)
		return -1;
	return dbmig_append_format(call, text, "%ld%s", (long) (milliseconds / 1000),
							   fraction);
}

const char *
dbmig_options_text(dbmig_call *call, const dbmig_options *options)
{
	dbmig_buffer text = {0};

	if (dbmig_append_text(call, &text, "{") != 0 ||
		append_bool(call, &text, "transaction", options->transaction) != 0 ||
		append_bool(call, &text, "down_transaction", options->down_transaction) != 0 ||
		append_bool(call, &text, "foreign_keys", options->foreign_keys) != 0 ||
		append_string(call, &text, "engine", options->engine) != 0 ||
		append_bool(call, &text, "portable", options->portable) != 0 ||
		append_string(call, &text, "role", options->role) != 0 ||
		append_string(call, &text, "search_path", options->search_path) != 0 ||
		append_seconds(call, &text, "lock_timeout", options->lock_timeout) != 0 ||
		(options->retries >= 0 &&
		 (append_key(call, &text, "retries") != 0 ||
		  dbmig_append_format(call, &text, "%d", options->retries) != 0)) ||
		dbmig_append_text(call, &text, "}") != 0)
		return NULL;
	return text.text;
}
