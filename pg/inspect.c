/*
 * inspect.c
 *		What a script holds, told without running it.
 *
 * The server's own parser says what the statements are (A6, N1).  What it
 * cannot say without the catalogs (a CALL that commits, REINDEX of a
 * partitioned table) passes here, and is refused by the server when it runs.
 *
 * Where a statement begins in a script that does not parse is found by a
 * scanner that knows quotes, comments, parentheses and BEGIN ATOMIC, as psql's.
 */
#include "postgres.h"

#include <ctype.h>

#include "commands/defrem.h"
#include "nodes/parsenodes.h"
#include "parser/scansup.h"
#include "utils/memutils.h"

#include "compat.h"
#include "dbmig_pg.h"

#define BOM "\xEF\xBB\xBF"

const char *
dbmig_pg_begin_text(const char *text)
{
	return strncmp(text, BOM, 3) == 0 ? text + 3 : text;
}

size_t
dbmig_pg_skip_blank(const char *text, size_t offset)
{
	const char *p = text + offset;

	for (;;)
	{
		if (scanner_isspace(*p))
			p++;
		else if (p[0] == '-' && p[1] == '-')
		{
			while (*p != '\0' && *p != '\n' && *p != '\r')
				p++;
		}
		else if (p[0] == '/' && p[1] == '*')
		{
			int			depth = 0;

			do
			{
				if (p[0] == '/' && p[1] == '*')
				{
					depth++;
					p += 2;
				}
				else if (p[0] == '*' && p[1] == '/')
				{
					depth--;
					p += 2;
				}
				else
					p++;
			} while (depth > 0 && *p != '\0');
		}
		else
			return p - text;
	}
}

static bool
is_word(char c)
{
	return isalnum((unsigned char) c) || c == '_' || IS_HIGHBIT_SET(c);
}

/* Behind the quoted thing that p is at: a string or a quoted identifier. */
const char *
dbmig_pg_skip_quoted(const char *p, bool backslash)
{
	char		quote = *p++;

	while (*p != '\0' && *p != quote)
	{
		if (backslash && *p == '\\' && p[1] != '\0')
			p++;
		p++;
	}
	return *p != '\0' ? p + 1 : p;
}

/* Behind the $tag$ string that p is at, or behind the $ where it is none. */
const char *
dbmig_pg_skip_dollar(const char *p)
{
	const char *tag = p;
	const char *end;
	size_t		length;

	for (p++; is_word(*p); p++)
	{
		if (p == tag + 1 && isdigit((unsigned char) *p))
			return p;
	}
	if (*p != '$')
		return p;
	length = p - tag + 1;
	for (end = p + 1; (end = strchr(end, '$')) != NULL; end++)
	{
		if (strncmp(end, tag, length) == 0)
			return end + length;
	}
	return p + strlen(p);
}

void
dbmig_pg_statement_at(const char *text, size_t offset, int *number,
					  size_t *start, size_t *end)
{
	const char *p;
	const char *word;
	bool		after_begin = false;
	int			parentheses = 0;
	int			body = 0;		/* depth in BEGIN ATOMIC ... END */

	*number = 1;
	*start = dbmig_pg_skip_blank(text, 0);
	p = text + *start;
	while (*p != '\0')
	{
		bool		found = (size_t) (p - text) >= offset;

		if (found && *p == ';')
			break;
		if (is_word(*p))
		{
			int			length;

			for (word = p; is_word(*p) || *p == '$'; p++)
				;
			length = p - word;
			if (length == 1 && *p == '\'' && (*word == 'e' || *word == 'E'))
				p = dbmig_pg_skip_quoted(p, true);
			else if (length == 6 && after_begin &&
					 pg_strncasecmp(word, "atomic", 6) == 0)
				body++;
			else if (length == 4 && body > 0 &&
					 pg_strncasecmp(word, "case", 4) == 0)
				body++;
			else if (length == 3 && body > 0 &&
					 pg_strncasecmp(word, "end", 3) == 0)
				body--;
			after_begin = length == 5 && pg_strncasecmp(word, "begin", 5) == 0;
		}
		else if (*p == '\'' || *p == '"')
			p = dbmig_pg_skip_quoted(p, false);
		else if (*p == '$')
			p = dbmig_pg_skip_dollar(p);
		else if (*p == ';' && parentheses <= 0 && body == 0)
		{
			bool		empty = (size_t) (p - text) == *start;

			*start = dbmig_pg_skip_blank(text, p - text + 1);
			p = text + *start;
			if (!empty && *p != '\0')
				(*number)++;
			parentheses = 0;
		}
		else
		{
			size_t		next = dbmig_pg_skip_blank(text, p - text);

			if (*p == '(')
				parentheses++;
			else if (*p == ')')
				parentheses--;
			p = next > (size_t) (p - text) ? text + next : p + 1;
		}
	}
	*end = p - text;
}

