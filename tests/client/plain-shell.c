/*
 * plain-shell.c
 *		Runs a file of the shared suite on a PostgreSQL without the extension, as
 *		psql -a would show it: calls of dbmig's functions go to the core in this
 *		program, and what they give takes their place in the statement.
 *
 * usage: plain-shell PG-URL < sql/NAME.sql > results/NAME.out
 */
#include "plain.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static dbmig_conn *conn;
static dbmig_plain plain;
static int	tables;				/* temporary ones, for the rows of functions */

typedef struct row_sink
{
	dbmig_string sql;			/* INSERT INTO ... VALUES (...), (...) */
	int			columns;
	int			rows;
} row_sink;

static void
add_literal(dbmig_string *sql, const dbmig_value *value)
{
	char		number[32];
	const char *p;

	if (value->type == DBMIG_NULL)
		dbmig_string_add(sql, "NULL");
	else if (value->type != DBMIG_TEXT)
	{
		snprintf(number, sizeof(number), value->type == DBMIG_BOOL ? "%lld::int::boolean" : "%lld",
				 (long long) value->integer);
		dbmig_string_add(sql, number);
	}
	else
	{
		dbmig_string_add(sql, "'");
		for (p = value->text; *p != '\0'; p++)
			dbmig_string_bytes(sql, *p == '\'' ? "''" : p, *p == '\'' ? 2 : 1);
		dbmig_string_add(sql, "'");
	}
}

static int
take_row(dbmig_call *call, void *arg, const dbmig_value *row)
{
	row_sink   *sink = arg;
	int			i;

	(void) call;
	dbmig_string_add(&sink->sql, sink->rows++ > 0 ? ", (" : "(");
	for (i = 0; i < sink->columns; i++)
	{
		if (i > 0)
			dbmig_string_add(&sink->sql, ", ");
		add_literal(&sink->sql, &row[i]);
	}
	dbmig_string_add(&sink->sql, ")");
	return 0;
}

/* An argument's value, as the server has it; false where it has none. */
static bool
evaluate(const char *text, size_t length, dbmig_value *value, char *buffer)
{
	char	   *sql = dbmig_format_text("SELECT (%.*s)::text", (int) length, text);
	dbmig_rows *rows = NULL;
	dbmig_error *error = dbmig_query(conn, sql, 0, NULL, &rows);
	bool		good = error == NULL && dbmig_rows_count(rows) == 1;

	*value = dbmig_null();
	if (good && !dbmig_is_null(rows, 0, 0))
	{
		strcpy(buffer, dbmig_text_at(rows, 0, 0));
		*value = dbmig_text(buffer);
	}
	dbmig_error_free(error);
	dbmig_rows_free(rows);
	free(sql);
	return good;
}

/* The arguments in parentheses at p; NULL where they cannot be told. */
static const char *
read_arguments(const char *p, dbmig_value *args, int *count, char *buffer)
{
	dbmig_piece piece;
	const char *begin;
	int			depth = 0;

	*count = 0;
	p = dbmig_piece_next(p, &piece);
	if (!dbmig_piece_is(&piece, "("))
		return NULL;
	begin = p;
	for (;;)
	{
		p = dbmig_piece_next(p, &piece);
		if (piece.kind == DBMIG_PIECE_END)
			return NULL;
		if (depth == 0 && (dbmig_piece_is(&piece, ",") || dbmig_piece_is(&piece, ")")))
		{
			bool		last = dbmig_piece_is(&piece, ")");
			dbmig_piece first;

			dbmig_piece_next(begin, &first);
			if (last && *count == 0 && first.text == piece.text)
				return p;
			if (*count == 32 ||
				!evaluate(begin, (size_t) (piece.text - begin), &args[*count], buffer))
				return NULL;
			if (args[*count].type != DBMIG_NULL)
				buffer += args[*count].length + 1;
			(*count)++;
			if (last)
				return p;
			begin = p;
		}
		depth += dbmig_piece_is(&piece, "(") - dbmig_piece_is(&piece, ")");
	}
}

static void
say_error(const char *message, const char *hint)
{
	printf("ERROR:  %s\n", message);
	if (hint != NULL)
		printf("HINT:  %s\n", hint);
}

/* "a TEXT, b INTEGER": how many, and as PostgreSQL's table declares them. */
static int
declare(const dbmig_function *function, dbmig_string *sql)
{
	const char *p = function->columns;
	int			count = 1;

	for (; *p != '\0'; p++)
	{
		count += *p == ',';
		if (strncmp(p, "transactional INTEGER", 21) == 0)
		{
			dbmig_string_add(sql, "transactional boolean");
			p += 20;
		}
		else if (strncmp(p, "position", 8) == 0)
		{
			dbmig_string_add(sql, "\"position\"");
			p += 7;
		}
		else
			dbmig_string_bytes(sql, p, 1);
	}
	return count;
}

