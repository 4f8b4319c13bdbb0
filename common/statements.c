/*
 * statements.c
 *		The text of the core's own statements.
 */
#include "dbmig_core.h"

const dbmig_statement dbmig_statements[DBMIG_SQL_COUNT] = {
#define DBMIG_SQL(id, params, text) {params, text},
#include "statements.h"
#undef DBMIG_SQL
};
