"""A client of QuickThumb: uploads a picture, waits, and downloads the thumbnails."""

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import requests

_WAIT_SECONDS = 2  # per request; also the delay until `stop` takes effect
_CONNECT_SECONDS = 5.0  # at most
_PATIENCE = 40.0  # seconds
_TRIES = 5
_PAUSE = 2.0  # seconds, without a `Retry-After`
_KEY_ADVICE = "Set it in the environment variable QUICKTHUMB_API_KEY."
_SENDING_TIMEOUT = (5, 120)  # the same for Cloud Storage
_SENDING_TRIES = 6  # in a row without progress
_SENDING_PAUSE = 0.25  # seconds, doubled with each of them
_FORM_BYTES = 64 * 1024  # maximum overhead of a form with one picture


class Failed(Exception):
    """There are no thumbnails; the message is the service's reason.

    Attributes:
        code: a short form to count: status and code of an answer ("415 not-a-picture"), the code
            of a failed job, or the name of an exception.
        is_busy: the service is overloaded, and says when to retry.
    """

    def __init__(self, reason: str, code: str = "", *, is_busy: bool = False) -> None:
        super().__init__(reason)
        self.code = code
        self.is_busy = is_busy


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A downloaded thumbnail: name of the rendition ("256"), media type, size in pixels, bytes."""

    name: str
    content_type: str
    width: int
    height: int
    data: bytes


class Client:
    """A client of the service at a URL. Thread-safe.

    Args:
        url: of the service.
        key: API key, if it needs one.
        headers: added to each request, such as `Authorization`.
        patience: seconds to wait for an answer.
    """

    def __init__(
        self,
        url: str,
        key: str = "",
        headers: Mapping[str, str] | None = None,
        patience: float = _PATIENCE,
    ) -> None:
        self._url = url
        self._headers = ({"X-API-Key": key} if key else {}) | dict(headers or {})
        self._timeout = (min(_CONNECT_SECONDS, patience), _WAIT_SECONDS + patience)
        self._local = threading.local()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Make the calls of all threads fail soon."""
        self._stopped.set()

    def upload(self, path: Path, options: Mapping[str, str], tries: int = _TRIES) -> str:
        """Upload a picture; return its id.

        Args:
            path: of the picture.
            options: of the thumbnails.
            tries: how often to send the request while the service is unavailable.

        Raises:
            Failed: it was refused, or the service does not answer.
            OSError: the file cannot be read.
        """
        if path.stat().st_size > self.max_upload_bytes - _FORM_BYTES:
            return self._upload_large(path, options, tries)
        files = {"file": (_name_of(path), path.read_bytes())}
        return str(_content(self._call("POST", "/", tries, data=options, files=files))["id"])

    def _upload_large(self, path: Path, options: Mapping[str, str], tries: int) -> str:
        """Upload a picture directly to Cloud Storage."""
        announced = {"filename": _name_of(path), "size": path.stat().st_size}
        document = _content(self._call("POST", "/uploads", tries, json=announced, params=options))
        send_to_session(document["upload"]["url"], path)
        return str(document["id"])

    @cached_property
    def max_upload_bytes(self) -> int:
        """The service's limit for one request.

        Raises:
            Failed: the service does not answer, or is not QuickThumb.
        """
        answer = self._call("GET", "/", headers={"Accept": "application/json"})
        try:
            return int(_content(answer)["max_upload_bytes"])
        except (KeyError, TypeError, ValueError):
            raise Failed(f"{self._url} is not QuickThumb.") from None

    def wait(self, id: str, seconds: float) -> dict[str, Any]:
        """Wait until a job is done; return its status document.

        Raises:
            Failed: it failed, or is not done after `seconds`.
        """
        end = time.monotonic() + seconds
        while True:
            wait = min(_WAIT_SECONDS, max(0, round(end - time.monotonic(), 3)))
            document = _content(self._call("GET", f"/{id}", params={"wait": wait}))
            if document["status"] == "failed":
                raise Failed(document["error"]["detail"], document["error"]["code"])
            if document["status"] == "done":
                return document
            if self._stopped.is_set():
                raise Failed(f"interrupted; its id is {id}")
            if time.monotonic() > end:
                raise Failed(f"not done after {seconds:.0f} seconds; its id is {id}", "not-done")

    def delete(self, id: str) -> None:
        """Delete an upload, if it exists.

        Raises:
            Failed: the service refuses, or does not answer.
        """
        answer = self._call("DELETE", f"/{id}")
        if answer.status_code != 404:
            _checked(answer)

    def thumbnails(self, document: Mapping[str, Any]) -> list[Thumbnail]:
        """Download the thumbnails of a finished job.

        Raises:
            Failed: one is missing.
        """
        return [
            Thumbnail(
                name,
                entry["content_type"],
                entry["width"],
                entry["height"],
                _checked(self._call("GET", entry["href"])).content,
            )
            for name, entry in document["thumbnails"].items()
        ]

    def _call(
        self, method: str, path: str, tries: int = _TRIES, **arguments: Any
    ) -> requests.Response:
        """Make a request; repeat it while the service is unavailable."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.headers.update(self._headers)
        session: requests.Session = self._local.session
        try:
            for attempt in range(1, tries + 1):
                answer = session.request(
                    method, self._url + path, timeout=self._timeout, **arguments
                )
                if answer.status_code != 503 or attempt == tries:
                    break
                pause = answer.headers.get("Retry-After", "")
                self._stopped.wait(float(pause) if pause.isdecimal() else _PAUSE)
            return answer
        except requests.RequestException as error:
            reason = f"{self._url} does not answer: {error}"
            raise Failed(reason, type(error).__name__) from error


def send_to_session(url: str, path: Path) -> None:
    """Upload a file to a session URL of Cloud Storage; resume after a broken connection.

    The protocol is https://docs.cloud.google.com/storage/docs/performing-resumable-uploads.

    Raises:
        Failed: Cloud Storage refuses it, or does not answer.
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
                raise Failed(f"Cloud Storage refused the file: {failure}")
        except requests.RequestException as error:
            failure = str(error)
        tries += 1
        time.sleep(_SENDING_PAUSE * 2**tries)
    raise Failed(f"Cloud Storage received {position:,} of {size:,} bytes: {failure}")


def _arrived(answer: requests.Response) -> int:
    """Return how many bytes Cloud Storage has."""
    first, _, last = answer.headers.get("Range", "").partition("-")
    return int(last) + 1 if first == "bytes=0" else 0


def _put(url: str, content_range: str, data: BinaryIO | None = None) -> requests.Response:
    headers = {"Content-Range": content_range}
    return requests.put(url, data=data, headers=headers, timeout=_SENDING_TIMEOUT)


def _name_of(path: Path) -> str:
    """Return the name of a file as valid Unicode."""
    return os.fsencode(path.name).decode(errors="replace")


def _content(answer: requests.Response) -> dict[str, Any]:
    try:
        document = _checked(answer).json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Failed(f"{answer.url} did not answer with a JSON object.", "no-json")
    return document


def _checked(answer: requests.Response) -> requests.Response:
    if answer.ok:
        return answer
    status = answer.status_code
    try:
        problem = answer.json()
        code, reason = f"{status} {problem['code']}", str(problem["detail"])
        if status == 401:
            reason = f"{reason} {_KEY_ADVICE}"
    except (ValueError, KeyError, TypeError):
        code, reason = str(status), f"the service answered {status} {answer.reason}"
    is_busy = status in (429, 503) and "Retry-After" in answer.headers
    raise Failed(reason, code, is_busy=is_busy)
