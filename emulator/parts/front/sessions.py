"""Resumable uploads as Cloud Storage implements them.

fake-gcs-server completes an upload when it is asked for the progress (`Content-Range: bytes
*/SIZE`), loses the bytes of interrupted requests, loses all sessions when it stops, and ignores the
declared size. So uploads are kept here, in files, and sent to the server in one request each.

The protocol is https://docs.cloud.google.com/storage/docs/performing-resumable-uploads.
"""

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Self

from emulator.parts.front.announced import Announced
from emulator.parts.front.content_range import Brought
from emulator.parts.front.http1 import JSON, Headers, Refused, Request

UNIT = 256 * 1024
"""Of a request that does not complete an upload, Cloud Storage keeps a multiple of this (bytes)."""

MAX_SESSIONS = 1_000
"""Above this number, the least recently used session is dropped."""

MAX_BYTES = 4 * 1024**3
"""Above this number of bytes in unfinished uploads, the same happens."""

LIFETIME_SECONDS = 7 * 86_400
"""How long Cloud Storage keeps a session."""

Body = Iterable[memoryview]

Reply = tuple[int, Headers, bytes]
"""Status, headers and body of an answer."""

Store = Callable[[Announced, Path, int], tuple[int, bytes]]
"""Sends a complete upload, a file of so many bytes, to the server; returns status and body of the
answer."""


class Session:
    """An upload in progress or completed: a file that describes it, and one with its bytes.

    Attributes:
        id: unguessable.
        announced: what was declared.
        used: when it was last used, seconds since the epoch.
        received: bytes that have arrived.
    """

    def __init__(
        self,
        id: str,
        announced: Announced,
        sessions: "Sessions",
        began: float,
        reply: tuple[int, str] | None = None,
    ) -> None:
        self.id = id
        self.announced = announced
        self.used = began
        self.received = 0
        self._began = began
        self._reply = reply  # of the server, once there is one
        self._sessions = sessions
        self._file = sessions.folder / f"{id}.json"
        self._bytes = sessions.folder / f"{id}.bytes"
        self._turn = 0
        self._lock = threading.Lock()

    @classmethod
    def restored(cls, file: Path, sessions: "Sessions") -> Self:
        """Return a session of an earlier run.

        Raises:
            ValueError, TypeError, KeyError, OSError: the file does not describe a session.
        """
        document = json.loads(file.read_text())
        announced = Announced(**document["announced"])
        session = cls(file.stem, announced, sessions, document["began"], document["reply"])
        if session._bytes.exists():
            session.used = session._bytes.stat().st_mtime
            session.received = session._bytes.stat().st_size
            session._round_down()
        return session

    @property
    def is_over(self) -> bool:
        """Whether it has expired."""
        return time.time() - self._began > LIFETIME_SECONDS

    def save(self) -> None:
        """Write the file that describes the session.

        Raises:
            OSError: it cannot be written.
        """
        unfinished = self._file.with_suffix(".new")
        announced = asdict(self.announced)
        document = {"announced": announced, "began": self._began, "reply": self._reply}
        unfinished.write_text(json.dumps(document))
        unfinished.replace(self._file)

    def forget(self) -> None:
        """Delete its files, and stop a request that is still sending."""
        with self._lock:
            self._turn += 1
            self.received = 0
            for file in (self._file, self._bytes):
                file.unlink(missing_ok=True)

    def take(self, request: Request, body: Body, store: Store) -> Reply:
        """Answer a request that continues the upload or asks for its progress.

        Args:
            request: its head.
            body: its bytes.
            store: sends the complete upload to the server.

        Raises:
            Refused: the request is invalid, or there is no space.
        """
        brought = Brought.read(request.get("content-range"), request.length)
        with self._lock:
            self._turn += 1  # an earlier request that is still sending is cut off
            turn = self._turn
            self.used = time.time()
        if self._reply is not None:
            return self._done()
        try:
            self._expect(brought.size)
            if brought.start is not None:
                self._keep(turn, brought.start, brought.length, body)
            if brought.whole:
                self._expect(self.received)
            if brought.whole or self.received == brought.size:
                return self._finish(store)
        except OSError as error:
            why = f"Cannot write the upload: {error.strerror}. Free some space and resume it."
            raise Refused(503, why) from error
        finally:
            with self._lock:
                if turn == self._turn and self._reply is None:
                    self._round_down()
        kept = [("Range", f"bytes=0-{self.received - 1}")] if self.received else []
        return 308, kept, b""

    def give_up(self) -> Reply:
        """Cancel the upload, unless it is complete."""
        with self._lock:
            self._turn += 1
        return self._finish(lambda *_: (499, b""))

    def _expect(self, size: int | None) -> None:
        """Check a total size against the declared one, and against what has arrived."""
        declared = self.announced.size
        if size is None:
            return
        if declared is not None and size != declared:
            raise Refused(400, f"{declared:,} bytes were declared, not {size:,}.")
        if size < self.received:
            raise Refused(400, f"{self.received:,} bytes have arrived, more than {size:,}.")

    def _keep(self, turn: int, start: int, length: int | None, body: Body) -> None:
        """Append the bytes of a request, without those that have arrived before."""
        if start > self.received:
            raise Refused(400, f"Bytes {self.received}-{start - 1} are missing: ask for progress.")
        most = self.announced.size
        end = None if length is None else start + length
        if most is not None and end is not None and end > most:
            raise Refused(400, f"{most:,} bytes were declared, and these end at {end:,}.")
        known = self.received - start
        for block in body:
            if most is not None and self.received + len(block) - known > most:
                raise Refused(400, f"{most:,} bytes were declared, and more have arrived.")
            self._append(turn, block[known:])
            known = max(0, known - len(block))
        if end is not None and self.received < end:
            raise Refused(400, f"The bytes end at {self.received:,} instead of {end:,}.")

    def _append(self, turn: int, data: memoryview) -> None:
        if not data:
            return
        self._sessions.make_room(len(data), self)
        with self._lock:
            if turn != self._turn:
                raise Refused(503, "Another request has continued this upload.")
            with self._bytes.open("ab", buffering=0) as out:
                written = out.write(data) or 0
                self.received += written
                if written < len(data):  # the disk is full: the next write raises
                    self.received += out.write(data[written:]) or 0

    def _round_down(self) -> None:
        """Drop what Cloud Storage would drop of a request that did not complete the upload."""
        if self._bytes.exists():
            self.received = self.received // UNIT * UNIT
            with self._bytes.open("ab") as out:
                out.truncate(self.received)

    def _finish(self, store: Store) -> Reply:
        """Store the complete upload, once; all later requests get the same reply."""
        with self._lock:
            if self._reply is None:
                self._bytes.touch()
                status, body = store(self.announced, self._bytes, self.received)
                if status >= 500:  # it can be tried again
                    return status, JSON, body
                self._reply = (status, body.decode())
                self._bytes.unlink()
                self.received = 0
                with suppress(OSError):  # the blob exists, so the request has succeeded
                    self.save()
        return self._done()

    def _done(self) -> Reply:
        status, body = self._reply or (499, "")
        return status, JSON, body.encode()


