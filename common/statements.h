/*
 * statements.h
 *		The core's own SQL, one text for every engine (see dbmig_statement).
 *
 * DBMIG_SQL(id, parameter types, text).  No include guard: it is read twice.
 * A migration's texts are selected only where they are run or shown.  What has
 * both "@." and "#." is of no use where dbmig_host.tenants_apart is set and a
 * tenant entered.
 */

/* What one package ($1) takes along, O4: it and all it comes after. */
#define DBMIG_TAKEN \
	"WITH RECURSIVE taken(package) AS (" \
	"SELECT package FROM @.dbmig_package WHERE package = $1" \
	" UNION SELECT package FROM @.dbmig_dependency WHERE package = $1" \
	" UNION SELECT d.after_package FROM @.dbmig_dependency d" \
	" JOIN taken t ON d.package = t.package) "
#define DBMIG_IN_TAKEN " WHERE package IN (SELECT package FROM taken)"
#define DBMIG_SELECT_MIGRATIONS \
	"SELECT package, version, name, checksum, transactional," \
	" down_transactional, refusal, down_refusal, reversible," \
	" CASE WHEN options <> '{}' THEN options END" \
	" FROM @.dbmig_migration"
#define DBMIG_SELECT_DEPENDENCIES \
	"SELECT package, version, after_package, after_version" \
	" FROM @.dbmig_dependency"
#define DBMIG_ORDER_DEPENDENCIES \
	" ORDER BY package, version, after_package, after_version"

/* The registry and the applied set, whole or of one package */
DBMIG_SQL(PACKAGES, "",
		  "SELECT package, position, options FROM @.dbmig_package")
DBMIG_SQL(PACKAGES_TAKEN, "t",
		  DBMIG_TAKEN "SELECT package, position, options FROM @.dbmig_package"
		  DBMIG_IN_TAKEN)
DBMIG_SQL(MIGRATIONS, "",
		  DBMIG_SELECT_MIGRATIONS " ORDER BY package, sort_key")
DBMIG_SQL(MIGRATIONS_TAKEN, "t",
		  DBMIG_TAKEN DBMIG_SELECT_MIGRATIONS DBMIG_IN_TAKEN
		  " ORDER BY package, sort_key")
DBMIG_SQL(DEPENDENCIES, "",
		  DBMIG_SELECT_DEPENDENCIES DBMIG_ORDER_DEPENDENCIES)
DBMIG_SQL(DEPENDENCIES_TAKEN, "t",
		  DBMIG_TAKEN DBMIG_SELECT_DEPENDENCIES DBMIG_IN_TAKEN
		  DBMIG_ORDER_DEPENDENCIES)
DBMIG_SQL(APPLIED, "t",
		  "SELECT package, version, checksum, state, statements"
		  " FROM #.dbmig_applied"
		  " WHERE tenant = $1 ORDER BY package, sort_key")
DBMIG_SQL(APPLIED_TAKEN, "tt",
		  DBMIG_TAKEN "SELECT package, version, checksum, state, statements"
		  " FROM #.dbmig_applied" DBMIG_IN_TAKEN
		  " AND tenant = $2 ORDER BY package, sort_key")

/*
 * A quick look before any lock.  These count, rather than ask for one row, so
 * that a planner joins by hashing.  PENDING: not applied; UNSETTLED: not
 * applied as registered; UNMET: dependencies on what is not registered.
 */
#define DBMIG_COUNT_WITHOUT(applied) \
	"SELECT count(*) FROM @.dbmig_migration m WHERE NOT EXISTS" \
	" (SELECT 1 FROM #.dbmig_applied a WHERE a.tenant = " applied \
	" AND a.package = m.package AND a.version = m.version" \
	" AND a.state = 'applied'"
#define DBMIG_REPEATED " AND (NOT m.repeatable OR a.checksum = m.checksum)"

/*
 * The greatest of these is the last version, which stands behind the byte that
 * is in no key.
 */
#define DBMIG_AND_VERSION(of) " || " of ".sort_key || '\001' || " of ".version"
#define DBMIG_M_IN_TAKEN " AND m.package IN (SELECT package FROM taken)"
#define DBMIG_COUNT_UNMET \
	"SELECT count(*) FROM @.dbmig_dependency d WHERE NOT EXISTS" \
	" (SELECT 1 FROM @.dbmig_migration m WHERE m.package = d.after_package" \
	" AND (d.after_version = '' OR m.version = d.after_version))"
