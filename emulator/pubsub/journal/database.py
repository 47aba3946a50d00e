"""The SQLite database of a data folder: its tables, and what an earlier run recorded in them.

With a write-ahead log and `synchronous=NORMAL`, commits survive a crash of the process; a power cut
may lose the last few.
https://www.sqlite.org/pragma.html#pragma_synchronous
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from emulator.pubsub.errors import DataInUse
from emulator.pubsub.rules.ledger import Kind

FILE_NAME = "pubsub.sqlite3"

# The column `subscription` of `deliveries` contains the number of a subscription or a snapshot.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS topics (name TEXT PRIMARY KEY, description BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS subscriptions (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, description BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS snapshots (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, description BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, wire BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS deliveries (
    subscription INTEGER NOT NULL, message INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, acknowledged INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (subscription, message)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS schemas (
    name TEXT NOT NULL, revision TEXT NOT NULL, description BLOB NOT NULL,
    PRIMARY KEY (name, revision)
);
CREATE TABLE IF NOT EXISTS access (resource TEXT PRIMARY KEY, policy BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


def open_database(folder: Path) -> sqlite3.Connection:
    """Open the database of a data folder, and create missing tables.

    Raises:
        DataInUse: If another process has it open.
        OSError: If the folder cannot be created.
        sqlite3.Error: If the file is not a valid database.
    """
    folder.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(
        folder / FILE_NAME, timeout=0, isolation_level=None, check_same_thread=False
    )
    try:
        # This lock excludes other brokers; it ends with the process, even after kill -9.
        database.execute("PRAGMA locking_mode=EXCLUSIVE")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        database.execute("BEGIN IMMEDIATE")
        for statement in filter(str.strip, _SCHEMA.split(";")):
            database.execute(statement)
        database.execute("COMMIT")
    except sqlite3.Error as error:
        database.close()
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise DataInUse(str(folder)) from error
        raise
    return database


class EarlierRun:
    """Reads what an earlier run recorded; valid until the journal is started."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def last_number(self) -> int:
        """Return the last message id, or 0."""
        row = self._database.execute("SELECT value FROM numbers").fetchone()
        return int(row[0]) if row else 0

    def topics(self) -> list[bytes]:
        """Return the serialized descriptions of all topics."""
        return [row[0] for row in self._database.execute("SELECT description FROM topics")]

    def owners(self, kind: Kind) -> list[tuple[int, bytes]]:
        """Return number and serialized description of every subscription, or every snapshot."""
        return self._database.execute(
            f"SELECT number, description FROM {kind} ORDER BY number"  # noqa: S608
        ).fetchall()

    def schemas(self) -> list[bytes]:
        """Return the serialized description of every revision of a schema, oldest first."""
        rows = self._database.execute("SELECT description FROM schemas ORDER BY rowid")
        return [row[0] for row in rows]

    def access(self) -> list[tuple[str, bytes]]:
        """Return the name of every resource with an access policy, and the serialized policy."""
        return self._database.execute("SELECT resource, policy FROM access").fetchall()

    def messages(self) -> Iterator[tuple[int, str, bytes]]:
        """Return id, topic and serialized content of every message, in order."""
        return iter(self._database.execute("SELECT id, topic, wire FROM messages ORDER BY id"))

    def deliveries(self) -> Iterator[tuple[int, int, int, int]]:
        """Return message id, number of the owner, failed attempts, and 1 if acknowledged."""
        return iter(
            self._database.execute(
                "SELECT message, subscription, attempts, acknowledged FROM deliveries"
                " ORDER BY message"
            )
        )
