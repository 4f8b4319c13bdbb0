/*
 * test_tenants.c
 *		Tenants on the fake host, whose tables are the registry's or apart.
 */
#include "fake.h"

#define IS(expected, ...) assert_string_equal(fake_call(db, __VA_ARGS__, NULL), expected)

static void
register_two(fake *db)
{
	IS("registered", "dbmig_register", "p", "1", "P", "undo P");
	IS("registered", "dbmig_register", "q", "1", "Q", "undo Q");
}

/* What is applied to one is applied to no other, and not to the database. */
static void
keeps_apart(bool apart)
{
	fake	   *db = fake_new();

	db->apart = apart;
	register_two(db);
	db->log[0] = '\0';
	IS("1", "dbmig_apply", "p", "", "Acme");
	assert_string_equal(db->log, "enter-acme begin lock-tenantacme +p@1 commit ");
	assert_non_null(strstr(db->progress, "acme: 1/1 p@1 ("));
	IS("0", "dbmig_apply", "p", "", "acme");
	IS("1", "dbmig_is_current", "p", "", "ACME");
	IS("1", "dbmig_check", "p", "", "acme");
	IS("0", "dbmig_is_current", "", "", "acme");
	IS("ERROR: migration \"q@1\" is pending", "dbmig_check", "", "", "acme");
	IS("1|q|1||up|1;", "dbmig_plan", "", "", "acme");
	IS("0", "dbmig_is_current", "p", "", "beta");
	IS("0", "dbmig_is_current", "p");
	IS("2", "dbmig_apply", "");
	IS("2", "dbmig_migrate", "", "", "beta");
	IS("1", "dbmig_is_current", "", "", "beta");
	IS("0", "dbmig_migrate", "", "", "beta");
	IS("1", "dbmig_rollback", "p", "", "beta");
	IS("1|p|1||up|1;", "dbmig_plan", "", "", "beta");
	IS("", "dbmig_plan", "");
	IS("1", "dbmig_baseline", "p", "1", "beta");
	IS("1", "dbmig_redo", "p", "beta");
	IS("1", "dbmig_rollback_all", "p", "beta");
	free(db);
}

static void
keeps_tenants_apart(void **state)
{
	(void) state;
	keeps_apart(false);
}

static void
keeps_files_apart(void **state)
{
	(void) state;
	keeps_apart(true);
}

/* A tenant becomes known when something is applied, with what was asked. */
static void
adopts(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	register_two(db);
	IS("registered", "dbmig_register", "z", "1", "boom");
	IS("ERROR: boom in \"z@1\"", "dbmig_apply", "z", "", "acme");
	assert_int_equal(db->now.tenant_count, 0);
	IS("1", "dbmig_apply", "p", "", "acme");
	IS("0", "dbmig_apply", "p", "1", "acme");
	assert_int_equal(db->now.tenant_count, 1);
	assert_string_equal(db->now.tenants[0][0], "acme");
	assert_string_equal(db->now.tenants[0][1], "p");
	IS("1", "dbmig_baseline", "q", "1", "acme");
	assert_int_equal(db->now.tenant_count, 2);
	assert_string_equal(db->now.tenants[1][1], "q");
	IS("ERROR: boom in \"z@1\"", "dbmig_migrate", "", "", "beta");
	assert_string_equal(db->now.tenants[2][0], "beta");
	assert_string_equal(db->now.tenants[2][1], "");
	assert_int_equal(db->now.tenant_count, 3);
	free(db);
}

static void
refuses_unknown(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	register_two(db);
	db->log[0] = '\0';
	IS("ERROR: tenant \"nosuch\" is not known", "dbmig_apply", "", "", "nosuch");
	assert_int_equal(db->status, DBMIG_UNKNOWN);
	IS("ERROR: tenant \"nosuch\" is not known", "dbmig_verify", "", "nosuch");
	IS("ERROR: tenant \"nosuch\" is not known", "dbmig_resolve", "p", "1", "applied", "nosuch");
	assert_string_equal(db->log, "");
	free(db);
}

/* Every call to the host fails in turn: nothing is half done, nothing leaks. */
static void
every_fault(bool apart, const char *function)
{
	fake	   *db = fake_new();
	fake_tables before;
	int			points = 0;

	db->apart = apart;
	register_two(db);
	before = db->now;
	do
	{
		db->now = before;
		db->log[0] = '\0';
		db->fail_at = ++points;
		fake_call(db, function, "p", "", "acme", NULL);
		assert_false(db->in_transaction);
		if (db->calls < db->fail_at)
			break;
	} while (points < 1000);
	assert_true(points > 10 && points < 1000);
	assert_string_equal(db->answer, "1");
	assert_string_equal(db->now.applied[0][4], "acme");
	free(db);
}

