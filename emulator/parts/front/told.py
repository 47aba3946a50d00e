"""Tells of each blob that was stored, to whoever reads what this program prints."""

import json
import re
import sys
import time
from urllib.parse import parse_qs, unquote

EVENT = "\x1e"
"""The lines that tell begin with it, like those of functions (`emulator/dashboard/heard.py`)."""

_STORED = re.compile(r"/upload/storage/v1/b/([^/]+)/o/?")


def stored(target: str, status: int) -> str | None:
    """Return the line that tells of a stored blob, None if none was stored.

    Args:
        target: of a POST request to the storage server, with the name of the blob in its query.
        status: of the answer.
    """
    path, _, query = target.partition("?")
    match = _STORED.fullmatch(path)
    names = parse_qs(query).get("name")
    if status != 200 or match is None or not names:
        return None
    event = {"stored": names[0], "bucket": unquote(match[1]), "time": time.time()}
    return EVENT + json.dumps(event)


def tell(line: str | None) -> None:
    """Print a line at once, if there is one."""
    if line:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
