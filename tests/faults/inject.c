/*
 * inject.c
 *		Things that go wrong in SQLite, at a point that is chosen.
 *
 * Allocations go through the memory methods, file calls through a VFS that
 * hands them on to the real one; an interrupt comes from the progress handler,
 * or from any of the others.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inject.h"

extern int	sqlite3_dbmig_init(sqlite3 *db, char **error,
							   const sqlite3_api_routines *api);

const char *const kind_names[] = {
	"an allocation fails", "an interrupt", "a file call fails",
	"all file calls fail"
};

injection	inject;

static int
is_fault(kind k)
{
	if (!inject.armed)
		return 0;
	if (inject.now == INTERRUPT && inject.anywhere && k != INTERRUPT)
	{
		if (++inject.seen == inject.at)
			sqlite3_interrupt(inject.interrupted);
		return 0;
	}
	if (k != inject.now && !(k == FILE_ONCE && inject.now == FILE_FOREVER))
		return 0;
	inject.seen++;
	return inject.now == FILE_FOREVER ? inject.at != 0 && inject.seen >= inject.at :
		inject.seen == inject.at;
}

/* allocations */

static sqlite3_mem_methods real_memory;

static void *
failing_malloc(int size)
{
	return is_fault(ALLOCATION) ? NULL : real_memory.xMalloc(size);
}

static void *
failing_realloc(void *p, int size)
{
	return is_fault(ALLOCATION) ? NULL : real_memory.xRealloc(p, size);
}

/* interrupts */

static int
count_progress(void *data)
{
	(void) data;
	if (is_fault(INTERRUPT))
		sqlite3_interrupt(inject.interrupted);
	return 0;
}

/* the file system: every method of a file is the real one's, or fails */

typedef struct shim_file
{
	sqlite3_file base;
	sqlite3_file *real;
} shim_file;

static sqlite3_vfs shim;
static sqlite3_vfs *real_vfs;

#define REAL(f) (((shim_file *) (f))->real)
#define SHIM(name, declared, call, code) \
	static int \
	shim_##name declared \
	{ \
		return is_fault(FILE_ONCE) ? code : REAL(f)->pMethods->call; \
	}

SHIM(read, (sqlite3_file *f, void *p, int n, sqlite3_int64 at),
	 xRead(REAL(f), p, n, at), SQLITE_IOERR_READ)
SHIM(write, (sqlite3_file *f, const void *p, int n, sqlite3_int64 at),
	 xWrite(REAL(f), p, n, at), SQLITE_FULL)
SHIM(truncate, (sqlite3_file *f, sqlite3_int64 size),
	 xTruncate(REAL(f), size), SQLITE_IOERR_TRUNCATE)
SHIM(sync, (sqlite3_file *f, int flags), xSync(REAL(f), flags), SQLITE_IOERR_FSYNC)
SHIM(size, (sqlite3_file *f, sqlite3_int64 *size), xFileSize(REAL(f), size),
	 SQLITE_IOERR_FSTAT)
SHIM(lock, (sqlite3_file *f, int level), xLock(REAL(f), level), SQLITE_IOERR_LOCK)
SHIM(reserved, (sqlite3_file *f, int *result),
	 xCheckReservedLock(REAL(f), result), SQLITE_IOERR_CHECKRESERVEDLOCK)

static int
shim_close(sqlite3_file *f)
{
	int			rc = REAL(f)->pMethods->xClose(REAL(f));

	inject.open_files--;
	sqlite3_free(REAL(f));
	return rc;
}

static int
shim_unlock(sqlite3_file *f, int level)
{
	return REAL(f)->pMethods->xUnlock(REAL(f), level);
}

static int
shim_control(sqlite3_file *f, int op, void *arg)
{
	return REAL(f)->pMethods->xFileControl(REAL(f), op, arg);
}

static int
shim_sector(sqlite3_file *f)
{
	return REAL(f)->pMethods->xSectorSize(REAL(f));
}

