/*
 * options.c
 *		Options as JSON: what was read is written and read again, the same.
 */
#include "fuzz.h"

void
fuzz_one(dbmig_call *call, const char *text, size_t length)
{
	dbmig_options options;
	dbmig_options again;
	const char *json;
	const char *same;
	size_t		i;

	dbmig_options_begin(&options);
	if (dbmig_options_parse(call, text, &options) != 0)
	{
		CHECK(call->status != DBMIG_OK);
		return;
	}
	for (i = 0; i < options.after_count; i++)
		CHECK(!dbmig_utf8_valid(text, length) ||
			  dbmig_utf8_valid(options.after[i], strlen(options.after[i])));
	json = dbmig_options_text(call, &options);
	if (json == NULL)
	{
		CHECK(fuzz_starved(call));
		return;
	}
	dbmig_options_begin(&again);
	if (dbmig_options_parse(call, json, &again) != 0)
	{
		CHECK(fuzz_starved(call));
		return;
	}
	same = dbmig_options_text(call, &again);
	CHECK(same != NULL ? strcmp(same, json) == 0 : fuzz_starved(call));
}
