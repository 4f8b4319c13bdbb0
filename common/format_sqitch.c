/*
 * format_sqitch.c
 *		Projects of Sqitch: sqitch.plan, and the scripts that it names.
 *
 * A change's version is its place in the plan, from 1; its name is its own and
 * the tags behind it: "users @v1 @v2".  A plan grows at its end: another change
 * in the place of an applied one is refused.  What a change requires of its own
 * project only has to be before it; of another project, it becomes a dependency
 * on the registered migration.
 *
 * Scripts to deploy and to revert are taken; those to verify are left alone.
 */
#include "dbmig_core.h"

#include <string.h>

#include "folder.h"
#include "sqitch.h"

#define NAME_MAX_BYTES 255

/* The plan, where the configuration says it is. */
static int
read_plan(dbmig_call *call, dbmig_folder *folder, dbmig_sqitch_conf *conf,
		  dbmig_sqitch_plan *plan)
{
	dbmig_file	file;
	bool		found;

	if (dbmig_folder_read(call, folder, DBMIG_SQITCH_CONF, &file, &found) != 0 ||
		dbmig_sqitch_conf_read(call, found ? &file : NULL, conf) != 0 ||
		dbmig_folder_inside(call, folder, conf->plan) != 0 ||
		dbmig_folder_read(call, folder, conf->plan, &file, &found) != 0)
		return -1;
	if (!found)
		return dbmig_fail(call, DBMIG_NO_FILE, NULL, "folder \"%s\" has no file \"%s\"",
						  folder->path, conf->plan);
	return dbmig_sqitch_plan_read(call, &file, plan);
}

static int
name_package(dbmig_call *call, dbmig_folder *folder)
{
	dbmig_sqitch_conf conf = {0};
	dbmig_sqitch_plan plan = {0};

	if (read_plan(call, folder, &conf, &plan) != 0)
		return -1;
	folder->package = plan.project;
	return 0;
}

/* The change's name with the tags behind it, the last ones as far as they fit. */
static const char *
make_name(dbmig_call *call, const dbmig_sqitch_plan *plan,
		  const dbmig_sqitch_change *change)
{
	size_t		length = strlen(change->name);
	size_t		first = change->tags;
	size_t		i;
	dbmig_buffer name = {0};

	while (first > 0 && length + 2 + strlen(plan->tags[change->first_tag + first - 1].name) <= NAME_MAX_BYTES)
		length += 2 + strlen(plan->tags[change->first_tag + --first].name);
	if (dbmig_append_text(call, &name, change->name) != 0)
		return NULL;
	for (i = first; i < change->tags; i++)
		if (dbmig_append_format(call, &name, " @%s", plan->tags[change->first_tag + i].name) != 0)
			return NULL;
	return name.text;
}

/* The length of a change's own name in the name of its migration. */
static size_t
own_length(const char *name)
{
	const char *tags = strstr(name, " @");

	return tags != NULL ? (size_t) (tags - name) : strlen(name);
}

/* The next of the tags in a name, or NULL. */
static const char *
next_tag(const char *at, size_t *length)
{
	at = strstr(at, " @");
	if (at == NULL)
		return NULL;
	at += 2;
	*length = strcspn(at, " ");
	return at;
}

/* A dependency on another project, looked for in its migrations' order. */
typedef struct search
{
	const dbmig_sqitch_dependency *wanted;
	const char *version;		/* so far */
	bool		done;
} search;

/* version, name */
static int
find_version(dbmig_call *call, void *arg, const dbmig_value *row)
{
	search	   *s = arg;
	const dbmig_sqitch_dependency *wanted = s->wanted;
	const char *tag = row[1].text;
	size_t		length;

	if (s->done)
		return 0;
	if (wanted->change == NULL || dbmig_word_is(row[1].text, own_length(row[1].text), wanted->change))
	{
		s->version = dbmig_copy(call, row[0].text, row[0].length);
		if (s->version == NULL)
			return -1;
		s->done = wanted->tag == NULL;
	}
	while (wanted->tag != NULL && (tag = next_tag(tag, &length)) != NULL)
		s->done |= dbmig_word_is(tag, length, wanted->tag);
	return 0;
}

static int
add_dependency(dbmig_call *call, const char *path, const dbmig_sqitch_change *change,
			   const dbmig_sqitch_dependency *wanted, dbmig_options *options)
{
	search		s = {0};
	dbmig_value params[1];
	const char *item;

	s.wanted = wanted;
	params[0] = dbmig_text(wanted->project);
	if (call->host->query(call, DBMIG_MIGRATION_NAMES, params, find_version, &s) != 0)
		return -1;
	if (!s.done || s.version == NULL)
		return dbmig_fail(call, DBMIG_UNKNOWN,
						  "Load that project first, as the package of its name.",
						  "file \"%s\", line %d: change \"%s\" requires \"%s\", which is not registered",
						  path, change->line, change->name, wanted->text);
	item = dbmig_printf(call, "%s@%s", wanted->project, s.version);
	return item != NULL ? dbmig_options_after(call, options, item) : -1;
}

