/*
 * test_text.c
 *		What the core decides from texts alone: versions, checksums, options,
 *		files.
 */
#include "fake.h"

#define IS(expected, ...) assert_string_equal(fake_call(db, __VA_ARGS__, NULL), expected)

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

/* Memory is all that these need of a host. */
static const dbmig_host *
memory_host(void)
{
	static dbmig_host host;

	host.engine = "sqlite";
	host.alloc = lend;
	host.free = take_back;
	return &host;
}

/* V2, V3: each is below the next; keys compare as the versions do */
static void
versions_in_order(void **state)
{
	static const char *const order[] = {
		"0", "0.0", "1", "1.0", "1.2", "1.2.0", "1.2a", "1.2b.1", "1.10", "1a", "1ab",
		"2", "10", "99", "100", "20240101", "20240101120000",
		"18446744073709551616", "99999999999999999999999999999999",
		"A", "Z", "a", "a1", "a2", "a10", "aa", "b", "beta", "beta2", "z"
	};
	const size_t count = sizeof(order) / sizeof(order[0]);
	dbmig_call	call;
	size_t		i;
	size_t		j;

	(void) state;
	dbmig_call_begin(&call, memory_host(), NULL);
	for (i = 0; i < count; i++)
	{
		assert_int_equal(dbmig_version_check(&call, order[i]), 0);
		for (j = 0; j < count; j++)
		{
			int			expected = i < j ? -1 : i > j;
			int			order_of = dbmig_version_compare(order[i], order[j]);
			int			keys = strcmp(dbmig_version_key(&call, order[i]),
									  dbmig_version_key(&call, order[j]));

			assert_int_equal((order_of > 0) - (order_of < 0), expected);
			assert_int_equal((keys > 0) - (keys < 0), expected);
		}
	}
	dbmig_call_end(&call);
}

/* V4 */
static void
versions_the_same(void **state)
{
	static const char *const same[][2] = {
		{"1", "01"}, {"1.2", "1-2"}, {"1.2", "1_2"}, {"1a", "1.a"}, {"1", "1."},
		{"0", "000"}, {"v1", "v.1"}, {"-1", "1"}
	};
	dbmig_call	call;
	size_t		i;

	(void) state;
	dbmig_call_begin(&call, memory_host(), NULL);
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++)
	{
		assert_int_equal(dbmig_version_compare(same[i][0], same[i][1]), 0);
		assert_string_equal(dbmig_version_key(&call, same[i][0]),
							dbmig_version_key(&call, same[i][1]));
	}
	dbmig_call_end(&call);
}

/* Any two random versions: the key agrees with the comparison. */
static void
keys_agree(void **state)
{
	static const char letters[] = "0019aAbz._-";
	dbmig_call	call;
	unsigned int seed = 12345;
	int			i;

	(void) state;
	for (i = 0; i < 20000; i++)
	{
		char		text[2][12];
		int			side;
		int			order;
		int			keys;

		dbmig_call_begin(&call, memory_host(), NULL);
		for (side = 0; side < 2; side++)
		{
			size_t		length;
			size_t		at;

			seed = seed * 1103515245u + 12345u;
			length = 1 + (seed >> 16) % 10;
			for (at = 0; at < length; at++)
			{
				seed = seed * 1103515245u + 12345u;
				text[side][at] = letters[(seed >> 16) % (sizeof(letters) - 1)];
			}
			text[side][length] = '\0';
		}
		if (dbmig_version_check(&call, text[0]) == 0 &&
			dbmig_version_check(&call, text[1]) == 0)
		{
			order = dbmig_version_compare(text[0], text[1]);
			keys = strcmp(dbmig_version_key(&call, text[0]),
						  dbmig_version_key(&call, text[1]));
			assert_int_equal((order > 0) - (order < 0), (keys > 0) - (keys < 0));
		}
		dbmig_call_end(&call);
	}
}

