/*
 * json.c
 *		A reader of JSON objects (RFC 8259), as far as options need them: strings,
 *		numbers, booleans, and arrays of strings.
 */
#include "dbmig_core.h"

#include <string.h>

#include "internal.h"

static int
fail_at(dbmig_json *p)
{
	return dbmig_fail(p->call, DBMIG_BAD_VALUE, p->hint,
					  "options are not valid JSON at character %d",
					  (int) (p->at - p->json) + 1);
}

static void
skip_blanks(dbmig_json *p)
{
	while (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r')
		p->at++;
}

int
dbmig_json_expect(dbmig_json *p, char c)
{
	skip_blanks(p);
	if (*p->at != c)
		return fail_at(p);
	p->at++;
	return 0;
}

bool
dbmig_json_next(dbmig_json *p, char c)
{
	skip_blanks(p);
	if (*p->at != c)
		return false;
	p->at++;
	return true;
}

/* Four hex digits; -1 where they are none. */
static long
read_hex(dbmig_json *p)
{
	long		value = 0;
	int			i;

	for (i = 0; i < 4; i++)
	{
		int			digit = dbmig_hex_digit(p->at[i]);

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	p->at += 4;
	return value;
}

static int
read_unicode(dbmig_json *p, dbmig_buffer *text)
{
	long		code = read_hex(p);
	char		bytes[4];
	size_t		length;

	if (code >= 0xD800 && code <= 0xDBFF && p->at[0] == '\\' && p->at[1] == 'u')
	{
		long		low;

		p->at += 2;
		low = read_hex(p);
		if (low < 0xDC00 || low > 0xDFFF)
			return fail_at(p);
		code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
	}
	if (code <= 0 || (code >= 0xD800 && code <= 0xDFFF))
		return fail_at(p);
	if (code < 0x80)
	{
		bytes[0] = (char) code;
		length = 1;
	}
	else if (code < 0x800)
	{
		bytes[0] = (char) (0xC0 | code >> 6);
		bytes[1] = (char) (0x80 | (code & 0x3F));
		length = 2;
	}
	else if (code < 0x10000)
	{
		bytes[0] = (char) (0xE0 | code >> 12);
		bytes[1] = (char) (0x80 | (code >> 6 & 0x3F));
		bytes[2] = (char) (0x80 | (code & 0x3F));
		length = 3;
	}
	else
	{
		bytes[0] = (char) (0xF0 | code >> 18);
		bytes[1] = (char) (0x80 | (code >> 12 & 0x3F));
		bytes[2] = (char) (0x80 | (code >> 6 & 0x3F));
		bytes[3] = (char) (0x80 | (code & 0x3F));
		length = 4;
	}
	return dbmig_append_bytes(p->call, text, bytes, length);
}

static const char *
read_string(dbmig_json *p)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	dbmig_buffer text = {0};

	if (dbmig_json_expect(p, '"') != 0 || dbmig_append_text(p->call, &text, "") != 0)
		return NULL;
	while (*p->at != '"')
	{
		const char *escape;

		if ((unsigned char) *p->at < 0x20)
		{
			fail_at(p);
			return NULL;
		}
		if (*p->at != '\\')
		{
			if (dbmig_append_bytes(p->call, &text, p->at++, 1) != 0)
				return NULL;
			continue;
		}
		p->at++;
		if (*p->at == 'u')
		{
			p->at++;
			if (read_unicode(p, &text) != 0)
				return NULL;
			continue;
		}
		escape = *p->at != '\0' ? strchr(from, *p->at) : NULL;
		if (escape == NULL)
		{
			fail_at(p);
			return NULL;
		}
		if (dbmig_append_bytes(p->call, &text, &to[escape - from], 1) != 0)
			return NULL;
		p->at++;
	}
	p->at++;
	return text.text;
}

int
dbmig_json_bool(dbmig_json *p, const char *key, int *value)
{
	skip_blanks(p);
	if (strncmp(p->at, "true", 4) == 0)
	{
		*value = 1;
		p->at += 4;
		return 0;
	}
	if (strncmp(p->at, "false", 5) == 0)
	{
		*value = 0;
		p->at += 5;
		return 0;
	}
	return dbmig_fail(p->call, DBMIG_BAD_VALUE, NULL,
					  "option \"%s\" must be true or false", key);
}

int
dbmig_json_text(dbmig_json *p, const char *key, const char **value)
{
	skip_blanks(p);
	if (*p->at != '"')
		return dbmig_fail(p->call, DBMIG_BAD_VALUE, NULL,
						  "option \"%s\" must be a string", key);
	*value = read_string(p);
	return *value != NULL ? 0 : -1;
}

/* As it is written, for whoever knows what it may be. */
int
dbmig_json_number(dbmig_json *p, const char *key, const char **value)
{
	size_t		length;

	skip_blanks(p);
	length = strspn(p->at, "+-.0123456789eE");
	if (length == 0)
		return dbmig_fail(p->call, DBMIG_BAD_VALUE, NULL,
						  "option \"%s\" must be a number", key);
	*value = dbmig_copy(p->call, p->at, length);
	p->at += length;
	return *value != NULL ? 0 : -1;
}

int
dbmig_json_texts(dbmig_json *p, const char *key, const char ***items,
				 size_t *count)
{
	static const char must[] = "option \"%s\" must be an array of strings";
	size_t		capacity = 0;

	*items = NULL;
	*count = 0;
	if (!dbmig_json_next(p, '['))
		return dbmig_fail(p->call, DBMIG_BAD_VALUE, NULL, must, key);
	if (dbmig_json_next(p, ']'))
		return 0;
	do
	{
		const char **more;

		skip_blanks(p);
		if (*p->at != '"')
			return dbmig_fail(p->call, DBMIG_BAD_VALUE, NULL, must, key);
		more = dbmig_grow(p->call, *items, *count, &capacity, sizeof(*more));
		if (more == NULL)
			return -1;
		*items = more;
		more[*count] = read_string(p);
		if (more[(*count)++] == NULL)
			return -1;
	} while (dbmig_json_next(p, ','));
	return dbmig_json_expect(p, ']');
}

int
dbmig_json_members(dbmig_call *call, const char *json, const char *hint,
				   int (*member) (dbmig_json *p, const char *key, void *arg),
				   void *arg)
{
	dbmig_json	p;

	p.call = call;
	p.json = p.at = json;
	p.hint = hint;
	if (dbmig_json_expect(&p, '{') != 0)
		return -1;
	if (!dbmig_json_next(&p, '}'))
	{
		do
		{
			const char *key = read_string(&p);

			if (key == NULL || dbmig_json_expect(&p, ':') != 0 ||
				member(&p, key, arg) != 0)
				return -1;
		} while (dbmig_json_next(&p, ','));
		if (dbmig_json_expect(&p, '}') != 0)
			return -1;
	}
	skip_blanks(&p);
	return *p.at == '\0' ? 0 : fail_at(&p);
}
