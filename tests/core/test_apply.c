/*
 * test_apply.c
 *		Order, plan and the sequence of an apply, with every call to the host
 *		failing in turn.
 */
#include "fake.h"

#define IS(expected, ...) assert_string_equal(fake_call(db, __VA_ARGS__, NULL), expected)

/* O2, O3: registered in the order a, b, c, d; b after a, c after a and d, d after b */
static void
runs_in_order(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	IS("registered", "dbmig_register", "a", "1", "A");
	IS("registered", "dbmig_register", "b", "1", "B");
	IS("registered", "dbmig_register", "c", "1", "C");
	IS("registered", "dbmig_register", "d", "1", "D");
	IS("1", "dbmig_after", "b", "a");
	IS("2", "dbmig_after", "c", "a", "d");
	IS("1", "dbmig_after", "d", "b");
	db->log[0] = '\0';
	IS("4", "dbmig_apply", "");
	assert_string_equal(db->log, "begin lock-tenant +a@1 +b@1 +d@1 +c@1 commit ");
	assert_string_equal(db->now.effects, "A;B;D;C;");
	assert_int_equal(db->now.history_count, 4);
	assert_non_null(strstr(db->progress, "4/4 c@1 ("));
	free(db);
}

/* A migration's own options go before its package's, these before settings. */
static void
options_of_packages(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	IS("ERROR: package \"p\" is not registered", "dbmig_package_options", "p", "{\"retries\": 1}");
	IS("ERROR: package \"p\" is not registered", "dbmig_package_options", "p");
	IS("2", "dbmig_set", "retries", "2");
	IS("registered", "dbmig_register", "p", "1", "A");
	IS("{}", "dbmig_package_options", "p");
	IS("1", "dbmig_apply", "p");
	assert_string_equal(db->options, "||-1|2");
	IS("{\"role\": \"r\", \"lock_timeout\": 1.5, \"retries\": 4}", "dbmig_package_options", "p",
	   "{\"retries\": 4, \"role\": \"r\", \"lock_timeout\": 1.50}");
	db->log[0] = '\0';
	IS("{\"role\": \"r\", \"lock_timeout\": 1.5, \"retries\": 4}", "dbmig_package_options", "p",
	   "{\"lock_timeout\": 1.5, \"retries\": 4, \"role\": \"r\"}");
	assert_string_equal(db->log, "");	/* no change, no lock */
	IS("registered", "dbmig_register", "p", "2", "B");
	IS("1", "dbmig_apply", "p");
	assert_string_equal(db->options, "r||1500|4");
	IS("registered", "dbmig_register", "p", "3", "C", "", "",
	   "{\"role\": \"s\", \"search_path\": \"x\", \"retries\": 0}");
	IS("1", "dbmig_apply", "p");
	assert_string_equal(db->options, "s|x|1500|0");
	IS("ERROR: a package has no option \"transaction\"", "dbmig_package_options", "p",
	   "{\"transaction\": false}");
	db->log[0] = '\0';
	IS("{}", "dbmig_package_options", "p", "{}");
	assert_string_equal(db->log, "begin lock-registry lock-texts commit ");
	free(db);
}

/* R1, A2: a role that cannot be taken on is known before anything runs */
static void
refuses_roles(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	IS("registered", "dbmig_register", "p", "1", "A");
	IS("registered", "dbmig_register", "p", "2", "B", "", "", "{\"role\": \"nobody\"}");
	IS("ERROR: migration \"p@2\": role \"nobody\" does not exist", "dbmig_apply", "p");
	IS("ERROR: migration \"p@2\": role \"nobody\" does not exist", "dbmig_migrate", "p");
	assert_string_equal(db->now.effects, "");
	IS("1", "dbmig_apply", "p", "1");
	IS("replaced", "dbmig_register", "p", "2", "B", "", "",
	   "{\"role\": \"nobody\", \"engine\": \"postgres\"}");
	IS("1", "dbmig_apply", "p");
	IS("replaced", "dbmig_register", "p", "2", "B", "D");
	IS("{\"role\": \"nobody\"}", "dbmig_package_options", "p", "{\"role\": \"nobody\"}");
	IS("ERROR: migration \"p@2\": role \"nobody\" does not exist", "dbmig_rollback", "p");

	/* unless a step before names it, and so may make it */
	IS("registered", "dbmig_register", "q", "1", "/nobody/");
	IS("registered", "dbmig_register", "q", "2", "B", "", "", "{\"role\": \"nobody\"}");
	IS("2", "dbmig_apply", "q");
	free(db);
}

