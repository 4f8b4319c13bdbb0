/*
 * start_pg.c
 *		Migrations at start in PostgreSQL.
 *
 * Where there is nothing to do, one statement says so: it reads dbmig's tables
 * by the search_path, and says too whether these are the extension's own, since
 * a name alone can be anybody's.  Otherwise they are looked for.
 *
 * A step in C cannot be called by the server.  It is registered as a function
 * that exists in this session only, runs in a transaction here, and then
 * dbmig_apply() in the same transaction records it, finding it done.  Whoever
 * else applies the package is told that the function is missing.  Between
 * programs with steps in C an advisory lock, polled, takes turns.
 */
#include "plain.h"

#include <stdlib.h>
#include <string.h>

#define EXTENSION_SCHEMA \
	"SELECT n.nspname FROM pg_catalog.pg_extension e" \
	" JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace" \
	" WHERE e.extname = 'dbmig'"

/* A row more: whether what was read is the extension's. */
static const char own_tables[] =
" UNION ALL SELECT 'e', n.nspname, NULL, NULL, NULL, NULL, NULL, NULL, NULL"
" FROM pg_catalog.pg_extension e"
" JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace"
" WHERE e.extname = 'dbmig' AND (SELECT count(*) FROM pg_catalog.pg_class c"
" WHERE c.relnamespace = n.oid AND c.oid IN ('dbmig_migration'::pg_catalog.regclass,"
" 'dbmig_applied'::pg_catalog.regclass, 'dbmig_dependency'::pg_catalog.regclass)) = 3";

static bool
is_state(const dbmig_error *error, const char *state)
{
	return error != NULL && strcmp(error->sqlstate, state) == 0;
}

static dbmig_error *
packages_array(const dbmig_wanted *wanted, int column, char **array)
{
	dbmig_string text = {NULL, 0, 0, false};
	int			i;

	for (i = 0; i < dbmig_rows_count(wanted->packages); i++)
		dbmig_string_element(&text, dbmig_text_at(wanted->packages, i, column));
	dbmig_string_end(&text);
	*array = text.text;
	return text.text != NULL ? NULL : dbmig_error_memory();
}

/* The state in this schema, or by the search_path where it is NULL. */
static dbmig_error *
read_state(dbmig_conn *conn, const dbmig_wanted *wanted, const char *schema,
		   dbmig_state *state)
{
	char	   *sql = dbmig_in_schema(dbmig_state_pg, schema);
	char	   *whole = sql == NULL ? NULL :
	dbmig_format_text("%s%s", sql, schema == NULL ? own_tables : "");
	char	   *array = NULL;
	dbmig_rows *rows = NULL;
	dbmig_param param;
	dbmig_error *error = packages_array(wanted, 0, &array);

	if (error == NULL && whole == NULL)
		error = dbmig_error_memory();
	if (error == NULL)
	{
		param = dbmig_bind_text(array);
		error = dbmig_query(conn, whole, 1, &param, &rows);
	}
	free(array);
	free(sql);
	free(whole);
	return error == NULL ? dbmig_state_make(rows, state) : error;
}

static bool
has_own(const dbmig_state *state)
{
	int			i;

	for (i = state->count - 1; i >= 0; i--)
		if (strcmp(dbmig_text_at(state->rows, i, 0), "e") == 0)
			return true;
	return false;
}

dbmig_error *
dbmig_extension_find(dbmig_conn *conn, char **schema)
{
	dbmig_rows *rows = NULL;
	dbmig_error *error = dbmig_query(conn, EXTENSION_SCHEMA, 0, NULL, &rows);

	*schema = NULL;
	if (error == NULL && dbmig_rows_count(rows) == 1)
	{
		*schema = dbmig_format_text("%s", dbmig_text_at(rows, 0, 0));
		if (*schema == NULL)
			error = dbmig_error_memory();
	}
	dbmig_rows_free(rows);
	return error;
}

