/*
 * sqitch.c
 *		A plan of Sqitch, and the same text as its configuration.
 */
#include "fuzz.h"

#include "sqitch.h"

static void
check_plan(const dbmig_sqitch_plan *plan)
{
	size_t		tags = 0;
	size_t		dependencies = 0;
	size_t		i;

	CHECK(plan->project != NULL && plan->project[0] != '\0');
	for (i = 0; i < plan->count; i++)
	{
		const dbmig_sqitch_change *change = &plan->changes[i];

		CHECK(change->name[0] != '\0' && strchr(change->name, '@') == NULL);
		CHECK(i == 0 || change->line > plan->changes[i - 1].line);
		CHECK(change->previous < (int) i);
		CHECK(change->previous < 0 || plan->changes[change->previous].next == (int) i);
		CHECK(change->next < 0 || change->next > (int) i);
		CHECK(change->next < 0 || strcmp(plan->changes[change->next].name, change->name) == 0);
		CHECK(change->first_tag == tags && change->first_dependency == dependencies);
		tags += change->tags;
		dependencies += change->dependencies;
	}
	CHECK(tags == plan->tag_count && dependencies == plan->dependency_count);
	for (i = 0; i < plan->dependency_count; i++)
		CHECK(plan->dependencies[i].change != NULL || plan->dependencies[i].tag != NULL);
}

void
fuzz_one(dbmig_call *call, const char *text, size_t length)
{
	dbmig_sqitch_plan plan;
	dbmig_sqitch_conf conf;
	dbmig_file	file;

	memset(&file, 0, sizeof(file));
	file.path = "sqitch.plan";
	if (dbmig_file_text(call, &file, text, length) != 0)
		return;
	memset(&plan, 0, sizeof(plan));
	if (dbmig_sqitch_plan_read(call, &file, &plan) == 0)
		check_plan(&plan);
	else if (fuzz_starved(call))
		return;
	if (dbmig_sqitch_conf_read(call, &file, &conf) == 0)
		CHECK(dbmig_sqitch_path_inside(conf.plan) && dbmig_sqitch_path_inside(conf.deploy) &&
			  dbmig_sqitch_path_inside(conf.revert) && conf.plan[0] != '\0');
}
