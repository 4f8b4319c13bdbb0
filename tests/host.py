"""dbmig in Python's sqlite3: load, apply, migrate, wait, and threads with one
connection each.

usage: host.py OBJECT FOLDER
"""
import os
import sqlite3
import sys
import threading

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

# an interrupt from another thread
one = connect("python.db", check_same_thread=False)
timer = threading.Timer(0.3, one.interrupt)
timer.start()
equal("interrupt", "OperationalError: interrupted (code 9)", answer(one, "SELECT dbmig_wait('p', 20)"))
timer.join()
equal("and on", 3, answer(one, "SELECT count(*) FROM dbmig_applied WHERE state = 'applied'"))
one.close()

# one connection a thread, all at once on a new file
results = []


def work(number):
    connection = connect("threads.db", timeout=0, isolation_level=None)
    for version in range(1, 6):
        results.append(answer(connection, "SELECT dbmig_register('s', ?, ?)", version,
                              "CREATE TABLE s%d (x)" % version))
        results.append(answer(connection, "SELECT dbmig_append(?, 'SELECT 1')", "p%d" % number))
        results.append(answer(connection, "SELECT %s()" % (
            "dbmig_migrate" if number % 2 else "dbmig_apply")))
    results.append(answer(connection, "SELECT dbmig_wait('s', 20)"))
    connection.close()


threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
equal("threads: no errors", [], [text for text in results if "Error" in str(text)])
one = connect("threads.db")
equal("threads: each ran once", (35, 35),
      one.execute("SELECT (SELECT count(*) FROM dbmig_applied), count(*) FROM dbmig_history").fetchone())
one.close()
sys.exit(failed)
