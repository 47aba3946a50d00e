"""PNG, including animations: https://www.w3.org/TR/png-3/#5."""

import re
import struct
import zlib
from collections.abc import Iterator
from itertools import islice

from quickthumb.imaging.formats.descriptor import (
    MOST_FRAMES,
    Header,
    Output,
    Vips,
    Writer,
    beginning,
)
from quickthumb.imaging.formats.exif import orientation_of
from quickthumb.problems import Corrupt

MOST_CHUNKS_BEFORE = 10_000
"""Before the pixels. Real files have fewer than a hundred."""

MOST_CHUNKS = 30_000
"""Maximum to read. Encoders split 100 MiB of pixels into 12,800; later chunks are ignored."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_AROUND = 12
"""Bytes of a chunk around its content: length, type and checksum."""

_END = b"\0\0\0\0IEND\xaeB`\x82"

_KIND = re.compile(rb"\w{4}")

_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Valid bits per sample, by colour type (11.2.1)."""

_SHORTEST = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9, b"acTL": 8, b"fcTL": 26}
_SHORTEST_TRANSPARENCY = {0: 2, 2: 6}
"""Minimum content, bytes; for `tRNS`, by colour type. Pillow rejects a picture with less."""

_HEXADECIMAL_EXIF = b"Raw profile type exif"
"""Keyword under which old writers store an EXIF as text."""

_LONGEST_NAME = 80

_MOST_BYTES = 1_000_000
"""Of a text or profile, unpacked. Pillow rejects pictures with a larger one."""

_Chunk = tuple[bytes, int, int]
"""A chunk: its type, and the offsets of its content, which may be beyond the end of the file."""


def read(data: bytes) -> Header:
    """Read the header of a PNG; see `Format.read`."""
    width, height, colours = _shape(data)
    chunks = _chunks(data)
    frames = declared = 0
    exif = b""
    texts: dict[bytes, bytes] = {}
    for chunk in _before_pixels(data, chunks):
        kind, start, end = chunk
        _check(data, chunk, colours)
        if kind == b"acTL":
            # With a second one, it is a still picture.
            declared = 0 if declared else int.from_bytes(data[start : start + 4], "big")
        elif kind == b"fcTL":
            frames += 1
        elif kind == b"eXIf":
            exif = data[start:end]
        elif kind in (b"tEXt", b"iTXt") and not _is_ballast(data, chunk):
            _add_text(texts, data, chunk)
    frames_behind, exif_behind = _behind_pixels(data, chunks)
    return Header(
        width,
        height,
        _orientation(exif or texts.get(b"exif") or exif_behind, texts),
        frames=max(1, min(frames + frames_behind, declared, MOST_FRAMES)),
    )


def lean(data: bytes) -> bytes:
    """Return a PNG without compressed or oversized texts, and without an oversized profile.

    Texts of more than a megabyte, such as editing histories and prompts of image generators, make
    Pillow reject the picture. Of several profiles, the first is kept. If there is nothing to
    remove, or the chunks are invalid, the data is returned unchanged.
    """
    left_out = []
    profiles = 0
    for chunk in _chunks(data):
        kind, start, end = chunk
        if end + 4 > len(data):
            break
        if kind == b"iCCP":
            profiles += 1
            if profiles > 1 or _unpacks_to_more(data[start:end]):
                left_out.append(chunk)
        elif _is_ballast(data, chunk):
            left_out.append(chunk)
    if not left_out:
        return data
    kept: list[bytes | memoryview] = []
    at = 0
    view = memoryview(data)
    for _, start, end in left_out:
        kept.append(view[at : start - 8])
        at = end + 4
    return b"".join((*kept, view[at:]))


def first_frame(data: bytes) -> bytes:
    """Return the still picture that viewers without animation show."""
    kept = [_SIGNATURE]
    has_pixels = False
    for kind, start, end in _chunks(data):
        if has_pixels and kind != b"IDAT":
            break
        has_pixels = kind == b"IDAT"
        if kind not in (b"acTL", b"fcTL"):
            kept.append(data[start - 8 : end + 4])
    else:
        kept.append(data[end + 4 :])
    return b"".join((*kept, _END))


