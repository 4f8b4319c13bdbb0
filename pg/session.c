/*
 * session.c
 *		The settings of the session, kept and put back (A5).
 *
 * A script in one transaction has a GUC nest level of its own.  One whose
 * statements run each for itself sets what is then committed, so the settings
 * are read before, and what differs afterwards is put back: to its value, or
 * to the default where it had been at that.  The server's own list is read, as
 * pg_settings leaves out those that no library has defined.  Both functions run
 * in an idle transaction with no nest level open, for they have to see the
 * session's values, search_path among them.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"

#include "compat.h"
#include "dbmig_pg.h"

typedef struct setting
{
	const char *name;
	char	   *value;
} setting;

struct dbmig_session
{
	List	   *settings;		/* those that the session has set */
	Oid			user;			/* of the session */
	char	   *user_name;
	char	   *role;			/* "none" where none is set */
};

static char *
read_value(struct config_generic *variable)
{
	const char *value;

	/* the server shows six digits */
	if (variable->vartype == PGC_REAL)
		return psprintf("%.17g", *((struct config_real *) variable)->variable);
	value = GetConfigOption(variable->name, true, false);
	return pstrdup(value != NULL ? value : "");
}

/*
 * In the order of the server's list.  Those that RESET ALL leaves alone belong
 * to the transaction, or are seen to by themselves.
 */
static List *
read_settings(void)
{
	int			count;
	struct config_generic **variables = compat_guc_variables(&count);
	List	   *settings = NIL;

	for (int i = 0; i < count; i++)
	{
		struct config_generic *variable = variables[i];
		setting    *entry;

		if (variable->source != PGC_S_SESSION ||
			(variable->flags & GUC_NO_RESET_ALL) != 0)
			continue;
		entry = palloc(sizeof(setting));
		entry->name = pstrdup(variable->name);
		entry->value = read_value(variable);
		settings = lappend(settings, entry);
	}
	return settings;
}

static const setting *
find(List *settings, const char *name)
{
	ListCell   *cell;

	foreach(cell, settings)
	{
		setting    *entry = lfirst(cell);

		if (strcmp(entry->name, name) == 0)
			return entry;
	}
	return NULL;
}

dbmig_session *
dbmig_pg_session_save(void)
{
	dbmig_session *saved = palloc0(sizeof(dbmig_session));

	saved->settings = read_settings();
	saved->user = GetSessionUserId();
	saved->user_name = GetUserNameFromId(saved->user, false);
	saved->role = GetConfigOptionByName("role", NULL, false);
	return saved;
}

/* NULL: to its default */
static void
put_back(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_SUSET, PGC_S_SESSION,
							 GUC_ACTION_SET, true, 0, false);
}

void
dbmig_pg_session_restore(const dbmig_session *saved)
{
	List	   *now;
	ListCell   *cell;

	if (GetSessionUserId() != saved->user)
		put_back("session_authorization", saved->user_name);
	if (strcmp(GetConfigOptionByName("role", NULL, false), saved->role) != 0)
		put_back("role", saved->role);
	now = read_settings();
	foreach(cell, now)
	{
		setting    *entry = lfirst(cell);

		if (find(saved->settings, entry->name) == NULL)
			put_back(entry->name, NULL);
	}
	foreach(cell, saved->settings)
	{
		setting    *entry = lfirst(cell);
		const setting *other = find(now, entry->name);

		if (other == NULL || strcmp(other->value, entry->value) != 0)
			put_back(entry->name, entry->value);
	}
}
