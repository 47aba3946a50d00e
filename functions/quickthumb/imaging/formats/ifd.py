"""Reads the directory of tags of a TIFF or EXIF, without unpacking their values.

Pillow makes a Python object of every value of a tag: one that declares millions of them takes
gigabytes and the better part of a minute.
TIFF 6.0, section 2: https://www.loc.gov/preservation/digital/formats/fdd/fdd000022.shtml
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

MOST_TAGS = 500
"""Per directory. Pictures have up to some two hundred, and Pillow may warn about each of them."""

BYTE, ASCII, SHORT, UNDEFINED = 1, 2, 3, 7
FRACTIONS = frozenset((5, 10))

_BIG = 43
"""The version of a BigTIFF, with 64-bit offsets."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
"""Bytes per value, by type."""

_NUMBERS = {3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q"}
"""Format characters of `struct` for the numeric types other than bytes and fractions."""


class Entry(NamedTuple):
    """An entry of a directory.

    Attributes:
        tag: its number.
        kind: type of its values, as numbered by the specification.
        values: number of values.
        stored: the values, or their offset if they do not fit here.
    """

    tag: int
    kind: int
    values: int
    stored: bytes


class Directory:
    """A directory of a file, or of an EXIF.

    Args:
        data: the file.
        start: its offset, that of the first one by default.

    Attributes:
        count: the number of its entries, as it states.

    Raises:
        struct.error: it is missing.
    """

    def __init__(self, data: bytes, start: int | None = None) -> None:
        order = {b"II": "<", b"MM": ">"}.get(data[:2])
        if order is None:
            raise struct.error("no byte order")
        [version] = struct.unpack_from(f"{order}H", data, 2)
        big = version == _BIG
        self._data = data
        self._order = order
        self._offset = "Q" if big else "I"
        if start is None:
            [start] = struct.unpack_from(order + self._offset, data, 8 if big else 4)
        count = struct.Struct(f"{order}Q" if big else f"{order}H")
        self._entry = struct.Struct(f"{order}HHQ8s" if big else f"{order}HHI4s")
        if start + count.size > len(data):
            raise struct.error("the directory lies beyond the end")
        self._start = start + count.size
        [self.count] = count.unpack_from(data, start)

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries within the file, up to `MOST_TAGS`."""
        size = self._entry.size
        there = min(self.count, MOST_TAGS, (len(self._data) - self._start) // size)
        with memoryview(self._data)[self._start : self._start + there * size] as entries:
            yield from map(Entry._make, self._entry.iter_unpack(entries))

    def is_whole(self) -> bool:
        """Return whether all entries are within the file."""
        end: int = self._start + self.count * self._entry.size
        return end <= len(self._data)

    def following(self) -> int:
        """Return the offset of the next directory, 0 if this is the last one."""
        end = self._start + self.count * self._entry.size
        if end + struct.calcsize(self._offset) > len(self._data):
            return 0
        [offset] = struct.unpack_from(self._order + self._offset, self._data, end)
        return int(offset)

    def text(self, entry: Entry, most: int) -> bytes:
        """Return the first `most` bytes of an entry of texts or bytes."""
        if entry.values <= len(entry.stored):
            return entry.stored[: min(entry.values, most)]
        place = self._place(entry)
        return self._data[place : place + min(entry.values, most)]

    def short(self, entry: Entry) -> int:
        """Return the value of an entry with a single `SHORT`."""
        return self._unpacked("H", entry.stored)[0]

    def has(self, entry: Entry) -> bool:
        """Return whether the values of an entry are within the file and of a known type."""
        size = entry.values * _SIZES.get(entry.kind, 0)
        if size <= len(entry.stored):
            return size > 0
        return self._place(entry) + size <= len(self._data)

    def numbers(self, entry: Entry) -> tuple[float, ...]:
        """Return the values of an entry, which must be within the file; none if not numeric."""
        kind = _NUMBERS.get(entry.kind)
        if kind is None:
            return ()
        layout = struct.Struct(f"{self._order}{entry.values}{kind}")
        if layout.size <= len(entry.stored):
            return layout.unpack_from(entry.stored)
        return layout.unpack_from(self._data, self._place(entry))

    def _place(self, entry: Entry) -> int:
        return self._unpacked(self._offset, entry.stored)[0]

    def _unpacked(self, layout: str, data: bytes) -> tuple[int, ...]:
        return struct.unpack_from(self._order + layout, data)