/* O5: refused at the call that closes it, with the path */
static void
names_the_cycle(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	IS("2", "dbmig_after", "b", "a", "d");
	IS("1", "dbmig_after", "c", "b");
	IS("ERROR: dependency cycle: d -> c -> b -> d", "dbmig_after", "d", "c");
	assert_int_equal(db->status, DBMIG_CYCLE);
	assert_int_equal(db->now.dependency_count, 3);
	IS("ERROR: dependency cycle: x -> x", "dbmig_after", "x", "x");
	IS("1", "dbmig_after", "p", "q@2");
	IS("ERROR: dependency cycle: q@2 -> p -> q@2", "dbmig_after", "q@2", "p");
	IS("ERROR: dependency cycle: q@1 -> p -> q@2 -> q@1", "dbmig_after", "q@1", "p");
	IS("1", "dbmig_after", "q@3", "p");
	IS("ERROR: dependency cycle: z@1 -> z@2 -> z@1", "dbmig_after", "z@1", "z@2");
	free(db);
}

/* O2: packages may depend on each other's earlier versions */
static void
weaves_packages(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	IS("registered", "dbmig_register", "a", "1", "A1");
	IS("registered", "dbmig_register", "a", "2", "A2");
	IS("registered", "dbmig_register", "b", "1", "B1");
	IS("registered", "dbmig_register", "b", "2", "B2");
	IS("1", "dbmig_after", "a@2", "b@1");
	IS("1", "dbmig_after", "b@2", "a@2");
	IS("1|a|1||up|1;2|b|1||up|1;3|a|2||up|1;4|b|2||up|1;", "dbmig_plan", "");

	/* O4: no further than needed */
	IS("1|a|1||up|1;2|b|1||up|1;3|a|2||up|1;", "dbmig_plan", "a");
	IS("1|b|1||up|1;", "dbmig_plan", "b", "1");
	IS("3", "dbmig_apply", "a");
	IS("1", "dbmig_is_current", "a");
	IS("0", "dbmig_is_current", "b");
	IS("1", "dbmig_is_current", "b", "1");
	free(db);
}

/*
 * What is applied already keeps its place in the order: all of b is after all
 * of a, the new version of a included.
 */
static void
orders_through_applied(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	IS("registered", "dbmig_register", "b", "1", "B1");
	IS("registered", "dbmig_register", "a", "1", "A1");
	IS("1", "dbmig_after", "b", "a");
	IS("2", "dbmig_apply", "");
	IS("registered", "dbmig_register", "b", "2", "B2");
	IS("registered", "dbmig_register", "a", "2", "A2");
	IS("1|a|2||up|1;2|b|2||up|1;", "dbmig_plan", "");
	free(db);
}

/* O6 */
static void
refuses_what_is_missing(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	IS("registered", "dbmig_register", "b", "1", "B");
	IS("1", "dbmig_after", "b@1", "a@3");
	db->log[0] = '\0';
	IS("ERROR: \"b@1\" comes after \"a@3\", which is not registered", "dbmig_apply", "");
	assert_string_equal(db->log, "begin lock-tenant abort ");
	IS("registered", "dbmig_register", "a", "3", "A");
	IS("2", "dbmig_apply", "b");
	assert_string_equal(db->now.effects, "A;B;");
	free(db);
}

/* O7 */
static void
refuses_out_of_order(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	IS("registered", "dbmig_register", "p", "2", "P2");
	IS("1", "dbmig_apply", "");
	IS("registered", "dbmig_register", "p", "1", "P1");
	IS("ERROR: migration \"p@1\" is out of order: \"p@2\" is already applied", "dbmig_apply", "");
	IS("apply", "dbmig_set", "out_of_order", "apply");
	IS("1", "dbmig_apply", "");
	IS("ERROR: version \"1\" of package \"p\" is below \"2\", which is applied",
	   "dbmig_apply", "p", "1");
	free(db);
}

