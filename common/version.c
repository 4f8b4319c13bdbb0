/*
 * version.c
 *		Versions and names of packages (rules V1-V5).
 *
 * A version is compared by its sort key, a text that compares byte by byte as
 * the versions do, so that the tables' indexes know the order too: a run of
 * digits becomes three digits that say how long it is, then the run without
 * its leading zeros; a run of letters becomes itself and '!'.  Digits come
 * before letters and '!' before both, so V3 holds.  '~' comes behind all of
 * them: so begins the key of a repeatable migration (V6), with its name.
 */
#include "dbmig_core.h"

#include <string.h>

#include "internal.h"

#define MAX_BYTES DBMIG_VERSION_MAX

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_separator(char c)
{
	return c == '.' || c == '_' || c == '-';
}

bool
dbmig_version_repeats(const char *version)
{
	return version[0] == DBMIG_REPEATABLE[0] && version[1] == DBMIG_REPEATABLE[1];
}

/* V6: any name */
static int
check_repeatable(dbmig_call *call, const char *version)
{
	const char *name = version + strlen(DBMIG_REPEATABLE);

	if (name[0] == '\0')
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "version \"%s\" has no name", version);
	if (dbmig_has_control(name, strlen(name)))
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "version has a control character");
	return 0;
}

/* V1: letters, digits and . _ -, with a letter or digit among them. */
int
dbmig_version_check(dbmig_call *call, const char *version)
{
	size_t		length = strlen(version);
	bool		found = false;
	size_t		i;

	if (length == 0)
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "version must not be empty");
	if (length > MAX_BYTES)
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "version is %zu bytes long, at most %d are allowed",
						  length, MAX_BYTES);
	if (dbmig_version_repeats(version))
		return check_repeatable(call, version);
	for (i = 0; i < length; i++)
	{
		if (is_digit(version[i]) || is_letter(version[i]))
			found = true;
		else if (!is_separator(version[i]))
			return dbmig_fail(call, DBMIG_BAD_VALUE,
							  "A version is made of letters, digits and the characters . _ -.",
							  "version \"%s\" has a character that is not allowed",
							  version);
	}
	if (!found)
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "version \"%s\" has no letter and no digit", version);
	return 0;
}

/* V5 */
int
dbmig_package_check(dbmig_call *call, const char *package)
{
	size_t		length = strlen(package);

	if (length == 0)
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "package must not be empty");
	if (length > MAX_BYTES)
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "package is %zu bytes long, at most %d are allowed",
						  length, MAX_BYTES);
	if (dbmig_has_control(package, length))
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "package has a control character");
	if (strchr(package, '@') != NULL)
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "package \"%s\" must not have \"@\" in its name",
						  package);
	return 0;
}

/*
 * One run of a version from *at on, separators skipped; leading zeros of a
 * number are left out.  Gives false at the end.
 */
static bool
next_run(const char **at, const char **run, size_t *length, bool *number)
{
	const char *p = *at;

	while (is_separator(*p))
		p++;
	if (*p == '\0')
		return false;
	*number = is_digit(*p);
	if (*number)
	{
		while (*p == '0')
			p++;
		*run = p;
		while (is_digit(*p))
			p++;
	}
	else
	{
		*run = p;
		while (is_letter(*p))
			p++;
	}
	*length = (size_t) (p - *run);
	*at = p;
	return true;
}

char *
dbmig_version_key(dbmig_call *call, const char *version)
{
	dbmig_buffer key = {0};
	const char *at = version;
	const char *run;
	size_t		length;
	bool		number;

	if (dbmig_version_repeats(version))
		return dbmig_printf(call, "~%s", version + strlen(DBMIG_REPEATABLE));
	while (next_run(&at, &run, &length, &number))
	{
		if (number && dbmig_append_format(call, &key, "%03d", (int) length) != 0)
			return NULL;
		if (dbmig_append_bytes(call, &key, run, length) != 0 ||
			(!number && dbmig_append_text(call, &key, "!") != 0))
			return NULL;
	}
	return key.text;
}

/* V2, V3, V6: below, at or above 0 as strcmp.  Both must be versions. */
int
dbmig_version_compare(const char *a, const char *b)
{
	bool		repeats = dbmig_version_repeats(a);

	if (repeats != dbmig_version_repeats(b))
		return repeats ? 1 : -1;
	if (repeats)
		return strcmp(a, b);
	for (;;)
	{
		const char *run_a,
				   *run_b;
		size_t		length_a,
					length_b;
		bool		number_a,
					number_b;
		bool		more_a = next_run(&a, &run_a, &length_a, &number_a);
		bool		more_b = next_run(&b, &run_b, &length_b, &number_b);
		int			order;

		if (!more_a || !more_b)
			return (int) more_a - (int) more_b;
		if (number_a != number_b)
			return number_a ? -1 : 1;
		if (number_a && length_a != length_b)
			return length_a < length_b ? -1 : 1;
		order = memcmp(run_a, run_b, length_a < length_b ? length_a : length_b);
		if (order != 0)
			return order;
		if (length_a != length_b)
			return length_a < length_b ? -1 : 1;
	}
}

/* One more than a version that is a whole number, or NULL. */
char *
dbmig_version_next(dbmig_call *call, const char *version)
{
	size_t		length = strlen(version);
	char	   *next;
	size_t		i;

	for (i = 0; i < length; i++)
		if (!is_digit(version[i]))
		{
			dbmig_fail(call, DBMIG_NOT_READY,
					   "Register the migration with a version of its own.",
					   "last version \"%s\" is not a whole number", version);
			return NULL;
		}
	next = dbmig_alloc(call, length + 2);
	if (next == NULL)
		return NULL;
	next[0] = '0';
	memcpy(next + 1, version, length);
	for (i = length; next[i] == '9'; i--)
		next[i] = '0';
	next[i]++;
	while (next[0] == '0')
		next++;
	return next;
}

/* An item is "package" or "package@version"; version is "" for the former. */
int
dbmig_item_parse(dbmig_call *call, const char *text, dbmig_item *item)
{
	const char *at = strchr(text, '@');

	item->package = text;
	item->version = "";
	if (at != NULL)
	{
		item->package = dbmig_copy(call, text, (size_t) (at - text));
		if (item->package == NULL)
			return -1;
		item->version = at + 1;
		if (dbmig_version_check(call, item->version) != 0)
			return -1;
	}
	return dbmig_package_check(call, item->package);
}
