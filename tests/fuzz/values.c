/*
 * values.c
 *		UUIDs and timestamps: what was read is written and read again, the same.
 */
#include "fuzz.h"

void
fuzz_one(dbmig_call *call, const char *text, size_t length)
{
	unsigned char uuid[16];
	unsigned char again[16];
	char		uuid_text[DBMIG_UUID_SIZE];
	char		time_text[DBMIG_TIMESTAMP_SIZE];
	int64_t		microseconds;
	int64_t		back;

	(void) call;
	if (dbmig_uuid_read(text, length, uuid))
	{
		dbmig_uuid_format(uuid, uuid_text);
		CHECK(strlen(uuid_text) == DBMIG_UUID_SIZE - 1);
		CHECK(dbmig_uuid_read(uuid_text, strlen(uuid_text), again));
		CHECK(memcmp(uuid, again, 16) == 0);
	}
	if (dbmig_timestamp_read(text, length, &microseconds) == NULL)
	{
		CHECK(dbmig_timestamp_format(microseconds, time_text));
		CHECK(strlen(time_text) == DBMIG_TIMESTAMP_SIZE - 1);
		CHECK(dbmig_timestamp_read(time_text, strlen(time_text), &back) == NULL);
		CHECK(back == microseconds);
	}

	/* any time at all, and any clock for version 7 */
	if (length >= sizeof(microseconds) + 16)
	{
		int64_t		last = 0;

		memcpy(&microseconds, text, sizeof(microseconds));
		if (dbmig_timestamp_format(microseconds, time_text))
		{
			CHECK(dbmig_timestamp_read(time_text, strlen(time_text), &back) == NULL);
			CHECK(back == microseconds);
		}
		memcpy(uuid, text + sizeof(microseconds), 16);
		memcpy(again, uuid, 16);
		dbmig_uuid7_make(uuid, microseconds % INT64_C(281474976710656000), &last);
		dbmig_uuid7_make(again, 0, &last);
		CHECK(uuid[6] >> 4 == 7 && uuid[8] >> 6 == 2);
		CHECK(memcmp(again, uuid, 16) > 0);
	}
}
