"""Sends a file to a session URL of Cloud Storage, going on where a connection broke off.

The protocol is https://docs.cloud.google.com/storage/docs/performing-resumable-uploads.
"""

import time
from pathlib import Path
from typing import BinaryIO

import requests

_TIMEOUT = (5, 120)  # to connect, to hear the next byte, seconds
_TRIES = 6  # in a row that bring no byte more
_PAUSE = 0.25  # seconds, doubled with each of them


class NotTaken(Exception):
    """The file was not taken; the message says why."""


def send(url: str, path: Path) -> None:
    """Send a file.

    Raises:
        NotTaken: Cloud Storage refused it, or does not answer.
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    position, tries, failure = 0, 0, ""
    while tries < _TRIES:
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
                raise NotTaken(f"Cloud Storage did not take the file: {failure}")
        except requests.RequestException as error:
            failure = str(error)
        tries += 1
        time.sleep(_PAUSE * 2**tries)
    raise NotTaken(f"Cloud Storage took {position:,} of {size:,} bytes: {failure}")


def _arrived(answer: requests.Response) -> int:
    """Return how many bytes Cloud Storage has."""
    first, _, last = answer.headers.get("Range", "").partition("-")
    return int(last) + 1 if first == "bytes=0" else 0


def _put(url: str, content_range: str, data: BinaryIO | None = None) -> requests.Response:
    headers = {"Content-Range": content_range}
    return requests.put(url, data=data, headers=headers, timeout=_TIMEOUT)
