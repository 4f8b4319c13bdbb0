/*
 * grants.c
 *		What the role of a tenant may do in its schema.
 *
 * It may use what migrations make there, whoever makes it: the one who made
 * the tenant, another who migrates it later, the role of a step (R1).  Default
 * privileges are those of a maker in a schema, so each maker gets them before
 * his first statement there, as himself, who alone always may.
 *
 * Whether that is to be done is asked for each step of each tenant, and costs
 * next to nothing: what the schema's own ACL does not name is no tenant's role,
 * and what a maker's default privileges name has them.  Both are in the
 * server's caches.  Only where there is a role in the one that is not in the
 * other is dbmig_tenant read; by its index, as it is not the maker, who may be
 * any role, who asks.
 *
 * The tenant's role gets no right to make triggers: they would run as whoever
 * migrates.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_default_acl.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_namespace.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "dbmig_pg.h"

#define ON_TABLES "SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES"

void
dbmig_pg_execute(const char *format,...)
{
	StringInfoData sql;
	int			code;

	initStringInfo(&sql);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, format);
		needed = appendStringInfoVA(&sql, format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&sql, needed);
	}
	SPI_connect();
	code = SPI_execute(sql.data, false, 0);
	if (code < 0)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(code));
	SPI_finish();
	CommandCounterIncrement();
}

void
dbmig_pg_grant_later(const char *owner, const char *schema, const char *username)
{
	const char *whose = owner == NULL ? "" :
	psprintf(" FOR ROLE %s", quote_identifier(owner));

	schema = quote_identifier(schema);
	username = quote_identifier(username);
	dbmig_pg_execute("ALTER DEFAULT PRIVILEGES%s IN SCHEMA %s"
					 " GRANT " ON_TABLES " ON TABLES TO %s", whose, schema,
					 username);
	dbmig_pg_execute("ALTER DEFAULT PRIVILEGES%s IN SCHEMA %s"
					 " GRANT ALL ON SEQUENCES TO %s", whose, schema, username);
}

Oid
dbmig_pg_owner(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
		ReleaseSysCache(tuple);
	}
	return owner;
}

/* Can this be granted, and has the role nothing of it? */
static bool
is_closed(Oid relation, Oid role)
{
	char		kind = get_rel_relkind(relation);

	return kind != '\0' && strchr("rpvmfS", kind) != NULL &&
		dbmig_pg_owner(relation) != GetUserId() &&
		pg_class_aclcheck(relation, role, ACL_UPDATE) != ACLCHECK_OK;
}

/* Dependencies are found by an index, the tables of a schema are not. */
static List *
closed_owners(Oid schema, Oid role)
{
	List	   *owners = NIL;
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(NamespaceRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(schema));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->classid == RelationRelationId && is_closed(form->objid, role))
			owners = list_append_unique_oid(owners, dbmig_pg_owner(form->objid));
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return owners;
}

void
dbmig_pg_grant_rest(const char *schema, const char *username)
{
	List	   *owners = closed_owners(get_namespace_oid(schema, false),
									   get_role_oid(username, false));
	ListCell   *cell;

	if (owners == NIL)
		return;
	dbmig_pg_execute("GRANT " ON_TABLES " ON ALL TABLES IN SCHEMA %s TO %s",
					 quote_identifier(schema), quote_identifier(username));
	dbmig_pg_execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA %s TO %s",
					 quote_identifier(schema), quote_identifier(username));
	foreach(cell, owners)
		dbmig_pg_grant_later(GetUserNameFromId(lfirst_oid(cell), false), schema, username);
}

/* The list in a row of the catalogs, or NULL. */
static Acl *
get_acl(int cache, HeapTuple tuple, AttrNumber column)
{
	bool		isnull;
	Datum		datum = SysCacheGetAttr(cache, tuple, column, &isnull);

	return isnull ? NULL : DatumGetAclPCopy(datum);
}

static bool
is_in(const Acl * acl, Oid role)
{
	for (int i = 0; acl != NULL && i < ACL_NUM(acl); i++)
		if (ACL_DAT(acl)[i].ai_grantee == role)
			return true;
	return false;
}

/* What this role gets of what the maker makes in the schema. */
static Acl *
get_defaults(Oid maker, Oid schema)
{
	HeapTuple	tuple = SearchSysCache3(DEFACLROLENSPOBJ, ObjectIdGetDatum(maker),
										ObjectIdGetDatum(schema),
										CharGetDatum(DEFACLOBJ_RELATION));
	Acl		   *acl;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	acl = get_acl(DEFACLROLENSPOBJ, tuple, Anum_pg_default_acl_defaclacl);
	ReleaseSysCache(tuple);
	return acl;
}

/*
 * Is there a role that may be the tenant's, and gets nothing of the maker?  It
 * is named by the schema's ACL; it is the owner only where somebody has given
 * the schema to it.
 */
static bool
lacks_some(const char *schema, Oid maker)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACENAME, CStringGetDatum(schema));
	Form_pg_namespace form;
	List	   *others = NIL;
	ListCell   *cell;
	Acl		   *acl;
	Acl		   *defaults;
	bool		lacks = false;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_namespace) GETSTRUCT(tuple);
	acl = get_acl(NAMESPACENAME, tuple, Anum_pg_namespace_nspacl);
	for (int i = 0; acl != NULL && i < ACL_NUM(acl); i++)
	{
		Oid			grantee = ACL_DAT(acl)[i].ai_grantee;

		if (grantee != ACL_ID_PUBLIC && grantee != form->nspowner && grantee != maker)
			others = lappend_oid(others, grantee);
	}
	if (others == NIL && form->nspowner != maker)
		others = list_make1_oid(form->nspowner);
	if (others != NIL)
	{
		defaults = get_defaults(maker, form->oid);
		foreach(cell, others)
			lacks = lacks || !is_in(defaults, lfirst_oid(cell));
	}
	ReleaseSysCache(tuple);
	return lacks;
}

bool
dbmig_pg_share(dbmig_pg *pg, const dbmig_step *step)
{
	Oid			maker = GetUserId();
	const char *username;
	Oid			role = InvalidOid;
	Oid			schema;

	if (step->tenant[0] == '\0' || maker == pg->maker)
		return false;
	pg->maker = maker;
	if (!lacks_some(step->tenant, maker))
		return false;
	if (dbmig_pg_find_tenant(pg, step->tenant, &username))
		role = get_role_oid(username, true);
	schema = get_namespace_oid(step->tenant, false);
	if (!OidIsValid(role) || role == maker || is_in(get_defaults(maker, schema), role))
		return false;

	/* else the server leaves one to the portal */
	PushActiveSnapshot(GetTransactionSnapshot());
	dbmig_pg_grant_later(NULL, step->tenant, username);
	PopActiveSnapshot();
	return true;
}
