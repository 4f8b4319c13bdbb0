# dbmig: one core (common/) in two hosts (pg/, sqlite/), and a library for
# applications (client/).
#
#   make                what can be built here: dbmig.so, sqlite/dbmig.so,
#                       client/libdbmig.so and .a
#   make install        all of them, each where it is looked for
#   make check          every test, on servers of its own
#   make demo           the example application, on a terminal
#
# PG_CONFIG= chooses the PostgreSQL; PREFIX= and DESTDIR= are honoured.

DBMIG_VERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" dbmig.control)
PG_CONFIG ?= pg_config
SQLITE3 ?= sqlite3
export PG_CONFIG SQLITE3 DBMIG_VERSION
comma := ,

# -- what there is to build with ---------------------------------------------

HAVE_PG := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))
HAVE_SQLITE := $(shell echo '\#include <sqlite3ext.h>' | \
	$(CC) $(CPPFLAGS) -E - >/dev/null 2>&1 && echo yes)
PQ_INCLUDE := $(shell $(PG_CONFIG) --includedir 2>/dev/null)
PQ_LIBDIR := $(shell $(PG_CONFIG) --libdir 2>/dev/null)
HAVE_CLIENT := $(shell printf '\043include <libpq-fe.h>\n\043include <sqlite3.h>\n' | \
	$(CC) $(CPPFLAGS) $(if $(PQ_INCLUDE),-I$(PQ_INCLUDE)) -E - >/dev/null 2>&1 && echo yes)
HOSTS := $(if $(HAVE_PG),pg) $(if $(HAVE_SQLITE),sqlite) $(if $(HAVE_CLIENT),client)

all: $(if $(strip $(HOSTS)),$(HOSTS),none)

none:
	@echo 'dbmig: found neither "$(PG_CONFIG)" nor sqlite3ext.h' \
		'(Debian: postgresql-server-dev-all, libsqlite3-dev)' >&2; exit 1

# -- PostgreSQL: dbmig.so, by PGXS -------------------------------------------

# PGXS has targets named all, install and check too, hence a make of its own.
PG_MAKE = $(MAKE) --no-print-directory -f pgxs.mk

pg:
	@$(PG_MAKE) all

install-pg:
	@$(PG_MAKE) install

# The suite against the server that PG* of the environment name; dbmig has to
# be installed there.
installcheck:
	@$(PG_MAKE) installcheck

# -- SQLite: sqlite/dbmig.so -------------------------------------------------

WERROR ?= -Werror
SQLITE_CFLAGS = -std=c99 -Wall -Wextra -Wpedantic -Wmissing-prototypes $(WERROR) -O2 $(CFLAGS) \
	-fPIC -fvisibility=hidden
