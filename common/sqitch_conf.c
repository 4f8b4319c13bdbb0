/*
 * sqitch_conf.c
 *		sqitch.conf: where a project's plan and scripts are.
 *
 * Sections "[core]" and "[engine "pg"]", the latter for this engine only and
 * before the other; lines "key = value"; what follows # or ; is a comment.
 * Paths are below the folder of the file.  What says how Sqitch reaches a
 * database is left alone; what would make other scripts of these, or find them
 * somewhere else, is refused by name.
 */
#include "dbmig_core.h"

#include <string.h>

#include "sqitch.h"

enum
{
	KEY_TOP, KEY_PLAN, KEY_DEPLOY, KEY_REVERT, KEY_VERIFY, KEYS
};

static const char *const keys[KEYS] = {
	"top_dir", "plan_file", "deploy_dir", "revert_dir", "verify_dir"
};

static const char *const others[] = {
	"extension", "reworked_dir", "reworked_deploy_dir", "reworked_revert_dir",
	"reworked_verify_dir"
};

typedef struct reader
{
	dbmig_call *call;
	const char *path;
	dbmig_lines lines;
	char	   *section;		/* such as core, engine.pg, deploy.variables */
	const char *core[KEYS];
	const char *engine[KEYS];
} reader;

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c | 0x20) : c;
}

static int
fail_line(reader *r, const char *hint, const char *wrong, const char *text,
		  size_t length)
{
	return dbmig_fail(r->call, DBMIG_BAD_VALUE, hint,
					  "file \"%s\", line %d: %s \"%.*s\"", r->path,
					  r->lines.number, wrong, (int) length, text);
}

const char *
dbmig_sqitch_join(dbmig_call *call, const char *folder, const char *name)
{
	if (folder[0] == '\0' || name[0] == '\0')
		return folder[0] == '\0' ? name : folder;
	return dbmig_printf(call, "%s/%s", folder, name);
}

bool
dbmig_sqitch_path_inside(const char *path)
{
	if (path[0] == '/')
		return false;
	while (path != NULL)
	{
		if (path[0] == '.' && path[1] == '.' && (path[2] == '/' || path[2] == '\0'))
			return false;
		path = strchr(path, '/');
		if (path != NULL)
			path++;
	}
	return true;
}

/* A copy without "." and empty parts. */
static const char *
clean_path(dbmig_call *call, const char *path)
{
	char	   *clean = dbmig_alloc(call, strlen(path) + 1);
	char	   *to = clean;

	while (clean != NULL && *path != '\0')
	{
		size_t		length = strcspn(path, "/");

		if (length > 0 && !(length == 1 && *path == '.'))
		{
			if (to > clean)
				*to++ = '/';
			memcpy(to, path, length);
			to += length;
		}
		path += length;
		if (*path == '/')
			path++;
	}
	return clean;
}

/* [core], [engine "pg"] */
static int
read_section(reader *r, const char *at, const char *end)
{
	const char *from = at;
	char	   *to;

	r->section = to = dbmig_alloc(r->call, (size_t) (end - at) + 2);
	if (to == NULL)
		return -1;
	for (at++; at < end && *at != ']' && *at != '"' && *at != ' ' && *at != '\t'; at++)
		*to++ = lower(*at);
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	if (at < end && *at == '"')
	{
		*to++ = '.';
		for (at++; at < end && *at != '"'; at++)
		{
			if (*at == '\\' && at + 1 < end)
				at++;
			*to++ = *at;
		}
		if (at < end)
			at++;
	}
	if (at == end || *at != ']')
		return fail_line(r, NULL, "no section at", from, (size_t) (end - from));
	for (at++; at < end && (*at == ' ' || *at == '\t'); at++)
		;
	return at == end || *at == '#' || *at == ';' ? 0 :
		fail_line(r, "It belongs in a line of its own.", "behind the section:", at, (size_t) (end - at));
}

/* The value, to the comment behind it; quotes and escapes as in git's. */
static const char *
read_value(reader *r, const char *at, const char *end)
{
	char	   *value = dbmig_alloc(r->call, (size_t) (end - at) + 1);
	char	   *to = value;
	char	   *stop = value;	/* behind what is no blank to be left out */
	bool		quoted = false;

	if (value == NULL)
		return NULL;
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	for (; at < end && (quoted || (*at != '#' && *at != ';')); at++)
	{
		if (*at == '"')
		{
			quoted = !quoted;
			continue;
		}
		if (*at == '\\' && at + 1 < end)
			*to++ = *++at;
		else
			*to++ = *at;
		if (quoted || (to[-1] != ' ' && to[-1] != '\t'))
			stop = to;
	}
	*stop = '\0';
	return value;
}

