/*
 * queue.c
 *		The records of applied migrations, written some at a time.
 *
 * A statement that is compiled already is compiled anew after each change of
 * the schema, which is what migrations do; for a small migration that costs
 * more than the record itself.  So while migrations run, statements of the
 * core that give no rows wait here and are run together, in their order and in
 * the same transaction: before commit, before anything that could look at
 * them, and at the latest LONGEST seconds after the first, so that their times
 * are right but for that.  What could look: another query of the core, a dbmig function in
 * a migration, a script that names dbmig, a view or trigger that does, a
 * function step.
 */
#include "dbmig_sqlite.h"

#include <string.h>

SQLITE_EXTENSION_INIT3

#define MOST 256				/* statements */
#define MOST_PARAMS 8
#define MOST_TEXT 65536			/* bytes of values */
#define LONGEST 3.0

typedef struct dbmig_queued
{
	dbmig_sql	id;
	dbmig_value params[MOST_PARAMS];
	size_t		places[MOST_PARAMS];	/* of texts in the buffer */
} dbmig_queued;

/* Does the text name dbmig, in whatever case? */
bool
dbmig_queue_named(const char *text)
{
	const char *p;

	for (p = text; *p != '\0'; p++)
		if ((*p == 'd' || *p == 'D') && sqlite3_strnicmp(p, "dbmig", 5) == 0)
			return true;
	return false;
}

/* Views and triggers that name dbmig: then nothing waits.  0 or -1. */
static int
look_at_schema(dbmig_work *work)
{
	static const char sql[] =
	"SELECT 1 FROM (SELECT type, sql FROM main.sqlite_schema UNION ALL"
	" SELECT type, sql FROM temp.sqlite_schema)"
	" WHERE type IN ('view', 'trigger') AND instr(lower(sql), 'dbmig')";
	sqlite3_stmt *stmt = NULL;
	int			rc;

	rc = sqlite3_prepare_v2(work->db, sql, -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		work->queue.off = true;
	else if (rc != SQLITE_DONE)
		dbmig_work_fail(work, sqlite3_extended_errcode(work->db),
						"could not read the schema");
	sqlite3_finalize(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
}

/* 1: waits here; 0: to be run now; -1 */
int
dbmig_queue_add(dbmig_work *work, dbmig_sql id, const dbmig_value *params)
{
	dbmig_queue *queue = &work->queue;
	const char *types = dbmig_statements[id].params;
	dbmig_queued *entry;
	size_t		count = strlen(types);
	size_t		i;

	if (queue->off || !work->steps || count > MOST_PARAMS)
		return 0;
	if (queue->entries == NULL)
	{
		if (look_at_schema(work) != 0)
			return -1;
		if (queue->off)
			return 0;
		queue->entries = dbmig_alloc(work->call, MOST * sizeof(dbmig_queued));
		if (queue->entries == NULL)
			return -1;
	}
	if (queue->count == 0)
		queue->since = dbmig_seconds_now();
	entry = &queue->entries[queue->count];
	entry->id = id;
	for (i = 0; i < count; i++)
	{
		entry->params[i] = params[i];
		entry->places[i] = queue->texts.length;
		if (params[i].type == DBMIG_TEXT &&
			dbmig_append_bytes(work->call, &queue->texts, params[i].text,
							   params[i].length) != 0)
			return -1;
	}
	queue->count++;
	if ((queue->count == MOST || queue->texts.length > MOST_TEXT ||
		 dbmig_seconds_now() - queue->since >= LONGEST) &&
		dbmig_queue_flush(work) != 0)
		return -1;
	return 1;
}

/* The transaction is over, and what waits with it. */
void
dbmig_queue_clear(dbmig_work *work)
{
	work->queue.count = 0;
	work->queue.texts.length = 0;
	work->queue.failed = false;
}

/* Run what waits; 0 or -1. */
int
dbmig_queue_flush(dbmig_work *work)
{
	dbmig_queue *queue = &work->queue;
	size_t		count = queue->count;
	size_t		i;

	queue->count = 0;
	for (i = 0; i < count && !queue->failed; i++)
	{
		dbmig_queued *entry = &queue->entries[i];
		size_t		j;

		for (j = 0; j < strlen(dbmig_statements[entry->id].params); j++)
			if (entry->params[j].type == DBMIG_TEXT)
				entry->params[j].text = queue->texts.text + entry->places[j];
		if (dbmig_query_now(work, entry->id, entry->params, NULL, NULL) != 0)
			queue->failed = true;
	}
	queue->texts.length = 0;
	return queue->failed ? -1 : 0;
}
