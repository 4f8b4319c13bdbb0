"""dbmig in Python's sqlite3: loaded in each way that there is, apply, migrate,
wait, interrupts, and threads with one connection each.

usage: host.py OBJECT FOLDER
"""
import os
import sqlite3
import sys
import threading
import time

OBJECT, FOLDER = sys.argv[1:3]
failed = False


def connect(name, **options):
    connection = sqlite3.connect(os.path.join(FOLDER, name), **options)
    connection.enable_load_extension(True)
    connection.load_extension(OBJECT)
    connection.enable_load_extension(False)
    return connection


def answer(connection, sql, *arguments):
    try:
        return connection.execute(sql, arguments).fetchone()[0]
    except sqlite3.Error as error:
        return "%s: %s" % (type(error).__name__, str(error).split("\n")[0])


def equal(name, wanted, got):
    global failed
    if got == wanted:
        print("ok      python", name)
    else:
        print("FAILED  python", name)
        print("expected %r, got %r" % (wanted, got))
        failed = True


# as Datasette does it: --load-extension path, and path:entry
for name, arguments in (("load_extension(path)", (OBJECT,)),
                        ("load_extension(path, entry)", (OBJECT, "sqlite3_dbmig_init"))):
    one = sqlite3.connect(":memory:")
    one.enable_load_extension(True)
    one.execute("SELECT load_extension(%s)" % ", ".join("?" * len(arguments)), arguments)
    one.enable_load_extension(False)
    equal(name, "1", answer(one, "SELECT dbmig_append('p', 'CREATE TABLE t (x)')"))
    equal(name + ": apply", 1, answer(one, "SELECT dbmig_apply()"))
    one.close()

# no way around "SELECT on its own": a CHECK is refused when it is made, or
# when it would run
one = connect(":memory:")
answer(one, "SELECT dbmig_append('p', 'CREATE TABLE t (x)')")
try:
    one.execute("CREATE TABLE checked (x CHECK (dbmig_apply() >= 0))")
    one.execute("INSERT INTO checked VALUES (1)")
    equal("not from a CHECK", "an error", "none")
except sqlite3.OperationalError:
    equal("not from a CHECK", 0, answer(one, "SELECT count(*) FROM dbmig_applied"))
one.close()

# rows of which not all were fetched are in nobody's way, or said to be
one = connect("rows.db")
answer(one, "SELECT dbmig_append('p', 'CREATE TABLE t (x)')")
cursor = one.execute("SELECT 1 UNION ALL SELECT 2")
cursor.fetchone()
equal("an open SELECT without a table", 1, answer(one, "SELECT dbmig_apply()"))
cursor = one.execute("SELECT * FROM dbmig_history UNION ALL SELECT * FROM dbmig_history")
cursor.fetchone()
answer(one, "SELECT dbmig_append('p', 'DROP TABLE t')")
equal("an open SELECT from a table", 'OperationalError: a statement of this connection is still '
      'running: "SELECT * FROM dbmig_history UNION ALL SELECT * FROM dbmig_history"',
      answer(one, "SELECT dbmig_apply()"))
cursor.close()
equal("and closed", 1, answer(one, "SELECT dbmig_apply()"))
one.close()

one = connect("python.db")
seen = []
one.create_function("seen", 3, lambda done, total, item: seen.append(item) or 1)
one.create_function("fill", 2, lambda package, version: 1 / 0)
answer(one, "SELECT dbmig_append('p', 'CREATE TABLE t (x UNIQUE)')")
answer(one, "SELECT dbmig_set('progress', 'seen')")
equal("apply", 1, answer(one, "SELECT dbmig_apply()"))
answer(one, "SELECT dbmig_append('p', 'INSERT INTO t VALUES (1)')")
answer(one, "SELECT dbmig_append('p', 'VACUUM')")
equal("migrate", 2, answer(one, "SELECT dbmig_migrate()"))
equal("the progress function", ["p@1", "p@2", "p@3"], seen)
equal("no transaction is left", False, one.in_transaction)
equal("wait", 1, answer(one, "SELECT dbmig_wait('p', 0)"))
answer(one, "SELECT dbmig_append('p', 'INSERT INTO t VALUES (1)')")
equal("a constraint", 'IntegrityError: migration "p@4", statement 1, line 1, column 1: '
      "UNIQUE constraint failed: t.x (code 2067)", answer(one, "SELECT dbmig_migrate()"))
