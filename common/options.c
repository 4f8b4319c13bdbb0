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

typedef dbmig_json parser;

static int
fail_at(parser *p)
{
	return dbmig_fail(p->call, DBMIG_BAD_VALUE,
					  "Options are a JSON object such as {\"transaction\": false}.",
					  "options are not valid JSON at character %d",
					  (int) (p->at - p->json) + 1);
}

static void
skip_blanks(parser *p)
{
	while (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r')
		p->at++;
}

static int
expect(parser *p, char c)
{
	skip_blanks(p);
	if (*p->at != c)
		return fail_at(p);
	p->at++;
	return 0;
}

static bool
next_is(parser *p, char c)
{
	skip_blanks(p);
	if (*p->at != c)
		return false;
	p->at++;
	return true;
}

/* Four hex digits; -1 where they are none. */
static long
read_hex(parser *p)
{
	long		value = 0;
	int			i;

	for (i = 0; i < 4; i++)
	{
		char		c = p->at[i];

		value *= 16;
		if (c >= '0' && c <= '9')
			value += c - '0';
		else if (c >= 'a' && c <= 'f')
			value += c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			value += c - 'A' + 10;
		else
			return -1;
	}
	p->at += 4;
	return value;
}

static int
read_unicode(parser *p, dbmig_buffer *text)
{
	long		code = read_hex(p);
	char		bytes[4];
	size_t		length;

	if (code >= 0xD800 && code <= 0xDBFF && p->at[0] == '\\' && p->at[1] == 'u')
	{
		long		low;

		p->at += 2;
		low = read_hex(p);
		if (low < 0xDC00 || low > 0xDFFF)
			return fail_at(p);
		code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
	}
	if (code <= 0 || (code >= 0xD800 && code <= 0xDFFF))
		return fail_at(p);
	if (code < 0x80)
	{
		bytes[0] = (char) code;
		length = 1;
	}
	else if (code < 0x800)
	{
		bytes[0] = (char) (0xC0 | code >> 6);
		bytes[1] = (char) (0x80 | (code & 0x3F));
		length = 2;
	}
	else if (code < 0x10000)
	{
		bytes[0] = (char) (0xE0 | code >> 12);
		bytes[1] = (char) (0x80 | (code >> 6 & 0x3F));
		bytes[2] = (char) (0x80 | (code & 0x3F));
		length = 3;
	}
	else
	{
		bytes[0] = (char) (0xF0 | code >> 18);
		bytes[1] = (char) (0x80 | (code >> 12 & 0x3F));
		bytes[2] = (char) (0x80 | (code >> 6 & 0x3F));
		bytes[3] = (char) (0x80 | (code & 0x3F));
		length = 4;
	}
	return dbmig_append_bytes(p->call, text, bytes, length);
}

static const char *
read_string(parser *p)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	dbmig_buffer text = {0};

	if (expect(p, '"') != 0 || dbmig_append_text(p->call, &text, "") != 0)
		return NULL;
	while (*p->at != '"')
	{
		const char *escape;

		if ((unsigned char) *p->at < 0x20)
		{
			fail_at(p);
			return NULL;
		}
		if (*p->at != '\\')
		{
			if (dbmig_append_bytes(p->call, &text, p->at++, 1) != 0)
				return NULL;
			continue;
		}
		p->at++;
		if (*p->at == 'u')
		{
			p->at++;
			if (read_unicode(p, &text) != 0)
				return NULL;
			continue;
		}
		escape = *p->at != '\0' ? strchr(from, *p->at) : NULL;
		if (escape == NULL)
		{
			fail_at(p);
			return NULL;
		}
		if (dbmig_append_bytes(p->call, &text, &to[escape - from], 1) != 0)
			return NULL;
		p->at++;
	}
	p->at++;
	return text.text;
}

static int
read_bool(parser *p, const char *key, int *value)
{
	skip_blanks(p);
	if (strncmp(p->at, "true", 4) == 0)
	{
		*value = 1;
		p->at += 4;
		return 0;
	}
	if (strncmp(p->at, "false", 5) == 0)
	{
		*value = 0;
		p->at += 5;
		return 0;
	}
	return dbmig_fail(p->call, DBMIG_BAD_VALUE, NULL,
					  "option \"%s\" must be true or false", key);
}

static int
read_text(parser *p, const char *key, const char **value)
{
	skip_blanks(p);
	if (*p->at != '"')
		return dbmig_fail(p->call, DBMIG_BAD_VALUE, NULL,
						  "option \"%s\" must be a string", key);
	*value = read_string(p);
	return *value != NULL ? 0 : -1;
}

