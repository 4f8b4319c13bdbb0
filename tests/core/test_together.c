/*
 * test_together.c
 *		Many tenants that are files: quick migrations of one share a transaction
 *		(T21), and in the end nothing tells that they did.
 */
#include "fake.h"

#define IS(expected, ...) assert_string_equal(fake_call(db, __VA_ARGS__, NULL), expected)

/* Tenants that have p@1, and what p has behind it; names and texts end with NULL. */
static fake *
make(bool apart, const char *const *names, const char *const *texts)
{
	fake	   *db = fake_new();

	db->apart = apart;
	IS("1", "dbmig_append", "p", "P1");
	for (; *names != NULL; names++)
		IS("1", "dbmig_baseline", "p", "1", *names);
	for (; *texts != NULL; texts++)
		assert_true(strncmp(fake_call(db, "dbmig_append", "p", *texts, NULL), "ERROR", 5) != 0);
	db->log[0] = '\0';
	db->now.history_count = 0;
	return db;
}
#define NAMES(...) ((const char *const[]) {__VA_ARGS__, NULL})
#define MAKE(apart, names, ...) make(apart, names, NAMES(__VA_ARGS__))

static void
share_a_transaction(void **state)
{
	fake	   *db = MAKE(true, NAMES("beta", "acme"), "P2", "P3", "P4");

	(void) state;
	IS("6", "dbmig_migrate_tenants");
	assert_string_equal(db->log,
						"enter-acme begin lock-tenantacme +p@2 +p@3 +p@4 commit leave "
						"enter-beta begin lock-tenantbeta +p@2 +p@3 +p@4 commit leave release ");
	assert_string_equal(db->said, "1/3:p@2 2/3:p@3 3/3:p@4 1/3:p@2 2/3:p@3 3/3:p@4 ");
	assert_int_equal(db->now.history_count, 6);
	IS("0", "dbmig_migrate_tenants");
	free(db);
}

/* Where they are not files, or it is one that is migrated. */
static void
others_do_not(void **state)
{
	static const char each[] = "begin lock-tenantacme +p@2 commit begin lock-tenantacme +p@3 commit ";
	fake	   *db = MAKE(false, NAMES("acme"), "P2", "P3");

	(void) state;
	IS("2", "dbmig_migrate_tenants");
	assert_non_null(strstr(db->log, each));
	free(db);
	db = MAKE(true, NAMES("acme"), "P2", "P3");
	IS("2", "dbmig_migrate", "", "", "acme");
	assert_non_null(strstr(db->log, each));
	free(db);
}

/* What came before it stays, and it fails by itself. */
static void
one_fails(void **state)
{
	fake	   *db = MAKE(true, NAMES("acme"), "P2", "P3", "boom", "P5");

	(void) state;
	db->now.effects[0] = '\0';
	IS("ERROR: 1 of 1 tenants failed, the first is \"acme\": boom in \"p@4\"", "dbmig_migrate_tenants");
	assert_string_equal(db->log,
						"enter-acme begin lock-tenantacme +p@2 +p@3 +p@4 abort "
						"begin lock-tenantacme +p@2 commit "
						"begin lock-tenantacme +p@3 commit "
						"begin lock-tenantacme +p@4 abort "
						"begin lock-tenantacme commit leave release ");
	assert_string_equal(db->said, "1/4:p@2 2/4:p@3 ");
	assert_string_equal(db->now.effects, "P2;P3;");
	assert_string_equal(db->now.last_failure, "boom in \"p@4\"");
	assert_string_equal(db->warnings, "tenant \"acme\": boom in \"p@4\";");
	assert_int_equal(db->now.history_count, 3);
	IS("acme|p|3|5|2|failed|boom in \"p@4\";", "dbmig_tenants");
	IS("replaced", "dbmig_register", "p", "4", "P4");
	IS("2", "dbmig_migrate_tenants");
	assert_string_equal(db->now.effects, "P2;P3;P4;P5;");
	assert_int_equal(db->now.history_count, 5);
	IS("acme|p|5|5|0|current|;", "dbmig_tenants");
	free(db);
}

static void
the_first_fails(void **state)
{
	fake	   *db = MAKE(true, NAMES("acme"), "boom", "P3");

	(void) state;
	IS("ERROR: 1 of 1 tenants failed, the first is \"acme\": boom in \"p@2\"", "dbmig_migrate_tenants");
	assert_string_equal(db->log,
						"enter-acme begin lock-tenantacme +p@2 abort "
						"begin lock-tenantacme commit leave release ");
	assert_int_equal(db->now.history_count, 1);
	free(db);
}

/* One that fails in one tenant: the others share as before. */
static void
one_fails_somewhere(void **state)
{
	fake	   *db = MAKE(true, NAMES("acme", "beta", "charlie"), "P2", "fails for beta", "P4");

	(void) state;
	IS("ERROR: 1 of 3 tenants failed, the first is \"beta\": fails for beta",
	   "dbmig_migrate_tenants", "", "", "{\"stop_after\": 0}");
	assert_non_null(strstr(db->log, "enter-acme begin lock-tenantacme +p@2 +p@3 +p@4 commit leave "));
	assert_non_null(strstr(db->log, "enter-charlie begin lock-tenantcharlie +p@2 +p@3 +p@4 commit leave "));
	assert_int_equal(db->now.history_count, 3 + 2 + 3);
	free(db);
}

