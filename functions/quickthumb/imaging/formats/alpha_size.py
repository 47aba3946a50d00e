"""States the size of the transparency of an AVIF where its encoder did not.

Encoders of 2019 and 2020 gave the property only to the picture itself. libavif decodes these files
if it is told not to be strict, which Pillow does not tell it. The index is written anew at the end
of the file, so nothing that it refers to moves.
"""

import struct
from collections.abc import Iterable

from quickthumb.imaging.formats.bmff import Association, Properties, read_properties, top_boxes

_SIZE, _AUXILIARY = b"ispe", b"auxC"

_WIDE = struct.pack(">I", 1 << 24 | 1)
"""Version 1 and flag 1 of the box: ids of 32 bits, and indexes of 15."""


def with_alpha_size(data: bytes) -> bytes:
    """Return an AVIF in which transparency has the size of the picture, if it lacked one.

    Raises:
        Corrupt: the index is invalid; see `bmff.read_index`.
    """
    properties = read_properties(data)
    if properties is None:
        return data
    sizes = _of_kind(properties, _SIZE)
    auxiliary = _of_kind(properties, _AUXILIARY)
    own = next((each for each in properties.of(properties.primary) if each.number in sizes), None)
    lacking = {
        number
        for number, given in properties.associations.items()
        if auxiliary & {each.number for each in given}
        and not sizes & {each.number for each in given}
    }
    if own is None or not lacking:
        return data
    table = [
        (number, (*given, own) if number in lacking else given)
        for number, given in properties.associations.items()
    ]
    return _with_table(data, properties, table)


def _of_kind(properties: Properties, kind: bytes) -> set[int]:
    return {index for index, box in enumerate(properties.boxes, 1) if box.kind == kind}


def _with_table(
    data: bytes, properties: Properties, table: Iterable[tuple[int, tuple[Association, ...]]]
) -> bytes:
    """Return the file with a new index, whose table of properties is this one."""
    meta = next(box for box in top_boxes(data) if box.kind == b"meta")
    around = properties.around
    inner = b"".join(
        data[box.start - 8 : box.end] for box in properties.inside if box.kind != b"ipma"
    )
    index = b"".join(
        (
            data[meta.start : around.start - 8],
            _box(b"iprp", inner + _box(b"ipma", _stored(list(table)))),
            data[around.end : meta.end],
        )
    )
    kind_at = meta.start - 4
    return b"".join((data[:kind_at], b"free", data[meta.start :], _box(b"meta", index)))


def _stored(table: list[tuple[int, tuple[Association, ...]]]) -> bytes:
    entries = [
        struct.pack(
            f">IB{len(given)}H",
            number,
            len(given),
            *(each.essential << 15 | each.number for each in given),
        )
        for number, given in table
    ]
    return _WIDE + struct.pack(">I", len(entries)) + b"".join(entries)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content