/* A1: a failure undoes all of it, and says so to the end */
static void
fails_as_a_whole(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	IS("1", "dbmig_append", "p", "P1");
	IS("1", "dbmig_apply", "");
	IS("2", "dbmig_append", "p", "P2");
	IS("3", "dbmig_append", "p", "boom");
	IS("ERROR: boom in \"p@3\"", "dbmig_apply", "");
	assert_string_equal(db->now.effects, "P1;");
	assert_int_equal(db->now.applied_count, 1);
	IS("0", "dbmig_is_current", "");
	IS("ERROR: 2 migrations are pending, the first is \"p@2\"", "dbmig_check", "");
	IS("replaced", "dbmig_register_function", "p", "3", "works");
	IS("2", "dbmig_apply", "");
	IS("1", "dbmig_check", "");
	assert_string_equal(db->now.effects, "P1;P2;works;");
	free(db);
}

/* C2 */
static void
keeps_what_is_applied(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	IS("registered", "dbmig_register", "p", "1", "one\ntwo");
	IS("1", "dbmig_apply", "");
	IS("unchanged", "dbmig_register", "p", "1", "one\r\ntwo");
	assert_non_null(strstr(fake_call(db, "dbmig_register", "p", "1", "one\ntwO", NULL),
						   "ERROR: migration \"p@1\" is applied with checksum "));
	assert_int_equal(db->status, DBMIG_CHANGED);
	IS("accept", "dbmig_set", "changed", "accept");
	IS("replaced", "dbmig_register", "p", "1", "one\ntwO");
	IS("refuse", "dbmig_set", "changed", "refuse");
	assert_int_equal(db->now.history_count, 2);
	IS("1", "dbmig_check", "p");

	/* the tables disagree all the same */
	strcpy(db->now.applied[0][2], "other");
	assert_non_null(strstr(fake_call(db, "dbmig_apply", NULL),
						   "ERROR: migration \"p@1\" has drifted"));
	free(db);
}

static void
rolls_back(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	IS("registered", "dbmig_register", "a", "1", "A1", "a1");
	IS("registered", "dbmig_register", "a", "2", "A2", "a2");
	IS("registered", "dbmig_register", "a", "3", "A3");
	IS("registered", "dbmig_register", "b", "1", "B1", "b1");
	IS("1", "dbmig_after", "b", "a@2");
	IS("4", "dbmig_apply", "");
	IS("ERROR: migration \"a@3\" has no down", "dbmig_rollback", "a");
	IS("replaced", "dbmig_register", "a", "3", "A3", "a3");
	db->now.effects[0] = '\0';
	IS("1", "dbmig_redo", "a");
	assert_string_equal(db->now.effects, "a3;A3;");
	IS("1", "dbmig_rollback", "a");
	IS("ERROR: cannot roll back \"a@2\": \"b@1\" comes after it and is applied",
	   "dbmig_rollback", "a");
	assert_int_equal(db->status, DBMIG_NEEDED);
	IS("1", "dbmig_rollback_all", "b");
	IS("1", "dbmig_rollback", "a", "1");
	IS("1", "dbmig_rollback_all", "a");
	IS("0", "dbmig_rollback", "a");
	assert_int_equal(db->now.applied_count, 0);
	IS("2", "dbmig_baseline", "a", "2");
	IS("0", "dbmig_baseline", "a", "2");
	IS("2", "dbmig_apply", "");
	free(db);
}

