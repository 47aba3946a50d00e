"""Ids of uploads, and names of originals."""

import hashlib
import re
import secrets

from quickthumb.documents.untrusted import shown
from quickthumb.problems import InvalidMessage

INCOMING = "incoming/"
"""Prefix of originals that were sent to Cloud Storage directly."""

ANNOUNCED = f"{INCOMING}announced/"
"""Prefix of originals that were announced; the id follows."""

_MAX_NAME_BYTES = 1024  # of a blob


def new_id() -> str:
    """Return a new id: 128 random bits, since anyone who has it can read and delete the upload.

    Hexadecimal, since Cloud Run reserves some paths that end in "z"
    (https://docs.cloud.google.com/run/docs/known-issues).
    """
    return secrets.token_hex(16)


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