/* As it is written, for whoever knows what it may be. */
static int
read_number(parser *p, const char *key, const char **value)
{
	size_t		length;

	skip_blanks(p);
	length = strspn(p->at, "+-.0123456789eE");
	if (length == 0)
		return dbmig_fail(p->call, DBMIG_BAD_VALUE, NULL,
						  "option \"%s\" must be a number", key);
	*value = dbmig_copy(p->call, p->at, length);
	p->at += length;
	return *value != NULL ? 0 : -1;
}

static int
read_after(parser *p, dbmig_options *options)
{
	if (!next_is(p, '['))
		return dbmig_fail(p->call, DBMIG_BAD_VALUE, NULL,
						  "option \"after\" must be an array of strings");
	if (next_is(p, ']'))
		return 0;
	do
	{
		const char *item;

		skip_blanks(p);
		if (*p->at != '"')
			return dbmig_fail(p->call, DBMIG_BAD_VALUE, NULL,
							  "option \"after\" must be an array of strings");
		item = read_string(p);
		if (item == NULL || dbmig_options_after(p->call, options, item) != 0)
			return -1;
	} while (next_is(p, ','));
	return expect(p, ']');
}

static int
read_option(parser *p, const char *key, dbmig_options *options)
{
	const char *value = NULL;

	if (dbmig_options_of_package(key))
	{
		bool		number = strcmp(key, "lock_timeout") == 0 ||
		strcmp(key, "retries") == 0;

		if ((number ? read_number(p, key, &value) : read_text(p, key, &value)) != 0)
			return -1;
		return dbmig_options_set(p->call, options, key, value);
	}
	if (p->package)
		return dbmig_fail(p->call, DBMIG_BAD_VALUE, KNOWN_PACKAGE,
						  "a package has no option \"%s\"", key);
	if (strcmp(key, "transaction") == 0)
		return read_bool(p, key, &options->transaction);
	if (strcmp(key, "down_transaction") == 0)
		return read_bool(p, key, &options->down_transaction);
	if (strcmp(key, "foreign_keys") == 0)
		return read_bool(p, key, &options->foreign_keys);
	if (strcmp(key, "portable") == 0)
		return read_bool(p, key, &options->portable);
	if (strcmp(key, "repeatable") == 0)
	{
		int			repeatable = 0;

		if (read_bool(p, key, &repeatable) != 0)
			return -1;
		options->repeatable = repeatable == 1;
		return 0;
	}
	if (strcmp(key, "after") == 0)
		return read_after(p, options);
	if (strcmp(key, "engine") == 0)
	{
		if (read_text(p, key, &options->engine) != 0)
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

static int
parse(dbmig_call *call, const char *json, bool package, dbmig_options *options)
{
	parser		p;

	p.call = call;
	p.json = p.at = json;
	p.package = package;
	if (expect(&p, '{') != 0)
		return -1;
	if (!next_is(&p, '}'))
	{
		do
		{
			const char *key;

			key = read_string(&p);
			if (key == NULL || expect(&p, ':') != 0 ||
				read_option(&p, key, options) != 0)
				return -1;
		} while (next_is(&p, ','));
		if (expect(&p, '}') != 0)
			return -1;
	}
	skip_blanks(&p);
	return *p.at == '\0' ? 0 : fail_at(&p);
}

int
dbmig_options_parse(dbmig_call *call, const char *json, dbmig_options *options)
{
	return parse(call, json, false, options);
}

int
dbmig_options_parse_package(dbmig_call *call, const char *json,
							dbmig_options *options)
{
	return parse(call, json, true, options);
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

/* The reader for others: one member after the other. */

bool
dbmig_json_next(dbmig_json *p, char c)
{
	return next_is(p, c);
}

int
dbmig_json_expect(dbmig_json *p, char c)
{
	return expect(p, c);
}

int
dbmig_json_text(dbmig_json *p, const char *key, const char **value)
{
	return read_text(p, key, value);
}

int
dbmig_json_members(dbmig_call *call, const char *json,
				   int (*member) (dbmig_json *p, const char *key, void *arg),
				   void *arg)
{
	parser		p;

	memset(&p, 0, sizeof(p));
	p.call = call;
	p.json = p.at = json;
	if (expect(&p, '{') != 0)
		return -1;
	if (!next_is(&p, '}'))
	{
		do
		{
			const char *key = read_string(&p);

			if (key == NULL || expect(&p, ':') != 0 || member(&p, key, arg) != 0)
				return -1;
		} while (next_is(&p, ','));
		if (expect(&p, '}') != 0)
			return -1;
	}
	skip_blanks(&p);
	return *p.at == '\0' ? 0 : fail_at(&p);
}
