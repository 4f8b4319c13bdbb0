/*
 * plain_start.c
 *		Migrations at start where the extension cannot be installed, and how the
 *		extension takes over once it can.
 */
#include "plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Made of pg/dbmig--*.sql: its CREATE TABLE and CREATE INDEX. */
static const char *const tables[] = {
#include "plain_tables.inc"
	NULL
};

/* As the extension's functions have it. */
static const char *
sqlstate(dbmig_status status)
{
	switch (status)
	{
		case DBMIG_OK:
		case DBMIG_ENGINE:
			break;
		case DBMIG_NO_MEMORY:
			return "53200";
		case DBMIG_NULL_VALUE:
			return "22004";
		case DBMIG_BAD_VALUE:
			return "22023";
		case DBMIG_UNKNOWN:
			return "42704";
		case DBMIG_DUPLICATE:
			return "42710";
		case DBMIG_CYCLE:
			return "42P17";
		case DBMIG_CHANGED:
		case DBMIG_NOT_READY:
			return "55000";
		case DBMIG_NEEDED:
			return "2BP01";
		case DBMIG_LOCKED:
			return "55P03";
		case DBMIG_BAD_CALLER:
			return "25001";
		case DBMIG_NOT_SUPPORTED:
			return "0A000";
		case DBMIG_READ_ONLY:
			return "25006";
		case DBMIG_NO_RIGHT:
			return "42501";
		case DBMIG_NO_FILE:
			return "58P01";
		case DBMIG_IO:
			return "58030";
		case DBMIG_SERIALIZE:
			return "40001";
		case DBMIG_DAMAGED:
			return "XX001";
	}
	return "XX000";
}

static dbmig_error *
error_of(dbmig_call *call, dbmig_plain *plain)
{
	dbmig_error *error;

	if (call->status == DBMIG_NO_MEMORY)
		return dbmig_error_memory();
	if (call->status == DBMIG_ENGINE && plain->error != NULL)
	{
		/* the core may have put a place in front of it since */
		error = dbmig_error_make(DBMIG_E_MIGRATION,
								 call->message != NULL ? call->message : plain->error->message,
								 plain->error->detail, plain->error->hint);
		if (error->code != DBMIG_E_MEMORY)
			memcpy(error->sqlstate, plain->error->sqlstate, sizeof(error->sqlstate));
		return error;
	}
	error = dbmig_error_make(DBMIG_E_MIGRATION, call->message, NULL, call->hint);
	if (error->code != DBMIG_E_MEMORY)
		strcpy(error->sqlstate, sqlstate(call->status));
	return error;
}

/*
 * One of dbmig's functions.  *result (may be NULL) gets what it gives, as text
 * that the caller frees; NULL where that is nothing.
 */
dbmig_error *
dbmig_plain_call(dbmig_plain *plain, const char *name, int count,
				 const dbmig_value *args, char **result)
{
	const dbmig_function *function = dbmig_function_find(name);
	int			depth = plain->depth;
	dbmig_error *error = NULL;
	dbmig_value value = dbmig_null();
	dbmig_call	call;

	dbmig_call_begin(&call, &dbmig_plain_host, plain);
	call.settings = plain->settings;
	if (function->scalar(&call, count, args, &value) != 0)
	{
		error = error_of(&call, plain);
		if (plain->depth > depth)
			dbmig_plain_abort(&call);
	}
	dbmig_plain_release(&call);
	if (error == NULL && result != NULL && value.type != DBMIG_NULL)
	{
		*result = value.type == DBMIG_TEXT ? dbmig_format_text("%s", value.text) :
			value.type == DBMIG_BOOL ? dbmig_format_text("%s", value.integer ? "t" : "f") :
			dbmig_format_text("%lld", (long long) value.integer);
		if (*result == NULL)
			error = dbmig_error_memory();
	}
	dbmig_call_end(&call);
	dbmig_error_free(plain->error);
	plain->error = NULL;
	return error;
}