SQLITE_CPPFLAGS = -Icommon -Isqlite -DDBMIG_VERSION='"$(DBMIG_VERSION)"' $(CPPFLAGS)
SQLITE_OBJS = \
	$(patsubst common/%.c,sqlite/obj/common/%.o,$(sort $(wildcard common/*.c))) \
	$(patsubst sqlite/%.c,sqlite/obj/%.o,$(sort $(wildcard sqlite/*.c)))
HEADERS = $(wildcard common/*.h sqlite/*.h) dbmig.control

sqlite: sqlite/dbmig.so

sqlite/dbmig.so: $(SQLITE_OBJS)
	$(CC) $(SQLITE_CFLAGS) -shared $(LDFLAGS) -o $@ $(SQLITE_OBJS)

sqlite/obj/common/%.o: common/%.c $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(SQLITE_CPPFLAGS) $(SQLITE_CFLAGS) -c -o $@ $<

sqlite/obj/%.o: sqlite/%.c $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(SQLITE_CPPFLAGS) $(SQLITE_CFLAGS) -c -o $@ $<

# ".load dbmig" asks dlopen() for "dbmig.so".  Without a folder in the name
# that looks only into the system's own library folders: the cache of
# ldconfig holds nothing but lib*.so.  So on Linux the default is /usr/lib and
# the name of the architecture; dlopen() looks into /usr/local/lib on macOS.
ifeq ($(shell uname -s),Darwin)
PREFIX ?= /usr/local
SQLITE_NAME = dbmig.dylib
else
PREFIX ?= /usr
SQLITE_NAME = dbmig.so
endif
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
OS_LIBDIR := $(notdir $(shell $(CC) -print-multi-os-directory 2>/dev/null))
ifeq ($(PREFIX),/usr)
SQLITE_LIBDIR ?= $(PREFIX)/$(if $(MULTIARCH),lib/$(MULTIARCH),$(or $(OS_LIBDIR),lib))
else
SQLITE_LIBDIR ?= $(PREFIX)/lib
endif

install-sqlite: sqlite
	install -d '$(DESTDIR)$(SQLITE_LIBDIR)'
	install -m 644 sqlite/dbmig.so '$(DESTDIR)$(SQLITE_LIBDIR)/$(SQLITE_NAME)'

# -- libdbmig: for applications ----------------------------------------------

# Of its own are also the core and the SQLite extension, which it holds; only
# what dbmig.h declares is seen from outside, in the archive too.
CLIENT_CFLAGS = -std=c99 -Wall -Wextra -Wpedantic -Wmissing-prototypes $(WERROR) -O2 $(CFLAGS) \
	-fPIC -fvisibility=hidden -pthread
CLIENT_CPPFLAGS = -D_POSIX_C_SOURCE=200809L -D_DARWIN_C_SOURCE -DSQLITE_CORE -Icommon -Isqlite \
	-Iclient -Iclient/obj $(if $(PQ_INCLUDE),-I$(PQ_INCLUDE)) -DDBMIG_VERSION='"$(DBMIG_VERSION)"' $(CPPFLAGS)
CLIENT_LIBS = $(if $(PQ_LIBDIR),-L$(PQ_LIBDIR)) -lpq -lsqlite3 -lpthread
CLIENT_OBJS = $(patsubst %.c,client/obj/%.o,$(sort $(wildcard common/*.c sqlite/*.c client/*.c)))
CLIENT_HEADERS = $(HEADERS) $(wildcard client/*.h)
SONAME = libdbmig.so.$(firstword $(subst ., ,$(DBMIG_VERSION)))
OBJCOPY ?= objcopy

client: client/libdbmig.so client/libdbmig.a client/dbmig.pc

client/libdbmig.so: $(CLIENT_OBJS)
	$(CC) $(CLIENT_CFLAGS) -shared $(if $(filter Darwin,$(shell uname -s)),,-Wl$(comma)-soname$(comma)$(SONAME)) \
		$(LDFLAGS) -o $@ $(CLIENT_OBJS) $(CLIENT_LIBS)
	ln -sf libdbmig.so client/$(SONAME)

client/libdbmig.a: $(CLIENT_OBJS)
	rm -f $@
	@if command -v $(OBJCOPY) >/dev/null; then \
		set -ex; \
		$(CC) -r -nostdlib -o client/obj/libdbmig.o $(CLIENT_OBJS); \
		$(OBJCOPY) --localize-hidden client/obj/libdbmig.o; \
		$(AR) rcs $@ client/obj/libdbmig.o; \
	else \
		$(AR) rcs $@ $(CLIENT_OBJS); \
	fi

# The tables where there is no extension are the extension's: its statements
# as texts of C.
client/obj/plain_tables.inc: $(wildcard pg/dbmig--*.sql) dbmig.control
	@mkdir -p $(@D)
	@awk '/^CREATE (TABLE|INDEX) dbmig_/ { on = 1 } on { print } /;$$/ { on = 0 }' pg/dbmig--$(DBMIG_VERSION).sql | \
		sed 's/["\\]/\\&/g; s/	/ /g; s/.*/"&\\n"/; s/;\\n"$$/",/' >$@.new && mv $@.new $@

client/obj/client/plain_start.o: client/obj/plain_tables.inc

client/obj/%.o: %.c $(CLIENT_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CLIENT_CPPFLAGS) $(CLIENT_CFLAGS) -c -o $@ $<

client/dbmig.pc: dbmig.control Makefile
	@printf '%s\n' 'prefix=$(PREFIX)' 'includedir=$${prefix}/include' 'libdir=$(SQLITE_LIBDIR)' '' \
		'Name: dbmig' 'Description: migrations and a connection pool for PostgreSQL and SQLite' \
		'Version: $(DBMIG_VERSION)' 'Requires.private: libpq, sqlite3' \
		'Cflags: -I$${includedir}' 'Libs: -L$${libdir} -ldbmig' 'Libs.private: -lpthread' >$@

install-client: client
	install -d '$(DESTDIR)$(SQLITE_LIBDIR)/pkgconfig' '$(DESTDIR)$(PREFIX)/include'
	install -m 644 client/dbmig.h '$(DESTDIR)$(PREFIX)/include/dbmig.h'
	install -m 644 client/libdbmig.a '$(DESTDIR)$(SQLITE_LIBDIR)/libdbmig.a'
	install -m 755 client/libdbmig.so '$(DESTDIR)$(SQLITE_LIBDIR)/$(SONAME)'
	ln -sf $(SONAME) '$(DESTDIR)$(SQLITE_LIBDIR)/libdbmig.so'
	install -m 644 client/dbmig.pc '$(DESTDIR)$(SQLITE_LIBDIR)/pkgconfig/dbmig.pc'

# -- all ---------------------------------------------------------------------

install: $(if $(strip $(HOSTS)),$(addprefix install-,$(HOSTS)),none)

uninstall:
	rm -f '$(DESTDIR)$(SQLITE_LIBDIR)/$(SQLITE_NAME)'
	rm -f '$(DESTDIR)$(PREFIX)/include/dbmig.h' '$(DESTDIR)$(SQLITE_LIBDIR)/pkgconfig/dbmig.pc'
	cd '$(DESTDIR)$(SQLITE_LIBDIR)' && rm -f libdbmig.a libdbmig.so $(SONAME)
	@$(if $(HAVE_PG),$(PG_MAKE) uninstall)

# -- tests -------------------------------------------------------------------

# Installs what is missing (Debian, as root or with sudo), builds, runs all.
check:
	@tests/install-deps
	@tests/install-hosts
	@$(MAKE) --no-print-directory all
	@tests/check

check-core:
	@tests/run-core

check-sqlite: sqlite
	@tests/run-regress sqlite $(TESTS)
	@tests/run-processes
	@tests/run-codes
	@tests/run-migrate-sqlite
	@tests/run-tenants-sqlite
	@tests/run-tenants-files
	@tests/run-faults
	@tests/run-stress
	@tests/run-hosts
	@tests/run-dqlite

check-pg: pg
	@tests/run-regress pg $(TESTS)
	@tests/run-isolation
	@tests/run-locks
	@tests/run-migrate-pg
	@tests/run-cancel-pg
	@tests/run-kills-pg
	@tests/run-pooler-pg
	@tests/run-tenants-pg
	@tests/run-tenant-roles-pg
	@tests/run-disk-pg
	@tests/run-decoding-pg
	@tests/run-dump
	@tests/run-upgrade-pg
	@tests/run-extension-pg

check-client: $(HOSTS)
	@tests/run-client

isolation: pg
	@tests/run-isolation $(TESTS)

# With a PostgreSQL (PG_CONFIG=) that Citus is installed in.
check-citus: pg
	@tests/run-citus

.PHONY: check-citus

demo:
	@tests/install-deps demo
	@$(MAKE) --no-print-directory all
	@tests/demo/run

bench: all
	@if [ -x tests/bench/run ]; then tests/bench/run; \
	else echo 'dbmig: tests/bench is not there' >&2; exit 1; fi

# Faults at each point, races and kills by the thousand; about half an hour.
SOAK_ROUNDS ?= 3000
SOAK_KILLS ?= 3000
soak:
	@tests/run-faults 0
	@tests/run-stress $(SOAK_ROUNDS) $(SOAK_KILLS)

lint:
	@tests/lint

# Core and SQLite object under AddressSanitizer and UBSan, with the suite.
asan:
	@tests/run-asan $(TESTS)

# Inputs that nobody thought of: each target of tests/fuzz so many seconds.
SECONDS ?= 60
fuzz:
	@tests/install-deps fuzz
	@tests/run-fuzz $(SECONDS) $(TARGETS)

# -- the source --------------------------------------------------------------

format:
	@tests/format

dist:
	git archive --format=zip --prefix=dbmig-$(DBMIG_VERSION)/ \
		-o dbmig-$(DBMIG_VERSION).zip HEAD

clean:
	rm -rf sqlite/obj sqlite/dbmig.so build results dbmig-*.zip
	rm -rf client/obj client/libdbmig.* client/dbmig.pc
	rm -f common/*.o common/*.bc pg/*.o pg/*.bc dbmig.so
	rm -f regression.diffs regression.out

.PHONY: all none pg sqlite client install install-pg install-sqlite install-client \
	uninstall installcheck check check-core check-sqlite check-pg check-client isolation demo bench soak \
	lint format asan fuzz dist clean
