/*
 * test_values.c
 *		UUIDs, timestamps and portable text: texts that become others.
 */
#include "fake.h"

static void *
lend(dbmig_call *call, size_t size)
{
	(void) call;
	return malloc(size);
}

static void
take_back(dbmig_call *call, void *p)
{
	(void) call;
	free(p);
}

/* RFC 9562, appendix A */
static void
uuid_vectors(void **state)
{
	static const unsigned char bytes[16] = {
		0x91, 0x91, 0x08, 0xf7, 0x52, 0xd1, 0xf3, 0x20,
		0xdb, 0xac, 0xf8, 0x47, 0xdb, 0x41, 0x48, 0xa8
	};
	unsigned char uuid[16];
	unsigned char again[16];
	char		text[DBMIG_UUID_SIZE];
	int64_t		last = 0;

	(void) state;
	memcpy(uuid, bytes, 16);
	dbmig_uuid4_make(uuid);
	dbmig_uuid_format(uuid, text);
	assert_string_equal(text, "919108f7-52d1-4320-9bac-f847db4148a8");
	assert_true(dbmig_uuid_read("919108F7-52D1-4320-9bac-f847db4148a8", 36, again));
	assert_memory_equal(uuid, again, 16);
	assert_true(dbmig_uuid_read("919108f752d143209bacf847db4148a8", 32, again));
	assert_memory_equal(uuid, again, 16);
	memset(uuid, 0xff, 16);
	dbmig_uuid4_make(uuid);
	dbmig_uuid_format(uuid, text);
	assert_string_equal(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");

	/* 22 February 2022, 14:22:22 at UTC-5 */
	memset(uuid, 0xff, 16);
	dbmig_uuid7_make(uuid, INT64_C(1645557742000) * 1000, &last);
	dbmig_uuid_format(uuid, text);
	assert_string_equal(text, "017f22e2-79b0-7000-bfff-ffffffffffff");
}

static void
uuid_refused(void **state)
{
	static const char *const wrong[] = {
		"", "919108f7", "919108f7-52d1-4320-9bac-f847db4148a",
		"919108f7-52d1-4320-9bac-f847db4148a88", "919108f7-52d1-4320-9bac-f847db4148ag",
		"919108f752d1-4320-9bac-f847-db4148a8", "919108f7-52d1-4320-9bac f847db4148a8",
		"{919108f7-52d1-4320-9bac-f847db4148a8}", "919108f7-52d143209bacf847db4148a8",
		"------------------------------------"
	};
	unsigned char uuid[16];
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(dbmig_uuid_read(wrong[i], strlen(wrong[i]), uuid));
}

/* Whatever the clock does, the next one is greater. */
static void
uuid7_grows(void **state)
{
	static const int64_t clock[] = {
		1, 1, 1000, 1000, 1001, 1999, 2000, 5, -1, 0, 2000, 3000000, 1645557742000000,
		1645557742000000, 1645557741000000, 1645557742000001, 1645557742000999
	};
	unsigned char before[16] = {0};
	unsigned char uuid[16];
	int64_t		last = 0;
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(clock) / sizeof(clock[0]); i++)
	{
		/* what is random counts against it */
		memset(uuid, (int) (255 - i), 16);
		dbmig_uuid7_make(uuid, clock[i], &last);
		assert_true(memcmp(uuid, before, 16) > 0);
		assert_int_equal(uuid[6] >> 4, 7);
		assert_int_equal(uuid[8] >> 6, 2);
		memcpy(before, uuid, 16);
	}
	for (i = 0; i < 10000; i++)
	{
		memset(uuid, (int) (255 - i % 256), 16);
		dbmig_uuid7_make(uuid, 1645557742000000, &last);
		assert_true(memcmp(uuid, before, 16) > 0);
		memcpy(before, uuid, 16);
	}
}

static void
expect_time(const char *text, const char *expected)
{
	char		made[DBMIG_TIMESTAMP_SIZE];
	int64_t		microseconds;
	const char *wrong = dbmig_timestamp_read(text, strlen(text), &microseconds);

	if (wrong == NULL)
	{
		assert_true(dbmig_timestamp_format(microseconds, made));
		assert_int_equal(strlen(made), DBMIG_TIMESTAMP_SIZE - 1);
		wrong = made;
	}
	assert_string_equal(wrong, expected);
}

