"""What has to survive the broker, in a SQLite database that one thread writes.

A publish is answered when its messages are committed. Whatever is recorded while one commit
runs goes into the next one together, so the rate of commits adapts to the load by itself.

With a write-ahead log and `synchronous=NORMAL` a commit survives the end of the process,
however sudden; what a power cut may take is the last moments before it.
https://www.sqlite.org/pragma.html#pragma_synchronous

When a commit fails, as on a full disk, nothing is forgotten: what was recorded stays in memory and
is tried again until it is committed. Who waits for it goes on waiting, because it has taken effect:
to be refused and tried again would do it twice. Meanwhile `check` refuses whatever would add to it.
"""

import logging
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

from emulator.pubsub.rules.messages import Message
from emulator.pubsub.rules.policies import DELETED_TOPIC

FILE_NAME = "pubsub.sqlite3"

GATHER_SECONDS = 0.02
RETRY_SECONDS = 1.0

_log = logging.getLogger(__name__)

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

_LAST_ID = "INSERT OR REPLACE INTO numbers VALUES ('last message', ?)"
_MESSAGE = "INSERT OR REPLACE INTO messages VALUES (?, ?, ?)"
_OWED = "INSERT OR REPLACE INTO deliveries (subscription, message) VALUES (?, ?)"
_ATTEMPTED = "UPDATE deliveries SET attempts = ? WHERE subscription = ? AND message = ?"
_ACKNOWLEDGED = "UPDATE deliveries SET acknowledged = 1 WHERE subscription = ? AND message = ?"
_SETTLED = "DELETE FROM deliveries WHERE subscription = ? AND message = ?"
_FORGOTTEN = "DELETE FROM messages WHERE id = ?"
_TOPIC_SAVED = "INSERT OR REPLACE INTO topics VALUES (?, ?)"
_TOPIC_DELETED = "DELETE FROM topics WHERE name = ?"
_MESSAGES_MOVED = "UPDATE messages SET topic = ? WHERE topic = ?"
_SUBSCRIPTION_SAVED = "INSERT OR REPLACE INTO subscriptions VALUES (?, ?, ?)"
_SUBSCRIPTION_DELETED = "DELETE FROM subscriptions WHERE number = ?"

_SNAPSHOT_SAVED = "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)"
_SNAPSHOT_DELETED = "DELETE FROM snapshots WHERE number = ?"

_Row = tuple[object, ...]


class DataInUse(Exception):
    """Another broker works with this data folder."""


class JournalFailed(Exception):
    """The database refuses to commit: what was recorded since is in memory only."""


