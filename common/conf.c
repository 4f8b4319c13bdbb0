/*
 * conf.c
 *		dbmig.conf: what holds for all of a package.
 *
 * Lines "key = value"; what follows # at the beginning of a line is a comment.
 * It may lie in a folder of any layout.
 */
#include "dbmig_core.h"

#include <string.h>

#include "format.h"
#include "internal.h"

#define PLACEHOLDER "placeholder."

static int
add_placeholder(dbmig_call *call, dbmig_conf *conf, const char *name,
				const char *value)
{
	dbmig_placeholder *placeholder = dbmig_alloc(call, sizeof(*placeholder));

	if (placeholder == NULL)
		return -1;
	placeholder->name = name;
	placeholder->value = value;
	placeholder->next = conf->placeholders;
	conf->placeholders = placeholder;
	return 0;
}

static const char *
trim(dbmig_call *call, const char *begin, const char *end)
{
	while (begin < end && (*begin == ' ' || *begin == '\t'))
		begin++;
	while (end > begin && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return dbmig_copy(call, begin, (size_t) (end - begin));
}

static int
read_key(dbmig_call *call, const char *key, const char *value, dbmig_conf *conf)
{
	size_t		length = strlen(PLACEHOLDER);

	if (strncmp(key, PLACEHOLDER, length) == 0 && key[length] != '\0')
		return add_placeholder(call, conf, key + length, value);
	if (value[0] == '\0')
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL, "\"%s\" has no value", key);
	if (strcmp(key, "after") == 0)
		return dbmig_options_after_list(call, &conf->options, value);
	if (dbmig_options_of_package(key))
	{
		conf->of_package = true;
		return dbmig_options_set(call, &conf->options, key, value);
	}
	return dbmig_fail(call, DBMIG_BAD_VALUE,
					  "The keys are after, role, search_path, lock_timeout, retries and placeholder.NAME.",
					  "unknown key \"%s\"", key);
}

int
dbmig_conf_read(dbmig_call *call, const dbmig_file *file, dbmig_conf *conf)
{
	dbmig_lines lines;

	dbmig_lines_begin(&lines, file->text, file->length);
	while (dbmig_lines_next(&lines))
	{
		const char *equals = memchr(lines.line, '=', (size_t) (lines.stop - lines.line));
		const char *key = trim(call, lines.line, equals != NULL ? equals : lines.stop);
		const char *value = equals == NULL ? "" : trim(call, equals + 1, lines.stop);

		if (key == NULL || value == NULL)
			return -1;
		if (equals == NULL && (key[0] == '\0' || key[0] == '#'))
			continue;
		if (key[0] == '#')
			continue;
		if (equals == NULL)
			return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
							  "file \"%s\", line %d: no line \"key = value\"",
							  file->path, lines.number);
		if (read_key(call, key, value, conf) != 0)
			return dbmig_fail_in(call, "file \"%s\", line %d", file->path, lines.number);
	}
	return 0;
}

int
dbmig_conf_apply(dbmig_call *call, dbmig_writer *writer, const char *package,
				 const dbmig_conf *conf, bool *changed)
{
	size_t		i;

	*changed = false;
	if (conf->of_package &&
		dbmig_package_change(call, writer, package, &conf->options, changed) != 0)
		return -1;
	for (i = 0; i < conf->options.after_count; i++)
	{
		dbmig_item	item = {NULL, ""};
		dbmig_item	after;
		bool		added;

		item.package = package;
		if (dbmig_item_parse(call, conf->options.after[i], &after) != 0 ||
			dbmig_depend(call, writer, &item, after, &added) != 0)
			return -1;
		*changed |= added;
	}
	return 0;
}
