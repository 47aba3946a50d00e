"""Resumable uploads as Cloud Storage implements them; fake-gcs-server has only half of them.

It ends a session that is asked how far it has come (`Content-Range: bytes */SIZE`), with whatever
it has; it loses what arrives of a request that breaks off, and all sessions when it ends; it takes
any number of bytes, whatever was announced. So sessions are kept here, in files, and a blob is sent
to the server as one request once all its bytes are there.

The protocol is https://docs.cloud.google.com/storage/docs/performing-resumable-uploads.
"""

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

from emulator.parts.front.announced import Announced
from emulator.parts.front.content_range import Brought
from emulator.parts.front.http1 import JSON, Headers, Refused, Request

UNIT = 256 * 1024
"""What Cloud Storage keeps of a request that did not end an upload is a multiple of these bytes."""

MAX_SESSIONS = 1_000
"""The most sessions that are kept. Above that, the least recently used one is forgotten."""

MAX_BYTES = 4 * 1024**3
"""The most bytes of unfinished uploads; above that, the same happens."""

LIFETIME_SECONDS = 7 * 86_400
"""For how long Cloud Storage keeps a session."""

Body = Iterable[memoryview]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request to a session is answered."""

    status: int
    body: bytes = b""
    headers: Headers = field(default_factory=list)


Store = Callable[[Announced, Path, int], tuple[int, bytes]]
"""Sends so many bytes of a file to the server, which are what was announced; returns its status and
the body of its answer."""


@dataclass(frozen=True, slots=True)
class _Record:
    """What the file of a session says.

    Attributes:
        announced: what is going to come.
        began: seconds since the epoch.
        reply: the server's answer, once there is one.
    """

    announced: Announced
    began: float
    reply: tuple[int, str] | None = None


class Session:
    """An upload that is under way, or was: a file that says what it is, and one of its bytes."""

    def __init__(self, id: str, record: _Record, sessions: "Sessions") -> None:
        self.id = id
        self.used = record.began
        self.received = 0
        self._record = record
        self._sessions = sessions
        self._file = sessions.folder / f"{id}.json"
        self._bytes = sessions.folder / f"{id}.bytes"
        self._turn = 0
        self._lock = threading.Lock()

    @classmethod
    def restored(cls, file: Path, sessions: "Sessions") -> Self:
        """Return the session that an earlier run has left.

        Raises:
            ValueError, TypeError, KeyError, OSError: the file is none of a session.
        """
        document = json.loads(file.read_text())
        record = _Record(**document | {"announced": Announced(**document["announced"])})
        session = cls(file.stem, record, sessions)
        if session._bytes.exists():
            session.used = session._bytes.stat().st_mtime
            session.received = session._bytes.stat().st_size
            session._round_down()
        return session

    @property
    def announced(self) -> Announced:
        """What was announced."""
        return self._record.announced

    @property
    def is_over(self) -> bool:
        """Whether Cloud Storage would have forgotten it by now."""
        return time.time() - self._record.began > LIFETIME_SECONDS

    def save(self) -> None:
        """Write down what the session is.

        Raises:
            OSError: that cannot be done.
        """
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text(json.dumps(asdict(self._record)))
        unfinished.replace(self._file)

    def forget(self) -> None:
        """Delete what there is of it; a request that still sends is told to stop."""
        with self._lock:
            self._turn += 1
            self.received = 0
            for file in (self._file, self._bytes):
                file.unlink(missing_ok=True)

    def take(self, request: Request, body: Body, store: Store) -> Answer:
        """Take a request.

        Args:
            request: its head.
            body: its bytes.
            store: sends a whole upload to the server.

        Raises:
            Refused: it is not taken.
            Malformed: it makes no sense.
        """
        brought = Brought.read(request.get("content-range"), request.length)
        with self._lock:
            self._turn += 1  # whatever an earlier request still sends does not count any more
            turn = self._turn
            self.used = time.time()
        if self._record.reply is not None:
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
            raise Refused(
                503, f"The upload cannot be kept: {error.strerror}. Make room, and go on with it."
            ) from error
        finally:
            with self._lock:
                if turn == self._turn and self._record.reply is None:
                    self._round_down()
        kept = [("Range", f"bytes=0-{self.received - 1}")] if self.received else []
        return Answer(308, b"", kept)

    def give_up(self) -> Answer:
        """End the session without a blob, unless there is one."""
        with self._lock:
            self._turn += 1
        return self._finish(lambda *_: (499, b""))

    def _expect(self, size: int | None) -> None:
        """Return if an upload of this size was announced, and has not become longer already.

        Raises:
            Refused: it was not, or has.
        """
        announced = self.announced.size
        if size is None:
            return
        if announced is not None and size != announced:
            raise Refused(400, f"{announced:,} bytes were announced, not {size:,}.")
        if size < self.received:
            raise Refused(400, f"There are {self.received:,} bytes already, more than {size:,}.")

    def _keep(self, turn: int, start: int, length: int | None, body: Body) -> None:
        """Keep what a request brings from where the upload is; it may begin earlier, not later.

        Raises:
            Refused: it begins later, or brings other bytes than it says, or more than announced.
            OSError: there is no room for them.
        """
        if start > self.received:
            raise Refused(
                400, f"Bytes {self.received}-{start - 1} are missing: ask how far the upload is."
            )
        most = self.announced.size
        end = start + length if length is not None else None
        if most is not None and end is not None and end > most:
            raise Refused(400, f"{most:,} bytes were announced, and this goes on to {end:,}.")
        known = self.received - start
        for block in body:
            if most is not None and self.received + len(block) - known > most:
                raise Refused(400, f"{most:,} bytes were announced, and there come more.")
            self._append(turn, block[known:])
            known = max(0, known - len(block))
        if end is not None and self.received < end:
            raise Refused(400, f"The bytes end at {self.received:,}, and should at {end:,}.")

    def _append(self, turn: int, data: memoryview) -> None:
        if not data:
            return
        self._sessions.make_room(len(data), self)
        with self._lock:
            if turn != self._turn:
                raise Refused(503, "Another request goes on with this upload.")
            with self._bytes.open("ab", buffering=0) as out:
                written = out.write(data) or 0
                self.received += written
                if written < len(data):  # the disk was full in the midst of it
                    self.received += out.write(data[written:]) or 0

    def _round_down(self) -> None:
        """Forget what Cloud Storage would not keep of a request that did not end the upload."""
        if self._bytes.exists():
            self.received = self.received // UNIT * UNIT
            with self._bytes.open("ab") as out:
                out.truncate(self.received)

    def _finish(self, store: Store) -> Answer:
        """Have the whole upload stored, once; the reply is that of the session from now on."""
        with self._lock:
            if self._record.reply is None:
                self._bytes.touch()
                status, body = store(self.announced, self._bytes, self.received)
                if status >= 500:  # it may be tried again
                    return Answer(status, body, JSON)
                self._record = replace(self._record, reply=(status, body.decode()))
                self._bytes.unlink()
                self.received = 0
                with suppress(OSError):  # the blob is there: whoever asks is told so until the end
                    self.save()
        return self._done()

    def _done(self) -> Answer:
        status, body = self._record.reply or (499, "")
        return Answer(status, body.encode(), JSON)


class Sessions:
    """All sessions of this machine, in a folder in which they outlive the process.

    Args:
        folder: made where it does not exist.
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
        """Begin an upload; return the id of its session, which nobody can guess.

        Raises:
            Refused: it cannot be written down.
        """
        session = Session(secrets.token_urlsafe(32), _Record(announced, time.time()), self)
        try:
            session.save()
        except OSError as error:
            raise Refused(503, f"No upload can begin: {error.strerror}. Make room.") from error
        with self._lock:
            self._all[session.id] = session
        self.make_room(0, session)
        return session.id

    def find(self, id: str) -> Session | None:
        """Return a session that was begun here, None if there is none, or not any more."""
        session = self._all.get(id)
        if session is not None and session.is_over:
            self._forget(session)
            return None
        return session

    def make_room(self, count: int, session: Session) -> None:
        """Have room for so many more bytes of a session, at the cost of others unused for long.

        Raises:
            Refused: the session alone is too large.
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
                raise Refused(
                    507, f"An unfinished upload has at most {MAX_BYTES:,} bytes on this machine."
                )
            self._forget(min(others, key=lambda other: other.used))

    def _forget(self, session: Session) -> None:
        with self._lock:
            self._all.pop(session.id, None)
        session.forget()