/* "tenant TEXT, pending INTEGER": rows with columns of these names. */
static dbmig_rows *
rows_named(const char *columns)
{
	int			count = 1;
	const char *p;
	dbmig_rows *rows;
	int			i;

	for (p = columns; *p != '\0'; p++)
		count += *p == ',';
	rows = dbmig_rows_new(count);
	for (i = 0; rows != NULL && i < count; i++)
	{
		char	   *name;
		bool		kept;

		columns += strspn(columns, ", ");
		name = dbmig_format_text("%.*s", (int) strcspn(columns, " "), columns);
		kept = name != NULL && dbmig_rows_set_name(rows, i, name);
		free(name);
		columns += strcspn(columns, ",");
		if (kept)
			continue;
		dbmig_rows_free(rows);
		rows = NULL;
	}
	return rows;
}

static int
keep_row(dbmig_call *call, void *arg, const dbmig_value *row)
{
	dbmig_rows *rows = arg;
	dbmig_cell *cells = dbmig_rows_add(rows);
	char		number[24];
	int			i;

	for (i = 0; cells != NULL && i < dbmig_rows_columns(rows); i++)
	{
		const char *text = row[i].type == DBMIG_TEXT ? row[i].text : number;

		if (row[i].type == DBMIG_NULL)
			continue;
		if (row[i].type != DBMIG_TEXT)
			snprintf(number, sizeof(number), "%lld", (long long) row[i].integer);
		cells[i].kind = row[i].type == DBMIG_TEXT ? DBMIG_KIND_TEXT : DBMIG_KIND_INT;
		cells[i].integer = row[i].integer;
		cells[i].length = strlen(text);
		cells[i].data = dbmig_rows_keep(rows, text, cells[i].length);
		if (cells[i].data == NULL)
			cells = NULL;
	}
	return cells != NULL ? 0 : dbmig_fail(call, DBMIG_NO_MEMORY, NULL, "out of memory");
}

dbmig_error *
dbmig_plain_rows(dbmig_plain *plain, const dbmig_function *function, bool there,
				 dbmig_rows **rows)
{
	dbmig_error *error = NULL;
	dbmig_call	call;

	*rows = rows_named(function->columns);
	if (*rows == NULL)
		return dbmig_error_memory();
	dbmig_call_begin(&call, &dbmig_plain_host, plain);
	if (there && function->rows(&call, 0, NULL, keep_row, *rows) != 0)
		error = error_of(&call, plain);
	dbmig_call_end(&call);
	dbmig_error_free(plain->error);
	plain->error = NULL;
	if (error != NULL)
	{
		dbmig_rows_free(*rows);
		*rows = NULL;
	}
	return error;
}

dbmig_error *
dbmig_plain_there(dbmig_conn *conn, bool *there)
{
	dbmig_rows *rows = NULL;
	dbmig_error *error;

	/* to_regclass() may not have heard yet of what others have committed */
	error = dbmig_query(conn, "SELECT count(*) > 0 FROM pg_catalog.pg_class c"
						" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
						" WHERE n.nspname = '" PLAIN_SCHEMA "' AND c.relname = 'dbmig_history'",
						0, NULL, &rows);

	*there = false;
	if (error == NULL)
		dbmig_bool_at(rows, 0, 0, there);
	dbmig_rows_free(rows);
	return error;
}

/* Two at once take turns; the lock goes with the transaction. */
dbmig_error *
dbmig_plain_tables(dbmig_conn *conn)
{
	bool		there;
	dbmig_error *error = dbmig_plain_there(conn, &there);
	int			i;

	if (error != NULL || there)
		return error;
	error = dbmig_exec(conn, "BEGIN ISOLATION LEVEL READ COMMITTED;"
					   "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('dbmig_tables'))",
					   0, NULL, NULL);
	if (error == NULL)
		error = dbmig_plain_there(conn, &there);
	if (error == NULL && !there)
	{
		error = dbmig_exec(conn, "CREATE SCHEMA IF NOT EXISTS " PLAIN_SCHEMA ";"
						   "SET LOCAL search_path = " PLAIN_SCHEMA, 0, NULL, NULL);
		for (i = 0; error == NULL && tables[i] != NULL; i++)
			error = dbmig_exec(conn, tables[i], 0, NULL, NULL);
	}
	if (error == NULL)
		return dbmig_commit(conn);
	if (conn->driver->in_use(conn))
		dbmig_error_free(dbmig_undo(conn));
	return error;
}

