"""JPEG: ITU-T T.81, Annex B (https://www.w3.org/Graphics/JPEG/itu-t81.pdf)."""

import re
import struct
from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from quickthumb.imaging.formats.descriptor import (
    Encoded,
    Header,
    Output,
    Size,
    Vips,
    Writer,
    all_pixels,
    beginning,
)
from quickthumb.imaging.formats.exif import orientation_of
from quickthumb.problems import Corrupt, UnsupportedFormat

MOST_SEGMENTS = 10_000
"""Before the pixels, and as many between scans. 100 MiB of metadata in full segments are 1,600."""

MOST_STRAY = 40_000
"""Fill bytes and garbage between segments, which readers skip. Real files have hardly any."""

MOST_SCANS = 5_000
"""Counting stops here; the limit is far lower."""

RESERVE = 1.9
"""Minimum ratio to the target size to leave for resampling: below, aliasing shows (46 dB)."""

_SCAN = 0xDA
_APP1 = 0xE1
_COMMENT = 0xFE
_PROGRESSIVE = frozenset((0xC2, 0xCA))
"""With Huffman and with arithmetic coding."""

_FRAMES = frozenset((0xC0, 0xC1, 0xC2, 0xC9, 0xCA))
_REFUSED = {
    **dict.fromkeys((0xC3, 0xC7, 0xCB, 0xCF), "Lossless JPEG"),
    **dict.fromkeys((0xC5, 0xC6, 0xCD, 0xCE, 0xDE), "Hierarchical JPEG"),
    0xF7: "JPEG-LS",
}
"""Kinds of coding that no decoder here reads, by the marker of their frame header."""

_STANDALONE = frozenset((0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE))) - {0xF7}
"""Markers without a length; some are reserved."""

_FIRST_KNOWN = 0xC0

