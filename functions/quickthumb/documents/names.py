"""Ids of uploads, and names of originals."""

import hashlib
import re
import secrets
import time
from dataclasses import dataclass

from quickthumb.documents.untrusted import shown
from quickthumb.problems import InvalidMessage

INCOMING = "incoming/"
"""Prefix of originals that were sent to Cloud Storage directly."""

ANNOUNCED = f"{INCOMING}announced/"
"""Prefix of originals that were announced; the id follows."""

AFTER_IDS = "g"
"""Sorts after every id; everything but originals and results sorts after it."""

_MAX_NAME_BYTES = 1024  # of a blob


_HOUR = 3600  # seconds
_HOUR_DIGITS = 4
_HOURS = 16**_HOUR_DIGITS
"""Hours after which their numbers repeat: seven and a half years."""

_RANDOM_BYTES = 14
"""Of an id: 112 bits, too many to guess; docs/decisions/0014-what-is-new.md has the numbers."""


def new_id(at: float | None = None) -> str:
    """Return a new id: the hour, and 112 random bits, since its holder can read and delete.

    The hour comes first, so that a sweep can list what is new. Names are all that a bucket is
    sorted by.

    Hexadecimal, since Cloud Run reserves some paths that end in "z"
    (https://docs.cloud.google.com/run/docs/known-issues).

    Args:
        at: when the upload arrives, seconds of `time.time`; None for now.
    """
    hour = _hour(time.time() if at is None else at)
    return hour + secrets.token_hex(_RANDOM_BYTES)


@dataclass(frozen=True, slots=True)
class Range:
    """A range of names without the prefixes of folders, as of a listing.

    Attributes:
        start: the first name, inclusive; empty for no limit.
        end: exclusive; empty for no limit.
    """

    start: str
    end: str

    def __contains__(self, name: str) -> bool:
        return self.start <= name and (not self.end or name < self.end)


EVERYTHING = Range("", "")


def ranges(since: float, until: float) -> tuple[Range, ...]:
    """Return where the ids of some hours are, in order of time.

    Args:
        since: seconds of `time.time`; its hour is included.
        until: also included; less than seven years later.
    """
    first, after = _hour(since), _hour(until + _HOUR)
    if first < after:
        return (Range(first, after),)
    # The numbers begin again.
    return (Range(first, AFTER_IDS), Range("", after))


def _hour(at: float) -> str:
    return f"{int(at // _HOUR) % _HOURS:0{_HOUR_DIGITS}x}"


def is_id(text: str) -> bool:
    """Return whether a text has the form of an id."""
    return re.fullmatch(r"[0-9a-f]{32}", text) is not None


def id_of(bucket: str, name: str, generation: int) -> str:
    """Return the id of an original.

    Uploads through this service are named by their ids. Every version of any other blob under
    `incoming/` is an upload of its own. Its id is the first 32 digits of the SHA-256 of
    "bucket/name#generation", so that its writer can compute it.
    """
    own = name.removeprefix(ANNOUNCED)
    if is_id(own):
        return own
    return hashlib.sha256(f"{bucket}/{name}#{generation}".encode()).hexdigest()[:32]


def is_named_by_id(id: str, name: str) -> bool:
    """Return whether the name of an original tells its id, whatever its generation."""
    return name.removeprefix(ANNOUNCED) == id


def blob_name(text: str) -> str:
    """Return a text if it is a valid name of a blob.

    See https://docs.cloud.google.com/storage/docs/objects#naming.

    Raises:
        InvalidMessage: it is invalid.
    """
    if not 1 <= len(text.encode()) <= _MAX_NAME_BYTES:
        raise InvalidMessage(
            f"the name {shown(text)} has {len(text.encode()):,} bytes: "
            f"expected 1 to {_MAX_NAME_BYTES:,}"
        )
    if text in (".", "..") or "\n" in text or "\r" in text:
        raise InvalidMessage(f"{shown(text)} is not a valid name of a blob")
    return text


def is_folder(name: str) -> bool:
    """Return whether a blob is the placeholder of a folder, as created by consoles."""
    return name.endswith("/")
