/*
 * fake.h
 *		A host without a database: tables as arrays, a log of what was done,
 *		and a call to it that fails when it is told to.
 */
#ifndef FAKE_H
#define FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dbmig_core.h"
#include "internal.h"

#define FAKE_ROWS 48
#define FAKE_TEXT 192

typedef struct fake_migration
{
	char		package[40];
	char		version[40];
	char		sort_key[64];
	char		kind[16];
	char		name[40];
	char		checksum[70];
	char		options[80];
	char		refusal[40];
	char		up[FAKE_TEXT];
	char		down[FAKE_TEXT];
	bool		transactional;
	bool		has_name;
	bool		has_down;
} fake_migration;

/* What a transaction undoes: plain data, so that a copy is a snapshot. */
typedef struct fake_tables
{
	char		packages[FAKE_ROWS][40];
	char		package_options[FAKE_ROWS][80];
	int			package_count;
	fake_migration migrations[FAKE_ROWS];
	int			migration_count;
	char		dependencies[FAKE_ROWS][4][40];
	int			dependency_count;
	char		applied[FAKE_ROWS][5][70];	/* package, version, checksum,
											 * state, tenant */
	int			statements[FAKE_ROWS];	/* of applied */
	int			applied_count;
	char		last_failure[FAKE_TEXT];
	int			history_count;
	char		tenants[FAKE_ROWS][2][40];	/* and what each is to have */
	int			tenant_count;
	char		effects[1024];	/* what scripts did */
} fake_tables;

typedef struct fake
{
	fake_tables now;
	fake_tables before;			/* of the transaction */
	bool		in_transaction;
	bool		x_works;		/* x in a step that is not transactional, and
								 * "fails for" */
	bool		jumps;			/* fail by not returning */
	jmp_buf		jump;
	int			calls;			/* to the host so far */
	int			fail_at;		/* the call that fails, from 1; 0: none */
	void		(*meanwhile) (struct fake *db); /* another connection, before
												 * the begin ... */
	int			meanwhile_in;	/* ... so many from now */
	int			blocks;			/* of memory that are out */
	int			commits;
	int			readers;		/* commits that readers do not let through */
	dbmig_call	call;
	dbmig_host	host;
	dbmig_settings settings;
	bool		apart;			/* tenants' tables are not the registry's */
	char		entered[40];	/* the tenant */
	char		held[40];		/* a tenant that another call has */
	char		warnings[1024];
	char		log[4096];		/* what ran, in order */
	char		progress[1024]; /* the last that was said */
	char		said[1024];		/* all of it: packages and versions */
	char		options[128];	/* of the last step: role, search_path,
								 * lock_timeout, retries */
	char		answer[8192];	/* result or error of the last call */
	char		hint[256];
	dbmig_status status;
} fake;

/*
 * Calls an SQL function; "" stands for NULL in the arguments, the list ends
 * with NULL.  Gives what psql would print: the result, rows joined by ';', or
 * "ERROR: message".
 */
extern const char *fake_call(fake *db, const char *function,...);

extern fake *fake_new(void);

/* fake_tables.c: run one of the core's statements. */
extern int	fake_tables_query(fake *db, dbmig_sql id, const dbmig_value *params,
							  dbmig_row_fn row, void *arg);

#endif							/* FAKE_H */
