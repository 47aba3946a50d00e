"""A client of QuickThumb, in one file, for Python 3.11 or newer; the standard library is enough.

    client = QuickThumb("https://thumbs.example.com", key="…")
    upload = client.upload("photo.jpg", sizes=[256, 1024])
    status = client.wait(upload.id)
    html = f'<img src="{client.link(upload, "256")}" srcset="{client.srcset(status)}">'

`AsyncQuickThumb` has the same methods as coroutines. Everything that is raised is a
`QuickThumbError`, but for `OSError` if a file cannot be read.
"""

import asyncio
import hashlib
import hmac
import io
import json
import os
import random
import select
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any, BinaryIO, ParamSpec, Self, TypedDict, TypeVar, Unpack
from urllib.parse import quote, urlencode, urlsplit

__all__ = [
    "AsyncQuickThumb",
    "JobFailed",
    "NotDone",
    "NotQuickThumb",
    "Problem",
    "QuickThumb",
    "QuickThumbError",
    "Status",
    "Stopped",
    "Thumbnail",
    "Unreachable",
    "Upload",
    "signature",
]

P = ParamSpec("P")
T = TypeVar("T")

Picture = str | os.PathLike[str] | bytes | BinaryIO
"""A path, the bytes, or a file that is open for reading and can seek."""

Progress = Callable[[int, int], None]
"""Is called with the bytes sent so far, and all of them; fewer than before after a retry."""

_CHUNK = 256 * 1024
_FORM_BYTES = 64 * 1024  # that a form with one picture adds at most
_POLL_SECONDS = 20.0  # of each request that waits
_PAUSE = 0.25  # seconds before the second attempt, doubled each time
_LONGEST_PAUSE = 60.0  # seconds; a service that says more is given up
_CONNECT_SECONDS = 5.0
_NEGOTIATED = ("avif", "webp", "jpeg")  # the formats of a negotiated thumbnail
_UNSENT = ("signature", "wait", "download")  # parameters that are not signed
_ADVICE = {
    "unauthorized": "Give a valid API key: QuickThumb(url, key=…).",
    "token-expired": "Get a new upload token.",
    "token-exhausted": "Get a new upload token.",
    "gave-up": "Wait for it again later: the service may still retry it.",
}


class Options(TypedDict, total=False):
    """Options of thumbnails; docs/api.md tells what they mean."""

    sizes: Sequence[int] | int | str
    fit: str
    gravity: str
    focus: Sequence[float] | str
    format: str
    quality: int
    background: str
    max_bytes: int


class QuickThumbError(Exception):
    """Base of everything that a client raises."""


class Unreachable(QuickThumbError):
    """No attempt got an answer. Whether the request was executed is unknown; it can be repeated."""


class NotQuickThumb(QuickThumbError):
    """Something else answers at the URL."""


class Stopped(QuickThumbError):
    """The client was closed in the meantime."""


class NotDone(QuickThumbError):
    """The job has not ended in time. It still will: wait again."""


