/*
 * rows.c
 *		What a query gave: cells, and reading them as values.
 *
 * Texts stand in blocks of memory that belong to the rows.  A cell has its
 * text whatever it is, so that it can be read in every way that makes sense.
 */
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 4096

typedef struct block
{
	struct block *next;
	size_t		used;
	size_t		size;
	char		bytes[1];
} block;

struct dbmig_rows
{
	int			columns;
	int			count;
	int			capacity;
	char	  **names;
	dbmig_cell *cells;
	block	   *blocks;
};

dbmig_rows *
dbmig_rows_new(int columns)
{
	dbmig_rows *rows = calloc(1, sizeof(*rows));

	if (rows == NULL)
		return NULL;
	rows->columns = columns;
	rows->names = calloc((size_t) columns + 1, sizeof(*rows->names));
	if (rows->names == NULL)
	{
		free(rows);
		return NULL;
	}
	return rows;
}

void
dbmig_rows_free(dbmig_rows *rows)
{
	if (rows == NULL)
		return;
	while (rows->blocks != NULL)
	{
		block	   *next = rows->blocks->next;

		free(rows->blocks);
		rows->blocks = next;
	}
	free(rows->names);
	free(rows->cells);
	free(rows);
}

/* A copy with a NUL behind it, or NULL without memory. */
char *
dbmig_rows_keep(dbmig_rows *rows, const void *data, size_t length)
{
	block	   *b = rows->blocks;
	char	   *to;

	if (b == NULL || b->size - b->used <= length)
	{
		size_t		size = length + 1 > BLOCK ? length + 1 : BLOCK;

		b = malloc(sizeof(*b) + size);
		if (b == NULL)
			return NULL;
		b->next = rows->blocks;
		b->used = 0;
		b->size = size;
		rows->blocks = b;
	}
	to = b->bytes + b->used;
	if (length > 0)
		memcpy(to, data, length);
	to[length] = '\0';
	b->used += length + 1;
	return to;
}

bool
dbmig_rows_set_name(dbmig_rows *rows, int column, const char *name)
{
	rows->names[column] = dbmig_rows_keep(rows, name, strlen(name));
	return rows->names[column] != NULL;
}

/* The cells of a new row, all NULL; or NULL without memory. */
dbmig_cell *
dbmig_rows_add(dbmig_rows *rows)
{
	size_t		columns = (size_t) rows->columns;
	dbmig_cell *row;

	if (rows->count == rows->capacity)
	{
		int			capacity = rows->capacity == 0 ? 8 : rows->capacity * 2;
		dbmig_cell *cells = realloc(rows->cells, (size_t) capacity * (columns + 1) *
									sizeof(*cells));

		if (cells == NULL)
			return NULL;
		rows->cells = cells;
		rows->capacity = capacity;
	}
	row = rows->cells + (size_t) rows->count * columns;
	memset(row, 0, columns * sizeof(*row));
	rows->count++;
	return row;
}

int
dbmig_rows_count(const dbmig_rows *rows)
{
	return rows->count;
}

int
dbmig_rows_columns(const dbmig_rows *rows)
{
	return rows->columns;
}

const char *
dbmig_rows_name(const dbmig_rows *rows, int column)
{
	return column >= 0 && column < rows->columns ? rows->names[column] : NULL;
}

/* NULL where there is no such cell, and for NULL. */
static const dbmig_cell *
cell_at(const dbmig_rows *rows, int row, int column)
{
	const dbmig_cell *cell;

	if (row < 0 || row >= rows->count || column < 0 || column >= rows->columns)
		return NULL;
	cell = &rows->cells[(size_t) row * (size_t) rows->columns + (size_t) column];
	return cell->kind == DBMIG_KIND_NULL ? NULL : cell;
}

bool
dbmig_is_null(const dbmig_rows *rows, int row, int column)
{
	return cell_at(rows, row, column) == NULL;
}

const char *
dbmig_text_at(const dbmig_rows *rows, int row, int column)
{
	const dbmig_cell *cell = cell_at(rows, row, column);

	return cell != NULL ? cell->data : NULL;
}

bool
dbmig_int_at(const dbmig_rows *rows, int row, int column, int64_t *value)
{
	const dbmig_cell *cell = cell_at(rows, row, column);
	char	   *end;
	long long	number;

	if (cell == NULL)
		return false;
	if (cell->kind == DBMIG_KIND_INT)
	{
		*value = cell->integer;
		return true;
	}
	if (cell->kind != DBMIG_KIND_TEXT || cell->length == 0)
		return false;
	errno = 0;
	number = strtoll(cell->data, &end, 10);
	if (errno != 0 || end != cell->data + cell->length)
		return false;
	*value = number;
	return true;
}

bool
dbmig_real_at(const dbmig_rows *rows, int row, int column, double *value)
{
	const dbmig_cell *cell = cell_at(rows, row, column);
	char	   *end;
	double		number;

	if (cell == NULL || cell->kind == DBMIG_KIND_BLOB)
		return false;
	if (cell->kind != DBMIG_KIND_TEXT)
	{
		*value = cell->kind == DBMIG_KIND_INT ? (double) cell->integer : cell->real;
		return true;
	}
	number = dbmig_real_read(cell->data, &end);
	if (cell->length == 0 || end != cell->data + cell->length)
		return false;
	*value = number;
	return true;
}

bool
dbmig_bool_at(const dbmig_rows *rows, int row, int column, bool *value)
{
	static const char *const words[] = {"f", "t", "0", "1", "false", "true"};
	const dbmig_cell *cell = cell_at(rows, row, column);
	size_t		i;

	if (cell == NULL)
		return false;
	if (cell->kind == DBMIG_KIND_INT)
	{
		*value = cell->integer != 0;
		return true;
	}
	if (cell->kind != DBMIG_KIND_TEXT || strlen(cell->data) != cell->length)
		return false;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(cell->data, words[i]) == 0)
		{
			*value = i % 2 == 1;
			return true;
		}
	return false;
}

bool
dbmig_uuid_at(const dbmig_rows *rows, int row, int column, dbmig_uuid *value)
{
	const dbmig_cell *cell = cell_at(rows, row, column);

	if (cell == NULL)
		return false;
	if (cell->kind == DBMIG_KIND_BLOB && cell->length == sizeof(value->bytes))
	{
		memcpy(value->bytes, cell->data, sizeof(value->bytes));
		return true;
	}
	return cell->kind == DBMIG_KIND_TEXT && strlen(cell->data) == cell->length &&
		dbmig_uuid_from_text(cell->data, value);
}

bool
dbmig_timestamp_at(const dbmig_rows *rows, int row, int column,
				   dbmig_timestamp *value)
{
	const dbmig_cell *cell = cell_at(rows, row, column);

	return cell != NULL && cell->kind == DBMIG_KIND_TEXT &&
		strlen(cell->data) == cell->length &&
		dbmig_timestamp_from_text(cell->data, value);
}

bool
dbmig_blob_at(const dbmig_rows *rows, int row, int column, dbmig_blob *value)
{
	const dbmig_cell *cell = cell_at(rows, row, column);

	if (cell == NULL ||
		(cell->kind != DBMIG_KIND_BLOB && cell->kind != DBMIG_KIND_TEXT))
		return false;
	value->data = cell->data;
	value->length = cell->length;
	return true;
}
