/*
 * shell.c
 *		A script, and what of it is the shell's: never what is quoted.
 */
#include "fuzz.h"

#include "format.h"

static bool
is_refused(dbmig_call *call, const char *before, const char *text, const char *after)
{
	const char *script = dbmig_printf(call, "%s%s%s", before, text, after);

	return script != NULL && dbmig_shell_check(call, "1_x.sql", script, 0) != 0 &&
		!fuzz_starved(call);
}

void
fuzz_one(dbmig_call *call, const char *text, size_t length)
{
	bool		postgres = strcmp(fuzz_engine(), "postgres") == 0;
	size_t		i;

	if (strlen(text) != length)
		return;
	if (postgres && strstr(text, "$fuzz$") == NULL)
		CHECK(!is_refused(call, "SELECT $fuzz$", text, "$fuzz$"));
	if (strstr(text, "*/") == NULL && strstr(text, "/*") == NULL &&
		(length == 0 || (text[0] != '/' && text[length - 1] != '/' && text[length - 1] != '*')))
		CHECK(!is_refused(call, "/*", text, "*/"));
	if (strchr(text, '\'') == NULL)
		CHECK(!is_refused(call, "SELECT '", text, "'"));
	if (fuzz_starved(call) || !is_refused(call, "", text, ""))
		return;

	/* the line is one of the text */
	for (i = 0; call->message[i] != '\0' && strncmp(call->message + i, "line ", 5) != 0; i++)
		;
	CHECK(call->message[i] != '\0');
	CHECK((size_t) strtol(call->message + i + 5, NULL, 10) <= length + 1);
}
