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
_TIMEOUT = (5, _WAIT_SECONDS + 40)  # to connect and to receive the next byte, seconds
_TRIES = 5
_KEY_ADVICE = "Set it in the environment variable QUICKTHUMB_API_KEY."
_SENDING_TIMEOUT = (5, 120)  # the same for Cloud Storage
_SENDING_TRIES = 6  # in a row without progress
_SENDING_PAUSE = 0.25  # seconds, doubled with each of them
_FORM_BYTES = 64 * 1024  # maximum overhead of a form with one picture


class Failed(Exception):
    """There are no thumbnails; the message is the service's reason."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A downloaded thumbnail: name of the rendition ("256"), media type, size in pixels, bytes."""

    name: str
    content_type: str
    width: int
    height: int
    data: bytes


class Client:
    """A client of the service at a URL, with an API key if it needs one. Thread-safe."""

    def __init__(self, url: str, key: str = "") -> None:
        self._url = url
        self._key = key
        self._local = threading.local()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Make the calls of all threads fail soon."""
        self._stopped.set()

    def upload(self, path: Path, options: Mapping[str, str]) -> str:
        """Upload a picture; return its id.

        Raises:
            Failed: it was refused, or the service does not answer.
            OSError: the file cannot be read.
        """
        if path.stat().st_size > self._max_upload_bytes - _FORM_BYTES:
            return self._upload_large(path, options)
        files = {"file": (_name_of(path), path.read_bytes())}
        return str(_content(self._call("POST", "/", data=options, files=files))["id"])

    def _upload_large(self, path: Path, options: Mapping[str, str]) -> str:
        """Upload a picture directly to Cloud Storage."""
        announced = {"filename": _name_of(path), "size": path.stat().st_size}
        document = _content(self._call("POST", "/uploads", json=announced, params=options))
        send_to_session(document["upload"]["url"], path)
        return str(document["id"])

    @cached_property
    def _max_upload_bytes(self) -> int:
        """The service's limit for one request."""
        answer = self._call("GET", "/", headers={"Accept": "application/json"})
        return int(_content(answer)["max_upload_bytes"])

    def wait(self, id: str, seconds: float) -> dict[str, Any]:
        """Wait until a job is done; return its status document.

        Raises:
            Failed: it failed, or is not done after `seconds`.
        """
        end = time.monotonic() + seconds
        while True:
            document = _content(self._call("GET", f"/{id}", params={"wait": _WAIT_SECONDS}))
            if document["status"] == "failed":
                raise Failed(document["error"]["detail"])
            if document["status"] == "done":
                return document
            if self._stopped.is_set():
                raise Failed(f"interrupted; its id is {id}")
            if time.monotonic() > end:
                raise Failed(f"not done after {seconds:.0f} seconds; its id is {id}")

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

    def _call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """Make a request; repeat it while the service is unavailable."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            if self._key:
                self._local.session.headers["X-API-Key"] = self._key
        session: requests.Session = self._local.session
        try:
            for attempt in range(1, _TRIES + 1):
                answer = session.request(method, self._url + path, timeout=_TIMEOUT, **arguments)
                if answer.status_code != 503 or attempt == _TRIES:
                    break
                self._stopped.wait(float(answer.headers.get("Retry-After", "2")))
            return answer
        except requests.RequestException as error:
            raise Failed(f"{self._url} does not answer: {error}") from error


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
    document: dict[str, Any] = _checked(answer).json()
    return document


def _checked(answer: requests.Response) -> requests.Response:
    if not answer.ok:
        raise Failed(_reason(answer))
    return answer


def _reason(answer: requests.Response) -> str:
    try:
        detail = str(answer.json()["detail"])
        return f"{detail} {_KEY_ADVICE}" if answer.status_code == 401 else detail
    except (ValueError, KeyError):
        return f"the service answered {answer.status_code} {answer.reason}"
