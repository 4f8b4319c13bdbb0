/*
 * choose.c
 *		Which tenants dbmig_migrate_tenants takes, in which order: its options.
 */
#include "dbmig_core.h"

#include <string.h>

#include "internal.h"

static int
read_count(dbmig_json *p, const char *key, int *value)
{
	int			digits = 0;

	*value = 0;
	(void) dbmig_json_next(p, ' '); /* it skips blanks */
	for (; *p->at >= '0' && *p->at <= '9' && digits < 9; digits++)
		*value = *value * 10 + (*p->at++ - '0');
	if (digits == 0 || (*p->at != '\0' && strchr("0123456789.eE", *p->at) != NULL))
		return dbmig_fail(p->call, DBMIG_BAD_VALUE, NULL,
						  "option \"%s\" must be a whole number, 0 to 999999999", key);
	return 0;
}

static int
read_option(dbmig_json *p, const char *key, void *arg)
{
	static const char *const nobody[] = {""};
	dbmig_tenants_options *options = arg;

	if (strcmp(key, "only") == 0)
	{
		/* where it is said twice, the last one counts */
		options->only = NULL;
		options->like = NULL;
		if (dbmig_json_next(p, '"'))
		{
			p->at--;
			return dbmig_json_text(p, key, &options->like);
		}
		if (!dbmig_json_next(p, '['))
			return dbmig_fail(p->call, DBMIG_BAD_VALUE, NULL,
							  "option \"%s\" must be a pattern or an array of strings", key);
		p->at--;
		if (dbmig_json_texts(p, key, &options->only, &options->only_count) != 0)
			return -1;
		if (options->only == NULL)
			options->only = (const char **) nobody;
		return 0;
	}
	if (strcmp(key, "first") == 0)
		return dbmig_json_texts(p, key, &options->first, &options->first_count);
	if (strcmp(key, "stop_after") == 0)
		return read_count(p, key, &options->stop_after);
	if (strcmp(key, "batch") == 0)
		return read_count(p, key, &options->batch);
	return dbmig_fail(p->call, DBMIG_BAD_VALUE,
					  "The options are only, first, stop_after and batch.",
					  "unknown option \"%s\"", key);
}

int
dbmig_tenants_options_parse(dbmig_call *call, const char *json,
							dbmig_tenants_options *options)
{
	memset(options, 0, sizeof(*options));
	options->stop_after = 1;
	return json == NULL ? 0 :
		dbmig_json_members(call, json, DBMIG_JSON_SUCH_AS("{\"stop_after\": 3}"), read_option, options);
}

/* The first byte behind the character at p. */
static const char *
skip_character(const char *p)
{
	do
		p++;
	while (((unsigned char) *p & 0xC0) == 0x80);
	return p;
}

/* A % that has matched too little is tried again one character further. */
bool
dbmig_like(const char *text, const char *pattern)
{
	const char *again = NULL;	/* behind the last % */
	const char *from = NULL;	/* what it is tried with */

	while (*text != '\0')
	{
		const char *p = pattern;

		if (*p == '%')
		{
			again = ++pattern;
			from = text;
			continue;
		}
		if (*p == '_')
		{
			text = skip_character(text);
			pattern++;
			continue;
		}
		if (*p == '\\' && p[1] != '\0')
			p++;
		if (*p == *text && *p != '\0')
		{
			text++;
			pattern = p + 1;
			continue;
		}
		if (again == NULL)
			return false;
		pattern = again;
		from = text = skip_character(from);
	}
	while (*pattern == '%')
		pattern++;
	return *pattern == '\0';
}
