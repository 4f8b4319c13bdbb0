/*
 * memory.c
 *		The memory and the error of one call.
 *
 * Memory is cut from blocks that the host lends and goes back as a whole.  A
 * piece of LARGE bytes or more is a block of its own, so that dbmig_grow() can
 * give the old copy of a long array back at once.  With
 * -DDBMIG_BLOCK_SIZE=8 each piece is a block, for memory checkers.
 */
#include "dbmig_core.h"

#include <stdio.h>
#include <string.h>

#include "internal.h"

#ifndef DBMIG_BLOCK_SIZE
#define DBMIG_BLOCK_SIZE 8000
#endif
#define LARGE (DBMIG_BLOCK_SIZE / 4)
#define ALIGN 8

typedef struct dbmig_block
{
	struct dbmig_block *next;
	struct dbmig_block *previous;
	size_t		size;
	size_t		used;
} dbmig_block;

#define HEADER ((sizeof(dbmig_block) + ALIGN - 1) / ALIGN * ALIGN)

void
dbmig_call_begin(dbmig_call *call, const dbmig_host *host, void *data)
{
	memset(call, 0, sizeof(*call));
	call->host = host;
	call->data = data;
	call->settings.lock_timeout = DBMIG_LOCK_TIMEOUT_DEFAULT;
	call->tenant = "";
}

static void
free_blocks(dbmig_call *call, dbmig_block *block)
{
	while (block != NULL)
	{
		dbmig_block *next = block->next;

		call->host->free(call, block);
		block = next;
	}
}

void
dbmig_call_end(dbmig_call *call)
{
	free_blocks(call, call->blocks);
	free_blocks(call, call->kept);
	call->blocks = NULL;
	call->kept = NULL;
}

void
dbmig_call_forgive(dbmig_call *call)
{
	call->status = DBMIG_OK;
	call->message = NULL;
	call->hint = NULL;
	memset(&call->failure, 0, sizeof(call->failure));
}

void
dbmig_call_clear(dbmig_call *call)
{
	free_blocks(call, call->blocks);
	call->blocks = NULL;
	dbmig_call_forgive(call);
}

void
dbmig_part_begin(dbmig_call *call)
{
	call->kept = call->blocks;
	call->blocks = NULL;
}

void
dbmig_part_swap(dbmig_call *call)
{
	dbmig_block *part = call->blocks;

	call->blocks = call->kept;
	call->kept = part;
}

const char *
dbmig_part_keep(dbmig_call *call, const char *text)
{
	const char *copy;

	if (text == NULL)
		return NULL;
	dbmig_part_swap(call);
	copy = dbmig_copy(call, text, strlen(text));
	dbmig_part_swap(call);
	return copy;
}

void
dbmig_part_end(dbmig_call *call)
{
	dbmig_call_clear(call);
	call->blocks = call->kept;
	call->kept = NULL;
}

/* shared: small pieces will be cut from it, so it goes first. */
static dbmig_block *
add_block(dbmig_call *call, size_t size, bool shared)
{
	dbmig_block *block = call->host->alloc(call, HEADER + size);
	dbmig_block *first = call->blocks;

	if (block == NULL)
	{
		dbmig_fail(call, DBMIG_NO_MEMORY, NULL, "out of memory");
		return NULL;
	}
	block->size = size;
	block->used = 0;

	if (first != NULL && !shared && first->size > 0)
	{
		block->previous = first;
		block->next = first->next;
		first->next = block;
	}
	else
	{
		block->previous = NULL;
		block->next = first;
		call->blocks = block;
		if (first != NULL)
			first->previous = block;
	}
	if (block->next != NULL)
		block->next->previous = block;
	return block;
}

static void
drop_block(dbmig_call *call, dbmig_block *block)
{
	if (block->next != NULL)
		block->next->previous = block->previous;
	if (block->previous != NULL)
		block->previous->next = block->next;
	else
		call->blocks = block->next;
	call->host->free(call, block);
}

/* An empty block: everything younger lies before it. */
struct dbmig_block *
dbmig_scope_begin(dbmig_call *call)
{
	return add_block(call, 0, true);
}

void
dbmig_scope_end(dbmig_call *call, struct dbmig_block *scope)
{
	while (call->blocks != scope)
		drop_block(call, call->blocks);
	drop_block(call, scope);
}

static void *
raw_alloc(dbmig_call *call, size_t size)
{
	dbmig_block *block = call->blocks;
	char	   *piece;

	if (size > SIZE_MAX / 2)
	{
		dbmig_fail(call, DBMIG_NO_MEMORY, NULL, "out of memory");
		return NULL;
	}
	size = (size + ALIGN - 1) / ALIGN * ALIGN;
	if (size == 0)
		size = ALIGN;
	if (size >= LARGE)
	{
		block = add_block(call, size, false);
		if (block == NULL)
			return NULL;
		block->used = size;
		return (char *) block + HEADER;
	}
	if (block == NULL || block->size - block->used < size)
	{
		block = add_block(call, DBMIG_BLOCK_SIZE, true);
		if (block == NULL)
			return NULL;
	}
	piece = (char *) block + HEADER + block->used;
	block->used += size;
	return piece;
}