static dbmig_error *
look_plain(dbmig_conn *conn, const dbmig_wanted *wanted, dbmig_state *state)
{
	bool		there;
	dbmig_error *error = dbmig_plain_there(conn, &there);

	return error == NULL && there ?
		read_state(conn, wanted, PLAIN_SCHEMA, state) : error;
}

dbmig_error *
dbmig_look_pg(dbmig_conn *conn, const dbmig_wanted *wanted, dbmig_state *state)
{
	dbmig_error *error = read_state(conn, wanted, NULL, state);
	char	   *schema;

	if (error == NULL && has_own(state))
		return NULL;
	dbmig_state_free(state);
	if (error != NULL && !is_state(error, "42P01") && !is_state(error, "42703") &&
		!is_state(error, "42501"))
		return error;
	dbmig_error_free(error);
	error = dbmig_extension_find(conn, &schema);
	if (error == NULL && schema != NULL)
		error = read_state(conn, wanted, schema, state);
	else if (error == NULL)
		error = look_plain(conn, wanted, state);
	free(schema);
	return error;
}

/* The server does not have the extension, or this role may not create it. */
static bool
cannot_create(const dbmig_error *error)
{
	return is_state(error, "0A000") || is_state(error, "58P01") ||
		is_state(error, "42501");
}

/*
 * Creates the extension; two at once do not know of each other.  *schema stays
 * NULL where it cannot be had.
 */
static dbmig_error *
make_extension(dbmig_conn *conn, char **schema)
{
	dbmig_error *error = dbmig_extension_find(conn, schema);
	int			tries;

	for (tries = 0; error == NULL && *schema == NULL && tries < 10; tries++)
	{
		error = dbmig_exec(conn, "CREATE EXTENSION IF NOT EXISTS dbmig", 0, NULL, NULL);
		if (is_state(error, "23505") || is_state(error, "42710"))
		{
			dbmig_error_free(error);
			error = NULL;
			dbmig_clock_sleep(0.05);
		}
		if (error == NULL)
			error = dbmig_extension_find(conn, schema);
		else if (cannot_create(error))
		{
			dbmig_error_free(error);
			return NULL;
		}
	}
	return error;
}

dbmig_error *
dbmig_extension_run(dbmig_conn *conn, const char *schema, const char *sql, int count,
					const dbmig_param *params, dbmig_rows **rows)
{
	char	   *text = dbmig_in_schema(sql, schema);
	dbmig_error *error;

	if (text == NULL)
		return dbmig_error_memory();
	error = rows != NULL ? dbmig_query(conn, text, count, params, rows) :
		dbmig_exec(conn, text, count, params, NULL);
	free(text);
	return error;
}

/* All in one statement, whatever their number: a round trip, or nothing. */
static dbmig_error *
register_kind(dbmig_conn *conn, const char *schema, const dbmig_wanted *wanted,
			  const char *kind, const char *sql)
{
	static const dbmig_wanted_column columns[6] = {
		WANTED_PACKAGE, WANTED_VERSION, WANTED_UP, WANTED_DOWN, WANTED_NAME,
		WANTED_OPTIONS
	};
	const dbmig_rows *rows = wanted->migrations;
	dbmig_string arrays[6];
	dbmig_param params[6];
	dbmig_error *error = NULL;
	int			found = 0;
	int			i;
	int			j;

	memset(arrays, 0, sizeof(arrays));
	for (i = 0; i < dbmig_rows_count(rows); i++)
	{
		if (strcmp(dbmig_text_at(rows, i, WANTED_KIND), kind) != 0)
			continue;
		for (j = 0; j < 6; j++)
			dbmig_string_element(&arrays[j], dbmig_text_at(rows, i, (int) columns[j]));
		found++;
	}
	for (j = 0; j < 6; j++)
	{
		dbmig_string_end(&arrays[j]);
		params[j] = dbmig_bind_text(arrays[j].text);
		if (arrays[j].text == NULL)
			error = dbmig_error_memory();
	}
	if (error == NULL && found > 0)
		error = dbmig_extension_run(conn, schema, sql, 6, params, NULL);
	for (j = 0; j < 6; j++)
		free(arrays[j].text);
	return error;
}