static void
every_fault_of_apply(void **state)
{
	(void) state;
	every_fault(false, "dbmig_apply");
	every_fault(true, "dbmig_apply");
}

static void
every_fault_of_migrate(void **state)
{
	(void) state;
	every_fault(false, "dbmig_migrate");
	every_fault(true, "dbmig_migrate");
}

/* What each of four tenants has: nothing, by their names. */
static void
adopt_four(fake *db)
{
	static const char *const names[] = {"delta", "acme", "charlie", "beta"};
	size_t		i;

	for (i = 0; i < 4; i++)
		IS("1", "dbmig_baseline", "p", "1", names[i]);
	db->log[0] = '\0';
	db->now.effects[0] = '\0';
}

/* Those that are behind, by name, each committed by itself; then nobody is. */
static void
migrates_all(bool apart)
{
	fake	   *db = fake_new();

	db->apart = apart;
	IS("0", "dbmig_migrate_tenants", "");
	IS("", "dbmig_tenants");
	register_two(db);
	adopt_four(db);
	IS("1", "dbmig_apply", "q", "", "beta");
	IS("registered", "dbmig_register", "p", "2", "P2");
	IS("registered", "dbmig_register", "r", "1", "R");
	IS("1", "dbmig_apply", "p", "2", "charlie");
	db->log[0] = '\0';
	IS("3", "dbmig_migrate_tenants", "");
	if (!apart)
		assert_string_equal(db->log,
							"enter-acme begin lock-tenantacme +p@2 commit leave "
							"enter-beta begin lock-tenantbeta +p@2 commit begin lock-tenantbeta commit leave "
							"enter-delta begin lock-tenantdelta +p@2 commit leave release ");
	assert_string_equal(db->warnings, "");
	IS("0", "dbmig_migrate_tenants", "");
	IS("acme|p|2|2|0|current|;beta|p|2|2|0|current|;beta|q|1|1|0|current|;"
	   "charlie|p|2|2|0|current|;delta|p|2|2|0|current|;", "dbmig_tenants");

	/* nobody is to have r; a package that is none */
	IS("0", "dbmig_migrate_tenants", "r");
	IS("ERROR: package \"x\" is not registered", "dbmig_migrate_tenants", "x");
	IS("ERROR: version \"9\" of package \"p\" is not registered", "dbmig_migrate_tenants", "p", "9");

	/* up to a version, which some have passed */
	IS("registered", "dbmig_register", "p", "3", "P3");
	IS("registered", "dbmig_register", "p", "4", "P4");
	IS("2", "dbmig_apply", "p", "", "beta");
	IS("3", "dbmig_migrate_tenants", "p", "3");
	IS("3", "dbmig_migrate_tenants", "");

	/* what a package takes along is for its tenants, too */
	IS("1", "dbmig_after", "p", "r");
	IS("acme|p|4|4|0|current|;acme|r||1|1|pending|;"
	   "beta|p|4|4|0|current|;beta|q|1|1|0|current|;beta|r||1|1|pending|;"
	   "charlie|p|4|4|0|current|;charlie|r||1|1|pending|;"
	   "delta|p|4|4|0|current|;delta|r||1|1|pending|;", "dbmig_tenants");
	IS("1", "dbmig_migrate_tenants", "r", "", "{\"only\": [\"BETA\"]}");
	IS("3", "dbmig_migrate_tenants", "");
	free(db);
}

/* What the database itself has is no tenant's, and what a tenant has not its. */
static void
looks_at_each_alone(bool apart)
{
	fake	   *db = fake_new();

	db->apart = apart;
	register_two(db);
	adopt_four(db);
	IS("registered", "dbmig_register", "p", "2", "P2");
	IS("3", "dbmig_apply");
	IS("acme|p|1|2|1|pending|;beta|p|1|2|1|pending|;charlie|p|1|2|1|pending|;delta|p|1|2|1|pending|;",
	   "dbmig_tenants");
	IS("4", "dbmig_migrate_tenants");
	IS("acme|p|2|2|0|current|;beta|p|2|2|0|current|;charlie|p|2|2|0|current|;delta|p|2|2|0|current|;",
	   "dbmig_tenants");
	free(db);
}

static void
looks_at_tenants_alone(void **state)
{
	(void) state;
	looks_at_each_alone(false);
}

static void
looks_at_files_alone(void **state)
{
	(void) state;
	looks_at_each_alone(true);
}

static void
migrates_tenants(void **state)
{
	(void) state;
	migrates_all(false);
}

static void
migrates_files(void **state)
{
	(void) state;
	migrates_all(true);
}

