/*
 * dbmig_pg.h
 *		What the files of the PostgreSQL host share.
 *
 * One dbmig_pg stands behind each dbmig_call.  While a call runs, search_path
 * is DBMIG_SAFE_PATH, so that dbmig's own SQL finds nothing of a user's; a
 * script gets the caller's search_path back while it runs.
 */
#ifndef DBMIG_PG_H
#define DBMIG_PG_H

#include "postgres.h"

#include "fmgr.h"
#include "nodes/pg_list.h"

#include "dbmig_core.h"

#define DBMIG_SAFE_PATH "pg_catalog, pg_temp"

typedef struct dbmig_pg
{
	MemoryContext context;		/* of the call */
	Oid			schema_oid;		/* where dbmig's tables are */
	const char *schema;			/* its name */
	const char *search_path;	/* the caller's */
	bool		place_checked;	/* X1: this is no Citus worker */
} dbmig_pg;

/* dbmig_pg.c */
extern const dbmig_host dbmig_pg_host;
extern bool dbmig_pg_running;	/* a migration runs in this backend now */

/* X1: 0, or -1 where dbmig has no business on this node. */
extern int	dbmig_pg_check_place(dbmig_call *call);

/* For the rest of the GUC nest level that the caller has opened. */
extern void dbmig_pg_set_search_path(const char *path);

/* Throws the call's error. */
extern void dbmig_pg_raise(dbmig_call *call);

/* The settings of the session. */
extern void dbmig_pg_settings(dbmig_settings *settings);

/* query.c */
extern int	dbmig_pg_query(dbmig_call *call, dbmig_sql id,
						   const dbmig_value *params, dbmig_row_fn row,
						   void *arg);

/* lock.c */
extern int	dbmig_pg_lock(dbmig_call *call, dbmig_lock lock,
						  const char *tenant);

/* script.c */
extern int	dbmig_pg_run(dbmig_call *call, const dbmig_step *step,
						 int *statements);

/*
 * inspect.c: what a script holds.
 *
 * dbmig_pg_begin_text: without a BOM.  dbmig_pg_skip_blank: the first byte at
 * or after offset that is neither white space nor comment.
 * dbmig_pg_statement_at: number (from 1), first byte and end of the statement
 * that has the byte at offset, in a script that need not parse.
 * dbmig_pg_refused: the words for a statement that no migration may have
 * (A6), or NULL.  dbmig_pg_skipped: BEGIN or COMMIT.
 */
extern int	dbmig_pg_inspect(dbmig_call *call, const char *text,
							 size_t length, dbmig_inspection *result);
extern const char *dbmig_pg_begin_text(const char *text);
extern size_t dbmig_pg_skip_blank(const char *text, size_t offset);
extern void dbmig_pg_statement_at(const char *text, size_t offset,
								  int *number, size_t *start, size_t *end);
extern const char *dbmig_pg_refused(Node *statement);
extern bool dbmig_pg_skipped(Node *statement);

#endif							/* DBMIG_PG_H */
