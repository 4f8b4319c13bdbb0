/*
 * url.c
 *		Which database a URL means, and how its driver opens it.
 *
 * PostgreSQL's are libpq's own.  SQLite's become a name that sqlite3_open_v2()
 * takes: a path, or file:... with parameters.  A database in memory gets a
 * name of its own, by which all connections of one pool find it.
 */
#include "client.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static char *
copy_text(const char *text)
{
	char	   *copy = malloc(strlen(text) + 1);

	return copy != NULL ? strcpy(copy, text) : NULL;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * sqlite://PATH: what is behind the slashes, %XX as a byte.  Three slashes are
 * a relative path and four an absolute one nowhere else: here the path begins
 * right behind "//", so that sqlite:///srv/a.db is /srv/a.db and sqlite://a.db
 * is a.db.  With a "?" it is given to SQLite as file:... .
 */
static dbmig_error *
read_sqlite_url(const char *url, char **target)
{
	const char *path = url + strlen("sqlite://");
	char	   *to;

	if (strchr(path, '?') != NULL)
	{
		*target = dbmig_format_text("file:%s", path);
		return *target != NULL ? NULL : dbmig_error_memory();
	}
	*target = copy_text(path);
	if (*target == NULL)
		return dbmig_error_memory();
	for (to = *target; *path != '\0'; to++)
	{
		int			high = *path == '%' ? hex_digit(path[1]) : -1;
		int			low = high >= 0 ? hex_digit(path[2]) : -1;

		if (low < 0)
			*to = *path++;
		else
		{
			*to = (char) (high * 16 + low);
			path += 3;
			if (*to == '\0')
			{
				free(*target);
				*target = NULL;
				return dbmig_error_new(DBMIG_E_ARGUMENT,
									   "the URL has a zero byte in its path");
			}
		}
	}
	*to = '\0';
	return NULL;
}

/* One database for all who know its name, in this process. */
static dbmig_error *
name_memory(char **target)
{
	sqlite3_uint64 random;

	sqlite3_randomness(sizeof(random), &random);
	*target = sqlite3_libversion_number() >= 3036000 ?
		dbmig_format_text("file:/dbmig-%016llx?vfs=memdb", random) :
		dbmig_format_text("file:dbmig-%016llx?mode=memory&cache=shared", random);
	return *target != NULL ? NULL : dbmig_error_memory();
}

static bool
is_memory(const char *target)
{
	return strcmp(target, ":memory:") == 0 || strcmp(target, "file::memory:") == 0;
}

/* Neither *driver nor *target is set on an error. */
dbmig_error *
dbmig_url_read(const char *url, const dbmig_driver **driver, char **target)
{
	dbmig_error *error = NULL;
	char	   *found = NULL;

	if (url == NULL || url[0] == '\0')
		return dbmig_error_hint(DBMIG_E_ARGUMENT,
								"It is postgres://..., sqlite://..., a path or :memory:.",
								"the URL must not be empty");
	if (begins_with(url, "postgres://") || begins_with(url, "postgresql://"))
	{
		*driver = &dbmig_driver_pg;
		found = copy_text(url);
	}
	else if (begins_with(url, "sqlite://"))
	{
		*driver = &dbmig_driver_sqlite;
		error = read_sqlite_url(url, &found);
		if (error == NULL && found[0] == '\0')
			error = dbmig_error_new(DBMIG_E_ARGUMENT, "the URL has no path");
	}
	else if (begins_with(url, "file:") || strcmp(url, ":memory:") == 0)
	{
		*driver = &dbmig_driver_sqlite;
		found = copy_text(url);
	}
	else if (strstr(url, "://") != NULL)
		error = dbmig_error_hint(DBMIG_E_ARGUMENT,
								 "It is postgres://..., sqlite://..., a path or :memory:.",
								 "unknown kind of URL: \"%.*s\"",
								 (int) (strstr(url, "://") - url), url);
	else
	{
		/* a path with "=" in it is given as file:... or sqlite://... */
		*driver = strchr(url, '=') != NULL ? &dbmig_driver_pg : &dbmig_driver_sqlite;
		found = copy_text(url);
	}
	if (error == NULL && found == NULL)
		error = dbmig_error_memory();
	if (error == NULL && *driver == &dbmig_driver_sqlite && is_memory(found))
	{
		free(found);
		found = NULL;
		error = name_memory(&found);
	}
	if (error != NULL)
	{
		free(found);
		return error;
	}
	*target = found;
	return NULL;
}