/* RFC 3339, section 5.8, and the edges; sql/values.sql has what is refused */
static void
timestamps(void **state)
{
	char		text[DBMIG_TIMESTAMP_SIZE];
	int64_t		microseconds;

	(void) state;
	expect_time("1985-04-12T23:20:50.52Z", "1985-04-12T23:20:50.520000Z");
	expect_time("1996-12-19T16:39:57-08:00", "1996-12-20T00:39:57.000000Z");
	expect_time("1990-12-31T23:59:60Z", "1991-01-01T00:00:00.000000Z");
	expect_time("1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00.000000Z");
	expect_time("1937-01-01T12:00:27.87+00:20", "1937-01-01T11:40:27.870000Z");
	expect_time("1970-01-01t00:00:00z", "1970-01-01T00:00:00.000000Z");
	expect_time("0000-01-01T00:00:60+00:01",
				"0000-01-01T00:00:00.000000Z");
	expect_time("9999-12-31T23:59:60Z", "in UTC it is not in the years 0000 to 9999");
	assert_null(dbmig_timestamp_read("1970-01-01T00:00:00.000001Z", 27, &microseconds));
	assert_int_equal(microseconds, 1);
	assert_null(dbmig_timestamp_read("2000-03-01T00:00:00Z", 20, &microseconds));
	assert_true(microseconds == INT64_C(951868800) * 1000000);

	/* the length counts, not a NUL */
	assert_non_null(dbmig_timestamp_read("2000-03-01T00:00:00Z", 19, &microseconds));
	assert_false(dbmig_timestamp_format(INT64_MIN, text));
	assert_false(dbmig_timestamp_format(INT64_MAX, text));
}

/* Each day of 800 years, counted by hand, and its text read again */
static void
every_day(void **state)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t		day = INT64_C(86400) * 1000000;
	int64_t		at;
	int64_t		back;
	int			year = 1970;
	int			month = 1;
	int			date = 1;
	char		text[DBMIG_TIMESTAMP_SIZE];
	char		expected[64];

	(void) state;
	for (at = 0; year < 2770; at += day)
	{
		snprintf(expected, sizeof(expected), "%04d-%02d-%02dT23:59:59.999999Z",
				 year, month, date);
		assert_true(dbmig_timestamp_format(at + day - 1, text));
		assert_string_equal(text, expected);
		assert_null(dbmig_timestamp_read(text, strlen(text), &back));
		assert_true(back == at + day - 1);
		if (++date > lengths[month - 1] +
			(month == 2 && (year % 400 == 0 || (year % 4 == 0 && year % 100 != 0))))
		{
			date = 1;
			month = month % 12 + 1;
			year += month == 1;
		}
	}

	/* the calendar repeats after 400 years */
	for (year = 0; year < 9600; year++)
	{
		snprintf(expected, sizeof(expected), "%04d-03-01T00:00:00Z", year);
		assert_null(dbmig_timestamp_read(expected, strlen(expected), &at));
		snprintf(expected, sizeof(expected), "%04d-03-01T00:00:00Z", year + 400);
		assert_null(dbmig_timestamp_read(expected, strlen(expected), &back));
		assert_true(back - at == 146097 * day);
	}
}

static void
expect_portable(const char *engine, const char *text, const char *expected)
{
	dbmig_host	host;
	dbmig_call	call;
	dbmig_buffer made = {0};
	size_t		wrong_at;
	size_t		i;
	size_t		origin = 0;

	memset(&host, 0, sizeof(host));
	host.engine = engine;
	host.alloc = lend;
	host.free = take_back;
	dbmig_call_begin(&call, &host, NULL);
	if (dbmig_portable_expand(&call, text, strlen(text), &made, &wrong_at) != 0)
	{
		char		message[200];

		snprintf(message, sizeof(message), "%d: %s", (int) wrong_at, call.message);
		assert_string_equal(message, expected);
	}
	else
	{
		assert_string_equal(made.text, expected);

		/* each byte comes from somewhere, in order, and the end from the end */
		for (i = 0; i <= made.length; i++)
		{
			size_t		next = dbmig_portable_origin(engine, text, strlen(text), i);

			assert_true(next >= origin && next <= strlen(text));
			if (text[next] != '$')
				assert_int_equal(text[next], made.text[i]);
			origin = next;
		}
		assert_int_equal(origin, strlen(text));
	}
	dbmig_call_end(&call);
}