def _shape(data: bytes) -> tuple[int, int, int]:
    """Return width, height and colour type."""
    length, kind, width, height, depth, colours, _, filtering = struct.unpack_from(
        ">I4sIIBBBB", data, len(_SIGNATURE)
    )
    if kind != b"IHDR" or length < 13:
        raise Corrupt("The PNG picture does not begin with a header chunk.")
    if depth not in _DEPTHS.get(colours, ()) or filtering:
        raise Corrupt("The PNG picture has an unsupported pixel format.")
    return width, height, colours


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Yield the chunks; the last may be truncated."""
    at, size = len(_SIGNATURE), len(data)
    for _ in range(MOST_CHUNKS):
        if at + 8 > size:
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at + 8, at + 8 + length
        at += _AROUND + length


def _before_pixels(data: bytes, chunks: Iterator[_Chunk]) -> Iterator[_Chunk]:
    """Yield the chunks before the pixels, and consume the first of the pixels.

    Raises:
        Corrupt: there are no pixels, or too many chunks before them.
    """
    for count, chunk in enumerate(chunks):
        kind, _, end = chunk
        if kind == b"IDAT":
            return
        if count == MOST_CHUNKS_BEFORE:
            raise Corrupt(
                f"The PNG picture has more than {MOST_CHUNKS_BEFORE:,} chunks before its pixels."
            )
        if kind == b"IEND" or end + 4 > len(data) or not _KIND.match(kind):
            break
        yield chunk
    raise Corrupt("The PNG picture is truncated or damaged before its pixels.")


def _behind_pixels(data: bytes, chunks: Iterator[_Chunk]) -> tuple[int, bytes]:
    """Return the number of frames and the EXIF after the pixels.

    EXIF may be there: https://www.w3.org/TR/png-3/#5ChunkOrdering
    """
    frames = 0
    exif = b""
    for kind, start, end in chunks:
        if kind == b"IEND" or end + 4 > len(data):
            return frames, exif
        if kind == b"fcTL":
            frames += 1
        elif kind == b"eXIf":
            exif = data[start:end]
    return MOST_FRAMES, exif  # unknown: there are too many chunks to count them


def _check(data: bytes, chunk: _Chunk, colours: int) -> None:
    """Check a chunk before the pixels like Pillow does; raises `Corrupt`."""
    kind, start, end = chunk
    if _is_ballast(data, chunk):
        return
    [stored] = struct.unpack_from(">I", data, end)
    if zlib.crc32(memoryview(data)[start - 4 : end]) != stored:
        raise Corrupt(f"The {kind.decode()} chunk of the PNG picture has an invalid checksum.")
    shortest = _SHORTEST_TRANSPARENCY.get(colours, 0) if kind == b"tRNS" else _SHORTEST.get(kind, 0)
    if end - start < shortest:
        raise Corrupt(f"The {kind.decode()} chunk of the PNG picture is too short.")
    if kind == b"iCCP" and data[data.find(b"\0", start, end) + 1]:
        raise Corrupt("The colour profile of the PNG picture uses an unknown compression.")


def _is_ballast(data: bytes, chunk: _Chunk) -> bool:
    """Return whether a chunk is a compressed or oversized text."""
    kind, start, end = chunk
    if kind == b"iTXt":
        named = data.find(b"\0", start, end) + 1
        return data[named : named + 1] != b"\0" or end - start > _MOST_BYTES
    return kind == b"zTXt" or (kind == b"tEXt" and end - start > _MOST_BYTES)


def _unpacks_to_more(profile: bytes) -> bool:
    """Return whether a profile exceeds `_MOST_BYTES`, without unpacking more than that."""
    packed = profile[profile.find(b"\0") + 2 :]
    try:
        return len(zlib.decompressobj().decompress(packed, _MOST_BYTES + 1)) > _MOST_BYTES
    except zlib.error:
        return False


def chunks_before_pixels(data: bytes) -> Iterator[_Chunk]:
    """Yield the complete chunks before the pixels, with the offsets of their content."""
    for chunk in islice(_chunks(data), MOST_CHUNKS_BEFORE):
        kind, _, end = chunk
        if kind == b"IDAT" or end + 4 > len(data):
            return
        yield chunk


def _add_text(texts: dict[bytes, bytes], data: bytes, chunk: _Chunk) -> None:
    """Keep a text by its keyword if it may contain the orientation."""
    kind, start, end = chunk
    named = data.find(b"\0", start, start + _LONGEST_NAME)
    if named < 0 or data[start:named] not in (b"exif", _HEXADECIMAL_EXIF):
        return
    text = data[named + 1 : end]
    if kind == b"iTXt":  # two flags, a language, and the translated keyword
        text = text[2:].partition(b"\0")[2].partition(b"\0")[2]
    texts[data[start:named]] = text


def _orientation(exif: bytes, texts: dict[bytes, bytes]) -> int:
    if not exif and _HEXADECIMAL_EXIF in texts:
        digits = texts[_HEXADECIMAL_EXIF].split(b"\n", 3)[3:]
        try:
            exif = bytes.fromhex(b"".join(digits).replace(b"\n", b"").decode("latin-1"))
        except ValueError:  # invalid metadata is no reason to reject the picture
            return 1
    return orientation_of(exif)


PNG = Output(
    name="png",
    title="PNG",
    content_type="image/png",
    extensions=("png",),
    begins=beginning(_SIGNATURE),
    read=read,
    opener="quickthumb.imaging.decoders.png:PlainPng",
    meanings="quickthumb.imaging.colour.png:meanings",
    lean=lean,
    first_frame=first_frame,
    animated=True,
    row_by_row=True,
    vips=Vips(
        "pngload_buffer",
        # An interlaced picture is decoded as a whole, for which Pillow needs less memory.
        is_faster=lambda encoded, _: not encoded.header.info.get("interlace"),
    ),
    writer=Writer(quality=100, held_per_pixel=2, lossless=True, palette=True),
)