/* C1, with the vectors of FIPS 180-4 */
static void
checksums(void **state)
{
	static const char *const vectors[][2] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"}
	};
	char		hex[DBMIG_CHECKSUM_SIZE];
	char		other[DBMIG_CHECKSUM_SIZE];
	char	   *million = malloc(1000000);
	size_t		i;

	(void) state;
	for (i = 0; i < 3; i++)
	{
		dbmig_checksum(vectors[i][0], strlen(vectors[i][0]), hex);
		assert_string_equal(hex, vectors[i][1]);
	}
	memset(million, 'a', 1000000);
	dbmig_checksum(million, 1000000, hex);
	assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");

	/*
	 * every length of a last block: the checksum of the one before and so
	 * many
	 */
	memset(hex, 0, sizeof(hex));
	for (i = 0; i < 200; i++)
	{
		size_t		length = strlen(hex);

		memcpy(million, hex, length);
		memset(million + length, 'a', i);
		dbmig_checksum(million, length + i, hex);
	}
	assert_string_equal(hex, "4e05a8a390978948db6de47a5582af8f3d5eff09c8b2db6c8108b6a1cf27c896");
	free(million);
	dbmig_checksum("a\nb\n", 4, hex);
	dbmig_checksum("\xEF\xBB\xBF" "a\r\nb\r\n", 9, other);
	assert_string_equal(hex, other);
	dbmig_checksum("a\rb\n", 4, other);
	assert_string_not_equal(hex, other);

	/* only a CR right before a LF is dropped */
	dbmig_checksum("\r\r\n\r", 4, hex);
	dbmig_checksum("\r\n\r", 3, other);
	assert_string_not_equal(hex, other);
	dbmig_checksum("\r\n\n\r\n\r", 6, hex);
	dbmig_checksum("\n\n\n\r", 4, other);
	assert_string_equal(hex, other);
}

static void
options(void **state)
{
	fake	   *db = fake_new();
	static const char *const bad[][2] = {
		{"x", "ERROR: options are not valid JSON at character 1"},
		{"{", "ERROR: options are not valid JSON at character 2"},
		{"{}x", "ERROR: options are not valid JSON at character 3"},
		{"{\"transaction\" true}", "ERROR: options are not valid JSON at character 16"},
		{"{\"transaction\": 1}", "ERROR: option \"transaction\" must be true or false"},
		{"{\"after\": \"a\"}", "ERROR: option \"after\" must be an array of strings"},
		{"{\"after\": [1]}", "ERROR: option \"after\" must be an array of strings"},
		{"{\"after\": [\"a\"}", "ERROR: options are not valid JSON at character 15"},
		{"{\"engine\": \"oracle\"}", "ERROR: unknown engine \"oracle\""},
		{"{\"colour\": 1}", "ERROR: unknown option \"colour\""},
		{"{\"role\": 1}", "ERROR: option \"role\" must be a string"},
		{"{\"role\": \"\"}", "ERROR: role must not be empty"},
		{"{\"role\": \"a\\nb\"}", "ERROR: role has a control character"},
		{"{\"search_path\": [\"a\"]}", "ERROR: option \"search_path\" must be a string"},
		{"{\"search_path\": \"a b\"}", "ERROR: search_path cannot be \"a b\""},
		{"{\"search_path\": \"a,\"}", "ERROR: search_path cannot be \"a,\""},
		{"{\"search_path\": \",a\"}", "ERROR: search_path cannot be \",a\""},
		{"{\"search_path\": \"a; DROP\"}", "ERROR: search_path cannot be \"a; DROP\""},
		{"{\"search_path\": \"'a'\"}", "ERROR: search_path cannot be \"'a'\""},
		{"{\"search_path\": \"1a\"}", "ERROR: search_path cannot be \"1a\""},
		{"{\"search_path\": \"\\\"a\"}", "ERROR: search_path cannot be \"\"a\""},
		{"{\"search_path\": \"\\\"\\\"\"}", "ERROR: search_path cannot be \"\"\"\""},
		{"{\"lock_timeout\": \"1\"}", "ERROR: option \"lock_timeout\" must be a number"},
		{"{\"lock_timeout\": -1}", "ERROR: option \"lock_timeout\" must be a number of seconds, 0 to 2147483"},
		{"{\"lock_timeout\": 1.}", "ERROR: option \"lock_timeout\" must be a number of seconds, 0 to 2147483"},
		{"{\"lock_timeout\": .5}", "ERROR: option \"lock_timeout\" must be a number of seconds, 0 to 2147483"},
		{"{\"lock_timeout\": 1e3}", "ERROR: option \"lock_timeout\" must be a number of seconds, 0 to 2147483"},
		{"{\"lock_timeout\": 2147483.001}", "ERROR: option \"lock_timeout\" must be a number of seconds, 0 to 2147483"},
		{"{\"lock_timeout\": 99999999999999999999}", "ERROR: option \"lock_timeout\" must be a number of seconds, 0 to 2147483"},
		{"{\"retries\": true}", "ERROR: option \"retries\" must be a number"},
		{"{\"retries\": 1.5}", "ERROR: option \"retries\" must be a whole number, 0 to 1000"},
		{"{\"retries\": 1001}", "ERROR: option \"retries\" must be a whole number, 0 to 1000"},
		{"{\"portable\": 1}", "ERROR: option \"portable\" must be true or false"},
		{"{\"\\ud800\": 1}", "ERROR: options are not valid JSON at character 9"},
		{"{\"\\q\": 1}", "ERROR: options are not valid JSON at character 4"},
		{"{\"after\": [\"a@\"]}", "ERROR: version must not be empty"},
		{"{\"\\u00e9\\u20ac\\ud83d\\ude00\\n\": 1}", "ERROR: unknown option \"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\n\""}
	};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		IS(bad[i][1], "dbmig_register", "p", "1", "X", "", "", bad[i][0]);
	IS("registered", "dbmig_register", "p", "1", "X", "", "",
	   " { \"after\" : [ \"a\" , \"b@2\" ] , \"transaction\" : true, \"foreign_keys\":false } ");
	IS("unchanged", "dbmig_register", "p", "1", "X", "", "",
	   "{\"foreign_keys\": false, \"transaction\": true}");
	IS("replaced", "dbmig_register", "p", "1", "X", "", "", "{}");
	assert_int_equal(db->now.dependency_count, 2);
	free(db);
}

