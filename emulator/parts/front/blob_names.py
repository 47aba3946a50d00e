"""Names of blobs, as far as they are a danger here: the storage server takes them for paths.

Cloud Storage has no folders, and `../../.bashrc` is a name like others there. fake-gcs-server puts
it where it leads. The name of an upload is in its URL, or else in the JSON with which it begins;
that is looked at here, and moved into the URL, where the server looks first.
"""

import json
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote, urlencode

from emulator.parts.front.http1 import Refused, Request

_CLIMBS = re.compile(r"(?:^|[/\\])\.\.(?:[/\\]|$)")
_MAX_BEGINNING = 256 * 1024  # bytes in which an upload must have told its name


def expect_safe(name: str) -> None:
    """Return if a name, or a path with one in it, stays where it belongs.

    Raises:
        Refused: it does not.
    """
    if _CLIMBS.search(name) or "\0" in name:
        raise Refused(
            400,
            f"{name[:200]!r} leads out of the folder of its bucket. The emulator keeps blobs in "
            "files, and takes no names with `..` in them.",
        )


def expect_safe_path(path: str) -> None:
    """Return if what the path of a URL names stays where it belongs.

    Raises:
        Refused: it does not.
    """
    expect_safe(unquote(path))


def named(request: Request, body: Iterator[memoryview]) -> tuple[str, Iterator[memoryview]]:
    """Return target and body of an upload in one request, its name in the target.

    Raises:
        Refused: it has none, or one that leads elsewhere.
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
            raise Refused(400, "The upload does not begin with JSON that has the name of its blob.")
        parameters = [item for item in parameters if item[0] != "name"] + [("name", name)]
    for key, text in parameters:
        if key == "name":
            expect_safe(text)
    # Written anew, so that the server reads no other name out of it than this.
    return f"{path}?{urlencode(parameters)}", _again(beginning, body)


def _name_in(beginning: bytes) -> str | None:
    """Return the name that the first part of a body in several parts tells, None if it is cut."""
    _, _, part = beginning.partition(b"\r\n\r\n")
    text, _, _ = part.partition(b"\r\n--")
    try:
        document, _ = json.JSONDecoder().raw_decode(text.decode(errors="replace").lstrip())
    except (ValueError, RecursionError):
        return None
    name = document.get("name") if isinstance(document, dict) else None
    return name if isinstance(name, str) else ""


def _again(beginning: bytes, body: Iterator[memoryview]) -> Iterator[memoryview]:
    if beginning:
        yield memoryview(beginning)
    yield from body
