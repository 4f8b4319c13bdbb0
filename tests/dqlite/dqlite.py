"""dbmig on dqlite (X2): one node, and three of which the leader is killed.

usage: dqlite.py NODE FOLDER		NODE: the program of node.c
"""
import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

from client import Client, Failure

PROGRAM, FOLDER = sys.argv[1:3]
DATABASE = "test.db"
failed = False
nodes = []


def report(name, passed, got=""):
    global failed
    if passed:
        print("ok      dqlite", name, flush=True)
    else:
        print("FAILED  dqlite", name)
        print("got %r" % (got,), flush=True)
        failed = True


class Node:
    def __init__(self, number, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % free.getsockname()[1]
        self.number = number
        self.folder = os.path.join(FOLDER, folder)
        os.makedirs(self.folder)
        nodes.append(self)
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [PROGRAM, str(self.number), self.address, self.folder], stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=open(os.path.join(FOLDER, "log"), "a"))
        patiently(lambda: Client(self.address).close())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def is_alive(self):
        return self.process.poll() is None


def patiently(what, seconds=20):
    """Its value, once it raises nothing."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return what()
        except (Failure, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def leader_of(members):
    """A client of the leader, whichever it is."""
    def ask():
        for node in members:
            if not node.is_alive():
                continue
            client = Client(node.address)
            address = client.leader()
            client.close()
            if address and any(n.address == address and n.is_alive() for n in members):
                return Client(address, DATABASE)
        raise OSError("no leader")
    return patiently(ask)


def refusal(call):
    try:
        return "answered %r" % (call(),)
    except Failure as failure:
        return failure.text


def transaction(client, *statements):
    """The answers, in one transaction that is committed."""
    client.execute("BEGIN IMMEDIATE")
    answers = [client.query(sql)[0][0] for sql in statements]
    client.execute("COMMIT")
    return answers


WRITERS = (
    "dbmig_register('x', 1, 'SELECT 1')", "dbmig_register_function('x', 1, 'f')",
    "dbmig_register_file('x', '1_x.sql', 'SELECT 1')", "dbmig_append('x', 'SELECT 1')",
    "dbmig_after('x', 'p')", "dbmig_unregister('p')", "dbmig_apply()", "dbmig_apply('p')",
    "dbmig_migrate()", "dbmig_rollback('p')", "dbmig_rollback_all('p')", "dbmig_redo('p')",
    "dbmig_baseline('p', '1')", "dbmig_resolve('p', '1', 'pending')", "dbmig_wait('p', 5)",
)


def tenants(node, client, other):
    """Their files would not be replicated: each call is refused before it makes one."""
    path = os.path.join(node.folder, "tenant.db")
    with open(os.path.join(node.folder, "there.db"), "w"):
        pass
    calls = ["dbmig_create_tenant('%s')" % path, "dbmig_create_tenant('%s', 'p')" % path,
             "dbmig_remove_tenant('%s')" % path, "dbmig_remove_tenant('%s', 1)" % path,
             "dbmig_migrate_tenants()", "dbmig_migrate_tenants('p', 1, '{\"stop_after\": 0}')"]
    for name in (path, os.path.join(node.folder, "there.db"), "test.db", "main"):
        calls += [call % name for call in (
            "dbmig_apply('p', NULL, '%s')", "dbmig_migrate('p', NULL, '%s')",
            "dbmig_rollback('p', 1, '%s')", "dbmig_rollback_all('p', '%s')", "dbmig_redo('p', '%s')",
            "dbmig_baseline('p', 1, '%s')", "dbmig_resolve('p', 1, 'pending', '%s')",
            "dbmig_is_current('p', NULL, '%s')", "dbmig_check('p', NULL, '%s')")]
    before = sorted(os.listdir(node.folder))
    for call in calls:
        hint = "\nHINT:  "
        text = refusal(lambda: client.execute("SELECT " + call))
        client.execute("BEGIN IMMEDIATE")
        inside = refusal(lambda: client.execute("SELECT " + call))
        client.execute("ROLLBACK")
        other.execute("INSERT INTO plain VALUES (1)")
        report("one node: no tenants: " + call.replace(node.folder, ""),
               hint in text and "dqlite" in text and hint in inside and "dqlite" in inside,
               (text, inside))
    for rows in ("dbmig_plan('p', NULL, '%s')", "dbmig_verify('p', '%s')"):
        text = refusal(lambda: other.execute("CREATE TABLE y AS SELECT * FROM " + rows % path))
        report("one node: no tenants: " + rows, "dqlite" in text, text)
    report("one node: no tenants, and none to see", other.query("SELECT count(*) FROM dbmig_tenants") == [(0,)])
    made = [name for name in sorted(os.listdir(node.folder)) if name not in before]
    report("one node: no tenants, and no file made", not [n for n in made if "open-" not in n and "0000" not in n], made)


def test_one_node():
    node = Node(1, "one")
    client = leader_of([node])
    other = Client(node.address, DATABASE)
    client.execute("CREATE TABLE plain (x)")
    report("one node: register", transaction(
        client, "SELECT dbmig_register('p', 1, 'CREATE TABLE t (x)', 'DROP TABLE t')",
        "SELECT dbmig_append('p', 'INSERT INTO t VALUES (1); INSERT INTO t VALUES (random())',"
        " 'DELETE FROM t')") == ["registered", "2"])
    looked = (other.query("SELECT * FROM dbmig_status"), other.query("SELECT dbmig_is_current()"),
              refusal(lambda: other.execute("SELECT dbmig_check()")))
    report("one node: looking needs no transaction",
           looked[:2] == ([("", "p", None, "2", 2, "pending")], [(0,)]) and
           "pending" in looked[2], looked)

    for call in WRITERS:
        hint = "\nHINT:  "
        text = refusal(lambda: client.execute("SELECT " + call))
        query = refusal(lambda: client.query("SELECT " + call))
        client.execute("BEGIN")
        plain = refusal(lambda: client.execute("SELECT " + call))
        client.execute("ROLLBACK")
        other.execute("INSERT INTO plain VALUES (1)")
        report("one node: refused outside of BEGIN IMMEDIATE: " + call,
               hint in text and "dqlite" in text and hint in plain and
               not query.startswith("answered"), (text, query, plain))
    for call in ("dbmig_migrate()", "dbmig_wait('p', 5)"):
        client.execute("BEGIN IMMEDIATE")
        text = refusal(lambda: client.execute("SELECT " + call))
        client.execute("ROLLBACK")
        report("one node: refused in BEGIN IMMEDIATE: " + call,
               "dqlite" in text and "\nHINT:  " in text, text)

    tenants(node, client, other)
    report("one node: apply", transaction(client, "SELECT dbmig_apply('p')") == [2])
    report("one node: others see it", other.query("SELECT count(*) FROM t") == [(2,)] and
           other.query("SELECT dbmig_check()") == [(1,)])
    report("one node: rollback and apply again", transaction(
        client, "SELECT dbmig_rollback_all('p')", "SELECT dbmig_apply()") == [2, 2])
    client.execute("BEGIN IMMEDIATE; SELECT 1 WHERE dbmig_append('p', 'CREATE TABLE u (x)') IS NULL;"
                   " SELECT 1 WHERE dbmig_apply('p') IS NULL; COMMIT")
    report("one node: all in one request", other.query("SELECT count(*) FROM dbmig_applied") == [(3,)])

    # a failure: text, and nothing of it left
    transaction(client, "SELECT dbmig_append('p', 'CREATE TABLE v (x); INSERT INTO nosuch VALUES (1)')")
    client.execute("BEGIN IMMEDIATE")
    text = refusal(lambda: client.execute("SELECT 1 WHERE dbmig_apply() IS NULL"))
    client.execute("ROLLBACK")
    report("one node: a migration that fails", text.startswith(
        'migration "p@4", statement 2, line 1, column 21: no such table: nosuch (code 1)'), text)
    report("one node: nothing of it is left",
           other.query("SELECT count(*) FROM sqlite_schema WHERE name = 'v'") == [(0,)])
    transaction(client, "SELECT dbmig_unregister('p', 4)")

    # what no transaction can hold is refused before anything runs
    transaction(client, "SELECT dbmig_append('q', 'VACUUM')")
    client.execute("BEGIN IMMEDIATE")
    text = refusal(lambda: client.execute("SELECT dbmig_apply('q')"))
    client.execute("ROLLBACK")
    report("one node: VACUUM is refused", "cannot run" in text, text)
    report("one node: and settled by hand",
           transaction(client, "SELECT dbmig_baseline('q', 1)") == [1])

    # a lock is not waited for: the node would wait with it
    other.execute("BEGIN IMMEDIATE")
    start = time.monotonic()
    refused = refusal(lambda: transaction(client, "SELECT dbmig_apply()"))
    report("one node: nothing is waited for", time.monotonic() - start < 1 and
           not refused.startswith("answered"), refused)
    other.execute("ROLLBACK")

    node.kill()
    node.start()
    client = leader_of([node])
    report("one node: kept after kill -9", client.query(
        "SELECT (SELECT count(*) FROM dbmig_applied), dbmig_is_current(), (SELECT count(*) FROM t)")
        == [(4, 1, 2)])
    node.kill()


def contents(node):
    """What a node has, as SQL."""
    # SQLite goes on with what it knows of files that were there before
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        for name, content in Client(node.address).dump(DATABASE).items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
        with contextlib.closing(sqlite3.connect(os.path.join(folder, DATABASE))) as database:
            whole = database.execute("PRAGMA integrity_check").fetchone()[0]
            return [whole] + list(database.iterdump())


def same_everywhere(members):
    deadline = time.monotonic() + 20
    while True:
        found = [contents(node) for node in members]
        if found[0][0] == "ok" and all(f == found[0] for f in found) or time.monotonic() > deadline:
            return found[0][0] == "ok" and all(f == found[0] for f in found)
        time.sleep(0.1)


def test_three_nodes():
    members = [Node(n, "three%d" % n) for n in (1, 2, 3)]
    client = leader_of(members[:1])
    for node in members[1:]:
        patiently(lambda: client.add(node.number, node.address))
    transaction(client, "SELECT dbmig_append('p', 'CREATE TABLE t (x)')",
                "SELECT dbmig_append('p', 'INSERT INTO t VALUES (random())')")
    report("three nodes: apply", transaction(client, "SELECT dbmig_apply('p')") == [2])
    report("three nodes: the same on each", same_everywhere(members))
    follower = next(n for n in members if n.address != client.address)
    refused = refusal(lambda: Client(follower.address, DATABASE).query("SELECT dbmig_apply()"))
    report("three nodes: a follower sends to the leader", not refused.startswith("answered"), refused)

    # the leader is gone between apply and COMMIT
    transaction(client, "SELECT dbmig_append('p', 'CREATE TABLE u (x); INSERT INTO u VALUES (1)')")
    client.execute("BEGIN IMMEDIATE")
    applied = client.query("SELECT dbmig_apply()")
    leader = next(n for n in members if n.address == client.address)
    leader.kill()
    report("three nodes: applied, and the leader is killed before COMMIT", applied == [(1,)], applied)
    client = leader_of(members)
    report("three nodes: nothing of it is left", client.query(
        "SELECT (SELECT count(*) FROM sqlite_schema WHERE name = 'u'),"
        " (SELECT count(*) FROM dbmig_applied), dbmig_is_current()") == [(0, 2, 0)])
    report("three nodes: the new leader applies it", transaction(client, "SELECT dbmig_apply()") == [1])
    report("three nodes: and once", transaction(client, "SELECT dbmig_apply()") == [0])
    leader.start()
    report("three nodes: the old leader has it too", same_everywhere(members))

    # and right behind COMMIT
    report("three nodes: applied and committed", transaction(
        client, "SELECT dbmig_append('p', 'INSERT INTO u VALUES (2)')", "SELECT dbmig_apply()") == ["4", 1])
    leader = next(n for n in members if n.address == client.address)
    leader.kill()
    client = leader_of(members)
    report("three nodes: kept when the leader is killed then", client.query(
        "SELECT dbmig_check(), (SELECT sum(x) FROM u), (SELECT count(*) FROM dbmig_history)")
        == [(1, 3, 4)])


try:
    test_one_node()
    test_three_nodes()
finally:
    for each in nodes:
        if each.is_alive():
            each.kill()
sys.exit(failed)
