/*
 * types.c
 *		UUIDs, timestamps and numbers as text, and parameters.
 *
 * Nothing here looks at the locale or the time zone of the process.
 */
#include "client.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)

bool
dbmig_uuid_random(dbmig_uuid *uuid)
{
	FILE	   *file = fopen("/dev/urandom", "rb");
	size_t		got = 0;

	if (file != NULL)
	{
		setvbuf(file, NULL, _IONBF, 0);
		got = fread(uuid->bytes, 1, sizeof(uuid->bytes), file);
		fclose(file);
	}
	if (got != sizeof(uuid->bytes))
		return false;
	uuid->bytes[6] = (unsigned char) ((uuid->bytes[6] & 0x0F) | 0x40);
	uuid->bytes[8] = (unsigned char) ((uuid->bytes[8] & 0x3F) | 0x80);
	return true;
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

bool
dbmig_uuid_from_text(const char *text, dbmig_uuid *uuid)
{
	dbmig_uuid	read;
	bool		brace = *text == '{';
	int			digits = 0;

	for (text += brace; *text != '\0' && *text != '}'; text++)
	{
		int			digit = hex_digit(*text);

		/* a hyphen is between groups of four digits only */
		if (*text == '-' && digits % 4 == 0 && digits > 0 && digits < 32 &&
			text[-1] != '-')
			continue;
		if (digit < 0 || digits == 32)
			return false;
		if (digits % 2 == 0)
			read.bytes[digits / 2] = (unsigned char) (digit << 4);
		else
			read.bytes[digits / 2] |= (unsigned char) digit;
		digits++;
	}
	if (digits != 32 || (*text == '}') != brace || (brace && text[1] != '\0'))
		return false;
	*uuid = read;
	return true;
}

void
dbmig_uuid_to_text(dbmig_uuid uuid, char text[37])
{
	static const char digits[] = "0123456789abcdef";
	int			i;

	for (i = 0; i < 16; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*text++ = '-';
		*text++ = digits[uuid.bytes[i] >> 4];
		*text++ = digits[uuid.bytes[i] & 0x0F];
	}
	*text = '\0';
}

dbmig_timestamp
dbmig_timestamp_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (dbmig_timestamp) now.tv_sec * SECOND + now.tv_nsec / 1000;
}

