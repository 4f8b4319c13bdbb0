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
	dbmig_file *files;
	size_t		count;
	size_t		capacity;
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

/*
 * refresh.c: read what is registered of the package; whether a definition is
 * registered just so; the name that a version has there, or NULL; say that its
 * file is here; keep in mind which are not.
 */
extern int	dbmig_folder_known(dbmig_call *call, dbmig_folder *folder);
extern int	dbmig_folder_same(dbmig_call *call, dbmig_folder *folder,
							  const dbmig_definition *definition, bool *same);
extern const char *dbmig_folder_known_name(const dbmig_folder *folder,
										   const char *version);
extern void dbmig_folder_seen(dbmig_folder *folder, const char *version);
extern int	dbmig_folder_missing(dbmig_call *call, dbmig_folder *folder);

#endif							/* DBMIG_FOLDER_H */
