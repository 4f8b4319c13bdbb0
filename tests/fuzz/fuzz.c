/*
 * fuzz.c
 *		The host of the fuzz targets, and their entry point.
 *
 * It lends memory, counts what is out, and lets one allocation fail in the
 * second run of each input.  Each piece is a block of its own
 * (-DDBMIG_BLOCK_SIZE=8), so that AddressSanitizer sees its ends.
 */
#include "fuzz.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int	blocks;				/* that are out */
static int	count;				/* allocations so far */
static int	fail_at;			/* the one that fails, from 1; 0: none */
static const char *engine = "sqlite";

static void *
lend(dbmig_call *call, size_t size)
{
	(void) call;
	if (++count == fail_at)
		return NULL;
	blocks++;
	return malloc(size);
}

static void
take_back(dbmig_call *call, void *p)
{
	(void) call;
	blocks--;
	free(p);
}

const char *
fuzz_engine(void)
{
	return engine;
}

bool
fuzz_starved(const dbmig_call *call)
{
	return call->status == DBMIG_NO_MEMORY;
}

static void
run(const char *text, size_t length)
{
	dbmig_host	host;
	dbmig_call	call;

	memset(&host, 0, sizeof(host));
	host.engine = engine;
	host.alloc = lend;
	host.free = take_back;
	count = 0;
	dbmig_call_begin(&call, &host, NULL);
	fuzz_one(&call, text, length);
	CHECK(fail_at != 0 || !fuzz_starved(&call));
	CHECK(call.status == DBMIG_OK || call.message != NULL);
	dbmig_call_end(&call);
	CHECK(blocks == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = malloc(size + 1);
	unsigned	hash = 2166136261u;
	size_t		i;

	CHECK(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	for (i = 0; i < size; i++)
		hash = (hash ^ data[i]) * 16777619u;
	engine = hash & 1 ? "sqlite" : "postgres";
	fail_at = 0;
	run(text, size);
	if (count > 0)
	{
		fail_at = 1 + (int) (hash % (unsigned) count);
		run(text, size);
	}
	free(text);
	return 0;
}
