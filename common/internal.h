/*
 * internal.h
 *		What the core's files offer each other.
 */
#ifndef DBMIG_INTERNAL_H
#define DBMIG_INTERNAL_H

#include "dbmig_core.h"

#define DBMIG_BOM "\xEF\xBB\xBF"
#define DBMIG_CHECKSUM_SIZE 65	/* SHA-256 in hex, with its NUL */

/* "package" or "package@version"; version is "" for the whole package. */
typedef struct dbmig_item
{
	const char *package;
	const char *version;
} dbmig_item;

/* memory.c: puts a place in front of the message there is; gives -1 */
extern int	dbmig_fail_in(dbmig_call *call, const char *fmt,...) DBMIG_PRINTF(2, 3);

/*
 * memory.c: what is got between begin and end goes back at the end.  Nothing
 * that is older may grow in between; a failure ends nothing.  begin gives NULL
 * after dbmig_fail().
 */
extern struct dbmig_block *dbmig_scope_begin(dbmig_call *call);
extern void dbmig_scope_end(dbmig_call *call, struct dbmig_block *scope);

/* text.c */
extern bool dbmig_has_control(const char *text, size_t length);

/*
 * version.c: names and versions; the checks give 0 or -1.  V6: the version of
 * a repeatable migration is DBMIG_REPEATABLE and its name.
 */
#define DBMIG_REPEATABLE "R:"
#define DBMIG_VERSION_MAX 255	/* bytes */
extern bool dbmig_version_repeats(const char *version);
extern int	dbmig_version_check(dbmig_call *call, const char *version);
extern int	dbmig_package_check(dbmig_call *call, const char *package);
extern char *dbmig_version_key(dbmig_call *call, const char *version);
extern int	dbmig_version_compare(const char *a, const char *b);
extern char *dbmig_version_next(dbmig_call *call, const char *version);
extern int	dbmig_item_parse(dbmig_call *call, const char *text,
							 dbmig_item *item);
extern const char *dbmig_item_text(dbmig_call *call, dbmig_item item);

/* settings.c: false where the text is no number of seconds, 0 or more */
extern bool dbmig_seconds_read(const char *text, double *seconds);

/* checksum.c: hex has room for DBMIG_CHECKSUM_SIZE bytes */
extern void dbmig_checksum(const char *text, size_t length, char *hex);

/* Hex to bytes; false where it is no checksum. */
extern bool dbmig_checksum_pack(const char *hex, unsigned char *bytes);
extern void dbmig_checksum_unpack(const unsigned char *bytes, char *hex);
extern bool dbmig_checksum_is(const unsigned char *bytes, const char *hex);

/* options.c */
typedef struct dbmig_options
{
	int			transaction;	/* 1, 0, or -1 where it is not said */
	int			down_transaction;	/* likewise; -1: as transaction */
	int			foreign_keys;	/* likewise */
	int			portable;		/* likewise */
	bool		repeatable;		/* V6; the version says it too */
	const char *engine;			/* NULL: every engine */
	const char *role;			/* R1, or NULL */
	const char *search_path;	/* or NULL */
	int64_t		lock_timeout;	/* milliseconds, or -1 where it is not said */
	int			retries;		/* likewise */
	const char **after;			/* items */
	size_t		after_count;
	size_t		after_capacity;
} dbmig_options;

extern void dbmig_options_begin(dbmig_options *options);
extern int	dbmig_options_parse(dbmig_call *call, const char *json,
								dbmig_options *options);
extern int	dbmig_options_after(dbmig_call *call, dbmig_options *options,
								const char *item);
extern int	dbmig_options_after_list(dbmig_call *call, dbmig_options *options,
									 const char *list);

/* Options of a package, of which a migration may have others than it has. */
extern int	dbmig_options_parse_package(dbmig_call *call, const char *json,
										dbmig_options *options);

/*
 * portable.c: appends the script for this engine; on an error *wrong_at is
 * where in the text it is.  dbmig_portable_origin: the byte of the text that a
 * byte of that script comes from.
 */
extern int	dbmig_portable_expand(dbmig_call *call, const char *text,
								  size_t length, dbmig_buffer *to,
								  size_t *wrong_at);