/* The same options have the same text, which is read as the same options. */
static void
option_texts(void **state)
{
	static const char *const texts[][2] = {
		{"{}", "{}"},
		{"{\"lock_timeout\": 0, \"retries\": 0}", NULL},
		{"{\"retries\": 3, \"lock_timeout\": 2.50}", "{\"lock_timeout\": 2.5, \"retries\": 3}"},
		{"{\"lock_timeout\": 0.0001}", "{\"lock_timeout\": 0.001}"},
		{"{\"lock_timeout\": 0.0100}", "{\"lock_timeout\": 0.01}"},
		{"{\"lock_timeout\": 2147483.000}", "{\"lock_timeout\": 2147483}"},
		{"{\"search_path\": \"\"}", NULL},
		{"{\"search_path\": \"a, \\\"$user\\\" ,b$1,\\\"x\\\"\\\"y\\\"\"}", NULL},
		{"{\"role\": \"a\\\\b\\\"c\"}", NULL},
		{"{\"retries\": 1, \"role\": \"r\", \"transaction\": false, \"engine\": \"sqlite\", \"search_path\": \"s\"}",
		"{\"transaction\": false, \"engine\": \"sqlite\", \"role\": \"r\", \"search_path\": \"s\", \"retries\": 1}"}
	};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		const char *expected = texts[i][1] != NULL ? texts[i][1] : texts[i][0];
		const char *text = texts[i][0];
		int			round;

		for (round = 0; round < 2; round++)
		{
			dbmig_call	call;
			dbmig_options read;
			static char kept[256];

			dbmig_call_begin(&call, memory_host(), NULL);
			dbmig_options_begin(&read);
			assert_int_equal(dbmig_options_parse(&call, text, &read), 0);
			text = dbmig_options_text(&call, &read);
			assert_string_equal(text, expected);
			snprintf(kept, sizeof(kept), "%s", text);
			text = kept;
			dbmig_call_end(&call);
		}
	}
}

/* A package has some of them; a migration's own go before the package's. */
static void
package_options(void **state)
{
	dbmig_call	call;
	dbmig_options own;
	dbmig_options package;

	(void) state;
	dbmig_call_begin(&call, memory_host(), NULL);
	dbmig_options_begin(&own);
	dbmig_options_begin(&package);
	assert_int_equal(dbmig_options_parse(&call, "{\"role\": \"a\", \"retries\": 0}", &own), 0);
	assert_int_equal(dbmig_options_parse_package(&call,
												 "{\"role\": \"b\", \"search_path\": \"s\", \"lock_timeout\": 1, \"retries\": 5}",
												 &package), 0);
	dbmig_options_inherit(&own, &package);
	assert_string_equal(dbmig_options_text(&call, &own),
						"{\"role\": \"a\", \"search_path\": \"s\", \"lock_timeout\": 1, \"retries\": 0}");
	assert_int_equal(dbmig_options_parse_package(&call, "{\"transaction\": true}", &package), -1);
	assert_string_equal(call.message, "a package has no option \"transaction\"");
	dbmig_call_end(&call);
}

