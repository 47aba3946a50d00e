"""The tracks of an image sequence: ISO/IEC 14496-12, to which the section numbers refer."""

import struct
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from quickthumb.imaging.formats.bmff import MOST_BOXES, Box, Counter, boxes
from quickthumb.imaging.formats.descriptor import MOST_FRAMES
from quickthumb.problems import Corrupt

_AROUND = frozenset((b"moov", b"mdia", b"minf", b"stbl"))

_ENTRY = b"av01"
_BEFORE_PROPERTIES = 78
"""Bytes of a sample entry for pictures before the boxes in it (12.1.3)."""

_TABLES = {b"stsz": 8, b"stsc": 4, b"stco": 4, b"co64": 4}
"""Offset of the number of entries in the tables of samples (8.7)."""

_AUXILIARY = b"auxv"


class Track(NamedTuple):
    """A track of pictures.

    Attributes:
        width: pixels.
        height: pixels.
        frames: their number.
        auxiliary: whether it belongs to another track, as transparency does.
        properties: boxes that describe the pictures, like the properties of an item.
        tables: where the samples are, by type of box.
    """

    width: int
    height: int
    frames: int
    auxiliary: bool
    properties: tuple[Box, ...]
    tables: Mapping[bytes, Box]


def read_tracks(data: bytes) -> list[Track]:
    """Return the tracks with pictures in AV1.

    Raises:
        Corrupt: there are too many boxes, or entries in tables.
        struct.error, IndexError: one is truncated.
    """
    counter = Counter("boxes", MOST_BOXES)
    tracks = []
    for kind, start, end in boxes(data, 0, len(data), counter):
        if kind != b"moov":
            continue
        for inner, at, stop in boxes(data, start, end, counter):
            if inner == b"trak":
                found = _boxes_in(data, at, stop, counter)
                if track := _track(data, found, counter):
                    tracks.append(track)
    return tracks


def samples(data: bytes, track: Track) -> Iterator[memoryview]:
    """Yield the bytes of each frame of a track, as many as are counted.

    Raises:
        struct.error, IndexError: a table is truncated.
    """
    sizes = _sizes(data, track)
    view = memoryview(data)
    for offset, count in _chunks(data, track):
        at = offset
        for size in islice(sizes, count):
            yield view[at : at + size]
            at += size


def cut(data: bytes) -> bytes:
    """Return a sequence with the first frame of each track only."""
    out = bytearray(data)
    for track in read_tracks(data):
        for kind, box in track.tables.items():
            struct.pack_into(">I", out, box.start + _TABLES[kind], 1)
        if b"stsc" in track.tables:  # one sample in the first chunk
            struct.pack_into(">I", out, track.tables[b"stsc"].start + 12, 1)
    return bytes(out)


def _boxes_in(data: bytes, start: int, end: int, counter: Counter) -> Mapping[bytes, Box]:
    """Return the first box of each type in a track, however deep."""
    found: dict[bytes, Box] = {}
    places = [(start, end)]
    for at, stop in places:  # grows during the loop
        for box in boxes(data, at, stop, counter):
            found.setdefault(box.kind, box)
            if box.kind in _AROUND:
                places.append((box.start, box.end))
    return found


def _track(data: bytes, found: Mapping[bytes, Box], counter: Counter) -> Track | None:
    if not {b"tkhd", b"hdlr", b"stsd", b"stsz"} <= found.keys():
        return None
    [entry, *_] = (*boxes(data, found[b"stsd"].start + 8, found[b"stsd"].end, counter), None)
    if entry is None or entry.kind != _ENTRY:
        return None
    tables = {kind: found[kind] for kind in _TABLES if kind in found}
    counts = {
        kind: struct.unpack_from(">I", data, box.start + _TABLES[kind])[0]
        for kind, box in tables.items()
    }
    frames = counts[b"stsz"]
    if max(counts.values()) > frames:
        # Decoders look for each entry of one table in another.
        raise Corrupt("The sequence of the AVIF picture is in too many parts.")
    head = found[b"tkhd"].start
    width, height = struct.unpack_from(">II", data, head + (88 if data[head] == 1 else 76))
    handler = found[b"hdlr"].start + 8
    return Track(
        width >> 16,
        height >> 16,
        frames,
        data[handler : handler + 4] == _AUXILIARY,
        tuple(boxes(data, entry.start + _BEFORE_PROPERTIES, entry.end, counter)),
        tables,
    )


def _sizes(data: bytes, track: Track) -> Iterator[int]:
    start = track.tables[b"stsz"].start
    [each] = struct.unpack_from(">I", data, start + 4)
    for number in range(min(track.frames, MOST_FRAMES)):
        yield each or struct.unpack_from(">I", data, start + 12 + 4 * number)[0]


def _chunks(data: bytes, track: Track) -> Iterator[tuple[int, int]]:
    """Yield the offset of each chunk, and the number of samples in it (8.7.4, 8.7.5)."""
    wide = b"co64" in track.tables
    table = track.tables.get(b"co64" if wide else b"stco")
    if table is None or b"stsc" not in track.tables:
        raise Corrupt("The sequence of the AVIF picture does not state where its frames are.")
    runs = track.tables[b"stsc"].start
    [count, many] = (struct.unpack_from(">I", data, start + 4)[0] for start in (table.start, runs))
    run = 0
    in_each = 0
    for number in range(min(count, MOST_FRAMES)):
        if run < many:
            first, per_chunk = struct.unpack_from(">II", data, runs + 8 + 12 * run)
            if first <= number + 1:
                run, in_each = run + 1, per_chunk
        layout = ">Q" if wide else ">I"
        [offset] = struct.unpack_from(layout, data, table.start + 8 + number * (8 if wide else 4))
        yield offset, in_each
