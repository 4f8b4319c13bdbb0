/*
 * test_query.c
 *		Queries, values and errors, the same on both engines.
 *
 * usage: test_query PG-URL SQLITE-URL
 */
#include "check.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *url;
static dbmig *db;
static dbmig_conn *conn;

static bool
is_pg(void)
{
	return dbmig_kind(db) == DBMIG_POSTGRES;
}

static void
values(void)
{
	const char *table = is_pg() ?
	"DROP TABLE IF EXISTS v; CREATE TABLE v (b boolean, i bigint, r double precision, t text,"
	" d bytea, u uuid, z timestamptz, n integer)" :
	"DROP TABLE IF EXISTS v; CREATE TABLE v (b INTEGER, i INTEGER, r REAL, t TEXT,"
	" d BLOB, u BLOB, z TEXT, n INTEGER)";
	const char	bytes[] = "a\0b\xff'\\";
	dbmig_param params[8];
	dbmig_blob	blob = {bytes, sizeof(bytes)};
	dbmig_uuid	uuid;
	dbmig_uuid	uuid_back;
	dbmig_timestamp now = dbmig_timestamp_now();
	dbmig_timestamp now_back = 0;
	dbmig_rows *rows;
	int64_t		changed = 0;
	int64_t		integer = 0;
	double		real = 0;
	bool		flag = false;

	CHECK(dbmig_uuid_random(&uuid));
	OK(dbmig_exec(conn, table, 0, NULL, NULL));
	params[0] = dbmig_bind_bool(true);
	params[1] = dbmig_bind_int(INT64_MIN);
	params[2] = dbmig_bind_real(0.1);
	params[3] = dbmig_bind_text("it's \xc3\xa4");
	params[4] = dbmig_bind_blob(blob);
	params[5] = dbmig_bind_uuid(uuid);
	params[6] = dbmig_bind_timestamp(now);
	params[7] = dbmig_bind_null();
	OK(dbmig_exec(conn, "INSERT INTO v VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", 8, params, &changed));
	CHECK(changed == 1);
	OK(dbmig_query(conn, "SELECT b, i, r, t, d, u, z, n FROM v", 0, NULL, &rows));
	CHECK(dbmig_rows_count(rows) == 1 && dbmig_rows_columns(rows) == 8);
	CHECK(strcmp(dbmig_rows_name(rows, 6), "z") == 0 && dbmig_rows_name(rows, 8) == NULL);
	CHECK(dbmig_bool_at(rows, 0, 0, &flag) && flag);
	CHECK(dbmig_int_at(rows, 0, 1, &integer) && integer == INT64_MIN);
	CHECK(dbmig_real_at(rows, 0, 2, &real) && real == 0.1);
	CHECK(strcmp(dbmig_text_at(rows, 0, 3), "it's \xc3\xa4") == 0);
	CHECK(dbmig_blob_at(rows, 0, 4, &blob) && blob.length == sizeof(bytes) &&
		  memcmp(blob.data, bytes, sizeof(bytes)) == 0);
	CHECK(dbmig_uuid_at(rows, 0, 5, &uuid_back) &&
		  memcmp(&uuid, &uuid_back, sizeof(uuid)) == 0);
	CHECK(dbmig_timestamp_at(rows, 0, 6, &now_back) && now_back == now);
	CHECK(dbmig_is_null(rows, 0, 7) && dbmig_text_at(rows, 0, 7) == NULL);
	CHECK(!dbmig_int_at(rows, 0, 7, &integer) && !dbmig_int_at(rows, 0, 3, &integer));
	CHECK(!dbmig_int_at(rows, 1, 0, &integer) && !dbmig_int_at(rows, 0, -1, &integer));
	CHECK(!dbmig_uuid_at(rows, 0, 3, &uuid_back) && !dbmig_timestamp_at(rows, 0, 3, &now_back));
	CHECK(!dbmig_bool_at(rows, 0, 3, &flag) && !dbmig_real_at(rows, 0, 3, &real));
	dbmig_rows_free(rows);

	/* what the engine itself writes */
	OK(dbmig_query(conn, is_pg() ? "SELECT timestamptz '2026-02-03 04:05:06.5+02', 1.5::numeric, 7, 'x'::varchar"
				   : "SELECT '2026-02-03T02:05:06.5Z', 1.5, 7, 'x'", 0, NULL, &rows));
	CHECK(dbmig_timestamp_at(rows, 0, 0, &now_back) && now_back == INT64_C(1770084306500000));
	CHECK(dbmig_real_at(rows, 0, 1, &real) && real == 1.5);
	CHECK(dbmig_real_at(rows, 0, 2, &real) && real == 7);
	CHECK(strcmp(dbmig_text_at(rows, 0, 1), "1.5") == 0 && strcmp(dbmig_text_at(rows, 0, 2), "7") == 0);
	dbmig_rows_free(rows);
}

