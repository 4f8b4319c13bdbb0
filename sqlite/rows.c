/*
 * rows.c
 *		The functions that give rows, as table-valued functions.
 *
 * One eponymous virtual table for each: hidden columns take the arguments, the
 * core is called when a scan begins, and its rows are kept until the scan
 * ends.
 */
#include "dbmig_sqlite.h"

#include <string.h>

SQLITE_EXTENSION_INIT3

#define MAX_ARGUMENTS 8

typedef struct rows_table
{
	sqlite3_vtab base;
	const dbmig_binding *binding;
	int			columns;		/* that are not hidden */
} rows_table;

typedef struct row
{
	struct row *next;
	dbmig_value values[1];		/* really one a column */
} row;

typedef struct rows_cursor
{
	sqlite3_vtab_cursor base;
	dbmig_call	call;			/* has the rows' memory */
	dbmig_work	work;
	bool		filled;
	row		   *first;
	row		   *last;
	row		   *now;
	sqlite3_int64 number;
} rows_cursor;

static int
count_items(const char *list)
{
	int			count = list != NULL && *list != '\0' ? 1 : 0;

	for (; list != NULL && *list != '\0'; list++)
		if (*list == ',')
			count++;
	return count;
}

/* The columns, then each argument, hidden and with a name of its own. */
static char *
declaration(const dbmig_function *function)
{
	const char *p = function->arguments;
	sqlite3_str *sql = sqlite3_str_new(NULL);

	sqlite3_str_appendf(sql, "CREATE TABLE x(%s", function->columns);
	while (p != NULL && *p != '\0')
	{
		size_t		length = strcspn(p, ",");

		sqlite3_str_appendf(sql, ", \"argument %.*s\" HIDDEN", (int) length, p);
		p += length;
		p += strspn(p, ", ");
	}
	sqlite3_str_appendchar(sql, 1, ')');
	return sqlite3_str_finish(sql);
}

static int
rows_connect(sqlite3 *db, void *data, int argc, const char *const *argv,
			 sqlite3_vtab **result, char **error)
{
	const dbmig_binding *binding = data;
	rows_table *vtab;
	char	   *sql = declaration(binding->function);
	int			rc;

	(void) argc;
	(void) argv;
	(void) error;
	*result = NULL;
	if (sql == NULL)
		return SQLITE_NOMEM;
	rc = sqlite3_declare_vtab(db, sql);
	sqlite3_free(sql);
	if (rc != SQLITE_OK)
		return rc;
	vtab = sqlite3_malloc(sizeof(*vtab));
	if (vtab == NULL)
		return SQLITE_NOMEM;
	memset(vtab, 0, sizeof(*vtab));
	vtab->binding = binding;
	vtab->columns = count_items(binding->function->columns);
	*result = &vtab->base;
	return SQLITE_OK;
}

static int
rows_disconnect(sqlite3_vtab *vtab)
{
	sqlite3_free(vtab);
	return SQLITE_OK;
}

/* idxNum has a bit for each argument that xFilter gets. */
static int
rows_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
	rows_table *vtab = (rows_table *) base;
	int			place[MAX_ARGUMENTS];
	int			next = 1;
	int			i;

	for (i = 0; i < MAX_ARGUMENTS; i++)
		place[i] = -1;
	for (i = 0; i < info->nConstraint; i++)
	{
		int			argument = info->aConstraint[i].iColumn - vtab->columns;

		if (argument < 0 || argument >= MAX_ARGUMENTS ||
			info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
			continue;
		if (!info->aConstraint[i].usable)
			return SQLITE_CONSTRAINT;
		place[argument] = i;
	}
	info->idxNum = 0;
	for (i = 0; i < MAX_ARGUMENTS; i++)
	{
		if (place[i] < 0)
			continue;
		info->idxNum |= 1 << i;
		info->aConstraintUsage[place[i]].argvIndex = next++;
		info->aConstraintUsage[place[i]].omit = 1;
	}
	info->estimatedCost = next > 1 ? 100 : 10000;
	info->estimatedRows = next > 1 ? 10 : 1000;
	return SQLITE_OK;
}

static int
rows_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **result)
{
	rows_cursor *cursor = sqlite3_malloc64(sizeof(*cursor));

	(void) vtab;
	if (cursor == NULL)
		return SQLITE_NOMEM;
	memset(cursor, 0, sizeof(*cursor));
	*result = &cursor->base;
	return SQLITE_OK;
}

