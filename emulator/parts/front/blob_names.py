"""Path traversal in blob names.

To Cloud Storage, `../../.bashrc` is a name like any other; fake-gcs-server uses it as a path. The
name of an upload is in its URL, or in the JSON at the start of its body. It is checked here, and
moved into the URL, where the server looks first.
"""

import json
import os
import re
from collections.abc import Iterator
from itertools import chain
from urllib.parse import parse_qsl, unquote, urlencode

from emulator.parts.front.http1 import Refused, Request

_CLIMBS = re.compile(r"(?:^|[/\\])\.\.(?:[/\\]|$)")
_NOT_ON_WINDOWS = re.compile(
    r"""[<>:"|?*\\\x00-\x1f] | [. ](?:/|$) | \.metadata$
    | (?:^|/)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.[^/]*)?(?:/|$)""",
    re.VERBOSE | re.IGNORECASE,
)
"""https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file, and what the server appends
to the names of blobs for their metadata."""

ON_WINDOWS = os.name == "nt"

_MAX_BEGINNING = 256 * 1024  # bytes, within which a multipart upload must name its blob


def expect_safe(name: str) -> None:
    """Check that a name, or a path that contains one, stays in the folder of its bucket.

    Raises:
        Refused: it does not, or this system has no files of that name.
    """
    if _CLIMBS.search(name) or "\0" in name:
        raise Refused(
            400,
            f"{name[:200]!r} leads out of the folder of its bucket. The emulator keeps blobs in "
            "files, and does not allow `..` in their names.",
        )
    if ON_WINDOWS and _NOT_ON_WINDOWS.search(name):
        raise Refused(
            400,
            f"{name[:200]!r} cannot be the name of a file on Windows, where the emulator keeps "
            "blobs in files.",
        )


def expect_safe_path(path: str) -> None:
    """Check the path of a URL in the same way."""
    expect_safe(unquote(path))


def named(request: Request, body: Iterator[memoryview]) -> tuple[str, Iterator[memoryview]]:
    """Return target and body of a one-request upload, with the name in the target.

    Raises:
        Refused: it has no name, or an unsafe one.
    """
    path, _, query = request.target.partition("?")
    parameters = parse_qsl(query, keep_blank_values=True)
    beginning = b""
    if not any(key == "name" and text for key, text in parameters):
        name = None
        for block in body:
            beginning += block
            name = _name_in(beginning)
            if name is not None or len(beginning) > _MAX_BEGINNING:
                break
        if not name:
            raise Refused(400, "The upload does not begin with JSON with the name of its blob.")
        parameters = [item for item in parameters if item[0] != "name"] + [("name", name)]
    for key, text in parameters:
        if key == "name":
            expect_safe(text)
    rest = chain([memoryview(beginning)], body) if beginning else body
    # The query is rewritten, so that the server finds no other name in it.
    return f"{path}?{urlencode(parameters)}", rest


def _name_in(beginning: bytes) -> str | None:
    """Return the name in the first part of a multipart body, None if the JSON is incomplete."""
    _, _, part = beginning.partition(b"\r\n\r\n")
    text, _, _ = part.partition(b"\r\n--")
    try:
        document, _ = json.JSONDecoder().raw_decode(text.decode(errors="replace").lstrip())
    except (ValueError, RecursionError):
        return None
    name = document.get("name") if isinstance(document, dict) else None
    return name if isinstance(name, str) else ""
