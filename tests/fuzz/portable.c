/*
 * portable.c
 *		Portable text: what is put in, and where it comes from.
 */
#include "fuzz.h"

static size_t
count_of(const char *text, size_t length, char c)
{
	size_t		found = 0;
	size_t		i;

	for (i = 0; i < length; i++)
		found += text[i] == c;
	return found;
}

void
fuzz_one(dbmig_call *call, const char *text, size_t length)
{
	dbmig_buffer made = {0};
	size_t		wrong_at;
	size_t		before = 0;
	size_t		i;

	if (dbmig_portable_expand(call, text, length, &made, &wrong_at) != 0)
	{
		CHECK(fuzz_starved(call) || call->status == DBMIG_BAD_VALUE);
		CHECK(fuzz_starved(call) ||
			  (wrong_at + 2 <= length && memcmp(text + wrong_at, "${", 2) == 0));
		return;
	}
	CHECK(made.text[made.length] == '\0');

	/* lines stay what they were */
	CHECK(count_of(made.text, made.length, '\n') == count_of(text, length, '\n'));

	/* each byte has an origin, in order, and is that one where it is text */
	for (i = 0; i <= made.length; i++)
	{
		size_t		origin = dbmig_portable_origin(fuzz_engine(), text, length, i);

		CHECK(origin >= before && origin <= length);
		CHECK(text[origin] == '$' || text[origin] == made.text[i]);
		before = origin;
		if (i == 200 && made.length > 400)
			i = made.length - 200;
	}
	CHECK(before == length);
}
