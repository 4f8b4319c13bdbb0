/*
 * layout.c
 *		Which layout a folder has, and which of its files are migrations.
 *
 * Names decide on a family of layouts, markers in the texts on one of them.
 * What is doubtful is refused, naming two files.
 */
#include "dbmig_core.h"

#include <stdlib.h>
#include <string.h>

#include "folder.h"
#include "internal.h"

static int
fail_mixed(dbmig_call *call, const dbmig_folder *folder, const char *one,
		   const char *other)
{
	return dbmig_fail(call, DBMIG_BAD_VALUE,
					  "Load each layout from a folder of its own, or say which one it is: dbmig_load(path, package, format).",
					  "folder \"%s\" mixes two layouts: \"%s\" and \"%s\"",
					  folder->path, one, other);
}

int
dbmig_folder_text(dbmig_call *call, const dbmig_folder *folder, dbmig_file *file)
{
	const char *path;
	char	   *text;
	size_t		length;

	if (dbmig_folder_ahead(folder, file, &text, &length))
	{
		text = dbmig_copy(call, text, length);
		return text != NULL ? dbmig_file_text(call, file, text, length) : -1;
	}
	path = dbmig_files_join(call, folder->path, file->path);
	if (path == NULL || dbmig_files_read(call, folder->real, path, &text, &length) != 0)
		return -1;
	return dbmig_file_text(call, file, text, length);
}

/* One more file, where its name is one of the layout. */
static int
add_file(dbmig_call *call, dbmig_folder *folder, const char *path, bool regular)
{
	dbmig_file *files = dbmig_grow(call, folder->files, folder->count,
								   &folder->capacity, sizeof(*files));

	if (files == NULL)
		return -1;
	folder->files = files;
	if (dbmig_file_name(call, folder->format, path, &files[folder->count]) != 0)
		return -1;
	if (files[folder->count].part != DBMIG_PART_NONE)
	{
		files[folder->count].placeholders = folder->conf.placeholders;
		files[folder->count].regular = regular;
		folder->count++;
	}
	return 0;
}

/* A migration of Diesel: a folder with up.sql. */
static bool
is_diesel(dbmig_call *call, const dbmig_folder *folder, const char *name)
{
	const char *inner;

	if (!dbmig_is_digit(name[0]) || dbmig_family_of(name) != DBMIG_FAMILY_NONE)
		return false;
	inner = dbmig_files_join(call, folder->path, name);
	inner = inner == NULL ? NULL : dbmig_files_join(call, inner, "up.sql");
	return inner != NULL && dbmig_files_kind(inner) != DBMIG_KIND_NONE;
}

/* Whether name, in the folder, is a folder that may be looked into. */
int
dbmig_folder_inner(dbmig_call *call, const dbmig_folder *folder, const char *name,
				   bool *inner)
{
	const char *path = dbmig_files_join(call, folder->path, name);

	if (path == NULL)
		return -1;
	*inner = false;
	switch (dbmig_files_kind(path))
	{
		case DBMIG_KIND_FOLDER:
			*inner = true;
			return 0;
		case DBMIG_KIND_FOLDER_LINK:

			/* what it leads to inside is found where it is */
			return dbmig_files_inside(call, folder->real, path) != NULL ? 0 : -1;
		case DBMIG_KIND_NONE:
		case DBMIG_KIND_FILE:
		case DBMIG_KIND_LINK:
			return 0;
	}
	return 0;
}

static int
add_diesel(dbmig_call *call, dbmig_folder *folder, const dbmig_names *list)
{
	static const char *const parts[] = {"up.sql", "down.sql", "metadata.toml"};
	size_t		i;
	size_t		j;

	for (i = 0; i < list->count; i++)
	{
		bool		inner;

		if (!dbmig_is_digit(list->names[i][0]))
			continue;
		if (dbmig_folder_inner(call, folder, list->names[i], &inner) != 0)
			return -1;
		for (j = 0; inner && j < sizeof(parts) / sizeof(parts[0]); j++)
		{
			const char *path = dbmig_printf(call, "%s/%s", list->names[i], parts[j]);
			const char *full = path == NULL ? NULL : dbmig_files_join(call, folder->path, path);

			if (full == NULL)
				return -1;
			if (dbmig_files_kind(full) != DBMIG_KIND_NONE &&
				add_file(call, folder, path, false) != 0)
				return -1;
		}
	}
	return 0;
}

