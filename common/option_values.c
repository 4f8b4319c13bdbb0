/*
 * option_values.c
 *		What the values of options may be, wherever they are written: as JSON,
 *		in a marker, in a file of a package.
 */
#include "dbmig_core.h"

#include <string.h>

#include "internal.h"

#define ROLE_MAX_BYTES 255

/*
 * A number such as 5 or 0.25, in milliseconds; what is less than one counts as
 * one.  Not by strtod(), which asks the locale.
 */
static bool
read_milliseconds(const char *text, int64_t *milliseconds)
{
	int64_t		value = 0;
	int			unit = 1000;
	bool		more = false;

	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
	{
		value = value * 10 + (*text - '0');
		if (value > (int64_t) DBMIG_LOCK_TIMEOUT_MAX)
			return false;
	}
	value *= 1000;
	if (*text == '.')
	{
		text++;
		if (*text < '0' || *text > '9')
			return false;
		for (; *text >= '0' && *text <= '9'; text++)
		{
			unit /= 10;
			value += unit * (*text - '0');
			more |= unit == 0 && *text != '0';
		}
	}
	*milliseconds = value + more;
	return *text == '\0' && *milliseconds <= (int64_t) DBMIG_LOCK_TIMEOUT_MAX * 1000;
}

bool
dbmig_retries_read(const char *text, int *retries)
{
	size_t		length = strlen(text);
	int			value = 0;

	if (length == 0 || length > 4 || strspn(text, "0123456789") != length)
		return false;
	for (; *text != '\0'; text++)
		value = value * 10 + (*text - '0');
	*retries = value;
	return value <= DBMIG_RETRIES_MAX;
}

static int
check_role(dbmig_call *call, const char *role)
{
	size_t		length = strlen(role);

	if (length == 0)
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL, "role must not be empty");
	if (length > ROLE_MAX_BYTES)
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "role is %zu bytes long, at most %d are allowed",
						  length, ROLE_MAX_BYTES);
	if (dbmig_has_control(role, length))
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "role has a control character");
	return 0;
}

static bool
starts_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
		(unsigned char) c >= 0x80;
}

/* Behind the name at p, quoted or not, or NULL. */
static const char *
skip_name(const char *p)
{
	if (*p == '"')
	{
		const char *first = ++p;

		for (;; p++)
		{
			if (*p == '\0')
				return NULL;
			if (*p != '"')
				continue;
			if (p[1] != '"')
				return p > first ? p + 1 : NULL;
			p++;
		}
	}
	if (!starts_name(*p))
		return NULL;
	while (starts_name(*p) || (*p >= '0' && *p <= '9') || *p == '$')
		p++;
	return p;
}

/*
 * Names of schemas, as SQL writes them, with commas between them; an empty
 * text is a path without schemas.
 */
static int
check_search_path(dbmig_call *call, const char *path)
{
	const char *p = path + strspn(path, " ");

	if (dbmig_has_control(path, strlen(path)))
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "search_path has a control character");
	if (*p == '\0')
		return 0;
	for (;;)
	{
		p = skip_name(p);
		if (p == NULL)
			break;
		p += strspn(p, " ");
		if (*p == '\0')
			return 0;
		if (*p++ != ',')
			break;
		p += strspn(p, " ");
	}
	return dbmig_fail(call, DBMIG_BAD_VALUE,
					  "It is a list of schemas such as app, public; a name with other characters than letters, digits and _ stands in double quotes.",
					  "search_path cannot be \"%s\"", path);
}

int
dbmig_options_set(dbmig_call *call, dbmig_options *options, const char *name,
				  const char *value)
{
	if (strcmp(name, "role") == 0)
	{
		options->role = value;
		return check_role(call, value);
	}
	if (strcmp(name, "search_path") == 0)
	{
		options->search_path = value;
		return check_search_path(call, value);
	}
	if (strcmp(name, "lock_timeout") == 0)
		return read_milliseconds(value, &options->lock_timeout) ? 0 :
			dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
					   "option \"lock_timeout\" must be a number of seconds, 0 to %d",
					   (int) DBMIG_LOCK_TIMEOUT_MAX);
	if (strcmp(name, "retries") == 0)
		return dbmig_retries_read(value, &options->retries) ? 0 :
			dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
					   "option \"retries\" must be a whole number, 0 to %d",
					   DBMIG_RETRIES_MAX);
	return dbmig_fail(call, DBMIG_BAD_VALUE, NULL, "unknown option \"%s\"", name);
}

bool
dbmig_options_of_package(const char *name)
{
	return strcmp(name, "role") == 0 || strcmp(name, "search_path") == 0 ||
		strcmp(name, "lock_timeout") == 0 || strcmp(name, "retries") == 0;
}

void
dbmig_options_inherit(dbmig_options *options, const dbmig_options *package)
{
	if (options->role == NULL)
		options->role = package->role;
	if (options->search_path == NULL)
		options->search_path = package->search_path;
	if (options->lock_timeout < 0)
		options->lock_timeout = package->lock_timeout;
	if (options->retries < 0)
		options->retries = package->retries;
}
