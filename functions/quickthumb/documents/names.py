"""The ids of uploads, and the names of the blobs of originals."""

import hashlib
import re
import secrets

from quickthumb.documents.untrusted import shown
from quickthumb.problems import InvalidMessage

INCOMING = "incoming/"
"""Prefix of originals that did not come through the function `upload`."""

ANNOUNCED = f"{INCOMING}announced/"
"""Prefix of originals that were announced to it; an id follows."""

_ID = re.compile(r"[0-9a-f]{32}")
_MAX_NAME_BYTES = 1024  # of a blob


def new_id() -> str:
    """Return a new id: 128 random bits, the capability to read and delete an upload.

    Hexadecimal, since Cloud Run keeps some paths that end in "z" for itself
    (https://docs.cloud.google.com/run/docs/known-issues).
    """
    return secrets.token_hex(16)


def is_id(text: str) -> bool:
    """Tell whether the text has the form of an id made by `new_id`."""
    return _ID.fullmatch(text) is not None


def id_of(bucket: str, name: str, generation: int) -> str:
    """Return the id of the upload that a blob of the originals is.

    The uploads of this service are named by their ids. What another program puts under `incoming/`
    is an upload of its own each time it is written, also where its name looks like an id; its id
    follows from the version of the blob, so that whoever wrote it knows it: the first 32 digits of
    SHA-256 of "bucket/name#generation".
    """
    own = name.removeprefix(ANNOUNCED)
    if is_id(own):
        return own
    return hashlib.sha256(f"{bucket}/{name}#{generation}".encode()).hexdigest()[:32]


def blob_name(text: str) -> str:
    """Return a text that can be the name of a blob.

    The rules are https://docs.cloud.google.com/storage/docs/objects#naming.

    Raises:
        InvalidMessage: no blob can have that name.
    """
    if not 1 <= len(text.encode()) <= _MAX_NAME_BYTES:
        raise InvalidMessage(
            f"the name {shown(text)} has {len(text.encode()):,} bytes: "
            f"expected 1 to {_MAX_NAME_BYTES:,}"
        )
    if text in (".", "..") or "\n" in text or "\r" in text:
        raise InvalidMessage(f"{shown(text)} cannot be the name of a blob")
    return text


def is_folder(name: str) -> bool:
    """Tell whether a blob is the placeholder with which consoles show an empty folder."""
    return name.endswith("/")