#define REGISTER(function) \
	"SELECT @." function "(u.p, u.v, u.up, u.down, u.name, u.options)" \
	" FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]," \
	" $5::text[], $6::text[]) WITH ORDINALITY" \
	" AS u(p, v, up, down, name, options, nr) ORDER BY u.nr"

static dbmig_error *
register_dependencies(dbmig_conn *conn, const char *schema, const dbmig_wanted *wanted)
{
	const dbmig_rows *rows = wanted->dependencies;
	dbmig_string items = {NULL, 0, 0, false};
	dbmig_string afters = {NULL, 0, 0, false};
	dbmig_error *error = NULL;
	dbmig_param params[2];
	int			i;

	if (dbmig_rows_count(rows) == 0)
		return NULL;
	for (i = 0; error == NULL && i < dbmig_rows_count(rows); i++)
	{
		char	   *item = dbmig_item_join(dbmig_text_at(rows, i, 0), dbmig_text_at(rows, i, 1));
		char	   *after = dbmig_item_join(dbmig_text_at(rows, i, 2), dbmig_text_at(rows, i, 3));

		if (item == NULL || after == NULL)
			error = dbmig_error_memory();
		dbmig_string_element(&items, item);
		dbmig_string_element(&afters, after);
		free(item);
		free(after);
	}
	dbmig_string_end(&items);
	dbmig_string_end(&afters);
	params[0] = dbmig_bind_text(items.text);
	params[1] = dbmig_bind_text(afters.text);
	if (error == NULL && (items.text == NULL || afters.text == NULL))
		error = dbmig_error_memory();
	if (error == NULL)
		error = dbmig_extension_run(conn, schema, "SELECT @.dbmig_after(u.item, u.after)"
									" FROM unnest($1::text[], $2::text[]) WITH ORDINALITY"
									" AS u(item, after, nr) ORDER BY u.nr", 2, params, NULL);
	free(items.text);
	free(afters.text);
	return error;
}

static dbmig_error *
register_wanted(dbmig_conn *conn, const char *schema, const dbmig_wanted *wanted)
{
	dbmig_error *error = dbmig_begin(conn);

	if (error != NULL)
		return error;
	error = register_kind(conn, schema, wanted, "sql", REGISTER("dbmig_register"));
	if (error == NULL)
		error = register_kind(conn, schema, wanted, "function",
							  REGISTER("dbmig_register_function"));
	if (error == NULL)
		error = register_dependencies(conn, schema, wanted);
	if (error == NULL)
		return dbmig_commit(conn);
	dbmig_error_free(dbmig_undo(conn));
	return error;
}

/*
 * What is to be done of one package or, where it is NULL, of all, in order:
 * package, version, transactional.
 */
static dbmig_error *
read_plan(dbmig_conn *conn, const char *schema, const dbmig_wanted *wanted,
		  dbmig_rows **rows)
{
	char	   *names = NULL;
	char	   *versions = NULL;
	dbmig_param params[2];
	dbmig_error *error = packages_array(wanted, 0, &names);

	if (error == NULL)
		error = packages_array(wanted, 1, &versions);
	params[0] = dbmig_bind_text(names);
	params[1] = dbmig_bind_text(versions);
	if (error == NULL)
		error = dbmig_extension_run(conn, schema, "SELECT d.package, d.version, d.transactional"
									" FROM unnest($1::text[], $2::text[]) WITH ORDINALITY"
									" AS u(p, v, nr), LATERAL @.dbmig_plan(u.p, u.v) d"
									" ORDER BY u.nr, d.position", 2, params, rows);
	free(names);
	free(versions);
	return error;
}

static dbmig_error *
apply_one(dbmig_conn *conn, const char *schema, const char *sql,
		  const char *package, const char *version)
{
	dbmig_param params[2];

	params[0] = dbmig_bind_text(package);
	params[1] = dbmig_bind_text(version);
	return dbmig_extension_run(conn, schema, sql, 2, params, NULL);
}

