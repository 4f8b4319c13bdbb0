/*
 * fake.c
 *		The fake host: every member counts as a call, and can be made to fail,
 *		by a code or by not returning at all.
 */
#include "fake.h"

static fake *
db_of(dbmig_call *call)
{
	return call->data;
}

/* Counts a call; gives true where it is the one to fail. */
static bool
is_fault(dbmig_call *call)
{
	fake	   *db = db_of(call);

	if (++db->calls != db->fail_at)
		return false;
	if (db->jumps)
		longjmp(db->jump, 1);
	return true;
}

static int
fault(dbmig_call *call)
{
	return dbmig_fail(call, DBMIG_ENGINE, NULL, "the fake host failed");
}

static void *
fake_alloc(dbmig_call *call, size_t size)
{
	if (is_fault(call))
		return NULL;
	db_of(call)->blocks++;
	return malloc(size);
}

static void
fake_free(dbmig_call *call, void *p)
{
	db_of(call)->blocks--;
	free(p);
}

static dbmig_value
text(const char *value)
{
	return dbmig_text(value);
}

static const char *
get(const dbmig_value *value)
{
	return value->type == DBMIG_NULL ? "" : value->text;
}

static bool
same(const dbmig_value *value, const char *to)
{
	return value->type == DBMIG_TEXT && strcmp(value->text, to) == 0;
}

static void
set(char *to, size_t size, const dbmig_value *value)
{
	assert_true(strlen(get(value)) < size);
	strcpy(to, get(value));
}
#define SET(to, value) set(to, sizeof(to), value)

static int
compare_migrations(const void *a, const void *b)
{
	const fake_migration *x = a;
	const fake_migration *y = b;
	int			order = strcmp(x->package, y->package);

	return order != 0 ? order : strcmp(x->sort_key, y->sort_key);
}

static fake_migration *
find(fake_tables *t, const char *package, const char *version)
{
	int			i;

	for (i = 0; i < t->migration_count; i++)
		if (strcmp(t->migrations[i].package, package) == 0 &&
			strcmp(t->migrations[i].version, version) == 0)
			return &t->migrations[i];
	return NULL;
}

static int
find_applied(fake_tables *t, const char *package, const char *version)
{
	int			i;

	for (i = 0; i < t->applied_count; i++)
		if (strcmp(t->applied[i][0], package) == 0 &&
			strcmp(t->applied[i][1], version) == 0)
			return i;
	return -1;
}

static void
drop_applied(fake_tables *t, int i)
{
	for (t->applied_count--; i < t->applied_count; i++)
	{
		memcpy(t->applied[i], t->applied[i + 1], sizeof(t->applied[0]));
		t->statements[i] = t->statements[i + 1];
	}
}

static bool
is_applied(fake_tables *t, const fake_migration *m, bool same_text)
{
	int			i = find_applied(t, m->package, m->version);

	return i >= 0 && strcmp(t->applied[i][3], "applied") == 0 &&
		(!same_text || strcmp(t->applied[i][2], m->checksum) == 0);
}

static void
write_migration(fake_migration *m, const dbmig_value *p, bool change)
{
	const dbmig_value *rest = change ? p : p + 3;

	SET(m->kind, &rest[0]);
	m->transactional = rest[1].integer != 0;
	SET(m->name, &rest[3]);
	m->has_name = rest[3].type != DBMIG_NULL;
	SET(m->checksum, &rest[4]);
	SET(m->refusal, &rest[5]);
	SET(m->options, &rest[7]);
	rest = change ? p + 9 : p + 13;
	SET(m->up, &rest[0]);
	SET(m->down, &rest[1]);
	m->has_down = rest[1].type != DBMIG_NULL;
}

static int
one(dbmig_call *call, dbmig_row_fn row, void *arg, dbmig_value value)
{
	return row(call, arg, &value);
}

