/*
 * folder.c
 *		dbmig_load: a folder of migrations, of whatever layout.
 *
 * Names are listed first: they tell the layout, put files of one migration
 * together and show what is there twice.  Then the texts are read, one
 * migration at a time, and what one needs of memory goes back before the next:
 * once to compare them with what is registered, and what is not the same once
 * more to define it.
 */
#include "dbmig_core.h"

#include <string.h>

#include "folder.h"
#include "internal.h"

int
dbmig_folder_read(dbmig_call *call, dbmig_folder *folder, const char *path,
				  dbmig_file *file, bool *found)
{
	const char *full = dbmig_files_join(call, folder->path, path);

	memset(file, 0, sizeof(*file));
	file->path = path;
	if (full == NULL)
		return -1;
	*found = dbmig_files_kind(full) != DBMIG_KIND_NONE;
	return *found ? dbmig_folder_text(call, folder, file) : 0;
}

int
dbmig_folder_inside(dbmig_call *call, const dbmig_folder *folder, const char *path)
{
	const char *full = dbmig_files_join(call, folder->path, path);

	if (full == NULL)
		return -1;
	return path[0] == '\0' || dbmig_files_kind(full) == DBMIG_KIND_NONE ||
		dbmig_files_inside(call, folder->real, full) != NULL ? 0 : -1;
}

int
dbmig_folder_define(dbmig_call *call, dbmig_folder *folder,
					struct dbmig_block *scope, dbmig_definition *definition)
{
	dbmig_outcome outcome = DBMIG_UNCHANGED;
	bool		same;

	definition->package = folder->package;
	folder->loaded++;
	if (dbmig_folder_same(call, folder, definition, &same) != 0)
		return -1;
	if (!same && dbmig_define(call, folder->writer, definition, &outcome) != 0)
		return strncmp(call->message, "file \"", 6) == 0 ? -1 :
			dbmig_fail_in(call, "file \"%s\"", definition->source);
	if (outcome != DBMIG_UNCHANGED)
		folder->changed++;
	dbmig_folder_seen(folder, definition->version);
	dbmig_scope_end(call, scope);
	return 0;
}

int
dbmig_folder_migration(dbmig_call *call, dbmig_folder *folder, dbmig_file *files,
					   size_t count, dbmig_definition *definition)
{
	size_t		i;

	for (i = 0; i < count && files[i].part != DBMIG_PART_UP; i++)
		;
	dbmig_file_begin(&files[i], definition);
	for (i = 0; i < count; i++)
	{
		if (dbmig_folder_text(call, folder, &files[i]) != 0 ||
			((files[i].part == DBMIG_PART_UP || files[i].part == DBMIG_PART_DOWN) &&
			 dbmig_folder_marker(call, folder, &files[i]) != 0) ||
			dbmig_file_read(call, folder->format, &files[i], definition) != 0)
			return -1;

		/* what is only compared was checked when it was registered */
		if (folder->ahead == NULL &&
			dbmig_file_check(call, folder->format, &files[i], definition) != 0)
			return -1;
		files[i].text = NULL;
	}
	dbmig_file_end(folder->format, definition);
	return 0;
}

static int
load_migration(dbmig_call *call, dbmig_folder *folder, dbmig_file *files,
			   size_t count)
{
	struct dbmig_block *scope = dbmig_scope_begin(call);
	dbmig_definition definition = {0};

	if (scope == NULL ||
		dbmig_folder_migration(call, folder, files, count, &definition) != 0)
		return -1;
	return dbmig_folder_define(call, folder, scope, &definition);
}

size_t
dbmig_folder_group(const dbmig_folder *folder, size_t first)
{
	const dbmig_file *files = folder->files;
	size_t		next = first + 1;

	while (next < folder->count &&
		   dbmig_version_compare(files[first].version, files[next].version) == 0)
		next++;
	return next - first;
}

/*
 * A program cannot be run here, and must not be skipped unseen: somebody has
 * registered what stands for it, as a script or a function.
 */
