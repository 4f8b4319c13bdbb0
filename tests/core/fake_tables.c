/*
 * fake_tables.c
 *		What the fake host answers to the core's statements.
 */
#include "fake.h"

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

static int
compare_tenants(const void *a, const void *b)
{
	const char *x = a;
	const char *y = b;
	int			order = strcmp(x, y);

	return order != 0 ? order : strcmp(x + 40, y + 40);
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

/* tenant NULL: any */
static int
find_applied(fake_tables *t, const char *tenant, const char *package,
			 const char *version)
{
	int			i;

	for (i = 0; i < t->applied_count; i++)
		if (strcmp(t->applied[i][0], package) == 0 &&
			strcmp(t->applied[i][1], version) == 0 &&
			(tenant == NULL || strcmp(t->applied[i][4], tenant) == 0))
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
is_applied(fake_tables *t, const char *tenant, const fake_migration *m,
		   bool same_text)
{
	int			i = find_applied(t, tenant, m->package, m->version);

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
	fake_tables *t = &((fake *) call->data)->now;
	int			i;

	*done = true;
	switch (id)
	{
		case DBMIG_PACKAGES:
		case DBMIG_PACKAGES_TAKEN:
			for (i = 0; i < t->package_count; i++)
			{
				dbmig_value out[3] = {
					text(t->packages[i]), dbmig_int(i), text(t->package_options[i])
				};

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
				dbmig_value out[10] = {
					text(m->package), text(m->version),
					text(m->has_name ? m->name : NULL), text(m->checksum),
					dbmig_bool(m->transactional), dbmig_bool(true),
					text(m->refusal[0] != '\0' ? m->refusal : NULL), text(NULL),
					dbmig_bool(m->has_down),
					text(strcmp(m->options, "{}") != 0 ? m->options : NULL)
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

				if (same(&p[id == DBMIG_APPLIED ? 0 : 1], t->applied[i][4]) &&
					row(call, arg, out) != 0)
					return -1;
			}
			return 0;
		case DBMIG_DEPENDS:
			for (i = 0; i < t->dependency_count; i++)
				if (same(&p[0], t->dependencies[i][0]))
					return one(call, row, arg, dbmig_int(1));
			return 0;
		case DBMIG_PENDING:
		case DBMIG_PENDING_ONE:
		case DBMIG_PENDING_TAKEN:
		case DBMIG_UNSETTLED:
		case DBMIG_UNSETTLED_ONE:
		case DBMIG_UNSETTLED_TAKEN:
			{
				bool		taken = id == DBMIG_PENDING_TAKEN || id == DBMIG_UNSETTLED_TAKEN;
				bool		one_package = id == DBMIG_PENDING_ONE || id == DBMIG_UNSETTLED_ONE;
				bool		settled = id == DBMIG_UNSETTLED || id == DBMIG_UNSETTLED_ONE ||
				id == DBMIG_UNSETTLED_TAKEN;
				int			count = 0;

				for (i = 0; i < t->migration_count; i++)
					if (!one_package || same(&p[1], t->migrations[i].package))
						count += !is_applied(t, p[taken ? 1 : 0].text,
											 &t->migrations[i], settled);
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
	fake_tables *t = &((fake *) call->data)->now;
	fake_migration *m;
	int			i;

	switch (id)
	{
		case DBMIG_PACKAGE_FIND:
			for (i = 0; i < t->package_count; i++)
				if (same(&p[0], t->packages[i]))
				{
					dbmig_value out[2] = {dbmig_int(i), text(t->package_options[i])};

					return row(call, arg, out);
				}
			return 0;
		case DBMIG_PACKAGE_OPTIONS:
			for (i = 0; i < t->package_count; i++)
				if (same(&p[1], t->packages[i]))
					SET(t->package_options[i], &p[0]);
			return 0;
		case DBMIG_PACKAGE_PUT:
			SET(t->packages[t->package_count], &p[0]);
			strcpy(t->package_options[t->package_count++], "{}");
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
		case DBMIG_FILES_MISSING:
			return 0;
		case DBMIG_MIGRATION_PART:
			for (m = t->migrations; m < t->migrations + t->migration_count; m++)
				if (same(&p[0], m->package) && same(&p[1], m->sort_key))
				{
					dbmig_value out[7] = {
						text(m->version), text(m->kind),
						text(m->has_name ? m->name : NULL), text(m->options),
						text(NULL), text(m->up), text(m->has_down ? m->down : NULL)
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
			i = find_applied(t, NULL, p[0].text, p[1].text);
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
		case DBMIG_STEPS_UP:
		case DBMIG_STEPS_DOWN:
			{
				int64_t		left = p[2].integer;

				qsort(t->migrations, (size_t) t->migration_count,
					  sizeof(t->migrations[0]), compare_migrations);
				for (m = t->migrations; m < t->migrations + t->migration_count; m++)
				{
					dbmig_value out[5] = {
						text(m->version), text(m->kind), text(m->options),
						text(id == DBMIG_STEPS_UP ? m->up : m->has_down ? m->down : NULL),
						text(m->sort_key)
					};

					if (same(&p[0], m->package) && strcmp(m->sort_key, p[1].text) >= 0 &&
						left-- > 0 && row(call, arg, out) != 0)
						return -1;
				}
				return 0;
			}
		case DBMIG_APPLIED_STATE:
			i = find_applied(t, p[0].text, p[1].text, p[2].text);
			if (i >= 0)
			{
				dbmig_value out[2] = {
					text(t->applied[i][3]), dbmig_int(t->statements[i])
				};

				return row(call, arg, out);
			}
			return 0;
		case DBMIG_HISTORY_LAST:
			return one(call, row, arg, dbmig_int(t->history_count));
		case DBMIG_AS_REGISTERED:
			for (m = t->migrations; m < t->migrations + t->migration_count; m++)
				if (same(&p[0], m->package) && same(&p[1], m->version) &&
					same(&p[2], m->checksum))
					return one(call, row, arg, dbmig_int(1));
			return 0;
		case DBMIG_TENANT_HAS:
			for (i = 0; i < t->tenant_count; i++)
				if (same(&p[0], t->tenants[i][0]) &&
					(t->tenants[i][1][0] == '\0' || same(&p[1], t->tenants[i][1])))
					return one(call, row, arg, dbmig_int(1));
			return 0;
		case DBMIG_TENANT_PUT:
			return 0;
		case DBMIG_TENANT_FIND:
			for (i = 0; i < t->tenant_count; i++)
				if (same(&p[0], t->tenants[i][0]))
				{
					dbmig_value out[2] = {p[0], dbmig_null()};

					return row(call, arg, out);
				}
			return 0;
		case DBMIG_TENANT_PACKAGES:
			qsort(t->tenants, (size_t) t->tenant_count, sizeof(t->tenants[0]),
				  compare_tenants);
			for (i = 0; i < t->tenant_count; i++)
			{
				dbmig_value out[2] = {text(t->tenants[i][0]), text(t->tenants[i][1])};

				if (row(call, arg, out) != 0)
					return -1;
			}
			return 0;
		case DBMIG_TENANTS_BEHIND:
			for (i = 0; i < t->tenant_count; i++)
				for (m = t->migrations; m < t->migrations + t->migration_count; m++)
				{
					dbmig_value out[2] = {text(t->tenants[i][0]), text(m->package)};

					if (!is_applied(t, t->tenants[i][0], m, true) &&
						row(call, arg, out) != 0)
						return -1;
				}
			return 0;
		case DBMIG_TENANT_FAILURES:
			for (i = 0; i < t->applied_count; i++)
				if (strcmp(t->applied[i][3], "applied") != 0)
				{
					dbmig_value out[3] = {
						text(t->applied[i][4]), text(t->applied[i][0]), dbmig_int(1)
					};

					return row(call, arg, out);
				}
			return 0;
		case DBMIG_HISTORY_ERROR:
		case DBMIG_TENANT_ERROR:
			return one(call, row, arg, text(t->last_failure));
		case DBMIG_TENANT_DROP:
		case DBMIG_TENANT_PACKAGE_DROP:
			for (i = t->tenant_count; i-- > 0;)
				if (same(&p[0], t->tenants[i][0]))
					memcpy(t->tenants[i], t->tenants[--t->tenant_count],
						   sizeof(t->tenants[0]));
			return 0;
		case DBMIG_TENANT_APPLIED_DROP:
			for (i = t->applied_count; i-- > 0;)
				if (same(&p[0], t->applied[i][4]))
					drop_applied(t, i);
			return 0;
		case DBMIG_TENANT_PACKAGE_PUT:
			SET(t->tenants[t->tenant_count][0], &p[0]);
			SET(t->tenants[t->tenant_count++][1], &p[1]);
			return 0;
		case DBMIG_FAILED_DROP:
			i = find_applied(t, NULL, p[0].text, p[1].text);
			if (i >= 0 && strcmp(t->applied[i][3], "failed") == 0)
				drop_applied(t, i);
			return 0;
		case DBMIG_STATEMENTS_DONE:
			i = find_applied(t, p[1].text, p[2].text, p[3].text);
			if (t->statements[i] < p[0].integer)
				t->statements[i] = (int) p[0].integer;
			return 0;
		case DBMIG_APPLIED_PUT:
		case DBMIG_UNSETTLED_PUT:

			/* in the order of package and version, as the index has them */
			i = find_applied(t, p[0].text, p[1].text, p[2].text);
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
			SET(t->applied[i][4], &p[0]);
			SET(t->applied[i][0], &p[1]);
			SET(t->applied[i][1], &p[2]);
			SET(t->applied[i][2], &p[4]);
			strcpy(t->applied[i][3], id == DBMIG_APPLIED_PUT ? "applied" : p[5].text);
			t->statements[i] = (int) p[id == DBMIG_APPLIED_PUT ? 5 : 6].integer;
			return 0;
		case DBMIG_APPLIED_DROP:
			i = find_applied(t, p[0].text, p[1].text, p[2].text);
			if (i >= 0)
				drop_applied(t, i);
			return 0;
		case DBMIG_HISTORY_FAIL:
			t->history_count++;
			SET(t->last_failure, &p[8]);
			return 0;
		case DBMIG_APPLIED_ACCEPT:
			i = find_applied(t, NULL, p[1].text, p[2].text);
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

int
fake_tables_query(fake *db, dbmig_sql id, const dbmig_value *params,
				  dbmig_row_fn row, void *arg)
{
	const char *text_of = dbmig_statements[id].text;
	bool		done;
	int			result;

	/* what has both cannot run where a tenant is apart */
	if (db->apart && db->entered[0] != '\0')
		assert_true(strstr(text_of, "@.") == NULL || strstr(text_of, "#.") == NULL);
	result = registry_query(&db->call, id, params, row, arg, &done);
	return done ? result : write_query(&db->call, id, params, row, arg);
}