static dbmig_error *
register_wanted(dbmig_plain *plain, const dbmig_wanted *wanted)
{
	const dbmig_rows *rows = wanted->migrations;
	dbmig_error *error = NULL;
	dbmig_value args[6];
	int			i;

	for (i = 0; error == NULL && i < dbmig_rows_count(rows); i++)
	{
		args[0] = dbmig_text(dbmig_text_at(rows, i, WANTED_PACKAGE));
		args[1] = dbmig_text(dbmig_text_at(rows, i, WANTED_VERSION));
		args[2] = dbmig_text(dbmig_text_at(rows, i, WANTED_UP));
		args[3] = dbmig_text(dbmig_text_at(rows, i, WANTED_DOWN));
		args[4] = dbmig_text(dbmig_text_at(rows, i, WANTED_NAME));
		args[5] = dbmig_text(dbmig_text_at(rows, i, WANTED_OPTIONS));
		error = dbmig_plain_call(plain, strcmp(dbmig_text_at(rows, i, WANTED_KIND), "function") == 0 ?
								 "dbmig_register_function" : "dbmig_register", 6, args, NULL);
	}
	rows = wanted->dependencies;
	for (i = 0; error == NULL && i < dbmig_rows_count(rows); i++)
	{
		char	   *item = dbmig_item_join(dbmig_text_at(rows, i, 0), dbmig_text_at(rows, i, 1));
		char	   *after = dbmig_item_join(dbmig_text_at(rows, i, 2), dbmig_text_at(rows, i, 3));

		args[0] = dbmig_text(item);
		args[1] = dbmig_text(after);
		error = item == NULL || after == NULL ? dbmig_error_memory() :
			dbmig_plain_call(plain, "dbmig_after", 2, args, NULL);
		free(item);
		free(after);
	}
	return error;
}

static int
see_alone(dbmig_call *call, void *arg, const dbmig_value *row)
{
	(void) call;
	if (row[5].integer == 0)
		*(bool *) arg = true;
	return 0;
}

/* Whether a pending migration cannot be in a transaction with the others. */
static dbmig_error *
needs_migrate(dbmig_plain *plain, const dbmig_wanted *wanted, bool *migrate)
{
	const dbmig_function *function = dbmig_function_find("dbmig_plan");
	dbmig_error *error = NULL;
	int			i;

	*migrate = plain->conn->db->options.one_by_one;
	for (i = 0; error == NULL && !*migrate && i < dbmig_rows_count(wanted->packages); i++)
	{
		dbmig_value args[2];
		dbmig_call	call;

		args[0] = dbmig_text(dbmig_text_at(wanted->packages, i, 0));
		args[1] = dbmig_text(dbmig_text_at(wanted->packages, i, 1));
		dbmig_call_begin(&call, &dbmig_plain_host, plain);
		call.settings = plain->settings;
		if (function->rows(&call, 2, args, see_alone, migrate) != 0)
			error = error_of(&call, plain);
		dbmig_call_end(&call);
	}
	return error;
}

