/*
 * sqitch.h
 *		What a project of Sqitch says: its plan, its configuration, and whether
 *		a script is SQL.  None of these opens a file; format_sqitch.c does.
 */
#ifndef DBMIG_SQITCH_H
#define DBMIG_SQITCH_H

#include "format.h"

#define DBMIG_SQITCH_PLAN "sqitch.plan"
#define DBMIG_SQITCH_CONF "sqitch.conf"

/* change, change@tag or @tag, perhaps of another project */
typedef struct dbmig_sqitch_dependency
{
	const char *text;			/* as the plan has it */
	const char *project;		/* or NULL: this one */
	const char *change;			/* or NULL: what has the tag */
	const char *tag;			/* without "@", or NULL */
} dbmig_sqitch_dependency;

typedef struct dbmig_sqitch_tag
{
	const char *name;			/* without "@" */
	int			change;			/* that it stands behind */
} dbmig_sqitch_tag;

typedef struct dbmig_sqitch_change
{
	const char *name;
	int			line;
	int			previous;		/* the change that this one reworks, or -1 */
	int			next;			/* the change that reworks this one, or -1 */
	size_t		first_tag;
	size_t		tags;
	size_t		first_dependency;	/* those of other projects only */
	size_t		dependencies;
} dbmig_sqitch_change;

/* Changes and tags by name: see sqitch_plan.c */
typedef struct dbmig_sqitch_name dbmig_sqitch_name;

typedef struct dbmig_sqitch_plan
{
	const char *project;
	dbmig_sqitch_change *changes;	/* in the plan's order */
	size_t		count;
	size_t		capacity;
	dbmig_sqitch_tag *tags;		/* likewise */
	size_t		tag_count;
	size_t		tag_capacity;
	dbmig_sqitch_dependency *dependencies;
	size_t		dependency_count;
	size_t		dependency_capacity;
	dbmig_sqitch_name *names;
	size_t		name_count;
	size_t		bucket_count;
} dbmig_sqitch_plan;

/* sqitch_plan.c; the plan is {0} before.  Its texts are copies. */
extern int	dbmig_sqitch_plan_read(dbmig_call *call, const dbmig_file *file,
								   dbmig_sqitch_plan *plan);

/* Where things are, below the folder that is loaded; "" is that folder. */
typedef struct dbmig_sqitch_conf
{
	const char *plan;			/* a file; the others are folders */
	const char *deploy;
	const char *revert;
	const char *reworked_deploy;
	const char *reworked_revert;
} dbmig_sqitch_conf;

/* sqitch_conf.c; file NULL: there is none. */
extern int	dbmig_sqitch_conf_read(dbmig_call *call, const dbmig_file *file,
								   dbmig_sqitch_conf *conf);

/* Whether a relative path, without links, leads nowhere else. */
extern bool dbmig_sqitch_path_inside(const char *path);

/* folder/name, or name where folder is "" */
extern const char *dbmig_sqitch_join(dbmig_call *call, const char *folder,
									 const char *name);

#endif							/* DBMIG_SQITCH_H */
