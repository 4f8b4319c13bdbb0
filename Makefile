# dbmig: one core (common/) in two hosts (pg/, sqlite/).
#
#   make                what can be built here: dbmig.so, sqlite/dbmig.so
#   make install        both, each where its host looks
#   make check          every test, on servers of its own
#   make demo           the example application, on a terminal
#
# PG_CONFIG= chooses the PostgreSQL; PREFIX= and DESTDIR= are honoured.

DBMIG_VERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" dbmig.control)
PG_CONFIG ?= pg_config
SQLITE3 ?= sqlite3
export PG_CONFIG SQLITE3 DBMIG_VERSION

# -- what there is to build with ---------------------------------------------

HAVE_PG := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))
HAVE_SQLITE := $(shell echo '\#include <sqlite3ext.h>' | \
	$(CC) $(CPPFLAGS) -E - >/dev/null 2>&1 && echo yes)
HOSTS := $(if $(HAVE_PG),pg) $(if $(HAVE_SQLITE),sqlite)

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

# -- both --------------------------------------------------------------------

install: $(if $(strip $(HOSTS)),$(addprefix install-,$(HOSTS)),none)

uninstall:
	rm -f '$(DESTDIR)$(SQLITE_LIBDIR)/$(SQLITE_NAME)'
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
	@tests/run-dump
	@tests/run-extension-pg

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
	rm -f common/*.o common/*.bc pg/*.o pg/*.bc dbmig.so
	rm -f regression.diffs regression.out

.PHONY: all none pg sqlite install install-pg install-sqlite uninstall \
	installcheck check check-core check-sqlite check-pg isolation demo bench soak \
	lint format asan fuzz dist clean
