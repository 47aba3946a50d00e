"""The directory of tags that begins a TIFF file or an EXIF; what it describes stays packed.

Pillow makes a Python object of every value as soon as a tag is asked for: a tag that declares
millions of them, in a single reading, takes gigabytes and the better part of a minute.
TIFF 6.0, section 2: https://www.loc.gov/preservation/digital/formats/fdd/fdd000022.shtml
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from quickthumb.errors import Corrupt
from quickthumb.imaging.guarded import MOST_READS

BYTE, ASCII, SHORT, UNDEFINED = 1, 2, 3, 7

_MOST_VALUES = 4 * 65_536
"""Of a tag. The longest legitimate ones tell where each row of each of four channels lies."""

_MOST_FRACTIONS = 1000
"""The same of fractions, of which Pillow makes costly objects: the specification has up to 6."""

_FRACTIONS = frozenset((5, 10))

_DESCRIPTION = 270
_FIRST_OF_OTHERS = 700
"""The tag of XMP; those below are TIFF's own."""

_BIG = 43
"""The version of a BigTIFF, with numbers of 64 bits instead of 32."""


class Entry(NamedTuple):
    """What a directory says of a tag.

    Attributes:
        tag: which.
        kind: of its values, as the specification numbers them.
        values: how many it has.
        short: the value where there is one and it is a `SHORT`, else nothing meaningful.
    """

    tag: int
    kind: int
    values: int
    short: int


def first_directory(data: bytes) -> Iterator[Entry]:
    """Yield the entries of the first directory, as far as they are there and not absurdly many.

    Raises:
        struct.error: there is no directory.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        raise struct.error("there is no byte order")
    [version] = struct.unpack_from(f"{order}H", data, 2)
    big = version == _BIG
    [start] = struct.unpack_from(f"{order}Q" if big else f"{order}I", data, 8 if big else 4)
    many = struct.Struct(f"{order}Q" if big else f"{order}H")
    entry = struct.Struct(f"{order}HHQH6x" if big else f"{order}HHIH2x")
    if start + many.size > len(data):
        raise struct.error("the directory lies behind the end")
    at = start + many.size
    [count] = many.unpack_from(data, start)
    there = min(count, MOST_READS, (len(data) - at) // entry.size)
    with memoryview(data)[at : at + there * entry.size] as entries:
        yield from map(Entry._make, entry.iter_unpack(entries))


def check_counts(data: bytes) -> None:
    """Check that no tag of the first page has an absurd number of values.

    Bytes and texts, such as profiles, XMP and the layers of an editor, may be of any length.

    Raises:
        Corrupt: one has.
        struct.error: there is no directory.
    """
    for entry in first_directory(data):
        most = _MOST_FRACTIONS if entry.kind in _FRACTIONS else _MOST_VALUES
        is_text = entry.kind in (BYTE, ASCII, UNDEFINED)
        if is_text and (entry.tag == _DESCRIPTION or entry.tag >= _FIRST_OF_OTHERS):
            continue
        if entry.values > most:
            raise Corrupt(
                f"Tag {entry.tag} of the TIFF picture has {entry.values:,} values: "
                f"at most {most:,} make sense."
            )