class Journal:
    """Records changes in memory at once, and commits them in the background, in order."""

    def __init__(self, folder: Path) -> None:
        """Open the database of a data folder, and create what is missing.

        Raises:
            DataInUse: If another process has it open.
            OSError: If the folder cannot be created.
            sqlite3.Error: If the file is not such a database.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(
            folder / FILE_NAME, timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            # The lock that keeps other brokers out ends with the process, also after kill -9.
            self._database.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute("BEGIN IMMEDIATE")
            for statement in filter(str.strip, _SCHEMA.split(";")):
                self._database.execute(statement)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            self._database.close()
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise DataInUse(str(folder)) from error
            raise
        self._recorded: list[tuple[str, list[_Row]]] = []
        # Nobody will ever name these messages again, so their removal may come last. That keeps
        # it from splitting long runs of acknowledgements.
        self._forgotten: list[_Row] = []
        self._waiting: list[Future[None]] = []
        self._changed = threading.Condition()
        self._open = True
        self._failure: JournalFailed | None = None
        self._writer = threading.Thread(target=self._write, name="journal")

    # What an earlier run left.

    def last_number(self) -> int:
        """Return the largest message id that was ever written down, or 0."""
        row = self._database.execute("SELECT value FROM numbers").fetchone()
        return int(row[0]) if row else 0

    def topics(self) -> list[bytes]:
        """Return the serialized descriptions of all topics."""
        return [row[0] for row in self._database.execute("SELECT description FROM topics")]

    def subscriptions(self) -> list[tuple[int, bytes]]:
        """Return numbers and serialized descriptions of all subscriptions."""
        return self._database.execute(
            "SELECT number, description FROM subscriptions ORDER BY number"
        ).fetchall()

    def snapshots(self) -> list[tuple[int, bytes]]:
        """Return numbers and serialized descriptions of all snapshots."""
        return self._database.execute(
            "SELECT number, description FROM snapshots ORDER BY number"
        ).fetchall()

    def messages(self) -> Iterator[tuple[int, str, bytes]]:
        """Return id, topic and bytes of every message, in the order they were published."""
        return iter(self._database.execute("SELECT id, topic, wire FROM messages ORDER BY id"))

    def deliveries(self) -> Iterator[tuple[int, int, int, bool]]:
        """Return message id, owner's number, failed attempts and whether acknowledged.

        The owner is a subscription, or a snapshot.
        """
        rows = self._database.execute(
            "SELECT message, subscription, attempts, acknowledged FROM deliveries ORDER BY message"
        )
        return ((message, owner, attempts, bool(acked)) for message, owner, attempts, acked in rows)

    # Life.

    def start(self) -> None:
        """Begin to commit what is recorded."""
        self._writer.start()

    def close(self) -> None:
        """Commit what is recorded, and let go of the database.

        Raises:
            JournalFailed: If it cannot be committed.
        """
        with self._changed:
            self._open = False
            self._changed.notify()
        if self._writer.is_alive():
            self._writer.join()
        self._database.close()
        if self._failure is not None:
            raise self._failure

    def check(self) -> None:
        """See that what is recorded can be committed, as far as is known.

        Raises:
            JournalFailed: If the last commit failed.
        """
        if self._failure is not None:
            raise self._failure

    def committed(self) -> "Future[None]":
        """Return a future that is done when all that was recorded so far is committed.

        It outlasts attempts that fail, and fails with `JournalFailed` only when the last one does,
        at the end.
        """
        future: Future[None] = Future()
        with self._changed:
            self._waiting.append(future)
            self._changed.notify()
        return future

    # What is recorded (see `broker.Ledger` and `catalogue.Registry`).

    def published(self, topic: str, messages: Sequence[Message]) -> None:
        """Record messages and the last id."""
        self._record(_MESSAGE, [(message.id, topic, message.wire) for message in messages])
        self._record(_LAST_ID, [(messages[-1].id,)])

    def owed(self, subscription: int, messages: Sequence[Message]) -> None:
        """Record that a subscription has to deliver messages."""
        self._record(_OWED, [(subscription, message.id) for message in messages])

    def attempted(self, subscription: int, message: int, attempts: int) -> None:
        """Record how many deliveries of a message have failed."""
        self._record(_ATTEMPTED, [(attempts, subscription, message)])

    def acknowledged(self, subscription: int, message: int) -> None:
        """Record that a message is acknowledged, and kept."""
        self._record(_ACKNOWLEDGED, [(subscription, message)])

    def settled(self, subscription: int, message: int) -> None:
        """Record that a subscription is done with a message."""
        self._record(_SETTLED, [(subscription, message)])

    def forgotten(self, message: int) -> None:
        """Record that nobody needs a message."""
        with self._changed:
            self._forgotten.append((message,))

    def topic_saved(self, name: str, description: bytes) -> None:
        """Record a topic."""
        self._record(_TOPIC_SAVED, [(name, description)])

    def topic_deleted(self, name: str) -> None:
        """Record that a topic is gone: a later one of its name does not inherit its messages."""
        self._record(_TOPIC_DELETED, [(name,)])
        self._record(_MESSAGES_MOVED, [(DELETED_TOPIC, name)])

    def subscription_saved(self, number: int, name: str, description: bytes) -> None:
        """Record a subscription."""
        self._record(_SUBSCRIPTION_SAVED, [(number, name, description)])

    def subscription_deleted(self, number: int) -> None:
        """Record that a subscription is gone."""
        self._record(_SUBSCRIPTION_DELETED, [(number,)])

    def snapshot_saved(self, number: int, name: str, description: bytes) -> None:
        """Record a snapshot."""
        self._record(_SNAPSHOT_SAVED, [(number, name, description)])

    def snapshot_deleted(self, number: int) -> None:
        """Record that a snapshot is gone."""
        self._record(_SNAPSHOT_DELETED, [(number,)])

    def _record(self, statement: str, rows: list[_Row]) -> None:
        with self._changed:
            if not self._recorded:
                self._changed.notify()
            elif self._recorded[-1][0] is statement:
                self._recorded[-1][1].extend(rows)
                return
            self._recorded.append((statement, rows))

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work)
                # Acknowledgements, which nobody waits for, gather for a moment.
                self._changed.wait_for(self._is_urgent, GATHER_SECONDS)
                if not self._recorded and not self._waiting:
                    return
                recorded, self._recorded = self._recorded, []
                recorded.append((_FORGOTTEN, self._forgotten))
                self._forgotten = []
                waiting, self._waiting = self._waiting, []
            try:
                self._commit(recorded)
            except sqlite3.Error as error:
                self._keep(recorded, waiting, error)
                with self._changed:
                    if not self._open:
                        _settle(self._waiting, self._failure)
                        return
                    self._changed.wait_for(lambda: not self._open, RETRY_SECONDS)
            else:
                self._recover()
                _settle(waiting, None)

    def _keep(
        self,
        recorded: list[tuple[str, list[_Row]]],
        waiting: list[Future[None]],
        error: sqlite3.Error,
    ) -> None:
        """Put back what could not be committed, before what was recorded meanwhile."""
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")
        if self._failure is None:
            _log.error("the journal cannot be written: %s; nothing is accepted until it can", error)
        with self._changed:
            self._failure = JournalFailed(f"The journal cannot be written: {error}")
            self._recorded = recorded + self._recorded
            self._waiting = waiting + self._waiting

    def _recover(self) -> None:
        if self._failure is not None:
            _log.warning("the journal can be written again")
            self._failure = None

    def _has_work(self) -> bool:
        return bool(self._recorded or self._waiting or not self._open)

    def _is_urgent(self) -> bool:
        return bool(self._waiting or not self._open)

    def _commit(self, recorded: list[tuple[str, list[_Row]]]) -> None:
        self._database.execute("BEGIN")
        for statement, rows in recorded:
            self._database.executemany(statement, rows)
        self._database.execute("COMMIT")


def _settle(waiting: list[Future[None]], failure: Exception | None) -> None:
    for future in waiting:
        # A client that gave up has cancelled its future; the others still wait.
        if not future.set_running_or_notify_cancel():
            continue
        if failure is not None:
            future.set_exception(failure)
        else:
            future.set_result(None)
