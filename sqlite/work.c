/*
 * work.c
 *		One SQL call: its beginning, its queries, its error, its end.
 *
 * The end is safe whatever happened before: a transaction that is still open
 * is undone, and every statement finalized.
 */
#include "dbmig_sqlite.h"

#include <string.h>

SQLITE_EXTENSION_INIT3

void
dbmig_work_begin(dbmig_work *work, dbmig_call *call,
				 const dbmig_binding *binding)
{
	dbmig_connection *connection = binding->connection;

	memset(work, 0, sizeof(*work));
	dbmig_call_begin(call, &dbmig_sqlite_host, work);
	work->call = call;
	work->connection = connection;
	work->db = connection->db;
	work->function = binding->function->name;
	work->writes = (binding->function->flags & DBMIG_WRITES) != 0;
	work->call->settings = connection->choices.settings;
	work->rowid = sqlite3_last_insert_rowid(work->db);
	work->was_reading = sqlite3_txn_state(work->db, "main") == SQLITE_TXN_READ;
	connection->references++;
	if (binding->function->flags & DBMIG_PURE)
		return;
	dbmig_transaction_clean(connection);
	if (connection->running != NULL)	/* called by a migration */
		dbmig_queue_flush(connection->running);
}

/* Finalize the core's statements; they are compiled again when needed. */
void
dbmig_work_forget(dbmig_work *work)
{
	int			i;

	if (!work->prepared)
		return;
	for (i = 0; i < DBMIG_SQL_COUNT; i++)
	{
		sqlite3_finalize(work->statements[i]);
		work->statements[i] = NULL;
	}
	work->prepared = false;
}

/* What is not committed is undone; nothing of ours stays on the connection. */
void
dbmig_work_finish(dbmig_work *work)
{
	work->inner = 0;
	dbmig_transaction_abort(work->call);
	dbmig_transaction_release(work->call);
	dbmig_work_forget(work);
	sqlite3_finalize(work->savepoint);
	sqlite3_finalize(work->release);
	sqlite3_finalize(work->guard);
	sqlite3_finalize(work->holder);
	sqlite3_finalize(work->pin);
}

/* What the error needs stays until dbmig_call_end(). */
void
dbmig_work_end(dbmig_work *work)
{
	dbmig_connection *connection = work->connection;

	dbmig_tenant_close(work->call);
	dbmig_work_finish(work);
	sqlite3_free(work->room);
	sqlite3_set_last_insert_rowid(work->db, work->rowid);
	dbmig_connection_release(connection);
}

/* SQLite's code for a status. */
static int
status_code(const dbmig_work *work)
{
	switch (work->call->status)
	{
		case DBMIG_OK:
		case DBMIG_NULL_VALUE:
		case DBMIG_BAD_VALUE:
		case DBMIG_UNKNOWN:
		case DBMIG_NOT_READY:
		case DBMIG_BAD_CALLER:
		case DBMIG_NOT_SUPPORTED:
			return SQLITE_ERROR;
		case DBMIG_DUPLICATE:
		case DBMIG_CYCLE:
		case DBMIG_CHANGED:
		case DBMIG_NEEDED:
			return SQLITE_CONSTRAINT;
		case DBMIG_NO_MEMORY:
			return SQLITE_NOMEM;
		case DBMIG_LOCKED:
		case DBMIG_SERIALIZE:
			return SQLITE_BUSY;
		case DBMIG_READ_ONLY:
			return SQLITE_READONLY;
		case DBMIG_NO_RIGHT:
			return SQLITE_PERM;
		case DBMIG_NO_FILE:
			return SQLITE_CANTOPEN;
		case DBMIG_IO:

			/* not IOERR: SQLite would end the caller's transaction for it */
			return SQLITE_CANTOPEN;
		case DBMIG_DAMAGED:
			return SQLITE_CORRUPT;
		case DBMIG_ENGINE:
			break;
	}

	/*
	 * SQLITE_SCHEMA would run the calling statement again, fifty times;
	 * SQLITE_MISUSE is taken for a fault of the program by some.
	 */
	switch (work->code & 0xFF)
	{
		case SQLITE_OK:
		case SQLITE_SCHEMA:
		case SQLITE_MISUSE:
		case SQLITE_ROW:
		case SQLITE_DONE:
			return SQLITE_ERROR;
		default:
			return work->code & 0xFF;
	}
}

