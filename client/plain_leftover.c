/*
 * plain_leftover.c
 *		What a statement that was cut off has left behind (N3), as the extension
 *		has it: see pg/leftover.c.
 *
 * Names are taken from the statement's text as they stand there, and the server
 * reads them.
 */
#include "plain.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

/* The piece at *p, behind which *p is then. */
static dbmig_piece
next(const char **p)
{
	dbmig_piece piece;

	*p = dbmig_piece_next(*p, &piece);
	return piece;
}

/* Whether the word is next, which is passed then. */
static bool
pass(const char **p, const char *word)
{
	const char *behind = *p;
	dbmig_piece piece = next(&behind);

	if (!dbmig_piece_is(&piece, word))
		return false;
	*p = behind;
	return true;
}

/* All up to the word; false where it does not come. */
static bool
pass_to(const char **p, const char *word)
{
	while (!pass(p, word))
		if (next(p).kind == DBMIG_PIECE_END)
			return false;
	return true;
}

static void
pass_if_exists(const char **p)
{
	if (pass(p, "if"))
	{
		(void) pass(p, "not");
		(void) pass(p, "exists");
	}
}

/* A name with its schema, which the caller frees; NULL: no memory. */
static char *
read_name(const char **p)
{
	dbmig_piece piece = next(p);
	const char *start = piece.text;
	const char *end = piece.text + piece.length;

	while (pass(p, "."))
	{
		piece = next(p);
		end = piece.text + piece.length;
	}
	return dbmig_format_text("%.*s", (int) (end - start), start);
}

/* Rows for one or two names; frees these. */
static int
ask(dbmig_place *at, const char *sql, int count, char *first, char *second,
	dbmig_rows **rows)
{
	dbmig_param params[2];
	int			result;

	*rows = NULL;
	params[0] = dbmig_bind_text(first);
	params[1] = dbmig_bind_text(second);
	result = first == NULL || (count > 1 && second == NULL) ?
		dbmig_fail(at->call, DBMIG_NO_MEMORY, NULL, "out of memory") :
		dbmig_plain_keep(at->call, dbmig_query(at->plain->conn, sql, count, params, rows));
	free(first);
	free(second);
	return result;
}

static int
exec_named(dbmig_place *at, const char *before, const char *name, const char *behind)
{
	char	   *sql = dbmig_format_text("%s%s%s", before, name, behind);
	int			result = sql == NULL ?
	dbmig_fail(at->call, DBMIG_NO_MEMORY, NULL, "out of memory") :
	dbmig_plain_keep(at->call, dbmig_exec(at->plain->conn, sql, 0, NULL, NULL));

	free(sql);
	return result;
}

/* The index that $1 is, on table $2, if it is there. */
static const char find_index[] =
"SELECT i.indisvalid, pg_catalog.format('%I.%I', n.nspname, c.relname),"
" i.indrelid::pg_catalog.regclass"
" FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
" WHERE i.indrelid = pg_catalog.to_regclass($2)"
" AND i.indexrelid = pg_catalog.to_regclass("
"(SELECT pg_catalog.quote_ident(t.nspname) FROM pg_catalog.pg_namespace t"
" JOIN pg_catalog.pg_class x ON x.relnamespace = t.oid"
" WHERE x.oid = pg_catalog.to_regclass($2)) || '.' || $1)";

/*
 * The invalid copies among the indexes of the tables $2 stands for: an index
 * ($1 is i), a table with its partitions (t), a schema (s) or all (d); with
 * the tables' own tables for large values.
 */
static const char find_copies[] =
"WITH one AS (SELECT CASE WHEN $1 IN ('i', 't') THEN pg_catalog.to_regclass($2)::oid"
" WHEN $1 = 's' THEN pg_catalog.to_regnamespace($2)::oid END AS id), tables AS ("
" SELECT indrelid AS id FROM pg_catalog.pg_index, one WHERE $1 = 'i' AND indexrelid = one.id"
" UNION SELECT p.relid FROM one, pg_catalog.pg_partition_tree(one.id) p WHERE $1 = 't'"
" UNION SELECT one.id FROM one WHERE $1 = 't'"
" UNION SELECT c.oid FROM pg_catalog.pg_class c, one"
"  WHERE $1 = 'd' OR $1 = 's' AND relnamespace = one.id)"
" SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)"
" FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
" WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$'"
" AND (i.indrelid IN (SELECT id FROM tables) OR i.indrelid IN"
"  (SELECT reltoastrelid FROM pg_catalog.pg_class WHERE oid IN (SELECT id FROM tables)))"
" AND ($1 <> 'i' OR pg_catalog.starts_with((SELECT relname::text FROM pg_catalog.pg_class, one"
"  WHERE oid = one.id), pg_catalog.regexp_replace(c.relname, '_cc(new|old)[0-9]*$', '')))"
" ORDER BY 1";

