/*
 * tenant.c
 *		Tenants for a program in C, over dbmig's functions for them; and what a
 *		database has of each package.
 *
 * All of it is done by a connection of its own, as migrations are: that role
 * may do what the pool's may not.
 */
#include "plain.h"

#include <stdlib.h>
#include <string.h>

static const char create_pg[] =
"SELECT schema_name, username, password, connection_string"
" FROM @.dbmig_create_tenant($1, $2, $3, VARIADIC $4::text[])";

/* A URL for dbmig_open() that means this file, whatever its name has in it. */
static bool
add_url(dbmig_string *url, const char *path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
	static const char digits[] = "0123456789ABCDEF";

	dbmig_string_add(url, "sqlite://");
	for (; *path != '\0'; path++)
	{
		unsigned char c = (unsigned char) *path;
		char		hex[3];

		hex[0] = '%';
		hex[1] = digits[c >> 4];
		hex[2] = digits[c & 0x0F];
		if (strchr(plain, c) != NULL)
			dbmig_string_bytes(url, path, 1);
		else
			dbmig_string_bytes(url, hex, sizeof(hex));
	}
	return url->text != NULL;
}

/* One allocation, with its texts behind it. */
static dbmig_error *
make_access(const char *const *texts, dbmig_tenant_access **access)
{
	const char *kept[4];
	size_t		size = sizeof(**access);
	char	   *to;
	int			i;

	for (i = 0; i < 4; i++)
		size += texts[i] != NULL ? strlen(texts[i]) + 1 : 0;
	*access = malloc(size);
	if (*access == NULL)
		return dbmig_error_memory();
	to = (char *) (*access + 1);
	for (i = 0; i < 4; i++)
	{
		kept[i] = texts[i] != NULL ? strcpy(to, texts[i]) : NULL;
		to += texts[i] != NULL ? strlen(texts[i]) + 1 : 0;
	}
	(*access)->name = kept[0];
	(*access)->username = kept[1];
	(*access)->password = kept[2];
	(*access)->connection_string = kept[3];
	return NULL;
}

void
dbmig_tenant_access_free(dbmig_tenant_access *access)
{
	free(access);
}

/* The extension's schema, which the caller frees. */
static dbmig_error *
need_extension(dbmig_conn *conn, char **schema)
{
	dbmig_error *error = dbmig_extension_find(conn, schema);

	if (error != NULL || *schema != NULL)
		return error;
	error = dbmig_error_hint(DBMIG_E_MIGRATION,
							 "Tenants need the extension: where it can be had, dbmig_start creates it.",
							 "the extension dbmig is not in this database");
	if (error->code != DBMIG_E_MEMORY)
		strcpy(error->sqlstate, "0A000");
	return error;
}

static dbmig_error *
create_in_pg(dbmig_conn *conn, const dbmig_new_tenant *tenant, dbmig_tenant_access **access)
{
	dbmig_string packages = {NULL, 0, 0, false};
	const char *const *package = tenant->packages;
	char	   *schema = NULL;
	dbmig_rows *rows = NULL;
	dbmig_param params[4];
	dbmig_error *error = need_extension(conn, &schema);

	for (; package != NULL && *package != NULL; package++)
		dbmig_string_element(&packages, *package);
	dbmig_string_end(&packages);
	params[0] = dbmig_bind_text(tenant->name);
	params[1] = dbmig_bind_text(tenant->username);
	params[2] = dbmig_bind_text(tenant->password);
	params[3] = dbmig_bind_text(packages.text);
	if (error == NULL && packages.text == NULL)
		error = dbmig_error_memory();
	if (error == NULL)
		error = dbmig_extension_lock_timeout(conn, schema);
	if (error == NULL)
		error = dbmig_extension_run(conn, schema, create_pg, 4, params, &rows);
	if (error == NULL)
	{
		const char *texts[4];
		int			i;

		for (i = 0; i < 4; i++)
			texts[i] = dbmig_text_at(rows, 0, i);
		error = make_access(texts, access);
	}
	dbmig_rows_free(rows);
	free(packages.text);
	free(schema);
	return error;
}

/* dbmig_create_tenant(path, package, ...) */
static dbmig_error *
create_in_sqlite(dbmig_conn *conn, const dbmig_new_tenant *tenant,
				 dbmig_tenant_access **access)
{
	dbmig_string sql = {NULL, 0, 0, false};
	dbmig_string url = {NULL, 0, 0, false};
	dbmig_rows *rows = NULL;
	dbmig_param *params;
	dbmig_error *error = NULL;
	int			count = 1;
	int			i;

	while (tenant->packages != NULL && tenant->packages[count - 1] != NULL)
		count++;
	params = malloc((size_t) count * sizeof(*params));
	if (params == NULL)
		return dbmig_error_memory();
	dbmig_string_add(&sql, "SELECT dbmig_create_tenant(");
	for (i = 0; i < count; i++)
	{
		char	   *text = dbmig_format_text("%s$%d", i > 0 ? ", " : "", i + 1);

		params[i] = dbmig_bind_text(i > 0 ? tenant->packages[i - 1] : tenant->name);
		if (text == NULL)
			error = dbmig_error_memory();
		else
			dbmig_string_add(&sql, text);
		free(text);
	}
	dbmig_string_add(&sql, ")");
	if (error == NULL && sql.text == NULL)
		error = dbmig_error_memory();
	if (error == NULL)
		error = dbmig_query(conn, sql.text, count, params, &rows);
	if (error == NULL)
	{
		const char *texts[4] = {NULL, NULL, NULL, NULL};

		texts[0] = dbmig_text_at(rows, 0, 0);
		error = texts[0] != NULL && add_url(&url, texts[0]) ? NULL : dbmig_error_memory();
		texts[3] = url.text;
		if (error == NULL)
			error = make_access(texts, access);
	}
	dbmig_rows_free(rows);
	free(params);
	free(sql.text);
	free(url.text);
	return error;
}