static void
parameters(void)
{
	dbmig_param params[2];
	dbmig_rows *rows;
	int64_t		value = 0;

	/* by number, not by place; one of them twice */
	params[0] = dbmig_bind_int(10);
	params[1] = dbmig_bind_int(3);
	OK(dbmig_query(conn, "SELECT $2 - $1 - $1", 2, params, &rows));
	CHECK(dbmig_int_at(rows, 0, 0, &value) && value == -17);
	dbmig_rows_free(rows);
	params[0] = dbmig_bind_text(NULL);
	OK(dbmig_query(conn, "SELECT coalesce($1, 'none')", 1, params, &rows));
	CHECK(strcmp(dbmig_text_at(rows, 0, 0), "none") == 0);
	dbmig_rows_free(rows);
	params[0] = dbmig_bind_text("Robert'); DROP TABLE v; --");
	OK(dbmig_query(conn, "SELECT length($1)", 1, params, &rows));
	CHECK(dbmig_int_at(rows, 0, 0, &value) && value == 26);
	dbmig_rows_free(rows);
	params[0] = dbmig_bind_timestamp(INT64_MAX);
	FAILS(dbmig_query(conn, "SELECT $1", 1, params, &rows), DBMIG_E_ARGUMENT, "$1 is out of range");
	CHECK(rows == NULL);
	if (!is_pg())
		FAILS(dbmig_query(conn, "SELECT 1", 1, params + 1, &rows), DBMIG_E_ARGUMENT, "no parameter $1");
	FAILS(dbmig_query(conn, "SELECT 1; SELECT $1", 1, params + 1, &rows),
		  is_pg() ? DBMIG_E_DATABASE : DBMIG_E_ARGUMENT, "");
	CHECK(number_of(conn, "SELECT 5") == 5);
}

static void
scripts(void)
{
	dbmig_rows *rows;
	int64_t		changed = -1;

	OK(dbmig_exec(conn, "", 0, NULL, &changed));
	CHECK(changed == 0);
	OK(dbmig_exec(conn, "-- nothing\n", 0, NULL, NULL));
	OK(dbmig_exec(conn, "DROP TABLE IF EXISTS s; CREATE TABLE s (a integer);"
				  "INSERT INTO s VALUES (1); INSERT INTO s VALUES (2), (3)", 0, NULL, &changed));
	CHECK(changed == 2);
	OK(dbmig_exec(conn, "UPDATE s SET a = a + 1", 0, NULL, &changed));
	CHECK(changed == 3);
	OK(dbmig_query(conn, "SELECT 1; SELECT a FROM s ORDER BY a; DROP TABLE s", 0, NULL, &rows));
	CHECK(dbmig_rows_count(rows) == 3 && strcmp(dbmig_text_at(rows, 2, 0), "4") == 0);
	dbmig_rows_free(rows);
	OK(dbmig_query(conn, "CREATE TABLE s (a integer)", 0, NULL, &rows));
	CHECK(dbmig_rows_count(rows) == 0 && dbmig_rows_columns(rows) == 0);
	dbmig_rows_free(rows);
	OK(dbmig_query(conn, "SELECT a FROM s", 0, NULL, &rows));
	CHECK(dbmig_rows_count(rows) == 0 && dbmig_rows_columns(rows) == 1);
	dbmig_rows_free(rows);
	OK(dbmig_exec(conn, "DROP TABLE s", 0, NULL, NULL));
}