/* A package that fails for one tenant alone: a step is about its tenant. */
static void
goes_on_after_failures(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	register_two(db);
	adopt_four(db);
	IS("registered", "dbmig_register", "p", "2", "fails for charlie");
	IS("ERROR: 1 of 3 tenants failed, the first is \"charlie\": fails for charlie",
	   "dbmig_migrate_tenants", "");
	assert_int_equal(db->status, DBMIG_ENGINE);
	assert_string_equal(db->hint, "1 more are behind and were not begun. Mend the cause and call again: it goes on with those that are behind.");
	assert_string_equal(db->warnings, "tenant \"charlie\": fails for charlie;");
	IS("acme|p|2|2|0|current|;beta|p|2|2|0|current|;"
	   "charlie|p|1|2|1|failed|fails for charlie;delta|p|1|2|1|pending|;",
	   "dbmig_tenants");
	IS("ERROR: 1 of 2 tenants failed, the first is \"charlie\": fails for charlie",
	   "dbmig_migrate_tenants", "", "", "{\"stop_after\": 0}");
	assert_string_equal(db->hint, "Mend the cause and call again: it goes on with those that are behind.");
	db->x_works = true;
	IS("1", "dbmig_migrate_tenants", "");
	IS("0", "dbmig_migrate_tenants", "");

	/* one that is not there any more is a failure like others */
	strcpy(db->now.tenants[db->now.tenant_count++][0], "nowhere");
	IS("registered", "dbmig_register", "p", "3", "P3");
	IS("ERROR: 1 of 5 tenants failed, the first is \"nowhere\": tenant \"nowhere\" is not known",
	   "dbmig_migrate_tenants", "", "", "{\"stop_after\": 2}");
	IS("acme|p|3|3|0|current|;beta|p|3|3|0|current|;charlie|p|3|3|0|current|;"
	   "delta|p|3|3|0|current|;nowhere|||||missing|tenant \"nowhere\" is not known;",
	   "dbmig_tenants");
	free(db);
}

/* Who is taken, in which order, and where it ends. */
static void
takes_options(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	register_two(db);
	adopt_four(db);
	IS("registered", "dbmig_register", "p", "2", "P2");
	IS("1", "dbmig_migrate_tenants", "", "", "{\"batch\": 1, \"first\": [\"delta\"]}");
	IS("1", "dbmig_is_current", "p", "", "delta");
	IS("1", "dbmig_migrate_tenants", "", "", "{\"only\": \"_et%\"}");
	IS("1", "dbmig_is_current", "p", "", "beta");
	IS("0", "dbmig_migrate_tenants", "", "", " { \"only\" : [ ] } ");
	assert_string_equal(db->warnings, "");
	IS("0", "dbmig_migrate_tenants", "", "", "{\"only\": \"\\\\acm\"}");
	assert_string_equal(db->warnings, "no tenant is like \"\\acm\";");
	db->warnings[0] = '\0';
	IS("ERROR: tenant \"acme\" is to be the first, but is not among those of option \"only\"",
	   "dbmig_migrate_tenants", "", "", "{\"only\": \"_et%\", \"first\": [\"acme\"]}");
	IS("2", "dbmig_migrate_tenants", "", "", "{\"only\": [\"acme\", \"Charlie\"], \"stop_after\": 7, \"batch\": 9}");

	/*
	 * after a canary's failure nothing more is begun, whatever stop_after
	 * says
	 */
	IS("registered", "dbmig_register", "p", "3", "fails for charlie");
	IS("ERROR: 1 of 2 tenants failed, the first is \"charlie\": fails for charlie",
	   "dbmig_migrate_tenants", "", "",
	   "{\"first\": [\"beta\", \"charlie\", \"acme\"], \"stop_after\": 0}");
	IS("0", "dbmig_is_current", "p", "", "acme");
	IS("1", "dbmig_is_current", "p", "", "beta");

	IS("ERROR: tenant \"echo\" is not known", "dbmig_migrate_tenants", "", "", "{\"only\": [\"echo\"]}");
	IS("ERROR: tenant \"nope\" is not known", "dbmig_migrate_tenants", "", "", "{\"first\": [\"nope\"]}");
	IS("ERROR: tenant \"\" is not known", "dbmig_migrate_tenants", "", "", "{\"first\": [\"\"]}");
	IS("ERROR: unknown option \"x\"", "dbmig_migrate_tenants", "", "", "{\"x\": 1}");
	IS("ERROR: option \"batch\" must be a whole number, 0 to 999999999", "dbmig_migrate_tenants", "", "", "{\"batch\": -1}");
	IS("ERROR: option \"batch\" must be a whole number, 0 to 999999999", "dbmig_migrate_tenants", "", "", "{\"batch\": 1.5}");
	IS("ERROR: option \"stop_after\" must be a whole number, 0 to 999999999", "dbmig_migrate_tenants", "", "", "{\"stop_after\": \"1\"}");
	IS("ERROR: option \"stop_after\" must be a whole number, 0 to 999999999", "dbmig_migrate_tenants", "", "", "{\"stop_after\": 12345678901}");
	IS("ERROR: option \"only\" must be a pattern or an array of strings", "dbmig_migrate_tenants", "", "", "{\"only\": 1}");
	IS("ERROR: option \"first\" must be an array of strings", "dbmig_migrate_tenants", "", "", "{\"first\": \"acme\"}");
	IS("ERROR: options are not valid JSON at character 1", "dbmig_migrate_tenants", "", "", "[]");
	IS("ERROR: options are not valid JSON at character 9", "dbmig_migrate_tenants", "", "", "{\"batch\"");
	IS("ERROR: a version needs a package", "dbmig_migrate_tenants", "", "1");
	free(db);
}