static int
drop_index(dbmig_place *at, const char *name)
{
	char	   *text = dbmig_format_text("dropping the invalid index %s, which was left behind", name);

	if (text != NULL)
		dbmig_say(at->plain->conn->db, DBMIG_LOG_NOTICE, text);
	free(text);
	return exec_named(at, "DROP INDEX CONCURRENTLY IF EXISTS ", name, "");
}

/* Another session may be building it now: see what becomes of it. */
static int
wait_for_builder(dbmig_place *at, const char *table)
{
	int			result = dbmig_plain_keep(at->call, dbmig_begin(at->plain->conn));

	if (result == 0)
		result = exec_named(at, "LOCK TABLE ", table, " IN SHARE UPDATE EXCLUSIVE MODE");
	if (at->plain->conn->driver->in_use(at->plain->conn))
		dbmig_error_free(dbmig_undo(at->plain->conn));
	return result;
}

/* *done: the index is there */
static int
clear_index(dbmig_place *at, const char *p, bool *done)
{
	char	   *index;
	char	   *table;
	dbmig_rows *rows = NULL;
	dbmig_rows *again = NULL;
	bool		valid = true;
	int			result;

	if (!pass_to(&p, "concurrently"))
		return 0;
	pass_if_exists(&p);
	if (pass(&p, "on"))
		return 0;				/* an index without a name */
	index = read_name(&p);
	(void) pass(&p, "on");
	(void) pass(&p, "only");
	table = read_name(&p);
	result = ask(at, find_index, 2, index != NULL ? dbmig_format_text("%s", index) : NULL,
				 table != NULL ? dbmig_format_text("%s", table) : NULL, &rows);
	if (result == 0 && dbmig_bool_at(rows, 0, 0, &valid) && !valid)
	{
		result = wait_for_builder(at, dbmig_text_at(rows, 0, 2));
		if (result == 0)
		{
			result = ask(at, find_index, 2, index, table, &again);
			index = table = NULL;
		}
		if (result == 0 && dbmig_bool_at(again, 0, 0, &valid) && !valid)
			result = drop_index(at, dbmig_text_at(again, 0, 1));
	}
	else
		*done = result == 0 && dbmig_rows_count(rows) > 0;
	dbmig_rows_free(rows);
	dbmig_rows_free(again);
	free(index);
	free(table);
	return result;
}

static int
clear_copies(dbmig_place *at, const char *p)
{
	const char *scope = NULL;
	dbmig_rows *rows = NULL;
	int			result;
	int			i;

	if (pass(&p, "(") && !pass_to(&p, ")"))
		return 0;
	if (pass(&p, "index"))
		scope = "i";
	else if (pass(&p, "table"))
		scope = "t";
	else if (pass(&p, "schema"))
		scope = "s";
	else if (pass(&p, "database") || pass(&p, "system"))
		scope = "d";
	if (scope == NULL)
		return 0;
	(void) pass(&p, "concurrently");
	result = ask(at, find_copies, 2, dbmig_format_text("%s", scope), read_name(&p), &rows);
	for (i = 0; result == 0 && i < dbmig_rows_count(rows); i++)
		result = drop_index(at, dbmig_text_at(rows, i, 0));
	dbmig_rows_free(rows);
	return result;
}

