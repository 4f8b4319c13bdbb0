# For the test scripts: a SQLite newer than the system's, out of the npm
# package better-sqlite3, that package itself, and a SQLite that can encrypt
# a file, out of better-sqlite3-multiple-ciphers, which has the same versions.
# To compile them takes minutes, so they are kept outside of the clone, where
# neither "make clean" nor another clone makes it necessary again.

better=12.11.1				# SQLite 3.53.2; compiles with node 18 and later
cache=${DBMIG_TEST_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/dbmig-tests}
newer=$cache/newer
ciphers=$cache/ciphers

# One process at a time makes something there.
alone()
{
	mkdir -p "$cache" || return
	(
		! command -v flock >/dev/null || flock 9
		"$@"
	) 9>"$cache/lock"
}

# npm_package NAME: unpacked, but not built; 0, or 1 where it
# cannot be had.
npm_package()
{
	[ -f "$cache/npm/node_modules/$1/$better.done" ] && return
	command -v npm >/dev/null || return
	mkdir -p "$cache/npm"
	[ -f "$cache/npm/package.json" ] || echo '{"private": true}' >"$cache/npm/package.json"
	(cd "$cache/npm" && timeout 300 npm install --ignore-scripts --no-audit --no-fund \
		"$1@$better") >"$cache/npm/log" 2>&1 &&
		touch "$cache/npm/node_modules/$1/$better.done"
}

better_sqlite3()
{
	npm_package better-sqlite3
}

# amalgamation NAME FOLDER CFLAGS...: the SQLite of a package as
# FOLDER/libsqlite3.so.0, with its headers.  With LD_LIBRARY_PATH=FOLDER
# Debian's own shell and Python run on it; the shell would refuse a library
# of another source, hence the one function in front of the amalgamation.
amalgamation()
{
	npm_package "$1" || return
	source=$cache/npm/node_modules/$1/deps/sqlite3
	folder=$2
	shift 2
	id=$("$SQLITE3" -version | cut -d' ' -f2-)
	[ "$id $better" = "$(cat "$folder/done" 2>/dev/null)" ] && return
	mkdir -p "$folder"
	cp "$source"/*.h "$folder" || return
	cat >"$folder/newer.c" <<EOF
#define sqlite3_sourceid newer_sourceid
#include "$source/sqlite3.c"
#undef sqlite3_sourceid
const char *sqlite3_sourceid(void) { return "$id"; }
EOF
	${CC:-cc} -O1 -w -fPIC -shared -Wl,-soname,libsqlite3.so.0 -DSQLITE_USE_URI=1 \
		-DSQLITE_ENABLE_COLUMN_METADATA -DSQLITE_ENABLE_DBSTAT_VTAB \
		-DSQLITE_ENABLE_FTS3 -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_MATH_FUNCTIONS \
		-DSQLITE_ENABLE_PREUPDATE_HOOK -DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_SESSION \
		-DSQLITE_ENABLE_STMT_SCANSTATUS -DSQLITE_ENABLE_STMTVTAB -DSQLITE_ENABLE_UNLOCK_NOTIFY \
		"$@" -o "$folder/libsqlite3.so.0" "$folder/newer.c" -lm -lpthread -ldl \
		>"$folder/log" 2>&1 || return
	ln -sf libsqlite3.so.0 "$folder/libsqlite3.so"
	echo "$id $better" >"$folder/done"
}

newer_sqlite()
{
	amalgamation better-sqlite3 "$newer"
}

# One that can encrypt a file.
ciphers_sqlite()
{
	case $(uname -m) in
		x86_64) amalgamation better-sqlite3-multiple-ciphers "$ciphers" -O0 -maes -msse4.2 ;;
		*) amalgamation better-sqlite3-multiple-ciphers "$ciphers" -O0 ;;
	esac
}

# The package compiled for the node that is here, by node-gyp and with the
# headers that came with node: nothing is downloaded.
built_better_sqlite3()
{
	better_sqlite3 || return
	module=$cache/npm/node_modules/better-sqlite3
	node=$(node --version) || return
	[ "$node" = "$(cat "$module/built" 2>/dev/null)" ] && return
	gyp=$(command -v node-gyp || find -L "$(npm root -g)/npm" /usr/share/nodejs/node-gyp \
		-path '*node-gyp/bin/node-gyp.js' 2>/dev/null | head -n 1)
	headers=$(dirname "$(dirname "$(dirname "$(ls /usr/include/node/node.h \
		"$(dirname "$(command -v node)")/../include/node/node.h" 2>/dev/null | head -n 1)")")")
	[ -n "$gyp" ] && [ -f "$headers/include/node/node.h" ] || return
	case $gyp in
		*.js) gyp="node $gyp" ;;
	esac
	# shellcheck disable=SC2086
	(cd "$module" && timeout 600 $gyp rebuild --release --nodedir="$headers") >"$cache/npm/gyp.log" 2>&1 &&
		echo "$node" >"$module/built"
}
