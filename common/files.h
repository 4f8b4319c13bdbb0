/*
 * files.h
 *		Folders and files (files.c).
 */
#ifndef DBMIG_FILES_H
#define DBMIG_FILES_H

#include "dbmig_core.h"

typedef struct dbmig_names
{
	const char **names;			/* sorted by byte; none that begins with "." */
	size_t		count;
} dbmig_names;

typedef enum dbmig_file_kind
{
	DBMIG_KIND_NONE,			/* it is not there */
	DBMIG_KIND_FILE,
	DBMIG_KIND_FOLDER,
	DBMIG_KIND_LINK,			/* to a file, or to nothing */
	DBMIG_KIND_FOLDER_LINK
} dbmig_file_kind;

extern dbmig_file_kind dbmig_files_kind(const char *path);
extern char *dbmig_files_join(dbmig_call *call, const char *folder,
							  const char *name);
extern int	dbmig_files_list(dbmig_call *call, const char *path,
							 dbmig_names *list);

/* Whether the folder said, when it was listed, that this is a regular file. */
extern bool dbmig_names_regular(const dbmig_names *list, size_t i);

/* The path without links, or NULL after dbmig_fail(); what: in messages. */
extern const char *dbmig_files_real(dbmig_call *call, const char *what,
									const char *path);

/* The same of a link; it fails where that is not inside of root. */
extern const char *dbmig_files_inside(dbmig_call *call, const char *root,
									  const char *path);

/*
 * An engine's text has at most 1 GB, what a dump or dbmig_export makes of it
 * among them, and that can be twice as long.
 */
#define DBMIG_FILE_MAX 500000000

/* All of a file, NUL-terminated; root: out of which no link may lead. */
extern int	dbmig_files_read(dbmig_call *call, const char *root,
							 const char *path, char **text, size_t *length);

/*
 * Of the first regular files in a folder, as many as fit into bytes, one behind
 * the other, each with a NUL; gives how many.  Where a file changes at this very
 * time it may give a part of it, and no error is told: that is for
 * dbmig_files_read().
 */
extern size_t dbmig_files_ahead(const char *folder, const char *const *paths,
								size_t count, char *bytes, size_t size,
								size_t *lengths);

#endif							/* DBMIG_FILES_H */
