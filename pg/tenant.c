/*
 * tenant.c
 *		Makes a tenant with a role of its own, and takes it away again.
 *
 * All of it is in the caller's transaction and with the caller's rights, so a
 * failure leaves nothing.  Two things are not: the password is given to the
 * server in a node and never in a text, which could be logged; and PUBLIC's
 * right to look at dbmig's tables, which a tenant's role would have too, is
 * taken back as their owner, who alone can.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/dbcommands.h"
#include "common/keywords.h"
#include "executor/spi.h"
#include "libpq/crypt.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "dbmig_pg.h"

#define PASSWORD_LENGTH 32

/* A name that never needs to be quoted by people; what is called so. */
static int
check_name(dbmig_call *call, const char *what, const char *name)
{
	int			keyword;

	if (name[0] == '\0' || strlen(name) >= NAMEDATALEN ||
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != strlen(name) ||
		(name[0] >= '0' && name[0] <= '9'))
		return dbmig_fail(call, DBMIG_BAD_VALUE,
						  "It is 1 to 63 letters, digits and underscores, and begins with no digit.",
						  "\"%s\" cannot be the name of a %s", name, what);
	keyword = ScanKeywordLookup(name, &ScanKeywords);
	if (pg_strncasecmp(name, "pg_", 3) == 0 ||
		pg_strcasecmp(name, "public") == 0 || pg_strcasecmp(name, "none") == 0 ||
		pg_strcasecmp(name, "information_schema") == 0 ||
		(keyword >= 0 && (ScanKeywordCategories[keyword] == RESERVED_KEYWORD ||
						  ScanKeywordCategories[keyword] == TYPE_FUNC_NAME_KEYWORD)))
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "\"%s\" cannot be the name of a %s: it is reserved",
						  name, what);
	return 0;
}

static int
check_password(dbmig_call *call, const char *password)
{
	if (password[0] == '\0')
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "password must not be empty");
	if (get_password_type(password) != PASSWORD_TYPE_PLAINTEXT)
		return dbmig_fail(call, DBMIG_BAD_VALUE,
						  "Give the password itself, or none.",
						  "password must not be a hash");
	return 0;
}

/* Letters and digits, each as likely as another. */
static char *
make_password(void)
{
	static const char from[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	const int	count = sizeof(from) - 1;
	char	   *password = palloc0(PASSWORD_LENGTH + 1);
	int			length = 0;

	while (length < PASSWORD_LENGTH)
	{
		uint8		byte;

		if (!pg_strong_random(&byte, 1))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not generate a password")));
		if (byte < 256 / count * count)
			password[length++] = from[byte % count];
	}
	return password;
}

/*
 * What the node of the statement has.  An extension that hooks into it may make
 * a text of it (Citus sends it to other nodes), so it is shown a verifier.  The
 * server then takes as long again to see that this is not the empty password's,
 * so where nobody looks on it makes the verifier itself.
 */
static char *
shown_password(const char *username, const char *password)
{
	if (ProcessUtility_hook != NULL)
		return encrypt_password(PASSWORD_TYPE_SCRAM_SHA_256, username, password);
	(void) set_config_option("password_encryption", "scram-sha-256", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return pstrdup(password);
}

/* What others see of the statement is its text, which has no password. */
static void
create_role(const char *username, const char *password)
{
	const char *role = quote_identifier(username);
	char	   *shown = psprintf("CREATE ROLE %s LOGIN", role);
	char	   *text = psprintf("CREATE ROLE %s LOGIN PASSWORD 'x'", role);
	RawStmt    *raw = linitial_node(RawStmt, pg_parse_query(text));
	CreateRoleStmt *statement = castNode(CreateRoleStmt, raw->stmt);
	PlannedStmt *planned = makeNode(PlannedStmt);
	ListCell   *cell;
	int			nest = NewGUCNestLevel();

	foreach(cell, statement->options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, "password") == 0)
			option->arg = (Node *) makeString(shown_password(username, password));
	}
	planned->commandType = CMD_UTILITY;
	planned->canSetTag = true;
	planned->utilityStmt = (Node *) statement;
	planned->stmt_location = -1;
	PushActiveSnapshot(GetTransactionSnapshot());
	compat_utility(planned, shown, PROCESS_UTILITY_QUERY);
	PopActiveSnapshot();
	CommandCounterIncrement();
	AtEOXact_GUC(true, nest);
}

/* Its session finds its schema, and it can have one where not everybody can. */
static void
let_in(const char *schema, const char *username)
{
	const char *database = quote_identifier(get_database_name(MyDatabaseId));
	Datum		can = DirectFunctionCall3(has_database_privilege_id_id,
										  ObjectIdGetDatum(get_role_oid(username, false)),
										  ObjectIdGetDatum(MyDatabaseId),
										  CStringGetTextDatum("CONNECT"));

	schema = quote_identifier(schema);
	username = quote_identifier(username);
	dbmig_pg_execute("ALTER ROLE %s IN DATABASE %s SET search_path = %s", username,
					 database, schema);
	if (!DatumGetBool(can))
		dbmig_pg_execute("GRANT CONNECT ON DATABASE %s TO %s", database, username);
}