/* The files of the list, below in, and of the folders inside. */
static int
add_all(dbmig_call *call, dbmig_folder *folder, const dbmig_names *list,
		const char *in)
{
	size_t		i;

	for (i = 0; i < list->count; i++)
	{
		const char *path = in[0] == '\0' ? list->names[i] :
		dbmig_printf(call, "%s/%s", in, list->names[i]);
		size_t		before = folder->count;
		bool		inner;
		dbmig_names below;

		if (path == NULL ||
			add_file(call, folder, path, dbmig_names_regular(list, i)) != 0)
			return -1;
		if (folder->count > before || !folder->format->recursive)
			continue;
		if (dbmig_folder_inner(call, folder, path, &inner) != 0 ||
			(inner && (dbmig_files_list(call, dbmig_files_join(call, folder->path, path), &below) != 0 ||
					   add_all(call, folder, &below, path) != 0)))
			return -1;
	}
	return 0;
}

/* By version, and within one what has to be read first. */
static int
compare_files(const void *a, const void *b)
{
	static const char rank[DBMIG_PARTS] = {
		[DBMIG_PART_SETTINGS] = 1,[DBMIG_PART_UP] = 2,
		[DBMIG_PART_DOWN_SETTINGS] = 3,[DBMIG_PART_DOWN] = 4
	};
	const dbmig_file *x = a;
	const dbmig_file *y = b;
	int			order = dbmig_version_compare(x->version, y->version);

	if (order == 0)
		order = rank[x->part] - rank[y->part];
	return order != 0 ? order : strcmp(x->path, y->path);
}

static void
sort_files(dbmig_folder *folder)
{
	if (folder->count > 1)
		qsort(folder->files, folder->count, sizeof(*folder->files), compare_files);
}

/*
 * Flyway or refinery: where a U stands beside the V of its version, or alone.
 * Only one of them has R, B, settings, and migrations of its language.
 */
static int
decide_letter(dbmig_call *call, dbmig_folder *folder, const dbmig_names *list)
{
	const char *flyway = NULL;
	const char *refinery = NULL;
	size_t		i;

	for (i = 0; i < list->count; i++)
		if (dbmig_ends_with(list->names[i], strlen(list->names[i]), ".rs") &&
			dbmig_family_of(list->names[i]) == DBMIG_FAMILY_LETTER)
			refinery = list->names[i];
	for (i = 0; i < folder->count; i++)
	{
		const dbmig_file *file = &folder->files[i];
		bool		beside = false;
		size_t		j;

		if (file->letter == 'R' || file->letter == 'B' || file->part == DBMIG_PART_SETTINGS ||
			file->part == DBMIG_PART_DOWN_SETTINGS || file->part == DBMIG_PART_PROGRAM)
			flyway = file->path;
		if (file->letter != 'U' || file->part != DBMIG_PART_DOWN)
			continue;
		for (j = i; j > 0 && dbmig_version_compare(file->version, folder->files[j - 1].version) == 0; j--)
			beside |= folder->files[j - 1].letter == 'V' && folder->files[j - 1].part == DBMIG_PART_UP;
		if (beside)
			flyway = file->path;
		else
			refinery = file->path;
	}
	if (refinery == NULL)
		return 0;
	if (flyway != NULL)
		return fail_mixed(call, folder, flyway, refinery);
	folder->format = &dbmig_format_refinery;
	folder->count = 0;
	if (add_all(call, folder, list, "") != 0)
		return -1;
	sort_files(folder);
	return 0;
}

