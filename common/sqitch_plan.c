/*
 * sqitch_plan.c
 *		sqitch.plan: the changes of a project, in their order.
 *
 * Pragmas (%project=...) up to the first empty line, then a line a change or
 * tag: name [dependencies] date planner <mail> # note.  What Sqitch refuses is
 * refused here.  Planners, dates and notes are checked and left out.
 *
 * A change may stand there again behind a tag: it is reworked, and the files of
 * the earlier one have the tag in their names.
 */
#include "dbmig_core.h"

#include <string.h>

#include "sqitch.h"

#define NAME_HINT "A name has no blanks and none of : @ # [ ] \\, and does not begin or end with punctuation, nor with / ~ = % ^ and digits behind it."
#define TIME_LENGTH 20			/* 2021-07-17T16:17:06Z */
#define ID_LENGTH 40

/* A bucket; key NULL: free. */
struct dbmig_sqitch_name
{
	const char *key;			/* of a tag with its "@" */
	size_t		length;
	int			index;			/* of the tag, or of the last such change */
};

typedef struct reader
{
	dbmig_call *call;
	const char *path;
	dbmig_lines lines;
	dbmig_sqitch_plan *plan;
	int			section;		/* the first change behind the last tag */
	const char *at;				/* in the line */
	const char *end;			/* of the line, blanks and note left out */
} reader;

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_punctuation(char c)
{
	return c > ' ' && c < 0x7F && c != '_' && !dbmig_is_digit(c) &&
		!((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool
is_name(const char *name, size_t length)
{
	size_t		i;

	if (length == 0 || is_punctuation(name[0]) || is_punctuation(name[length - 1]) ||
		dbmig_has_control(name, length))
		return false;
	for (i = 0; i < length; i++)
		if (is_blank(name[i]) || strchr(":@#\\[]", name[i]) != NULL)
			return false;
	for (i = length; i > 0 && dbmig_is_digit(name[i - 1]); i--)
		;
	return i == length || i == 0 || strchr("~/=%^", name[i - 1]) == NULL;
}

/* As those of changes by their hashes. */
static bool
is_id(const char *text, size_t length)
{
	size_t		i;

	for (i = 0; i < length && i < ID_LENGTH; i++)
		if (!dbmig_is_digit(text[i]) && (text[i] < 'a' || text[i] > 'f'))
			return false;
	return length >= ID_LENGTH;
}

static int
fail_line(reader *r, dbmig_status status, const char *hint, const char *wrong,
		  const char *text, size_t length)
{
	return dbmig_fail(r->call, status, hint, "file \"%s\", line %d: %s \"%.*s\"",
					  r->path, r->lines.number, wrong, (int) length, text);
}

static dbmig_sqitch_name *
find_bucket(const dbmig_sqitch_plan *plan, const char *key, size_t length)
{
	uint32_t	hash = 2166136261u;
	size_t		i;

	for (i = 0; i < length; i++)
		hash = (hash ^ (unsigned char) key[i]) * 16777619u;
	for (i = hash & (plan->bucket_count - 1); plan->names[i].key != NULL;
		 i = (i + 1) & (plan->bucket_count - 1))
		if (plan->names[i].length == length &&
			memcmp(plan->names[i].key, key, length) == 0)
			break;
	return &plan->names[i];
}

/* The tag's index, or that of the last change of this name; -1: none. */
static int
find_name(const dbmig_sqitch_plan *plan, const char *key, size_t length)
{
	const dbmig_sqitch_name *bucket;

	if (plan->bucket_count == 0)
		return -1;
	bucket = find_bucket(plan, key, length);
	return bucket->key != NULL ? bucket->index : -1;
}

static int
put_name(reader *r, const char *key, size_t length, int index)
{
	dbmig_sqitch_plan *plan = r->plan;
	dbmig_sqitch_plan old = *plan;
	dbmig_sqitch_name *bucket;
	size_t		i;

	if ((plan->name_count + 1) * 2 > plan->bucket_count)
	{
		plan->bucket_count = old.bucket_count == 0 ? 64 : old.bucket_count * 2;
		plan->names = dbmig_alloc(r->call, plan->bucket_count * sizeof(*plan->names));
		if (plan->names == NULL)
			return -1;
		for (i = 0; i < old.bucket_count; i++)
			if (old.names[i].key != NULL)
				*find_bucket(plan, old.names[i].key, old.names[i].length) = old.names[i];
	}
	bucket = find_bucket(plan, key, length);
	if (bucket->key == NULL)
		plan->name_count++;
	bucket->key = key;
	bucket->length = length;
	bucket->index = index;
	return 0;
}

static int
read_pragma(reader *r)
{
	const char *name = r->at + 1;
	const char *equals = memchr(r->at, '=', (size_t) (r->end - r->at));
	const char *value = equals != NULL ? equals + 1 : r->end;
	const char *stop = equals != NULL ? equals : r->end;
	size_t		length;

	while (name < stop && is_blank(*name))
		name++;
	while (stop > name && is_blank(stop[-1]))
		stop--;
	while (value < r->end && is_blank(*value))
		value++;
	length = (size_t) (r->end - value);
	if (name == stop)
		return fail_line(r, DBMIG_BAD_VALUE, NULL, "a pragma without a name:",
						 r->at, (size_t) (r->end - r->at));
	if (dbmig_word_is(name, (size_t) (stop - name), "syntax-version"))
		return length >= 5 && memcmp(value, "1.0.0", 5) == 0 ? 0 :
			fail_line(r, DBMIG_NOT_SUPPORTED, "What is known is 1.0.0.",
					  "unknown syntax version", value, length);
	if (!dbmig_word_is(name, (size_t) (stop - name), "project"))
		return 0;
	if (!is_name(value, length))
		return fail_line(r, DBMIG_BAD_VALUE, NAME_HINT, "invalid name of a project:", value, length);
	r->plan->project = dbmig_copy(r->call, value, length);
	return r->plan->project != NULL ? 0 : -1;
}

/* One requirement or conflict of the change that is being read. */
static int
read_dependency(reader *r, const char *text, size_t length)
{
	dbmig_sqitch_plan *plan = r->plan;
	dbmig_sqitch_change *change = &plan->changes[plan->count - 1];
	dbmig_sqitch_dependency *all;
	dbmig_sqitch_dependency one = {0};
	const char *end = text + length;
	const char *name = text;
	const char *colon = memchr(text, ':', length);
	const char *at;
	int			found;
	int			tag;

	if (*text == '!')
		return dbmig_fail(r->call, DBMIG_NOT_SUPPORTED,
						  "dbmig has no conflicts: take it out of the plan where the two never meet.",
						  "file \"%s\", line %d: change \"%s\" conflicts with \"%.*s\"",
						  r->path, r->lines.number, change->name, (int) length - 1, text + 1);
	if (colon != NULL)
		name = colon + 1;
	if (is_id(name, (size_t) (end - name)))
		return fail_line(r, DBMIG_NOT_SUPPORTED, "Say the change's name.",
						 "a dependency by a hash is not supported:", text, length);
	at = memchr(name, '@', (size_t) (end - name));
	if ((colon != NULL && !is_name(text, (size_t) (colon - text))) ||
		(at != name && !is_name(name, (size_t) ((at != NULL ? at : end) - name))) ||
		(at != NULL && !is_name(at + 1, (size_t) (end - at) - 1)))
		return fail_line(r, DBMIG_BAD_VALUE, "It is change, change@tag or @tag, perhaps behind a project's name and a colon.",
						 "invalid dependency", text, length);
	if (colon == NULL || (plan->project != NULL &&
						  dbmig_word_is(text, (size_t) (colon - text), plan->project)))
	{
		/* within the project the order says it all */
		found = at == name ? 0 : find_name(plan, name, (size_t) ((at != NULL ? at : end) - name));
		tag = at == NULL ? 0 : find_name(plan, at, (size_t) (end - at));
		while (at != NULL && at != name && tag >= 0 && found > plan->tags[tag].change)
			found = plan->changes[found].previous;
		return found >= 0 && tag >= 0 ? 0 :
			dbmig_fail(r->call, DBMIG_BAD_VALUE,
					   "A change comes behind all that it requires.",
					   "file \"%s\", line %d: change \"%s\" requires \"%.*s\", which is not before it in the plan",
					   r->path, r->lines.number, change->name, (int) (end - name), name);
	}
	one.text = dbmig_copy(r->call, text, length);
	one.project = dbmig_copy(r->call, text, (size_t) (colon - text));
	if (at != name)
		one.change = dbmig_copy(r->call, name, (size_t) ((at != NULL ? at : end) - name));
	if (at != NULL)
		one.tag = dbmig_copy(r->call, at + 1, (size_t) (end - at) - 1);
	all = dbmig_grow(r->call, plan->dependencies, plan->dependency_count,
					 &plan->dependency_capacity, sizeof(*all));
	if (all == NULL || r->call->status != DBMIG_OK)
		return -1;
	plan->dependencies = all;
	all[plan->dependency_count++] = one;
	change->dependencies++;
	return 0;
}

/* What stands in brackets behind the name, if anything does. */
static bool
take_brackets(reader *r, const char **begin, const char **end)
{
	*begin = *end = r->at;
	if (r->at == r->end || *r->at != '[')
		return true;
	*begin = r->at + 1;
	*end = memchr(*begin, ']', (size_t) (r->end - *begin));
	if (*end == NULL || *end == *begin)
		return false;
	r->at = *end + 1;
	while (r->at < r->end && is_blank(*r->at))
		r->at++;
	return true;
}

/* The date, and who planned it: "date name <mail>" to the line's end. */
static int
check_planner(reader *r)
{
	const char *from = r->at;
	const char *mail;
	int64_t		microseconds;

	if (r->end - from < TIME_LENGTH || from[TIME_LENGTH - 1] != 'Z' || from[10] != 'T' ||
		dbmig_timestamp_read(from, TIME_LENGTH, &microseconds) != NULL)
		return fail_line(r, DBMIG_BAD_VALUE, "A line is: name [dependencies] 2021-07-17T16:17:06Z Planner <mail> # note",
						 "no date at", from, (size_t) (r->end - from));
	from += TIME_LENGTH;
	while (from < r->end && is_blank(*from))
		from++;
	mail = memchr(from, '<', (size_t) (r->end - from));
	if (mail == NULL || mail - from < 2 || !is_blank(mail[-1]) || r->end - mail < 3 ||
		r->end[-1] != '>' || memchr(mail, '>', (size_t) (r->end - mail)) != r->end - 1)
		return fail_line(r, DBMIG_BAD_VALUE, "A line is: name [dependencies] 2021-07-17T16:17:06Z Planner <mail> # note",
						 "no planner and mail at", from, (size_t) (r->end - from));
	return 0;
}

static int
add_tag(reader *r, const char *name, size_t length)
{
	dbmig_sqitch_plan *plan = r->plan;
	const char *key = dbmig_printf(r->call, "@%.*s", (int) length, name);
	dbmig_sqitch_tag *tags;

	if (key == NULL)
		return -1;
	if (memchr(name, '/', length) != NULL)
		return fail_line(r, DBMIG_BAD_VALUE, NULL, "a slash in tag", name, length);
	if (plan->count == 0)
		return fail_line(r, DBMIG_BAD_VALUE, NULL, "no change before tag", name, length);
	if (find_name(plan, key, length + 1) >= 0)
		return fail_line(r, DBMIG_DUPLICATE, NULL, "a second tag", name, length);
	tags = dbmig_grow(r->call, plan->tags, plan->tag_count, &plan->tag_capacity, sizeof(*tags));
	if (tags == NULL || put_name(r, key, length + 1, (int) plan->tag_count) != 0)
		return -1;
	plan->tags = tags;
	tags[plan->tag_count].name = key + 1;
	tags[plan->tag_count].change = (int) plan->count - 1;
	plan->tag_count++;
	plan->changes[plan->count - 1].tags++;
	r->section = (int) plan->count;
	return 0;
}

static int
add_change(reader *r, const char *name, size_t length, const char *from,
		   const char *to)
{
	dbmig_sqitch_plan *plan = r->plan;
	int			previous = find_name(plan, name, length);
	dbmig_sqitch_change *change;
	const char *word;
	size_t		size;

	if (previous >= r->section)
		return dbmig_fail(r->call, DBMIG_DUPLICATE,
						  "It can be reworked once a tag stands in between.",
						  "file \"%s\", line %d: change \"%.*s\" is in line %d too",
						  r->path, r->lines.number, (int) length, name, plan->changes[previous].line);
	change = dbmig_grow(r->call, plan->changes, plan->count, &plan->capacity, sizeof(*change));
	if (change == NULL)
		return -1;
	plan->changes = change;
	change += plan->count;
	memset(change, 0, sizeof(*change));
	change->name = dbmig_copy(r->call, name, length);
	change->line = r->lines.number;
	change->previous = previous;
	change->next = -1;
	change->first_tag = plan->tag_count;
	change->first_dependency = plan->dependency_count;
	plan->count++;
	if (change->name == NULL)
		return -1;

	/* it is not yet there for its own requirements */
	while (word = dbmig_next_word(&from, to, &size), size > 0)
		if (read_dependency(r, word, size) != 0)
			return -1;
	if (previous >= 0)
		plan->changes[previous].next = (int) plan->count - 1;
	return put_name(r, plan->changes[plan->count - 1].name, length, (int) plan->count - 1);
}

/* A change or tag */
static int
read_line(reader *r)
{
	bool		tag = *r->at == '@';
	const char *line = r->at;
	const char *from;
	const char *to;
	const char *name;
	size_t		length;

	if (tag)
		r->at++;
	else if (*r->at == '+' || *r->at == '-')
	{
		r->at++;
		while (r->at < r->end && is_blank(*r->at))
			r->at++;
	}
	name = r->at;
	while (r->at < r->end && !is_blank(*r->at) && *r->at != '[')
		r->at++;
	length = (size_t) (r->at - name);
	if (!is_name(name, length) || is_id(name, length) ||
		dbmig_word_is(name, length, "HEAD") || dbmig_word_is(name, length, "ROOT"))
		return fail_line(r, DBMIG_BAD_VALUE, NAME_HINT,
						 tag ? "invalid name of a tag:" : "invalid name of a change:", name, length);
	while (r->at < r->end && is_blank(*r->at))
		r->at++;
	if (!take_brackets(r, &from, &to))
		return fail_line(r, DBMIG_BAD_VALUE, NULL, "no dependencies in brackets at",
						 r->at, (size_t) (r->end - r->at));
	if (check_planner(r) != 0)
		return -1;
	if (tag && from != to)
		return fail_line(r, DBMIG_BAD_VALUE, NULL, "dependencies of tag", name, length);
	if (*line == '-')
		return fail_line(r, DBMIG_NOT_SUPPORTED, "Write it as a change that takes back the other.",
						 "the plan reverts change", name, length);
	return tag ? add_tag(r, name, length) : add_change(r, name, length, from, to);
}

int
dbmig_sqitch_plan_read(dbmig_call *call, const dbmig_file *file,
					   dbmig_sqitch_plan *plan)
{
	reader		r = {0};
	bool		head = true;

	r.call = call;
	r.path = file->path;
	r.plan = plan;
	dbmig_lines_begin(&r.lines, file->text, file->length);
	while (dbmig_lines_next(&r.lines))
	{
		const char *note = memchr(r.lines.line, '#', (size_t) (r.lines.stop - r.lines.line));

		r.at = r.lines.line;
		r.end = note != NULL ? note : r.lines.stop;
		while (r.at < r.end && is_blank(*r.at))
			r.at++;
		while (r.end > r.at && is_blank(r.end[-1]))
			r.end--;
		if (r.at == r.end)
			head &= note != NULL;
		else if (head && *r.at != '%')
			return fail_line(&r, DBMIG_BAD_VALUE, "An empty line comes between the pragmas and the changes.",
							 "no pragma at", r.at, (size_t) (r.end - r.at));
		else if ((head ? read_pragma(&r) : read_line(&r)) != 0)
			return -1;
	}
	if (plan->project == NULL)
		return dbmig_fail(call, DBMIG_BAD_VALUE, "It stands before the first empty line.",
						  "file \"%s\" has no \"%%project\"", file->path);
	return 0;
}