class Sessions:
    """All sessions, in a folder, so that they survive a restart.

    Args:
        folder: is created if necessary.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._lock = threading.Lock()
        self._all: dict[str, Session] = {}
        for file in folder.glob("*.json"):
            with suppress(ValueError, TypeError, KeyError, OSError):
                self._all[file.stem] = Session.restored(file, self)
        for file in folder.iterdir():
            if file.suffix != ".json" and file.stem not in self._all:
                file.unlink()

    def begin(self, announced: Announced) -> str:
        """Start an upload; return the unguessable id of its session.

        Raises:
            Refused: its file cannot be written.
        """
        session = Session(secrets.token_urlsafe(32), announced, self, time.time())
        try:
            session.save()
        except OSError as error:
            why = f"Cannot start an upload: {error.strerror}. Free some space."
            raise Refused(503, why) from error
        with self._lock:
            self._all[session.id] = session
        self.make_room(0, session)
        return session.id

    def find(self, id: str) -> Session | None:
        """Return a session, None if it does not exist or has expired."""
        session = self._all.get(id)
        if session is not None and session.is_over:
            self._forget(session)
            return None
        return session

    def make_room(self, count: int, session: Session) -> None:
        """Make room for `count` more bytes of a session by dropping the least recently used ones.

        Raises:
            Refused: the session by itself is too large.
        """
        while True:
            with self._lock:
                others = [other for other in self._all.values() if other is not session]
                held = sum(other.received for other in others) + session.received
            if len(others) < MAX_SESSIONS and held + count <= MAX_BYTES:
                return
            if len(others) < MAX_SESSIONS:
                others = [other for other in others if other.received]
            if not others:
                raise Refused(507, f"The emulator holds at most {MAX_BYTES:,} unfinished bytes.")
            self._forget(min(others, key=lambda other: other.used))

    def _forget(self, session: Session) -> None:
        with self._lock:
            self._all.pop(session.id, None)
        session.forget()