/* A2, A6, N1 */
static void
refuses_what_cannot_run(void **state)
{
	fake	   *db = fake_new();

	(void) state;
	IS("registered", "dbmig_register", "p", "1", "P1");
	IS("registered", "dbmig_register", "p", "2", "vacuum");
	db->log[0] = '\0';
	IS("ERROR: migration \"p@2\" cannot run in a transaction", "dbmig_apply", "");
	IS("1|p|1||up|1;2|p|2||up|0;", "dbmig_plan", "");
	IS("replaced", "dbmig_register", "p", "2", "rollback");
	IS("ERROR: migration \"p@2\" cannot run: ROLLBACK in line 1", "dbmig_apply", "");
	assert_null(strchr(db->log, '+'));
	IS("replaced", "dbmig_register", "p", "2", "P2", "", "", "{\"transaction\": false}");
	IS("ERROR: migration \"p@2\" cannot run in a transaction", "dbmig_apply", "");
	IS("replaced", "dbmig_register", "p", "2", "P2", "", "", "{\"engine\": \"postgres\"}");
	IS("2", "dbmig_apply", "");
	assert_string_equal(db->now.effects, "P1;");
	free(db);
}

/*
 * One scenario after another, each with its n-th call to the host failing, for
 * every n: the tables are as before, no memory is out, and the same call
 * without the fault does what it should.
 */
static void
every_fault(void **state)
{
	static const char *const calls[][6] = {
		{"dbmig_register", "a", "1", "A1", "a1", NULL},
		{"dbmig_register", "a", "2", "A2", "a2", NULL},
		{"dbmig_append", "b", "B1", "b1", "first", NULL},
		{"dbmig_after", "b", "a", "a@1", NULL},
		{"dbmig_register", "a", "2", "A2 new", "a2", NULL},
		{"dbmig_plan", NULL},
		{"dbmig_apply", NULL},
		{"dbmig_check", NULL},
		{"dbmig_verify", NULL},
		{"dbmig_is_current", "a", NULL},
		{"dbmig_redo", "b", NULL},
		{"dbmig_rollback", "b", NULL},
		{"dbmig_baseline", "b", "1", NULL},
		{"dbmig_rollback_all", "b", NULL},
		{"dbmig_graph", NULL},
		{"dbmig_set", "changed", "refuse", NULL},
	};
	fake	   *db = fake_new();
	fake_tables *before = malloc(sizeof(*before));
	fake_tables *first = malloc(sizeof(*first));
	size_t		i;
	int			points = 0;

	(void) state;
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
	{
		const char *const *c = calls[i];
		int			jumps;
		int			n;

		memcpy(first, &db->now, sizeof(*first));
		for (jumps = 0; jumps < 2; jumps++)
		{
			memcpy(&db->now, first, sizeof(*first));
			for (n = 1;; n++)
			{
				memcpy(before, &db->now, sizeof(*before));
				db->log[0] = '\0';
				db->jumps = jumps != 0;
				db->fail_at = n;
				fake_call(db, c[0], c[1], c[1] ? c[2] : NULL, c[1] && c[2] ? c[3] : NULL,
						  c[1] && c[2] && c[3] ? c[4] : NULL, NULL);
				db->fail_at = 0;
				db->jumps = false;
				assert_false(db->in_transaction);
				if (db->calls < n)
					break;
				points++;
				assert_memory_equal(before, &db->now, sizeof(*before));
				assert_true(db->status == DBMIG_ENGINE || db->status == DBMIG_NO_MEMORY);
				assert_int_equal(db->blocks, 0);
			}
		}

		/* the call that ended the loop had no fault, and did the work */
		assert_int_equal(strncmp(db->answer, "ERROR", 5) == 0, 0);
	}
	assert_true(points > 300);
	free(before);
	free(first);
	free(db);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_in_order),
		cmocka_unit_test(options_of_packages),
		cmocka_unit_test(refuses_roles),
		cmocka_unit_test(names_the_cycle),
		cmocka_unit_test(weaves_packages),
		cmocka_unit_test(orders_through_applied),
		cmocka_unit_test(refuses_what_is_missing),
		cmocka_unit_test(refuses_out_of_order),
		cmocka_unit_test(fails_as_a_whole),
		cmocka_unit_test(keeps_what_is_applied),
		cmocka_unit_test(rolls_back),
		cmocka_unit_test(refuses_what_cannot_run),
		cmocka_unit_test(every_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
