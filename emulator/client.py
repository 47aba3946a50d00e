"""The client of the commands: that of docs/clients.md, with short codes of what failed to count."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from emulator import formats  # noqa: F401 - makes the functions importable
from quickthumb.web.quickthumb_client import (
    JobFailed,
    NotDone,
    Options,
    Problem,
    QuickThumb,
    QuickThumbError,
    Stopped,
    Unreachable,
)

_PATIENCE = 40.0  # seconds
_TRIES = 5
_KEY_ADVICE = "Set it in the environment variable QUICKTHUMB_API_KEY."


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
        self._by_tries = {
            tries: QuickThumb(url, key, headers=headers, timeout=patience, tries=tries)
            for tries in (1, _TRIES)
        }
        self._client = self._by_tries[_TRIES]

    def stop(self) -> None:
        """Make the calls of all threads fail soon."""
        for client in self._by_tries.values():
            client.close()

    def upload(self, path: Path, options: Mapping[str, str], *, is_repeated: bool = True) -> str:
        """Upload a picture; return its id.

        Args:
            path: of the picture.
            options: of the thumbnails.
            is_repeated: whether to send it again while the service is unavailable.

        Raises:
            Failed: it was refused, or the service does not answer.
            OSError: the file cannot be read.
        """
        client = self._by_tries[_TRIES if is_repeated else 1]
        with _told():
            return client.upload(path, **cast(Options, options)).id

    @cached_property
    def max_upload_bytes(self) -> int:
        """The service's limit for one request.

        Raises:
            Failed: the service does not answer, or is not QuickThumb.
        """
        with _told():
            return self._client.limit()

    def wait(self, id: str, seconds: float) -> Mapping[str, Any]:
        """Wait until a job is done; return its status document.

        Raises:
            Failed: it failed, or is not done after `seconds`.
        """
        with _told(f"; its id is {id}"):
            return self._client.wait(id, seconds).document

    def delete(self, id: str) -> None:
        """Delete an upload, if it exists.

        Raises:
            Failed: the service refuses, or does not answer.
        """
        with _told():
            self._client.delete(id)

    def thumbnails(self, document: Mapping[str, Any]) -> list[Thumbnail]:
        """Download the thumbnails of a finished job.

        Raises:
            Failed: one is missing.
        """
        with _told():
            return [
                Thumbnail(
                    name,
                    entry["content_type"],
                    entry["width"],
                    entry["height"],
                    self._client.download(entry["href"]),
                )
                for name, entry in document["thumbnails"].items()
            ]


def send_to_session(url: str, path: Path) -> None:
    """Upload a file to a session URL of Cloud Storage; resume after a broken connection.

    Raises:
        Failed: Cloud Storage refuses it, or does not answer.
        OSError: the file cannot be read.
    """
    with _told(), QuickThumb("") as client:
        client.send(url, path)


@contextmanager
def _told(about: str = "") -> Iterator[None]:
    """Translate the errors of the client.

    Args:
        about: added to those of a job that goes on.
    """
    try:
        yield
    except Stopped:
        raise Failed(f"interrupted{about}") from None
    except NotDone as error:
        raise Failed(str(error).removesuffix(".") + about, "not-done") from None
    except JobFailed as error:
        raise Failed(error.detail, error.code) from None
    except Problem as problem:
        advice = f" {_KEY_ADVICE}" if problem.status == 401 else ""
        is_busy = problem.status in (429, 503) and problem.retry_after is not None
        code = f"{problem.status} {problem.code}".rstrip()
        raise Failed(problem.detail + advice, code, is_busy=is_busy) from problem
    except Unreachable as error:
        cause = error.__cause__
        reason = f"{error} {cause}" if cause else str(error)
        raise Failed(reason, type(cause or error).__name__) from error
    except QuickThumbError as error:
        raise Failed(str(error), "no-json") from error
