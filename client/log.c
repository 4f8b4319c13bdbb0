/*
 * log.c
 *		What the program's log callback is told.
 */
#include "client.h"

#include <string.h>

/* "2/7 auth@3 ...", as the core words it (DBMIG_PROGRESS_FORMAT) */
bool
dbmig_is_progress(const char *message)
{
	const char *p = message + strspn(message, "0123456789");
	size_t		total;

	if (p == message || *p != '/')
		return false;
	total = strspn(++p, "0123456789");
	return total > 0 && p[total] == ' ' && strchr(p + total, '@') != NULL;
}
