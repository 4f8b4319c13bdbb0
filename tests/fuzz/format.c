/*
 * format.c
 *		Files of one layout: -DFUZZ_FORMAT is its name, -DFUZZ_FILE a file's.
 *
 * The file stands as an up and, where there is one, as what goes with it.
 */
#include "fuzz.h"

#include "format.h"

static int
read_as(dbmig_call *call, const dbmig_format *format, const char *path,
		const char *text, size_t length, dbmig_definition *definition)
{
	dbmig_file	file;

	if (dbmig_file_name(call, format, path, &file) != 0)
		return -1;
	CHECK(file.part == DBMIG_PART_UP || file.part == DBMIG_PART_DOWN ||
		  file.part == DBMIG_PART_SETTINGS || file.part == DBMIG_PART_DOWN_SETTINGS);
	if (dbmig_file_text(call, &file, text, length) != 0)
		return -1;
	CHECK(file.length <= length);
	if (definition->version == NULL)
		dbmig_file_begin(&file, definition);
	return dbmig_file_read(call, format, &file, definition);
}

void
fuzz_one(dbmig_call *call, const char *text, size_t length)
{
	static const char *const files[] = {FUZZ_FILES};
	const dbmig_format *format = dbmig_format_find(call, FUZZ_FORMAT);
	const dbmig_format *marked;
	dbmig_definition definition;
	const char *json;
	int			line = 0;
	size_t		i;

	if (format == NULL)
	{
		CHECK(fuzz_starved(call));
		return;
	}
	marked = dbmig_format_marked(text, length, &line);
	CHECK(marked == NULL || line > 0);
	memset(&definition, 0, sizeof(definition));
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (read_as(call, format, files[i], text, length, &definition) != 0)
		{
			CHECK(call->status != DBMIG_OK && call->message != NULL);
			return;
		}
	dbmig_file_end(format, &definition);
	CHECK(definition.version != NULL && definition.up != NULL);
	json = dbmig_options_text(call, &definition.options);
	CHECK(json != NULL || fuzz_starved(call));
}