DBMIG_SQL(PENDING, "t",
		  DBMIG_COUNT_WITHOUT("$1") DBMIG_REPEATED ")")
DBMIG_SQL(PENDING_TAKEN, "tt",
		  DBMIG_TAKEN DBMIG_COUNT_WITHOUT("$2") DBMIG_REPEATED ")" DBMIG_M_IN_TAKEN)
DBMIG_SQL(UNSETTLED, "t",
		  DBMIG_COUNT_WITHOUT("$1") " AND a.checksum = m.checksum)")
DBMIG_SQL(UNSETTLED_TAKEN, "tt",
		  DBMIG_TAKEN DBMIG_COUNT_WITHOUT("$2")
		  " AND a.checksum = m.checksum)" DBMIG_M_IN_TAKEN)

/* The same for a package that comes after nothing, and whether one does. */
DBMIG_SQL(DEPENDS, "t",
		  "SELECT 1 FROM @.dbmig_dependency WHERE package = $1 LIMIT 1")
DBMIG_SQL(PENDING_ONE, "tt",
		  DBMIG_COUNT_WITHOUT("$1") DBMIG_REPEATED ") AND m.package = $2")
DBMIG_SQL(UNSETTLED_ONE, "tt",
		  DBMIG_COUNT_WITHOUT("$1") " AND a.checksum = m.checksum)"
		  " AND m.package = $2")
DBMIG_SQL(UNMET, "",
		  DBMIG_COUNT_UNMET)
DBMIG_SQL(UNMET_TAKEN, "t",
		  DBMIG_TAKEN DBMIG_COUNT_UNMET
		  " AND d.package IN (SELECT package FROM taken)")

/* Registering */
DBMIG_SQL(PACKAGE_FIND, "t",
		  "SELECT position, options FROM @.dbmig_package WHERE package = $1")
DBMIG_SQL(PACKAGE_OPTIONS, "tt",
		  "UPDATE @.dbmig_package SET options = $1 WHERE package = $2")
DBMIG_SQL(PACKAGE_PUT, "tt",
		  "INSERT INTO @.dbmig_package (package, position, extension)"
		  " SELECT $1, coalesce(max(position), 0) + 1, $2"
		  " FROM @.dbmig_package")
DBMIG_SQL(PACKAGE_DROP, "t",
		  "DELETE FROM @.dbmig_package WHERE package = $1")
DBMIG_SQL(MIGRATION_FIND, "tt",
		  "SELECT version, name, kind, checksum, options, down"
		  " FROM @.dbmig_migration WHERE package = $1 AND sort_key = $2")
DBMIG_SQL(MIGRATION_PART, "tt",
		  "SELECT version, kind, name, options, source, up, down"
		  " FROM @.dbmig_migration WHERE package = $1 AND sort_key = $2")
DBMIG_SQL(MIGRATION_KNOWN, "t",
		  "SELECT version, name, checksum, options,"
		  " source IS NOT NULL AS from_file, file_missing, up, down"
		  " FROM @.dbmig_migration WHERE package = $1 AND kind = 'sql'"
		  " ORDER BY sort_key")
DBMIG_SQL(MIGRATION_NAMES, "t",
		  "SELECT version, name FROM @.dbmig_migration WHERE package = $1"
		  " AND name IS NOT NULL ORDER BY sort_key")
DBMIG_SQL(MIGRATION_MISSING, "itt",
		  "UPDATE @.dbmig_migration SET file_missing = $1 <> 0"
		  " WHERE package = $2 AND version = $3")
DBMIG_SQL(FILES_MISSING, "",
		  "SELECT package, version, source FROM @.dbmig_migration"
		  " WHERE file_missing ORDER BY package, sort_key")
DBMIG_SQL(MIGRATION_LAST, "t",
		  "SELECT version FROM @.dbmig_migration WHERE package = $1"
		  " AND NOT repeatable ORDER BY sort_key DESC LIMIT 1")
DBMIG_SQL(MIGRATION_ADD, "ttttiittttttttt",
		  "INSERT INTO @.dbmig_migration (package, version, sort_key, kind,"
		  " transactional, down_transactional, name, checksum, refusal,"
		  " down_refusal, options, source, extension, up, down, reversible,"
		  " repeatable)"
		  " VALUES ($1, $2, $3, $4, $5 <> 0, $6 <> 0, $7, $8, $9, $10, $11,"
		  " $12, $13, $14, $15, $15 IS NOT NULL, substr($3, 1, 1) = '~')")