_MARKER = re.compile(rb"\xff[^\x00\xff]")
_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""Ends the data of a scan, in which a 0 follows every 0xFF, and there are restart markers."""

_END = 0xD9

_KEPT = frozenset((0xE0, 0xE2, 0xEE))
"""Application segments that affect colours: JFIF, ICC profile, Adobe."""

_MOST_METADATA = 1_000_000
"""Bytes in other application segments and comments. Pillow parses some of them byte by byte."""

_NAMED = {0xE0: b"JFIF", 0xEE: b"Adobe"}
_SHORTEST_NAMED = 7
"""Bytes. Pillow rejects the picture if one of these segments is shorter."""

_DRAFT_PIXELS = 500_000
"""If libjpeg leaves at least so many pixels, libvips resamples faster than Pillow."""

_OWN_TABLES_PIXELS = 32_768
"""Up to this size, a thumbnail gets Huffman tables of its own. At 64 x 64 pixels they save 17 % of
the bytes and cost 0.03 ms, at 256 x 256 3 % and 0.25 ms; `bench/huffman.py` measures it."""

_EXIF = b"Exif\0\0"


class _Segment(NamedTuple):
    """A segment: its marker, and the offsets of its content in the file."""

    marker: int
    start: int
    end: int


class _Frame(NamedTuple):
    """A frame header (B.2.2).

    Attributes:
        width: pixels.
        height: pixels.
        progressive: whether the coding is progressive.
        factors: horizontal and vertical sampling factor of each component, four bits each.
    """

    width: int
    height: int
    progressive: bool
    factors: bytes


def read(data: bytes) -> Header:
    """Read the header of a JPEG; see `Format.read`.

    Raises:
        UnsupportedFormat: it does not have 8 bits per sample, or no decoder reads its coding.
    """
    frame: _Frame | None = None
    scans = 1
    exif: list[bytes] = []
    for marker, start, end in _segments(data):
        if marker in _FRAMES:
            _check_bits(data[start])
            frame = _frame(data, marker, start, end)
        elif marker in _REFUSED:
            raise UnsupportedFormat(f"{_REFUSED[marker]} pictures are not accepted.")
        elif marker == _SCAN and frame and _is_one_of_several(data, start, frame):
            scans = _scans(data, end)
        elif marker == _APP1 and data.startswith(_EXIF, start, end):
            exif.append(data[start + len(_EXIF) : end])
    if frame is None:
        raise Corrupt("The header of the JPEG picture is truncated.")
    if len(frame.factors) not in (1, 3, 4):
        raise UnsupportedFormat(
            f"JPEG pictures with {len(frame.factors)} channels are not accepted: "
            "expected 1, 3 or 4."
        )
    orientation = orientation_of(b"".join(exif))
    return Header(frame.width, frame.height, orientation, scans=scans)


def lean(data: bytes) -> bytes:
    """Return a JPEG without its metadata if there is a lot of it, and without broken segments."""
    metadata = []
    broken = []
    for segment in _segments(data):
        if _is_metadata(segment.marker):
            metadata.append(segment)
        elif _is_too_short(data, segment):
            broken.append(segment)
    if sum(each.end - each.start for each in metadata) <= _MOST_METADATA:
        metadata = []
    left_out = sorted(metadata + broken, key=lambda segment: segment.start)
    if not left_out:
        return data
    kept: list[bytes | memoryview] = []
    at = 0
    view = memoryview(data)
    for _, start, end in left_out:
        kept.append(view[at : start - 4])
        at = end
    return b"".join((*kept, view[at:]))


def coefficient_bytes(data: bytes) -> int:
    """Return the size of the coefficients of a picture with several scans, bytes.

    libjpeg holds all of them, two bytes each. A picture with a single scan is decoded row by row.
    """
    frame: _Frame | None = None
    for marker, start, end in _segments(data):
        if marker in _FRAMES:
            frame = _frame(data, marker, start, end)
        elif marker == _SCAN and frame and _is_one_of_several(data, start, frame):
            across = [each >> 4 or 1 for each in frame.factors]
            down = [each & 15 or 1 for each in frame.factors]
            samples = sum(a * b for a, b in zip(across, down, strict=True))
            return 2 * (frame.width * frame.height * samples // (max(across) * max(down)))
    return 0


def idct_scale(picture: Size, target: Size) -> int:
    """Return the factor by which libjpeg may reduce while decoding, leaving `RESERVE`."""
    ratio = min(picture[0] / target[0], picture[1] / target[1]) / RESERVE
    return next(scale for scale in (8, 4, 2, 1) if ratio >= scale or scale == 1)


def _segments(data: bytes) -> Iterator[_Segment]:
    """Yield the segments up to the first scan.

    Raises:
        Corrupt: there are too many, or one is truncated or unknown.
    """
    at, size = 2, len(data)
    stray = MOST_STRAY
    for _ in range(MOST_SEGMENTS):
        found = _MARKER.search(data, at, at + stray + 2)
        if found is None:
            if at + stray + 2 < size:
                raise Corrupt(f"The JPEG picture has more than {MOST_STRAY:,} stray bytes.")
            return
        stray -= found.start() - at
        at = found.end()
        marker = data[at - 1]
        if marker in _STANDALONE:
            continue
        if marker < _FIRST_KNOWN:
            raise Corrupt(f"The JPEG picture has an unknown marker, FF{marker:02X}.")
        [length] = struct.unpack_from(">H", data, at)
        start, at = at + 2, at + max(2, length)
        if at > size:
            raise Corrupt("The header of the JPEG picture is truncated.")
        yield _Segment(marker, start, at)
        if marker == _SCAN:
            return
    raise Corrupt(f"The JPEG picture has more than {MOST_SEGMENTS:,} segments before its pixels.")


def _is_too_short(data: bytes, segment: _Segment) -> bool:
    """Return whether a segment lacks what it is named for; browsers ignore it."""
    marker, start, end = segment
    name = _NAMED.get(marker)
    return name is not None and data.startswith(name, start, end) and end - start < _SHORTEST_NAMED


def _is_metadata(marker: int) -> bool:
    return marker == _COMMENT or (0xE0 <= marker <= 0xEF and marker not in _KEPT)


def _check_bits(bits: int) -> None:
    if bits != 8:
        raise UnsupportedFormat(
            f"JPEG pictures with {bits} bits per sample are not accepted: expected 8 bits."
        )


def _frame(data: bytes, marker: int, start: int, end: int) -> _Frame:
    _, height, width, count = struct.unpack_from(">BHHB", data, start)
    if not count or end - start != 6 + 3 * count:
        raise Corrupt("The JPEG picture has an invalid frame header.")
    return _Frame(width, height, marker in _PROGRESSIVE, data[start + 7 : end : 3])


def _is_one_of_several(data: bytes, start: int, frame: _Frame) -> bool:
    """Return whether more scans follow, from the header of the first one (B.2.3)."""
    return frame.progressive or data[start] < len(frame.factors)


def _scans(data: bytes, at: int) -> int:
    """Return an upper bound of the number of scans, at most `MOST_SCANS`.

    Segments are skipped as a whole, for they may contain anything, and so is what follows the end
    of the picture (B.1.1.4). Searching the file takes a tenth of the time of a thumbnail, so this
    is only done for pictures with several scans.

    Args:
        data: the file.
        at: offset of the compressed data of the first scan.

    Raises:
        Corrupt: there are too many segments.
    """
    scans = 1
    for _ in range(MOST_SEGMENTS):
        found = _MARKER_IN_SCAN.search(data, at)
        if found is None or scans == MOST_SCANS:
            return scans
        at = found.end()
        marker = data[at - 1]
        if marker == _END:
            return scans
        scans += marker == _SCAN
        if marker >= _FIRST_KNOWN and marker not in _STANDALONE and at + 2 <= len(data):
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
    raise Corrupt(f"The JPEG picture has more than {MOST_SEGMENTS:,} segments between its scans.")


def _held(encoded: Encoded, size: Size) -> float:
    left = all_pixels(encoded) / idct_scale(encoded.header.size, size) ** 2
    return coefficient_bytes(encoded.data) + left + 4 * prod(size)


def _is_faster_in_vips(encoded: Encoded, size: Size) -> bool:
    width, height = encoded.header.size
    scale = idct_scale((width, height), size)
    # libvips cuts off partial blocks at the edges, and stretches the rest.
    whole = width % scale == height % scale == 0
    left = width * height // scale**2
    return encoded.header.mode in ("L", "RGB") and left >= _DRAFT_PIXELS and whole


JPEG = Output(
    name="jpeg",
    title="JPEG",
    content_type="image/jpeg",
    extensions=("jpg", "jpeg"),
    begins=beginning(b"\xff\xd8\xff"),
    read=read,
    opener="quickthumb.imaging.decoders.jpeg:LeanJpeg",
    decode="quickthumb.imaging.decoders.jpeg:decode",
    lean=lean,
    is_whole=lambda data: data.rfind(b"\xff\xd9") > 0,
    held=_held,
    vips=Vips(
        "jpegload_buffer",
        is_faster=_is_faster_in_vips,
        options=lambda encoded, size: {"shrink": idct_scale(encoded.header.size, size)},
        averages=lambda encoded, size: idct_scale(encoded.header.size, size) == 8,
        held=lambda encoded, _: coefficient_bytes(encoded.data),
    ),
    writer=Writer(
        quality=82,
        options=lambda quality: {"quality": quality},
        small_pixels=_OWN_TABLES_PIXELS,
        small_options={"optimize": True},
        held_per_pixel=1,
        alpha=False,
        animation=False,
    ),
)