static dbmig_error *
remove_in_pg(dbmig_conn *conn, const char *name, const char *username)
{
	char	   *schema = NULL;
	dbmig_param params[2];
	dbmig_error *error = need_extension(conn, &schema);

	params[0] = dbmig_bind_text(name);
	params[1] = dbmig_bind_text(username);
	if (error == NULL)
		error = dbmig_extension_lock_timeout(conn, schema);
	if (error == NULL)
		error = dbmig_extension_run(conn, schema, "SELECT @.dbmig_remove_tenant($1, $2)", 2,
									params, NULL);
	free(schema);
	return error;
}

static dbmig_error *
remove_in_sqlite(dbmig_conn *conn, const char *path, bool delete_file)
{
	dbmig_param params[2];

	params[0] = dbmig_bind_text(path);
	params[1] = dbmig_bind_bool(delete_file);
	return dbmig_exec(conn, "SELECT dbmig_remove_tenant($1, $2)", 2, params, NULL);
}

/* As dbmig_start() has it: what dbmig refuses, and what fails in a migration. */
static dbmig_error *
as_migration(dbmig_error *error)
{
	error = dbmig_sqlite_hint(error);
	if (error != NULL && error->code == DBMIG_E_DATABASE)
		error->code = DBMIG_E_MIGRATION;
	return error;
}

dbmig_error *
dbmig_tenant_create(dbmig *db, const dbmig_new_tenant *tenant, dbmig_tenant_access **access)
{
	dbmig_conn *conn;
	dbmig_error *error;

	*access = NULL;
	if (tenant->name == NULL)
		return dbmig_error_new(DBMIG_E_ARGUMENT, "a tenant must have a name");
	if (db->driver->kind == DBMIG_SQLITE && (tenant->username != NULL || tenant->password != NULL))
		return dbmig_error_new(DBMIG_E_ARGUMENT, "a tenant in SQLite has no role");
	error = dbmig_conn_for_migrations(db, &conn);
	if (error != NULL)
		return error;
	if (db->driver->kind == DBMIG_POSTGRES)
		error = create_in_pg(conn, tenant, access);
	else
	{
		error = dbmig_sqlite_lock_timeout(conn);
		if (error == NULL)
			error = create_in_sqlite(conn, tenant, access);
	}
	dbmig_conn_close(conn);
	return as_migration(error);
}

dbmig_error *
dbmig_tenant_remove(dbmig *db, const char *name, const char *username, bool delete_file)
{
	bool		pg = db->driver->kind == DBMIG_POSTGRES;
	dbmig_conn *conn;
	dbmig_error *error;

	if (name == NULL)
		return dbmig_error_new(DBMIG_E_ARGUMENT, "a tenant must have a name");
	if (pg ? delete_file : username != NULL)
		return dbmig_error_new(DBMIG_E_ARGUMENT, pg ? "a tenant in PostgreSQL has no file" :
							   "a tenant in SQLite has no role");
	error = dbmig_conn_for_migrations(db, &conn);
	if (error != NULL)
		return error;
	if (!pg)
		error = dbmig_sqlite_lock_timeout(conn);
	if (error == NULL)
		error = pg ? remove_in_pg(conn, name, username) :
			remove_in_sqlite(conn, name, delete_file);
	dbmig_conn_close(conn);
	return as_migration(error);
}

/*
 * What one of dbmig's functions without arguments gives: of the extension, by
 * the view of its name; else by the core here; nothing where dbmig has never
 * been.
 */
static dbmig_error *
read_view(dbmig_conn *conn, const dbmig_function *function, dbmig_rows **rows)
{
	bool		pg = conn->driver->kind == DBMIG_POSTGRES;
	char	   *schema = NULL;
	char	   *sql;
	bool		there = true;
	dbmig_plain plain;
	dbmig_error *error = pg ? dbmig_extension_find(conn, &schema) : NULL;

	if (error != NULL)
		return error;
	if (pg && schema == NULL)
	{
		error = dbmig_plain_there(conn, &there);
		memset(&plain, 0, sizeof(plain));
		plain.conn = conn;
		return error != NULL ? error : dbmig_plain_rows(&plain, function, there, rows);
	}
	sql = dbmig_format_text("SELECT * FROM @.%s", function->name);
	error = sql == NULL ? dbmig_error_memory() :
		dbmig_extension_run(conn, schema, sql, 0, NULL, rows);
	free(sql);
	free(schema);
	return error;
}

static dbmig_error *
list(dbmig *db, const char *name, dbmig_rows **rows)
{
	dbmig_conn *conn;
	dbmig_error *error = dbmig_conn_for_migrations(db, &conn);

	*rows = NULL;
	if (error != NULL)
		return error;
	error = read_view(conn, dbmig_function_find(name), rows);
	dbmig_conn_close(conn);
	return as_migration(error);
}

dbmig_error *
dbmig_tenant_list(dbmig *db, dbmig_rows **rows)
{
	return list(db, "dbmig_tenants", rows);
}

dbmig_error *
dbmig_package_list(dbmig *db, dbmig_rows **rows)
{
	return list(db, "dbmig_status", rows);
}
