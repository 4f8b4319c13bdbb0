/*
 * address.c
 *		Where clients find this database: the connection string of a tenant.
 *
 * It is a URI as libpq reads it.  The host is the setting dbmig.client_host
 * (host, host:port, [IPv6]:port, IPv6, or the folder of a socket), else how this
 * session has come in.  Everything is percent-encoded, byte by byte.
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "postmaster/postmaster.h"
#include "utils/varlena.h"

#include "dbmig_pg.h"

/* All but letters, digits and what no URI gives a meaning, as %XX. */
static void
append_encoded(StringInfo to, const char *text, const char *also)
{
	for (const char *p = text; *p != '\0'; p++)
	{
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			(*p >= '0' && *p <= '9') || strchr("-._~", *p) != NULL ||
			strchr(also, *p) != NULL)
			appendStringInfoChar(to, *p);
		else
			appendStringInfo(to, "%%%02X", (unsigned char) *p);
	}
}

/* The address that the session has come in by, or NULL: by a socket. */
static char *
own_address(void)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *address = NULL;

	SPI_connect();
	if (SPI_execute("SELECT pg_catalog.host(pg_catalog.inet_server_addr())",
					true, 1) == SPI_OK_SELECT && SPI_processed == 1)
	{
		char	   *value = SPI_getvalue(SPI_tuptable->vals[0],
										 SPI_tuptable->tupdesc, 1);

		if (value != NULL)
			address = MemoryContextStrdup(context, value);
	}
	SPI_finish();
	return address;
}

static const char *
socket_folder(void)
{
	List	   *folders;

	if (!SplitDirectoriesString(pstrdup(Unix_socket_directories), ',', &folders) ||
		folders == NIL)
		return "";
	return linitial(folders);
}

/* "host:port" in two; the one or the other may not be said. */
static char *
split_port(const char *text, const char **port)
{
	const char *end = strrchr(text, ':');
	bool		bracket = text[0] == '[';
	size_t		length;

	/* a single colon, or behind a bracket: else it is of the address */
	if (end == NULL ||
		strspn(end + 1, "0123456789") != strlen(end + 1) ||
		(bracket ? end[-1] != ']' : strchr(text, ':') != end))
		end = text + strlen(text);
	else if (end[1] != '\0')
		*port = end + 1;
	length = end - text;
	if (bracket && length > 1 && text[length - 1] == ']')
		return pnstrdup(text + 1, length - 2);
	return pnstrdup(text, length);
}

static void
append_host(StringInfo to)
{
	const char *port = psprintf("%d", PostPortNumber);
	const char *host = split_port(dbmig_pg_client_host, &port);

	if (host[0] == '\0')
		host = own_address();
	if (host == NULL)
		host = socket_folder();
	if (strchr(host, ':') != NULL && host[0] != '/' && host[0] != '@')
	{
		appendStringInfoChar(to, '[');
		append_encoded(to, host, ":");
		appendStringInfoChar(to, ']');
	}
	else
		append_encoded(to, host, "");
	appendStringInfo(to, ":%s", port);
}

const char *
dbmig_pg_connection_string(const char *username, const char *password)
{
	StringInfoData uri;

	initStringInfo(&uri);
	appendStringInfoString(&uri, "postgresql://");
	append_encoded(&uri, username, "");
	appendStringInfoChar(&uri, ':');
	append_encoded(&uri, password, "");
	appendStringInfoChar(&uri, '@');
	append_host(&uri);
	appendStringInfoChar(&uri, '/');
	append_encoded(&uri, get_database_name(MyDatabaseId), "");
	return uri.data;
}
