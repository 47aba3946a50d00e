"""AVIF: https://aomediacodec.github.io/av1-avif/."""

from math import prod

from quickthumb.imaging.av1 import frame_pixels
from quickthumb.imaging.formats.bmff import (
    EXIF,
    IN_FILE,
    IN_IDAT,
    MIME,
    MOST_BOXES,
    Box,
    Counter,
    Index,
    Place,
    boxes,
    brands,
    read_index,
    read_places,
    top_boxes,
)
from quickthumb.imaging.formats.descriptor import Encoded, Header, Output, Size, Writer
from quickthumb.imaging.guarded import reads
from quickthumb.problems import Corrupt

_STILL, _SEQUENCE = b"avif", b"avis"
_BRANDS = frozenset((_STILL, _SEQUENCE))

_HELD_PER_STREAM_PIXEL = 6
"""Bytes: up to 12 bits per sample in three full planes."""

_HELD_PER_PIXEL = 7
"""Bytes: interleaved, and again as a picture."""

_AROUND_TIMES = frozenset((b"moov", b"trak", b"mdia"))
_WITH_TIMES = frozenset((b"mvhd", b"tkhd", b"mdhd"))

_TURNS = {
    (0, None): 1,
    (0, 0): 4,
    (0, 1): 2,
    (1, None): 8,
    (1, 0): 5,
    (1, 1): 7,
    (2, None): 3,
    (2, 0): 2,
    (2, 1): 4,
    (3, None): 6,
    (3, 0): 7,
    (3, 1): 5,
}
"""EXIF orientation by `irot`, the number of turns by 90 degrees anticlockwise, and by `imir`, a
subsequent flip: 0 swaps top and bottom, 1 swaps left and right."""


def read(data: bytes) -> Header:
    """Read the header of an AVIF; see `Format.read`.

    Of an image sequence, only the still picture is used.
    """
    index = read_index(data)
    width, height = index.size()
    return Header(width, height, _orientation(index))


def _orientation(index: Index) -> int:
    """Return the orientation from the properties of the picture.

    According to ISO/IEC 23000-22, section 7.3, metadata is ignored.
    """
    turns, axis = 0, None
    for kind, start, _ in reversed(index.properties):
        if kind == b"irot":
            turns = index.data[start] & 3
        elif kind == b"imir":
            axis = index.data[start] & 1
    return _TURNS[turns, axis]


def lean(data: bytes) -> bytes:
    """Return an AVIF as a still picture without metadata.

    Decoders choose between picture and sequence by the brands. They always parse the boxes of a
    sequence, and read EXIF and XMP.
    """
    items = read_index(data).items.values()
    changes = {item.kind_at: b"none" for item in items if item.kind in (EXIF, MIME)}
    for kind, start, end in top_boxes(data):
        if kind == b"moov":
            changes[data.rindex(kind, 0, start)] = b"free"
        elif kind == b"ftyp":
            listed = (start, *range(start + 8, end - 3, 4))
            changes |= {at: _STILL for at in listed if data[at : at + 4] == _SEQUENCE}
    if not changes:
        return data
    out = bytearray(data)
    for at, kind in changes.items():
        out[at : at + 4] = kind
    return bytes(out)


def timeless(data: bytes) -> bytes:
    """Return an animation encoded here with its time stamps set to 0.

    libavif cannot omit them. Creation and modification time are the first fields of three boxes
    (ISO/IEC 14496-12, sections 8.2.2, 8.3.2 and 8.4.2).
    """
    file = bytearray(data)
    places = [(0, len(data))]
    for start, end in places:  # grows during the loop
        for kind, at, stop in boxes(data, start, end, Counter("boxes", MOST_BOXES)):
            if kind in _AROUND_TIMES:
                places.append((at, stop))
            elif kind in _WITH_TIMES:
                length = 16 if data[at] == 1 else 8  # by the version of the box
                file[at + 4 : at + 4 + length] = bytes(length)
    return bytes(file)


def stream_pixels(data: bytes) -> int:
    """Return the total number of pixels in the frames of all items of an AVIF.

    A decoder allocates what the streams declare, whatever the header does. The total is an upper
    bound of what it holds at once: frames stay while others may refer to them, and tiles until they
    are joined. This reads all streams, so it is too slow for `upload`.

    Raises:
        Corrupt: the file has too many parts, or they overlap or are truncated.
    """
    places, idat = read_places(data)
    ask = reads()
    known: dict[Place, int] = {}
    pixels = stored = 0
    for place in places.values():
        if place not in known:
            # Items may share all of their bytes, but must not overlap partly.
            stored += sum(length for _, length in place.extents)
            if stored > len(data):
                raise Corrupt("The items of the AVIF picture overlap.")
            known[place] = frame_pixels(memoryview(_bytes_of(data, place, idat)), ask)
        pixels += known[place]
    return pixels


def _bytes_of(data: bytes, place: Place, idat: Box | None) -> bytes:
    """Return the bytes of an item, fewer if the file is truncated."""
    if place.source == IN_FILE:
        start, end = 0, len(data)
    elif place.source == IN_IDAT and idat is not None:
        _, start, end = idat
    else:
        return b""
    view = memoryview(data)[start:end]
    return b"".join(view[at : at + length] for at, length in place.extents)


def _held(encoded: Encoded, _: Size) -> float:
    streams = _HELD_PER_STREAM_PIXEL * stream_pixels(encoded.data)
    return streams + _HELD_PER_PIXEL * prod(encoded.header.size)


AVIF = Output(
    name="avif",
    title="AVIF",
    content_type="image/avif",
    extensions=("avif",),
    begins=lambda data: not _BRANDS.isdisjoint(brands(data)),
    read=read,
    opener="PIL.AvifImagePlugin:AvifImageFile",
    meanings="quickthumb.imaging.colour.nclx:meanings",
    lean=lean,
    held=_held,
    writer=Writer(
        quality=60,
        # One thread, which is what the function has: the bytes do not depend on the machine.
        options=lambda quality: {"quality": quality, "speed": 8, "max_threads": 1},
        held_per_pixel=26,
        cleaned=timeless,
    ),
)