extern size_t dbmig_portable_origin(const char *engine, const char *text,
									size_t length, size_t offset);

/* uuid.c: its value, or -1 */
extern int	dbmig_hex_digit(char c);

/* The options but for after as JSON, the same text for the same options. */
extern const char *dbmig_options_text(dbmig_call *call,
									  const dbmig_options *options);

/*
 * option_values.c
 *
 * dbmig_options_set: role, search_path, lock_timeout or retries, from its text,
 * which is kept.  dbmig_options_of_package: whether a package can have the
 * option of this name.  dbmig_options_inherit: what is not said is the
 * package's.
 */
extern int	dbmig_options_set(dbmig_call *call, dbmig_options *options,
							  const char *name, const char *value);
extern bool dbmig_options_of_package(const char *name);
extern void dbmig_options_inherit(dbmig_options *options,
								  const dbmig_options *package);

/* False where the text is no whole number, 0 to DBMIG_RETRIES_MAX. */
extern bool dbmig_retries_read(const char *text, int *retries);

/*
 * A JSON object that is read.  dbmig_json_members: member is called for each,
 * before its value, with its key, and reads the value: a number as it is
 * written, of an array its strings.  What is read is the call's memory.
 * hint: for who has written what is none.
 * dbmig_json_next: whether the next thing is c, which is skipped.
 */
typedef struct dbmig_json
{
	dbmig_call *call;
	const char *json;
	const char *at;
	const char *hint;
} dbmig_json;

#define DBMIG_JSON_SUCH_AS(what) "Options are a JSON object such as " what "."
extern int	dbmig_json_members(dbmig_call *call, const char *json,
							   const char *hint,
							   int (*member) (dbmig_json *p, const char *key,
											  void *arg),
							   void *arg);
extern bool dbmig_json_next(dbmig_json *p, char c);
extern int	dbmig_json_expect(dbmig_json *p, char c);
extern int	dbmig_json_bool(dbmig_json *p, const char *key, int *value);
extern int	dbmig_json_text(dbmig_json *p, const char *key, const char **value);
extern int	dbmig_json_number(dbmig_json *p, const char *key,
							  const char **value);
extern int	dbmig_json_texts(dbmig_json *p, const char *key,
							 const char ***items, size_t *count);

/* What dbmig_migrate_tenants is told. */
typedef struct dbmig_tenants_options
{
	const char **only;			/* names, or NULL: all */
	size_t		only_count;
	const char *like;			/* a pattern, or NULL */
	const char **first;			/* canaries */
	size_t		first_count;
	int			stop_after;		/* failures; 0: never */
	int			batch;			/* tenants; 0: all */
} dbmig_tenants_options;

/*
 * choose.c: json may be NULL.  dbmig_like: % is any text, _ any character, \
 * takes what follows as it is.
 */
extern int	dbmig_tenants_options_parse(dbmig_call *call, const char *json,
										dbmig_tenants_options *options);
extern bool dbmig_like(const char *text, const char *pattern);

/*
 * graph.c: migrations as nodes, in version order within their package, and two
 * more a package: its start, before all of its migrations, and its end.  So a
 * dependency is always one edge: "b after a" leads from a's end to b's start.
 */
#define DBMIG_NODE_APPLIED 0x01
#define DBMIG_NODE_UNSETTLED 0x02	/* state running or failed */
#define DBMIG_NODE_DRIFTED 0x04
#define DBMIG_NODE_TRANSACTIONAL 0x08
#define DBMIG_NODE_DOWN_TRANSACTIONAL 0x10
#define DBMIG_NODE_HAS_DOWN 0x20

/* What few nodes have, each NULL where it is not so. */
typedef struct dbmig_node_more
{
	const char *refusal;		/* why the up cannot run */
	const char *down_refusal;
	const char *checksum;		/* registered, where it is none */
	const char *applied_checksum;	/* where it is another */
	int			statements;		/* done, where running or failed */
	const char *options;
} dbmig_node_more;