/* What failed, for the history, where nothing closer has said it. */
void
dbmig_work_note(dbmig_work *work)
{
	dbmig_failure *failure = &work->call->failure;

	if (work->call->status == DBMIG_OK || failure->code != NULL)
		return;
	failure->code = dbmig_printf(work->call, "%d",
								 work->call->status == DBMIG_ENGINE ?
								 work->code : status_code(work));
}

/* What became of the transaction, where that is not plain; or NULL. */
static const char *
transaction_text(const dbmig_work *work)
{
	if (work->damaged)
		return "still open, and could not be undone: end it with ROLLBACK";
	if (work->unsure || work->nested)
		return NULL;
	if (work->joined && sqlite3_get_autocommit(work->db))
		return "rolled back, with what was in it before the call";
	if (work->undone == DBMIG_TRANSACTION_NONE || work->version == NULL ||
		work->call->status != DBMIG_ENGINE)
		return NULL;
	if (work->undone_alone)
		return "rolled back; what ran before this statement is kept";
	return work->undone == DBMIG_TRANSACTION_OWN ? "rolled back" :
		"open, and as it was before the call";
}

/*
 * The error as SQLite shows it, after dbmig_work_end(); the caller frees it
 * with sqlite3_free().  NULL without memory.
 */
char *
dbmig_work_error(dbmig_work *work, int *code)
{
	const char *message = work->call->message;
	const char *hint = work->call->hint;
	const char *transaction = transaction_text(work);

	*code = status_code(work);
	if (message == NULL)
		message = "out of memory";
	return sqlite3_mprintf("%s%s%s%s%s", message,
						   transaction != NULL ? "\nTRANSACTION:  " : "",
						   transaction != NULL ? transaction : "",
						   hint != NULL ? "\nHINT:  " : "",
						   hint != NULL ? hint : "");
}

int
dbmig_work_fail(dbmig_work *work, int rc, const char *doing)
{
	const char *text = sqlite3_errmsg(work->db);
	const char *colon = doing != NULL ? ": " : "";

	if (doing == NULL)
		doing = "";
	if ((rc & 0xFF) == SQLITE_INTERRUPT)
		work->call->failure.interrupted = true;
	switch (rc & 0xFF)
	{
		case SQLITE_NOMEM:
			return dbmig_fail(work->call, DBMIG_NO_MEMORY, NULL,
							  "out of memory");
		case SQLITE_READONLY:
			return dbmig_fail(work->call, DBMIG_READ_ONLY, NULL, "%s%s%s",
							  doing, colon, text);
		case SQLITE_BUSY:
			if (rc == SQLITE_BUSY_SNAPSHOT)
				return dbmig_fail(work->call, DBMIG_SERIALIZE,
								  "End this transaction, and begin again with BEGIN IMMEDIATE.",
								  "this transaction began before another connection's last commit");
			return dbmig_fail(work->call, DBMIG_LOCKED, NULL, "%s%s%s", doing,
							  colon, text);
		default:
			work->code = rc;
			return dbmig_fail(work->call, DBMIG_ENGINE, NULL,
							  "%s%s%s (code %d)", doing, colon, text, rc);
	}
}