class JobFailed(QuickThumbError):
    """There will be no thumbnails.

    Attributes:
        code: of the problem, such as "corrupt".
        detail: a sentence for people.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Problem(QuickThumbError):
    """The service refused the request, with a problem document (RFC 9457) if it is QuickThumb's.

    Attributes:
        status: of HTTP.
        code: stable, such as "not-a-picture"; empty if the answer has no problem document.
        type: address that explains the problem.
        title: short, the same for all problems of this type.
        detail: a sentence for people.
        field: the part of the request at fault, or empty.
        retry_after: seconds after which to try again; None if the answer does not say.
    """

    def __init__(
        self, status: int, document: Mapping[str, Any], retry_after: float | None, url: str
    ) -> None:
        self.status = status
        self.code = str(document.get("code", ""))
        self.type = str(document.get("type", ""))
        self.title = str(document.get("title", ""))
        self.detail = str(document.get("detail") or f"{url} answered {status}.")
        self.field = str(document.get("field", ""))
        self.retry_after = retry_after
        super().__init__(self.detail)

    @property
    def is_temporary(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in (429, 502, 503, 504) or self.code == "not-ready"

    @property
    def advice(self) -> str:
        """What to do about it."""
        if self.code in _ADVICE:
            return _ADVICE[self.code]
        if self.is_temporary:
            return f"Try again in {self.retry_after or 1:g} seconds."
        if self.status >= 500:
            return "Look into the log of the service."
        return f"Change {self.field or 'the request'}: repeating it will not help."


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that was accepted: its thumbnails will be made.

    Attributes:
        id: allows its holder to read and delete the upload.
        links: paths of the thumbnails on the service, by name.
    """

    id: str
    links: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A thumbnail: path on the service, size in pixels, bytes, and media type."""

    href: str
    width: int
    height: int
    bytes: int
    content_type: str


@dataclass(frozen=True, slots=True)
class Status:
    """The status of an upload.

    Attributes:
        id: of the upload.
        state: "queued", "done" or "failed".
        links: paths of the thumbnails, by name; also of those whose format is negotiated.
        thumbnails: what was made, by name.
        metadata: as it was sent.
        document: everything that the service said.
    """

    id: str
    state: str
    links: Mapping[str, str]
    thumbnails: Mapping[str, Thumbnail]
    metadata: Mapping[str, str]
    document: Mapping[str, Any] = field(repr=False)

    @property
    def placeholder(self) -> str:
        """A `data:` URL of a blurred preview, or empty."""
        return str((self.document.get("placeholder") or {}).get("data_uri", ""))


@dataclass(frozen=True, slots=True)
class Session:
    """An announced upload: whoever has the `url` can send the picture, for a week.

    Attributes:
        id: that the upload will have.
        url: of Cloud Storage.
        links: paths of the thumbnails, by name.
    """

    id: str
    url: str
    links: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case
    content: bytes


def signature(key: str, path: str, options: Mapping[str, str]) -> str:
    """Return the signature of the address of a thumbnail, for services that make such on demand.

    Args:
        key: one of the service's `QUICKTHUMB_SIGNING_KEYS`; keep it on your server.
        path: such as /ID/400x300.webp.
        options: query parameters.
    """
    signed = sorted((name, text) for name, text in options.items() if name not in _UNSENT)
    query = urlencode(signed, quote_via=quote, safe="")
    text = f"{path}?{query}" if query else path
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


class QuickThumb:
    """A client of the service at a URL. Threads can share it.

    It keeps connections open; `close`, or leaving a `with`, closes them. Proxies of the environment
    are not used.

    Args:
        url: of the service.
        key: an API key, or an upload token, if the service needs one.
        headers: added to each request to the service, such as `Authorization` for Google's IAM.
        timeout: seconds to wait for an answer, in addition to those that the request itself waits.
        tries: attempts at a request while the service does not answer, or says to try again.
        signing_key: to sign addresses of thumbnails with.
    """

    def __init__(
        self,
        url: str,
        key: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 60.0,
        tries: int = 5,
        signing_key: str = "",
    ) -> None:
        self.url = url.rstrip("/")
        self._headers = {**({"X-API-Key": key} if key else {}), **(headers or {})}
        self._timeout = timeout
        self._tries = tries
        self._signing_key = signing_key
        self._limits: dict[str, int] = {}
        self._stopped = threading.Event()
        self._connections = _Connections(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections. Calls of other threads raise `Stopped` at once."""
        self._stopped.set()
        self._connections.close()

    def upload(
        self,
        picture: Picture,
        *,
        filename: str = "",
        metadata: Mapping[str, str] | None = None,
        progress: Progress | None = None,
        idempotency_key: str = "",
        **options: Unpack[Options],
    ) -> Upload:
        """Upload a picture; one that is too large for a request goes to Cloud Storage directly.

        Attempts are repeated under one idempotency key, so that they make one upload.

        Args:
            picture: to upload.
            filename: kept with the upload; by default that of the path.
            metadata: your own data, kept with the upload.
            progress: is called while the picture is sent.
            idempotency_key: the same for all attempts at this upload, also those of other
                processes. By default random, and none if this client tries only once, since a key
                costs the service two more writes.
            options: of the thumbnails.

        Raises:
            Problem: it was refused.
            Unreachable: the service or Cloud Storage does not answer.
        """
        key = idempotency_key or self._random_key()
        with _opened(picture) as file:
            name, size = filename or _name_of(picture), _size_of(file)
            if size > _FORM_BYTES and size > self._limit() - _FORM_BYTES:
                session = self._announce(size, name, metadata, key, options)
                self.send(session.url, file, progress=progress)
                return Upload(session.id, session.links)
            body = _Form(file, size, name, _fields(options, metadata), progress)
            headers = {"Content-Type": body.content_type, **_repeatable(key)}
            return _upload(self._json("POST", "/", headers, body))

    def announce(
        self,
        size: int,
        *,
        filename: str = "",
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str = "",
        **options: Unpack[Options],
    ) -> Session:
        """Announce a picture of a size in bytes, which `send` then sends to Cloud Storage.

        Keep the session to resume after a crash. See `upload` for arguments and errors.
        """
        key = idempotency_key or self._random_key()
        return self._announce(size, filename, metadata, key, options)

    def _random_key(self) -> str:
        return str(uuid.uuid4()) if self._tries > 1 else ""

    def _announce(
        self,
        size: int,
        filename: str,
        metadata: Mapping[str, str] | None,
        idempotency_key: str,
        options: Options,
    ) -> Session:
        document: dict[str, Any] = {"size": size, "filename": filename}
        if metadata:
            document["metadata"] = dict(metadata)
        query = urlencode(_texts(options))
        headers = {"Content-Type": "application/json", **_repeatable(idempotency_key)}
        body = _Bytes(json.dumps(document).encode())
        answer = self._json("POST", f"/uploads?{query}" if query else "/uploads", headers, body)
        return Session(answer["id"], answer["upload"]["url"], answer["links"]["thumbnails"])

    def send(self, url: str, picture: Picture, *, progress: Progress | None = None) -> None:
        """Send a picture to the URL of a `Session`, from where an earlier attempt broke off.

        The protocol is https://docs.cloud.google.com/storage/docs/performing-resumable-uploads.

        Raises:
            Problem: Cloud Storage refused it.
            Unreachable: Cloud Storage does not answer, or takes nothing more.
        """
        with _opened(picture) as file:
            size, arrived, failures = _size_of(file), 0, 0
            while failures < max(2, self._tries):
                answer = self._once("PUT", url, {"Content-Range": f"bytes */{size}"}, _Bytes(b""))
                if answer and answer.status == 308:
                    reached = _arrived(answer)
                    failures = 0 if reached > arrived else failures
                    arrived = reached
                    headers = {"Content-Range": f"bytes {arrived}-{size - 1}/{size}"}
                    rest = _Rest(file, arrived, size, progress)
                    answer = self._once("PUT", url, headers, rest)
                if answer and answer.status < 300:
                    if progress:
                        progress(size, size)
                    return
                if answer and answer.status < 500 and answer.status not in (308, 408, 429):
                    raise _problem(answer, urlsplit(url).netloc)
                failures += 1
                self._pause(_PAUSE * 2**failures)
        raise Unreachable(f"Cloud Storage has {arrived:,} of {size:,} bytes, and takes no more.")

    def more(self, id: str, **options: Unpack[Options]) -> Upload:
        """Ask for more thumbnails of an upload; return it with their links.

        Raises:
            Problem: it was refused: `original-gone`, `upload-failed`, `not-found`.
        """
        query = urlencode(_texts(options))
        return _upload(self._json("POST", f"/{id}?{query}" if query else f"/{id}"))

    def status(self, id: str, *, wait: float = 0.0) -> Status:
        """Return the status of an upload, after waiting up to 30 seconds for the end of its job.

        Raises:
            Problem: there is no such upload.
        """
        return _status(self._json("GET", f"/{id}?wait={wait:g}", patience=wait))

    def wait(self, id: str, seconds: float = 120.0) -> Status:
        """Wait until a job is done; return the status.

        Raises:
            JobFailed: it failed.
            NotDone: it has not ended in time.
            Problem: there is no such upload.
        """
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            found = self.status(id, wait=max(0.0, min(_POLL_SECONDS, left)))
            if found.state == "done":
                return found
            if found.state == "failed":
                error = found.document["error"]
                raise JobFailed(str(error["code"]), str(error["detail"]))
            if time.monotonic() >= end:
                raise NotDone(f"{id} is not done after {seconds:g} seconds.")

    def download(self, link: str, seconds: float = 120.0) -> bytes:
        """Return a thumbnail, after waiting until it is ready.

        Args:
            link: a path of `links`, or a URL of `link` or `signed`.
            seconds: to wait at most.

        Raises:
            NotDone: it is not ready in time.
            Problem: there is no such thumbnail, or it could not be made.
        """
        path = link.removeprefix(self.url)
        if not path.startswith("/"):
            raise ValueError(f"{link}: expected a path, or a URL that begins with {self.url}")
        end = time.monotonic() + seconds
        while True:
            wait = max(0.0, min(_POLL_SECONDS, end - time.monotonic()))
            target = f"{path}{'&' if '?' in path else '?'}wait={wait:g}"
            try:
                return self._call("GET", target, patience=wait).content
            except Problem as problem:
                if problem.code != "not-ready":
                    raise
                if time.monotonic() >= end:
                    raise NotDone(problem.detail) from None
            self._pause(min(1.0, max(0.0, end - time.monotonic())))

    def delete(self, id: str) -> bool:
        """Delete an upload with its thumbnails; return False if there is none.

        Raises:
            Problem: it was refused.
        """
        try:
            self._call("DELETE", f"/{id}")
        except Problem as problem:
            if problem.status == 404:
                return False
            raise
        return True

    def token(self, **grant: Any) -> str:
        """Return an upload token for a page in a browser.

        Args:
            grant: what it allows, such as `bytes=10_000_000, options={"sizes": [256]}`; see
                docs/browser-uploads.md.

        Raises:
            Problem: it was refused.
        """
        headers = {"Content-Type": "application/json"}
        answer = self._json("POST", "/tokens", headers, _Bytes(json.dumps(grant).encode()))
        return str(answer["token"])

    def link(self, upload: Upload | Session | Status, name: str) -> str:
        """Return the URL of a thumbnail. Raises `KeyError` if it was not asked for."""
        return self.url + upload.links[name]

    def srcset(self, status: Status, names: Iterable[str] | None = None) -> str:
        """Return the `srcset` of an `img`: URL and width of each thumbnail, the smallest first.

        Args:
            status: of an upload that is done.
            names: of the thumbnails; by default all. Choose those of one shape.
        """
        # A negotiated thumbnail has a link of its own, and one for each format.
        whole = {name: _in_format(name, "jpeg") for name in status.links}
        negotiated = {
            name: status.thumbnails[made]
            for name, made in whole.items()
            if name not in status.thumbnails and made in status.thumbnails
        }
        variants = {_in_format(name, each) for name in negotiated for each in _NEGOTIATED}
        shown = {**status.thumbnails, **negotiated}
        widths: dict[int, str] = {}
        every = [name for name in status.links if name not in variants]
        for name in every if names is None else names:
            if name in shown:
                widths.setdefault(shown[name].width, status.links[name])
        return ", ".join(f"{self.url}{widths[width]} {width}w" for width in sorted(widths))

    def signed(self, id: str, size: str, **options: Unpack[Options]) -> str:
        """Return the URL of a thumbnail that is made when somebody first shows it.

        Args:
            id: of an upload.
            size: such as "480", "400x300" or "400x300.webp".
            options: of the thumbnail.

        Raises:
            ValueError: the client has no `signing_key`.
        """
        if not self._signing_key:
            raise ValueError("Give the client a key of the service: QuickThumb(url, signing_key=…)")
        path, texts = f"/{id}/{size}", _texts(options)
        texts["signature"] = signature(self._signing_key, path, texts)
        return f"{self.url}{path}?{urlencode(texts, quote_via=quote, safe='')}"

    def limit(self) -> int:
        """Return the most bytes of a request; larger pictures go to Cloud Storage directly.

        Raises:
            Unreachable, NotQuickThumb: the service does not answer, or is something else.
        """
        return self._limit()

    def _limit(self) -> int:
        if not self._limits:
            document = self._json("GET", "/", {"Accept": "application/json"})
            try:
                self._limits["request"] = int(document["max_upload_bytes"])
            except (KeyError, TypeError, ValueError):
                raise NotQuickThumb(f"{self.url} is not QuickThumb.") from None
        return self._limits["request"]

    def _json(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: "_Body | None" = None,
        *,
        patience: float = 0.0,
    ) -> dict[str, Any]:
        answer = self._call(method, path, headers, body, patience=patience)
        try:
            document = json.loads(answer.content)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise NotQuickThumb(f"{self.url} is not QuickThumb: expected a JSON object.")
        return document

    def _call(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: "_Body | None" = None,
        *,
        patience: float = 0.0,
    ) -> _Answer:
        """Make a request that may be repeated, until there is an answer that counts.

        Raises:
            Problem: it is no success.
            Unreachable: no attempt got one.
        """
        url = self.url + path
        sent = {**self._headers, **(headers or {})}
        for attempt in range(1, self._tries + 1):
            answer = self._once(method, url, sent, body, patience=patience)
            if answer is None:
                pause = _PAUSE * 2**attempt
            elif answer.status < 300:
                return answer
            else:
                problem = _problem(answer, self.url)
                pause = _PAUSE * 2**attempt if problem.retry_after is None else problem.retry_after
                is_worth_it = problem.status in (429, 502, 503, 504) and pause <= _LONGEST_PAUSE
                if attempt == self._tries or not is_worth_it:
                    raise problem
            if attempt < self._tries:
                # Not all clients at the same moment.
                self._pause(pause * random.uniform(1, 1.1))  # noqa: S311 - not a secret
        raise Unreachable(f"{self.url} does not answer.") from self._connections.error

    def _once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: "_Body | None" = None,
        *,
        patience: float = 0.0,
    ) -> _Answer | None:
        """Make one attempt; return None if the connection broke."""
        if not self._stopped.is_set():
            answer = self._connections.ask(method, url, headers, body, self._timeout + patience)
            if answer:
                return answer
        if self._stopped.is_set():
            raise Stopped("The client was closed.")
        return None

    def _pause(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise Stopped("The client was closed.")


class AsyncQuickThumb:
    """The methods of `QuickThumb` as coroutines, which run in threads.

    `progress` is called in the event loop. A call that is cancelled ends at once; what it has sent
    by then counts.

    Args:
        url: of the service.
        key: see `QuickThumb`, as for all that is not named here.
        at_once: how many requests run at the same time; others wait.
    """

    def __init__(self, url: str, key: str = "", *, at_once: int = 16, **more: Any) -> None:
        self._client = QuickThumb(url, key, **more)
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="quickthumb")
        self.link = self._client.link
        self.srcset = self._client.srcset
        self.signed = self._client.signed

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections. Calls that are under way raise `Stopped`."""
        self._client.close()
        await asyncio.to_thread(self._threads.shutdown)

    async def upload(
        self,
        picture: Picture,
        *,
        filename: str = "",
        metadata: Mapping[str, str] | None = None,
        progress: Progress | None = None,
        idempotency_key: str = "",
        **options: Unpack[Options],
    ) -> Upload:
        """Upload a picture; see `QuickThumb.upload`."""
        return await self._run(
            self._client.upload,
            picture,
            filename=filename,
            metadata=metadata,
            progress=_in_loop(progress),
            idempotency_key=idempotency_key,
            **options,
        )

    async def announce(
        self,
        size: int,
        *,
        filename: str = "",
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str = "",
        **options: Unpack[Options],
    ) -> Session:
        """Announce a picture; see `QuickThumb.announce`."""
        return await self._run(
            self._client.announce,
            size,
            filename=filename,
            metadata=metadata,
            idempotency_key=idempotency_key,
            **options,
        )

    async def send(self, url: str, picture: Picture, *, progress: Progress | None = None) -> None:
        """Send an announced picture; see `QuickThumb.send`."""
        await self._run(self._client.send, url, picture, progress=_in_loop(progress))

    async def more(self, id: str, **options: Unpack[Options]) -> Upload:
        """Ask for more thumbnails; see `QuickThumb.more`."""
        return await self._run(self._client.more, id, **options)

    async def status(self, id: str, *, wait: float = 0.0) -> Status:
        """Return the status of an upload; see `QuickThumb.status`."""
        return await self._run(self._client.status, id, wait=wait)

    async def wait(self, id: str, seconds: float = 120.0) -> Status:
        """Wait until a job is done; see `QuickThumb.wait`."""
        return await self._run(self._client.wait, id, seconds)

    async def download(self, link: str, seconds: float = 120.0) -> bytes:
        """Return a thumbnail; see `QuickThumb.download`."""
        return await self._run(self._client.download, link, seconds)

    async def delete(self, id: str) -> bool:
        """Delete an upload; see `QuickThumb.delete`."""
        return await self._run(self._client.delete, id)

    async def token(self, **grant: Any) -> str:
        """Return an upload token; see `QuickThumb.token`."""
        return await self._run(self._client.token, **grant)

    async def _run(self, work: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(work, *args, **more))


def _in_loop(progress: Progress | None) -> Progress | None:
    if progress is None:
        return None
    loop = asyncio.get_running_loop()

    def report(sent: int, total: int) -> None:
        loop.call_soon_threadsafe(progress, sent, total)

    return report


class _Unreadable(Exception):
    """The file, not the connection, is at fault."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class _Body:
    """A body that can be sent several times."""

    length = 0

    def chunks(self) -> Iterator[bytes]:
        """Yield all of it, from the beginning."""
        raise NotImplementedError