/* There are many of these: a checksum is kept in 32 bytes, not in hex. */
typedef struct dbmig_node
{
	const char *version;
	const char *name;			/* or NULL */
	dbmig_node_more *more;		/* or NULL */
	int			package;
	int			flags;
	unsigned char checksum[32]; /* of the registered text */
} dbmig_node;

typedef struct dbmig_package
{
	const char *name;
	int64_t		position;		/* of its registration */
	bool		registered;
	int			rank;			/* O3: by position, then name */
	int			first;			/* its nodes */
	int			count;
	const char *last_applied;	/* highest applied version, or NULL */
	const char *options;		/* or NULL */
} dbmig_package;

typedef struct dbmig_dependency
{
	dbmig_item	item;
	dbmig_item	after;
} dbmig_dependency;

/* An applied migration that is not registered. */
typedef struct dbmig_stray
{
	int			package;
	const char *version;
} dbmig_stray;

typedef struct dbmig_graph
{
	dbmig_package *packages;
	size_t		package_count;
	size_t		package_capacity;
	int		   *buckets;		/* packages by name: index + 1, 0 is free */
	size_t		bucket_count;
	dbmig_node *nodes;
	size_t		node_count;
	size_t		node_capacity;
	dbmig_dependency *dependencies;
	size_t		dependency_count;
	size_t		dependency_capacity;
	dbmig_stray *strays;
	size_t		stray_count;
	size_t		stray_capacity;

	/* made by dbmig_graph_link(): for each id the edges that lead to it */
	int		   *into_start;		/* id to the first of its edges; one more */
	int		   *into;			/* indexes of dependencies */
	int		   *sources;		/* of a dependency: an id, or -1: missing */
	int		   *targets;		/* likewise, -1: does not matter */
} dbmig_graph;

/* The package of this name, or -1; dbmig_graph_package adds it (-1: no memory). */
extern int	dbmig_graph_find(const dbmig_graph *graph, const char *name);
extern int	dbmig_graph_package(dbmig_call *call, dbmig_graph *graph,
								const char *name);

/* The node of this version, or -1. */
extern int	dbmig_graph_node(const dbmig_graph *graph, int package,
							 const char *version);
extern int	dbmig_graph_package_of(const dbmig_graph *graph, int id);

/* The id right before or after id in its package, or -1. */
extern int	dbmig_graph_before(const dbmig_graph *graph, int id);
extern int	dbmig_graph_after(const dbmig_graph *graph, int id);

/* The edges by where they lead from; out has the ids they lead to. */
extern int	dbmig_graph_outgoing(dbmig_call *call, const dbmig_graph *graph,
								 int **out_start, int **out);
extern int	dbmig_graph_end(const dbmig_graph *graph, int package);
extern size_t dbmig_graph_size(const dbmig_graph *graph);
extern dbmig_item dbmig_graph_item(const dbmig_graph *graph, int node);

/* A node's registered checksum as text; hex is used where it is needed. */
extern const char *dbmig_node_checksum(const dbmig_node *node, char *hex);

/*
 * package.c: a migration's options, those of its package among them.  own: its
 * own as JSON, or NULL.
 */
extern int	dbmig_node_options(dbmig_call *call, const dbmig_graph *graph,
							   const dbmig_node *node, const char *own,
							   dbmig_options *options);
extern int	dbmig_graph_add_dependency(dbmig_call *call, dbmig_graph *graph,
									   const dbmig_value *row);
extern int	dbmig_graph_link(dbmig_call *call, dbmig_graph *graph);

/*
 * Adds to mark (one byte an id) all that target comes after, and target.
 * dbmig_graph_dependents: all that comes after target.
 */
extern int	dbmig_graph_ancestors(dbmig_call *call, const dbmig_graph *graph,
								  int target, char *mark);
extern int	dbmig_graph_dependents(dbmig_call *call, const dbmig_graph *graph,
								   int target, char *mark);

/*
 * order.c.  O3: the marked nodes that are not applied, in order; what is applied goes
 * first wherever it can.  A cycle is an error with its path.
 */
extern int	dbmig_graph_order(dbmig_call *call, const dbmig_graph *graph,
							  const char *mark, int **order, int *count);