static int
registry_query(dbmig_call *call, dbmig_sql id, const dbmig_value *p,
			   dbmig_row_fn row, void *arg, bool *done)
{
	fake_tables *t = &db_of(call)->now;
	int			i;

	*done = true;
	switch (id)
	{
		case DBMIG_PACKAGES:
		case DBMIG_PACKAGES_TAKEN:
			for (i = 0; i < t->package_count; i++)
			{
				dbmig_value out[2] = {text(t->packages[i]), dbmig_int(i)};

				if (row(call, arg, out) != 0)
					return -1;
			}
			return 0;
		case DBMIG_MIGRATIONS:
		case DBMIG_MIGRATIONS_TAKEN:
			qsort(t->migrations, (size_t) t->migration_count,
				  sizeof(t->migrations[0]), compare_migrations);
			for (i = 0; i < t->migration_count; i++)
			{
				fake_migration *m = &t->migrations[i];
				dbmig_value out[9] = {
					text(m->package), text(m->version),
					text(m->has_name ? m->name : NULL), text(m->checksum),
					dbmig_bool(m->transactional), dbmig_bool(true),
					text(m->refusal[0] != '\0' ? m->refusal : NULL), text(NULL),
					dbmig_bool(m->has_down)
				};

				if (row(call, arg, out) != 0)
					return -1;
			}
			return 0;
		case DBMIG_DEPENDENCIES:
		case DBMIG_DEPENDENCIES_TAKEN:
		case DBMIG_DEPENDENTS:
			for (i = 0; i < t->dependency_count; i++)
			{
				dbmig_value out[4] = {
					text(t->dependencies[i][0]), text(t->dependencies[i][1]),
					text(t->dependencies[i][2]), text(t->dependencies[i][3])
				};

				if ((id != DBMIG_DEPENDENTS || same(&p[0], t->dependencies[i][2])) &&
					row(call, arg, out) != 0)
					return -1;
			}
			return 0;
		case DBMIG_APPLIED:
		case DBMIG_APPLIED_TAKEN:
			for (i = 0; i < t->applied_count; i++)
			{
				dbmig_value out[5] = {
					text(t->applied[i][0]), text(t->applied[i][1]),
					text(t->applied[i][2]), text(t->applied[i][3]),
					dbmig_int(t->statements[i])
				};

				if (row(call, arg, out) != 0)
					return -1;
			}
			return 0;
		case DBMIG_PENDING:
		case DBMIG_PENDING_TAKEN:
		case DBMIG_UNSETTLED:
		case DBMIG_UNSETTLED_TAKEN:
			{
				int			count = 0;

				for (i = 0; i < t->migration_count; i++)
					count += !is_applied(t, &t->migrations[i],
										 id == DBMIG_UNSETTLED || id == DBMIG_UNSETTLED_TAKEN);
				return one(call, row, arg, dbmig_int(count));
			}
		case DBMIG_UNMET:
		case DBMIG_UNMET_TAKEN:

			/* the slow way is always right */
			return one(call, row, arg, dbmig_int(t->dependency_count));
		default:
			*done = false;
			return 0;
	}
}

