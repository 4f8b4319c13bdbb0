/*
 * text.c
 *		Where a byte of a script is, and whether bytes are UTF-8.
 */
#include "dbmig_core.h"

#include <string.h>

#include "internal.h"

void
dbmig_position(const char *text, size_t offset, int *line, int *column)
{
	size_t		i;

	*line = 1;
	*column = 1;
	for (i = 0; i < offset && text[i] != '\0'; i++)
	{
		if (text[i] == '\n')
		{
			(*line)++;
			*column = 1;
		}
		else if (((unsigned char) text[i] & 0xC0) != 0x80)
			(*column)++;
	}
}

bool
dbmig_utf8_valid(const char *text, size_t length)
{
	const unsigned char *p = (const unsigned char *) text;
	const unsigned char *end = p + length;
	uint64_t	eight;

	while (p < end)
	{
		int			more;
		int			i;

		if (*p < 0x80)
		{
			/* most text is ASCII: eight at once */
			while ((size_t) (end - p) >= sizeof(eight) &&
				   (memcpy(&eight, p, sizeof(eight)),
					(eight & UINT64_C(0x8080808080808080)) == 0))
				p += sizeof(eight);
			while (p < end && *p < 0x80)
				p++;
			continue;
		}
		if (*p >= 0xC2 && *p <= 0xDF)
			more = 1;
		else if (*p >= 0xE0 && *p <= 0xEF)
			more = 2;
		else if (*p >= 0xF0 && *p <= 0xF4)
			more = 3;
		else
			return false;
		if (end - p <= more)
			return false;
		for (i = 1; i <= more; i++)
			if ((p[i] & 0xC0) != 0x80)
				return false;
		/* overlong forms, surrogates, and what lies beyond U+10FFFF */
		if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) ||
			(p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
			return false;
		p += more + 1;
	}
	return true;
}

bool
dbmig_has_control(const char *text, size_t length)
{
	size_t		i;

	for (i = 0; i < length; i++)
		if ((unsigned char) text[i] < 0x20 || text[i] == 0x7F)
			return true;
	return false;
}