/* O5: an error if these dependencies alone, whatever is registered, circle. */
extern int	dbmig_graph_check_cycle(dbmig_call *call, dbmig_graph *graph);

/*
 * registry.c: reading.  package NULL: everything; tenant NULL: what is
 * registered, applied to nobody.
 */
extern int	dbmig_registry_load(dbmig_call *call, const char *package,
								const char *tenant, dbmig_graph *graph);

/* define.c: writing */
typedef struct dbmig_definition
{
	const char *package;
	const char *version;
	bool		function;
	const char *up;
	size_t		up_length;
	const char *down;			/* or NULL */
	const char *name;			/* or NULL */
	const char *source;			/* file it comes from, or NULL */
	int			up_line;		/* lines of the file before up */
	int			down_line;
	bool		verbatim;		/* what looks like a placeholder is none, in
								 * up */
	bool		down_verbatim;
	dbmig_options options;
} dbmig_definition;

typedef enum dbmig_outcome
{
	DBMIG_REGISTERED,
	DBMIG_UNCHANGED,
	DBMIG_REPLACED
} dbmig_outcome;

/* Whether a call has begun to write, so that what changes nothing does not. */
typedef struct dbmig_writer
{
	bool		begun;
	bool		texts_locked;
} dbmig_writer;

extern int	dbmig_writer_begin(dbmig_call *call, dbmig_writer *writer,
							   bool texts);
extern int	dbmig_writer_end(dbmig_call *call, dbmig_writer *writer, int result);
extern const char *dbmig_outcome_text(dbmig_outcome outcome);
extern int	dbmig_define(dbmig_call *call, dbmig_writer *writer,
						 dbmig_definition *definition, dbmig_outcome *outcome);

/*
 * Where up and down come one by one: the up keeps the down that is registered,
 * and a definition without an up is the down of one that is.
 */
extern int	dbmig_define_part(dbmig_call *call, dbmig_writer *writer,
							  dbmig_definition *definition,
							  dbmig_outcome *outcome);

/* package.c: options of a registered package, all of them at once. */
extern int	dbmig_package_change(dbmig_call *call, dbmig_writer *writer,
								 const char *package,
								 const dbmig_options *options, bool *changed);

/* item gets the spelling of its version that is registered. */
extern int	dbmig_depend(dbmig_call *call, dbmig_writer *writer,
						 dbmig_item *item, dbmig_item after, bool *added);
extern int	dbmig_history_add(dbmig_call *call, const char *tenant,
							  dbmig_item item, const char *name,
							  const char *action, const char *checksum,
							  int64_t statements, int64_t microseconds);

/*
 * tenants.c
 *
 * dbmig_tenant_enter: what follows is about this one; dbmig_tenant_apart: and
 * its tables are not where the registry is.  dbmig_tenant_adopt: in the transaction of its
 * apply, keep that it is to have this package (NULL: all).
 */
extern int	dbmig_tenant_enter(dbmig_call *call, const char *tenant,
							   const char **name);
extern void dbmig_tenant_leave(dbmig_call *call);
extern bool dbmig_tenant_apart(const dbmig_call *call);
extern int	dbmig_tenant_adopt(dbmig_call *call, const char *tenant,
							   const char *package);

/* plan.c */
typedef struct dbmig_plan
{
	dbmig_graph graph;
	int		   *order;			/* nodes */
	int			count;
	int			before;			/* steps that were done before it was made */
	int		   *again;			/* of a rollback: repeatable migrations that
								 * are no longer applied by it, in version
								 * order */
	int			again_count;
} dbmig_plan;

/* What was asked: package NULL is all, version NULL is the last. */
typedef struct dbmig_target
{
	const char *package;
	const char *version;
	const char *tenant;
} dbmig_target;

/*
 * A2: the plan, or the error that an apply or migrate would give.  With
 * DBMIG_MODE_WAIT it is only looked at: what cannot run is in it all the same.
 */
extern int	dbmig_plan_up(dbmig_call *call, const dbmig_target *target,
						  dbmig_mode mode, dbmig_plan *plan);