static void
portable(void **state)
{
	(void) state;
	expect_portable("postgres", "a ${uuid}, ${timestamp}, ${bool}, ${binary}, ${json}, ${serial}",
					"a uuid, timestamptz, boolean, bytea, jsonb, bigint GENERATED BY DEFAULT AS IDENTITY");
	expect_portable("sqlite", "a ${uuid}, ${timestamp}, ${bool}, ${binary}, ${json}, ${serial}",
					"a BLOB, TEXT, INTEGER, BLOB, TEXT, INTEGER");
	expect_portable("postgres", "${true} ${false} ${now} ${new_uuid}",
					"true false now() gen_random_uuid()");
	expect_portable("sqlite", "${true} ${false} ${now}",
					"1 0 (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))");
	expect_portable("postgres", "${binary:00fF}${uuid:919108F752D143209BACF847DB4148A8}",
					"'\\x00fF'::bytea'919108f7-52d1-4320-9bac-f847db4148a8'::uuid");
	expect_portable("sqlite", "${binary:}${uuid:919108F7-52D1-4320-9BAC-F847DB4148A8}",
					"X''X'919108f752d143209bacf847db4148a8'");
	expect_portable("postgres", "${timestamp:2026-11-22T10:14:00+02:00}",
					"'2026-11-22T08:14:00.000000Z'::timestamptz");
	expect_portable("sqlite", "${timestamp:2026-11-22T10:14:00+02:00}",
					"'2026-11-22T08:14:00.000000Z'");

	/* dollars that are none of it */
	expect_portable("sqlite", "", "");
	expect_portable("sqlite", "$", "$");
	expect_portable("sqlite", "$$", "$$");
	expect_portable("sqlite", "$1 $$a$$ $x$ { } $ {", "$1 $$a$$ $x$ { } $ {");
	expect_portable("sqlite", "$${uuid} $${", "${uuid} ${");
	expect_portable("sqlite", "$$${true}", "$${true}");
	expect_portable("sqlite", "$$$${true}", "$$${true}");
	expect_portable("sqlite", "$ ${true}$${${false}$", "$ 1${0$");

	expect_portable("sqlite", "ab ${", "3: \"${\" has no closing brace");
	expect_portable("sqlite", "${true} ${x}", "8: \"${x}\" is not a placeholder");
	expect_portable("sqlite", "${tru}", "0: \"${tru}\" is not a placeholder");
	expect_portable("sqlite", "${True}", "0: \"${True}\" is not a placeholder");
	expect_portable("sqlite", "${true:}", "0: \"${true:}\" takes no value");
	expect_portable("sqlite", "${true\n}", "0: \"${true\" has no closing brace");
	expect_portable("sqlite", "${binary:0}", "0: \"${binary:0}\" is not hex, two digits a byte");
	expect_portable("sqlite", "${uuid:}", "0: \"${uuid:}\" is not a UUID");
}

/* A script of many placeholders takes time in proportion, and no more. */
static void
portable_long(void **state)
{
	dbmig_host	host;
	dbmig_call	call;
	dbmig_buffer text = {0};
	dbmig_buffer made = {0};
	size_t		wrong_at;
	int			i;

	(void) state;
	memset(&host, 0, sizeof(host));
	host.engine = "sqlite";
	host.alloc = lend;
	host.free = take_back;
	dbmig_call_begin(&call, &host, NULL);
	for (i = 0; i < 200000; i++)
		assert_int_equal(dbmig_append_text(&call, &text, "$ ${uuid} $"), 0);
	assert_int_equal(dbmig_portable_expand(&call, text.text, text.length, &made, &wrong_at), 0);
	assert_int_equal(made.length, 200000 * 8);
	dbmig_call_end(&call);
}

/* The step that runs has the engine's own; what is registered stays. */
static void
portable_step(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	assert_string_equal(fake_call(db, "dbmig_register", "p", "1", "a ${bool}", "b ${true}", "",
								  "{\"portable\": true}", NULL), "registered");
	assert_string_equal(fake_call(db, "dbmig_register", "p", "2", "c ${bool}", "d ${true}", "",
								  "{\"portable\": false}", NULL), "registered");
	assert_string_equal(fake_call(db, "dbmig_register", "p", "3", "vacuum${x}", "", "",
								  "{\"portable\": true}", NULL),
						"ERROR: migration \"p@3\", line 1, column 7: \"${x}\" is not a placeholder");
	assert_string_equal(fake_call(db, "dbmig_apply", NULL), "2");
	assert_string_equal(db->now.effects, "a INTEGER;c ${bool};");
	assert_string_equal(db->now.migrations[0].up, "a ${bool}");
	assert_string_equal(db->now.migrations[0].options, "{\"portable\": true}");
	assert_string_equal(fake_call(db, "dbmig_rollback_all", "p", NULL), "2");
	assert_string_equal(db->now.effects, "a INTEGER;c ${bool};d ${true};b 1;");
	free(db);
}

/* Whatever fails on the way, nothing of a portable step is left, or all of it. */
static void
portable_faults(void **state)
{
	int			jumps;
	int			fail_at;

	(void) state;
	for (jumps = 0; jumps < 2; jumps++)
		for (fail_at = 1;; fail_at++)
		{
			fake	   *db = fake_new();
			const char *answer;

			db->jumps = jumps;
			fake_call(db, "dbmig_register", "p", "1", "a ${bool}", "b ${true}", "",
					  "{\"portable\": true}", NULL);
			db->fail_at = fail_at;
			answer = fake_call(db, "dbmig_apply", NULL);
			if (strcmp(answer, "1") == 0)
			{
				assert_string_equal(db->now.effects, "a INTEGER;");
				assert_true(fail_at > 5);
				free(db);
				break;
			}
			assert_non_null(strstr(answer, "ERROR"));
			assert_string_equal(db->now.effects, "");
			free(db);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uuid_vectors),
		cmocka_unit_test(uuid_refused),
		cmocka_unit_test(uuid7_grows),
		cmocka_unit_test(timestamps),
		cmocka_unit_test(every_day),
		cmocka_unit_test(portable),
		cmocka_unit_test(portable_long),
		cmocka_unit_test(portable_step),
		cmocka_unit_test(portable_faults)
	};

	return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}
