/*
 * fleet.h
 *		All tenants at once: who they are, and what each is to have.
 */
#ifndef DBMIG_FLEET_H
#define DBMIG_FLEET_H

#include "internal.h"

typedef enum dbmig_tenant_state
{
	DBMIG_TENANT_CURRENT,		/* nothing to do, or not asked for */
	DBMIG_TENANT_BEHIND,
	DBMIG_TENANT_DONE,
	DBMIG_TENANT_HELD			/* by another call */
} dbmig_tenant_state;

typedef struct dbmig_tenant
{
	const char *name;
	const char **packages;		/* that it is to have; "" is all */
	size_t		count;
	size_t		capacity;
	dbmig_tenant_state state;
	bool		canary;
	bool		is_settled;		/* everything that is asked for */
	bool		counted;		/* that is not known, but was counted */
	bool		done;			/* all that was asked for, in this call */
	int			settled;		/* packages of that */
	int			applied;		/* migrations, in this call */
} dbmig_tenant;

#define DBMIG_TAKEN_SOME 1
#define DBMIG_TAKEN_WHOLE 2

/*
 * What a package takes along, worked out where it is asked for first: of many
 * tenants most have the same.
 */
typedef struct dbmig_taken
{
	const char *package;		/* "" is all */
	char	   *mark;			/* of ids */
	char	   *packages;		/* those that have a marked migration: SOME,
								 * or WHOLE where all of them are */
} dbmig_taken;

typedef struct dbmig_fleet
{
	dbmig_call *call;
	dbmig_graph graph;			/* the registry, nothing applied */
	dbmig_tenant *tenants;		/* by name */
	size_t		count;
	size_t		capacity;
	size_t	   *settled;		/* by package: in how many tenants, or NULL */
	dbmig_taken *taken;
	size_t		taken_count;
	size_t		taken_capacity;
} dbmig_fleet;

/*
 * dbmig_fleet_read: the registry, which is then the call's, and the tenants.
 * dbmig_fleet_registry: the registry alone, anew; what was taken is forgotten.
 * dbmig_fleet_find: the tenant of this name, or NULL.  dbmig_fleet_take: NULL
 * after dbmig_fail().  dbmig_fleet_behind: finds those that have not all of
 * package (NULL: of what they are to have).  dbmig_fleet_settle: writes down
 * those that have it all, by what it counted or since, in one transaction.
 */
extern int	dbmig_fleet_read(dbmig_call *call, dbmig_fleet *fleet);
extern int	dbmig_fleet_registry(dbmig_fleet *fleet);
extern dbmig_tenant *dbmig_fleet_find(const dbmig_fleet *fleet,
									  const char *name);
extern const dbmig_taken *dbmig_fleet_take(dbmig_fleet *fleet,
										   const char *package);
extern int	dbmig_fleet_behind(dbmig_fleet *fleet, const char *package);
extern int	dbmig_fleet_settle(dbmig_fleet *fleet, const char *package);

#endif							/* DBMIG_FLEET_H */