static dbmig_error *
apply_packages(dbmig_conn *conn, const char *schema, const dbmig_wanted *wanted,
			   bool migrate)
{
	dbmig_error *error = migrate ? NULL : dbmig_begin(conn);
	int			i;

	for (i = 0; error == NULL && i < dbmig_rows_count(wanted->packages); i++)
		error = apply_one(conn, schema, migrate ? "CALL @.dbmig_migrate($1, $2)" :
						  "SELECT @.dbmig_apply($1, $2)",
						  dbmig_text_at(wanted->packages, i, 0),
						  dbmig_text_at(wanted->packages, i, 1));
	if (migrate)
		return error;
	if (error == NULL)
		return dbmig_commit(conn);
	if (conn->driver->in_use(conn))
		dbmig_error_free(dbmig_undo(conn));
	return error;
}

/* In a transaction: the lock of programs with steps in C. */
static dbmig_error *
take_turn(dbmig_conn *conn)
{
	double		limit = conn->db->options.lock_timeout;
	int64_t		until = dbmig_clock_after(dbmig_clock(), limit);

	for (;;)
	{
		dbmig_rows *rows = NULL;
		bool		got = false;
		dbmig_error *error;

		error = dbmig_query(conn, "SELECT pg_catalog.pg_try_advisory_xact_lock("
							"pg_catalog.hashtext('dbmig_client'), pg_catalog.hashtext('step'))",
							0, NULL, &rows);
		if (error == NULL)
			dbmig_bool_at(rows, 0, 0, &got);
		dbmig_rows_free(rows);
		if (error != NULL || got)
			return error;
		if (dbmig_clock() >= until)
			return dbmig_error_hint(DBMIG_E_MIGRATION,
									"lock_timeout is how many seconds it waits.",
									"another program is applying migrations");
		dbmig_clock_sleep(0.05);
	}
}

/* It fails for any other migration than the one that has just run here. */
static const char make_step_function[] =
"CREATE OR REPLACE FUNCTION pg_temp.dbmig_client_step(package text, version text)"
" RETURNS void LANGUAGE plpgsql AS $$ BEGIN"
" IF current_setting('dbmig_client.step', true) IS DISTINCT FROM"
" package || '@' || version THEN"
" RAISE EXCEPTION 'the program has not run migration \"%@%\"', package, version;"
" END IF; END $$";

static dbmig_error *
is_done(dbmig_conn *conn, const char *schema, const char *package,
		const char *version, bool *done)
{
	dbmig_rows *rows = NULL;
	dbmig_param params[2];
	dbmig_error *error;

	params[0] = dbmig_bind_text(package);
	params[1] = dbmig_bind_text(version);
	error = dbmig_extension_run(conn, schema, "SELECT 1 FROM @.dbmig_applied WHERE tenant = ''"
								" AND package = $1 AND version = $2 AND state = 'applied'", 2,
								params, &rows);
	*done = error == NULL && dbmig_rows_count(rows) > 0;
	dbmig_rows_free(rows);
	return error;
}

/* By the server; another program may have done it since it was planned. */
static dbmig_error *
migrate_one(dbmig_conn *conn, const char *schema, const char *package,
			const char *version)
{
	dbmig_error *error = apply_one(conn, schema, "CALL @.dbmig_migrate($1, $2)",
								   package, version);
	bool		done = false;

	if (error == NULL)
		return NULL;
	dbmig_error_free(is_done(conn, schema, package, version, &done));
	if (!done)
		return error;
	dbmig_error_free(error);
	return NULL;
}