static int
check_program(dbmig_call *call, dbmig_folder *folder, dbmig_file *file)
{
	dbmig_value params[2];
	dbmig_value row[1];

	params[0] = dbmig_text(folder->package);
	params[1] = dbmig_text(dbmig_version_key(call, file->version));
	if (call->status != DBMIG_OK ||
		dbmig_query_row(call, DBMIG_MIGRATION_FIND, params, row, 1, &file->same) != 0)
		return -1;
	folder->loaded += file->same;
	return file->same ? 0 :
		dbmig_fail(call, DBMIG_NOT_SUPPORTED,
				   dbmig_printf(call, "First register what it does as version %s of package \"%s\", as a script or a function; then its file is left alone.",
								file->version, folder->package),
				   "file \"%s\" is a migration that is not SQL", file->path);
}

/* What the names alone show to be wrong; *take: there is one to load. */
static int
check_migration(dbmig_call *call, dbmig_folder *folder, dbmig_file *files,
				size_t count, bool *take)
{
	const dbmig_file *down = NULL;
	bool		up = false;
	size_t		i;

	*take = true;
	if (count == 1 && files->part == DBMIG_PART_PROGRAM)
		return check_program(call, folder, files);
	for (i = 0; i < count; i++)
	{
		bool		program = files[i].part == DBMIG_PART_PROGRAM ||
		(i > 0 && files[i - 1].part == DBMIG_PART_PROGRAM);

		if (i > 0 && (program || files[i].part == files[i - 1].part))
			return dbmig_fail(call, DBMIG_DUPLICATE,
							  "Versions compare by their numbers and letters: 1, 01 and 1. are the same.",
							  "files \"%s\" and \"%s\" have the same version",
							  files[i - 1].path, files[i].path);
		up |= files[i].part == DBMIG_PART_UP;
		if (files[i].part == DBMIG_PART_DOWN)
			down = &files[i];
	}
	*take = up;
	if (down != NULL && !up)
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "file \"%s\" is a down without an up", down->path);
	return 0;
}

/* What is to be loaded of the files, in version order. */
static int
choose_files(dbmig_call *call, dbmig_folder *folder)
{
	size_t		kept = 0;
	size_t		i;
	size_t		size;

	if (folder->format->arrange != NULL &&
		folder->format->arrange(call, folder->files, folder->count) != 0)
		return -1;
	for (i = 0; i < folder->count; i++)
		if (folder->files[i].part != DBMIG_PART_NONE)
			folder->files[kept++] = folder->files[i];
	folder->count = kept;
	kept = 0;
	for (i = 0; i < folder->count; i += size)
	{
		bool		take;

		size = dbmig_folder_group(folder, i);
		if (check_migration(call, folder, &folder->files[i], size, &take) != 0)
			return -1;
		if (take)
		{
			memmove(&folder->files[kept], &folder->files[i], size * sizeof(*folder->files));
			kept += size;
		}
	}
	folder->count = kept;
	return 0;
}

static int
load_files(dbmig_call *call, dbmig_folder *folder)
{
	size_t		i;
	size_t		size;

	if (choose_files(call, folder) != 0 || dbmig_folder_known(call, folder) != 0)
		return -1;
	for (i = 0; i < folder->count; i += size)
	{
		size = dbmig_folder_group(folder, i);
		if (!folder->files[i].same &&
			load_migration(call, folder, &folder->files[i], size) != 0)
			return -1;
	}
	return 0;
}

static int
read_conf(dbmig_call *call, dbmig_folder *folder)
{
	dbmig_file	file;
	bool		found;

	dbmig_options_begin(&folder->conf.options);
	if (dbmig_folder_read(call, folder, DBMIG_CONF, &file, &found) != 0)
		return -1;
	return found ? dbmig_conf_read(call, &file, &folder->conf) : 0;
}

/* The last part of a path, trailing slashes left out. */
static const char *
base_name(dbmig_call *call, const char *path)
{
	size_t		end = strlen(path);
	size_t		begin;

	while (end > 1 && path[end - 1] == '/')
		end--;
	for (begin = end; begin > 0 && path[begin - 1] != '/'; begin--)
		;
	return dbmig_copy(call, path + begin, end - begin);
}

