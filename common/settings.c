/*
 * settings.c
 *		dbmig_set: the settings of a connection.
 */
#include "dbmig_core.h"

#include <stdlib.h>
#include <string.h>

#include "internal.h"

static int
check_choice(dbmig_call *call, const char *name, const char *value,
			 const char *one, const char *other)
{
	if (strcmp(value, one) == 0 || strcmp(value, other) == 0)
		return 0;
	return dbmig_fail(call, DBMIG_BAD_VALUE,
					  dbmig_printf(call, "The values are %s and %s.", one, other),
					  "setting \"%s\" cannot be \"%s\"", name, value);
}

/* A number such as 60 or 0.5; strtod alone would take more. */
bool
dbmig_seconds_read(const char *text, double *seconds)
{
	size_t		length = strlen(text);

	if (length == 0 || length > 20 || strspn(text, "0123456789.") != length ||
		strspn(text, ".") == length || strchr(text, '.') != strrchr(text, '.'))
		return false;
	*seconds = strtod(text, NULL);
	return true;
}

static int
check_seconds(dbmig_call *call, const char *name, const char *value)
{
	double		seconds;

	if (dbmig_seconds_read(value, &seconds) && seconds <= DBMIG_LOCK_TIMEOUT_MAX)
		return 0;
	return dbmig_fail(call, DBMIG_BAD_VALUE,
					  "It is a number of seconds, 0 to 2147483; 0 does not wait.",
					  "setting \"%s\" cannot be \"%s\"", name, value);
}

static int
check_retries(dbmig_call *call, const char *name, const char *value)
{
	int			retries;

	if (dbmig_retries_read(value, &retries))
		return 0;
	return dbmig_fail(call, DBMIG_BAD_VALUE, "It is a whole number, 0 to 1000.",
					  "setting \"%s\" cannot be \"%s\"", name, value);
}

int
dbmig_do_set(dbmig_call *call, int nargs, const dbmig_value *args,
			 dbmig_value *result)
{
	const char *name;
	const char *value;
	int			failed;

	if (dbmig_arg_text(call, nargs, args, 0, "name", true, &name) != 0 ||
		dbmig_arg_text(call, nargs, args, 1, "value", true, &value) != 0)
		return -1;
	if (strcmp(name, "lock_timeout") == 0)
		failed = check_seconds(call, name, value);
	else if (strcmp(name, "retries") == 0)
		failed = check_retries(call, name, value);
	else if (strcmp(name, "out_of_order") == 0)
		failed = check_choice(call, name, value, "refuse", "apply");
	else if (strcmp(name, "changed") == 0)
		failed = check_choice(call, name, value, "refuse", "accept");
	else if (strcmp(name, "progress") == 0)
		failed = value[0] != '\0' ? 0 : check_choice(call, name, value, "on", "off");
	else if (strcmp(name, "client_host") == 0 && call->host->has_clients)
		failed = 0;
	else
		failed = dbmig_fail(call, DBMIG_UNKNOWN,
							"The settings are lock_timeout, retries, out_of_order, changed and progress; in PostgreSQL also client_host.",
							"unknown setting \"%s\"", name);
	if (failed != 0 || call->host->set(call, name, value) != 0)
		return -1;
	*result = dbmig_text(value);
	return 0;
}
