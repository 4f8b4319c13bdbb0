/*
 * test_migrate.c
 *		Migration by migration: what is committed when, what a failure leaves,
 *		and where the next call goes on.
 */
#include "fake.h"

#define IS(expected, ...) assert_string_equal(fake_call(db, __VA_ARGS__, NULL), expected)

/* Each migration and its record are one transaction, under one lock. */
static void
commits_each(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	IS("1", "dbmig_append", "p", "P1");
	IS("2", "dbmig_append", "p", "P2");
	db->log[0] = '\0';
	IS("2", "dbmig_migrate", "");
	assert_string_equal(db->log,
						"begin lock-tenant +p@1 commit "
						"begin lock-tenant +p@2 commit release ");
	db->log[0] = '\0';
	IS("0", "dbmig_migrate", "");
	assert_string_equal(db->log, "");
	free(db);
}

/* What came before a failure stays; the failure is kept, and tried again. */
static void
keeps_what_is_done(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	IS("1", "dbmig_append", "p", "P1");
	IS("2", "dbmig_append", "p", "boom");
	IS("3", "dbmig_append", "p", "P3");
	IS("ERROR: boom in \"p@2\"", "dbmig_migrate", "");
	assert_string_equal(db->now.effects, "P1;");
	assert_string_equal(db->now.last_failure, "boom in \"p@2\"");
	assert_int_equal(db->now.history_count, 2);
	assert_string_equal(db->now.applied[1][3], "failed");
	IS("ERROR: migration \"p@2\" has failed or was interrupted", "dbmig_check", "p");
	assert_non_null(strstr(fake_call(db, "dbmig_verify", NULL), "|p|2|failed|"));
	IS("replaced", "dbmig_register", "p", "2", "P2");
	assert_int_equal(db->now.applied_count, 1);
	IS("2", "dbmig_migrate", "p");
	assert_string_equal(db->now.effects, "P1;P2;P3;");
	IS("1", "dbmig_check", "p");
	free(db);
}

/* N2: statement by statement, going on behind the last one done */
static void
goes_on_where_it_stopped(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	IS("1", "dbmig_append", "p", "abxd");
	IS("ERROR: migration \"p@1\" cannot run in a transaction", "dbmig_apply", "");
	db->log[0] = '\0';
	IS("ERROR: x in statement 3", "dbmig_migrate", "");
	assert_string_equal(db->now.effects, "a;b;");
	assert_int_equal(db->now.statements[0], 2);
	assert_string_equal(db->now.applied[0][3], "failed");
	db->x_works = true;
	IS("1", "dbmig_migrate", "");
	assert_string_equal(db->now.effects, "a;b;x;d;");
	assert_int_equal(db->now.statements[0], 4);
	assert_string_equal(db->now.applied[0][3], "applied");
	free(db);
}

/* Settled by hand: as applied, or as pending from the start. */
static void
resolves(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	IS("1", "dbmig_append", "p", "abxd");
	IS("ERROR: x in statement 3", "dbmig_migrate", "");
	IS("pending", "dbmig_resolve", "p", "1", "pending");
	assert_int_equal(db->now.applied_count, 0);
	IS("ERROR: migration \"p@1\" is pending, not running or failed",
	   "dbmig_resolve", "p", "1", "applied");
	IS("ERROR: x in statement 3", "dbmig_migrate", "");
	assert_string_equal(db->now.effects, "a;b;a;b;");
	IS("applied", "dbmig_resolve", "p", "1", "applied");
	IS("1", "dbmig_check", "p");
	free(db);
}

/*
 * Every call to the host fails once: nothing is committed half, a step that is
 * not transactional never runs a recorded statement again, and the next call
 * completes it.
 */