static void
errors(void)
{
	dbmig_rows *rows;
	dbmig_error *error = dbmig_exec(conn, "SELEC 1", 0, NULL, NULL);

	CHECK(error != NULL && error->code == DBMIG_E_DATABASE && strstr(error->message, "syntax") != NULL);
	CHECK(error != NULL && strcmp(error->sqlstate, is_pg() ? "42601" : "") == 0);
	CHECK(error != NULL && error->sqlite == (is_pg() ? 0 : 1));
	dbmig_error_free(error);
	OK(dbmig_exec(conn, "DROP TABLE IF EXISTS u; CREATE TABLE u (a integer UNIQUE); INSERT INTO u VALUES (1)", 0, NULL, NULL));
	error = dbmig_exec(conn, "INSERT INTO u VALUES (1)", 0, NULL, NULL);
	CHECK(error != NULL && strcmp(error->sqlstate, is_pg() ? "23505" : "") == 0);
	CHECK(error != NULL && error->sqlite == (is_pg() ? 0 : 2067));
	if (is_pg())
		CHECK(error != NULL && error->detail != NULL && strstr(error->detail, "already exists") != NULL);
	dbmig_error_free(error);
	if (is_pg())
	{
		FAILS(dbmig_exec(conn, "COPY u FROM STDIN", 0, NULL, NULL), DBMIG_E_ARGUMENT, "COPY");
		FAILS(dbmig_query(conn, "COPY u TO STDOUT", 0, NULL, &rows), DBMIG_E_ARGUMENT, "COPY");
		OK(dbmig_begin(conn));
		FAILS(dbmig_exec(conn, "SELECT 1/0", 0, NULL, NULL), DBMIG_E_DATABASE, "division");
		FAILS(dbmig_commit(conn), DBMIG_E_DATABASE, "rolled back");
	}
	CHECK(number_of(conn, "SELECT count(*) FROM u") == 1);
	OK(dbmig_begin(conn));
	OK(dbmig_exec(conn, "DELETE FROM u", 0, NULL, NULL));
	OK(dbmig_undo(conn));
	CHECK(number_of(conn, "SELECT count(*) FROM u") == 1);
	OK(dbmig_exec(conn, "DROP TABLE u", 0, NULL, NULL));
}

static void
many_rows(void)
{
	dbmig_rows *rows;
	int64_t		value = 0;
	int			i;

	OK(dbmig_query(conn, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
				   " SELECT i, 'text number ' || i FROM n", 0, NULL, &rows));
	CHECK(dbmig_rows_count(rows) == 10000);
	for (i = 0; i < dbmig_rows_count(rows); i++)
		if (!dbmig_int_at(rows, i, 0, &value) || value != i + 1)
			break;
	CHECK(i == 10000 && strcmp(dbmig_text_at(rows, 9999, 1), "text number 10000") == 0);
	dbmig_rows_free(rows);
}

static void
texts_of_types(void)
{
	static const char *const good[] = {
		"00112233-4455-6677-8899-aabbccddeeff", "{00112233-4455-6677-8899-AABBCCDDEEFF}",
		"00112233445566778899aabbccddeeff"
	};
	static const char *const bad[] = {
		"", "{}", "00112233-4455-6677-8899-aabbccddeef", "00112233-4455-6677-8899-aabbccddeefff",
		"{00112233-4455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddeeff}",
		"00112233--4455-6677-8899-aabbccddeeff", "0-0112233-4455-6677-8899-aabbccddeeff",
		"g0112233-4455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddeeff-",
		"{00112233-4455-6677-8899-aabbccddeeff}x"
	};
	static const struct
	{
		const char *text;
		int64_t		value;
	}			times[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01 00:00:00", 0},
		{"1969-12-31T23:59:59.999999Z", -1},
		{"2000-02-29T12:00:00.000001+00:00", INT64_C(951825600000001)},
		{"2026-11-22 10:00:00.123+02", INT64_C(1795334400123000)},
		{"2026-11-22 05:30:00.123456789-02:30", INT64_C(1795334400123456)},
		{"0000-01-01T00:00:00Z", INT64_C(-62167219200000000)},
		{"9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999)}
	};
	static const char *const no_times[] = {
		"", "2026", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-01-01T24:00:00Z",
		"2026-01-01T00:00:00X", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+0", "2026-01-01",
		"2026-01-01T00:00:00Zx", "2026-01-00T00:00:00Z", "infinity", "0001-01-01 00:00:00+00 BC"
	};
	dbmig_uuid	uuid;
	dbmig_timestamp value = 0;
	char		text[37];
	char		time[28];
	size_t		i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		CHECK(dbmig_uuid_from_text(good[i], &uuid));
		dbmig_uuid_to_text(uuid, text);
		CHECK(strcmp(text, good[0]) == 0);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!dbmig_uuid_from_text(bad[i], &uuid));
	CHECK(dbmig_uuid_random(&uuid) && uuid.bytes[6] >> 4 == 4 && uuid.bytes[8] >> 6 == 2);
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++)
	{
		dbmig_timestamp again = 0;

		CHECK(dbmig_timestamp_from_text(times[i].text, &value) && value == times[i].value);
		CHECK(dbmig_timestamp_to_text(value, time) &&
			  dbmig_timestamp_from_text(time, &again) && again == value);
	}
	CHECK(strcmp(time, "9999-12-31T23:59:59.999999Z") == 0);
	for (i = 0; i < sizeof(no_times) / sizeof(no_times[0]); i++)
		CHECK(!dbmig_timestamp_from_text(no_times[i], &value));
	CHECK(!dbmig_timestamp_to_text(INT64_C(253402300800000000), time));
	CHECK(!dbmig_timestamp_to_text(INT64_C(-62167219200000001), time));
}