/* A function that gives rows, as a table; its name goes to out. */
static bool
call_rows(const dbmig_function *function, int count, dbmig_value *args, dbmig_string *out)
{
	dbmig_string create = {NULL, 0, 0, false};
	row_sink	sink = {{NULL, 0, 0, false}, 0, 0};
	dbmig_call	call;
	char		name[40];
	bool		good;

	snprintf(name, sizeof(name), "pg_temp.rows%d", ++tables);
	dbmig_string_add(&create, "CREATE TEMP TABLE ");
	dbmig_string_add(&create, name + strlen("pg_temp."));
	dbmig_string_add(&create, " (");
	sink.columns = declare(function, &create);
	dbmig_string_add(&create, ")");
	dbmig_string_add(&sink.sql, "INSERT INTO ");
	dbmig_string_add(&sink.sql, name);
	dbmig_string_add(&sink.sql, " VALUES ");
	dbmig_call_begin(&call, &dbmig_plain_host, &plain);
	call.settings = plain.settings;
	good = function->rows(&call, count, args, take_row, &sink) == 0;
	if (!good)
		say_error(call.message, call.hint);
	else
	{
		dbmig_error_free(dbmig_exec(conn, create.text, 0, NULL, NULL));
		if (sink.rows > 0)
			dbmig_error_free(dbmig_exec(conn, sink.sql.text, 0, NULL, NULL));
		dbmig_string_add(out, name);
	}
	dbmig_call_end(&call);
	free(create.text);
	free(sink.sql.text);
	return good;
}

static bool
call_scalar(const dbmig_function *function, int count, dbmig_value *args, dbmig_string *out)
{
	char	   *text = NULL;
	dbmig_error *error;
	dbmig_value value;
	bool		flag = strcmp(function->name, "dbmig_is_current") == 0 ||
	strcmp(function->name, "dbmig_check") == 0;

	/* in the script's transaction, where it has begun one */
	plain.depth = conn->driver->in_use(conn);
	error = dbmig_plain_call(&plain, function->name, count, args, &text);
	plain.depth = 0;
	if (error != NULL)
	{
		say_error(error->message, error->hint);
		dbmig_error_free(error);
		return false;
	}
	value = dbmig_text(text);
	add_literal(out, &value);
	if (flag && text != NULL)
		dbmig_string_add(out, "::boolean");
	free(text);
	return true;
}

/* The statement with every call replaced; false where one has failed. */
static bool
replace_calls(const char *sql, dbmig_string *out)
{
	char	   *buffer = malloc(1 << 20);
	const char *p = sql;
	const char *done = sql;
	bool		good = true;
	dbmig_piece piece;

	while (good && (p = dbmig_piece_next(p, &piece)) != NULL && piece.kind != DBMIG_PIECE_END)
	{
		const dbmig_function *function;
		dbmig_value args[32];
		const char *behind = NULL;
		char		name[64];
		int			count = 0;

		if (piece.kind != DBMIG_PIECE_WORD || piece.length >= sizeof(name))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int) piece.length, piece.text);
		function = dbmig_function_find(name);
		if (function == NULL)
			continue;
		behind = read_arguments(p, args, &count, buffer);
		if (behind == NULL && function->rows != NULL && strcmp(name, "dbmig_status") == 0)
			behind = p;			/* the view */
		if (behind == NULL)
			continue;
		dbmig_string_bytes(out, done, (size_t) (piece.text - done));
		good = function->rows != NULL ? call_rows(function, count, args, out) :
			call_scalar(function, count, args, out);
		p = behind;
		done = behind;
	}
	if (good)
		dbmig_string_add(out, done);
	free(buffer);
	return good;
}

static void
show(const char *sql)
{
	dbmig_rows *rows = NULL;
	dbmig_error *error = dbmig_query(conn, sql, 0, NULL, &rows);
	int			i;
	int			j;

	if (error != NULL)
		say_error(error->message, error->hint);
	for (i = 0; error == NULL && i < dbmig_rows_count(rows); i++)
		for (j = 0; j < dbmig_rows_columns(rows); j++)
		{
			const char *text = dbmig_text_at(rows, i, j);

			printf("%s%s", text != NULL ? text : "NULL",
				   j + 1 < dbmig_rows_columns(rows) ? "|" : "\n");
		}
	dbmig_error_free(error);
	dbmig_rows_free(rows);
}

static void
run(const char *sql)
{
	dbmig_string out = {NULL, 0, 0, false};

	if (replace_calls(sql, &out))
		show(out.text);
	free(out.text);
}

/* Lines are shown as they come, and a statement runs once it has ended. */
int
main(int argc, char **argv)
{
	static char line[1 << 16];
	dbmig_string script = {NULL, 0, 0, false};
	dbmig	   *db;

	if (argc != 2 || dbmig_open(argv[1], NULL, &db) != NULL ||
		dbmig_conn_open(db, &dbmig_driver_pg, argv[1], true, &conn) != NULL ||
		dbmig_exec(conn, "DROP SCHEMA IF EXISTS dbmig CASCADE; DROP SCHEMA public CASCADE;"
				   "CREATE SCHEMA public", 0, NULL, NULL) != NULL ||
		dbmig_plain_tables(conn) != NULL)
		return 2;
	memset(&plain, 0, sizeof(plain));
	plain.conn = conn;
	plain.settings.lock_timeout = 5;
	while (fgets(line, sizeof(line), stdin) != NULL)
	{
		dbmig_part	part;

		if (line[0] != '\n')
			fputs(line, stdout);
		dbmig_string_add(&script, line);
		while (script.length > 0 && dbmig_part_next(script.text, 0, &part) &&
			   script.text[part.next - 1] == ';' && part.next > part.end)
		{
			char	   *sql = dbmig_format_text("%.*s", (int) (part.end - part.start),
												script.text + part.start);

			run(sql);
			free(sql);
			memmove(script.text, script.text + part.next, script.length - part.next + 1);
			script.length -= part.next;
		}
	}
	fflush(stdout);
	free(script.text);
	dbmig_conn_close(conn);
	dbmig_error_free(dbmig_close(db));
	return 0;
}
