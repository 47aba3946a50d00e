"""The container of AVIF and HEIC: boxes, and an index of the items in them.

See ISO/IEC 14496-12, to which the section numbers below refer, and ISO/IEC 23008-12. Some decoders
take time that grows with the square of the number of items: 80,000 empty ones, in 1.9 MB, held the
interpreter lock for eight seconds. So everything is counted here first.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from quickthumb.problems import Corrupt

MOST_BOXES = 6_000
"""Per file, including the entries of its index. A picture from a phone has some hundreds."""

MOST_ITEMS = 2_000
"""50 megapixels in tiles of 256 x 256 pixels are 763 items, and as many again for transparency."""

MOST_REFERENCES = 10_000
"""Between items. A tile has one or two."""

MOST_EXTENTS = 4_000
"""Parts of items. Hardly any item has more than one."""

MOST_ASSOCIATIONS = 12_000
"""Between items and properties. A tile has about five."""

MOST_PROPERTY_BYTES = 16_000_000
"""Total of the properties of all items. libavif copies an unknown property for each item that has
it: one of a megabyte took two gigabytes. Colour profiles are not copied, and do not count; others
have some hundred bytes."""

MOST_BRANDS = 250
"""Per file. Fewer are registered."""

IN_FILE, IN_IDAT = 0, 1
"""What the offsets of an item are relative to."""

EXIF, MIME = b"Exif", b"mime"
"""Types of metadata items. Decoders read them before anything else."""

_PARTS = frozenset((b"pitm", b"iinf", b"iloc", b"idat", b"iref", b"iprp"))

_ENDS = "The index of the picture is truncated."

_BEYOND = (struct.error, IndexError)
"""Raised when reading past the end of the data."""


class Box(NamedTuple):
    """A box: its type, and the offsets of its content in the file."""

    kind: bytes
    start: int
    end: int


class Item(NamedTuple):
    """An entry of the list of items (8.11.6).

    Attributes:
        kind: the type, four characters.
        kind_at: offset of the type in the file.
    """

    kind: bytes
    kind_at: int


class Place(NamedTuple):
    """The location of an item.

    Attributes:
        source: what offsets are relative to, `IN_FILE` or `IN_IDAT`.
        extents: offset and length of each part, bytes.
    """

    source: int
    extents: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Index:
    """The index of a file.

    Attributes:
        data: the file.
        primary: id of the item that is the picture.
        items: by id.
        properties: of the picture, in the order in which they apply.
    """

    data: bytes
    primary: int
    items: Mapping[int, Item]
    properties: tuple[Box, ...]

    def size(self) -> tuple[int, int]:
        """Return the coded width and height, pixels; raises `Corrupt` if there are none."""
        for kind, start, _ in self.properties:
            if kind == b"ispe":
                width, height = struct.unpack_from(">II", self.data, start + 4)
                return width, height
        raise Corrupt("The index of the picture does not state its size.")


class Association(NamedTuple):
    """A property that an item has: its number, from 1, and whether readers must know it."""

    number: int
    essential: bool


@dataclass(frozen=True, slots=True)
class Properties:
    """The properties of all items (8.11.14).

    Attributes:
        primary: id of the item that is the picture.
        around: the box with all of this.
        inside: the boxes in it.
        boxes: the properties, in the order of their numbers.
        associations: what properties items have, by id.
    """

    primary: int
    around: Box
    inside: tuple[Box, ...]
    boxes: tuple[Box, ...]
    associations: Mapping[int, tuple[Association, ...]]

    def of(self, item: int) -> tuple[Association, ...]:
        """Return the properties of an item."""
        return self.associations.get(item, ())


class Counter:
    """Counts parts of a file up to a limit."""

    def __init__(self, what: str, most: int) -> None:
        self._what = what
        self._most = most
        self._count = 0

    def add(self, count: int = 1) -> None:
        """Add to the count; raises `Corrupt` above the limit."""
        self._count += count
        if self._count > self._most:
            raise Corrupt(f"The picture has more than {self._most:,} {self._what}.")


def brands(data: bytes) -> list[bytes]:
    """Return the brands of a file (4.3), the major brand first; none if it has another format."""
    if data[4:8] != b"ftyp":
        return []
    end = min(int.from_bytes(data[:4], "big"), 16 + 4 * MOST_BRANDS)
    return [data[8:12], *(data[at : at + 4] for at in range(16, end, 4))]


def boxes(data: bytes, start: int, end: int, counter: Counter) -> Iterator[Box]:
    """Yield the boxes between two offsets (4.2), up to the first invalid one."""
    while start + 8 <= end:
        counter.add()
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1 and start + 16 <= end:
            [size] = struct.unpack_from(">Q", data, start + 8)
            head = 16
        elif size == 0:
            size = end - start
        if size < head:
            return
        yield Box(kind, start + head, min(start + size, end))
        start += size


def top_boxes(data: bytes) -> Iterator[Box]:
    """Yield the top-level boxes."""
    return boxes(data, 0, len(data), Counter("boxes", MOST_BOXES))


def read_index(data: bytes) -> Index:
    """Read the index of a file.

    Raises:
        Corrupt: it is missing, invalid, or has too many entries.
    """
    counter = Counter("boxes", MOST_BOXES)
    parts = _parts(data, counter)
    try:
        primary = _primary(data, parts)
        items = dict(_items(data, parts, counter))
        places = _places(data, parts)
        properties = _properties(data, parts, primary, counter)
        _count_references(data, parts, counter)
    except _BEYOND as error:
        raise Corrupt(_ENDS) from error
    _check_overlap(data, items, places)
    return Index(data, primary, items, properties)


def read_places(data: bytes) -> tuple[Mapping[int, Place], Box | None]:
    """Read only the locations of items from the index of a file.

    Returns:
        The locations by item id, and the box with items stored within the index.

    Raises:
        Corrupt: they are invalid, or there are too many.
    """
    parts = _parts(data, Counter("boxes", MOST_BOXES))
    try:
        return _places(data, parts), parts.get(b"idat")
    except _BEYOND as error:
        raise Corrupt(_ENDS) from error


def read_properties(data: bytes) -> Properties | None:
    """Read only the properties of items from the index of a file; None if there are none.

    Raises:
        Corrupt: they are invalid, or there are too many.
    """
    counter = Counter("boxes", MOST_BOXES)
    parts = _parts(data, counter)
    box = parts.get(b"iprp")
    if box is None:
        return None
    try:
        inside = tuple(boxes(data, box.start, box.end, counter))
        listed = tuple(
            each
            for kind, start, end in inside
            if kind == b"ipco"
            for each in boxes(data, start, end, counter)
        )
        limit = Counter("properties of items", MOST_ASSOCIATIONS)
        associations: dict[int, tuple[Association, ...]] = {}
        for kind, start, _ in inside:
            if kind == b"ipma":
                for number, given in _associated(data, start, limit):
                    associations[number] = (*associations.get(number, ()), *given)
        return Properties(_primary(data, parts), box, inside, listed, associations)
    except _BEYOND as error:
        raise Corrupt(_ENDS) from error


def is_whole(data: bytes) -> bool:
    """Return whether boxes and items end within the file; raises what `read_index` does."""
    places, _ = read_places(data)
    return all(
        at + length <= len(data)
        for place in places.values()
        if place.source == IN_FILE
        for at, length in place.extents
    ) and all(end <= len(data) for _, _, end in top_boxes(data))


def _parts(data: bytes, counter: Counter) -> Mapping[bytes, Box]:
    """Return the boxes of the index (8.11.1) by type, empty if there is no index."""
    found: dict[bytes, Box] = {}
    for kind, start, end in boxes(data, 0, len(data), counter):
        if kind == b"ftyp":
            Counter("brands", MOST_BRANDS).add((end - start) // 4)
        elif kind == b"meta":
            if found:
                raise Corrupt("The picture has more than one index.")
            for box in boxes(data, start + 4, end, counter):
                if box.kind in found:
                    raise Corrupt("The index of the picture has two boxes of the same type.")
                if box.kind in _PARTS:
                    found[box.kind] = box
    return found


def _primary(data: bytes, parts: Mapping[bytes, Box]) -> int:
    """Return the id of the item that is the picture (8.11.4)."""
    box = parts.get(b"pitm")
    if box is None:
        raise Corrupt("The file does not state which of its items is the picture.")
    return _number(data, box.start + 4, 4 if data[box.start] else 2)


def _items(data: bytes, parts: Mapping[bytes, Box], counter: Counter) -> Iterator[tuple[int, Item]]:
    box = parts.get(b"iinf")
    if box is None:
        return
    items = Counter("items", MOST_ITEMS)
    wide = data[box.start] != 0
    items.add(_number(data, box.start + 4, 4 if wide else 2))
    for kind, start, _ in boxes(data, box.start + (8 if wide else 6), box.end, counter):
        if kind != b"infe" or data[start] not in (2, 3):
            continue
        width = 2 if data[start] == 2 else 4
        number = _number(data, start + 4, width)
        kind_at = start + 4 + width + 2
        yield number, Item(data[kind_at : kind_at + 4], kind_at)


def _places(data: bytes, parts: Mapping[bytes, Box]) -> Mapping[int, Place]:
    """Return the locations of items (8.11.3)."""
    box = parts.get(b"iloc")
    if box is None:
        return {}
    at, end = box.start, box.end
    version = data[at]
    sizes = _number(data, at + 4, 2)
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    if not {offset, length, base} <= {0, 4, 8} or (version and index not in (0, 4, 8)):
        raise Corrupt("The index of the picture has invalid field lengths.")
    index = index if version else 0
    wide = 4 if version == 2 else 2
    count = _number(data, at + 6, wide)
    Counter("items", MOST_ITEMS).add(count)
    at += 6 + wide
    extents = Counter("parts of items", MOST_EXTENTS)
    places: dict[int, Place] = {}
    for _ in range(count):
        number = _number(data, at, wide)
        at += wide
        source = IN_FILE
        if version:
            source = _number(data, at, 2) & 15
            at += 2
        at += 2  # data_reference_index: this file
        start = _number(data, at, base)
        at += base
        parts_of_it = _number(data, at, 2)
        at += 2
        extents.add(parts_of_it)
        each = index + offset + length
        if at + parts_of_it * each > end:
            raise struct.error("truncated box")
        stored = []
        for _ in range(parts_of_it):
            at += index
            stored.append((start + _number(data, at, offset), _number(data, at + offset, length)))
            at += offset + length
        if number in places:
            raise Corrupt("The index of the picture has two locations for one item.")
        places[number] = Place(source, tuple(stored))
    return places


def _properties(
    data: bytes, parts: Mapping[bytes, Box], primary: int, counter: Counter
) -> tuple[Box, ...]:
    """Return the properties of the picture (8.11.14)."""
    box = parts.get(b"iprp")
    if box is None:
        return ()
    inner = list(boxes(data, box.start, box.end, counter))
    all_of_them = [
        each
        for kind, start, end in inner
        if kind == b"ipco"
        for each in boxes(data, start, end, counter)
    ]
    weights = [0 if kind == b"colr" else end - start for kind, start, end in all_of_them]
    associations = Counter("properties of items", MOST_ASSOCIATIONS)
    copied = Counter("bytes in properties of items", MOST_PROPERTY_BYTES)
    own: list[int] = []
    for kind, start, _ in inner:
        if kind == b"ipma":
            for number, given in _associated(data, start, associations):
                indexes = [each.number for each in given]
                copied.add(sum(weights[each - 1] for each in indexes if each <= len(weights)))
                if number == primary:
                    own.extend(indexes)
    return tuple(all_of_them[each - 1] for each in own if each <= len(all_of_them))


def _associated(
    data: bytes, start: int, counter: Counter
) -> Iterator[tuple[int, tuple[Association, ...]]]:
    """Yield the id of each item, and its properties."""
    wide = 4 if data[start] else 2
    long = data[start + 3] & 1
    at = start + 8
    for _ in range(_number(data, start + 4, 4)):
        number = _number(data, at, wide)
        count = data[at + wide]
        counter.add(1 + count)
        at += wide + 1
        most = 0x7FFF if long else 0x7F
        stored = struct.unpack_from(f">{count}{'H' if long else 'B'}", data, at)
        indexes = (Association(each & most, each > most) for each in stored)
        yield number, tuple(each for each in indexes if each.number)
        at += 2 * count if long else count


def _count_references(data: bytes, parts: Mapping[bytes, Box], counter: Counter) -> None:
    """Count the references between items (8.11.12)."""
    box = parts.get(b"iref")
    if box is None:
        return
    wide = 4 if data[box.start] else 2
    references = Counter("references between items", MOST_REFERENCES)
    for _, start, _ in boxes(data, box.start + 4, box.end, counter):
        references.add(_number(data, start + wide, 2))


def _check_overlap(data: bytes, items: Mapping[int, Item], places: Mapping[int, Place]) -> None:
    """Check that items do not refer to the same bytes repeatedly; raises `Corrupt`.

    Decoders copy metadata, and items that consist of several parts. A single part may be shared:
    encoders store equal tiles once.
    """
    shared: set[Place] = set()
    stored = 0
    for number, place in places.items():
        kind = items[number].kind if number in items else b""
        if place in shared:
            continue
        stored += sum(length for _, length in place.extents)
        if len(place.extents) == 1 and kind not in (EXIF, MIME):
            shared.add(place)
    if stored > len(data):
        raise Corrupt("The items of the picture overlap.")


def _number(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise struct.error("truncated file")
    return int.from_bytes(data[at : at + size], "big")
