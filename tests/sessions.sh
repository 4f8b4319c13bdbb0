# Several sessions at once with a server of tests/postgres.sh, and how a test
# says what it found.  Needs common.sh and postgres.sh; "suite" is the word that
# begins each test's name.

# after pg_start
say_warnings_only()
{
	PGOPTIONS='-c client_min_messages=warning'
	export PGOPTIONS
}

sql()
{
	psql -X -q -At -v ON_ERROR_STOP=1 -c "$1" 2>&1
}

# in the background; its answer is in $tmp/NAME.out when it has ended
start_sql()
{
	psql -X -q -At -v VERBOSITY=verbose -c "SET application_name = '$1'" -c "$2" \
		>"$tmp/$1.out" 2>&1 &
	eval "pid_$1=$!"
}

# waits for it: not in a subshell, whose child it is not; sets answer
finish()
{
	eval "wait \$pid_$1"
	answer=$(cat "$tmp/$1.out")
}

# until_true QUERY: at most ten seconds
until_true()
{
	for _ in $(seq 200); do
		[ "$(sql "$1")" != t ] || return 0
		sleep 0.05
	done
	return 1
}

equal()
{
	if [ "$2" = "$3" ]; then
		ok "$suite $1"
	else
		not_ok "$suite $1"
		printf 'expected:\n%s\ngot:\n%s\n' "$2" "$3"
	fi
}

matches()
{
	if printf '%s' "$3" | tr '\n' ' ' | grep -qE "$2"; then
		ok "$suite $1"
	else
		not_ok "$suite $1"
		printf 'expected:\n%s\ngot:\n%s\n' "$2" "$3"
	fi
}

no_locks()
{
	equal "$1: no lock is left" 0 "$(sql "SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND classid = 'dbmig_applied'::regclass")"
}

# The server goes down as in a power cut, but for the operating system, which
# keeps what was written: so fsync = off takes nothing away from what is shown.
# Each of its processes by its number.
kill_server()
{
	children=$(ps -o pid= --ppid "$server_pid")
	kill -9 "$server_pid"
	for child in $children; do
		kill -9 "$child" 2>/dev/null
	done
	for child in $server_pid $children; do
		for _ in $(seq 100); do
			kill -0 "$child" 2>/dev/null || break
			sleep 0.01
		done
	done
}

# A process that was born meanwhile may keep the memory of the last server for
# a moment: then it is tried again.
start_again()
{
	for _ in $(seq 50); do
		(cd "$tmp" && as_server "$tree$bindir/postgres" -D "$data" >>"$tmp/server.log" 2>&1) &
		for _ in $(seq 40); do
			sleep 0.05
			if [ "$(sql 'SELECT 1')" = 1 ]; then
				server_pid=$(head -n 1 "$data/postmaster.pid")
				return 0
			fi
		done
	done
	return 1
}