/* As sqlite3_exec(), but for the code. */
int
dbmig_work_exec(dbmig_work *work, const char *sql)
{
	int			rc = sqlite3_exec(work->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? rc : sqlite3_extended_errcode(work->db);
}

/*
 * One SQL argument.  A BLOB is taken as text, so that readfile() can be
 * handed over.
 */
int
dbmig_work_argument(dbmig_work *work, int number, sqlite3_value *value,
					dbmig_value *result)
{
	int			type = sqlite3_value_type(value);
	const char *text;

	*result = dbmig_null();
	switch (type)
	{
		case SQLITE_NULL:
			return 0;
		case SQLITE_INTEGER:
			*result = dbmig_int(sqlite3_value_int64(value));
			return 0;
		default:
			text = (const char *) sqlite3_value_text(value);
			result->length = (size_t) sqlite3_value_bytes(value);
			if (text == NULL)
				return dbmig_work_fail(work, SQLITE_NOMEM, NULL);
			break;
	}
	result->type = type == SQLITE_FLOAT ? DBMIG_REAL : DBMIG_TEXT;
	result->text = text;
	if (memchr(text, '\0', result->length) != NULL)
		return dbmig_fail(work->call, DBMIG_BAD_VALUE, NULL,
						  "argument %d of %s has a NUL byte in it", number,
						  work->function);
	if (!dbmig_utf8_valid(text, result->length))
		return dbmig_fail(work->call, DBMIG_BAD_VALUE, NULL,
						  "argument %d of %s is not UTF-8", number,
						  work->function);
	return 0;
}

/*
 * A reader's several queries see one state: this statement, which has begun
 * and is not ended, holds it.
 */
int
dbmig_work_pin(dbmig_work *work)
{
	static const char sql[] = "SELECT 1 UNION ALL SELECT 1 FROM main.sqlite_schema";
	dbmig_wait	wait = {0, 0, 0, false};
	int			rc = SQLITE_OK;

	if (!sqlite3_get_autocommit(work->db) ||
		(work->pin != NULL && sqlite3_stmt_busy(work->pin)))
		return 0;
	do
	{
		if (rc != SQLITE_OK)
		{
			sqlite3_finalize(work->pin);
			work->pin = NULL;
		}
		rc = SQLITE_OK;
		if (work->pin == NULL)
			rc = sqlite3_prepare_v2(work->db, sql, -1, &work->pin, NULL);
		if (rc == SQLITE_OK && sqlite3_step(work->pin) == SQLITE_ROW)
			return 0;
		rc = sqlite3_extended_errcode(work->db);
	} while (dbmig_wait_more(work, &wait, rc));
	return dbmig_work_fail(work, rc, "could not read the database");
}

void
dbmig_work_unpin(dbmig_work *work)
{
	sqlite3_reset(work->pin);
}

/* The core's text with the schema's name in it, prepared; 0, -1 or a code. */
static int
prepare(dbmig_work *work, dbmig_sql id)
{
	const char *p = dbmig_statements[id].text;
	dbmig_buffer sql = {NULL, 0, 0};
	const char *at;
	int			rc;

	while ((at = strpbrk(p, "@#")) != NULL && at[1] == '.')
	{
		if (dbmig_append_bytes(work->call, &sql, p, (size_t) (at - p)) != 0 ||
			dbmig_append_text(work->call, &sql, "main.") != 0)
			return -1;
		p = at + 2;
	}
	if (dbmig_append_text(work->call, &sql, p) != 0)
		return -1;
	work->prepared = true;
	rc = sqlite3_prepare_v2(work->db, sql.text, -1, &work->statements[id],
							NULL);
	return rc == SQLITE_OK ? rc : sqlite3_extended_errcode(work->db);
}

static int
bind(sqlite3_stmt *stmt, const char *types, const dbmig_value *params)
{
	int			i;

	for (i = 0; types[i] != '\0'; i++)
	{
		const dbmig_value *value = &params[i];
		int			rc = SQLITE_OK;

		switch (value->type)
		{
			case DBMIG_NULL:
				rc = sqlite3_bind_null(stmt, i + 1);
				break;
			case DBMIG_INT:
			case DBMIG_BOOL:
				rc = sqlite3_bind_int64(stmt, i + 1, value->integer);
				break;
			case DBMIG_TEXT:
			case DBMIG_REAL:
				rc = sqlite3_bind_text64(stmt, i + 1, value->text,
										 value->length, SQLITE_STATIC,
										 SQLITE_UTF8);
				break;
		}
		if (rc != SQLITE_OK)
			return rc;
	}
	return SQLITE_OK;
}

#define MAX_COLUMNS 24

/* The row's values, which live until the next step; 0 or -1. */
static int
read_row(dbmig_work *work, sqlite3_stmt *stmt, int columns,
		 dbmig_value *values)
{
	int			i;

	for (i = 0; i < columns; i++)
	{
		values[i] = dbmig_null();
		switch (sqlite3_column_type(stmt, i))
		{
			case SQLITE_NULL:
				break;
			case SQLITE_INTEGER:
				values[i] = dbmig_int(sqlite3_column_int64(stmt, i));
				break;
			default:
				values[i].type = DBMIG_TEXT;
				values[i].text = (const char *) sqlite3_column_text(stmt, i);
				values[i].length = (size_t) sqlite3_column_bytes(stmt, i);
				if (values[i].text == NULL)
					return dbmig_work_fail(work, SQLITE_NOMEM, NULL);
				break;
		}
	}
	return 0;
}

/*
 * Prepare, bind, and step to the first row.  Where the whole database is
 * locked for the moment that another connection needs to commit, wait.
 */
static int
start(dbmig_work *work, dbmig_sql id, const dbmig_value *params)
{
	dbmig_wait	wait = {0, 0, 0, false};
	int			rc;

	do
	{
		rc = SQLITE_OK;
		if (work->statements[id] == NULL)
			rc = prepare(work, id);
		if (rc == SQLITE_OK)
			rc = bind(work->statements[id], dbmig_statements[id].params, params);
		if (rc == SQLITE_OK)
			rc = sqlite3_step(work->statements[id]);
		if (rc == SQLITE_ROW || rc == SQLITE_DONE || rc == -1)
			return rc;
		rc = sqlite3_extended_errcode(work->db);
		sqlite3_reset(work->statements[id]);
	} while (work->transaction == DBMIG_TRANSACTION_NONE &&
			 dbmig_wait_more(work, &wait, rc));
	dbmig_work_fail(work, rc, "could not query dbmig's tables");
	return -1;
}

int
dbmig_query_now(dbmig_work *work, dbmig_sql id, const dbmig_value *params,
				dbmig_row_fn row, void *arg)
{
	dbmig_value values[MAX_COLUMNS];
	sqlite3_stmt *stmt;
	int			result = 0;
	int			rc = start(work, id, params);

	if (rc == -1)
		return -1;
	stmt = work->statements[id];
	while (rc == SQLITE_ROW && result == 0)
	{
		if (row != NULL)
			result = read_row(work, stmt, sqlite3_column_count(stmt), values);
		if (row != NULL && result == 0)
			result = row(work->call, arg, values);
		if (result == 0)
			rc = sqlite3_step(stmt);
	}
	if (result == 0 && rc != SQLITE_DONE)
		result = dbmig_work_fail(work, sqlite3_extended_errcode(work->db),
								 "could not query dbmig's tables");
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return result;
}

/*
 * What the registry is read from before many tenants are worked on, outside of
 * any transaction: one state, and what comes after it is noticed.
 */
static int
begin_to_read(dbmig_work *work)
{
	dbmig_work_unpin(work);
	return dbmig_work_pin(work) == 0 ? dbmig_transaction_look(work) : -1;
}

int
dbmig_query_own(dbmig_work *work, dbmig_sql id, const dbmig_value *params,
				dbmig_row_fn row, void *arg)
{
	int			waits = 0;

	if (row == NULL)
		waits = dbmig_queue_add(work, id, params);
	else if (id != DBMIG_STEPS_UP && id != DBMIG_STEPS_DOWN)	/* of the registry */
		waits = dbmig_queue_flush(work);
	if (waits != 0)
		return waits < 0 ? -1 : 0;
	if ((work->writes ? dbmig_transaction_reserve(work) : dbmig_work_pin(work)) != 0)
		return -1;
	if (id == DBMIG_PACKAGES && work->writes && sqlite3_get_autocommit(work->db) &&
		begin_to_read(work) != 0)
		return -1;
	return dbmig_query_now(work, id, params, row, arg);
}

int
dbmig_sqlite_query(dbmig_call *call, dbmig_sql id, const dbmig_value *params,
				   dbmig_row_fn row, void *arg)
{
	dbmig_work *work = call->data;

	return (work->home != NULL ? dbmig_tenant_query : dbmig_query_own)
		(work, id, params, row, arg);
}