bool
dbmig_pg_skipped(Node *statement)
{
	if (!IsA(statement, TransactionStmt))
		return false;
	switch (((TransactionStmt *) statement)->kind)
	{
		case TRANS_STMT_BEGIN:
		case TRANS_STMT_START:
		case TRANS_STMT_COMMIT:
			return true;
		default:
			return false;
	}
}

const char *
dbmig_pg_refused(Node *statement)
{
	if (IsA(statement, TransactionStmt) && !dbmig_pg_skipped(statement))
		return CreateCommandName(statement);
	if (IsA(statement, CopyStmt) && ((CopyStmt *) statement)->filename == NULL)
		return ((CopyStmt *) statement)->is_from ?
			"COPY FROM STDIN" : "COPY TO STDOUT";
	return NULL;
}

static DefElem *
find_option(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, name) == 0)
			return option;
	}
	return NULL;
}

/* Errors are left to the statement itself. */
static bool
option_is(List *options, const char *name, bool otherwise)
{
	DefElem    *option = find_option(options, name);
	char	   *value;

	if (option == NULL)
		return otherwise;
	if (option->arg == NULL)
		return true;
	value = defGetString(option);
	return pg_strcasecmp(value, "true") == 0 ||
		pg_strcasecmp(value, "on") == 0 || strcmp(value, "1") == 0;
}

/* A subscription whose slot the script has given up can go in a transaction. */
static bool
slot_given_up(List *statements, const char *subscription)
{
	ListCell   *cell;

	foreach(cell, statements)
	{
		AlterSubscriptionStmt *alter;
		DefElem    *slot;

		alter = (AlterSubscriptionStmt *) lfirst_node(RawStmt, cell)->stmt;
		if (!IsA(alter, AlterSubscriptionStmt) ||
			strcmp(alter->subname, subscription) != 0)
			continue;
		slot = find_option(alter->options, "slot_name");
		if (slot != NULL && slot->arg != NULL &&
			strcmp(defGetString(slot), "none") == 0)
			return true;
	}
	return false;
}

static bool
detaches_concurrently(List *commands)
{
	ListCell   *cell;

	foreach(cell, commands)
	{
		AlterTableCmd *command = (AlterTableCmd *) lfirst(cell);

		if (IsA(command, AlterTableCmd) &&
			command->subtype == AT_DetachPartition &&
			compat_detach_concurrent((PartitionCmd *) command->def))
			return true;
	}
	return false;
}

static bool
alters_subscription_alone(Node *statement)
{
	AlterSubscriptionStmt *alter = (AlterSubscriptionStmt *) statement;

	if (compat_alters_publication(alter->kind))
		return option_is(alter->options, "refresh", true);
	if (alter->kind == ALTER_SUBSCRIPTION_OPTIONS)
		return find_option(alter->options, "failover") != NULL ||
			find_option(alter->options, "two_phase") != NULL;
	return alter->kind == ALTER_SUBSCRIPTION_REFRESH;
}

