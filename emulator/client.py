"""What an application does with QuickThumb: send a picture, wait, fetch its thumbnails."""

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from emulator.resumable import NotTaken, send

_WAIT_SECONDS = 2  # asked of the service in one request, and the longest until `stop` is seen
_TIMEOUT = (5, _WAIT_SECONDS + 40)  # to connect, to hear the next byte, seconds
_TRIES = 5
_HOW_TO_SHOW_A_KEY = "This command sends the one in the variable QUICKTHUMB_API_KEY."
_FORM_BYTES = 64 * 1024  # that a form with one picture has beside it, at most


class Failed(Exception):
    """The picture has no thumbnails; the message is the service's own reason."""


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
    """Talks to the function `upload`; safe to share between threads.

    Args:
        url: of the function.
        key: API key, empty for a service that needs none.
    """

    def __init__(self, url: str, key: str = "") -> None:
        self._url = url
        self._key = key
        self._local = threading.local()
        self._max_upload_bytes: int | None = None
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Have calls of other threads fail, soon if not at once."""
        self._stopped.set()

    def upload(self, path: Path, options: Mapping[str, str]) -> str:
        """Send a picture; return its id.

        Raises:
            Failed: it was refused, or the service does not answer.
            OSError: the file cannot be read.
        """
        if path.stat().st_size > self._most_in_a_request() - _FORM_BYTES:
            return self._upload_large(path, options)
        files = {"file": (_name_of(path), path.read_bytes())}
        return str(_content(self._call("POST", "/", data=options, files=files))["id"])

    def _upload_large(self, path: Path, options: Mapping[str, str]) -> str:
        """Send a picture past the service, to Cloud Storage itself."""
        announced = {"filename": _name_of(path), "size": path.stat().st_size}
        document = _content(self._call("POST", "/uploads", json=announced, params=options))
        try:
            send(document["upload"]["url"], path)
        except NotTaken as error:
            raise Failed(str(error)) from error
        return str(document["id"])

    def _most_in_a_request(self) -> int:
        """Return the bytes that the service takes in one request, asked once."""
        if self._max_upload_bytes is None:
            headers = {"Accept": "application/json"}
            description = _content(self._call("GET", "/", headers=headers))
            self._max_upload_bytes = int(description["max_upload_bytes"])
        return self._max_upload_bytes

    def wait(self, id: str, seconds: float) -> dict[str, Any]:
        """Wait until a job has ended; return its status document.

        Raises:
            Failed: it failed, or has not ended in time.
        """
        end = time.monotonic() + seconds
        while True:
            answer = self._call("GET", f"/{id}", params={"wait": _WAIT_SECONDS})
            document = _content(answer)
            if document["status"] == "failed":
                raise Failed(document["error"]["detail"])
            if document["status"] == "done":
                return document
            if self._stopped.is_set():
                raise Failed(f"interrupted; its id is {id}")
            if time.monotonic() > end:
                raise Failed(f"not done after {seconds:.0f} seconds; its id is {id}")

    def thumbnails(self, document: Mapping[str, Any]) -> list[Thumbnail]:
        """Fetch the thumbnails of a finished job.

        Raises:
            Failed: one is not there.
        """
        result = []
        for name, entry in document["thumbnails"].items():
            answer = self._call("GET", entry["href"])
            if not answer.ok:
                raise Failed(_reason(answer))
            result.append(
                Thumbnail(
                    name, entry["content_type"], entry["width"], entry["height"], answer.content
                )
            )
        return result

    def _call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """Make a request, again where the service asks for that."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            if self._key:
                self._local.session.headers["X-API-Key"] = self._key
        session: requests.Session = self._local.session
        try:
            for _ in range(_TRIES - 1):
                answer = session.request(method, self._url + path, timeout=_TIMEOUT, **arguments)
                if answer.status_code != 503:
                    return answer
                self._stopped.wait(float(answer.headers.get("Retry-After", "2")))
            return session.request(method, self._url + path, timeout=_TIMEOUT, **arguments)
        except requests.RequestException as error:
            raise Failed(f"{self._url} does not answer: {error}") from error


def _name_of(path: Path) -> str:
    """Return the name of a file as Unicode, which names on Linux need not be."""
    return os.fsencode(path.name).decode(errors="replace")


def _content(answer: requests.Response) -> dict[str, Any]:
    if not answer.ok:
        raise Failed(_reason(answer))
    document: dict[str, Any] = answer.json()
    return document


def _reason(answer: requests.Response) -> str:
    try:
        detail = str(answer.json()["detail"])
        return f"{detail} {_HOW_TO_SHOW_A_KEY}" if answer.status_code == 401 else detail
    except (ValueError, KeyError):
        return f"the service answered {answer.status_code} {answer.reason}"
