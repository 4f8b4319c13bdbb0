/*
 * values.c
 *		UUIDs and timestamps: functions that are a value's and nothing else.
 *
 * They look at no table and may stand anywhere: in a DEFAULT, a view, a
 * trigger, and those that always give the same in an index or CHECK too.  So
 * they are not calls of the core, which begin and end work of their own.
 */
#include "dbmig_sqlite.h"

#include <string.h>

SQLITE_EXTENSION_INIT3

/* How much of a text is shown, without a part of a character. */
static int
shown(const char *text, size_t length)
{
	if (length <= DBMIG_SHOWN)
		return (int) length;
	length = DBMIG_SHOWN;
	while (length > 0 && ((unsigned char) text[length] & 0xC0) == 0x80)
		length--;
	return (int) length;
}

/* Gives message, with its hint, and frees it. */
static void
fail(sqlite3_context *context, char *message, const char *hint)
{
	char	   *text = message != NULL ?
	sqlite3_mprintf("%s\nHINT:  %s", message, hint) : NULL;

	if (text != NULL)
		sqlite3_result_error(context, text, -1);
	else
		sqlite3_result_error_nomem(context);
	sqlite3_free(message);
	sqlite3_free(text);
}

static void
result_uuid(sqlite3_context *context, const unsigned char *uuid)
{
	sqlite3_result_blob(context, uuid, 16, SQLITE_TRANSIENT);
}

static void
result_timestamp(sqlite3_context *context, int64_t microseconds)
{
	char		text[DBMIG_TIMESTAMP_SIZE];

	if (dbmig_timestamp_format(microseconds, text))
		sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
	else
		sqlite3_result_error(context, "the clock is not in the years 0000 to 9999", -1);
}

static void
make_uuid(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	unsigned char uuid[16];

	(void) argc;
	(void) argv;
	sqlite3_randomness(sizeof(uuid), uuid);
	dbmig_uuid4_make(uuid);
	result_uuid(context, uuid);
}

static void
make_uuid7(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	dbmig_connection *connection = sqlite3_user_data(context);
	unsigned char uuid[16];

	(void) argc;
	(void) argv;
	sqlite3_randomness(sizeof(uuid), uuid);
	dbmig_uuid7_make(uuid, dbmig_clock_us(), &connection->last_uuid7);
	result_uuid(context, uuid);
}

/* The UUID of an argument, bytes or text; false after an error or NULL. */
static bool
read_uuid(sqlite3_context *context, sqlite3_value *value, bool bytes,
		  unsigned char *uuid)
{
	const char *text;
	size_t		length;

	switch (sqlite3_value_type(value))
	{
		case SQLITE_NULL:
			return false;
		case SQLITE_BLOB:
			if (!bytes)
			{
				sqlite3_result_error(context, "a UUID's text is needed, not a BLOB", -1);
				return false;
			}
			if (sqlite3_value_bytes(value) == 16)
			{
				memcpy(uuid, sqlite3_value_blob(value), 16);
				return true;
			}
			fail(context, sqlite3_mprintf("a UUID has 16 bytes, not %d",
										  sqlite3_value_bytes(value)),
				 DBMIG_BAD_UUID_HINT);
			return false;
		default:
			text = (const char *) sqlite3_value_text(value);
			length = (size_t) sqlite3_value_bytes(value);
			if (text == NULL)
				sqlite3_result_error_nomem(context);
			else if (dbmig_uuid_read(text, length, uuid))
				return true;
			else
				fail(context, sqlite3_mprintf(DBMIG_BAD_UUID, shown(text, length), text),
					 DBMIG_BAD_UUID_HINT);
			return false;
	}
}

static void
uuid_text(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	unsigned char uuid[16];
	char		text[DBMIG_UUID_SIZE];

	(void) argc;
	if (!read_uuid(context, argv[0], true, uuid))
		return;
	dbmig_uuid_format(uuid, text);
	sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

static void
uuid_bytes(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	unsigned char uuid[16];

	(void) argc;
	if (read_uuid(context, argv[0], false, uuid))
		result_uuid(context, uuid);
}

static void
now(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	(void) argc;
	(void) argv;
	result_timestamp(context, dbmig_clock_us());
}

static void
timestamp(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	const char *text;
	const char *wrong;
	size_t		length;
	int64_t		microseconds;

	(void) argc;
	if (sqlite3_value_type(argv[0]) == SQLITE_NULL)
		return;
	text = (const char *) sqlite3_value_text(argv[0]);
	length = (size_t) sqlite3_value_bytes(argv[0]);
	if (text == NULL)
	{
		sqlite3_result_error_nomem(context);
		return;
	}
	wrong = dbmig_timestamp_read(text, length, &microseconds);
	if (wrong == NULL)
		result_timestamp(context, microseconds);
	else
		fail(context, sqlite3_mprintf(DBMIG_BAD_TIMESTAMP, shown(text, length), text, wrong),
			 DBMIG_BAD_TIMESTAMP_HINT);
}

static void
release(void *connection)
{
	dbmig_connection_release(connection);
}

int
dbmig_values_register(dbmig_connection *connection)
{
	static const struct
	{
		const char *name;
		int			args;
		int			flags;
		void		(*function) (sqlite3_context *, int, sqlite3_value **);
	}			functions[] =
	{
		{"dbmig_uuid", 0, 0, make_uuid},
		{"dbmig_uuid7", 0, 0, make_uuid7},
		{"dbmig_uuid_text", 1, SQLITE_DETERMINISTIC, uuid_text},
		{"dbmig_uuid_bytes", 1, SQLITE_DETERMINISTIC, uuid_bytes},
		{"dbmig_now", 0, 0, now},
		{"dbmig_timestamp", 1, SQLITE_DETERMINISTIC, timestamp},
		{"dbmig_timestamp_text", 1, SQLITE_DETERMINISTIC, timestamp}
	};
	int			rc = SQLITE_OK;
	size_t		i;

	for (i = 0; rc == SQLITE_OK && i < sizeof(functions) / sizeof(functions[0]); i++)
	{
		connection->references++;	/* given back by release() even where this
									 * fails */
		rc = sqlite3_create_function_v2(connection->db, functions[i].name,
										functions[i].args,
										SQLITE_UTF8 | SQLITE_INNOCUOUS | functions[i].flags,
										connection, functions[i].function,
										NULL, NULL, release);
	}
	return rc;
}