bool
dbmig_pg_needs_no_transaction(Node *statement, List *statements)
{
	switch (nodeTag(statement))
	{
		case T_IndexStmt:
			return ((IndexStmt *) statement)->concurrent;
		case T_DropStmt:
			return ((DropStmt *) statement)->concurrent;
		case T_ReindexStmt:
			{
				ReindexStmt *reindex = (ReindexStmt *) statement;

				return reindex->kind == REINDEX_OBJECT_SCHEMA ||
					reindex->kind == REINDEX_OBJECT_SYSTEM ||
					reindex->kind == REINDEX_OBJECT_DATABASE ||
					compat_reindex_concurrent(reindex) ||
					option_is(compat_reindex_options(reindex),
							  "concurrently", false);
			}
		case T_VacuumStmt:
			return ((VacuumStmt *) statement)->is_vacuumcmd;
		case T_ClusterStmt:
			return ((ClusterStmt *) statement)->relation == NULL;
		case T_CreatedbStmt:
		case T_DropdbStmt:
		case T_AlterSystemStmt:
		case T_CreateTableSpaceStmt:
		case T_DropTableSpaceStmt:
			return true;
		case T_AlterDatabaseStmt:
			return find_option(((AlterDatabaseStmt *) statement)->options,
							   "tablespace") != NULL;
		case T_AlterTableStmt:
			return detaches_concurrently(((AlterTableStmt *) statement)->cmds);
		case T_CreateSubscriptionStmt:
			{
				List	   *options = ((CreateSubscriptionStmt *) statement)->options;

				return option_is(options, "create_slot",
								 option_is(options, "connect", true));
			}
		case T_AlterSubscriptionStmt:
			return alters_subscription_alone(statement);
		case T_DropSubscriptionStmt:
			return !slot_given_up(statements,
								  ((DropSubscriptionStmt *) statement)->subname);
		case T_DiscardStmt:
			return ((DiscardStmt *) statement)->target == DISCARD_ALL;
		default:
			return false;
	}
}

/*
 * The statements, or NIL where the text is none that the parser takes: the
 * error is told when it runs, with its place.
 */
static List *
parse(const char *text)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *volatile statements = NIL;

	PG_TRY();
	{
		statements = pg_parse_query(text);
	}
	PG_CATCH();
	{
		int			code = geterrcode();

		if (ERRCODE_TO_CATEGORY(code) != ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION &&
			ERRCODE_TO_CATEGORY(code) != ERRCODE_DATA_EXCEPTION &&
			ERRCODE_TO_CATEGORY(code) != ERRCODE_FEATURE_NOT_SUPPORTED)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	return statements;
}

int
dbmig_pg_inspect(dbmig_call *call, const char *text, size_t length,
				 dbmig_inspection *result)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "dbmig inspect",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	List	   *statements;
	ListCell   *cell;
	int			failed = 0;

	(void) length;
	result->transactional = true;
	result->refusal = NULL;
	text = dbmig_pg_begin_text(text);
	statements = parse(text);
	foreach(cell, statements)
	{
		RawStmt    *raw = lfirst_node(RawStmt, cell);
		const char *refused = dbmig_pg_refused(raw->stmt);
		int			line;
		int			column;

		if (dbmig_pg_needs_no_transaction(raw->stmt, statements) ||
			dbmig_pg_commits(raw->stmt) ||
			dbmig_pg_uses_new_label(text, statements, cell))
			result->transactional = false;
		if (refused == NULL || result->refusal != NULL)
			continue;
		dbmig_position(text,
					   dbmig_pg_skip_blank(text, Max(raw->stmt_location, 0)),
					   &line, &column);
		result->refusal = dbmig_printf(call, "%s in line %d", refused, line);
		if (result->refusal == NULL)
			failed = -1;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return failed;
}