/* A transaction is held for no long time. */
static void
a_slow_one_ends_it(void **state)
{
	fake	   *db = MAKE(true, NAMES("acme"), "P2", "slow", "P4", "P5");

	(void) state;
	IS("4", "dbmig_migrate_tenants");
	assert_string_equal(db->log,
						"enter-acme begin lock-tenantacme +p@2 +p@3 commit "
						"begin lock-tenantacme +p@4 +p@5 commit leave release ");
	assert_string_equal(db->said, "1/4:p@2 2/4:p@3 3/4:p@4 4/4:p@5 ");
	free(db);
}

/* What is committed before a failure in the next one stays as it is. */
static void
one_fails_behind_a_slow_one(void **state)
{
	fake	   *db = MAKE(true, NAMES("acme"), "P2", "slow", "P4", "boom", "P6");

	(void) state;
	IS("ERROR: 1 of 1 tenants failed, the first is \"acme\": boom in \"p@5\"", "dbmig_migrate_tenants");
	assert_string_equal(db->log,
						"enter-acme begin lock-tenantacme +p@2 +p@3 commit "
						"begin lock-tenantacme +p@4 +p@5 abort "
						"begin lock-tenantacme +p@4 commit "
						"begin lock-tenantacme +p@5 abort "
						"begin lock-tenantacme commit leave release ");
	assert_string_equal(db->said, "1/5:p@2 2/5:p@3 3/5:p@4 ");
	assert_int_equal(db->now.history_count, 4);
	free(db);
}

static void
one_that_is_alone(void **state)
{
	fake	   *db = MAKE(true, NAMES("acme"), "P2", "P3", "abxd", "P5", "P6");

	(void) state;
	db->x_works = true;
	db->now.effects[0] = '\0';
	IS("5", "dbmig_migrate_tenants");
	assert_string_equal(db->now.effects, "P2;P3;a;b;x;d;P5;P6;");
	assert_non_null(strstr(db->log, "begin lock-tenantacme +p@2 +p@3 commit begin lock-tenantacme commit "));
	assert_non_null(strstr(db->log, "commit begin lock-tenantacme +p@5 +p@6 commit leave "));
	assert_int_equal(db->now.history_count, 5);
	free(db);
}

/* Readers would not let each of them through either: the first one is told. */
static void
readers_are_in_the_way(void **state)
{
	fake	   *db = MAKE(true, NAMES("acme"), "P2", "P3");

	(void) state;
	db->readers = 1;
	IS("ERROR: 1 of 1 tenants failed, the first is \"acme\": others are reading", "dbmig_migrate_tenants");
	assert_string_equal(db->log,
						"enter-acme begin lock-tenantacme +p@2 +p@3 abort "
						"begin lock-tenantacme commit leave release ");
	assert_string_equal(db->said, "");
	assert_int_equal(db->now.history_count, 1);
	IS("acme|p|1|3|2|failed|others are reading;", "dbmig_tenants");
	IS("2", "dbmig_migrate_tenants");
	free(db);
}

static void
an_interrupt_ends_it(void **state)
{
	fake	   *db = MAKE(true, NAMES("acme", "beta"), "P2", "stop", "P4");

	(void) state;
	IS("ERROR: interrupted", "dbmig_migrate_tenants", "", "", "{\"stop_after\": 0}");
	assert_string_equal(db->log,
						"enter-acme begin lock-tenantacme +p@2 +p@3 abort "
						"begin lock-tenantacme commit release ");
	assert_string_equal(db->said, "");
	IS("replaced", "dbmig_register", "p", "3", "P3");
	IS("6", "dbmig_migrate_tenants");
	free(db);
}

/* Where the first file has shown it, the texts of all packages are known. */
static void
packages_share(void **state)
{
	fake	   *db = MAKE(true, NAMES("acme"), "P2");

	(void) state;
	IS("1", "dbmig_append", "q", "Q1");
	IS("3", "dbmig_apply", "", "", "beta");
	IS("3", "dbmig_apply", "", "", "charlie");
	IS("3", "dbmig_append", "p", "P3");
	IS("2", "dbmig_append", "q", "Q2");
	IS("3", "dbmig_append", "q", "Q3");
	db->log[0] = '\0';
	IS("8", "dbmig_migrate_tenants", "", "", "{\"only\": [\"beta\", \"charlie\", \"acme\"]}");
	assert_string_equal(db->log,
						"enter-beta leave enter-charlie leave enter-acme leave "
						"enter-acme begin lock-tenantacme +p@2 +p@3 commit leave "
						"enter-beta begin lock-tenantbeta +p@3 commit "
						"begin lock-tenantbeta +q@2 +q@3 commit leave "
						"enter-charlie begin lock-tenantcharlie +p@3 +q@2 +q@3 commit leave release ");
	free(db);
}

