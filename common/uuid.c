/*
 * uuid.c
 *		UUIDs (RFC 9562): their text, and the making of versions 4 and 7.
 *
 * Whoever calls gives the random bytes.  Version 7 has the time in 60 bits,
 * milliseconds in 48 and 4096ths of one in 12: what is made next is one more
 * at least, whatever the clock says meanwhile.
 */
#include "dbmig_core.h"

#include "internal.h"

static void
mark(unsigned char *uuid, int version)
{
	uuid[6] = (unsigned char) ((uuid[6] & 0x0F) | version << 4);
	uuid[8] = (unsigned char) ((uuid[8] & 0x3F) | 0x80);
}

void
dbmig_uuid4_make(unsigned char *uuid)
{
	mark(uuid, 4);
}

void
dbmig_uuid7_make(unsigned char *uuid, int64_t microseconds, int64_t *last)
{
	int64_t		time = microseconds > 0 ? microseconds : 0;
	int			i;

	time = (time / 1000) * 4096 + (time % 1000) * 4096 / 1000;
	if (time <= *last)
		time = *last + 1;
	*last = time;
	for (i = 0; i < 6; i++)
		uuid[i] = (unsigned char) (time >> (52 - 8 * i));
	uuid[6] = (unsigned char) (time >> 8);
	uuid[7] = (unsigned char) time;
	mark(uuid, 7);
}

void
dbmig_uuid_format(const unsigned char *uuid, char *text)
{
	static const char digits[] = "0123456789abcdef";
	int			i;

	for (i = 0; i < 16; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*text++ = '-';
		*text++ = digits[uuid[i] >> 4];
		*text++ = digits[uuid[i] & 0x0F];
	}
	*text = '\0';
}

int
dbmig_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* With its four hyphens, or, as hex() gives it, without any. */
bool
dbmig_uuid_read(const char *text, size_t length, unsigned char *uuid)
{
	bool		hyphens = length == 36;
	int			i;

	if (!hyphens && length != 32)
		return false;
	for (i = 0; i < 16; i++)
	{
		int			high;
		int			low;

		if (hyphens && (i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
			return false;
		high = dbmig_hex_digit(text[0]);
		low = dbmig_hex_digit(text[1]);
		if (high < 0 || low < 0)
			return false;
		uuid[i] = (unsigned char) (high << 4 | low);
		text += 2;
	}
	return true;
}