DBMIG_SQL(MIGRATION_CHANGE, "tiitttttttttt",
		  "UPDATE @.dbmig_migration SET kind = $1, transactional = $2 <> 0,"
		  " down_transactional = $3 <> 0, name = $4, checksum = $5,"
		  " refusal = $6, down_refusal = $7, options = $8, source = $9,"
		  " up = $10, down = $11, reversible = $11 IS NOT NULL"
		  " WHERE package = $12 AND version = $13")
DBMIG_SQL(MIGRATION_DROP, "tt",
		  "DELETE FROM @.dbmig_migration WHERE package = $1 AND version = $2")
DBMIG_SQL(MIGRATION_DROP_ALL, "t",
		  "DELETE FROM @.dbmig_migration WHERE package = $1")
DBMIG_SQL(MIGRATION_VERSIONS, "t",
		  "SELECT version FROM @.dbmig_migration WHERE package = $1"
		  " ORDER BY sort_key")
DBMIG_SQL(APPLIED_OTHERWISE, "ttt",
		  "SELECT checksum FROM #.dbmig_applied"
		  " WHERE package = $1 AND version = $2 AND checksum <> $3"
		  " AND state <> 'failed' ORDER BY tenant LIMIT 1")
DBMIG_SQL(APPLIED_ANYWHERE, "tt",
		  "SELECT tenant FROM #.dbmig_applied WHERE package = $1"
		  " AND version = $2 AND state <> 'failed' ORDER BY tenant LIMIT 1")
DBMIG_SQL(APPLIED_OF_PACKAGE, "t",
		  "SELECT version FROM #.dbmig_applied"
		  " WHERE package = $1 AND state <> 'failed'"
		  " ORDER BY sort_key DESC LIMIT 1")
DBMIG_SQL(DEPENDENCY_FIND, "tttt",
		  "SELECT 1 FROM @.dbmig_dependency WHERE package = $1"
		  " AND version = $2 AND after_package = $3 AND after_version = $4")
DBMIG_SQL(DEPENDENCY_ADD, "ttttt",
		  "INSERT INTO @.dbmig_dependency (package, version, after_package,"
		  " after_version, extension) VALUES ($1, $2, $3, $4, $5)")
DBMIG_SQL(DEPENDENCY_COUNT, "tt",
		  "SELECT count(*) FROM @.dbmig_dependency"
		  " WHERE package = $1 AND version = $2")
DBMIG_SQL(DEPENDENCY_DROP, "tt",
		  "DELETE FROM @.dbmig_dependency WHERE package = $1 AND version = $2")
DBMIG_SQL(DEPENDENCY_DROP_ALL, "t",
		  "DELETE FROM @.dbmig_dependency WHERE package = $1")
DBMIG_SQL(DEPENDENTS, "t",
		  DBMIG_SELECT_DEPENDENCIES " WHERE after_package = $1"
		  DBMIG_ORDER_DEPENDENCIES)
DBMIG_SQL(DEPENDED_ON, "t",
		  "SELECT 1 FROM @.dbmig_dependency WHERE after_package = $1 LIMIT 1")

/* Applying */
#define DBMIG_SELECT_STEPS(text) \
	"SELECT version, kind, options, " text ", sort_key" \
	" FROM @.dbmig_migration WHERE package = $1 AND sort_key >= $2" \
	" ORDER BY sort_key LIMIT $3"
DBMIG_SQL(STEPS_UP, "tti",
		  DBMIG_SELECT_STEPS("up"))
DBMIG_SQL(STEPS_DOWN, "tti",
		  DBMIG_SELECT_STEPS("down"))
DBMIG_SQL(APPLIED_PUT, "tttttii",
		  "INSERT INTO #.dbmig_applied (tenant, package, version, sort_key,"
		  " checksum, state, statements, duration_us)"
		  " VALUES ($1, $2, $3, $4, $5, 'applied', $6, $7)"
		  " ON CONFLICT (tenant, package, version) DO UPDATE SET"
		  " checksum = excluded.checksum, state = excluded.state,"
		  " statements = excluded.statements,"
		  " duration_us = excluded.duration_us,"
		  " applied_at = excluded.applied_at,"
		  " applied_by = excluded.applied_by,"
		  " transaction_id = excluded.transaction_id")
