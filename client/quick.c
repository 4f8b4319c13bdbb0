/*
 * quick.c
 *		Idle connections that are had and given back without the pool's lock.
 *
 * A slot is one word: an idle connection or none, and a mark that the thread
 * which has put one there is still about.  That thread marks the slot and fills
 * it in one step, looks whether somebody wants attention, and then takes the
 * mark away; until then nobody else fills the slot, and the pool is not freed.
 * Whoever wants attention (db->attention: a thread that waits, the reaper that
 * sleeps for ever, dbmig_close()) says so first and looks at the slots then.  So
 * one of the two sees the other.
 *
 * What is in a slot belongs to nobody; only by taking it out can it be looked
 * at.
 */
#include "client.h"

#include <sched.h>

#define MARK ((uintptr_t) 1)

#define LOAD(p) __atomic_load_n((p), __ATOMIC_SEQ_CST)

/* Threads begin at different slots: each has a stack of its own. */
static unsigned
first_slot(const dbmig *db)
{
	char		here;
	uint32_t	hash = (uint32_t) ((uintptr_t) & here >> 16) * UINT32_C(2654435761);

	return (hash >> 16) * (unsigned) db->slots >> 16;
}

dbmig_conn *
dbmig_quick_take(dbmig *db)
{
	unsigned	at;
	int			i;

	if (db->slots == 0)
		return NULL;
	at = first_slot(db);
	for (i = 0; i < db->slots; i++)
	{
		uintptr_t  *word = &db->slot[at].word;
		uintptr_t	seen = LOAD(word);

		while ((seen & ~MARK) != 0)
			if (__atomic_compare_exchange_n(word, &seen, seen & MARK, false,
											__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
				return (dbmig_conn *) (seen & ~MARK);
		if (++at == (unsigned) db->slots)
			at = 0;
	}
	return NULL;
}

/*
 * The slot that has it now, marked: dbmig_quick_leave() is to follow.  NULL
 * where all are full.
 */
uintptr_t *
dbmig_quick_put(dbmig *db, dbmig_conn *conn)
{
	unsigned	at;
	int			i;

	if (db->slots == 0)
		return NULL;
	at = first_slot(db);
	for (i = 0; i < db->slots; i++)
	{
		uintptr_t  *word = &db->slot[at].word;
		uintptr_t	empty = 0;

		if (__atomic_load_n(word, __ATOMIC_RELAXED) == 0 &&
			__atomic_compare_exchange_n(word, &empty, (uintptr_t) conn | MARK, false,
										__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return word;
		if (++at == (unsigned) db->slots)
			at = 0;
	}
	return NULL;
}

/* After this the caller has nothing to do with the pool any more. */
void
dbmig_quick_leave(uintptr_t * word)
{
	__atomic_and_fetch(word, ~MARK, __ATOMIC_SEQ_CST);
}

int
dbmig_quick_count(const dbmig *db)
{
	int			count = 0;
	int			i;

	for (i = 0; i < db->slots; i++)
		count += (LOAD(&db->slot[i].word) & ~MARK) != 0;
	return count;
}

/* Nothing is in the slots any more: waits for who is still about. */
void
dbmig_quick_end(dbmig *db)
{
	int			i;

	for (i = 0; i < db->slots; i++)
		while (LOAD(&db->slot[i].word) != 0)
			sched_yield();
}