static const char *const open_tables[] = {
	"dbmig_package", "dbmig_migration", "dbmig_dependency", "dbmig_tenant",
	"dbmig_tenant_package", "dbmig_applied", "dbmig_history", "dbmig_status",
	"dbmig_tenants"
};

static bool
is_open(const dbmig_pg *pg)
{
	NameData	everybody;

	namestrcpy(&everybody, "public");
	for (size_t i = 0; i < lengthof(open_tables); i++)
	{
		Oid			table = get_relname_relid(open_tables[i], pg->schema_oid);

		if (OidIsValid(table) &&
			DatumGetBool(DirectFunctionCall3(has_any_column_privilege_name_id,
											 NameGetDatum(&everybody),
											 ObjectIdGetDatum(table),
											 CStringGetTextDatum("SELECT"))))
			return true;
	}
	return false;
}

/* A tenant's role is PUBLIC, too: from the first one on that cannot look. */
static int
close_to_public(dbmig_call *call)
{
	dbmig_pg   *pg = call->data;
	StringInfoData tables;
	Oid			user;
	int			context;

	if (!is_open(pg))
		return 0;

	/* two at once would be in each other's way */
	if (dbmig_pg_lock(call, DBMIG_LOCK_REGISTRY, "") != 0)
		return -1;
	AcceptInvalidationMessages();
	if (!is_open(pg))
		return 0;
	initStringInfo(&tables);
	for (size_t i = 0; i < lengthof(open_tables); i++)
		appendStringInfo(&tables, "%s%s.%s", i > 0 ? ", " : "",
						 quote_identifier(pg->schema), open_tables[i]);
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(dbmig_pg_owner(get_relname_relid("dbmig_applied", pg->schema_oid)),
						   context | SECURITY_LOCAL_USERID_CHANGE);
	dbmig_pg_execute("REVOKE SELECT ON %s FROM PUBLIC", tables.data);
	SetUserIdAndSecContext(user, context);
	return 0;
}

/*
 * What cannot be in this transaction can follow it: the statements that make
 * the tenant all the same.  A password is not said again.
 */
static const char *
two_statements(const char *schema, const char *username, bool password,
			   int count, const dbmig_value *packages)
{
	StringInfoData way;

	initStringInfo(&way);
	appendStringInfo(&way, "Make it without packages, and apply them outside of the transaction: "
					 "SELECT * FROM dbmig_create_tenant(%s, %s, %s, '');",
					 quote_literal_cstr(schema), quote_literal_cstr(username),
					 password ? "'...'" : "NULL");
	for (int i = 0; i < count || i == 0; i++)
		appendStringInfo(&way, " CALL dbmig_migrate(%s, NULL, %s);",
						 i < count && packages[i].text != NULL ?
						 quote_literal_cstr(packages[i].text) : "NULL",
						 quote_literal_cstr(schema));
	return way.data;
}

static int
fail_role(dbmig_call *call, const char *username)
{
	return dbmig_fail(call, DBMIG_DUPLICATE,
					  "Give the tenant a role of its own.",
					  "role \"%s\" is there already", username);
}

/* Somebody may have made the role since it was looked for. */
static int
create_own_role(dbmig_call *call, const char *username, const char *password)
{
	MemoryContext context = CurrentMemoryContext;
	volatile int result = 0;

	PG_TRY();
	{
		create_role(username, password);
	}
	PG_CATCH();
	{
		if (geterrcode() != ERRCODE_UNIQUE_VIOLATION)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		result = fail_role(call, username);
	}
	PG_END_TRY();
	return result;
}

