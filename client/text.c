/*
 * text.c
 *		Texts that grow, and how PostgreSQL writes arrays and names.
 */
#include "start.h"

#include <stdlib.h>
#include <string.h>

void
dbmig_string_bytes(dbmig_string *string, const char *text, size_t length)
{
	if (string->failed)
		return;
	if (string->size - string->length <= length)
	{
		size_t		size = (string->length + length + 32) * 2;
		char	   *larger = realloc(string->text, size);

		if (larger == NULL)
		{
			free(string->text);
			string->text = NULL;
			string->failed = true;
			return;
		}
		string->text = larger;
		string->size = size;
	}
	memcpy(string->text + string->length, text, length);
	string->length += length;
	string->text[string->length] = '\0';
}

void
dbmig_string_add(dbmig_string *string, const char *text)
{
	dbmig_string_bytes(string, text, strlen(text));
}

void
dbmig_string_element(dbmig_string *string, const char *text)
{
	dbmig_string_add(string, string->length == 0 ? "{" : ",");
	if (text == NULL)
	{
		dbmig_string_add(string, "NULL");
		return;
	}
	dbmig_string_add(string, "\"");
	for (;;)
	{
		size_t		plain = strcspn(text, "\"\\");

		dbmig_string_bytes(string, text, plain);
		text += plain;
		if (*text == '\0')
			break;
		dbmig_string_add(string, "\\");
		dbmig_string_bytes(string, text++, 1);
	}
	dbmig_string_add(string, "\"");
}

void
dbmig_string_end(dbmig_string *string)
{
	dbmig_string_add(string, string->length == 0 ? "{}" : "}");
}

/* As an identifier; the caller frees it.  NULL without memory. */
char *
dbmig_quote(const char *name)
{
	dbmig_string quoted = {NULL, 0, 0, false};

	dbmig_string_add(&quoted, "\"");
	for (; *name != '\0'; name++)
		dbmig_string_bytes(&quoted, *name == '"' ? "\"\"" : name, *name == '"' ? 2 : 1);
	dbmig_string_add(&quoted, "\"");
	return quoted.text;
}

char *
dbmig_in_schema(const char *sql, const char *schema)
{
	dbmig_string text = {NULL, 0, 0, false};
	char	   *quoted = schema != NULL ? dbmig_quote(schema) : NULL;
	const char *at;

	if (schema != NULL && quoted == NULL)
		return NULL;
	while ((at = strstr(sql, "@.")) != NULL)
	{
		dbmig_string_bytes(&text, sql, (size_t) (at - sql));
		if (quoted != NULL)
		{
			dbmig_string_add(&text, quoted);
			dbmig_string_add(&text, ".");
		}
		sql = at + 2;
	}
	dbmig_string_add(&text, sql);
	free(quoted);
	return text.text;
}

char *
dbmig_item_join(const char *package, const char *version)
{
	return dbmig_format_text("%s%s%s", package, version[0] != '\0' ? "@" : "", version);
}