/* The plan of a rollback to version (NULL: one step; "": to nothing). */
extern int	dbmig_plan_down(dbmig_call *call, const dbmig_target *target,
							dbmig_plan *plan);

/* An error if one of the plan's steps cannot run; alone: also outside of a
 * transaction. */
extern int	dbmig_plan_runnable(dbmig_call *call, const dbmig_plan *plan,
								dbmig_direction direction, bool alone);

/* The node of a registered migration. */
extern int	dbmig_plan_find(dbmig_call *call, dbmig_graph *graph,
							const char *package, const char *version,
							int *node);

/*
 * settled.c: whether there is surely nothing to do and nothing wrong; how many
 * migrations of the target's package, and of what it takes along, are pending.
 */
extern int	dbmig_settled(dbmig_call *call, const dbmig_target *target,
						  bool *settled);
extern int	dbmig_count_pending(dbmig_call *call, const dbmig_target *target,
								int64_t *number);

/*
 * What is found or made settled is written down, where the host can tell when
 * that is no longer so (dbmig_memo).  dbmig_settle_look: before the plan is
 * loaded.  dbmig_settle_plan: it is done.  dbmig_settle_graph: what is whole in
 * it; all: of everything.  dbmig_settle_found: dbmig_settled() has just said
 * so.  dbmig_settle_counted: ask it.
 */
extern int	dbmig_settle_look(dbmig_call *call, const char *package,
							  const char *tenant);
extern int	dbmig_settle_plan(dbmig_call *call, const dbmig_target *target,
							  dbmig_plan *plan);
extern int	dbmig_settle_graph(dbmig_call *call, const char *tenant,
							   const dbmig_graph *graph, bool all);
extern int	dbmig_settle_found(dbmig_call *call, const dbmig_target *target);
extern int	dbmig_settle_counted(dbmig_call *call, const dbmig_target *target);

/*
 * The texts of the steps that come next.  They are read some at a time: where
 * a script changes the schema, an engine has to prepare anew what reads them.
 */
#define DBMIG_AHEAD_STEPS 64

typedef struct dbmig_step_text
{
	int			node;			/* whose it is */
	bool		function;
	size_t		text;			/* where they are in bytes */
	size_t		length;
	size_t		options;
	size_t		sort_key;
} dbmig_step_text;

typedef struct dbmig_texts
{
	dbmig_buffer bytes;
	dbmig_buffer made;			/* of the portable step that runs */
	dbmig_direction direction;
	dbmig_step_text steps[DBMIG_AHEAD_STEPS];
	int			first;			/* the step of the plan that steps[0] is */
	int			count;
} dbmig_texts;

/*
 * steps.c: one step of a plan.  dbmig_step_up and _down run and record it,
 * dbmig_step_run only runs it, dbmig_step_say says that it is done.
 * dbmig_step_is_kept: going up, its text need not be read any more.
 * dbmig_steps_name: 1 where the word is in the text of one of the first count
 * steps, going up, or one of them is a function; else 0, or -1.
 */
extern int64_t dbmig_now_us(void);
extern int	dbmig_mark_applied(dbmig_call *call, const char *tenant,
							   dbmig_item item, const char *sort_key,
							   const char *checksum, int statements,
							   int64_t microseconds);
extern int	dbmig_mark_pending(dbmig_call *call, const char *tenant,
							   dbmig_item item);
extern bool dbmig_step_is_kept(const dbmig_plan *plan, int i,
							   const dbmig_texts *kept);
extern int	dbmig_step_run(dbmig_call *call, const char *tenant,
						   const dbmig_plan *plan, int i,
						   dbmig_direction direction, dbmig_texts *kept,
						   const char **sort_key, int *statements);
extern int	dbmig_step_up(dbmig_call *call, const char *tenant,
						  const dbmig_plan *plan, int i, dbmig_texts *kept,
						  int64_t *microseconds);
extern int	dbmig_step_down(dbmig_call *call, const char *tenant,
							const dbmig_plan *plan, int i, dbmig_texts *kept,
							int64_t *microseconds);
extern int	dbmig_steps_name(dbmig_call *call, const dbmig_plan *plan,
							 int count, const char *word);