static int
load_package(dbmig_call *call, dbmig_folder *folder, const dbmig_names *list)
{
	const dbmig_format *format = folder->format;
	bool		changed;

	if (folder->package == NULL && format->name_package != NULL)
	{
		if (format->name_package(call, folder) != 0)
			return -1;
	}
	else if (folder->package == NULL)
		folder->package = base_name(call, folder->path);
	if (folder->package == NULL || dbmig_package_check(call, folder->package) != 0 ||
		read_conf(call, folder) != 0)
		return -1;
	if (!dbmig_utf8_valid(folder->package, strlen(folder->package)))
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "the name of folder \"%s\" is not UTF-8", folder->path);
	if (format->load != NULL)
	{
		if (dbmig_folder_known(call, folder) != 0 || format->load(call, folder) != 0)
			return -1;
	}
	else if (dbmig_folder_list(call, folder, list) != 0 || load_files(call, folder) != 0)
		return -1;
	if (folder->loaded == 0)
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "folder \"%s\" has no migrations of %s",
						  folder->path, folder->format->name);
	if (dbmig_folder_missing(call, folder) != 0)
		return -1;
	return dbmig_conf_apply(call, folder->writer, folder->package, &folder->conf, &changed);
}

/* A folder of folders: a package each. */
static int
load_inner(dbmig_call *call, const dbmig_folder *outer, const dbmig_names *names,
		   int64_t *count, bool *any)
{
	size_t		i;

	for (i = 0; i < names->count; i++)
	{
		dbmig_folder folder = {0};
		dbmig_names list;
		bool		inner;

		if (dbmig_folder_inner(call, outer, names->names[i], &inner) != 0)
			return -1;
		if (!inner)
			continue;
		folder.writer = outer->writer;
		folder.path = dbmig_files_join(call, outer->path, names->names[i]);
		if (folder.path == NULL || dbmig_folder_look(call, &folder, &list) != 0)
			return -1;
		if (folder.format == NULL)
			continue;
		*any = true;
		if (load_package(call, &folder, &list) != 0)
			return dbmig_fail_in(call, "package \"%s\"", names->names[i]);
		*count += folder.changed;
	}
	return 0;
}

static int
load(dbmig_call *call, dbmig_writer *writer, const char *path,
	 const char *package, const dbmig_format *format, int64_t *count)
{
	dbmig_folder folder = {0};
	dbmig_names list;
	bool		any = false;

	folder.writer = writer;
	folder.path = path;
	folder.package = package;
	folder.format = format;
	folder.forced = format != NULL;
	if (dbmig_folder_look(call, &folder, &list) != 0)
		return -1;
	if (folder.format != NULL)
	{
		if (load_package(call, &folder, &list) != 0)
			return -1;
		*count = folder.changed;
		return 0;
	}
	if (package == NULL && load_inner(call, &folder, &list, count, &any) != 0)
		return -1;
	if (!any)
		return dbmig_fail(call, DBMIG_BAD_VALUE,
						  "Migrations are files <version>_<name>.sql, or folders <version>_<name> with up.sql and down.sql.",
						  "folder \"%s\" has no migrations", path);
	return 0;
}

int
dbmig_do_load(dbmig_call *call, int nargs, const dbmig_value *args,
			  dbmig_value *result)
{
	const dbmig_format *format = NULL;
	dbmig_writer writer = {0};
	const char *path;
	const char *package;
	const char *name;
	int64_t		count = 0;

	if (dbmig_arg_text(call, nargs, args, 0, "path", true, &path) != 0 ||
		dbmig_arg_package(call, nargs, args, 1, false, &package) != 0 ||
		dbmig_arg_text(call, nargs, args, 2, "format", false, &name) != 0)
		return -1;
	if (path[0] == '\0')
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL, "path must not be empty");
	if (name != NULL)
	{
		format = dbmig_format_find(call, name);
		if (format == NULL)
			return -1;
	}
	if (dbmig_writer_end(call, &writer,
						 load(call, &writer, path, package, format, &count)) != 0)
		return -1;
	*result = dbmig_int(count);
	return 0;
}