/* Half a detaching is finished; *done: the table is no partition. */
static int
finish_detaching(dbmig_place *at, const char *p, bool *done, bool *finished)
{
	static const char find[] =
	"SELECT (SELECT inhdetachpending FROM pg_catalog.pg_inherits"
	" WHERE inhrelid = pg_catalog.to_regclass($1) AND inhparent = pg_catalog.to_regclass($2)),"
	" pg_catalog.to_regclass($1) IS NOT NULL AND pg_catalog.to_regclass($2) IS NOT NULL,"
	" pg_catalog.to_regclass($1)::text, pg_catalog.to_regclass($2)::text";
	char	   *table;
	char	   *partition;
	dbmig_rows *rows = NULL;
	bool		pending = false;
	bool		there = false;
	int			result;

	/* before there was none */
	if (PQserverVersion(at->plain->conn->native) < 140000)
		return 0;
	(void) pass(&p, "table");
	pass_if_exists(&p);
	(void) pass(&p, "only");
	table = read_name(&p);
	(void) pass(&p, "*");
	if (!pass(&p, "detach") || !pass(&p, "partition"))
	{
		free(table);
		return 0;
	}
	partition = read_name(&p);
	result = ask(at, find, 2, partition, table, &rows);
	if (result == 0 && dbmig_bool_at(rows, 0, 0, &pending))
	{
		if (pending)
		{
			char	   *finalize = dbmig_format_text(" DETACH PARTITION %s FINALIZE",
													 dbmig_text_at(rows, 0, 2));

			result = finalize == NULL ?
				dbmig_fail(at->call, DBMIG_NO_MEMORY, NULL, "out of memory") :
				exec_named(at, "ALTER TABLE ", dbmig_text_at(rows, 0, 3), finalize);
			free(finalize);
			*finished = result == 0;
		}
	}
	else if (result == 0)
		*done = dbmig_bool_at(rows, 0, 1, &there) && there;
	dbmig_rows_free(rows);
	return result;
}

/* *gone: nothing of what DROP INDEX CONCURRENTLY names is there */
static int
are_gone(dbmig_place *at, const char *p, bool *gone)
{
	int			result = 0;

	*gone = true;
	(void) pass(&p, "index");
	(void) pass(&p, "concurrently");
	pass_if_exists(&p);
	do
	{
		dbmig_rows *rows;
		bool		missing = false;

		result = ask(at, "SELECT pg_catalog.to_regclass($1) IS NULL", 1, read_name(&p), NULL, &rows);
		*gone = result == 0 && *gone && dbmig_bool_at(rows, 0, 0, &missing) && missing;
		dbmig_rows_free(rows);
	} while (result == 0 && pass(&p, ","));
	return result;
}

static int
has_database(dbmig_place *at, const char *p, bool *there)
{
	dbmig_rows *rows;
	int			result;

	(void) pass(&p, "database");
	pass_if_exists(&p);
	result = ask(at, "SELECT pg_catalog.count(*) > 0 FROM pg_catalog.pg_database"
				 " WHERE datname = (pg_catalog.parse_ident($1))[1]", 1, read_name(&p), NULL, &rows);
	*there = false;
	if (result == 0)
		dbmig_bool_at(rows, 0, 0, there);
	dbmig_rows_free(rows);
	return result;
}

int
dbmig_plain_clear_leftovers(dbmig_place *at, bool was_running, bool *done)
{
	const char *p = at->script + at->part.start;
	dbmig_piece first = next(&p);
	dbmig_piece second;
	const char *behind = p;
	bool		database;
	bool		finished = false;
	int			result = 0;

	*done = false;
	second = next(&behind);
	database = dbmig_piece_is(&second, "database");
	if (dbmig_piece_is(&first, "create") && database)
		result = has_database(at, p, done);
	else if (dbmig_piece_is(&first, "create") &&
			 (dbmig_piece_is(&second, "index") || dbmig_piece_is(&second, "unique")))
		result = clear_index(at, p, done);
	else if (dbmig_piece_is(&first, "reindex"))
		result = clear_copies(at, p);
	else if (dbmig_piece_is(&first, "alter") && dbmig_piece_is(&second, "table"))
		result = finish_detaching(at, p, done, &finished);
	else if (dbmig_piece_is(&first, "drop") && dbmig_piece_is(&second, "index"))
		result = are_gone(at, p, done);
	else if (dbmig_piece_is(&first, "drop") && database)
	{
		result = has_database(at, p, done);
		*done = !*done;
	}
	*done = result == 0 && (finished || (*done && was_running));
	return result;
}