/* Another change must not stand where one is applied. */
static int
check_place(dbmig_call *call, dbmig_folder *folder, const char *path,
			const dbmig_sqitch_change *change, const char *version)
{
	const char *known = dbmig_folder_known_name(folder, version);
	dbmig_value params[2];
	dbmig_value row[1];
	bool		applied;

	if (known == NULL || dbmig_word_is(known, own_length(known), change->name))
		return 0;
	params[0] = dbmig_text(folder->package);
	params[1] = dbmig_text(version);
	if (dbmig_query_row(call, DBMIG_APPLIED_ANYWHERE, params, row, 1, &applied) != 0)
		return -1;
	return !applied ? 0 :
		dbmig_fail(call, DBMIG_CHANGED,
				   "A plan grows at its end: what is new comes behind what is applied.",
				   "file \"%s\", line %d: change \"%s\" stands in place %s of the plan, where \"%.*s\" is applied",
				   path, change->line, change->name, version, (int) own_length(known), known);
}

/* name.sql in this folder; tag may be NULL */
static int
read_script(dbmig_call *call, dbmig_folder *folder, const char *in,
			const char *name, const char *tag, dbmig_file *file, bool *found)
{
	const char *path = dbmig_printf(call, "%s%s%s.sql", name, tag != NULL ? "@" : "",
									tag != NULL ? tag : "");

	if (path != NULL)
		path = dbmig_sqitch_join(call, in, path);
	if (path == NULL ||
		(strchr(name, '/') != NULL && dbmig_folder_inside(call, folder, path) != 0) ||
		dbmig_folder_read(call, folder, path, file, found) != 0)
		return -1;
	return *found ? dbmig_shell_check(call, file->path, file->text, 0) : 0;
}

/*
 * The script of a reworked change has one of the tags up to the rework in its
 * name: the first that is there, last change first.  *tag: which one.
 */
static int
read_reworked(dbmig_call *call, dbmig_folder *folder, const dbmig_sqitch_plan *plan,
			  size_t number, const char *in, const char **tag,
			  dbmig_file *file, bool *found)
{
	const dbmig_sqitch_change *change = &plan->changes[number];
	size_t		i;
	size_t		j;

	*tag = NULL;
	*found = false;
	for (i = (size_t) change->next; i-- > number;)
		for (j = 0; j < plan->changes[i].tags; j++)
		{
			*tag = plan->tags[plan->changes[i].first_tag + j].name;
			if (read_script(call, folder, in, change->name, *tag, file, found) != 0)
				return -1;
			if (*found)
				return 0;
		}
	return 0;
}

static int
load_change(dbmig_call *call, dbmig_folder *folder, const dbmig_sqitch_conf *conf,
			const dbmig_sqitch_plan *plan, size_t number)
{
	struct dbmig_block *scope = dbmig_scope_begin(call);
	const dbmig_sqitch_change *change = &plan->changes[number];
	bool		reworked = change->next >= 0;
	dbmig_definition definition = {0};
	const char *tag = NULL;
	dbmig_file	file;
	bool		found;
	size_t		i;

	if (scope == NULL)
		return -1;
	dbmig_options_begin(&definition.options);
	definition.version = dbmig_printf(call, "%zu", number + 1);
	definition.name = make_name(call, plan, change);
	if (definition.version == NULL || definition.name == NULL)
		return -1;
	if (strlen(change->name) > NAME_MAX_BYTES || !dbmig_sqitch_path_inside(change->name))
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "file \"%s\", line %d: the name of change \"%s\" is too long, or leads out of the folder",
						  conf->plan, change->line, change->name);
	if (check_place(call, folder, conf->plan, change, definition.version) != 0 ||
		(reworked ?
		 read_reworked(call, folder, plan, number, conf->reworked_deploy, &tag, &file, &found) :
		 read_script(call, folder, conf->deploy, change->name, NULL, &file, &found)) != 0)
		return -1;
	if (!found)
		return dbmig_fail(call, DBMIG_NO_FILE, NULL,
						  "file \"%s\", line %d: change \"%s\" has no file \"%s\"",
						  conf->plan, change->line, change->name, file.path);
	definition.up = file.text;
	definition.source = file.path;
	if (read_script(call, folder, reworked ? conf->reworked_revert : conf->revert,
					change->name, tag, &file, &found) != 0)
		return -1;
	if (found)
		definition.down = file.text;
	for (i = 0; i < change->dependencies; i++)
		if (add_dependency(call, conf->plan, change,
						   &plan->dependencies[change->first_dependency + i], &definition.options) != 0)
			return -1;
	return dbmig_folder_define(call, folder, scope, &definition);
}

static int
load(dbmig_call *call, dbmig_folder *folder)
{
	dbmig_sqitch_conf conf = {0};
	dbmig_sqitch_plan plan = {0};
	size_t		i;

	if (read_plan(call, folder, &conf, &plan) != 0 ||
		dbmig_folder_inside(call, folder, conf.deploy) != 0 ||
		dbmig_folder_inside(call, folder, conf.revert) != 0 ||
		dbmig_folder_inside(call, folder, conf.reworked_deploy) != 0 ||
		dbmig_folder_inside(call, folder, conf.reworked_revert) != 0)
		return -1;
	for (i = 0; i < plan.count; i++)
		if (load_change(call, folder, &conf, &plan, i) != 0)
			return -1;
	return 0;
}

const dbmig_format dbmig_format_sqitch = {
	.name = "sqitch",
	.family = DBMIG_FAMILY_PLAN,
	.name_package = name_package,
	.load = load
};