static bool
ends_with(const char *text, const char *end)
{
	size_t		length = strlen(text);
	size_t		size = strlen(end);

	return length >= size && strcmp(text + length - size, end) == 0;
}

static int
read_key(reader *r, const char *key, size_t length, const char *value)
{
	const char *engine = strcmp(r->call->host->engine, "postgres") == 0 ? "engine.pg" : "engine.sqlite";
	bool		target = strncmp(r->section, "target.", 7) == 0;
	const char **values = strcmp(r->section, "core") == 0 ? r->core :
	strcmp(r->section, engine) == 0 ? r->engine : NULL;
	size_t		i;

	if (ends_with(r->section, "variables") && strncmp(r->section, "verify", 6) != 0)
		return fail_line(r, "dbmig's scripts have no variables.",
						 "variables of scripts are not supported:", key, length);
	if (values == NULL && !target)
		return 0;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (dbmig_word_is(key, length, others[i]) && !(i == 0 && strcmp(value, "sql") == 0))
			return fail_line(r, "What is known: top_dir, plan_file, deploy_dir, revert_dir and verify_dir of core and of an engine.",
							 "not supported:", key, length);
	for (i = 0; i < KEYS; i++)
	{
		if (!dbmig_word_is(key, length, keys[i]))
			continue;
		if (target)
			return fail_line(r, "Say it of core, or of the engine.",
							 "a target's own is not supported:", key, length);
		if (!dbmig_sqitch_path_inside(value))
			return fail_line(r, "Paths are relative to the folder that is loaded.",
							 "a path that leads out of the folder:", value, strlen(value));
		values[i] = clean_path(r->call, value);
		return values[i] != NULL ? 0 : -1;
	}
	return 0;
}

static int
read_line(reader *r)
{
	const char *at = r->lines.line;
	const char *end = r->lines.stop;
	const char *name;
	const char *value;
	char	   *key;
	size_t		i;

	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (at == end || *at == '#' || *at == ';')
		return 0;
	if (*at == '[')
		return read_section(r, at, end);
	for (name = at; at < end && *at != '=' && *at != ' ' && *at != '\t' && *at != '#' && *at != ';'; at++)
		;
	key = dbmig_copy(r->call, name, (size_t) (at - name));
	if (key == NULL)
		return -1;
	for (i = 0; key[i] != '\0'; i++)
		key[i] = lower(key[i]);
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	if (r->section == NULL || i == 0 || (at < end && *at != '=' && *at != '#' && *at != ';'))
		return fail_line(r, NULL, "no line \"key = value\" of a section:", name, (size_t) (end - name));

	/* without a value it is a switch, and none of ours is one */
	value = at < end && *at == '=' ? read_value(r, at + 1, end) : "";
	return value != NULL ? read_key(r, key, i, value) : -1;
}

static const char *
value_of(const reader *r, int key, const char *otherwise)
{
	return r->engine[key] != NULL ? r->engine[key] :
		r->core[key] != NULL ? r->core[key] : otherwise;
}

/* Of reworked changes: below top_dir, whatever deploy_dir says. */
static int
place_scripts(const reader *r, int key, const char *top, const char *name,
			  const char **scripts, const char **reworked)
{
	const char *own = value_of(r, key, NULL);

	*scripts = own != NULL ? own : dbmig_sqitch_join(r->call, top, name);
	*reworked = dbmig_sqitch_join(r->call, top, own != NULL ? own : name);
	return *scripts != NULL && *reworked != NULL ? 0 : -1;
}

int
dbmig_sqitch_conf_read(dbmig_call *call, const dbmig_file *file,
					   dbmig_sqitch_conf *conf)
{
	reader		r = {0};
	const char *top;

	r.call = call;
	if (file != NULL)
	{
		r.path = file->path;
		dbmig_lines_begin(&r.lines, file->text, file->length);
		while (dbmig_lines_next(&r.lines))
			if (read_line(&r) != 0)
				return -1;
	}
	top = value_of(&r, KEY_TOP, "");
	conf->plan = value_of(&r, KEY_PLAN, NULL);
	if (conf->plan == NULL || conf->plan[0] == '\0')
		conf->plan = dbmig_sqitch_join(call, top, DBMIG_SQITCH_PLAN);
	if (conf->plan == NULL)
		return -1;
	return place_scripts(&r, KEY_DEPLOY, top, "deploy", &conf->deploy, &conf->reworked_deploy) != 0 ? -1 :
		place_scripts(&r, KEY_REVERT, top, "revert", &conf->revert, &conf->reworked_revert);
}
