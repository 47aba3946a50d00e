"""Metadata of blobs.

That of an original has its file name and the requested thumbnails, so that a picture found in the
bucket can be processed as requested even if its message was lost. That of a result names its
original.
"""

import json
import re
import string
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote, unquote

from msgspec import Meta

from quickthumb.documents import untrusted
from quickthumb.documents.job import MAX_FILENAME
from quickthumb.documents.rendition import MAX_LISTED, Rendition
from quickthumb.problems import InvalidOption

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
_ORIGINAL = "original"
_GENERATION = "generation"

_PLAIN = "".join(set(string.punctuation) - set('%<>&"\\'))
"""Characters that stay as they are in the name of an original; letters and digits do anyway."""

_Listed = Annotated[list[Any], Meta(min_length=1, max_length=MAX_LISTED)]


def written(filename: str, renditions: Sequence[Rendition]) -> dict[str, str]:
    """Return the metadata of an original.

    The thumbnails are written in a form that earlier versions can read, to allow a rollback, or in
    short form if that does not fit.

    Raises:
        InvalidOption: the metadata would be too large.
    """
    kept = cut(filename)
    for form in (Rendition.to_dict, Rendition.to_list):
        listed = json.dumps([form(rendition) for rendition in renditions], separators=(",", ":"))
        metadata = {_FILENAME: kept, _RENDITIONS: listed}
        size = sum(map(_size, (*metadata, *metadata.values())))
        if size <= MAX_BYTES:
            return metadata
    raise InvalidOption(
        f"{len(renditions)} thumbnails with these options and this file name need {size:,} bytes "
        f"of metadata, but the limit is {MAX_BYTES:,}: request fewer, or shorten the file name.",
        field="sizes",
    )


def read(metadata: Mapping[str, str]) -> tuple[str | None, tuple[Rendition, ...]]:
    """Return the file name and the requested thumbnails.

    For a picture that was not uploaded through this service, these are None and empty.

    Raises:
        InvalidMessage: they cannot be read.
    """
    filename = metadata.get(_FILENAME)
    if filename is not None:
        filename = cut(untrusted.convert(str, filename))
    if _RENDITIONS not in metadata:
        return filename, ()
    listed = untrusted.read(_Listed, metadata[_RENDITIONS])
    return filename, tuple(map(Rendition.from_json, listed))


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