static int
write_query(dbmig_call *call, dbmig_sql id, const dbmig_value *p,
			dbmig_row_fn row, void *arg)
{
	fake_tables *t = &db_of(call)->now;
	fake_migration *m;
	int			i;

	switch (id)
	{
		case DBMIG_PACKAGE_FIND:
			for (i = 0; i < t->package_count; i++)
				if (same(&p[0], t->packages[i]))
					return one(call, row, arg, dbmig_int(i));
			return 0;
		case DBMIG_PACKAGE_PUT:
			SET(t->packages[t->package_count++], &p[0]);
			return 0;
		case DBMIG_MIGRATION_FIND:
			for (m = t->migrations; m < t->migrations + t->migration_count; m++)
				if (same(&p[0], m->package) && same(&p[1], m->sort_key))
				{
					dbmig_value out[6] = {
						text(m->version), text(m->has_name ? m->name : NULL),
						text(m->kind), text(m->checksum), text(m->options),
						text(m->has_down ? m->down : NULL)
					};

					return row(call, arg, out);
				}
			return 0;
		case DBMIG_MIGRATION_ADD:
			assert_true(t->migration_count < FAKE_ROWS);
			m = &t->migrations[t->migration_count++];
			memset(m, 0, sizeof(*m));
			SET(m->package, &p[0]);
			SET(m->version, &p[1]);
			SET(m->sort_key, &p[2]);
			write_migration(m, p, false);
			return 0;
		case DBMIG_MIGRATION_CHANGE:
			write_migration(find(t, p[11].text, p[12].text), p, true);
			return 0;
		case DBMIG_APPLIED_OTHERWISE:
			i = find_applied(t, p[0].text, p[1].text);
			return i < 0 || same(&p[2], t->applied[i][2]) ||
				strcmp(t->applied[i][3], "failed") == 0 ? 0 :
				one(call, row, arg, text(t->applied[i][2]));
		case DBMIG_DEPENDENCY_FIND:
		case DBMIG_DEPENDED_ON:
			for (i = 0; i < t->dependency_count; i++)
				if (id == DBMIG_DEPENDED_ON ? same(&p[0], t->dependencies[i][2]) :
					same(&p[0], t->dependencies[i][0]) && same(&p[1], t->dependencies[i][1]) &&
					same(&p[2], t->dependencies[i][2]) && same(&p[3], t->dependencies[i][3]))
					return one(call, row, arg, dbmig_int(1));
			return 0;
		case DBMIG_DEPENDENCY_ADD:
			assert_true(t->dependency_count < FAKE_ROWS);
			for (i = 0; i < 4; i++)
				SET(t->dependencies[t->dependency_count][i], &p[i]);
			t->dependency_count++;
			return 0;
		case DBMIG_DEPENDENCY_COUNT:
			{
				int			count = 0;

				for (i = 0; i < t->dependency_count; i++)
					count += same(&p[0], t->dependencies[i][0]) &&
						same(&p[1], t->dependencies[i][1]);
				return one(call, row, arg, dbmig_int(count));
			}
		case DBMIG_STEP_UP:
		case DBMIG_STEP_DOWN:
			m = find(t, p[0].text, p[1].text);
			{
				dbmig_value out[4] = {
					text(m->kind), text(m->options),
					text(id == DBMIG_STEP_UP ? m->up : m->has_down ? m->down : NULL),
					text(m->sort_key)
				};

				return row(call, arg, out);
			}
		case DBMIG_APPLIED_STATE:
			i = find_applied(t, p[1].text, p[2].text);
			return i < 0 ? 0 : one(call, row, arg, text(t->applied[i][3]));
		case DBMIG_FAILED_DROP:
			i = find_applied(t, p[0].text, p[1].text);
			if (i >= 0 && strcmp(t->applied[i][3], "failed") == 0)
				drop_applied(t, i);
			return 0;
		case DBMIG_STATEMENTS_DONE:
			t->statements[find_applied(t, p[2].text, p[3].text)] = (int) p[0].integer;
			return 0;
		case DBMIG_APPLIED_PUT:
		case DBMIG_UNSETTLED_PUT:

			/* in the order of package and version, as the index has them */
			i = find_applied(t, p[1].text, p[2].text);
			if (i < 0)
			{
				for (i = t->applied_count++; i > 0; i--)
				{
					int			order = strcmp(t->applied[i - 1][0], p[1].text);

					if (order < 0 || (order == 0 &&
									  dbmig_version_compare(t->applied[i - 1][1], p[2].text) < 0))
						break;
					memcpy(t->applied[i], t->applied[i - 1], sizeof(t->applied[0]));
					t->statements[i] = t->statements[i - 1];
				}
			}
			SET(t->applied[i][0], &p[1]);
			SET(t->applied[i][1], &p[2]);
			SET(t->applied[i][2], &p[4]);
			strcpy(t->applied[i][3], id == DBMIG_APPLIED_PUT ? "applied" : p[5].text);
			t->statements[i] = (int) p[id == DBMIG_APPLIED_PUT ? 5 : 6].integer;
			return 0;
		case DBMIG_APPLIED_DROP:
			i = find_applied(t, p[1].text, p[2].text);
			if (i >= 0)
				drop_applied(t, i);
			return 0;
		case DBMIG_HISTORY_FAIL:
			t->history_count++;
			SET(t->last_failure, &p[8]);
			return 0;
		case DBMIG_APPLIED_ACCEPT:
			i = find_applied(t, p[1].text, p[2].text);
			SET(t->applied[i][2], &p[0]);
			return 0;
		case DBMIG_HISTORY_ADD:
			t->history_count++;
			return 0;
		case DBMIG_MIGRATION_LAST:
			m = NULL;
			for (i = 0; i < t->migration_count; i++)
				if (same(&p[0], t->migrations[i].package) &&
					(m == NULL || strcmp(m->sort_key, t->migrations[i].sort_key) < 0))
					m = &t->migrations[i];
			return m == NULL ? 0 : one(call, row, arg, text(m->version));
		default:
			fail_msg("the fake host does not know statement %d", (int) id);
			return -1;
	}
}