static void
patterns(void **state)
{
	(void) state;
	assert_true(dbmig_like("abc", "abc"));
	assert_true(dbmig_like("abc", "%"));
	assert_true(dbmig_like("", "%%"));
	assert_true(dbmig_like("abcbcd", "a%bcd"));
	assert_true(dbmig_like("a%c", "a\\%c"));
	assert_true(dbmig_like("x\xC3\xA9y", "x_y"));
	assert_true(dbmig_like("tenant_17", "tenant\\_%"));
	assert_false(dbmig_like("tenants17", "tenant\\_%"));
	assert_false(dbmig_like("abc", "ab"));
	assert_false(dbmig_like("ab", "abc"));
	assert_false(dbmig_like("", "_"));
	assert_false(dbmig_like("ABC", "abc"));
	assert_false(dbmig_like("abcd", "a%c"));
}

/* One that another call holds is done last, after having waited for it. */
static void
leaves_what_is_held(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	register_two(db);
	adopt_four(db);
	IS("registered", "dbmig_register", "p", "2", "P2");
	strcpy(db->held, "beta");
	db->log[0] = '\0';
	IS("4", "dbmig_migrate_tenants", "");
	assert_string_equal(db->log,
						"enter-acme begin lock-tenantacme +p@2 commit leave "
						"enter-beta begin abort leave "
						"enter-charlie begin lock-tenantcharlie +p@2 commit leave "
						"enter-delta begin lock-tenantdelta +p@2 commit leave "
						"enter-beta begin lock-tenantbeta +p@2 commit leave release ");
	assert_string_equal(db->warnings, "");
	free(db);
}

static void
other_registers(fake *db)
{
	strcpy(db->now.migrations[1].checksum, db->now.migrations[0].checksum);
	strcpy(db->now.migrations[1].up, "P");
}

/* What is registered anew in between is read anew. */
static void
sees_registrars(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	register_two(db);
	adopt_four(db);
	IS("registered", "dbmig_register", "p", "2", "P2");
	db->meanwhile = other_registers;
	db->meanwhile_in = 3;
	IS("4", "dbmig_migrate_tenants", "");
	assert_string_equal(db->now.effects, "P2;P2;P;P;");
	IS("1", "dbmig_check", "p", "", "delta");
	assert_string_equal(db->warnings, "");
	free(db);
}

/* Every call to the host fails in turn, in each way; the next call finishes. */
static void
every_fault_of_all(void **state)
{
	fake	   *db = fake_new();
	fake_tables before;
	int			jumps;

	(void) state;
	register_two(db);
	adopt_four(db);
	IS("registered", "dbmig_register", "p", "2", "P2");
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
			assert_string_equal(db->now.effects, "P2;P2;P2;P2;");
		}
		assert_true(points > 50);
		assert_string_equal(db->answer, "4");
	}
	free(db);
}

static void
every_fault_of_tenants(void **state)
{
	fake	   *db = fake_new();
	int			points = 0;

	(void) state;
	register_two(db);
	adopt_four(db);
	do
	{
		db->fail_at = ++points;
		fake_call(db, "dbmig_tenants", NULL);
	} while (db->calls >= db->fail_at);
	assert_true(points > 20);
	free(db);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_tenants_apart),
		cmocka_unit_test(keeps_files_apart),
		cmocka_unit_test(adopts),
		cmocka_unit_test(refuses_unknown),
		cmocka_unit_test(migrates_tenants),
		cmocka_unit_test(migrates_files),
		cmocka_unit_test(looks_at_tenants_alone),
		cmocka_unit_test(looks_at_files_alone),
		cmocka_unit_test(goes_on_after_failures),
		cmocka_unit_test(takes_options),
		cmocka_unit_test(patterns),
		cmocka_unit_test(leaves_what_is_held),
		cmocka_unit_test(sees_registrars),
		cmocka_unit_test(every_fault_of_all),
		cmocka_unit_test(every_fault_of_tenants),
		cmocka_unit_test(every_fault_of_apply),
		cmocka_unit_test(every_fault_of_migrate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
