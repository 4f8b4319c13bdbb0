"""As much of dqlite's wire protocol as the tests need.

A message is a header (words of the body, type, version of its schema) and a
body of 8-byte words, all little endian; texts end with NUL and are filled up.
"""
import socket
import struct

FAILURE, EMPTY_ROWS = 0, (0xEEEEEEEEEEEEEEEE, 0xFFFFFFFFFFFFFFFF)
LEADER, CLIENT, OPEN, EXEC, QUERY, ADD, ASSIGN, DUMP, TRANSFER = 0, 1, 3, 8, 9, 12, 13, 15, 17
INTEGER, FLOAT, TEXT, BLOB, NULL, BOOLEAN = 1, 2, 3, 4, 5, 11


class Failure(Exception):
    def __init__(self, code, text):
        super().__init__("%d: %s" % (code, text))
        self.code = code
        self.text = text


def word(number):
    return struct.pack("<Q", number)


def text(value):
    raw = value.encode() + b"\0"
    return raw + b"\0" * (-len(raw) % 8)


class Reader:
    def __init__(self, raw):
        self.raw = raw
        self.at = 0

    def word(self):
        self.at += 8
        return struct.unpack_from("<Q", self.raw, self.at - 8)[0]

    def text(self):
        end = self.raw.index(b"\0", self.at)
        value = self.raw[self.at:end].decode("utf-8", "replace")
        self.at = end + 1 + (-(end + 1 - self.at) % 8)
        return value

    def bytes(self, length):
        self.at += length + -length % 8
        return self.raw[self.at - length - -length % 8:][:length]

    def value(self, kind):
        if kind in (TEXT, 9, 10) and kind != 9:
            return self.text()
        if kind == BLOB:
            return self.bytes(self.word())
        raw = self.word()
        if kind == NULL:
            return None
        if kind == FLOAT:
            return struct.unpack("<d", word(raw))[0]
        return raw - (1 << 64) if raw >> 63 else raw


class Client:
    """One connection to one node."""

    def __init__(self, address, database=None, timeout=20):
        host, port = address.rsplit(":", 1)
        self.address = address
        self.socket = socket.create_connection((host, int(port)), timeout)
        self.socket.sendall(word(1))
        self.call(CLIENT, word(0))
        if database is not None:
            self.database = self.call(OPEN, text(database), word(0), text(""))[1].word() & 0xFFFFFFFF

    def close(self):
        self.socket.close()

    def receive(self, length):
        raw = b""
        while len(raw) < length:
            more = self.socket.recv(length - len(raw))
            if not more:
                raise ConnectionError("closed")
            raw += more
        return raw

    def answer(self):
        words, kind = struct.unpack("<IB3x", self.receive(8))
        reader = Reader(self.receive(words * 8))
        if kind == FAILURE:
            raise Failure(reader.word(), reader.text())
        return kind, reader

    def call(self, kind, *parts):
        body = b"".join(parts)
        self.socket.sendall(struct.pack("<IB3x", len(body) // 8, kind) + body)
        return self.answer()

    def leader(self):
        reader = self.call(LEADER, word(0))[1]
        reader.word()
        return reader.text()

    def execute(self, sql):
        self.call(EXEC, word(self.database), text(sql), word(0))

    def query(self, sql):
        reader = self.call(QUERY, word(self.database), text(sql), word(0))[1]
        rows = []
        while True:
            columns = reader.word()
            for _ in range(columns):
                reader.text()
            while True:
                start = reader.word()
                if start in EMPTY_ROWS:
                    break
                reader.at -= 8
                size = (columns + 1) // 2
                kinds = reader.bytes(size)
                rows.append(tuple(reader.value(kinds[i // 2] >> (4 if i % 2 else 0) & 15)
                                  for i in range(columns)))
            if start == EMPTY_ROWS[1]:
                return rows
            reader = self.answer()[1]

    def add(self, number, address):
        self.call(ADD, word(number), text(address))
        self.call(ASSIGN, word(number), word(0))

    def dump(self, database):
        """The database and its WAL, as {name: bytes}."""
        reader = self.call(DUMP, text(database))[1]
        files = {}
        for _ in range(reader.word()):
            name = reader.text()
            files[name] = reader.bytes(reader.word())
        return files