static int
fake_query(dbmig_call *call, dbmig_sql id, const dbmig_value *params,
		   dbmig_row_fn row, void *arg)
{
	bool		done;
	int			result;

	if (is_fault(call))
		return fault(call);
	result = registry_query(call, id, params, row, arg, &done);
	return done ? result : write_query(call, id, params, row, arg);
}

static int
fake_caller(dbmig_call *call, dbmig_mode mode)
{
	(void) mode;
	return is_fault(call) ? fault(call) : 0;
}

static int
fake_begin(dbmig_call *call, dbmig_mode mode)
{
	fake	   *db = db_of(call);

	(void) mode;
	if (is_fault(call))
		return fault(call);
	assert_false(db->in_transaction);
	db->in_transaction = true;
	db->before = db->now;
	strcat(db->log, "begin ");
	return 0;
}

static int
fake_lock(dbmig_call *call, dbmig_lock lock, const char *tenant)
{
	static const char *const names[] = {"registry", "texts", "tenant"};
	fake	   *db = db_of(call);

	if (is_fault(call))
		return fault(call);
	assert_true(db->in_transaction);
	sprintf(db->log + strlen(db->log), "lock-%s%s ", names[lock], tenant);
	return 0;
}

static int
fake_commit(dbmig_call *call)
{
	fake	   *db = db_of(call);

	if (is_fault(call))
		return fault(call);
	assert_true(db->in_transaction);
	db->in_transaction = false;
	db->commits++;
	strcat(db->log, "commit ");
	return 0;
}

static void
fake_abort(dbmig_call *call)
{
	fake	   *db = db_of(call);

	assert_true(db->in_transaction);
	db->in_transaction = false;
	db->now = db->before;
	strcat(db->log, "abort ");
}

static void
fake_release(dbmig_call *call)
{
	strcat(db_of(call)->log, "release ");
}

static int
fake_pause(dbmig_call *call, double seconds)
{
	assert_true(seconds > 0);
	return is_fault(call) ? fault(call) : 0;
}

/*
 * A step outside of a transaction: each character of its text is a statement,
 * and 'x' one that fails as long as the host is told so.
 */
static int
run_alone(dbmig_call *call, const dbmig_step *step, int *statements)
{
	fake	   *db = db_of(call);
	int			i;

	assert_false(db->in_transaction);
	*statements = step->skip;
	for (i = step->skip; step->text[i] != '\0'; i++)
	{
		if (step->text[i] == 'x' && !db->x_works)
			return dbmig_fail(call, DBMIG_ENGINE, NULL, "x in statement %d", i + 1);
		sprintf(db->now.effects + strlen(db->now.effects), "%c;", step->text[i]);
		*statements = i + 1;
		if (dbmig_step_done(call, step, i + 1) != 0)
			return -1;
	}
	return 0;
}

/* A script is kept as its effect; "boom" is one that fails. */
static int
fake_run(dbmig_call *call, const dbmig_step *step, int *statements)
{
	fake	   *db = db_of(call);

	if (is_fault(call))
		return fault(call);
	assert_int_equal(strlen(step->text), step->length);
	if (!step->transactional)
		return run_alone(call, step, statements);
	assert_true(db->in_transaction);
	sprintf(db->log + strlen(db->log), "%s%s@%s ",
			step->direction == DBMIG_UP ? "+" : "-", step->package, step->version);
	if (strcmp(step->text, "boom") == 0)
		return dbmig_fail(call, DBMIG_ENGINE, NULL, "boom in \"%s@%s\"",
						  step->package, step->version);
	sprintf(db->now.effects + strlen(db->now.effects), "%s;", step->text);
	*statements = 1;
	return 0;
}

static int
fake_inspect(dbmig_call *call, const char *script, size_t length,
			 dbmig_inspection *result)
{
	if (is_fault(call))
		return fault(call);
	assert_int_equal(strlen(script), length);
	result->transactional = strcmp(script, "vacuum") != 0 &&
		strcmp(script, "abxd") != 0;
	result->refusal = strcmp(script, "rollback") == 0 ? "ROLLBACK in line 1" : NULL;
	return 0;
}