/* The layout of dbmig's own files */
static void
files(void **state)
{
	fake	   *db = fake_new();
	static const char *const bad[][3] = {
		{"x.sql", "X", "ERROR: \"x.sql\" is not the name of a migration file"},
		{"1_x.txt", "X", "ERROR: \"1_x.txt\" is not the name of a migration file"},
		{"1_x.down.sql", "X", "ERROR: file \"1_x.down.sql\" is a down, and version \"1\" of package \"p\" is not registered"},
		{"1_x.sql", "\n-- dbmig:upp\n", "ERROR: file \"1_x.sql\", line 2: unknown marker \"dbmig:upp\""},
		{"1_x.sql", "-- dbmig:\n", "ERROR: file \"1_x.sql\", line 1: unknown marker \"dbmig:\""},
		{"1_x.sql", "-- dbmig:up\n-- dbmig:up\n", "ERROR: file \"1_x.sql\", line 2: a second up section"},
		{"1_x.sql", "-- dbmig:up\n-- dbmig:up sqlite\n", "ERROR: file \"1_x.sql\", line 2: a second up section for sqlite"},
		{"1_x.sql", "-- dbmig:after\n", "ERROR: file \"1_x.sql\", line 1: marker \"dbmig:after\" without a package"},
		{"1_x.sql", "-- dbmig:after a,\n", "ERROR: file \"1_x.sql\", line 1: package must not be empty"},
		{"1_x.sql", "-- dbmig:up oracle\n", "ERROR: file \"1_x.sql\", line 1: unknown engine \"oracle\""},
		{"1_x.sql", "-- dbmig:down\nX", "ERROR: file \"1_x.sql\" has a down section, but no up section"},
		{"1_x.sql", "X;\n-- dbmig:up\nY", "ERROR: file \"1_x.sql\", line 1: only comments can stand before the first section"},
		{"1_x.sql", "-- dbmig:up\n-- dbmig:after a\n", "ERROR: file \"1_x.sql\", line 2: marker \"dbmig:after\" inside of a section"},
		{"1_x.sql", "-- +goose Up\n-- +goose up\n", "ERROR: file \"1_x.sql\", line 2: a second \"+goose Up\""},
		{"1_x.sql", "-- migrate:up\n", "ERROR: file \"1_x.sql\" has no \"-- migrate:down\" behind its last \"-- migrate:up\""}
	};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		IS(bad[i][2], "dbmig_register_file", "p", bad[i][0], bad[i][1]);
	assert_int_equal(db->now.migration_count, 0);

	IS("registered", "dbmig_register_file", "p", "db/0001_create_users.sql",
	   "\xEF\xBB\xBF-- made by hand\r\n-- dbmig:after a, b@2\r\n--dbmig:no-transaction\n\n"
	   "  -- dbmig:up sqlite\nUP;\n-- dbmig:up postgres\nOTHER;\n-- dbmig:down\nDOWN;");
	assert_string_equal(db->now.migrations[0].version, "0001");
	assert_string_equal(db->now.migrations[0].name, "create users");
	assert_string_equal(db->now.migrations[0].up, "UP;\n");
	assert_string_equal(db->now.migrations[0].down, "DOWN;");
	assert_string_equal(db->now.migrations[0].options, "{\"transaction\": false}");
	assert_int_equal(db->now.dependency_count, 2);
	IS("registered", "dbmig_register_file", "p", "2.sql", "X;");
	assert_false(db->now.migrations[1].has_name);
	IS("registered", "dbmig_register_file", "p", "3_pg.sql", "-- dbmig:up postgres\nX;");
	assert_string_equal(db->now.migrations[2].up, "");
	assert_string_equal(db->now.migrations[2].options, "{\"engine\": \"postgres\"}");
	free(db);
}

static void
utf8(void **state)
{
	static const char *const good[] = {"", "a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xEF\xBF\xBF"};
	static const char *const bad[] = {
		"\x80", "\xC3", "\xC0\x80", "\xE2\x82", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF8", "\xE0\x80\x80", "\xFF\xFE"
	};
	size_t		i;
	int			line;
	int			column;

	(void) state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(dbmig_utf8_valid(good[i], strlen(good[i])));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(dbmig_utf8_valid(bad[i], strlen(bad[i])));
	dbmig_position("a\n\xC3\xA9\xC3\xA9x", 6, &line, &column);
	assert_int_equal(line, 2);
	assert_int_equal(column, 3);
}

/* A statement's parameters are what its letters say, numbered as they come. */
static void
statements(void **state)
{
	int			id;

	(void) state;
	for (id = 0; id < DBMIG_SQL_COUNT; id++)
	{
		const char *at = dbmig_statements[id].text;
		int			highest = 0;

		while ((at = strchr(at, '$')) != NULL)
		{
			int			number = atoi(++at);

			assert_true(number >= 1 && number <= highest + 1);
			if (number > highest)
				highest = number;
		}
		assert_int_equal(highest, strlen(dbmig_statements[id].params));
		for (at = dbmig_statements[id].text; (at = strstr(at, "dbmig_")) != NULL; at++)
			assert_true(at[-1] == '.' && (at[-2] == '@' || at[-2] == '#'));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_in_order),
		cmocka_unit_test(versions_the_same),
		cmocka_unit_test(keys_agree),
		cmocka_unit_test(checksums),
		cmocka_unit_test(options),
		cmocka_unit_test(option_texts),
		cmocka_unit_test(package_options),
		cmocka_unit_test(files),
		cmocka_unit_test(utf8),
		cmocka_unit_test(statements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
