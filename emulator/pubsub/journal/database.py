"""The SQLite database of a data folder: its tables, and what an earlier run recorded in them.

With a write-ahead log and `synchronous=NORMAL` a commit survives the end of the process,
however sudden; what a power cut may take is the last moments before it.
https://www.sqlite.org/pragma.html#pragma_synchronous
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from emulator.pubsub.errors import DataInUse
from emulator.pubsub.rules.ledger import Kind

FILE_NAME = "pubsub.sqlite3"

# The column `subscription` of `deliveries` has the number of a subscription or of a snapshot.
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
CREATE TABLE IF NOT EXISTS numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


def opened(folder: Path) -> sqlite3.Connection:
    """Open the database of a data folder, and create what is missing.

    Raises:
        DataInUse: If another process has it open.
        OSError: If the folder cannot be created.
        sqlite3.Error: If the file is not such a database.
    """
    folder.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(
        folder / FILE_NAME, timeout=0, isolation_level=None, check_same_thread=False
    )
    try:
        # The lock that keeps other brokers out ends with the process, also after kill -9.
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
    """Reads the database. To be used before anything is written."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def last_number(self) -> int:
        """Return the largest message id that was ever recorded, or 0."""
        row = self._database.execute("SELECT value FROM numbers").fetchone()
        return int(row[0]) if row else 0

    def topics(self) -> list[bytes]:
        """Return the serialized descriptions of all topics."""
        return [row[0] for row in self._database.execute("SELECT description FROM topics")]

    def owners(self, kind: Kind) -> list[tuple[int, bytes]]:
        """Return numbers and serialized descriptions of all subscriptions, or all snapshots."""
        return self._database.execute(
            f"SELECT number, description FROM {kind} ORDER BY number"  # noqa: S608
        ).fetchall()

    def messages(self) -> Iterator[tuple[int, str, bytes]]:
        """Return id, topic and bytes of every message, in the order they were published."""
        return iter(self._database.execute("SELECT id, topic, wire FROM messages ORDER BY id"))

    def deliveries(self) -> Iterator[tuple[int, int, int, bool]]:
        """Return message id, owner's number, failed attempts and whether acknowledged."""
        rows = self._database.execute(
            "SELECT message, subscription, attempts, acknowledged FROM deliveries ORDER BY message"
        )
        return ((message, owner, attempts, bool(acked)) for message, owner, attempts, acked in rows)
