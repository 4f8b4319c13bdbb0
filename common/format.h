/*
 * format.h
 *		The layouts of migration files, and what a file says of a migration.
 *
 * A layout is one dbmig_format, in a file of its own and in the table of
 * format.c.  Its name_file says what a file's name says, its read what the
 * file's text says; neither opens a file.  What has its order in a file
 * of its own has load instead, which is given the folder.
 *
 * Layouts of one family cannot be told apart by names; their texts tell.
 */
#ifndef DBMIG_FORMAT_H
#define DBMIG_FORMAT_H

#include "internal.h"

typedef enum dbmig_family
{
	DBMIG_FAMILY_NONE,			/* no migration: left alone */
	DBMIG_FAMILY_PLAIN,			/* 1_name.sql */
	DBMIG_FAMILY_PAIR,			/* 1_name.up.sql, 1_name.down.sql */
	DBMIG_FAMILY_LETTER,		/* V1__name.sql */
	DBMIG_FAMILY_FOLDER,		/* 1_name/up.sql */
	DBMIG_FAMILY_PLAN			/* one file that names the others */
} dbmig_family;

typedef enum dbmig_part
{
	DBMIG_PART_NONE,			/* left alone */
	DBMIG_PART_UP,				/* the up, and perhaps all of the migration */
	DBMIG_PART_DOWN,
	DBMIG_PART_SETTINGS,		/* settings of the up */
	DBMIG_PART_DOWN_SETTINGS,
	DBMIG_PART_PROGRAM			/* a migration that is no SQL: refused */
} dbmig_part;
#define DBMIG_PARTS 6

typedef struct dbmig_file
{
	const char *path;			/* in its folder, as errors name it */
	const char *base;			/* behind the last slash */
	dbmig_part	part;
	char		letter;			/* of DBMIG_FAMILY_LETTER: V, U, R or B */
	const char *version;
	const char *name;			/* or NULL */
	const char *text;			/* without a byte order mark */
	size_t		length;
	const struct dbmig_placeholder *placeholders;	/* of the package */
	bool		regular;		/* no link, when the folder was listed */
	bool		same;			/* its migration is registered just so */
} dbmig_file;

/* A folder that is being loaded; see folder.c. */
typedef struct dbmig_folder dbmig_folder;

typedef struct dbmig_format
{
	const char *name;			/* what dbmig_load's third argument says */
	dbmig_family family;
	bool		pairs;			/* up and down say each for itself whether
								 * they can be in a transaction */
	bool		recursive;		/* files may be in folders inside */

	/* Fill in part, version and name from path and base. */
	int			(*name_file) (dbmig_call *call, dbmig_file *file);

	/* Decide what needs all of a folder's files, in version order; or NULL. */
	int			(*arrange) (dbmig_call *call, dbmig_file *files, size_t count);

	/* Whether the text has a marker of this layout, and in which line. */
	bool		(*marked) (const char *text, size_t length, int *line);

	/* The file's text, of which parts are for other engines */
	bool		engines;

	/* The file's text becomes part of the definition. */
	int			(*read) (dbmig_call *call, const dbmig_file *file,
						 dbmig_definition *definition);

	/* Instead of all these: read a whole folder, by dbmig_folder_*(). */
	int			(*load) (dbmig_call *call, dbmig_folder *folder);

	/* Give the package the name that the files say; or NULL: the folder's. */
	int			(*name_package) (dbmig_call *call, dbmig_folder *folder);
} dbmig_format;

extern const dbmig_format dbmig_format_own;
extern const dbmig_format dbmig_format_goose;
extern const dbmig_format dbmig_format_dbmate;
extern const dbmig_format dbmig_format_golang_migrate;
extern const dbmig_format dbmig_format_sqlx;
extern const dbmig_format dbmig_format_flyway;
extern const dbmig_format dbmig_format_refinery;
extern const dbmig_format dbmig_format_diesel;
extern const dbmig_format dbmig_format_sqitch;

/* format.c: all of them, NULL behind the last */
extern const dbmig_format *const dbmig_formats[];

/* The one of this name; NULL after dbmig_fail(). */
extern const dbmig_format *dbmig_format_find(dbmig_call *call, const char *name);