static int
fake_progress(dbmig_call *call, int done, int total, const char *item,
			  const char *line)
{
	fake	   *db = db_of(call);

	if (is_fault(call))
		return fault(call);
	assert_true(done <= total);
	assert_non_null(strstr(line, item));
	snprintf(db->progress, sizeof(db->progress), "%s", line);
	return 0;
}

static void
fake_notice(dbmig_call *call, const char *line)
{
	(void) call;
	(void) line;
}

static int
fake_set(dbmig_call *call, const char *name, const char *value)
{
	fake	   *db = db_of(call);

	if (is_fault(call))
		return fault(call);
	if (strcmp(name, "lock_timeout") == 0)
		db->settings.lock_timeout = atof(value);
	if (strcmp(name, "out_of_order") == 0)
		db->settings.out_of_order = strcmp(value, "apply") == 0;
	if (strcmp(name, "changed") == 0)
		db->settings.accept_changed = strcmp(value, "accept") == 0;
	return 0;
}

static const dbmig_host host = {
	"sqlite", "SELECT dbmig_migrate", fake_alloc, fake_free, fake_query,
	fake_caller, fake_begin, fake_lock, fake_commit, fake_abort, fake_release,
	fake_run, fake_inspect, fake_pause, fake_progress, fake_notice, fake_set
};

static int
keep_row(dbmig_call *call, void *arg, const dbmig_value *row)
{
	fake	   *db = db_of(call);
	const dbmig_function *function = arg;
	const char *comma;
	int			i = 0;

	if (is_fault(call))
		return fault(call);
	for (comma = function->columns; comma != NULL; comma = strchr(comma + 1, ','), i++)
	{
		if (i > 0)
			strcat(db->answer, "|");
		if (row[i].type == DBMIG_TEXT)
			strcat(db->answer, row[i].text);
		else if (row[i].type != DBMIG_NULL)
			sprintf(db->answer + strlen(db->answer), "%d", (int) row[i].integer);
	}
	strcat(db->answer, ";");
	return 0;
}

const char *
fake_call(fake *db, const char *name,...)
{
	const dbmig_function *function = dbmig_function_find(name);
	dbmig_value args[8];
	dbmig_value result = dbmig_null();
	dbmig_call *call = &db->call;
	const char *arg;
	va_list		list;
	int			count = 0;
	int			failed;

	assert_non_null(function);
	va_start(list, name);
	while ((arg = va_arg(list, const char *)) != NULL)
		args[count++] = arg[0] == '\0' ? dbmig_null() : dbmig_text(arg);
	va_end(list);
	dbmig_call_begin(call, &host, db);
	call->settings = db->settings;
	db->answer[0] = '\0';
	db->calls = 0;
	if (db->jumps && setjmp(db->jump) != 0)
	{
		/* what a host that jumps does by itself */
		if (db->in_transaction)
			fake_abort(call);
		db->status = DBMIG_ENGINE;
		sprintf(db->answer, "ERROR: jumped");
		dbmig_call_end(call);
		return db->answer;
	}
	failed = function->scalar != NULL ?
		function->scalar(call, count, args, &result) :
		function->rows(call, count, args, keep_row, (void *) function);
	db->status = call->status;
	if (failed != 0)
	{
		assert_int_equal(failed, -1);
		assert_int_not_equal(call->status, DBMIG_OK);
		assert_non_null(call->message);
		snprintf(db->answer, sizeof(db->answer), "ERROR: %s", call->message);
	}
	else
	{
		assert_int_equal(call->status, DBMIG_OK);
		if (result.type == DBMIG_TEXT)
			snprintf(db->answer, sizeof(db->answer), "%s", result.text);
		else if (result.type != DBMIG_NULL)
			sprintf(db->answer, "%d", (int) result.integer);
	}
	dbmig_call_end(call);
	assert_int_equal(db->blocks, 0);
	return db->answer;
}

fake *
fake_new(void)
{
	fake	   *db = calloc(1, sizeof(*db));

	assert_non_null(db);
	db->settings.lock_timeout = DBMIG_LOCK_TIMEOUT_DEFAULT;
	return db;
}
