/*
 * files.c
 *		Folders and files of the machine this runs on.
 *
 * A folder or file is open only where nothing can call back, for a host may
 * not return from a callback: names and contents are read into memory that was
 * got before, and got again where it was too small.
 *
 * Below the folder that is loaded no link is followed that leads out of it.
 */
#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE			/* d_type */

#include "dbmig_core.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "internal.h"

dbmig_file_kind
dbmig_files_kind(const char *path)
{
	struct stat status;

	if (lstat(path, &status) != 0)
		return DBMIG_KIND_NONE;
	if (S_ISLNK(status.st_mode))
		return stat(path, &status) == 0 && S_ISDIR(status.st_mode) ?
			DBMIG_KIND_FOLDER_LINK : DBMIG_KIND_LINK;
	return S_ISDIR(status.st_mode) ? DBMIG_KIND_FOLDER : DBMIG_KIND_FILE;
}

static int
fail_errno(dbmig_call *call, const char *what, const char *path, int error)
{
	struct stat status;

	if (error == ENOTDIR && stat(path, &status) == 0)
		return dbmig_fail(call, DBMIG_BAD_VALUE, NULL,
						  "\"%s\" is not a folder", path);
	if (error == ENOENT || error == ENOTDIR)
		return dbmig_fail(call, DBMIG_NO_FILE, NULL,
						  "%s \"%s\" does not exist", what, path);
	return dbmig_fail(call, error == EACCES ? DBMIG_NO_RIGHT : DBMIG_IO, NULL,
					  "cannot read %s \"%s\": %s", what, path, strerror(error));
}

char *
dbmig_files_join(dbmig_call *call, const char *folder, const char *name)
{
	size_t		length = strlen(folder);

	return dbmig_printf(call, "%s%s%s", folder,
						length > 0 && folder[length - 1] == '/' ? "" : "/", name);
}

/* A byte in front of each name, where the folder says so */
#define REGULAR 'f'

static char
type_of(const struct dirent *entry)
{
#ifdef DT_REG
	if (entry->d_type == DT_REG)
		return REGULAR;
#endif
	(void) entry;
	return '?';
}

bool
dbmig_names_regular(const dbmig_names *list, size_t i)
{
	return list->names[i][-1] == REGULAR;
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
		size_t		length = strlen(entry->d_name) + 2;

		if (entry->d_name[0] == '.')
			continue;
		if (*needed + length <= size)
		{
			bytes[*needed] = type_of(entry);
			memcpy(bytes + *needed + 1, entry->d_name, length - 1);
		}
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

/* Room for the names, if a folder's own size tells. */
static size_t
guess_size(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0 || status.st_size < 0 || status.st_size > 1 << 24)
		return 0;
	return (size_t) status.st_size + 256;
}

int
dbmig_files_list(dbmig_call *call, const char *path, dbmig_names *list)
{
	size_t		size = guess_size(path);
	char	   *bytes = dbmig_alloc(call, size);
	size_t		needed;
	size_t		i;
	int			error;

	if (bytes == NULL)
		return -1;
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
		list->names[i] = bytes + 1;
		bytes += strlen(bytes) + 1;
	}
	if (list->count > 1)
		qsort(list->names, list->count, sizeof(*list->names), compare_names);
	return 0;
}

/* The path without links, as far as it fits; 0, or an errno. */
static int
resolve(const char *path, char *bytes, size_t size, size_t *needed)
{
	char	   *real = realpath(path, NULL);

	if (real == NULL)
		return errno;
	*needed = strlen(real) + 1;
	if (*needed <= size)
		memcpy(bytes, real, *needed);
	free(real);
	return 0;
}

const char *
dbmig_files_real(dbmig_call *call, const char *what, const char *path)
{
	char	   *bytes = NULL;
	size_t		size = 0;
	size_t		needed = 0;
	int			error;

	while ((error = resolve(path, bytes, size, &needed)) == 0 && needed > size)
	{
		size = needed + 64;
		bytes = dbmig_alloc(call, size);
		if (bytes == NULL)
			return NULL;
	}
	if (error != 0)
	{
		fail_errno(call, what, path, error);
		return NULL;
	}
	return bytes;
}

const char *
dbmig_files_inside(dbmig_call *call, const char *root, const char *path)
{
	const char *real = dbmig_files_real(call, "link", path);
	size_t		length = strlen(root);

	if (real == NULL)
		return NULL;
	if (length > 1 && (strncmp(real, root, length) != 0 || real[length] != '/'))
	{
		dbmig_fail(call, DBMIG_NO_RIGHT,
				   "Copy what it leads to into the folder.",
				   "link \"%s\" leads out of its folder", path);
		return NULL;
	}
	return real;
}

