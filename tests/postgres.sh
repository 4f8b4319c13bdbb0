# A PostgreSQL server of our own, for tests/run-* and the demo.
#
# The server's programs and files are put together in a temporary folder (the
# programs copied, the rest linked) and dbmig is installed there with DESTDIR.
# PostgreSQL finds its files relative to its own program, so nothing needs to
# be written to the system's folders, and what runs is what was just built.
# It listens on a socket in that folder only, and is ended by its own pid.
#
# Needs common.sh, and make_temp called.  As root the server runs as the user
# "postgres" (or "nobody").

pg_here()
{
	[ -f "$("$PG_CONFIG" --pgxs 2>/dev/null)" ] &&
		[ -x "$("$PG_CONFIG" --bindir)/initdb" ]
}

# pg_has MAJOR: the version, or a newer one
pg_has()
{
	[ "$(pg_major "$PG_CONFIG")" -ge "$1" ]
}

# pg_major PG_CONFIG
pg_major()
{
	"$1" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/'
}

as_server()
{
	if [ "$(id -u)" != 0 ]; then
		"$@"
	else
		runuser -u "$server_user" -- "$@"
	fi
}

pg_start()
{
	bindir=$("$PG_CONFIG" --bindir)
	sharedir=$("$PG_CONFIG" --sharedir)
	pkglibdir=$("$PG_CONFIG" --pkglibdir)
	tree=$tmp/tree
	data=$tmp/data
	server_user=$(id -un)

	mkdir -p "$tree$bindir" "$tree$sharedir" "$tree$pkglibdir" "$data"
	cp -L "$bindir/postgres" "$bindir/initdb" "$tree$bindir"
	cp -rs "$sharedir/." "$tree$sharedir"
	cp -rs "$pkglibdir/." "$tree$pkglibdir"
	rm -f "$tree$pkglibdir"/dbmig.* "$tree$sharedir"/extension/dbmig*
	"$MAKE" -s --no-print-directory install-pg DESTDIR="$tree" \
		>"$tmp/install.log" 2>&1 || { cat "$tmp/install.log" >&2; return 1; }

	if [ "$(id -u)" = 0 ]; then
		server_user=postgres
		id postgres >/dev/null 2>&1 || server_user=nobody
		chown "$server_user" "$data" "$tmp"
	fi
	chmod 700 "$data"

	# psql, pg_dump and pg_basebackup of the same release
	export PATH="$bindir:$PATH"
	export PGHOST=$tmp PGPORT=54329 PGUSER=postgres PGDATABASE=postgres
	unset PGOPTIONS PGSERVICE PGPASSWORD PGHOSTADDR PGSSLMODE PGTZ PGDATESTYLE
	(cd "$tmp" && as_server "$tree$bindir/initdb" -D "$data" -U postgres \
		-A trust -E UTF8 --no-locale -N) >"$tmp/initdb.log" 2>&1 ||
		{ cat "$tmp/initdb.log" >&2; return 1; }
	cat >>"$data/postgresql.conf" <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$tmp'
		port = $PGPORT
		fsync = off
		autovacuum = off
		max_connections = 20
		shared_buffers = 32MB
		log_min_messages = log
		timezone = 'UTC'
	CONF

	pg_run
}

# The server, with what pg_start has made.
pg_run()
{
	(cd "$tmp" && as_server "$tree$bindir/postgres" -D "$data" \
		>>"$tmp/server.log" 2>&1) &
	server_job=$!
	tries=0
	until psql -Xqc 'SELECT 1' >/dev/null 2>&1; do
		tries=$((tries + 1))
		if [ $tries -gt 300 ]; then
			cat "$tmp/server.log" >&2
			return 1
		fi
		sleep 0.1
	done
	server_pid=$(head -n 1 "$data/postmaster.pid")
}

# Ends it, without waiting for its clients, and starts it again.
pg_restart()
{
	kill -INT "$server_pid"
	wait "$server_job"
	pg_run
}

pg_stop()
{
	[ -n "${server_pid:-}" ] || return 0
	kill -INT "$server_pid" 2>/dev/null
	tries=0
	while [ -e "$data/postmaster.pid" ] && [ $tries -lt 100 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	[ ! -e "$data/postmaster.pid" ] || kill -QUIT "$server_pid" 2>/dev/null
	wait
	server_pid=
}
