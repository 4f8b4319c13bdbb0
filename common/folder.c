/*
 * folder.c
 *		dbmig_load and dbmig_register_file: migrations from files.
 *
 * A folder or file is open only where nothing can call back, for a host may
 * not return from a callback: names and contents are read into memory that was
 * got before, and got again where it was too small.
 */
#define _POSIX_C_SOURCE 200809L

#include "dbmig_core.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

typedef struct names
{
	const char **names;			/* sorted by byte */
	size_t		count;
} names;

static bool
is_folder(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool
is_file(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && !S_ISDIR(status.st_mode);
}

static int
fail_errno(dbmig_call *call, const char *what, const char *path, int error)
{
	if (error == ENOTDIR && is_file(path))
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "\"%s\" is not a folder", path);
	if (error == ENOENT || error == ENOTDIR)
		return dbmig_fail(call, DBMIG_NO_FILE, NULL,
						  "%s \"%s\" does not exist", what, path);
	return dbmig_fail(call, error == EACCES ? DBMIG_NO_RIGHT : DBMIG_IO, NULL,
					  "cannot read %s \"%s\": %s", what, path, strerror(error));
}

/* The names in a folder, one behind the other, as far as they fit. */
static int
read_names(const char *path, char *bytes, size_t size, size_t *needed,
		   size_t *count)
{
	DIR		   *folder = opendir(path);
	struct dirent *entry;

	*needed = 0;
	*count = 0;
	if (folder == NULL)
		return errno;
	while ((errno = 0, entry = readdir(folder)) != NULL)
	{
		size_t		length = strlen(entry->d_name) + 1;

		if (entry->d_name[0] == '.')
			continue;
		if (*needed + length <= size)
			memcpy(bytes + *needed, entry->d_name, length);
		*needed += length;
		(*count)++;
	}
	size = (size_t) errno;
	closedir(folder);
	return (int) size;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static int
list_folder(dbmig_call *call, const char *path, names *list)
{
	char	   *bytes = NULL;
	size_t		size = 0;
	size_t		needed;
	size_t		i;
	int			error;

	while ((error = read_names(path, bytes, size, &needed, &list->count)) == 0 &&
		   needed > size)
	{
		size = needed + needed / 8 + 256;
		bytes = dbmig_alloc(call, size);
		if (bytes == NULL)
			return -1;
	}
	if (error != 0)
		return fail_errno(call, "folder", path, error);
	list->names = dbmig_alloc(call, (list->count + 1) * sizeof(*list->names));
	if (list->names == NULL)
		return -1;
	for (i = 0; i < list->count; i++)
	{
		list->names[i] = bytes;
		bytes += strlen(bytes) + 1;
	}
	qsort(list->names, list->count, sizeof(*list->names), compare_names);
	return 0;
}

/* Up to size bytes of a file; *got is more than size where it has more. */
static int
read_bytes(const char *path, char *bytes, size_t size, size_t *got)
{
	int			file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int			error = 0;
	ssize_t		piece;
	char		more;

	*got = 0;
	if (file < 0)
		return errno;
	while ((piece = *got < size ? read(file, bytes + *got, size - *got) :
			read(file, &more, 1)) != 0)
	{
		if (piece < 0 && errno == EINTR)
			continue;
		if (piece < 0)
		{
			error = errno;
			break;
		}
		*got += (size_t) piece;
		if (*got > size)
			break;
	}
	close(file);
	return error;
}

static int
read_file(dbmig_call *call, const char *path, char **text, size_t *length)
{
	struct stat status;
	size_t		size;
	int			error;

	if (stat(path, &status) != 0)
		return fail_errno(call, "file", path, errno);
	if (!S_ISREG(status.st_mode))
		return dbmig_fail(call, DBMIG_IO, NULL,
						  "\"%s\" is not a regular file", path);
	size = (size_t) status.st_size;
	do
	{
		*text = dbmig_alloc(call, size + 1);
		if (*text == NULL)
			return -1;
		error = read_bytes(path, *text, size, length);
		if (error != 0)
			return fail_errno(call, "file", path, error);
	} while (*length > size && (size = size * 2 + 4096) > 0);
	(*text)[*length] = '\0';
	return dbmig_format_check_text(call, path, *text, *length);
}

static char *
join(dbmig_call *call, const char *folder, const char *name)
{
	size_t		length = strlen(folder);

	return dbmig_printf(call, "%s%s%s", folder,
						length > 0 && folder[length - 1] == '/' ? "" : "/", name);
}

/*
 * metadata.toml of a Diesel migration: a file without the key means false, one
 * that cannot be read means true.
 */
static int
read_metadata(dbmig_call *call, const char *path, dbmig_options *options)
{
	char	   *text;
	char	   *line;
	size_t		length;
	int			transaction = 0;

	if (!is_file(path))
		return 0;
	if (read_file(call, path, &text, &length) != 0)
		return -1;
	for (line = text; *line != '\0';)
	{
		char	   *next = line + strcspn(line, "\n");
		char	   *equals;
		char	   *value;

		if (*next == '\n')
			*next++ = '\0';
		line += strspn(line, " \t\r");
		equals = strchr(line, '=');
		if (*line != '\0' && *line != '#' && *line != '[' && equals == NULL)
			return 0;
		if (equals != NULL && strncmp(line, "run_in_transaction", 18) == 0 &&
			strspn(line + 18, " \t") == (size_t) (equals - line - 18))
		{
			value = equals + 1 + strspn(equals + 1, " \t");
			if (strncmp(value, "true", 4) == 0)
				transaction = -1;
			else if (strncmp(value, "false", 5) == 0)
				transaction = 0;
			else
				return 0;
		}
		line = next;
	}
	options->transaction = transaction;
	return 0;
}

/*
 * 2020-01-31-120000_create_users: version 20200131120000, "create users".
 * Diesel compares versions as texts, so 2020-01-31_x, which comes in between
 * there, has to be 20200131000000 here, where they compare as numbers.
 */
#define DIESEL_DIGITS 14

static int
load_diesel(dbmig_call *call, const char *folder, const char *base,
			dbmig_definition *definition)
{
	const char *underscore = strchr(base, '_');
	size_t		length = underscore != NULL ? (size_t) (underscore - base) : strlen(base);
	char	   *version = dbmig_alloc(call, length + DIESEL_DIGITS + 1);
	const char *path = join(call, folder, base);
	char	   *to = version;
	char	   *text;
	size_t		i;

	dbmig_options_begin(&definition->options);
	if (version == NULL || path == NULL)
		return -1;
	for (i = 0; i < length; i++)
		if (base[i] != '-')
			*to++ = base[i];
	if (to < version + length)
		while (to < version + DIESEL_DIGITS)
			*to++ = '0';
	if (dbmig_version_check(call, version) != 0)
		return -1;
	definition->version = version;
	definition->source = dbmig_printf(call, "%s/up.sql", base);
	if (underscore != NULL && underscore[1] != '\0')
	{
		char	   *name = dbmig_copy(call, underscore + 1, strlen(underscore + 1));

		definition->name = name;
		for (; name != NULL && *name != '\0'; name++)
			if (*name == '_')
				*name = ' ';
	}
	if (call->status != DBMIG_OK ||
		read_file(call, join(call, path, "up.sql"), &text, &length) != 0)
		return -1;
	definition->up = text;
	if (is_file(join(call, path, "down.sql")))
	{
		if (read_file(call, join(call, path, "down.sql"), &text, &length) != 0)
			return -1;
		definition->down = text;
	}
	return read_metadata(call, join(call, path, "metadata.toml"), &definition->options);
}

/* What a folder is: the first file or folder of each layout in it. */
typedef struct layout
{
	names		list;
	const char *own;
	const char *diesel;
} layout;

static bool
is_own(const char *name)
{
	size_t		length = strlen(name);

	return name[0] >= '0' && name[0] <= '9' && length > 4 &&
		strcmp(name + length - 4, ".sql") == 0;
}

static int
look_at(dbmig_call *call, const char *path, layout *found)
{
	size_t		i;

	memset(found, 0, sizeof(*found));
	if (list_folder(call, path, &found->list) != 0)
		return -1;
	for (i = 0; i < found->list.count; i++)
	{
		const char *name = found->list.names[i];

		if (is_own(name) && found->own == NULL)
			found->own = name;
		else if (name[0] >= '0' && name[0] <= '9' && found->diesel == NULL &&
				 is_file(join(call, join(call, path, name), "up.sql")))
			found->diesel = name;
	}
	if (found->own != NULL && found->diesel != NULL)
		return dbmig_fail(call, DBMIG_BAD_VALUE,
						  "Load each layout from a folder of its own.",
						  "folder \"%s\" mixes two layouts: \"%s\" and \"%s/up.sql\"",
						  path, found->own, found->diesel);
	return call->status == DBMIG_OK ? 0 : -1;
}

static int
load_package(dbmig_call *call, dbmig_writer *writer, const char *path,
			 const char *package, const layout *found, int64_t *count)
{
	size_t		i;

	if (dbmig_package_check(call, package) != 0)
		return -1;
	for (i = 0; i < found->list.count; i++)
	{
		const char *name = found->list.names[i];
		dbmig_definition definition = {0};
		dbmig_outcome outcome;
		bool		is_migration = true;

		definition.package = package;
		if (found->own != NULL)
		{
			char	   *text;
			size_t		length;

			if (!is_own(name))
				continue;
			if (read_file(call, join(call, path, name), &text, &length) != 0 ||
				dbmig_format_own(call, name, text, length, &definition,
								 &is_migration) != 0)
				return -1;
		}
		else
		{
			if (name[0] < '0' || name[0] > '9' ||
				!is_file(join(call, join(call, path, name), "up.sql")))
				continue;
			if (load_diesel(call, path, name, &definition) != 0)
				return -1;
		}
		if (dbmig_define(call, writer, &definition, &outcome) != 0)
			return dbmig_fail_in(call, "file \"%s\"", definition.source);
		if (outcome != DBMIG_UNCHANGED)
			(*count)++;
	}
	return 0;
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
load(dbmig_call *call, dbmig_writer *writer, const char *path,
	 const char *package, int64_t *count)
{
	layout		found;
	bool		any = false;
	size_t		i;

	if (look_at(call, path, &found) != 0)
		return -1;
	if (found.own != NULL || found.diesel != NULL)
	{
		if (package == NULL)
			package = base_name(call, path);
		return package == NULL ? -1 :
			load_package(call, writer, path, package, &found, count);
	}
	for (i = 0; package == NULL && i < found.list.count; i++)
	{
		const char *inner = join(call, path, found.list.names[i]);
		layout		sub;

		if (inner == NULL)
			return -1;
		if (!is_folder(inner))
			continue;
		if (look_at(call, inner, &sub) != 0)
			return -1;
		if (sub.own == NULL && sub.diesel == NULL)
			continue;
		any = true;
		if (load_package(call, writer, inner, found.list.names[i], &sub, count) != 0)
			return -1;
	}
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
	dbmig_writer writer = {0};
	const char *path;
	const char *package;
	int64_t		count = 0;

	if (dbmig_arg_text(call, nargs, args, 0, "path", true, &path) != 0 ||
		dbmig_arg_package(call, nargs, args, 1, false, &package) != 0)
		return -1;
	if (path[0] == '\0')
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL, "path must not be empty");
	if (dbmig_writer_end(call, &writer,
						 load(call, &writer, path, package, &count)) != 0)
		return -1;
	*result = dbmig_int(count);
	return 0;
}

int
dbmig_do_register_file(dbmig_call *call, int nargs, const dbmig_value *args,
					   dbmig_value *result)
{
	dbmig_definition definition = {0};
	dbmig_writer writer = {0};
	dbmig_outcome outcome;
	const char *filename;
	const char *content;
	bool		is_migration;

	if (dbmig_arg_package(call, nargs, args, 0, true, &definition.package) != 0 ||
		dbmig_arg_text(call, nargs, args, 1, "filename", true, &filename) != 0 ||
		dbmig_arg_text(call, nargs, args, 2, "content", true, &content) != 0 ||
		dbmig_format_own(call, filename, content, strlen(content), &definition,
						 &is_migration) != 0)
		return -1;
	if (!is_migration)
		return dbmig_fail(call, DBMIG_BAD_VALUE,
						  "Files are named <version>_<name>.sql, the version beginning with a digit.",
						  "\"%s\" is not the name of a migration file", filename);
	if (dbmig_writer_end(call, &writer,
						 dbmig_define(call, &writer, &definition, &outcome)) != 0)
		return -1;
	*result = dbmig_text(dbmig_outcome_text(outcome));
	return 0;
}