void *
dbmig_alloc(dbmig_call *call, size_t size)
{
	void	   *piece = raw_alloc(call, size);

	if (piece != NULL)
		memset(piece, 0, size);
	return piece;
}

/* A larger copy of array; the old one goes back where it can. */
static void *
enlarge(dbmig_call *call, void *array, size_t used, size_t had, size_t wanted)
{
	void	   *larger = raw_alloc(call, wanted);

	if (larger == NULL)
		return NULL;
	if (used > 0)
		memcpy(larger, array, used);
	if (array != NULL && had >= LARGE)
		drop_block(call, (dbmig_block *) ((char *) array - HEADER));
	return larger;
}

void *
dbmig_grow(dbmig_call *call, void *array, size_t count, size_t *capacity,
		   size_t size)
{
	size_t		more = *capacity < 8 ? 8 : *capacity + *capacity / 2;
	void	   *larger;

	if (count < *capacity)
		return array;
	larger = enlarge(call, array, count * size, *capacity * size, more * size);
	if (larger != NULL)
		*capacity = more;
	return larger;
}

char *
dbmig_copy(dbmig_call *call, const char *text, size_t length)
{
	char	   *copy = raw_alloc(call, length + 1);

	if (copy == NULL)
		return NULL;
	if (length > 0)
		memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

static char *
format(dbmig_call *call, const char *fmt, va_list args)
{
	va_list		again;
	char	   *text;
	int			length;

	va_copy(again, args);
	length = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (length < 0)
		return NULL;
	text = raw_alloc(call, (size_t) length + 1);
	if (text != NULL)
		vsnprintf(text, (size_t) length + 1, fmt, args);
	return text;
}

char *
dbmig_printf(dbmig_call *call, const char *fmt,...)
{
	va_list		args;
	char	   *text;

	va_start(args, fmt);
	text = format(call, fmt, args);
	va_end(args);
	return text;
}

/*
 * The error needs memory of its own; where that fails too, "out of memory" is
 * what is said.
 */
int
dbmig_fail(dbmig_call *call, dbmig_status status, const char *hint,
		   const char *fmt,...)
{
	va_list		args;
	char	   *message;

	if (call->status != DBMIG_OK)
		return -1;
	call->status = status;
	if (status == DBMIG_NO_MEMORY)
	{
		call->message = "out of memory";
		return -1;
	}
	call->message = "";
	va_start(args, fmt);
	message = format(call, fmt, args);
	va_end(args);
	if (message == NULL)
	{
		call->status = DBMIG_NO_MEMORY;
		call->message = "out of memory";
		return -1;
	}
	call->message = message;
	call->hint = hint;
	return -1;
}

/* Puts a place in front of the message there is. */
int
dbmig_fail_in(dbmig_call *call, const char *fmt,...)
{
	const char *message = call->message;
	dbmig_status status = call->status;
	va_list		args;
	char	   *place;

	if (status == DBMIG_NO_MEMORY || status == DBMIG_ENGINE)
		return -1;
	va_start(args, fmt);
	place = format(call, fmt, args);
	va_end(args);
	if (place != NULL)
	{
		message = dbmig_printf(call, "%s: %s", place, message);
		if (message != NULL)
			call->message = message;
	}
	return -1;
}

int
dbmig_append_bytes(dbmig_call *call, dbmig_buffer *buffer, const char *text,
				   size_t length)
{
	size_t		needed = buffer->length + length + 1;

	if (needed > buffer->capacity)
	{
		size_t		wanted = buffer->capacity * 2 > needed ? buffer->capacity * 2 : needed + 64;
		char	   *larger = enlarge(call, buffer->text, buffer->length,
									 buffer->capacity, wanted);

		if (larger == NULL)
			return -1;
		buffer->text = larger;
		buffer->capacity = wanted;
	}
	if (length > 0)
		memcpy(buffer->text + buffer->length, text, length);
	buffer->length += length;
	buffer->text[buffer->length] = '\0';
	return 0;
}

int
dbmig_append_text(dbmig_call *call, dbmig_buffer *buffer, const char *text)
{
	return dbmig_append_bytes(call, buffer, text, strlen(text));
}

int
dbmig_append_format(dbmig_call *call, dbmig_buffer *buffer,
					const char *fmt,...)
{
	va_list		args;
	char	   *text;

	va_start(args, fmt);
	text = format(call, fmt, args);
	va_end(args);
	if (text == NULL)
		return -1;
	return dbmig_append_text(call, buffer, text);
}

dbmig_value
dbmig_null(void)
{
	dbmig_value value = {DBMIG_NULL, 0, NULL, 0};

	return value;
}

dbmig_value
dbmig_int(int64_t integer)
{
	dbmig_value value = {DBMIG_INT, 0, NULL, 0};

	value.integer = integer;
	return value;
}

dbmig_value
dbmig_bool(bool integer)
{
	dbmig_value value = {DBMIG_BOOL, 0, NULL, 0};

	value.integer = integer;
	return value;
}

dbmig_value
dbmig_text(const char *text)
{
	dbmig_value value = {DBMIG_TEXT, 0, NULL, 0};

	if (text == NULL)
		return dbmig_null();
	value.text = text;
	value.length = strlen(text);
	return value;
}