/* In one transaction, which each call joins; or each migration in its own. */
static dbmig_error *
apply_wanted(dbmig_plain *plain, const dbmig_wanted *wanted, bool migrate)
{
	dbmig_error *error = NULL;
	int			i;

	if (!migrate)
	{
		error = dbmig_exec(plain->conn, "BEGIN ISOLATION LEVEL READ COMMITTED", 0, NULL, NULL);
		plain->depth = error == NULL;
	}
	for (i = 0; error == NULL && i < dbmig_rows_count(wanted->packages); i++)
	{
		dbmig_value args[2];

		args[0] = dbmig_text(dbmig_text_at(wanted->packages, i, 0));
		args[1] = dbmig_text(dbmig_text_at(wanted->packages, i, 1));
		error = dbmig_plain_call(plain, migrate ? "dbmig_migrate" : "dbmig_apply", 2,
								 args, NULL);
	}
	plain->depth = 0;
	if (error == NULL && !migrate)
		error = dbmig_commit(plain->conn);
	if (error != NULL && plain->conn->driver->in_use(plain->conn))
		dbmig_error_free(dbmig_undo(plain->conn));
	return error;
}

dbmig_error *
dbmig_start_plain(dbmig_conn *conn, const dbmig_wanted *wanted)
{
	dbmig_error *error = dbmig_plain_tables(conn);
	dbmig_plain plain;
	bool		migrate = false;

	memset(&plain, 0, sizeof(plain));
	plain.conn = conn;
	plain.settings.lock_timeout = conn->db->options.lock_timeout;
	if (error == NULL)
		error = register_wanted(&plain, wanted);
	if (error == NULL)
		error = needs_migrate(&plain, wanted, &migrate);
	if (error == NULL)
		error = apply_wanted(&plain, wanted, migrate);
	dbmig_error_free(plain.error);
	return error;
}

/*
 * In one transaction, so that each row is in one of the two.  The history's
 * numbers are given anew, in their order.
 */
dbmig_error *
dbmig_plain_hand_over(dbmig_conn *conn, const char *schema)
{
	static const char hand_over[] =
	"DO $$ DECLARE t text; c text; BEGIN"
	" PERFORM pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('dbmig_tables'));"
	" IF pg_catalog.to_regclass('" PLAIN_SCHEMA ".dbmig_history') IS NULL THEN RETURN; END IF;"
	" FOR t, c IN SELECT a.relname, pg_catalog.string_agg(pg_catalog.quote_ident(b.attname), ', ' ORDER BY b.attnum)"
	" FROM pg_catalog.pg_class a JOIN pg_catalog.pg_attribute b ON b.attrelid = a.oid"
	" WHERE a.relnamespace = '" PLAIN_SCHEMA "'::pg_catalog.regnamespace AND a.relkind = 'r'"
	" AND a.relname ~ '^dbmig_' AND b.attnum > 0 AND NOT b.attisdropped AND b.attname <> 'id'"
	" GROUP BY a.relname ORDER BY a.relname LOOP"
	" EXECUTE pg_catalog.format('INSERT INTO %I.%I (%s) SELECT %s FROM " PLAIN_SCHEMA ".%I %s"
	" ON CONFLICT DO NOTHING', pg_catalog.current_setting('dbmig_client.schema'), t, c, c, t, CASE t WHEN 'dbmig_history' THEN 'ORDER BY id' ELSE '' END);"
	" EXECUTE pg_catalog.format('DROP TABLE " PLAIN_SCHEMA ".%I', t);"
	" END LOOP; END $$";
	bool		there;
	dbmig_error *error = dbmig_plain_there(conn, &there);
	dbmig_param param = dbmig_bind_text(schema);

	if (error != NULL || !there || strcmp(schema, PLAIN_SCHEMA) == 0)
		return error;
	error = dbmig_exec(conn, "SELECT pg_catalog.set_config('dbmig_client.schema', $1, false)",
					   1, &param, NULL);
	if (error == NULL)
		error = dbmig_exec(conn, hand_over, 0, NULL, NULL);
	if (error != NULL)
		return dbmig_error_in(error, "the extension could not take over the tables in schema \""
							  PLAIN_SCHEMA "\"");
	dbmig_say(conn->db, DBMIG_LOG_NOTICE,
			  "the extension dbmig has taken over the tables in schema \"" PLAIN_SCHEMA "\"");

	/* somebody may have put more into it */
	dbmig_error_free(dbmig_exec(conn, "DROP SCHEMA " PLAIN_SCHEMA, 0, NULL, NULL));
	return NULL;
}