/* Days since 1970-01-01 of a day of the Gregorian calendar, and back. */
static int64_t
days_of(int64_t year, int month, int day)
{
	int64_t		y = month <= 2 ? year - 1 : year;
	int64_t		era = (y >= 0 ? y : y - 399) / 400;
	int64_t		of_era = y - era * 400;
	int64_t		of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void
date_of(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t		z = days + 719468;
	int64_t		era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t		of_era = z - era * 146097;
	int64_t		y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t		of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t		m = (5 * of_year + 2) / 153;

	*day = (int) (of_year - (153 * m + 2) / 5 + 1);
	*month = (int) (m < 10 ? m + 3 : m - 9);
	*year = y + era * 400 + (*month <= 2);
}

/* Exactly count digits; *p is behind them. */
static bool
read_digits(const char **p, int count, int *value)
{
	*value = 0;
	for (; count > 0; count--, (*p)++)
	{
		if (**p < '0' || **p > '9')
			return false;
		*value = *value * 10 + (**p - '0');
	}
	return true;
}

static bool
read_char(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

/* Up to microseconds; digits behind them are dropped. */
static bool
read_fraction(const char **p, int64_t *microseconds)
{
	int64_t		unit = SECOND / 10;

	*microseconds = 0;
	if (!read_char(p, '.'))
		return true;
	if (**p < '0' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
		*microseconds += (**p - '0') * unit;
	return true;
}

static bool
read_zone(const char **p, int64_t *seconds)
{
	int			hours;
	int			minutes = 0;
	int			rest = 0;
	int			sign = **p == '-' ? -1 : 1;

	*seconds = 0;
	if (**p == '\0')
		return true;
	if (read_char(p, 'Z') || read_char(p, 'z'))
		return true;
	if (**p != '+' && **p != '-')
		return false;
	(*p)++;
	if (!read_digits(p, 2, &hours))
		return false;
	if (**p != '\0')
	{
		(void) read_char(p, ':');
		if (!read_digits(p, 2, &minutes))
			return false;
	}
	if (read_char(p, ':') && !read_digits(p, 2, &rest))
		return false;
	*seconds = sign * (hours * 3600 + minutes * 60 + rest);
	return minutes < 60 && rest < 60;
}

bool
dbmig_timestamp_from_text(const char *text, dbmig_timestamp *timestamp)
{
	static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	const char *p = text;
	int			year;
	int			month;
	int			day;
	int			hour;
	int			minute;
	int			second;
	int64_t		microseconds;
	int64_t		zone;
	bool		leap;

	if (!read_digits(&p, 4, &year) || !read_char(&p, '-') ||
		!read_digits(&p, 2, &month) || !read_char(&p, '-') ||
		!read_digits(&p, 2, &day) ||
		!(read_char(&p, 'T') || read_char(&p, 't') || read_char(&p, ' ')) ||
		!read_digits(&p, 2, &hour) || !read_char(&p, ':') ||
		!read_digits(&p, 2, &minute) || !read_char(&p, ':') ||
		!read_digits(&p, 2, &second) || !read_fraction(&p, &microseconds) ||
		!read_zone(&p, &zone) || *p != '\0')
		return false;
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	if (month < 1 || month > 12 || day < 1 ||
		day > lengths[month - 1] - (month == 2 && !leap) ||
		hour > 23 || minute > 59 || second > 60)
		return false;
	*timestamp = days_of(year, month, day) * DAY +
		((int64_t) hour * 3600 + minute * 60 + second - zone) * SECOND +
		microseconds;
	return true;
}

bool
dbmig_timestamp_to_text(dbmig_timestamp timestamp, char text[28])
{
	int64_t		days = timestamp / DAY;
	int64_t		rest = timestamp % DAY;
	int64_t		year;
	int			month;
	int			day;
	char		buffer[64];

	if (rest < 0)
	{
		rest += DAY;
		days--;
	}
	date_of(days, &year, &month, &day);
	if (year < 0 || year > 9999)
		return false;
	snprintf(buffer, sizeof(buffer), "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",
			 (int) year, month, day, (int) (rest / (3600 * SECOND)),
			 (int) (rest / (60 * SECOND) % 60), (int) (rest / SECOND % 60),
			 (int) (rest % SECOND));
	memcpy(text, buffer, 27);
	text[27] = '\0';
	return true;
}

/* Numbers with a point, whatever the locale of the process has. */
double
dbmig_real_read(const char *text, char **end)
{
	const char *point = localeconv()->decimal_point;
	const char *dot = strchr(text, '.');
	char	   *copy;
	char	   *stop;
	double		value;

	if (dot == NULL || strcmp(point, ".") == 0)
		return strtod(text, end);
	copy = dbmig_format_text("%.*s%s%s", (int) (dot - text), text, point, dot + 1);
	if (copy == NULL)
	{
		*end = (char *) text;
		return 0;
	}
	value = strtod(copy, &stop);
	*end = (char *) text + (*stop == '\0' ? strlen(text) : 0);
	free(copy);
	return value;
}

/* 17 digits: reading it gives the same number again. */
void
dbmig_real_write(double value, char *text, size_t size)
{
	const char *point = localeconv()->decimal_point;
	char	   *found;

	snprintf(text, size, "%.17g", value);
	found = strcmp(point, ".") == 0 ? NULL : strstr(text, point);
	if (found == NULL)
		return;
	*found = '.';
	memmove(found + 1, found + strlen(point), strlen(found + strlen(point)) + 1);
}

static dbmig_param
param_of(dbmig_param_kind kind)
{
	dbmig_param param;

	memset(&param, 0, sizeof(param));
	param.kind = (int) kind;
	return param;
}

dbmig_param
dbmig_bind_null(void)
{
	return param_of(DBMIG_KIND_NULL);
}

dbmig_param
dbmig_bind_bool(bool value)
{
	dbmig_param param = param_of(DBMIG_KIND_BOOL);

	param.integer = value;
	return param;
}

dbmig_param
dbmig_bind_int(int64_t value)
{
	dbmig_param param = param_of(DBMIG_KIND_INT);

	param.integer = value;
	return param;
}

dbmig_param
dbmig_bind_real(double value)
{
	dbmig_param param = param_of(DBMIG_KIND_REAL);

	param.real = value;
	return param;
}

dbmig_param
dbmig_bind_text(const char *value)
{
	dbmig_param param = param_of(value != NULL ? DBMIG_KIND_TEXT : DBMIG_KIND_NULL);

	param.data = value;
	param.length = value != NULL ? strlen(value) : 0;
	return param;
}

dbmig_param
dbmig_bind_blob(dbmig_blob value)
{
	dbmig_param param = param_of(DBMIG_KIND_BLOB);

	param.data = value.length > 0 ? value.data : "";
	param.length = value.length;
	return param;
}

dbmig_param
dbmig_bind_uuid(dbmig_uuid value)
{
	dbmig_param param = param_of(DBMIG_KIND_UUID);

	param.uuid = value;
	return param;
}

dbmig_param
dbmig_bind_timestamp(dbmig_timestamp value)
{
	dbmig_param param = param_of(DBMIG_KIND_TIMESTAMP);

	param.integer = value;
	return param;
}
