"""Metadata of blobs.

That of an original has its file name, the requested thumbnails and the application's own data, so
that a picture found in the bucket can be processed as requested even if its message was lost. That
of a result names its original.
"""

import json
import re
import string
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote, unquote

from msgspec import Meta

from quickthumb.documents import metadata as own
from quickthumb.documents import untrusted
from quickthumb.documents.job import MAX_FILENAME
from quickthumb.documents.metadata import Metadata
from quickthumb.documents.rendition import MAX_LISTED, Rendition
from quickthumb.problems import InvalidMetadata, InvalidOption

MAX_BYTES = 3_264
"""Maximum size of a blob's metadata, bytes of JSON.

Cloud Storage allows 8 KiB of keys and values, and 4 KiB per value
(https://docs.cloud.google.com/storage/docs/reference/rpc/google.storage.v1#serviceconstants). The
emulator allows less: fake-gcs-server stores the description of a blob as JSON in one extended
attribute of its file, 4,036 bytes on ext4. Its other fields take at most 681 bytes, for the longest
accepted content type; the rest is left for attributes of the system.
"""

_FILENAME = "filename"
_RENDITIONS = "renditions"
_METADATA = "metadata"
_ORIGINAL = "original"
_GENERATION = "generation"

_PLAIN = "".join(set(string.punctuation) - set('%<>&"\\'))
"""Characters that stay as they are in the name of an original; letters and digits do anyway."""

_Listed = Annotated[list[Any], Meta(min_length=1, max_length=MAX_LISTED)]


class Notes(NamedTuple):
    """What the metadata of an original tell.

    Attributes:
        filename: None for a picture that was not uploaded through this service.
        renditions: the requested thumbnails; empty if none are named.
        metadata: the application's own data.
    """

    filename: str | None
    renditions: tuple[Rendition, ...]
    metadata: Metadata


def written(
    filename: str, renditions: Sequence[Rendition], metadata: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the metadata of an original, with the application's own.

    The thumbnails are written in a form that earlier versions can read, to allow a rollback, or in
    short form if that does not fit.

    Raises:
        InvalidOption: the metadata would be too large.
        InvalidMetadata: it would be, with the application's own.
    """
    kept = cut(filename)
    more = {_METADATA: own.written(metadata)} if metadata else {}
    for form in (Rendition.to_dict, Rendition.to_list):
        listed = json.dumps([form(rendition) for rendition in renditions], separators=(",", ":"))
        notes = {_FILENAME: kept, _RENDITIONS: listed, **more}
        size = sum(map(_size, (*notes, *notes.values())))
        if size <= MAX_BYTES:
            return notes
    described = f"{len(renditions)} thumbnails with these options, this file name"
    limits = f"need {size:,} bytes where the original is described, but the limit is {MAX_BYTES:,}"
    if more:
        raise InvalidMetadata(
            f"{described} and this metadata {limits}: send less metadata, request fewer "
            "thumbnails, or shorten the file name."
        )
    raise InvalidOption(
        f"{described} {limits}: request fewer, or shorten the file name.", field="sizes"
    )


def read(metadata: Mapping[str, str]) -> Notes:
    """Return what the metadata of an original tell.

    Raises:
        InvalidMessage: the file name or the thumbnails cannot be read.
    """
    filename = metadata.get(_FILENAME)
    if filename is not None:
        filename = cut(untrusted.convert(str, filename))
    if _RENDITIONS not in metadata:
        return Notes(filename, (), metadata_of(metadata))
    listed = untrusted.read(_Listed, metadata[_RENDITIONS])
    return Notes(filename, tuple(map(Rendition.from_json, listed)), metadata_of(metadata))


def metadata_of(metadata: Mapping[str, str]) -> Metadata:
    """Return the application's own data in the metadata of an original; empty if it has none."""
    return own.read(metadata[_METADATA]) if _METADATA in metadata else {}


def origin(name: str, generation: int) -> dict[str, str]:
    """Return the metadata by which a result tells the original that it was made of."""
    return {_ORIGINAL: quote(name, safe=_PLAIN), _GENERATION: str(generation)}


def origin_of(metadata: Mapping[str, str]) -> tuple[str, int] | None:
    """Return the name and the generation of the original of a result, None if it tells none."""
    generation = metadata.get(_GENERATION, "")
    if _ORIGINAL not in metadata or not re.fullmatch("[0-9]{1,19}", generation):
        return None
    return unquote(metadata[_ORIGINAL]), int(generation)


def cut(filename: str) -> str:
    """Return a file name truncated to `MAX_FILENAME`, without lone surrogates."""
    return filename[:MAX_FILENAME].encode(errors="replace").decode()


def _size(text: str) -> int:
    """Return the size of a text in JSON as written by Go, which is the largest.

    Go also escapes characters of HTML (https://pkg.go.dev/encoding/json#Marshal). Four bytes are
    for quotes, and the colon or comma that follows.
    """
    return 4 + sum(map(_size_of, text))


def _size_of(letter: str) -> int:
    if letter in '"\\':
        return 2
    if letter < " " or letter in "<>&\u2028\u2029":
        return len(r"\u0000")
    return len(letter.encode())