/* Not applied: running or failed, with the number of statements done */
DBMIG_SQL(UNSETTLED_PUT, "ttttttii",
		  "INSERT INTO #.dbmig_applied AS o (tenant, package, version,"
		  " sort_key, checksum, state, statements, duration_us)"
		  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
		  " ON CONFLICT (tenant, package, version) DO UPDATE SET"
		  " checksum = excluded.checksum, state = excluded.state,"
		  " statements = excluded.statements,"
		  " duration_us = excluded.duration_us,"
		  " applied_at = excluded.applied_at,"
		  " applied_by = excluded.applied_by,"
		  " transaction_id = excluded.transaction_id"
		  " WHERE o.state <> 'applied'")
DBMIG_SQL(STATEMENTS_DONE, "ittt",
		  "UPDATE #.dbmig_applied SET statements = $1 WHERE tenant = $2"
		  " AND package = $3 AND version = $4 AND statements < $1")
DBMIG_SQL(FAILED_DROP, "tt",
		  "DELETE FROM #.dbmig_applied WHERE package = $1 AND version = $2"
		  " AND state = 'failed'")
DBMIG_SQL(APPLIED_DROP, "ttt",
		  "DELETE FROM #.dbmig_applied WHERE tenant = $1 AND package = $2"
		  " AND version = $3")
DBMIG_SQL(APPLIED_OLDER_DROP, "tttt",
		  "DELETE FROM #.dbmig_applied WHERE tenant = $1 AND package = $2"
		  " AND version = $3 AND checksum <> $4")
DBMIG_SQL(APPLIED_ACCEPT, "ttt",
		  "UPDATE #.dbmig_applied SET checksum = $1"
		  " WHERE package = $2 AND version = $3")
DBMIG_SQL(APPLIED_STATE, "ttt",
		  "SELECT state, statements FROM #.dbmig_applied WHERE tenant = $1"
		  " AND package = $2 AND version = $3")
