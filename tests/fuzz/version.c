/*
 * version.c
 *		Versions, one a line, three of them: comparing is an order, and the sort
 *		key agrees with it (V2, V3).
 */
#include "fuzz.h"

static int
sign(int order)
{
	return (order > 0) - (order < 0);
}

void
fuzz_one(dbmig_call *call, const char *text, size_t length)
{
	const char *version[3];
	const char *key[3];
	const char *next;
	int			i;
	int			j;

	for (i = 0; i < 3; i++)
	{
		const char *feed = memchr(text, '\n', length);
		size_t		end = feed != NULL ? (size_t) (feed - text) : length;

		version[i] = dbmig_copy(call, text, end);
		if (version[i] == NULL || dbmig_version_check(call, version[i]) != 0)
			return;
		key[i] = dbmig_version_key(call, version[i]);
		if (key[i] == NULL)
		{
			CHECK(fuzz_starved(call));
			return;
		}
		text += end;
		length -= end;
		if (feed != NULL)
		{
			text++;
			length--;
		}
	}
	for (i = 0; i < 3; i++)
		for (j = 0; j < 3; j++)
		{
			int			order = sign(dbmig_version_compare(version[i], version[j]));

			CHECK(order == -sign(dbmig_version_compare(version[j], version[i])));
			CHECK(order == sign(strcmp(key[i], key[j])));
		}

	/* what dbmig_append gives comes behind it */
	next = dbmig_version_next(call, version[0]);
	CHECK(next != NULL ? dbmig_version_compare(next, version[0]) > 0 : call->status != DBMIG_OK);
}