/* What a name alone says; base is behind the last slash. */
extern dbmig_family dbmig_family_of(const char *path);

/* The first layout of a family: what a text without markers is. */
extern const dbmig_format *dbmig_format_of_family(dbmig_family family);

/* The layout whose marker the text has, or NULL. */
extern const dbmig_format *dbmig_format_marked(const char *text, size_t length,
											   int *line);

/* A file of this path, with what its name says in this layout. */
extern int	dbmig_file_name(dbmig_call *call, const dbmig_format *format,
							const char *path, dbmig_file *file);

/* The text, checked: UTF-8 without NUL; its byte order mark is dropped. */
extern int	dbmig_file_text(dbmig_call *call, dbmig_file *file,
							const char *text, size_t length);

/*
 * The definition of a migration from its files: begin, read each, end.  The
 * first is the up, or stands for it.
 */
extern void dbmig_file_begin(const dbmig_file *file,
							 dbmig_definition *definition);
extern int	dbmig_file_read(dbmig_call *call, const dbmig_format *format,
							const dbmig_file *file,
							dbmig_definition *definition);
extern void dbmig_file_end(const dbmig_format *format,
						   dbmig_definition *definition);

/*
 * An error where a file that has been read has what only the engine's shell
 * understands.  shell.c: the same of a text; before: lines of the file before it.
 */
extern int	dbmig_file_check(dbmig_call *call, const dbmig_format *format,
							 const dbmig_file *file,
							 const dbmig_definition *definition);
extern int	dbmig_shell_check(dbmig_call *call, const char *path,
							  const char *text, int before);

/* Lines of a text: false at the end; the end is before a line's CR. */
typedef struct dbmig_lines
{
	const char *next;
	const char *end;			/* of the text */
	const char *line;
	const char *stop;			/* of the line */
	int			number;
} dbmig_lines;

extern void dbmig_lines_begin(dbmig_lines *lines, const char *text,
							  size_t length);
extern bool dbmig_lines_next(dbmig_lines *lines);

/* The next word of at to end, or an empty one at the end. */
extern const char *dbmig_next_word(const char **at, const char *end,
								   size_t *length);
extern bool dbmig_word_is(const char *word, size_t length, const char *text);

/* What follows "--" in a comment line, without blanks; NULL: no comment. */
extern const char *dbmig_line_comment(const dbmig_lines *lines);

/* A copy with blanks for underscores, NULL for none at all. */
extern const char *dbmig_describe(dbmig_call *call, const char *text,
								  size_t length);
extern bool dbmig_is_digit(char c);
extern size_t dbmig_digits(const char *text);
extern bool dbmig_ends_with(const char *text, size_t length, const char *end);

/*
 * folder.c: for load.  dbmig_folder_read gives the text of a file in the
 * folder where it is there; dbmig_folder_define registers a migration, and ends
 * the scope that was begun before anything of it was read.  Where the path has
 * folders in it, dbmig_folder_inside finds the link that leads out.
 */
extern int	dbmig_folder_read(dbmig_call *call, dbmig_folder *folder,
							  const char *path, dbmig_file *file, bool *found);
extern int	dbmig_folder_inside(dbmig_call *call, const dbmig_folder *folder,
								const char *path);
extern int	dbmig_folder_define(dbmig_call *call, dbmig_folder *folder,
								struct dbmig_block *scope,
								dbmig_definition *definition);

/* conf.c: dbmig.conf, what holds for all of a package */
#define DBMIG_CONF "dbmig.conf"

typedef struct dbmig_placeholder
{
	const struct dbmig_placeholder *next;
	const char *name;
	const char *value;
} dbmig_placeholder;

typedef struct dbmig_conf
{
	dbmig_options options;		/* after, role, ... */
	bool		of_package;		/* it has other options than after */
	const dbmig_placeholder *placeholders;
} dbmig_conf;

extern int	dbmig_conf_read(dbmig_call *call, const dbmig_file *file,
							dbmig_conf *conf);
extern int	dbmig_conf_apply(dbmig_call *call, dbmig_writer *writer,
							 const char *package, const dbmig_conf *conf,
							 bool *changed);

#endif							/* DBMIG_FORMAT_H */