extern int	dbmig_step_say(dbmig_call *call, const dbmig_plan *plan, int i,
						   dbmig_direction direction, int64_t microseconds);

/* steps.c, V6: forget that these are applied; they are run again. */
extern int	dbmig_step_forget(dbmig_call *call, const char *tenant,
							  const dbmig_plan *plan);

/*
 * apply.c, migrate.c: the work itself.  dbmig_apply_target: in a transaction
 * with the tenant's lock.  dbmig_migrate_target: in transactions of its own,
 * which quick steps share where together says so; *held where that failed
 * because the lock could not be had.
 */
extern int	dbmig_apply_target(dbmig_call *call, const dbmig_target *target,
							   int *count);
extern int	dbmig_migrate_target(dbmig_call *call, const dbmig_target *target,
								 bool together, int *count, bool *held);

/* apply.c: C2, where that is wanted, what is registered is what was applied. */
extern int	dbmig_accept_changed(dbmig_call *call, const char *tenant,
								 const dbmig_graph *graph);

/* The SQL functions: functions.c has the table and checks the arguments. */
#define DBMIG_SCALAR(name) \
	extern int name(dbmig_call *call, int nargs, const dbmig_value *args, \
					dbmig_value *result)
#define DBMIG_ROWS(name) \
	extern int name(dbmig_call *call, int nargs, const dbmig_value *args, \
					dbmig_row_fn emit, void *arg)

DBMIG_SCALAR(dbmig_do_register);
DBMIG_SCALAR(dbmig_do_register_function);
DBMIG_SCALAR(dbmig_do_register_file);
DBMIG_SCALAR(dbmig_do_append);
DBMIG_SCALAR(dbmig_do_package_options);
DBMIG_SCALAR(dbmig_do_after);
DBMIG_SCALAR(dbmig_do_unregister);
DBMIG_SCALAR(dbmig_do_load);
DBMIG_SCALAR(dbmig_do_export);
DBMIG_SCALAR(dbmig_do_apply);
DBMIG_SCALAR(dbmig_do_migrate);
DBMIG_SCALAR(dbmig_do_migrate_tenants);
DBMIG_SCALAR(dbmig_do_wait);
DBMIG_SCALAR(dbmig_do_rollback);
DBMIG_SCALAR(dbmig_do_rollback_all);
DBMIG_SCALAR(dbmig_do_redo);
DBMIG_SCALAR(dbmig_do_baseline);
DBMIG_SCALAR(dbmig_do_resolve);
DBMIG_SCALAR(dbmig_do_is_current);
DBMIG_SCALAR(dbmig_do_check);
DBMIG_SCALAR(dbmig_do_graph);
DBMIG_SCALAR(dbmig_do_set);
DBMIG_SCALAR(dbmig_do_version);
DBMIG_ROWS(dbmig_do_plan);
DBMIG_ROWS(dbmig_do_status);
DBMIG_ROWS(dbmig_do_tenants);
DBMIG_ROWS(dbmig_do_lookup);
DBMIG_ROWS(dbmig_do_verify);

/*
 * arguments.c: the i-th argument as text, checked.  Absent and NULL are the
 * same: an error where required, else NULL.
 */
extern int	dbmig_arg_text(dbmig_call *call, int nargs, const dbmig_value *args,
						   int i, const char *what, bool required,
						   const char **text);
extern int	dbmig_arg_package(dbmig_call *call, int nargs,
							  const dbmig_value *args, int i, bool required,
							  const char **package);
extern int	dbmig_arg_version(dbmig_call *call, int nargs,
							  const dbmig_value *args, int i, bool required,
							  const char **version);
extern int	dbmig_arg_tenant(dbmig_call *call, int nargs,
							 const dbmig_value *args, int i,
							 const char **tenant);

extern int	dbmig_target_read(dbmig_call *call, int nargs,
							  const dbmig_value *args, dbmig_target *target);

/* Run a statement that gives at most one row; *found says whether. */
extern int	dbmig_query_row(dbmig_call *call, dbmig_sql id,
							const dbmig_value *params, dbmig_value *row,
							int columns, bool *found);

#endif							/* DBMIG_INTERNAL_H */