/* Somebody who takes the call and never answers. */
static void
silent_server(void)
{
	dbmig_options options = DBMIG_OPTIONS;
	struct sockaddr_in address;
	socklen_t	size = sizeof(address);
	int			fd = socket(AF_INET, SOCK_STREAM, 0);
	char		target[100];
	dbmig	   *none;
	double		since = seconds_now();

	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(fd, (struct sockaddr *) &address, size) == 0 && listen(fd, 1) == 0 &&
		  getsockname(fd, (struct sockaddr *) &address, &size) == 0);
	snprintf(target, sizeof(target), "host=127.0.0.1 port=%d user=u dbname=d", ntohs(address.sin_port));
	options.connect_timeout = 0.2;
	FAILS(dbmig_open(target, &options, &none), DBMIG_E_CONNECT, "could not connect within 0.2 seconds");
	CHECK(none == NULL && seconds_now() - since < 5);
	close(fd);
	FAILS(dbmig_open(target, &options, &none), DBMIG_E_CONNECT, "refused");
}

static void
bad_arguments(void)
{
	dbmig_options options = DBMIG_OPTIONS;
	dbmig	   *none;

	FAILS(dbmig_open(NULL, NULL, &none), DBMIG_E_ARGUMENT, "the URL must not be empty");
	FAILS(dbmig_open("", NULL, &none), DBMIG_E_ARGUMENT, "the URL must not be empty");
	FAILS(dbmig_open("mysql://localhost/x", NULL, &none), DBMIG_E_ARGUMENT, "unknown kind of URL: \"mysql\"");
	FAILS(dbmig_open("sqlite://", NULL, &none), DBMIG_E_ARGUMENT, "the URL has no path");
	FAILS(dbmig_open("sqlite://a%00b", NULL, &none), DBMIG_E_ARGUMENT, "zero byte");
	FAILS(dbmig_open("/nosuch/folder/a.db", NULL, &none), DBMIG_E_CONNECT, "could not open \"/nosuch/folder/a.db\"");
	FAILS(dbmig_open("/bin/sh", NULL, &none), DBMIG_E_CONNECT, "not a database");
	FAILS(dbmig_open("nosuchword=1", NULL, &none), DBMIG_E_CONNECT, "nosuchword");
	FAILS(dbmig_open("postgres://localhost:bad/x", NULL, &none), DBMIG_E_CONNECT, "");
	options.max_open = -1;
	FAILS(dbmig_open(url, &options, &none), DBMIG_E_ARGUMENT, "max_open");
	options.max_open = 1;
	options.max_idle = -1;
	FAILS(dbmig_open(url, &options, &none), DBMIG_E_ARGUMENT, "max_idle");
	options.max_idle = 1;
	options.life_timeout = -0.5;
	FAILS(dbmig_open(url, &options, &none), DBMIG_E_ARGUMENT, "life_timeout");
	options.life_timeout = 0;
	options.size--;
	FAILS(dbmig_open(url, &options, &none), DBMIG_E_ARGUMENT, "another version");
	CHECK(none == NULL);
}

static void
all(const char *which, const char *name)
{
	url = which;
	suffix = name;
	OK(dbmig_open(url, NULL, &db));
	OK(dbmig_acquire(db, &conn));
	if (conn == NULL)
	{
		failures++;
		return;
	}
	TEST(values);
	TEST(parameters);
	TEST(scripts);
	TEST(errors);
	TEST(many_rows);
	OK(dbmig_release(conn));
	OK(dbmig_close(db));
}

int
main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	all(argv[1], "pg query ");
	all(argv[2], "sqlite query ");
	suffix = "";
	TEST(texts_of_types);
	TEST(silent_server);
	TEST(bad_arguments);
	return failures != 0;
}