class _Bytes(_Body):
    def __init__(self, data: bytes) -> None:
        self.length = len(data)
        self._data = data

    def chunks(self) -> Iterator[bytes]:
        yield self._data


class _Rest(_Body):
    """A file from a position on."""

    def __init__(self, file: BinaryIO, start: int, size: int, progress: Progress | None) -> None:
        self.length = size - start
        self._file = file
        self._start = start
        self._size = size
        self._progress = progress

    def chunks(self) -> Iterator[bytes]:
        sent = self._start
        while sent < self._size:
            try:
                self._file.seek(sent)
                chunk = self._file.read(min(_CHUNK, self._size - sent))
            except OSError as error:
                raise _Unreadable(error) from None
            if not chunk:
                raise _Unreadable(OSError("The file has become shorter while it was sent."))
            yield chunk
            sent += len(chunk)
            if self._progress:
                self._progress(sent, self._size)


class _Form(_Body):
    """A form with fields and one picture (RFC 7578)."""

    def __init__(
        self,
        file: BinaryIO,
        size: int,
        filename: str,
        fields: Mapping[str, str],
        progress: Progress | None,
    ) -> None:
        mark = uuid.uuid4().hex
        self.content_type = f"multipart/form-data; boundary={mark}"
        parts = [
            f'--{mark}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n{text}\r\n'
            for name, text in fields.items()
        ]
        name = _quoted(filename or "picture")
        about = f'Content-Disposition: form-data; name="file"; filename="{name}"'
        kind = "Content-Type: application/octet-stream"
        parts.append(f"--{mark}\r\n{about}\r\n{kind}\r\n\r\n")
        self._head = "".join(parts).encode()
        self._tail = f"\r\n--{mark}--\r\n".encode()
        self._file = _Rest(file, 0, size, progress)
        self.length = len(self._head) + size + len(self._tail)

    def chunks(self) -> Iterator[bytes]:
        yield self._head
        yield from self._file.chunks()
        yield self._tail


