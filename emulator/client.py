"""A client of QuickThumb: sends a picture, waits, fetches the thumbnails."""

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import requests

_WAIT_SECONDS = 2  # in one request, and the longest until `stop` takes effect
_TO_CONNECT = 5.0  # seconds
_PATIENCE = 40.0  # until the next byte of an answer, seconds
_NO_HEADERS: Mapping[str, str] = {}
_TRIES = 5
_PAUSE = 2.0  # seconds, where the service does not say
INTERRUPTED = "interrupted"
"""The code of what `stop` ended."""
_HOW_TO_SHOW_A_KEY = "This command sends the one in the variable QUICKTHUMB_API_KEY."
_SENDING_TIMEOUT = (5, 120)  # of Cloud Storage, as above
_SENDING_TRIES = 6  # in a row that bring no byte more
_SENDING_PAUSE = 0.25  # seconds, doubled with each of them
_FORM_BYTES = 64 * 1024  # that a form with one picture has beside it, at most


class Failed(Exception):
    """The service did not do what was asked; the message is the reason that it gives.

    Attributes:
        code: what to count it under: "415 not-a-picture", the code of a job that failed, or the
            kind of error if there was no answer.
        is_busy: the service is overloaded and says when to try again.
    """

    def __init__(self, reason: str, code: str = "", *, is_busy: bool = False) -> None:
        super().__init__(reason)
        self.code = code
        self.is_busy = is_busy


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A thumbnail that was fetched.

    Attributes:
        name: of the rendition, "256".
        content_type: media type.
        width: pixels.
        height: pixels.
        data: its bytes.
    """

    name: str
    content_type: str
    width: int
    height: int
    data: bytes


class Client:
    """Talks to the service; may be shared between threads.

    Args:
        url: of the service.
        key: API key; empty if the service needs none.
        headers: of every request to the service, such as `Authorization`.
        patience: how long to wait for an answer, seconds.
    """

    def __init__(
        self,
        url: str,
        key: str = "",
        headers: Mapping[str, str] = _NO_HEADERS,
        patience: float = _PATIENCE,
    ) -> None:
        self._url = url
        self._headers = {**({"X-API-Key": key} if key else {}), **headers}
        self._timeout = (min(_TO_CONNECT, patience), _WAIT_SECONDS + patience)
        self._local = threading.local()
        self._max_upload_bytes: int | None = None
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Make the calls of other threads fail soon."""
        self._stopped.set()

    def upload(self, path: Path, options: Mapping[str, str], tries: int = _TRIES) -> str:
        """Send a picture; return its id.

        Args:
            path: the picture.
            options: of its thumbnails.
            tries: how often to send it while the service is overloaded.

        Raises:
            Failed: it was refused, or the service does not answer.
            OSError: the file cannot be read.
        """
        if path.stat().st_size > self.max_upload_bytes() - _FORM_BYTES:
            return self._upload_large(path, options, tries)
        files = {"file": (_name_of(path), path.read_bytes())}
        return str(_content(self._call("POST", "/", tries, data=options, files=files))["id"])

    def _upload_large(self, path: Path, options: Mapping[str, str], tries: int) -> str:
        """Send a picture directly to Cloud Storage."""
        announced = {"filename": _name_of(path), "size": path.stat().st_size}
        document = _content(self._call("POST", "/uploads", tries, json=announced, params=options))
        send_to_session(document["upload"]["url"], path)
        return str(document["id"])

    def max_upload_bytes(self) -> int:
        """Return how many bytes the service takes in one request; it is asked once.

        Raises:
            Failed: it does not answer, or is not QuickThumb.
        """
        if self._max_upload_bytes is None:
            headers = {"Accept": "application/json"}
            description = _content(self._call("GET", "/", headers=headers))
            try:
                self._max_upload_bytes = int(description["max_upload_bytes"])
            except (KeyError, TypeError, ValueError):
                raise Failed(f"{self._url} is not QuickThumb.") from None
        return self._max_upload_bytes

    def wait(self, id: str, seconds: float) -> dict[str, Any]:
        """Wait until a job has ended; return its status document.

        Raises:
            Failed: it failed, or has not ended in time.
        """
        end = time.monotonic() + seconds
        while True:
            wait = min(_WAIT_SECONDS, max(0, round(end - time.monotonic(), 3)))
            answer = self._call("GET", f"/{id}", params={"wait": wait})
            document = _content(answer)
            if document["status"] == "failed":
                raise Failed(document["error"]["detail"], document["error"]["code"])
            if document["status"] == "done":
                return document
            if self._stopped.is_set():
                raise Failed(f"interrupted; its id is {id}", INTERRUPTED)
            if time.monotonic() > end:
                raise Failed(f"not done after {seconds:.0f} seconds; its id is {id}", "not-done")

    def delete(self, id: str) -> None:
        """Delete an upload, if it is still there.

        Raises:
            Failed: the service does not do it.
        """
        answer = self._call("DELETE", f"/{id}")
        if not answer.ok and answer.status_code != 404:
            raise _failed(answer)

    def thumbnails(self, document: Mapping[str, Any]) -> list[Thumbnail]:
        """Fetch the thumbnails of a finished job.

        Raises:
            Failed: one is not there.
        """
        result = []
        for name, entry in document["thumbnails"].items():
            answer = self._call("GET", entry["href"])
            if not answer.ok:
                raise _failed(answer)
            result.append(
                Thumbnail(
                    name, entry["content_type"], entry["width"], entry["height"], answer.content
                )
            )
        return result

    def _call(
        self, method: str, path: str, tries: int = _TRIES, **arguments: Any
    ) -> requests.Response:
        """Make a request; repeat it while the service says so."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.headers.update(self._headers)
        session: requests.Session = self._local.session
        url, arguments["timeout"] = self._url + path, self._timeout
        try:
            for _ in range(tries - 1):
                answer = session.request(method, url, **arguments)
                if answer.status_code != 503:
                    return answer
                pause = answer.headers.get("Retry-After", "")
                self._stopped.wait(float(pause) if pause.isdecimal() else _PAUSE)
            return session.request(method, url, **arguments)
        except requests.RequestException as error:
            kind = type(error).__name__
            raise Failed(f"{self._url} does not answer: {error}", kind) from error


def send_to_session(url: str, path: Path) -> None:
    """Send a file to a session URL of Cloud Storage; resume where a connection broke off.

    The protocol is https://docs.cloud.google.com/storage/docs/performing-resumable-uploads.

    Raises:
        Failed: Cloud Storage refused it, or does not answer.
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    position, tries, failure = 0, 0, ""
    while tries < _SENDING_TRIES:
        try:
            answer = _put(url, f"bytes */{size}")
            if answer.status_code == 308:
                reached = _arrived(answer)
                tries = 0 if reached > position else tries
                position = reached
                with path.open("rb") as file:
                    file.seek(position)
                    answer = _put(url, f"bytes {position}-{size - 1}/{size}", file)
            if answer.ok:
                return
            failure = f"it answered {answer.status_code} {answer.text[:200]}"
            if answer.status_code < 500 and answer.status_code != 308:
                raise Failed(f"Cloud Storage did not take the file: {failure}")
        except requests.RequestException as error:
            failure = str(error)
        tries += 1
        time.sleep(_SENDING_PAUSE * 2**tries)
    raise Failed(f"Cloud Storage took {position:,} of {size:,} bytes: {failure}")