static int
shim_device(sqlite3_file *f)
{
	return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}

static int
shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	static const sqlite3_io_methods methods = {
		1, shim_close, shim_read, shim_write, shim_truncate, shim_sync,
		shim_size, shim_lock, shim_unlock, shim_reserved, shim_control,
		shim_sector, shim_device,
		NULL, NULL, NULL, NULL, NULL, NULL
	};
	shim_file  *file = (shim_file *) f;
	int			rc;

	(void) vfs;
	f->pMethods = NULL;
	if (is_fault(FILE_ONCE))
		return SQLITE_CANTOPEN;
	file->real = sqlite3_malloc(real_vfs->szOsFile);
	if (file->real == NULL)
		return SQLITE_NOMEM;
	rc = real_vfs->xOpen(real_vfs, name, file->real, flags, out);
	if (rc == SQLITE_OK)
	{
		f->pMethods = &methods;
		inject.open_files++;
	}
	else
		sqlite3_free(file->real);
	return rc;
}

static int
shim_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void) vfs;
	return is_fault(FILE_ONCE) ? SQLITE_IOERR_DELETE :
		real_vfs->xDelete(real_vfs, name, sync);
}

static int
shim_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
	(void) vfs;
	return is_fault(FILE_ONCE) ? SQLITE_IOERR_ACCESS :
		real_vfs->xAccess(real_vfs, name, flags, result);
}

void
inject_start(void)
{
	static sqlite3_mem_methods memory;

	sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory);
	memory = real_memory;
	memory.xMalloc = failing_malloc;
	memory.xRealloc = failing_realloc;
	sqlite3_config(SQLITE_CONFIG_MALLOC, &memory);
	sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
	sqlite3_initialize();
	real_vfs = sqlite3_vfs_find(NULL);
	shim = *real_vfs;
	shim.zName = "shim";
	shim.szOsFile = sizeof(shim_file);
	shim.xOpen = shim_open;
	shim.xDelete = shim_delete;
	shim.xAccess = shim_access;
	sqlite3_vfs_register(&shim, 1);
	sqlite3_auto_extension((void (*) (void)) sqlite3_dbmig_init);
}

void
inject_arm(sqlite3 *db, long at)
{
	sqlite3_progress_handler(db, inject.now == INTERRUPT ? 1 : 0, count_progress, NULL);
	inject.interrupted = db;
	inject.at = at;
	inject.seen = 0;
	inject.armed = 1;
}

void
inject_disarm(sqlite3 *db)
{
	inject.armed = 0;
	sqlite3_progress_handler(db, 0, NULL, NULL);
}

/* what is looked at afterwards */

int			problems;

void
problem(long point, const char *what, const char *error)
{
	if (++problems <= 10)
		printf("point %ld: %s: %s\n", point, what, error != NULL ? error : "");
}

void
must(sqlite3 *db, const char *sql)
{
	char	   *error = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &error) == SQLITE_OK)
		return;
	printf("%s: %s\n", sql, error);
	exit(2);
}

/* The first value, or -1. */
long
number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	long		value = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
		sqlite3_step(stmt) == SQLITE_ROW)
		value = (long) sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return value;
}

void
remove_database(const char *path)
{
	static const char *const ends[] = {"", "-journal", "-wal", "-shm"};
	char		name[1010];
	size_t		i;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
	{
		sprintf(name, "%s%s", path, ends[i]);
		remove(name);
	}
}

void
template_take(template *t)
{
	FILE	   *file = fopen(t->path, "rb");

	if (file == NULL)
		exit(2);
	t->bytes = realloc(t->bytes, 1 << 20);
	t->size = fread(t->bytes, 1, 1 << 20, file);
	fclose(file);
}

void
template_use(const template *t)
{
	FILE	   *file;

	remove_database(t->path);
	file = fopen(t->path, "wb");
	if (file == NULL || fwrite(t->bytes, 1, t->size, file) != t->size)
		exit(2);
	fclose(file);
}
