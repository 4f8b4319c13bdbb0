/*
 * test_tenants.c
 *		Tenants on the fake host, whose tables are the registry's or apart.
 */
#include "fake.h"

#define IS(expected, ...) assert_string_equal(fake_call(db, __VA_ARGS__, NULL), expected)

static void
register_two(fake * db)
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_tenants_apart),
		cmocka_unit_test(keeps_files_apart),
		cmocka_unit_test(adopts),
		cmocka_unit_test(refuses_unknown),
		cmocka_unit_test(every_fault_of_apply),
		cmocka_unit_test(every_fault_of_migrate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