class _Connections:
    """Connections that are kept open, one for each request under way."""

    def __init__(self, timeout: float) -> None:
        self.error: Exception | None = None  # of the last connection that broke
        self._connect_seconds = min(_CONNECT_SECONDS, timeout)
        self._lock = threading.Lock()
        self._idle: dict[str, list[HTTPConnection]] = {}
        self._busy: set[HTTPConnection] = set()
        self._is_closed = False

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            for connection in self._busy:  # wakes up the thread that reads
                if connection.sock:
                    with suppress(OSError):
                        connection.sock.shutdown(socket.SHUT_RDWR)
            for connections in self._idle.values():
                for connection in connections:
                    connection.close()
            self._idle.clear()

    def ask(
        self, method: str, url: str, headers: Mapping[str, str], body: _Body | None, timeout: float
    ) -> _Answer | None:
        """Make a request; return None if the connection broke."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection, is_open = self._take(origin), False
        try:
            answer = self._exchange(connection, method, target, headers, body, timeout)
            is_open = not answer.will_close
            named = {name.lower(): text for name, text in answer.getheaders()}
            return _Answer(answer.status, named, answer.content)
        except _Unreadable as unreadable:
            raise unreadable.error from None
        except (HTTPException, OSError) as error:
            self.error = error
            return None
        finally:
            self._give_back(origin, connection, is_open=is_open)

    def _exchange(
        self,
        connection: HTTPConnection,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: _Body | None,
        timeout: float,
    ) -> "_Read":
        if connection.sock is None:
            connection.timeout = self._connect_seconds
            connection.connect()
        connection.sock.settimeout(timeout)
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, text in headers.items():
            connection.putheader(name, text)
        if body or method in ("POST", "PUT"):
            connection.putheader("Content-Length", str(body.length if body else 0))
        connection.endheaders()
        broken: ConnectionError | None = None
        try:
            for chunk in body.chunks() if body else ():
                connection.send(chunk)
        except ConnectionError as error:  # perhaps after an answer: too large, no key
            broken = error
        try:
            return _Read(connection.getresponse())
        except (HTTPException, OSError) as error:
            raise broken or error from None

    def _take(self, origin: str) -> HTTPConnection:
        parts = urlsplit(origin)
        with self._lock:
            idle = self._idle.get(origin, [])
            while idle:
                connection = idle.pop()
                # What is readable before a request was closed by the server.
                if connection.sock and not select.select([connection.sock], [], [], 0)[0]:
                    break
                connection.close()
            else:
                kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
                connection = kind(parts.netloc)
            self._busy.add(connection)
            return connection

    def _give_back(self, origin: str, connection: HTTPConnection, *, is_open: bool) -> None:
        with self._lock:
            self._busy.discard(connection)
            if is_open and not self._is_closed:
                self._idle.setdefault(origin, []).append(connection)
            else:
                connection.close()


class _Read:
    """An answer that was read to its end."""

    def __init__(self, response: HTTPResponse) -> None:
        self.content = response.read()
        self.status = response.status
        self.will_close = response.will_close
        self.getheaders = response.getheaders


def _problem(answer: _Answer, url: str) -> Problem:
    try:
        document = json.loads(answer.content)
    except ValueError:
        document = None
    retry_after = _seconds(answer.headers.get("retry-after", ""))
    return Problem(answer.status, document if isinstance(document, dict) else {}, retry_after, url)


def _seconds(retry_after: str) -> float | None:
    """Return the seconds of a `Retry-After`, which may be a date (RFC 9110, section 10.2.3)."""
    if retry_after.isdecimal():
        return float(retry_after)
    with suppress(ValueError):
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    return None


def _upload(document: Mapping[str, Any]) -> Upload:
    try:
        return Upload(str(document["id"]), document["links"]["thumbnails"])
    except (KeyError, TypeError):
        raise NotQuickThumb("The answer is not one of QuickThumb: it has no id.") from None


def _status(document: Mapping[str, Any]) -> Status:
    try:
        made = document.get("thumbnails", {})
        thumbnails = {
            name: Thumbnail(
                *(str(each["href"]), int(each["width"]), int(each["height"])),
                *(int(each["bytes"]), str(each["content_type"])),
            )
            for name, each in made.items()
        }
        links = document.get("links", {}).get("thumbnails", {})
        about = (str(document["id"]), str(document["status"]))
        return Status(*about, links, thumbnails, document.get("metadata") or {}, document)
    except (KeyError, TypeError, AttributeError):
        raise NotQuickThumb("The answer is not one of QuickThumb: it has no status.") from None


def _arrived(answer: _Answer) -> int:
    """Return how many bytes Cloud Storage has."""
    first, _, last = answer.headers.get("range", "").partition("-")
    return int(last) + 1 if first == "bytes=0" else 0


def _in_format(name: str, format: str) -> str:
    """Return the name of one format of a negotiated thumbnail."""
    if "-negotiate" in name:
        return name.replace("-negotiate", f"-{format}")
    return f"{name}-{format}"


def _texts(options: Options) -> dict[str, str]:
    """Return options as query parameters or form fields."""

    def text(value: object) -> str:
        if isinstance(value, str) or not isinstance(value, Sequence):
            return str(value)
        return ",".join(map(str, value))

    return {name: text(value) for name, value in options.items()}


def _repeatable(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key} if key else {}


def _fields(options: Options, metadata: Mapping[str, str] | None) -> dict[str, str]:
    about = {"metadata": json.dumps(dict(metadata))} if metadata else {}
    return _texts(options) | about


def _quoted(text: str) -> str:
    """Escape a name as browsers do (https://html.spec.whatwg.org/#multipart-form-data)."""
    return text.replace("\n", "%0A").replace("\r", "%0D").replace('"', "%22")


def _name_of(picture: Picture) -> str:
    """Return the name of a file as valid Unicode, or nothing."""
    if isinstance(picture, bytes):
        return ""
    path = picture if isinstance(picture, str | os.PathLike) else getattr(picture, "name", "")
    if not isinstance(path, str | os.PathLike):
        return ""
    return os.fsencode(Path(path).name).decode(errors="replace")


@contextmanager
def _opened(picture: Picture) -> Iterator[BinaryIO]:
    if isinstance(picture, bytes):
        yield io.BytesIO(picture)
    elif isinstance(picture, str | os.PathLike):
        with Path(picture).open("rb") as file:
            yield file
    else:
        yield picture


def _size_of(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)
