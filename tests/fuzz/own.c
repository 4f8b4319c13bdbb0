/*
 * own.c
 *		Files of dbmig's own layout.
 */
#include "fuzz.h"

void
fuzz_one(dbmig_call *call, const char *text, size_t length)
{
	dbmig_definition definition;
	bool		is_migration;
	const char *json;

	if (dbmig_format_check_text(call, "1_a_name.sql", text, length) != 0)
	{
		CHECK(call->status != DBMIG_OK);
		return;
	}
	memset(&definition, 0, sizeof(definition));
	if (dbmig_format_own(call, "1_a_name.sql", text, length, &definition, &is_migration) != 0)
	{
		CHECK(call->status != DBMIG_OK);
		return;
	}
	CHECK(is_migration);
	CHECK(strcmp(definition.version, "1") == 0 && strcmp(definition.name, "a name") == 0);
	CHECK(definition.up != NULL && strlen(definition.up) <= length);
	CHECK(definition.up[0] == '\0' || strstr(text, definition.up) != NULL);
	CHECK(definition.down == NULL || strstr(text, definition.down) != NULL);
	json = dbmig_options_text(call, &definition.options);
	CHECK(json != NULL || fuzz_starved(call));
}
