/*
 * start.h
 *		What the files of dbmig_start() offer each other.
 *
 * The program's packages ("wanted") are registered in a database in memory
 * first, by the same core: so names, versions and cycles are checked, and
 * checksums known, before the database is asked.  What the database has
 * ("state") is read by one statement, and compared here.
 *
 * Three kinds of place can take migrations: PostgreSQL with the extension,
 * PostgreSQL without it (plain tables, and the core here), and SQLite.
 */
#ifndef DBMIG_START_H
#define DBMIG_START_H

#include "client.h"

/* The function that a step in C is registered as, on each. */
#define STEP_FUNCTION_PG "pg_temp.dbmig_client_step"
#define STEP_FUNCTION_SQLITE "dbmig_client_step"

/* Columns of wanted.migrations */
typedef enum dbmig_wanted_column
{
	WANTED_PACKAGE,
	WANTED_VERSION,
	WANTED_SORT_KEY,
	WANTED_KIND,
	WANTED_CHECKSUM,
	WANTED_NAME,
	WANTED_OPTIONS,
	WANTED_UP,
	WANTED_DOWN
} dbmig_wanted_column;

typedef struct dbmig_wanted
{
	dbmig_rows *migrations;		/* by package, then version */
	dbmig_rows *dependencies;	/* package, version, after package, version */
	dbmig_rows *packages;		/* package, its last version and sort key */
} dbmig_wanted;

/* want.c */
extern dbmig_error *dbmig_wanted_read(dbmig *db, dbmig_kind_of_database kind,
									  dbmig_wanted *wanted);
extern void dbmig_wanted_free(dbmig_wanted *wanted);
extern const dbmig_script *dbmig_wanted_step(const dbmig *db, const char *package,
											 const char *version);

/* The step's function; the error that it or the library has. */
extern dbmig_error *dbmig_step_call(dbmig_conn *conn, const char *package,
									const char *version, bool down);

/* state.c */
typedef struct dbmig_state
{
	dbmig_rows *rows;
	struct dbmig_state_key *keys;
	int			count;
} dbmig_state;

/*
 * The statement that reads it: "@." stands before each table; $1 is an array of
 * packages in PostgreSQL, and is not there in SQLite.
 */
extern const char dbmig_state_pg[];
extern const char dbmig_state_sqlite[];

/* Takes rows. */
extern dbmig_error *dbmig_state_make(dbmig_rows *rows, dbmig_state *state);
extern void dbmig_state_free(dbmig_state *state);

extern bool dbmig_is_registered(const dbmig_state *state, const dbmig_wanted *wanted,
								int migration);
extern bool dbmig_is_depending(const dbmig_state *state, const dbmig_wanted *wanted,
							   int dependency);
extern bool dbmig_is_applied(const dbmig_state *state, const dbmig_wanted *wanted,
							 int migration);

/* Everything is registered and applied. */
extern bool dbmig_state_settled(const dbmig_state *state, const dbmig_wanted *wanted);

/* NULL where all is applied as the program has it; else what is not. */
extern dbmig_error *dbmig_state_pending(const dbmig_state *state,
										const dbmig_wanted *wanted);
extern dbmig_error *dbmig_state_newer(const dbmig_state *state,
									  const dbmig_wanted *wanted);

/* text.c: texts that grow; NULL in text once there was no memory */
typedef struct dbmig_string
{
	char	   *text;
	size_t		length;
	size_t		size;
	bool		failed;
} dbmig_string;

extern void dbmig_string_add(dbmig_string *string, const char *text);
extern void dbmig_string_bytes(dbmig_string *string, const char *text, size_t length);

/* One element of a PostgreSQL array, of which "{" is the first; NULL: null */
extern void dbmig_string_element(dbmig_string *string, const char *text);
extern void dbmig_string_end(dbmig_string *string); /* "}" */

/* The statement with "@." replaced by the schema's quoted name and a dot, or
 * by nothing where schema is NULL. */
extern char *dbmig_in_schema(const char *sql, const char *schema);
extern char *dbmig_quote(const char *name);

/* "package" or, where version is not "", "package@version" */
extern char *dbmig_item_join(const char *package, const char *version);

/* start.c */
extern void dbmig_say(dbmig *db, dbmig_level level, const char *message);

/* A connection for migrations, not of the pool; the caller closes it. */
extern dbmig_error *dbmig_conn_for_migrations(dbmig *db, dbmig_conn **conn);

/* start_pg.c: its schema, which the caller frees; NULL where it is not there */
extern dbmig_error *dbmig_extension_find(dbmig_conn *conn, char **schema);

/* A statement with "@." in it, and text parameters; rows may be NULL. */
extern dbmig_error *dbmig_extension_run(dbmig_conn *conn, const char *schema,
										const char *sql, int count,
										const dbmig_param *params, dbmig_rows **rows);
extern dbmig_error *dbmig_extension_lock_timeout(dbmig_conn *conn, const char *schema);

/* start_sqlite.c: takes an error of dbmig's, whose hint is in its message */
extern dbmig_error *dbmig_sqlite_hint(dbmig_error *error);
extern dbmig_error *dbmig_sqlite_lock_timeout(dbmig_conn *conn);

/* start_pg.c, start_sqlite.c: the database of conn is brought in step */
extern dbmig_error *dbmig_start_pg(dbmig_conn *conn, const dbmig_wanted *wanted);
extern dbmig_error *dbmig_start_sqlite(dbmig_conn *conn, const dbmig_wanted *wanted);

/* *state is left without rows where dbmig's tables are not there. */
extern dbmig_error *dbmig_look_pg(dbmig_conn *conn, const dbmig_wanted *wanted,
								  dbmig_state *state);
extern dbmig_error *dbmig_look_sqlite(dbmig_conn *conn, const dbmig_wanted *wanted,
									  dbmig_state *state);

#endif							/* DBMIG_START_H */
