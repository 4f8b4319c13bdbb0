/*
 * timestamp.c
 *		Times as RFC 3339 writes them, in microseconds since 1970 UTC.
 *
 * The text that is made always has the same length, so that it sorts as the
 * time does: 2026-11-22T08:14:00.123456Z.  No library's time zone is asked.
 */
#define _POSIX_C_SOURCE 200809L

#include "dbmig_core.h"

#include <time.h>

#include "internal.h"

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)

int64_t
dbmig_clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * SECOND + now.tv_nsec / 1000;
}

static bool
is_leap_year(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int
days_of_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return month == 2 && is_leap_year(year) ? 29 : days[month - 1];
}

/* Days before the year, counted from the first of the year 0. */
static int64_t
days_before_year(int64_t year)
{
	return year == 0 ? 0 :
		365 * year + (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 + 1;
}

static int64_t
days_since_1970(int year, int month, int day)
{
	int64_t		days = days_before_year(year) - days_before_year(1970);
	int			m;

	for (m = 1; m < month; m++)
		days += days_of_month(year, m);
	return days + day - 1;
}

static void
date_of(int64_t days, int *year, int *month, int *day)
{
	int64_t		since_0 = days + days_before_year(1970);

	/* off by one at most */
	*year = (int) (since_0 * 400 / 146097);
	while (days_before_year(*year) > since_0)
		(*year)--;
	while (days_before_year(*year + 1) <= since_0)
		(*year)++;
	since_0 -= days_before_year(*year);
	for (*month = 1; since_0 >= days_of_month(*year, *month); (*month)++)
		since_0 -= days_of_month(*year, *month);
	*day = (int) since_0 + 1;
}

/* value in so many digits, and a character behind them */
static char *
put(char *to, int64_t value, int digits, char behind)
{
	int			i;

	for (i = digits - 1; i >= 0; i--, value /= 10)
		to[i] = (char) ('0' + value % 10);
	to[digits] = behind;
	return to + digits + 1;
}

bool
dbmig_timestamp_format(int64_t microseconds, char *text)
{
	int64_t		days = microseconds / DAY;
	int64_t		rest = microseconds % DAY;
	int			year;
	int			month;
	int			day;

	if (rest < 0)
	{
		rest += DAY;
		days--;
	}
	if (days < days_since_1970(0, 1, 1) || days > days_since_1970(9999, 12, 31))
		return false;
	date_of(days, &year, &month, &day);
	text = put(text, year, 4, '-');
	text = put(text, month, 2, '-');
	text = put(text, day, 2, 'T');
	text = put(text, rest / (3600 * SECOND), 2, ':');
	text = put(text, rest / (60 * SECOND) % 60, 2, ':');
	text = put(text, rest / SECOND % 60, 2, '.');
	text = put(text, rest % SECOND, 6, 'Z');
	*text = '\0';
	return true;
}

/* Exactly so many digits, and behind them the character next ('\0': any). */
static bool
read_digits(const char **at, const char *end, int count, char next, int *value)
{
	*value = 0;
	for (; count > 0; count--, (*at)++)
	{
		if (*at == end || **at < '0' || **at > '9')
			return false;
		*value = *value * 10 + (**at - '0');
	}
	if (next == '\0')
		return true;
	return *at < end && *(*at)++ == next;
}

/* What stands behind the point; the sixth digit is the last that counts. */
static bool
read_fraction(const char **at, const char *end, int *microseconds)
{
	int			unit = 100000;

	*microseconds = 0;
	if (*at == end || **at != '.')
		return true;
	(*at)++;
	if (*at == end || **at < '0' || **at > '9')
		return false;
	for (; *at < end && **at >= '0' && **at <= '9'; (*at)++)
	{
		*microseconds += (**at - '0') * unit;
		unit /= 10;
	}
	return true;
}

static const char *
read_offset(const char *at, const char *end, int *minutes)
{
	int			sign;
	int			hours;

	*minutes = 0;
	if (at == end)
		return "it has no offset from UTC, such as Z or +02:00";
	if (end - at == 1 && (*at == 'Z' || *at == 'z'))
		return NULL;
	if (*at != '+' && *at != '-')
		return "what stands behind the seconds is no offset, such as Z or +02:00";
	sign = *at++ == '-' ? -1 : 1;
	if (!read_digits(&at, end, 2, ':', &hours) ||
		!read_digits(&at, end, 2, '\0', minutes) || at != end)
		return "what stands behind the seconds is no offset, such as Z or +02:00";
	if (hours > 23 || *minutes > 59)
		return "the offset is not less than 24 hours";
	*minutes = sign * (hours * 60 + *minutes);
	return NULL;
}

/* Whether the UTC second that ended just then can have been a leap second. */
static bool
ends_a_month(int64_t microseconds)
{
	int			year;
	int			month;
	int			day;

	if (microseconds % DAY != 0)
		return false;
	date_of(microseconds / DAY, &year, &month, &day);
	return day == 1;
}

const char *
dbmig_timestamp_read(const char *text, size_t length, int64_t *microseconds)
{
	const char *at = text;
	const char *end = text + length;
	const char *wrong;
	int			year;
	int			month;
	int			day;
	int			hour;
	int			minute;
	int			second;
	int			fraction;
	int			offset;
	int64_t		whole;

	if (!read_digits(&at, end, 4, '-', &year) ||
		!read_digits(&at, end, 2, '-', &month) ||
		!read_digits(&at, end, 2, '\0', &day))
		return "it does not begin with a date such as 2026-11-22";
	if (at == end || (*at != 'T' && *at != 't' && *at != ' '))
		return "there is no T and time behind the date";
	at++;
	if (!read_digits(&at, end, 2, ':', &hour) ||
		!read_digits(&at, end, 2, ':', &minute) ||
		!read_digits(&at, end, 2, '\0', &second) ||
		!read_fraction(&at, end, &fraction))
		return "the time is not one such as 08:14:00 or 08:14:00.25";
	if (month < 1 || month > 12)
		return "there is no such month";
	if (day < 1 || day > days_of_month(year, month))
		return "the month does not have that day";
	if (hour > 23 || minute > 59 || second > 60)
		return "there is no such time of day";
	wrong = read_offset(at, end, &offset);
	if (wrong != NULL)
		return wrong;
	whole = days_since_1970(year, month, day) * DAY +
		((hour * 60 + minute - offset) * 60 + second) * SECOND;
	if (second == 60 && !ends_a_month(whole))
		return "only a month's last second in UTC can be a leap second";
	*microseconds = whole + fraction;
	if (*microseconds < days_since_1970(0, 1, 1) * DAY ||
		*microseconds >= (days_since_1970(9999, 12, 31) + 1) * DAY)
		return "in UTC it is not in the years 0000 to 9999";
	return NULL;
}
