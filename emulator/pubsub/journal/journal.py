"""Records what has to survive a restart, and commits it from one thread.

Publish requests are answered when their messages are committed. Everything recorded during one
commit goes into the next, so the rate of commits adapts to the load.

When a commit fails, for example because the disk is full, the changes stay in memory and the commit
is retried. Callers that wait for it keep waiting: their change has taken effect, and if it were
refused and retried, it would be applied twice. Meanwhile `check` refuses further changes.
"""

import logging
import sqlite3
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path

from emulator.pubsub.journal.database import EarlierRun, open_database
from emulator.pubsub.rules.errors import JournalFailed
from emulator.pubsub.rules.ledger import Kind, Ledger
from emulator.pubsub.rules.messages import Message
from emulator.pubsub.rules.policies import DELETED_TOPIC

GATHER_SECONDS = 0.02
RETRY_SECONDS = 1.0

_log = logging.getLogger(__name__)

_Row = tuple[object, ...]
_Changes = list[tuple[str, list[_Row]]]


class Journal(Ledger):
    """Records changes in memory, and commits them in the background, in order.

    Attributes:
        earlier: What an earlier run recorded.
    """

    def __init__(self, folder: Path) -> None:
        """Open the database of a data folder; for what this raises see `open_database`."""
        self._database = open_database(folder)
        self.earlier = EarlierRun(self._database)
        self._recorded: _Changes = []
        # Nothing refers to these messages any more, so they can be deleted last. Otherwise the
        # deletions would split long runs of acknowledgements.
        self._forgotten: list[_Row] = []
        self._waiting: list[Future[None]] = []
        self._changed = threading.Condition()
        self._open = True
        self._failure: JournalFailed | None = None
        self._writer = threading.Thread(target=self._write, name="journal")

    def start(self) -> None:
        """Start to commit."""
        self._writer.start()

    def close(self) -> None:
        """Commit everything, and close the database.

        Raises:
            JournalFailed: If the last commit fails.
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
        """Check that the journal is writable, as far as is known.

        Raises:
            JournalFailed: If the last commit failed.
        """
        if self._failure is not None:
            raise self._failure

    def committed(self) -> "Future[None]":
        """Return a future that is done when everything recorded so far is committed.

        Failed commits leave it pending; only if the last one before `close` fails, it fails with
        `JournalFailed`.
        """
        future: Future[None] = Future()
        with self._changed:
            self._waiting.append(future)
            self._changed.notify()
        return future

    def together(self) -> AbstractContextManager[object]:
        """Return a context in which everything recorded goes into one commit.

        Otherwise a broker that is killed between two commits could keep a snapshot's messages
        without the snapshot, or a subscription that has lost a part of its messages.
        """
        return self._changed

    # The methods of `Ledger`.

    def published(self, topic: str, messages: Sequence[Message]) -> None:
        """Record messages and the last message id."""
        rows = [(message.id, topic, message.wire) for message in messages]
        self._record("INSERT OR REPLACE INTO messages VALUES (?, ?, ?)", *rows)
        self._record(
            "INSERT OR REPLACE INTO numbers VALUES ('last message', ?)", (messages[-1].id,)
        )

    def owed(self, owner: int, messages: Sequence[Message]) -> None:
        """Record the messages that an owner holds."""
        self._record(
            "INSERT OR REPLACE INTO deliveries (subscription, message) VALUES (?, ?)",
            *[(owner, message.id) for message in messages],
        )

    def attempted(self, owner: int, message: int, attempts: int) -> None:
        """Record the failed attempts of a delivery."""
        self._record(
            "UPDATE deliveries SET attempts = ? WHERE subscription = ? AND message = ?",
            (attempts, owner, message),
        )

    def acknowledged(self, owner: int, message: int) -> None:
        """Record a message that is retained for seek."""
        self._record(
            "UPDATE deliveries SET acknowledged = 1 WHERE subscription = ? AND message = ?",
            (owner, message),
        )

    def settled(self, owner: int, message: int) -> None:
        """Record a message that an owner no longer holds."""
        self._record(
            "DELETE FROM deliveries WHERE subscription = ? AND message = ?", (owner, message)
        )

    def forgotten(self, message: int) -> None:
        """Record a message that nobody holds."""
        with self._changed:
            self._forgotten.append((message,))

    def rewritten(self, message: Message) -> None:
        """Record the content of a message."""
        self._record("UPDATE messages SET wire = ? WHERE id = ?", (message.wire, message.id))

    def topic_saved(self, name: str, description: bytes) -> None:
        """Record a topic."""
        self._record("INSERT OR REPLACE INTO topics VALUES (?, ?)", (name, description))

    def topic_deleted(self, name: str) -> None:
        """Record that a topic is deleted."""
        self._record("DELETE FROM topics WHERE name = ?", (name,))
        self._record("DELETE FROM access WHERE resource = ?", (name,))
        self._record("UPDATE messages SET topic = ? WHERE topic = ?", (DELETED_TOPIC, name))

    def owner_saved(self, kind: Kind, number: int, name: str, description: bytes) -> None:
        """Record an owner."""
        self._record(
            f"INSERT OR REPLACE INTO {kind} VALUES (?, ?, ?)",  # noqa: S608
            (number, name, description),
        )

    def owner_deleted(self, kind: Kind, number: int) -> None:
        """Record that an owner is deleted."""
        self._record(
            "DELETE FROM access WHERE resource ="  # noqa: S608
            f" (SELECT name FROM {kind} WHERE number = ?)",
            (number,),
        )
        self._record(f"DELETE FROM {kind} WHERE number = ?", (number,))  # noqa: S608

    def schema_saved(self, name: str, revision: str, description: bytes) -> None:
        """Record a revision of a schema."""
        self._record("INSERT INTO schemas VALUES (?, ?, ?)", (name, revision, description))

    def schema_deleted(self, name: str, revision: str | None = None) -> None:
        """Record that a revision of a schema is deleted, or the schema."""
        if revision is not None:
            self._record("DELETE FROM schemas WHERE name = ? AND revision = ?", (name, revision))
            return
        self._record("DELETE FROM schemas WHERE name = ?", (name,))
        self._record("DELETE FROM access WHERE resource = ?", (name,))

    def access_saved(self, resource: str, policy: bytes) -> None:
        """Record the access policy of a resource."""
        self._record("INSERT OR REPLACE INTO access VALUES (?, ?)", (resource, policy))

    def _record(self, statement: str, *rows: _Row) -> None:
        with self._changed:
            if not self._recorded:
                self._changed.notify()
            elif self._recorded[-1][0] == statement:
                self._recorded[-1][1].extend(rows)
                return
            self._recorded.append((statement, list(rows)))

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._recorded or self._waiting or not self._open)
                # Acknowledgements, which nobody waits for, are collected for a moment.
                self._changed.wait_for(lambda: self._waiting or not self._open, GATHER_SECONDS)
                if not self._recorded and not self._waiting:
                    return
                recorded, self._recorded = self._recorded, []
                recorded.append(("DELETE FROM messages WHERE id = ?", self._forgotten))
                self._forgotten = []
                waiting, self._waiting = self._waiting, []
            try:
                with self._database:
                    self._database.execute("BEGIN")
                    for statement, rows in recorded:
                        self._database.executemany(statement, rows)
            except sqlite3.Error as error:
                self._keep(recorded, waiting, error)
                with self._changed:
                    if not self._open:
                        _settle(self._waiting, self._failure)
                        return
                    self._changed.wait_for(lambda: not self._open, RETRY_SECONDS)
            else:
                if self._failure is not None:
                    _log.warning("the journal can be written again")
                    self._failure = None
                _settle(waiting, None)

    def _keep(self, recorded: _Changes, waiting: list[Future[None]], error: sqlite3.Error) -> None:
        """Put back what was not committed, in front of what has been recorded since."""
        if self._failure is None:
            _log.error("the journal cannot be written: %s; changes are refused until it can", error)
        with self._changed:
            self._failure = JournalFailed(f"The journal cannot be written: {error}")
            self._recorded = recorded + self._recorded
            self._waiting = waiting + self._waiting


def _settle(waiting: list[Future[None]], failure: Exception | None) -> None:
    for future in waiting:
        # The future of a client that gave up is cancelled.
        if not future.set_running_or_notify_cancel():
            continue
        if failure is not None:
            future.set_exception(failure)
        else:
            future.set_result(None)