bool
dbmig_files_same(const char *one, const char *other)
{
	struct stat a;
	struct stat b;

	return stat(one, &a) == 0 && stat(other, &b) == 0 &&
		a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

const char *
dbmig_files_place(dbmig_call *call, const char *path)
{
	const char *name = strrchr(path, '/');
	char	   *folder;
	char	   *real;
	char	   *place;

	if (name == NULL)
		return path;
	folder = dbmig_copy(call, path, name > path ? (size_t) (name - path) : 1);
	if (folder == NULL)
		return NULL;
	real = realpath(folder, NULL);
	if (real == NULL)
		return path;
	place = dbmig_alloc(call, strlen(real) + strlen(name) + 1);
	if (place != NULL)
	{
		strcpy(place, strcmp(real, "/") == 0 ? "" : real);
		strcat(place, name);
	}
	free(real);
	return place;
}

typedef enum got
{
	GOT_ALL,
	GOT_PART,					/* it has more than there was room for */
	GOT_LINK,
	GOT_OTHER,					/* no regular file */
	GOT_ERROR					/* see errno */
} got;

static got
read_open(int file, char *bytes, size_t size, size_t *length)
{
	struct stat status;

	*length = 0;
	if (fstat(file, &status) != 0)
		return GOT_ERROR;
	if (!S_ISREG(status.st_mode))
		return GOT_OTHER;
	if ((size_t) status.st_size >= size)
	{
		*length = (size_t) status.st_size;
		return GOT_PART;
	}
	while (*length < size)
	{
		ssize_t		piece = read(file, bytes + *length, size - *length);

		if (piece < 0 && errno == EINTR)
			continue;
		if (piece < 0)
			return GOT_ERROR;
		*length += (size_t) piece;

		/* the end, or so many bytes as there were */
		if (piece == 0 || *length == (size_t) status.st_size)
			return GOT_ALL;
	}
	return GOT_PART;
}

/* A file of less than size bytes; else *length is what it seems to have. */
static got
read_bytes(const char *path, char *bytes, size_t size, size_t *length)
{
	int			file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	got			result;
	int			error;

	*length = 0;
	if (file < 0)
		return errno == ELOOP ? GOT_LINK : GOT_ERROR;
	result = read_open(file, bytes, size, length);
	error = errno;
	close(file);
	errno = error;
	return result;
}

/* Most files fit; a longer one is read once its length is known. */
#define USUAL_SIZE 4000

int
dbmig_files_read(dbmig_call *call, const char *root, const char *path,
				 char **text, size_t *length)
{
	char		usual[USUAL_SIZE];
	size_t		size = sizeof(usual);
	char	   *bytes = usual;

	for (;;)
	{
		switch (read_bytes(path, bytes, size, length))
		{
			case GOT_ALL:
				*text = bytes != usual ? bytes : dbmig_copy(call, usual, *length);
				return *text != NULL ? 0 : -1;
			case GOT_PART:
				if (*length > DBMIG_FILE_MAX)
					return dbmig_fail(call, DBMIG_BAD_VALUE,
									  "Split it into several migrations, or keep its rows in a file of their own for the program or COPY to read.",
									  "file \"%s\" is %zu bytes long, at most %d are possible",
									  path, *length, DBMIG_FILE_MAX);
				size = *length + *length / 16 + 16;
				bytes = dbmig_alloc(call, size + 1);
				if (bytes == NULL)
					return -1;
				break;
			case GOT_LINK:
				path = dbmig_files_inside(call, root, path);
				if (path == NULL)
					return -1;
				break;
			case GOT_OTHER:
				return dbmig_fail(call, DBMIG_IO, NULL,
								  "\"%s\" is not a regular file", path);
			case GOT_ERROR:
				return fail_errno(call, "file", path, errno);
		}
	}
}

/* All of a small file in an open folder, with a NUL; false: not read. */
static bool
read_small(int folder, const char *path, char *bytes, size_t size, size_t *length)
{
	int			file = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	ssize_t		done;

	if (file < 0)
		return false;
	done = read(file, bytes, size);
	close(file);
	if (done < 0 || (size_t) done >= size)
		return false;
	bytes[done] = '\0';
	*length = (size_t) done;
	return true;
}

size_t
dbmig_files_ahead(const char *folder, const char *const *paths, size_t count,
				  char *bytes, size_t size, size_t *lengths)
{
	int			open_folder = open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	size_t		i;

	if (open_folder < 0)
		return 0;
	for (i = 0; i < count && read_small(open_folder, paths[i], bytes, size, &lengths[i]); i++)
	{
		bytes += lengths[i] + 1;
		size -= lengths[i] + 1;
	}
	close(open_folder);
	return i;
}
