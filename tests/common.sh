# What the test scripts share: where things are, a temporary folder that goes
# away, and one line a test: "ok      NAME" or "FAILED  NAME".

root=$(cd "$(dirname "$0")" && while [ ! -f Makefile ] && [ "$PWD" != / ]; do cd ..; done && pwd)
cd "$root" || exit 2
export LC_ALL=C.UTF-8
: "${PG_CONFIG:=pg_config}" "${SQLITE3:=sqlite3}" "${MAKE:=make}"
failed=0

ok()
{
	printf 'ok      %s\n' "$*"
}

not_ok()
{
	printf 'FAILED  %s\n' "$*"
	failed=1
}

# On the way out, in any case: what cleanup() of the script does, then the
# temporary folder.
cleanup()
{
	:
}

make_temp()
{
	tmp=$(mktemp -d "${TMPDIR:-/tmp}/dbmig.XXXXXX") || exit 2
	chmod 755 "$tmp"
	trap 'status=$?; trap - EXIT; cleanup; rm -rf "$tmp"; exit $status' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP PIPE
}