def _arrived(answer: requests.Response) -> int:
    """Return how many bytes Cloud Storage has."""
    first, _, last = answer.headers.get("Range", "").partition("-")
    return int(last) + 1 if first == "bytes=0" else 0


def _put(url: str, content_range: str, data: BinaryIO | None = None) -> requests.Response:
    headers = {"Content-Range": content_range}
    return requests.put(url, data=data, headers=headers, timeout=_SENDING_TIMEOUT)


def _name_of(path: Path) -> str:
    """Return the name of a file as Unicode, which names on Linux need not be."""
    return os.fsencode(path.name).decode(errors="replace")


def _content(answer: requests.Response) -> dict[str, Any]:
    if not answer.ok:
        raise _failed(answer)
    try:
        document = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Failed(f"{answer.url} did not answer with a JSON object.", "no-json")
    return document


def _failed(answer: requests.Response) -> Failed:
    status = answer.status_code
    is_busy = status in (429, 503) and "Retry-After" in answer.headers
    try:
        problem = answer.json()
        code, reason = f"{status} {problem['code']}", str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        code, reason = f"{status}", f"the service answered {status} {answer.reason}"
    else:
        reason = f"{reason} {_HOW_TO_SHOW_A_KEY}" if status == 401 else reason
    return Failed(reason, code, is_busy=is_busy)
