/*
 * folder.h
 *		A folder that is being loaded: what layout.c finds out of it, what
 *		folder.c registers, what refresh.c compares.
 */
#ifndef DBMIG_FOLDER_H
#define DBMIG_FOLDER_H

#include "files.h"
#include "format.h"

typedef struct dbmig_known dbmig_known;

/* Texts of files that were read before their turn (refresh.c). */
#define DBMIG_AHEAD_FILES 32
#define DBMIG_AHEAD_BYTES 65536

typedef struct dbmig_ahead
{
	size_t		first;			/* of the folder's files */
	size_t		count;
	char	   *at[DBMIG_AHEAD_FILES];
	size_t		lengths[DBMIG_AHEAD_FILES];
	char		bytes[DBMIG_AHEAD_BYTES];
} dbmig_ahead;

struct dbmig_folder
{
	dbmig_writer *writer;
	const char *path;
	const char *real;			/* the same without links */
	const char *package;
	const dbmig_format *format;
	bool		forced;			/* the caller said so */
	const char *evidence;		/* the file that tells the layout */
	bool		marked;			/* by a marker in it */
	dbmig_file *files;			/* in version order */
	size_t		count;
	size_t		capacity;
	size_t		compared;		/* of them, with what is registered */
	dbmig_ahead *ahead;			/* while they are compared */
	dbmig_known *known;			/* what is registered */
	size_t		known_count;
	size_t		known_capacity;
	size_t		loaded;			/* migrations in the folder */
	dbmig_conf	conf;
	int64_t		changed;
};

/* layout.c: the names of a folder; format is NULL where it has no layout. */
extern int	dbmig_folder_look(dbmig_call *call, dbmig_folder *folder,
							  dbmig_names *list);

/* layout.c: the files of the layout, in version order. */
extern int	dbmig_folder_list(dbmig_call *call, dbmig_folder *folder,
							  const dbmig_names *list);

/* layout.c: whether name is a folder that may be looked into. */
extern int	dbmig_folder_inner(dbmig_call *call, const dbmig_folder *folder,
							   const char *name, bool *inner);
extern int	dbmig_folder_text(dbmig_call *call, const dbmig_folder *folder,
							  dbmig_file *file);

/* layout.c: an error where the text is not of the folder's layout. */
extern int	dbmig_folder_marker(dbmig_call *call, dbmig_folder *folder,
								const dbmig_file *file);

/* folder.c: how many files from this one on are of its version. */
extern size_t dbmig_folder_group(const dbmig_folder *folder, size_t first);

/* folder.c: one migration, of so many files. */
extern int	dbmig_folder_migration(dbmig_call *call, dbmig_folder *folder,
								   dbmig_file *files, size_t count,
								   dbmig_definition *definition);

/*
 * refresh.c: read what is registered of the package, and compare the folder's
 * files with it: the first of each migration that is registered just so gets
 * its mark.  Where there are no files (dbmig_format.load) whether a definition is
 * registered just so, the name that a version has there, or NULL, and to say
 * that its file is here.  Keep in mind which are not.
 */
extern int	dbmig_folder_known(dbmig_call *call, dbmig_folder *folder);

/*
 * refresh.c: the text of one of the folder's files, if it may come from a quick
 * look: what differs is read once more, with care.
 */
extern bool dbmig_folder_ahead(const dbmig_folder *folder, const dbmig_file *file,
							   char **text, size_t *length);
extern int	dbmig_folder_same(dbmig_call *call, dbmig_folder *folder,
							  const dbmig_definition *definition, bool *same);
extern const char *dbmig_folder_known_name(const dbmig_folder *folder,
										   const char *version);
extern void dbmig_folder_seen(dbmig_folder *folder, const char *version);
extern int	dbmig_folder_missing(dbmig_call *call, dbmig_folder *folder);

#endif							/* DBMIG_FOLDER_H */