/* The layout by the names; format stays NULL where there is none. */
static int
decide_family(dbmig_call *call, dbmig_folder *folder, const dbmig_names *list)
{
	dbmig_family family = DBMIG_FAMILY_NONE;
	const char *repeatable = NULL;
	size_t		i;

	for (i = 0; i < list->count; i++)
	{
		const char *name = list->names[i];
		dbmig_family one = dbmig_family_of(name);

		if (one == DBMIG_FAMILY_NONE && is_diesel(call, folder, name))
		{
			one = DBMIG_FAMILY_FOLDER;
			name = dbmig_printf(call, "%s/up.sql", name);
		}
		if (call->status != DBMIG_OK)
			return -1;
		if (one == DBMIG_FAMILY_NONE)
			continue;
		if (one == DBMIG_FAMILY_LETTER && name[0] == 'R')
			repeatable = name;	/* our own layout has these too */
		else if (family == DBMIG_FAMILY_NONE)
		{
			family = one;
			folder->evidence = name;
		}
		else if (one != family)
			return fail_mixed(call, folder, folder->evidence, name);
	}
	if (repeatable != NULL && family == DBMIG_FAMILY_NONE)
	{
		family = DBMIG_FAMILY_LETTER;
		folder->evidence = repeatable;
	}
	else if (repeatable != NULL && family != DBMIG_FAMILY_LETTER && family != DBMIG_FAMILY_PLAIN)
		return fail_mixed(call, folder, folder->evidence, repeatable);
	folder->format = dbmig_format_of_family(family);
	return 0;
}

/* What the text of its first file says of a folder of 1_name.sql. */
static int
decide_plain(dbmig_call *call, dbmig_folder *folder)
{
	struct dbmig_block *scope = dbmig_scope_begin(call);
	const dbmig_format *format;
	dbmig_file	file;
	int			line;

	if (scope == NULL)
		return -1;
	memset(&file, 0, sizeof(file));
	file.path = folder->evidence;
	if (dbmig_folder_text(call, folder, &file) != 0)
		return -1;
	format = dbmig_format_marked(file.text, file.length, &line);
	folder->marked = format != NULL;
	if (format != NULL)
		folder->format = format;
	dbmig_scope_end(call, scope);
	return 0;
}

/*
 * Does the text agree with the layout?  A marker says more than a name: the
 * first file that has one decides, and the others have to follow.
 */
int
dbmig_folder_marker(dbmig_call *call, dbmig_folder *folder, const dbmig_file *file)
{
	int			line;
	const dbmig_format *format = dbmig_format_marked(file->text, file->length, &line);
	bool		open = !folder->marked && (folder->format == &dbmig_format_own ||
										   folder->format == &dbmig_format_golang_migrate);

	if (folder->forced || format == NULL)
		return 0;
	if (format == folder->format || (open && format == &dbmig_format_sqlx))
	{
		if (!folder->marked)
			folder->evidence = file->path;
		folder->marked = true;
		folder->format = format;
		return 0;
	}
	if (folder->format == &dbmig_format_flyway && format == &dbmig_format_own &&
		file->letter == 'R' && !folder->marked)
		return 0;
	if (strcmp(folder->evidence, file->path) != 0)
		return fail_mixed(call, folder, folder->evidence, file->path);
	return dbmig_fail(call, DBMIG_BAD_VALUE,
					  "Say which one it is: dbmig_load(path, package, format).",
					  "file \"%s\", line %d: a marker of %s in a file with a name of %s",
					  file->path, line, format->name, folder->format->name);
}

/* The names of a folder, and what layout they are of. */
int
dbmig_folder_look(dbmig_call *call, dbmig_folder *folder, dbmig_names *list)
{
	folder->real = dbmig_files_real(call, "folder", folder->path);
	if (folder->real == NULL || dbmig_files_list(call, folder->path, list) != 0)
		return -1;
	if (folder->forced)
	{
		folder->evidence = folder->path;
		return 0;
	}
	if (decide_family(call, folder, list) != 0)
		return -1;
	return folder->format != NULL && folder->format->family == DBMIG_FAMILY_PLAIN ?
		decide_plain(call, folder) : 0;
}

int
dbmig_folder_list(dbmig_call *call, dbmig_folder *folder, const dbmig_names *list)
{
	dbmig_family family = folder->format->family;

	if ((family == DBMIG_FAMILY_FOLDER ? add_diesel(call, folder, list) :
		 add_all(call, folder, list, "")) != 0)
		return -1;
	sort_files(folder);
	return folder->forced || family != DBMIG_FAMILY_LETTER ? 0 :
		decide_letter(call, folder, list);
}
