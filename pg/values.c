/*
 * values.c
 *		UUIDs and timestamps: functions that are a value's and nothing else.
 *
 * They look at no table and may stand anywhere: in a DEFAULT, a view, and those
 * that are immutable in an index too.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "compat.h"
#include "dbmig_pg.h"

/* From 1970, as the core counts, to 2000, as the server does */
#define EPOCH_SHIFT ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

static Datum
random_uuid(bool ordered)
{
	static int64_t last = 0;	/* of this session */
	pg_uuid_t  *uuid = palloc(sizeof(pg_uuid_t));

	if (!pg_strong_random(uuid->data, UUID_LEN))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	if (ordered)
		dbmig_uuid7_make(uuid->data, GetCurrentTimestamp() + EPOCH_SHIFT, &last);
	else
		dbmig_uuid4_make(uuid->data);
	return UUIDPGetDatum(uuid);
}

#pragma GCC visibility push(default)

PG_FUNCTION_INFO_V1(dbmig_pg_uuid);
PG_FUNCTION_INFO_V1(dbmig_pg_uuid7);
PG_FUNCTION_INFO_V1(dbmig_pg_uuid_text);
PG_FUNCTION_INFO_V1(dbmig_pg_uuid_bytes);
PG_FUNCTION_INFO_V1(dbmig_pg_now);
PG_FUNCTION_INFO_V1(dbmig_pg_timestamp);
PG_FUNCTION_INFO_V1(dbmig_pg_timestamp_text);

Datum
dbmig_pg_uuid(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	return random_uuid(false);
}

Datum
dbmig_pg_uuid7(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	return random_uuid(true);
}

Datum
dbmig_pg_uuid_text(PG_FUNCTION_ARGS)
{
	char		text[DBMIG_UUID_SIZE];

	dbmig_uuid_format(PG_GETARG_UUID_P(0)->data, text);
	PG_RETURN_TEXT_P(cstring_to_text(text));
}

Datum
dbmig_pg_uuid_bytes(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const char *from = VARDATA_ANY(value);
	int			length = VARSIZE_ANY_EXHDR(value);
	pg_uuid_t  *uuid = palloc(sizeof(pg_uuid_t));

	if (!dbmig_uuid_read(from, length, uuid->data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg(DBMIG_BAD_UUID, pg_mbcliplen(from, length, DBMIG_SHOWN), from),
				 errhint(DBMIG_BAD_UUID_HINT)));
	PG_RETURN_UUID_P(uuid);
}

Datum
dbmig_pg_now(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_TIMESTAMPTZ(GetCurrentTimestamp());
}

Datum
dbmig_pg_timestamp(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const char *from = VARDATA_ANY(value);
	int			length = VARSIZE_ANY_EXHDR(value);
	int64_t		microseconds;
	const char *wrong = dbmig_timestamp_read(from, length, &microseconds);

	if (wrong != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_DATETIME_FORMAT),
				 errmsg(DBMIG_BAD_TIMESTAMP, pg_mbcliplen(from, length, DBMIG_SHOWN),
						from, wrong),
				 errhint(DBMIG_BAD_TIMESTAMP_HINT)));
	PG_RETURN_TIMESTAMPTZ(microseconds - EPOCH_SHIFT);
}

Datum
dbmig_pg_timestamp_text(PG_FUNCTION_ARGS)
{
	TimestampTz timestamp = PG_GETARG_TIMESTAMPTZ(0);
	char		text[DBMIG_TIMESTAMP_SIZE];

	if (TIMESTAMP_NOT_FINITE(timestamp) ||
		timestamp > PG_INT64_MAX - EPOCH_SHIFT ||
		!dbmig_timestamp_format(timestamp + EPOCH_SHIFT, text))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp is not in the years 0000 to 9999")));
	PG_RETURN_TEXT_P(cstring_to_text(text));
}

#pragma GCC visibility pop