static void
every_fault(void **state)
{
	int			n;

	(void) state;
	for (n = 1;; n++)
	{
		fake	   *db = fake_new();
		bool		ended;

		db->x_works = true;
		IS("1", "dbmig_append", "p", "P1");
		IS("2", "dbmig_append", "p", "abxd");
		IS("3", "dbmig_append", "p", "P3");
		db->fail_at = n;
		fake_call(db, "dbmig_migrate", NULL);
		db->fail_at = 0;
		ended = db->calls < n;
		assert_false(db->in_transaction);
		if (!ended)
			assert_true(strncmp(db->answer, "ERROR", 5) == 0);
		fake_call(db, "dbmig_migrate", NULL);
		assert_true(strncmp(db->answer, "ERROR", 5) != 0);
		IS("1", "dbmig_check", "");

		/* only the one statement whose record failed may have run twice */
		assert_true(strlen(db->now.effects) <= strlen("P1;a;b;x;d;P3;") + 2);
		free(db);
		if (ended)
			break;
	}
	assert_true(n > 50);
}

/* Another call applies p@2, or changes it, or p@3, or only writes. */
static void
other_applies(fake *db)
{
	fake_tables *t = &db->now;
	int			i = t->applied_count++;

	strcpy(t->applied[i][0], "p");
	strcpy(t->applied[i][1], "2");
	strcpy(t->applied[i][2], t->migrations[1].checksum);
	strcpy(t->applied[i][3], "applied");
	t->history_count++;
	strcat(t->effects, "P2;");
}

static void
other_changes(fake *db)
{
	strcpy(db->now.migrations[1].checksum, db->now.migrations[0].checksum);
	strcpy(db->now.migrations[1].up, "P1");
}

static void
other_changes_later(fake *db)
{
	strcpy(db->now.migrations[2].checksum, db->now.migrations[0].checksum);
	strcpy(db->now.migrations[2].up, "P1");
}

static void
other_writes(fake *db)
{
	strcat(db->now.effects, "other;");
}

/* Where the lock is free in between, what others did is not done again. */
static void
sees_others(void **state)
{
	static const struct
	{
		void		(*meanwhile) (fake *db);
		const char *count;
		const char *effects;
		const char *progress;
	}			cases[] = {
		{other_applies, "2", "P1;P2;P3;", "2/2 p@3"},
		{other_changes, "3", "P1;P1;P3;", "3/3 p@3"},
		{other_changes_later, "3", "P1;P2;P1;", "3/3 p@3"},
		{other_writes, "3", "P1;other;P2;P3;", "3/3 p@3"},
	};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		fake	   *db = fake_new();

		IS("1", "dbmig_append", "p", "P1");
		IS("2", "dbmig_append", "p", "P2");
		IS("3", "dbmig_append", "p", "P3");
		db->meanwhile = cases[i].meanwhile;
		db->meanwhile_in = 2;	/* the plan and p@1, p@2 */
		IS(cases[i].count, "dbmig_migrate", "");
		assert_string_equal(db->now.effects, cases[i].effects);
		assert_non_null(strstr(db->progress, cases[i].progress));
		assert_int_equal(db->now.history_count, 3);
		IS("1", "dbmig_check", "");
		free(db);
	}
}

static void
waits(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	IS("1", "dbmig_append", "p", "P1");
	IS("ERROR: waited 0 seconds: migration \"p@1\" is pending", "dbmig_wait", "p", "0");
	IS("ERROR: waited 0.01 seconds: package \"q\" is not registered", "dbmig_wait", "q", "0.01");
	IS("ERROR: \"-1\" is no number of seconds", "dbmig_wait", "p", "-1");
	IS("1", "dbmig_apply", "");
	IS("1", "dbmig_wait", "p", "0");
	IS("1", "dbmig_wait", "", "0");
	free(db);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commits_each),
		cmocka_unit_test(keeps_what_is_done),
		cmocka_unit_test(goes_on_where_it_stopped),
		cmocka_unit_test(resolves),
		cmocka_unit_test(every_fault),
		cmocka_unit_test(sees_others),
		cmocka_unit_test(waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
