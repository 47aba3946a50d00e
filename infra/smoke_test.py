"""Sends a picture to a deployed QuickThumb and checks the thumbnail; exits with 1 on failure.

    python3 infra/smoke_test.py URL tests/fixtures/samples/rocket.jpg [--header="Name: value"]

The variable QUICKTHUMB_TOKEN holds an identity token for functions that are not public, and
QUICKTHUMB_API_KEY a key for those that need one. It needs nothing but Python's standard library, so
that it runs in any image.
"""

import argparse
import json
import os
import struct
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SIZE = 256
WAIT_SECONDS = 20  # per request
PATIENCE_SECONDS = 180.0  # for permissions to propagate, and for a job to end


class Wrong(Exception):
    """The service does not work as promised."""


class Service:
    """A deployed QuickThumb.

    Args:
        url: of the function `upload`.
        token: identity token, empty for a public function.
        key: API key, empty for a function that needs none.
        headers: to be sent as well, as `Name: value`.
    """

    def __init__(self, url: str, token: str, key: str = "", headers: Sequence[str] = ()) -> None:
        if not url.startswith(("http://", "https://")):
            raise Wrong(f"{url!r}: expected a URL starting with https:// or http://")
        self._url = url.rstrip("/")
        given = (header.partition(":") for header in headers)
        shown = {name.strip(): value.strip() for name, _, value in given}
        shown |= {"Authorization": token and f"Bearer {token}", "X-API-Key": key}
        self._headers = {name: value for name, value in shown.items() if value}

    def call(self, method: str, path: str, data: bytes | None = None) -> bytes:
        """Return the body of a response.

        Raises:
            Wrong: the service answered with an error, or not at all.
        """
        request = urllib.request.Request(  # noqa: S310 - the constructor checks the scheme
            self._url + path, data, self._headers, method=method
        )
        if data is not None:
            request.add_header("Content-Type", "application/octet-stream")
        try:
            with urllib.request.urlopen(request, timeout=WAIT_SECONDS + 40) as answer:  # noqa: S310
                body: bytes = answer.read()
                return body
        except urllib.error.HTTPError as error:
            detail = error.read().decode(errors="replace")[:500]
            raise Wrong(f"{method} {path}: {error.code}: {detail}") from None
        except OSError as error:
            raise Wrong(f"{method} {path}: {error}") from None

    def wait_until_healthy(self, seconds: float) -> None:
        """Retry until the service answers; new permissions take minutes to propagate."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.call("GET", "/health")
                return
            except Wrong:
                if time.monotonic() > deadline:
                    raise
                time.sleep(2)

    def wait_until_ended(self, id: str, seconds: float) -> dict[str, Any]:
        """Return the status document of a job that has ended.

        Raises:
            Wrong: it has not, in that time.
        """
        deadline = time.monotonic() + seconds
        while True:
            status: dict[str, Any] = json.loads(self.call("GET", f"/{id}?wait={WAIT_SECONDS}"))
            if status["status"] != "queued":
                return status
            if time.monotonic() > deadline:
                raise Wrong(f"{id} is still queued after {seconds:.0f} seconds")


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Return width and height of a JPEG, pixels, from its frame header.

    See https://www.w3.org/Graphics/JPEG/itu-t81.pdf, B.2.2.

    Raises:
        Wrong: it is none.
    """
    at = 2
    while data[:2] == b"\xff\xd8" and at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], struct.unpack(">H", data[at + 2 : at + 4])[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length
    raise Wrong(f"expected a JPEG, got {len(data)} bytes starting with {data[:8]!r}")


def check(service: Service, picture: bytes, patience: float = PATIENCE_SECONDS) -> str:
    """Send a JPEG through the service, check its thumbnail, delete it; return a summary.

    Raises:
        Wrong: something is not as promised.
    """
    width, height = jpeg_size(picture)
    scale = SIZE / max(width, height)
    expected = (max(1, round(width * scale)), max(1, round(height * scale)))
    service.wait_until_healthy(patience)
    receipt = json.loads(service.call("POST", f"/?sizes={SIZE}&format=jpeg", picture))
    id = receipt["id"]
    try:
        status = service.wait_until_ended(id, patience)
        if status["status"] != "done":
            raise Wrong(f"{id}: {status}")
        thumbnail = service.call("GET", f"/{id}/{SIZE}")
        size = jpeg_size(thumbnail)
        if any(abs(got - wanted) > 1 for got, wanted in zip(size, expected, strict=True)):
            raise Wrong(f"{id}: a thumbnail of {size} pixels, expected {expected}")
    finally:
        service.call("DELETE", f"/{id}")
    return f"{width}x{height} became {size[0]}x{size[1]}, {len(thumbnail)} bytes"


def main(arguments: Sequence[str]) -> int:
    """Run the check."""
    parser = argparse.ArgumentParser(prog="smoke_test.py")
    parser.add_argument("url", help="URL of the function `upload`")
    parser.add_argument("file", type=Path, help="a JPEG")
    parser.add_argument("--header", action="append", default=[], help="`Name: value`")
    options = parser.parse_args(arguments)
    try:
        token = os.environ.get("QUICKTHUMB_TOKEN", "")
        key = os.environ.get("QUICKTHUMB_API_KEY", "")
        service = Service(options.url, token, key, options.header)
        sys.stdout.write(f"{check(service, options.file.read_bytes())}\n")
    except Wrong as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
