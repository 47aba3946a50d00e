"""AVIF: https://aomediacodec.github.io/av1-avif/."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod

from quickthumb.imaging.av1 import Frame, frames
from quickthumb.imaging.formats.alpha_size import with_alpha_size
from quickthumb.imaging.formats.bmff import (
    EXIF,
    IN_FILE,
    IN_IDAT,
    MIME,
    MOST_BOXES,
    Box,
    Counter,
    Place,
    boxes,
    brands,
    is_whole,
    read_index,
    read_places,
    top_boxes,
)
from quickthumb.imaging.formats.descriptor import (
    MOST_FRAMES,
    Encoded,
    Header,
    Output,
    Size,
    Writer,
)
from quickthumb.imaging.formats.tracks import Track, cut, read_tracks, samples
from quickthumb.imaging.guarded import reads
from quickthumb.problems import Corrupt

_STILL, _SEQUENCE = b"avif", b"avis"
_BRANDS = frozenset((_STILL, _SEQUENCE))

_MOST_HELD_FRAMES = 10
"""Eight that later ones may refer to, and two in the making."""

_HELD_PER_MOVING_PIXEL = 12
"""Bytes: interleaved, as a picture, and with an alpha channel."""

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
    """Read the header of an AVIF; see `Format.read`."""
    has_index = any(kind == b"meta" for kind, _, _ in top_boxes(data))
    index = read_index(data) if has_index or not _moves(data) else None
    tracks = _shown_tracks(data)
    if tracks:
        first = tracks[0]
        count = min(first.frames, MOST_FRAMES)
        return Header(first.width, first.height, _orientation(data, first.properties), frames=count)
    if index is None:
        raise Corrupt("The sequence of the AVIF picture has no frames.")
    width, height = index.size()
    return Header(width, height, _orientation(data, index.properties))


def _orientation(data: bytes, properties: Sequence[Box]) -> int:
    """Return the orientation from the properties of the picture.

    According to ISO/IEC 23000-22, section 7.3, metadata is ignored.
    """
    turns, axis = 0, None
    for kind, start, _ in reversed(properties):
        if kind == b"irot":
            turns = data[start] & 3
        elif kind == b"imir":
            axis = data[start] & 1
    return _TURNS[turns, axis]


def _moves(data: bytes) -> bool:
    """Tell whether decoders choose the sequence: by the major brand, or any if that is neither."""
    major, *others = brands(data)
    return major == _SEQUENCE or (major != _STILL and _SEQUENCE in others)


def _shown_tracks(data: bytes) -> list[Track]:
    """Return the tracks that are shown, colours first; none if a still picture is shown."""
    tracks = read_tracks(data) if _moves(data) else []
    shown = sorted((each for each in tracks if each.frames), key=lambda each: each.auxiliary)
    return [] if not shown or shown[0].auxiliary else shown


def shown_properties(data: bytes) -> tuple[Box, ...]:
    """Return the properties of what is shown: of the sequence, or else of the picture.

    Raises:
        Corrupt: the index is invalid; see `bmff.read_index`.
    """
    tracks = _shown_tracks(data)
    return tracks[0].properties if tracks else read_index(data).properties


def lean(data: bytes) -> bytes:
    """Return an AVIF without metadata and a sequence that is not shown, with the size of its alpha.

    Decoders always parse the boxes of a sequence, and read EXIF and XMP.
    """
    if _shown_tracks(data):
        return _changed(data, _without_metadata(data))
    return with_alpha_size(_still(data))


def first_frame(data: bytes) -> bytes:
    """Return the still picture of a sequence, or else its first frame."""
    has_still = any(kind == b"meta" for kind, _, _ in top_boxes(data))
    return _still(data) if has_still else cut(data)


def _without_metadata(data: bytes) -> dict[int, bytes]:
    """Return where the types of boxes are to be changed, and to what."""
    if not any(kind == b"meta" for kind, _, _ in top_boxes(data)):
        return {}
    items = read_index(data).items.values()
    return {item.kind_at: b"none" for item in items if item.kind in (EXIF, MIME)}


def _still(data: bytes) -> bytes:
    changes = _without_metadata(data)
    for kind, start, end in top_boxes(data):
        if kind == b"moov":
            changes[data.rindex(kind, 0, start)] = b"free"
        elif kind == b"ftyp":
            listed = (start, *range(start + 8, end - 3, 4))
            changes |= {at: _STILL for at in listed if data[at : at + 4] == _SEQUENCE}
    return _changed(data, changes)


def _changed(data: bytes, changes: Mapping[int, bytes]) -> bytes:
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


def item_frames(data: bytes) -> Iterator[Frame]:
    """Yield the frames of all items of an AVIF.

    A decoder allocates what the streams declare, whatever the header does. Their total is an upper
    bound of what it holds at once: frames stay while others may refer to them, and tiles until they
    are joined. This reads all streams, so it is too slow for `upload`.

    Raises:
        Corrupt: the file has too many parts, or they overlap or are truncated.
    """
    places, idat = read_places(data)
    ask = reads()
    known: dict[Place, list[Frame]] = {}
    stored = 0
    for place in places.values():
        if place not in known:
            # Items may share all of their bytes, but must not overlap partly.
            stored += sum(length for _, length in place.extents)
            if stored > len(data):
                raise Corrupt("The items of the AVIF picture overlap.")
            stream = memoryview(_bytes_of(data, place, idat))
            known[place] = list(frames([stream], ask))
        yield from known[place]


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
    data = encoded.data
    if tracks := _shown_tracks(data):
        streams = sum(_held_by_track(data, track) for track in tracks)
    else:
        streams = sum(frame.size for frame in item_frames(data))
    pixels = prod(encoded.header.size)
    if encoded.declared.frames > 1:
        return streams + _HELD_PER_MOVING_PIXEL * pixels
    # As it comes from the decoder, and as a picture.
    return streams + (len(encoded.header.mode) + 4) * pixels


def _held_by_track(data: bytes, track: Track) -> float:
    """Return what a decoder holds of a track: frames that later ones may refer to."""
    largest = max((frame.size for frame in frames(samples(data, track), reads())), default=0.0)
    return largest * min(track.frames + 1, _MOST_HELD_FRAMES)


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
    first_frame=first_frame,
    animated=True,
    held=_held,
    is_whole=is_whole,
    writer=Writer(
        quality=60,
        # One thread, which is what the function has: the bytes do not depend on the machine.
        options=lambda quality: {"quality": quality, "speed": 8, "max_threads": 1},
        held_per_pixel=26,
        cleaned=timeless,
    ),
)
