/*
 * fuzz.h
 *		What each target in this folder has: one function, called with the
 *		input as a NUL-terminated text, and CHECK for what has to hold.
 *
 * A target is a line in "targets", a function fuzz_one() in a file, and texts
 * to begin with in seeds/NAME, one behind the other with lines "====" between
 * them.  tests/run-fuzz builds and runs it; a crash, a leak, a time-out or a
 * CHECK that does not hold is a failure.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbmig_core.h"
#include "internal.h"

#define CHECK(holds) \
	do { \
		if (!(holds)) \
		{ \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #holds); \
			abort(); \
		} \
	} while (0)

/*
 * Called with a call whose host lends memory and nothing else, and a second
 * time where one of those allocations fails: then whatever fails may return at
 * once.  fuzz_engine() is the host's engine.
 */
extern void fuzz_one(dbmig_call *call, const char *text, size_t length);
extern const char *fuzz_engine(void);

/* Whether the call may have failed for want of memory. */
extern bool fuzz_starved(const dbmig_call *call);

#endif							/* FUZZ_H */
