"""Metadata of an original: its file name and the requested thumbnails.

Both are custom metadata of the blob, so a picture found in the bucket can be processed as requested
even if its message is lost.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta

from quickthumb.documents import untrusted
from quickthumb.documents.job import MAX_FILENAME
from quickthumb.documents.rendition import MAX_LISTED, Rendition
from quickthumb.problems import InvalidOption

MAX_BYTES = 3_072
"""The largest metadata of a blob, bytes of JSON.

Cloud Storage takes 8 KiB of keys and values together, and 4 KiB of one value
(https://docs.cloud.google.com/storage/docs/reference/rpc/google.storage.v1#serviceconstants). The
emulator takes less: fake-gcs-server keeps all it knows of a blob as JSON in one extended attribute
of its file, for which ext4 has 4,036 bytes. Of these its other fields take 681 at most, for the
longest content type that is accepted, and some are left for what a system adds to a file.
"""

_FILENAME = "filename"
_RENDITIONS = "renditions"

_Listed = Annotated[list[Any], Meta(min_length=1, max_length=MAX_LISTED)]


def written(filename: str, renditions: Sequence[Rendition]) -> dict[str, str]:
    """Return the metadata of an original.

    The thumbnails are written in the form that earlier versions read, for a rollback, or in short
    form if that leaves no room for the file name.

    Raises:
        InvalidOption: the requested thumbnails do not fit into the metadata.
    """
    kept = cut(filename)
    for form in (Rendition.to_dict, Rendition.to_list):
        listed = json.dumps([form(rendition) for rendition in renditions], separators=(",", ":"))
        metadata = {_FILENAME: kept, _RENDITIONS: listed}
        size = sum(map(_size, (*metadata, *metadata.values())))
        if size <= MAX_BYTES:
            return metadata
    raise InvalidOption(
        f"{len(renditions)} thumbnails with these options and this file name take {size:,} bytes "
        f"to note, and there are {MAX_BYTES:,}: ask for fewer, or give the file a shorter name.",
        field="sizes",
    )


def read(metadata: Mapping[str, str]) -> tuple[str | None, tuple[Rendition, ...]]:
    """Return the file name and the requested thumbnails.

    For a picture that did not come through `upload` the name is None, and there are none.

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


def cut(filename: str) -> str:
    """Return a file name cut to the length that is kept, without lone surrogates."""
    return filename[:MAX_FILENAME].encode(errors="replace").decode()


def _size(text: str) -> int:
    """Return how many bytes a text takes in its largest form: JSON written by Go.

    That is UTF-8, but for what JSON escapes, and for what Go escapes beside it so that HTML may
    contain it (https://pkg.go.dev/encoding/json#Marshal). The four more are for quotes, and for the
    colon or comma behind.
    """
    return 4 + sum(map(_size_of, text))


def _size_of(letter: str) -> int:
    if letter in '"\\':
        return 2
    if letter < " " or letter in "<>&\u2028\u2029":
        return len(r"\u0000")
    return len(letter.encode())