DBMIG_SQL(HISTORY_ADD, "ttttttii",
		  "INSERT INTO #.dbmig_history (tenant, package, version, name,"
		  " action, checksum, statements, duration_us)"
		  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")

DBMIG_SQL(HISTORY_FAIL, "tttttiittii",
		  "INSERT INTO #.dbmig_history (tenant, package, version, name,"
		  " action, outcome, checksum, statements, duration_us, error_code,"
		  " error_message, error_statement, error_line)"
		  " VALUES ($1, $2, $3, $4, 'apply', 'failed', $5, $6, $7, $8, $9,"
		  " $10, $11)")

/* Whether another connection has changed what a plan was made of */
DBMIG_SQL(HISTORY_LAST, "",
		  "SELECT coalesce(max(id), 0) FROM #.dbmig_history")
DBMIG_SQL(AS_REGISTERED, "ttt",
		  "SELECT 1 FROM @.dbmig_migration WHERE package = $1 AND version = $2"
		  " AND checksum = $3")

/* Tenants: package '' is all that is registered */
DBMIG_SQL(TENANT_HAS, "tt",
		  "SELECT 1 FROM @.dbmig_tenant_package WHERE tenant = $1"
		  " AND (package = '' OR package = $2) LIMIT 1")
DBMIG_SQL(TENANT_FIND, "t",
		  "SELECT tenant, username FROM @.dbmig_tenant WHERE tenant = $1")
DBMIG_SQL(TENANT_PACKAGES, "",
		  "SELECT tenant, package FROM @.dbmig_tenant_package"
		  " ORDER BY tenant, package")
DBMIG_SQL(TENANTS_HAVE, "tt",
		  "SELECT tenant FROM #.dbmig_applied WHERE package = $1"
		  " AND version = $2 AND state = 'applied'")
DBMIG_SQL(TENANTS_BEHIND, "",
		  "SELECT t.tenant, c.package FROM @.dbmig_tenant t"
		  " CROSS JOIN (SELECT package, count(*) AS n"
		  " FROM @.dbmig_migration GROUP BY package) c"
		  " LEFT JOIN (SELECT a.tenant, a.package, count(*) AS n"
		  " FROM #.dbmig_applied a JOIN @.dbmig_migration m"
		  " ON m.package = a.package AND m.version = a.version"
		  " AND m.checksum = a.checksum WHERE a.state = 'applied'"
		  " GROUP BY a.tenant, a.package) d"
		  " ON d.tenant = t.tenant AND d.package = c.package"
		  " WHERE coalesce(d.n, 0) < c.n")
DBMIG_SQL(TENANT_ERROR, "tt",
		  "SELECT error_message FROM #.dbmig_history WHERE tenant = $1"
		  " AND package = $2 AND outcome = 'failed' ORDER BY id DESC LIMIT 1")
DBMIG_SQL(TENANT_FAILURES, "",
		  "SELECT h.tenant, h.package, max(h.id) FROM #.dbmig_history h"
		  " JOIN (SELECT tenant, package FROM #.dbmig_applied"
		  " WHERE state <> 'applied' GROUP BY tenant, package) a"
		  " ON a.tenant = h.tenant AND a.package = h.package"
		  " WHERE h.outcome = 'failed' GROUP BY h.tenant, h.package"
		  " ORDER BY h.tenant, h.package")
DBMIG_SQL(HISTORY_ERROR, "i",
		  "SELECT error_message FROM #.dbmig_history WHERE id = $1")
DBMIG_SQL(TENANT_DROP, "t",
		  "DELETE FROM @.dbmig_tenant WHERE tenant = $1")
DBMIG_SQL(TENANT_PACKAGE_DROP, "t",
		  "DELETE FROM @.dbmig_tenant_package WHERE tenant = $1")
DBMIG_SQL(TENANT_APPLIED_DROP, "t",
		  "DELETE FROM #.dbmig_applied WHERE tenant = $1")
DBMIG_SQL(TENANT_PUT, "tt",
		  "INSERT INTO @.dbmig_tenant (tenant, username) VALUES ($1, $2)"
		  " ON CONFLICT (tenant) DO NOTHING")
DBMIG_SQL(TENANT_PACKAGE_PUT, "tt",
		  "INSERT INTO @.dbmig_tenant_package (tenant, package)"
		  " VALUES ($1, $2) ON CONFLICT (tenant, package) DO NOTHING")

/* Looking */
DBMIG_SQL(LOOKUP, "t",
		  "SELECT version, name, up, down, transactional, checksum"
		  " FROM @.dbmig_migration WHERE package = $1 ORDER BY sort_key")
DBMIG_SQL(STATUS, "",
		  "SELECT k.tenant, k.package, k.last, c.last,"
		  " coalesce(c.n, 0) - k.done, k.drifted, k.failed"
		  " FROM (SELECT a.tenant, a.package,"
		  " max(CASE WHEN a.state = 'applied' THEN"
		  " CASE WHEN a.sort_key < '~' THEN '1' ELSE '0' END"
		  DBMIG_AND_VERSION("a") " END) AS last,"
		  " count(CASE WHEN a.state = 'applied'" DBMIG_REPEATED
		  " THEN m.version END) AS done,"
		  " count(CASE WHEN a.state = 'applied' AND a.checksum <> m.checksum"
		  " AND NOT m.repeatable THEN 1 END) AS drifted,"
		  " count(CASE WHEN a.state <> 'applied' THEN m.version END) AS failed"
		  " FROM #.dbmig_applied a LEFT JOIN @.dbmig_migration m"
		  " ON m.package = a.package AND m.version = a.version"
		  " GROUP BY a.tenant, a.package"
		  " UNION ALL SELECT '', p.package, NULL, 0, 0, 0 FROM @.dbmig_package p"
		  " WHERE NOT EXISTS (SELECT 1 FROM #.dbmig_applied a"
		  " WHERE a.tenant = '' AND a.package = p.package)) k"
		  " LEFT JOIN @.dbmig_package p ON p.package = k.package"
		  " LEFT JOIN (SELECT m.package, count(*) AS n,"
		  " max(CASE WHEN m.repeatable THEN '0' ELSE '1' END"
		  DBMIG_AND_VERSION("m") ") AS last"
		  " FROM @.dbmig_migration m GROUP BY m.package) c ON c.package = k.package"
		  " ORDER BY k.tenant, coalesce(p.position, 0), k.package")
DBMIG_SQL(EXPORT, "",
		  "SELECT m.package, m.version, m.name, m.kind, m.options, m.up, m.down"
		  " FROM @.dbmig_migration m JOIN @.dbmig_package p"
		  " ON p.package = m.package"
		  " ORDER BY p.position, m.package, m.sort_key")
DBMIG_SQL(EXPORT_ONE, "t",
		  "SELECT package, version, name, kind, options, up, down"
		  " FROM @.dbmig_migration WHERE package = $1 ORDER BY sort_key")
DBMIG_SQL(EXPORT_OPTIONS, "",
		  "SELECT package, options FROM @.dbmig_package WHERE options <> '{}'"
		  " ORDER BY position, package")
DBMIG_SQL(DEPENDENCIES_OF, "t",
		  DBMIG_SELECT_DEPENDENCIES " WHERE package = $1"
		  DBMIG_ORDER_DEPENDENCIES)