static void
empty(rows_cursor *cursor)
{
	if (cursor->filled)
		dbmig_call_end(&cursor->call);
	cursor->filled = false;
	cursor->first = NULL;
	cursor->last = NULL;
	cursor->now = NULL;
	cursor->number = 0;
}

static int
rows_close(sqlite3_vtab_cursor *base)
{
	rows_cursor *cursor = (rows_cursor *) base;

	empty(cursor);
	sqlite3_free(cursor);
	return SQLITE_OK;
}

static int
keep_row(dbmig_call *call, void *arg, const dbmig_value *values)
{
	rows_cursor *cursor = arg;
	int			columns = ((rows_table *) cursor->base.pVtab)->columns;
	row		   *kept;
	int			i;

	kept = dbmig_alloc(call, sizeof(row) + (size_t) columns * sizeof(dbmig_value));
	if (kept == NULL)
		return -1;
	for (i = 0; i < columns; i++)
	{
		kept->values[i] = values[i];
		if (values[i].type != DBMIG_TEXT)
			continue;
		kept->values[i].text = dbmig_copy(call, values[i].text,
										  values[i].length);
		if (kept->values[i].text == NULL)
			return -1;
	}
	if (cursor->last != NULL)
		cursor->last->next = kept;
	else
		cursor->first = kept;
	cursor->last = kept;
	return 0;
}

static int
call_function(rows_cursor *cursor, int given, sqlite3_value **argv)
{
	const dbmig_binding *binding = ((rows_table *) cursor->base.pVtab)->binding;
	const dbmig_function *function = binding->function;
	dbmig_work *work = &cursor->work;
	dbmig_value args[MAX_ARGUMENTS];
	int			nargs = 0;
	int			i;

	for (i = 0; i < MAX_ARGUMENTS; i++)
	{
		args[i] = dbmig_null();
		if ((given & (1 << i)) == 0)
			continue;
		if (dbmig_work_argument(work, i + 1, *argv++, &args[i]) != 0)
			return -1;
		nargs = i + 1;
	}
	if (nargs < function->min_args)
		return dbmig_fail(work->call, DBMIG_NULL_VALUE, NULL,
						  "%s needs its argument \"%.*s\"", function->name,
						  (int) strcspn(function->arguments, ","),
						  function->arguments);
	return function->rows(work->call, nargs, args, keep_row, cursor);
}

static int
rows_filter(sqlite3_vtab_cursor *base, int given, const char *text, int argc,
			sqlite3_value **argv)
{
	rows_cursor *cursor = (rows_cursor *) base;
	rows_table *vtab = (rows_table *) base->pVtab;
	int			result;
	int			code;

	(void) text;
	(void) argc;
	empty(cursor);
	dbmig_work_begin(&cursor->work, &cursor->call, vtab->binding);
	cursor->filled = true;
	result = call_function(cursor, given, argv);
	dbmig_work_end(&cursor->work);
	if (result == 0)
	{
		cursor->now = cursor->first;
		return SQLITE_OK;
	}
	sqlite3_free(vtab->base.zErrMsg);
	vtab->base.zErrMsg = dbmig_work_error(&cursor->work, &code);
	empty(cursor);
	return code;
}

static int
rows_next(sqlite3_vtab_cursor *base)
{
	rows_cursor *cursor = (rows_cursor *) base;

	cursor->now = cursor->now->next;
	cursor->number++;
	return SQLITE_OK;
}

static int
rows_eof(sqlite3_vtab_cursor *base)
{
	return ((rows_cursor *) base)->now == NULL;
}

static int
rows_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
	rows_cursor *cursor = (rows_cursor *) base;

	if (column < ((rows_table *) base->pVtab)->columns)
		dbmig_result(context, &cursor->now->values[column]);
	return SQLITE_OK;
}

static int
rows_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid)
{
	*rowid = ((rows_cursor *) base)->number;
	return SQLITE_OK;
}

const sqlite3_module dbmig_rows_module = {
	.xConnect = rows_connect,
	.xBestIndex = rows_best_index,
	.xDisconnect = rows_disconnect,
	.xOpen = rows_open,
	.xClose = rows_close,
	.xFilter = rows_filter,
	.xNext = rows_next,
	.xEof = rows_eof,
	.xColumn = rows_column,
	.xRowid = rows_rowid
};
