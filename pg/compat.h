/*
 * compat.h
 *		What differs between PostgreSQL 13 and 18, and nothing else.
 *
 * Each macro has the form of the newest server; no other file looks at
 * PG_VERSION_NUM.
 */
#ifndef DBMIG_COMPAT_H
#define DBMIG_COMPAT_H

#include "postgres.h"

#include "catalog/pg_authid.h"
#include "executor/executor.h"
#include "nodes/parsenodes.h"
#include "pgstat.h"
#include "storage/lock.h"
#include "storage/procarray.h"
#include "storage/sinvaladt.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/regproc.h"
#if PG_VERSION_NUM >= 140000
#include "utils/backend_status.h"
#include "utils/wait_event.h"
#endif
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#if PG_VERSION_NUM < 130000
#error "dbmig needs PostgreSQL 13 or newer"
#endif

#if PG_VERSION_NUM >= 150000
#define compat_analyze(raw, text) \
	pg_analyze_and_rewrite_fixedparams(raw, text, NULL, 0, NULL)
#define compat_reserve_prefix(prefix) MarkGUCPrefixReserved(prefix)
#else
#define compat_analyze(raw, text) \
	pg_analyze_and_rewrite(raw, text, NULL, 0, NULL)
#define compat_reserve_prefix(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

#if PG_VERSION_NUM >= 140000
#define compat_utility(statement, text, context) \
	ProcessUtility(statement, text, false, context, NULL, NULL, \
				   None_Receiver, NULL)
#define COMPAT_HASH_STRINGS HASH_STRINGS
#define COMPAT_READ_SERVER_FILES ROLE_PG_READ_SERVER_FILES
#define COMPAT_READ_ALL_STATS ROLE_PG_READ_ALL_STATS
#else
#define compat_utility(statement, text, context) \
	ProcessUtility(statement, text, context, NULL, NULL, None_Receiver, NULL)
#define COMPAT_HASH_STRINGS 0
#define COMPAT_READ_SERVER_FILES DEFAULT_ROLE_READ_SERVER_FILES
#define COMPAT_READ_ALL_STATS DEFAULT_ROLE_READ_ALL_STATS
#endif

/* of a B-tree, which asks for nothing that is in an IndexInfo */
#if PG_VERSION_NUM >= 140000
#define compat_index_insert(index, values, nulls, at, table, check) \
	index_insert(index, values, nulls, at, table, check, false, NULL)
#else
#define compat_index_insert(index, values, nulls, at, table, check) \
	index_insert(index, values, nulls, at, table, check, NULL)
#endif

#if PG_VERSION_NUM >= 150000
#define compat_heap_fetch(table, snapshot, tuple, buffer) \
	heap_fetch(table, snapshot, tuple, buffer, false)
#else
#define compat_heap_fetch(table, snapshot, tuple, buffer) \
	heap_fetch(table, snapshot, tuple, buffer)
#endif

/* as simple_heap_update() does it, but that it says what came of it */
#if PG_VERSION_NUM >= 160000
#define compat_heap_update(table, at, tuple, command, wait, failure, mode) \
	heap_update(table, at, tuple, command, InvalidSnapshot, wait, failure, \
				mode, &(TU_UpdateIndexes) {TU_None})
#else
#define compat_heap_update(table, at, tuple, command, wait, failure, mode) \
	heap_update(table, at, tuple, command, InvalidSnapshot, wait, failure, \
				mode)
#endif

#if PG_VERSION_NUM >= 180000
#define compat_executor_run(query) \
	ExecutorRun(query, ForwardScanDirection, 0)
#else
#define compat_executor_run(query) \
	ExecutorRun(query, ForwardScanDirection, 0, true)
#endif

#if PG_VERSION_NUM >= 180000
#define compat_portal_run(portal) \
	PortalRun(portal, FETCH_ALL, true, None_Receiver, None_Receiver, NULL)
#else
#define compat_portal_run(portal) \
	PortalRun(portal, FETCH_ALL, true, true, None_Receiver, None_Receiver, \
			  NULL)
#endif

#if PG_VERSION_NUM >= 170000
#define compat_vxid_proc(vxid) ProcNumberGetProc((vxid).procNumber)
#define compat_lock_held(tag, mode) LockHeldByMe(tag, mode, false)
/* The labels of an enum type that this transaction made can be used in it. */
#define COMPAT_NEW_ENUM_USABLE true
#else
#define compat_vxid_proc(vxid) BackendIdGetProc((vxid).backendId)
#define compat_lock_held(tag, mode) LockHeldByMe(tag, mode)
#define COMPAT_NEW_ENUM_USABLE false
#endif

/* needs utils/guc_tables.h */
#if PG_VERSION_NUM >= 160000
#define compat_guc_variables(count) get_guc_variables(count)
#else
#define compat_guc_variables(count) \
	(*(count) = GetNumConfigOptions(), get_guc_variables())
#endif

/* A timeout that fires again and again: by itself, or by its handler. */
#if PG_VERSION_NUM >= 150000
#define compat_timeout_every(id, ms) \
	enable_timeout_every(id, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms), ms)
#define compat_timeout_again(id, ms) ((void) (id), (void) (ms))
#else
#define compat_timeout_every(id, ms) enable_timeout_after(id, ms)
#define compat_timeout_again(id, ms) enable_timeout_after(id, ms)
#endif

#if PG_VERSION_NUM >= 160000
#define compat_backend_entry(i) pgstat_get_local_beentry_by_index(i)
#define compat_can_set_role(user, role) member_can_set_role(user, role)
#else
#define compat_backend_entry(i) pgstat_fetch_stat_local_beentry(i)
#define compat_can_set_role(user, role) is_member_of_role(user, role)
#endif

#if PG_VERSION_NUM >= 160000
#define compat_qualified_name(text) stringToQualifiedNameList(text, NULL)
#else
#define compat_qualified_name(text) stringToQualifiedNameList(text)
#endif

/* REINDEX (options) was two members of its own, DETACH had no CONCURRENTLY. */
#if PG_VERSION_NUM >= 140000
#define compat_reindex_options(statement) ((statement)->params)
#define compat_reindex_concurrent(statement) false
#define compat_detach_concurrent(command) ((command)->concurrent)
/* needs catalog/pg_inherits.h */
#define compat_detach_pending(partition) PartitionHasPendingDetach(partition)
#define compat_alters_publication(kind) \
	((kind) == ALTER_SUBSCRIPTION_SET_PUBLICATION || \
	 (kind) == ALTER_SUBSCRIPTION_ADD_PUBLICATION || \
	 (kind) == ALTER_SUBSCRIPTION_DROP_PUBLICATION)
#else
#define compat_reindex_options(statement) NIL
#define compat_reindex_concurrent(statement) ((statement)->concurrent)
#define compat_detach_concurrent(command) false
#define compat_detach_pending(partition) false
#define compat_alters_publication(kind) \
	((kind) == ALTER_SUBSCRIPTION_PUBLICATION)
#endif

#endif							/* DBMIG_COMPAT_H */
