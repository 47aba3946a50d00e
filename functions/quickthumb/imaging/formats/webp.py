"""WebP: https://developers.google.com/speed/webp/docs/riff_container."""

import struct
from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from quickthumb.imaging.formats.descriptor import (
    MOST_FRAMES,
    Encoded,
    Header,
    Output,
    Size,
    Vips,
    Writer,
)
from quickthumb.imaging.formats.exif import orientation_of
from quickthumb.problems import Corrupt

MOST_OTHERS = 1_000
"""Chunks that are not frames, of which there are six types."""

_FIRST_CHUNK = 12

_WITH_METADATA = 0x0C
"""Flags for EXIF and XMP."""

_WITH_ALPHA = 0x10

_FRAME_FLAGS, _CLEARED = 15, 0x01
"""Offset of the flags in a frame, and the flag that it is cleared before the next one is shown."""

_SIZE = 0x3FFF
_KEY_FRAME = b"\x9d\x01\x2a"
_LOSSLESS = 0x2F

_HELD_PER_PIXEL = 16
"""Two canvases, the frame as bytes, and the picture, at four bytes each."""

_RESERVE = 2.5
"""Minimum ratio to the target size that libwebp's scaler leaves, since its filter is coarse."""

_OPAQUE_RESERVE = 2.0
"""The same for opaque pictures, for which the lost detail can be restored."""


class _Chunk(NamedTuple):
    """A chunk: its type, and the offsets of its content in the file."""

    kind: bytes
    start: int
    end: int


def read(data: bytes) -> Header:
    """Read the header of a WebP; see `Format.read`."""
    end = _end(data)
    first = next(_chunks(data, _FIRST_CHUNK, end), None)
    if first is None:
        raise Corrupt("The first chunk of the WebP picture is truncated.")
    width, height = _size(data, first)
    if first.kind != b"VP8X":
        return Header(width, height)
    frames = others = 0
    exif: bytes | None = None
    for kind, start, stop in _chunks(data, first.end, end):
        if kind == b"ANMF":
            frames += 1
            if frames == MOST_FRAMES:
                break
            continue
        others += 1
        if others > MOST_OTHERS:
            raise Corrupt(f"The WebP picture has more than {MOST_OTHERS:,} chunks.")
        if kind == b"EXIF" and exif is None:
            exif = data[start:stop]
    return Header(width, height, orientation_of(exif or b""), frames=frames or 1)


def first_frame(data: bytes) -> bytes:
    """Return an animation with only its first frame, without metadata."""
    end = _end(data)
    kept = []
    for kind, start, stop in _chunks(data, _FIRST_CHUNK, end):
        if kind in (b"VP8X", b"ICCP", b"ANIM", b"ANMF"):
            kept.append(data[start - 8 : stop + (stop - start) % 2])
        if kind == b"ANMF":
            break
    body = bytearray(b"WEBP" + b"".join(kept))
    body[12] &= ~_WITH_METADATA  # the flags are the first byte of the first chunk
    return b"RIFF" + struct.pack("<I", len(body)) + bytes(body)


def with_alpha(data: bytes) -> bytes:
    """Return an animation encoded here with the mark of transparency if there can be any.

    libwebp sets it for frames that have an alpha channel, but not for a first one that it made
    smaller than the picture, nor for those that are cleared before the next one is shown. Some
    viewers then show black.
    """
    _, start, at = next(_chunks(data, _FIRST_CHUNK, len(data)))
    frames = [each.start for each in _chunks(data, at, len(data)) if each.kind == b"ANMF"]
    if not frames:
        return data  # all frames were alike
    covers = data[frames[0] + 6 : frames[0] + 12] == data[start + 4 : start + 10]  # in size
    if covers and not any(data[each + _FRAME_FLAGS] & _CLEARED for each in frames):
        return data
    marked = bytearray(data)
    marked[start] |= _WITH_ALPHA
    return bytes(marked)


def _end(data: bytes) -> int:
    """Return the size of the file according to its header; what follows is ignored."""
    [size] = struct.unpack_from("<I", data, 4)
    if size + 8 > len(data):
        raise Corrupt(f"The WebP picture is truncated: it has {len(data):,} of {size + 8:,} bytes.")
    return int(size) + 8


def _chunks(data: bytes, at: int, end: int) -> Iterator[_Chunk]:
    """Yield the complete chunks from an offset on."""
    while at + 8 <= end:
        kind, size = struct.unpack_from("<4sI", data, at)
        start, stop = at + 8, at + 8 + size
        if stop > end:
            return
        yield _Chunk(kind, start, stop)
        at = stop + size % 2


def _size(data: bytes, chunk: _Chunk) -> tuple[int, int]:
    kind, start, _ = chunk
    if kind == b"VP8X":
        width = int.from_bytes(data[start + 4 : start + 7], "little") + 1
        return width, int.from_bytes(data[start + 7 : start + 10], "little") + 1
    if kind == b"VP8L" and data[start] == _LOSSLESS:
        [bits] = struct.unpack_from("<I", data, start + 1)
        return (bits & _SIZE) + 1, (bits >> 14 & _SIZE) + 1
    if kind == b"VP8 " and data[start + 3 : start + 6] == _KEY_FRAME:
        width, height = struct.unpack_from("<HH", data, start + 6)
        return width & _SIZE, height & _SIZE
    raise Corrupt("The WebP picture does not state its size.")


def _scale(encoded: Encoded, size: Size) -> float:
    """Return the factor, up to 1, by which libwebp scales the picture while decoding."""
    width, height = encoded.header.size
    reserve = _OPAQUE_RESERVE if encoded.header.mode == "RGB" else _RESERVE
    return min(1.0, max(size[0] / width, size[1] / height) * reserve)


def _held_by_vips(encoded: Encoded, size: Size) -> float:
    pixels = prod(encoded.header.size)
    transparent_or_lossless = encoded.header.mode == "RGBA" or b"VP8L" in encoded.data[:64]
    return 6 * pixels * _scale(encoded, size) ** 2 + (6 * pixels if transparent_or_lossless else 0)


WEBP = Output(
    name="webp",
    title="WebP",
    content_type="image/webp",
    extensions=("webp",),
    begins=lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP",
    read=read,
    opener="PIL.WebPImagePlugin:WebPImageFile",
    first_frame=first_frame,
    animated=True,
    held=lambda encoded, _: _HELD_PER_PIXEL * prod(encoded.header.size),
    vips=Vips(
        "webpload_buffer",
        options=lambda encoded, size: {"scale": _scale(encoded, size)},
        averages=lambda encoded, size: encoded.header.mode == "RGB" and _scale(encoded, size) < 1,
        held=_held_by_vips,
    ),
    writer=Writer(
        quality=80,
        # Method 2 takes half the time of the default, for 3 % more bytes.
        options=lambda quality: {"quality": quality, "method": 2},
        held_per_pixel=6,
        held_per_transparent_pixel=30,
        cleaned=with_alpha,
    ),
)