one.execute("INSERT INTO t VALUES (2)")
equal("not in a transaction", "OperationalError: dbmig_migrate cannot run in a transaction",
      answer(one, "SELECT dbmig_migrate()"))
one.rollback()
answer(one, "SELECT dbmig_unregister('p', '4')")
answer(one, "SELECT dbmig_register_function('p', '4', 'fill')")
equal("a function that raises", 'OperationalError: migration "p@4", function "fill": '
      "user-defined function raised exception (code 1)", answer(one, "SELECT dbmig_migrate()"))
one.close()

# a progress function that says stop: dbmig_apply takes all of it back,
# dbmig_migrate keeps what it has committed, and neither goes on
for call, kept in (("dbmig_apply", []), ("dbmig_migrate", ["1"])):
    one = connect("stop-%s.db" % call)
    asked = []
    one.create_function("stop", 3, lambda done, total, item: asked.append((done, total, item)) or 0)
    for _ in range(3):
        answer(one, "SELECT dbmig_append('p', 'CREATE TABLE t' || (SELECT count(*) FROM dbmig_migration) || ' (x)')")
    answer(one, "SELECT dbmig_set('progress', 'stop')")
    equal("%s is stopped" % call, 'OperationalError: stopped by the progress function "stop" after p@1',
          answer(one, "SELECT %s()" % call))
    equal("%s: asked once" % call, [(1, 3, "p@1")], asked)
    equal("%s: what is left of it" % call, (kept, False), (
        [row[0] for row in one.execute("SELECT version FROM dbmig_applied WHERE state = 'applied'")],
        one.in_transaction))
    answer(one, "SELECT dbmig_set('progress', 'on')")
    equal("%s: goes on when told so" % call, 3 - len(kept), answer(one, "SELECT %s()" % call))
    one.close()

# an interrupt from another thread
one = connect("python.db", check_same_thread=False)
timer = threading.Timer(0.3, one.interrupt)
timer.start()
equal("interrupt", "OperationalError: interrupted (code 9)", answer(one, "SELECT dbmig_wait('p', 20)"))
timer.join()
equal("and on", 3, answer(one, "SELECT count(*) FROM dbmig_applied WHERE state = 'applied'"))
one.close()

# one connection a thread, all at once on a new file
THREADS = 8
results = []


def work(number):
    connection = connect("threads.db", timeout=0, isolation_level=None)
    # A connection's first SELECT reads the schema in newer SQLite, before
    # dbmig is called and could wait.
    while answer(connection, "SELECT 1") != 1:
        time.sleep(0.001)
    for version in range(1, 6):
        results.append(answer(connection, "SELECT dbmig_register('s', ?, ?)", version,
                              "CREATE TABLE s%d (x)" % version))
        results.append(answer(connection, "SELECT dbmig_append(?, 'SELECT 1')", "p%d" % number))
        results.append(answer(connection, "SELECT %s()" % (
            "dbmig_migrate" if number % 2 else "dbmig_apply")))
        for _ in range(30):
            results.append(answer(connection, "SELECT dbmig_apply('p%d')" % number))
            results.append(answer(connection, "SELECT dbmig_check('p%d')" % number))
    results.append(answer(connection, "SELECT dbmig_wait('s', 20)"))
    connection.close()


threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
equal("threads: no errors", [], [text for text in results if "Error" in str(text)])
one = connect("threads.db")
equal("threads: each ran once", (5 + 5 * THREADS,) * 2,
      one.execute("SELECT (SELECT count(*) FROM dbmig_applied), count(*) FROM dbmig_history").fetchone())
one.close()
sys.exit(failed)
