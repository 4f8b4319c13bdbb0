/*
 * conf.c
 *		dbmig.conf: what is read of it has names and values.
 */
#include "fuzz.h"

#include "format.h"

void
fuzz_one(dbmig_call *call, const char *text, size_t length)
{
	const dbmig_placeholder *p;
	dbmig_conf	conf;
	dbmig_file	file;
	const char *json;
	dbmig_item	item;
	size_t		i;

	memset(&conf, 0, sizeof(conf));
	memset(&file, 0, sizeof(file));
	file.path = DBMIG_CONF;
	dbmig_options_begin(&conf.options);
	if (dbmig_file_text(call, &file, text, length) != 0 ||
		dbmig_conf_read(call, &file, &conf) != 0)
	{
		CHECK(call->status != DBMIG_OK && call->message != NULL);
		return;
	}
	for (p = conf.placeholders; p != NULL; p = p->next)
		CHECK(p->name[0] != '\0' && p->value != NULL);
	for (i = 0; i < conf.options.after_count; i++)
		CHECK(dbmig_item_parse(call, conf.options.after[i], &item) == 0 || fuzz_starved(call));
	json = dbmig_options_text(call, &conf.options);
	CHECK(json != NULL || fuzz_starved(call));
}
