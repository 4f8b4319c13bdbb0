/*
 * error.c
 *		Errors as values: one allocation each, with all its texts.
 *
 * Without memory there is one error for all, which is never freed.
 */
#include "client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static dbmig_error no_memory =
{
	DBMIG_E_MEMORY, "", 0, "out of memory", NULL, NULL
};

dbmig_error *
dbmig_error_memory(void)
{
	return &no_memory;
}

void
dbmig_error_free(dbmig_error *error)
{
	if (error != &no_memory)
		free(error);
}

static char *
put(char **to, const char *text)
{
	char	   *start = *to;
	size_t		size;

	if (text == NULL)
		return NULL;
	size = strlen(text) + 1;
	memcpy(start, text, size);
	*to += size;
	return start;
}

static size_t
room(const char *text)
{
	return text != NULL ? strlen(text) + 1 : 0;
}

dbmig_error *
dbmig_error_make(dbmig_code code, const char *message, const char *detail,
				 const char *hint)
{
	dbmig_error *error;
	char	   *to;

	if (message == NULL)
		return &no_memory;
	error = malloc(sizeof(*error) + room(message) + room(detail) + room(hint));
	if (error == NULL)
		return &no_memory;
	memset(error, 0, sizeof(*error));
	error->code = code;
	to = (char *) (error + 1);
	error->message = put(&to, message);
	error->detail = put(&to, detail);
	error->hint = put(&to, hint);
	return error;
}

static char *
format_text(const char *format, va_list args)
{
	va_list		again;
	char	   *text;
	int			length;

	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	text = length < 0 ? NULL : malloc((size_t) length + 1);
	if (text != NULL)
		vsnprintf(text, (size_t) length + 1, format, args);
	return text;
}

/* The caller frees it; NULL without memory. */
char *
dbmig_format_text(const char *format,...)
{
	va_list		args;
	char	   *text;

	va_start(args, format);
	text = format_text(format, args);
	va_end(args);
	return text;
}

dbmig_error *
dbmig_error_new(dbmig_code code, const char *format,...)
{
	va_list		args;
	char	   *text;
	dbmig_error *error;

	va_start(args, format);
	text = format_text(format, args);
	va_end(args);
	error = dbmig_error_make(code, text, NULL, NULL);
	free(text);
	return error;
}

dbmig_error *
dbmig_error_hint(dbmig_code code, const char *hint, const char *format,...)
{
	va_list		args;
	char	   *text;
	dbmig_error *error;

	va_start(args, format);
	text = format_text(format, args);
	va_end(args);
	error = dbmig_error_make(code, text, NULL, hint);
	free(text);
	return error;
}

static dbmig_error *
with_codes(dbmig_error *copy, const dbmig_error *error)
{
	if (copy != &no_memory)
	{
		memcpy(copy->sqlstate, error->sqlstate, sizeof(copy->sqlstate));
		copy->sqlite = error->sqlite;
	}
	return copy;
}

dbmig_error *
dbmig_error_copy(const dbmig_error *error)
{
	return with_codes(dbmig_error_make(error->code, error->message,
									   error->detail, error->hint), error);
}

dbmig_error *
dbmig_error_in(dbmig_error *error, const char *format,...)
{
	va_list		args;
	char	   *prefix;
	char	   *text;
	dbmig_error *longer;

	if (error == NULL || error == &no_memory)
		return error;
	va_start(args, format);
	prefix = format_text(format, args);
	va_end(args);
	text = prefix == NULL ? NULL :
		dbmig_format_text("%s: %s", prefix, error->message);
	free(prefix);
	longer = with_codes(dbmig_error_make(error->code, text, error->detail,
										 error->hint), error);
	free(text);
	dbmig_error_free(error);
	return longer;
}

int
dbmig_fail_with(dbmig_conn *conn, dbmig_error *error)
{
	if (error == NULL)
		return 0;
	dbmig_error_free(conn->failed);
	conn->failed = error;
	return -1;
}