static dbmig_error *
run_step(dbmig_conn *conn, const char *schema, const char *package, const char *version)
{
	char	   *item = dbmig_item_join(package, version);
	bool		done = false;
	dbmig_error *error;

	if (item == NULL)
		return dbmig_error_memory();
	error = dbmig_begin(conn);
	if (error == NULL)
		error = take_turn(conn);
	if (error == NULL)
		error = is_done(conn, schema, package, version, &done);
	if (error == NULL && !done)
	{
		error = dbmig_error_in(dbmig_step_call(conn, package, version, false),
							   "migration \"%s\"", item);
		if (error == NULL && !conn->driver->in_use(conn))
			error = dbmig_error_new(DBMIG_E_MIGRATION,
									"migration \"%s\" has ended the transaction", item);
		if (error == NULL)
		{
			dbmig_param name = dbmig_bind_text(item);

			error = dbmig_exec(conn, "SELECT pg_catalog.set_config('dbmig_client.step', $1, true)",
							   1, &name, NULL);
		}
		if (error == NULL)
			error = apply_one(conn, schema, "SELECT @.dbmig_apply($1, $2)", package, version);
	}
	if (error == NULL)
		error = dbmig_commit(conn);
	else if (conn->driver->in_use(conn))
		dbmig_error_free(dbmig_undo(conn));
	free(item);
	return error;
}

/* One after the other, since those in C are run from here. */
static dbmig_error *
apply_steps(dbmig_conn *conn, const char *schema, const dbmig_rows *plan)
{
	dbmig_error *error = dbmig_exec(conn, make_step_function, 0, NULL, NULL);
	int			i;

	for (i = 0; error == NULL && i < dbmig_rows_count(plan); i++)
	{
		const char *package = dbmig_text_at(plan, i, 0);
		const char *version = dbmig_text_at(plan, i, 1);

		if (dbmig_wanted_step(conn->db, package, version) != NULL)
			error = run_step(conn, schema, package, version);
		else
			error = migrate_one(conn, schema, package, version);
	}
	return error;
}

dbmig_error *
dbmig_extension_lock_timeout(dbmig_conn *conn, const char *schema)
{
	double		seconds = conn->db->options.lock_timeout;
	char		text[48];
	dbmig_param param;

	dbmig_real_write(seconds < 2147483 ? seconds : 2147483, text, sizeof(text));
	param = dbmig_bind_text(text);
	return dbmig_extension_run(conn, schema, "SELECT @.dbmig_set('lock_timeout', $1)", 1, &param, NULL);
}

static dbmig_error *
apply_wanted(dbmig_conn *conn, const char *schema, const dbmig_wanted *wanted)
{
	bool		migrate = conn->db->options.one_by_one;
	bool		steps = false;
	dbmig_rows *plan = NULL;
	dbmig_error *error = read_plan(conn, schema, wanted, &plan);
	int			i;

	for (i = 0; error == NULL && i < dbmig_rows_count(plan); i++)
	{
		bool		transactional = true;

		dbmig_bool_at(plan, i, 2, &transactional);
		migrate = migrate || !transactional;
		steps = steps || dbmig_wanted_step(conn->db, dbmig_text_at(plan, i, 0),
										   dbmig_text_at(plan, i, 1)) != NULL;
	}
	if (error == NULL)
		error = steps ? apply_steps(conn, schema, plan) :
			apply_packages(conn, schema, wanted, migrate);
	dbmig_rows_free(plan);
	return error;
}

dbmig_error *
dbmig_start_pg(dbmig_conn *conn, const dbmig_wanted *wanted)
{
	char	   *schema = NULL;
	dbmig_error *error = make_extension(conn, &schema);

	if (error == NULL && schema == NULL)
		return dbmig_start_plain(conn, wanted);
	if (error == NULL)
		error = dbmig_plain_hand_over(conn, schema);
	if (error == NULL)
		error = dbmig_extension_lock_timeout(conn, schema);
	if (error == NULL)
		error = register_wanted(conn, schema, wanted);
	if (error == NULL)
		error = apply_wanted(conn, schema, wanted);
	free(schema);
	if (error != NULL &&
		(error->code == DBMIG_E_DATABASE || error->code == DBMIG_E_HOOK))
		error->code = DBMIG_E_MIGRATION;
	return error;
}
