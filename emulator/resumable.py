"""Sends a file to a session URL of Cloud Storage, going on where a connection broke off.

The protocol is https://docs.cloud.google.com/storage/docs/performing-resumable-uploads.
"""

import time
from pathlib import Path

import requests

_TIMEOUT = (5, 120)  # to connect, to hear the next byte, seconds
_TRIES = 6  # without a byte more having arrived
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
    position, tries = 0, 0
    while tries < _TRIES:
        reached, failure = _try(url, path, position, size)
        if reached == size:
            return
        tries = 0 if reached > position else tries + 1
        position = reached
        time.sleep(_PAUSE * 2**tries if tries else 0)
    raise NotTaken(f"Cloud Storage took {position:,} of {size:,} bytes: {failure}")


def _try(url: str, path: Path, position: int, size: int) -> tuple[int, str]:
    """Send what is left; return how many bytes have arrived by now, and what went wrong."""
    try:
        with path.open("rb") as file:
            file.seek(position)
            answer = _put(url, f"bytes {position}-{size - 1}/{size}", file)
        failure = f"it answered {answer.status_code}"
    except requests.RequestException as error:
        failure = str(error)
    else:
        if answer.ok:
            return size, ""
        if answer.status_code < 500 and answer.status_code != 308:
            raise NotTaken(f"Cloud Storage answered {answer.status_code}: {answer.text[:200]}")
    try:
        answer = _put(url, f"bytes */{size}")
    except requests.RequestException as error:
        return position, str(error)
    if answer.ok:
        return size, ""
    first, _, last = answer.headers.get("Range", "").partition("-")
    return (int(last) + 1 if first == "bytes=0" else 0), failure


def _put(url: str, content_range: str, data: object = None) -> requests.Response:
    headers = {"Content-Range": content_range}
    return requests.put(url, data=data, headers=headers, timeout=_TIMEOUT)  # type: ignore[arg-type]
