/*
 * register_file.c
 *		dbmig_register_file: migrations from a client that sends a file's text.
 *
 * Where a migration is two files, the up comes first, and the down is added to
 * what is registered; either may come again.  Name and text of the one file
 * have to tell the layout, where the caller does not.
 */
#include "dbmig_core.h"

#include <string.h>

#include "format.h"
#include "internal.h"

static int
fail_name(dbmig_call *call, const char *filename)
{
	return dbmig_fail(call, DBMIG_BAD_VALUE,
					  "Files are named <version>_<name>.sql, the version beginning with a digit.",
					  "\"%s\" is not the name of a migration file", filename);
}

/* A path is taken as the file at its end; Diesel's with the folder it is in. */
static const char *
short_path(const char *path, const dbmig_format *format)
{
	int			slashes = format != NULL && format->family == DBMIG_FAMILY_FOLDER ? 2 : 1;
	const char *at = path + strlen(path);

	while (at > path && (at[-1] != '/' || --slashes > 0))
		at--;
	return at;
}

/* The layout by name and text; NULL after dbmig_fail(). */
static const dbmig_format *
find_format(dbmig_call *call, const char *filename, const dbmig_file *content)
{
	const dbmig_format *format = dbmig_format_of_family(dbmig_family_of(filename));
	int			line;
	const dbmig_format *marked = dbmig_format_marked(content->text, content->length, &line);

	if (format == NULL)
	{
		fail_name(call, filename);
		return NULL;
	}
	if (marked == NULL || marked == format)
		return format;
	if (marked->family == format->family ||
		(marked == &dbmig_format_sqlx && format == &dbmig_format_own) ||
		(marked == &dbmig_format_own && short_path(filename, NULL)[0] == 'R'))
		return marked;
	dbmig_fail(call, DBMIG_BAD_VALUE,
			   "Say which one it is: dbmig_register_file(package, filename, content, format).",
			   "file \"%s\", line %d: a marker of %s in a file with a name of %s",
			   short_path(filename, format), line, marked->name, format->name);
	return NULL;
}

static int
register_file(dbmig_call *call, dbmig_writer *writer, const char *filename,
			  const dbmig_format *format, const dbmig_file *content,
			  dbmig_definition *definition, dbmig_outcome *outcome)
{
	dbmig_file	file;

	if (format->load != NULL)
		return dbmig_fail(call, DBMIG_NOT_SUPPORTED,
						  "dbmig_load reads them with their folder; dbmig_register takes a single script.",
						  "files of %s can only be registered together", format->name);
	if (dbmig_file_name(call, format, short_path(filename, format), &file) != 0)
		return -1;
	file.text = content->text;
	file.length = content->length;
	switch (file.part)
	{
		case DBMIG_PART_NONE:
			return fail_name(call, filename);
		case DBMIG_PART_PROGRAM:
			return dbmig_fail(call, DBMIG_NOT_SUPPORTED,
							  "Register what it does, as a script or a function; then dbmig_load leaves its file alone.",
							  "file \"%s\" is a migration that is not SQL", file.path);
		case DBMIG_PART_SETTINGS:
		case DBMIG_PART_DOWN_SETTINGS:
			return dbmig_fail(call, DBMIG_NOT_SUPPORTED,
							  "dbmig_load reads it with its folder; dbmig_register has options.",
							  "file \"%s\" holds settings of another file", file.path);
		case DBMIG_PART_UP:
		case DBMIG_PART_DOWN:
			break;
	}
	dbmig_file_begin(&file, definition);
	if (dbmig_file_read(call, format, &file, definition) != 0 ||
		dbmig_file_check(call, format, &file, definition) != 0)
		return -1;
	dbmig_file_end(format, definition);
	return format->family == DBMIG_FAMILY_PLAIN ?
		dbmig_define(call, writer, definition, outcome) :
		dbmig_define_part(call, writer, definition, outcome);
}

static int
register_conf(dbmig_call *call, dbmig_writer *writer, const char *package,
			  const dbmig_file *content, dbmig_outcome *outcome)
{
	dbmig_conf	conf = {0};
	bool		changed;

	dbmig_options_begin(&conf.options);
	if (dbmig_conf_read(call, content, &conf) != 0 ||
		dbmig_conf_apply(call, writer, package, &conf, &changed) != 0)
		return -1;
	*outcome = changed ? DBMIG_REGISTERED : DBMIG_UNCHANGED;
	return 0;
}

int
dbmig_do_register_file(dbmig_call *call, int nargs, const dbmig_value *args,
					   dbmig_value *result)
{
	const dbmig_format *format = NULL;
	dbmig_definition definition = {0};
	dbmig_writer writer = {0};
	dbmig_outcome outcome = DBMIG_UNCHANGED;
	dbmig_file	content = {0};
	const char *filename;
	const char *text;
	const char *name;
	int			failed;

	if (dbmig_arg_package(call, nargs, args, 0, true, &definition.package) != 0 ||
		dbmig_arg_text(call, nargs, args, 1, "filename", true, &filename) != 0 ||
		dbmig_arg_text(call, nargs, args, 2, "content", true, &text) != 0 ||
		dbmig_arg_text(call, nargs, args, 3, "format", false, &name) != 0)
		return -1;

	/* the engine has checked its characters */
	content.path = short_path(filename, NULL);
	content.text = strncmp(text, DBMIG_BOM, 3) == 0 ? text + 3 : text;
	content.length = strlen(content.text);
	if (strcmp(content.path, DBMIG_CONF) == 0)
		failed = register_conf(call, &writer, definition.package, &content, &outcome);
	else
	{
		format = name != NULL ? dbmig_format_find(call, name) :
			find_format(call, filename, &content);
		if (format == NULL)
			return -1;
		failed = register_file(call, &writer, filename, format, &content,
							   &definition, &outcome);
	}
	if (dbmig_writer_end(call, &writer, failed) != 0)
		return -1;
	*result = dbmig_text(dbmig_outcome_text(outcome));
	return 0;
}