/* Another connection, once what was shared is undone: has p@2 now ... */
static void
other_applies(fake *db)
{
	fake_tables *t = &db->now;
	int			i = t->applied_count++;

	strcpy(t->applied[i][0], "p");
	strcpy(t->applied[i][1], "2");
	strcpy(t->applied[i][2], t->migrations[1].checksum);
	strcpy(t->applied[i][3], "applied");
	strcpy(t->applied[i][4], "acme");
	t->history_count++;
	strcat(t->effects, "P2;");
}

/* ... changes p@2, which would be the first ... */
static void
other_changes(fake *db)
{
	strcpy(db->now.migrations[1].checksum, db->now.migrations[0].checksum);
	strcpy(db->now.migrations[1].up, "P1");
}

/* ... mends p@3 ... */
static void
other_mends(fake *db)
{
	strcpy(db->now.migrations[2].checksum, db->now.migrations[0].checksum);
	strcpy(db->now.migrations[2].up, "P1");
}

/* ... or writes again and again. */
static void
other_writes(fake *db)
{
	db->meanwhile_in = 1;
}

static void
sees_others(void **state)
{
	static const struct
	{
		void		(*meanwhile) (fake *db);
		const char *answer;
		const char *effects;
		int			history;
	}			cases[] = {
		{other_applies, "ERROR: 1 of 1 tenants failed, the first is \"acme\": boom in \"p@3\"", "P2;", 2},
		{other_changes, "ERROR: 1 of 1 tenants failed, the first is \"acme\": boom in \"p@3\"", "P1;", 2},
		{other_mends, "3", "P2;P1;P4;", 3},
		{other_writes, "ERROR: 1 of 1 tenants failed, the first is \"acme\": boom in \"p@3\"", "P2;", 2},
	};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		fake	   *db = MAKE(true, NAMES("acme"), "P2", "boom", "P4");

		db->now.effects[0] = '\0';
		db->meanwhile = cases[i].meanwhile;
		db->meanwhile_in = 2;	/* to do them one by one */
		IS(cases[i].answer, "dbmig_migrate_tenants");
		assert_string_equal(db->now.effects, cases[i].effects);
		assert_int_equal(db->now.history_count, cases[i].history);
		free(db);
	}
}

/* Another connection changes the registry while the first file is at work. */
static void
later_tenants_see_it(void **state)
{
	fake	   *db = MAKE(true, NAMES("acme", "beta"), "P2", "slow", "P4");

	(void) state;
	db->now.effects[0] = '\0';
	db->meanwhile = other_mends;	/* p@3, which acme has by then */
	db->meanwhile_in = 2;
	IS("6", "dbmig_migrate_tenants");
	assert_string_equal(db->now.effects, "P2;slow;P4;P2;P1;P4;");
	IS("1", "dbmig_check", "p", "", "beta");
	free(db);
}

/* Every call to the host fails in turn, in each way; the next call finishes. */
static void
every_fault(void **state)
{
	fake	   *db = MAKE(true, NAMES("acme", "beta"), "P2", "P3", "P4");
	fake_tables before;
	int			jumps;

	(void) state;
	db->now.effects[0] = '\0';
	before = db->now;
	for (jumps = 0; jumps < 2; jumps++)
	{
		int			points = 0;

		for (;;)
		{
			db->now = before;
			db->log[0] = db->warnings[0] = '\0';
			db->jumps = jumps != 0;
			db->fail_at = ++points;
			fake_call(db, "dbmig_migrate_tenants", NULL);
			assert_false(db->in_transaction);
			if (db->calls < db->fail_at)
				break;
			db->fail_at = 0;
			db->jumps = false;
			fake_call(db, "dbmig_migrate_tenants", "", "", "{\"stop_after\": 0}", NULL);
			assert_true(db->status == DBMIG_OK);
			assert_string_equal(db->now.effects, "P2;P3;P4;P2;P3;P4;");
			assert_true(db->now.history_count <= 7);
			IS("acme|p|4|4|0|current|;beta|p|4|4|0|current|;", "dbmig_tenants");
		}
		assert_true(points > 30);
		assert_string_equal(db->answer, "6");
	}
	free(db);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(share_a_transaction),
		cmocka_unit_test(others_do_not),
		cmocka_unit_test(one_fails),
		cmocka_unit_test(the_first_fails),
		cmocka_unit_test(one_fails_somewhere),
		cmocka_unit_test(a_slow_one_ends_it),
		cmocka_unit_test(one_fails_behind_a_slow_one),
		cmocka_unit_test(one_that_is_alone),
		cmocka_unit_test(readers_are_in_the_way),
		cmocka_unit_test(an_interrupt_ends_it),
		cmocka_unit_test(packages_share),
		cmocka_unit_test(sees_others),
		cmocka_unit_test(later_tenants_see_it),
		cmocka_unit_test(every_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