/* schema, username, password, packages */
static int
create_tenant(dbmig_call *call, int nargs, const dbmig_value *args,
			  dbmig_row_fn emit, void *arg)
{
	const char *schema = nargs > 0 ? args[0].text : NULL;
	const char *username = nargs > 1 ? args[1].text : NULL;
	const char *password = nargs > 2 ? args[2].text : NULL;
	const dbmig_value *packages = args + Min(nargs, 3);
	int			count = Max(nargs - 3, 0);
	dbmig_value row[4];
	int			applied;

	/* '' is none, and that is not to be all */
	if (count == 1 && packages[0].type == DBMIG_TEXT && packages[0].length == 0)
		count = -1;
	if (schema == NULL || username == NULL)
		return dbmig_fail(call, DBMIG_NULL_VALUE, NULL, "%s must not be NULL",
						  schema == NULL ? "schema" : "username");
	if (check_name(call, "schema", schema) != 0 ||
		check_name(call, "role", username) != 0 ||
		(password != NULL && check_password(call, password) != 0) ||
		call->host->begin(call, DBMIG_MODE_APPLY) != 0 ||
		call->host->lock(call, DBMIG_LOCK_TENANT, schema) != 0)
		return -1;
	AcceptInvalidationMessages();
	if (OidIsValid(get_role_oid(username, true)))
		return fail_role(call, username);
	if (OidIsValid(get_namespace_oid(schema, true)))
		return dbmig_fail(call, DBMIG_DUPLICATE,
						  "A schema that is there becomes a tenant by dbmig_apply or dbmig_baseline.",
						  "schema \"%s\" is there already", schema);
	call->way = two_statements(schema, username, password != NULL, count, packages);
	if (password == NULL)
		password = make_password();
	if (create_own_role(call, username, password) != 0)
		return -1;
	dbmig_pg_execute("CREATE SCHEMA %s", quote_identifier(schema));
	dbmig_pg_execute("GRANT USAGE, CREATE ON SCHEMA %s TO %s", quote_identifier(schema),
					 quote_identifier(username));
	dbmig_pg_grant_later(NULL, schema, username);
	let_in(schema, username);
	if (dbmig_tenant_furnish(call, schema, username, count, packages,
							 &applied) != 0)
		return -1;
	dbmig_pg_grant_rest(schema, username);
	if (close_to_public(call) != 0)
		return -1;
	row[0] = dbmig_text(schema);
	row[1] = dbmig_text(username);
	row[2] = dbmig_text(password);
	row[3] = dbmig_text(dbmig_pg_connection_string(username, password));
	return emit(call, arg, row);
}

static void
drop_role(const char *username)
{
	Oid			role = get_role_oid(username, true);
	const char *quoted = quote_identifier(username);

	if (!OidIsValid(role))
		return;

	/* who made it may drop it, but not what it owns */
	if (!has_privs_of_role(GetUserId(), role))
		dbmig_pg_execute("GRANT %s TO CURRENT_USER", quoted);
	dbmig_pg_execute("DROP OWNED BY %s CASCADE", quoted);
	dbmig_pg_execute("DROP ROLE %s", quoted);
}

/* schema, username */
static int
remove_tenant(dbmig_call *call, int nargs, const dbmig_value *args,
			  dbmig_value *result)
{
	const char *schema = nargs > 0 ? args[0].text : NULL;
	const char *username = nargs > 1 ? args[1].text : NULL;
	const char *its;
	bool		found;

	if (schema == NULL)
		return dbmig_fail(call, DBMIG_NULL_VALUE, NULL,
						  "schema must not be NULL");
	if (call->host->begin(call, DBMIG_MODE_APPLY) != 0 ||
		call->host->lock(call, DBMIG_LOCK_TENANT, schema) != 0 ||
		dbmig_tenant_find(call, schema, &found, &its) != 0)
		return -1;
	if (!found)
		return dbmig_fail(call, DBMIG_UNKNOWN, NULL,
						  "tenant \"%s\" is not known", schema);
	if ((its == NULL) != (username == NULL) ||
		(its != NULL && strcmp(its, username) != 0))
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  its != NULL ? "the role of tenant \"%s\" is \"%s\"" :
						  "tenant \"%s\" has no role that dbmig has made",
						  schema, its);

	/* it may have another name by now, and stays */
	if (!OidIsValid(get_namespace_oid(schema, true)))
		ereport(NOTICE, (errmsg("schema \"%s\" does not exist", schema)));
	if (username != NULL && !OidIsValid(get_role_oid(username, true)))
		ereport(NOTICE, (errmsg("role \"%s\" does not exist", username)));

	/* "drop cascades to ..." says nothing that is not meant */
	(void) set_config_option("client_min_messages", "warning", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	if (OidIsValid(get_namespace_oid(schema, true)))
		dbmig_pg_execute("DROP SCHEMA %s CASCADE", quote_identifier(schema));
	if (username != NULL)
		drop_role(username);
	if (dbmig_tenant_forget(call, schema) != 0)
		return -1;
	*result = dbmig_bool(true);
	return 0;
}

static const dbmig_function functions[] = {
	{"dbmig_create_tenant", 2, -1, DBMIG_WRITES, NULL, create_tenant, NULL, NULL},
	{"dbmig_remove_tenant", 1, 2, DBMIG_WRITES, remove_tenant, NULL, NULL, NULL}
};

const dbmig_function *
dbmig_pg_tenant_function(const char *name)
{
	for (size_t i = 0; i < lengthof(functions); i++)
		if (strcmp(functions[i].name, name) == 0)
			return &functions[i];
	return NULL;
}
