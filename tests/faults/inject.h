/*
 * inject.h
 *		Things that go wrong: the n-th allocation, file call or statement's step.
 */
#ifndef INJECT_H
#define INJECT_H

#include <sqlite3.h>

typedef enum kind
{
	ALLOCATION,
	INTERRUPT,
	FILE_ONCE,
	FILE_FOREVER,
	KIND_COUNT
} kind;

extern const char *const kind_names[];

/* What fails; seen: chances for it since it was armed; at: which is one, from 1. */
typedef struct injection
{
	kind		now;
	int			armed;
	long		seen;
	long		at;
	sqlite3    *interrupted;
	int			anywhere;		/* interrupts come at allocations and file
								 * calls, too */
	int			open_files;
} injection;

extern injection inject;

/* Before anything else is done with SQLite; dbmig is on every connection. */
extern void inject_start(void);
extern void inject_arm(sqlite3 *db, long at);
extern void inject_disarm(sqlite3 *db);

extern int	problems;

extern void problem(long point, const char *what, const char *error);
extern void must(sqlite3 *db, const char *sql);

/* The first value, or -1. */
extern long number(sqlite3 *db, const char *sql);

/* A file as it is to be before each point. */
typedef struct template
{
	char		path[1000];
	char	   *bytes;
	size_t		size;
} template;

extern void template_take(template *t);
extern void template_use(const template *t);
extern void remove_database(const char *path);

/* tenants.c: false where something is wrong */
extern void tenants_run(const char *folder, long wanted, long *all_points, long *all_open);

#endif							/* INJECT_H */
