# The PostgreSQL host, by PGXS; called by the Makefile, whose targets have the
# names that PGXS uses itself.

MODULE_big = dbmig
PGFILEDESC = "dbmig - schema migrations that live in the database"
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard common/*.c)) $(sort $(wildcard pg/*.c)))
EXTENSION = dbmig
DATA = $(sort $(wildcard pg/dbmig--*.sql))

REGRESS = $(filter-out sqlite_%,$(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql))))
REGRESS_OPTS = --launcher=tests/pg-launcher --inputdir=. --outputdir=.

PG_CPPFLAGS = -Icommon -Ipg -DDBMIG_VERSION='"$(DBMIG_VERSION)"'
PG_CFLAGS = -Wno-declaration-after-statement -Wno-missing-format-attribute \
	-fvisibility=hidden $(COPT)

# The core is plain C99; bitcode for the JIT would only slow the build down.
override with_llvm = no

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(OBJS): $(wildcard common/*.h pg/*.h) dbmig.control
