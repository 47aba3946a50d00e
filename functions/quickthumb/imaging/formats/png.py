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

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_AROUND = 12
"""Bytes of a chunk around its content: length, type and checksum."""

_END = b"\0\0\0\0IEND\xaeB`\x82"

_KIND = re.compile(rb"[A-Za-z]{4}")
_PIXELS = frozenset((b"IDAT", b"fdAT"))
"""Their checksums are not compared: browsers do not either."""

_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Valid bits per sample, by colour type (11.2.1)."""

SHORTEST = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9, b"acTL": 8, b"fcTL": 26}
_SHORTEST_TRANSPARENCY = {0: 2, 2: 6}
"""Minimum content, bytes; for `tRNS`, by colour type. Pillow rejects a picture with less."""

_HEXADECIMAL_EXIF = b"Raw profile type exif"
"""Keyword under which old writers store an EXIF as text."""

_TOO_MANY = 1 << 31

_LONGEST_NAME = 80

_MOST_BYTES = 1_000_000
"""Of a text or profile, unpacked. Pillow rejects pictures with a larger one."""

_Chunk = tuple[bytes, int, int]
"""A chunk: its type, and the offsets of its content, which may be beyond the end of the file."""


def read(data: bytes) -> Header:
    """Read the header of a PNG; see `Format.read`."""
    width, height, colours = _shape(data)
    walk = chunks(data)
    frames = declared = 0
    exif = b""
    texts: dict[bytes, bytes] = {}
    for chunk in _before_pixels(data, walk):
        kind, start, end = chunk
        if _is_broken(data, chunk, colours):
            _check_ancillary(kind)
        elif kind == b"acTL":
            # With a second one, it is a still picture.
            declared = 0 if declared else _declared_frames(data, start)
        elif kind == b"fcTL":
            frames += 1
        elif kind == b"eXIf":
            exif = data[start:end]
        elif kind in (b"tEXt", b"iTXt") and not _is_ballast(data, chunk):
            _add_text(texts, data, chunk)
    frames_behind, exif_behind = _behind_pixels(data, walk)
    return Header(
        width,
        height,
        _orientation(exif or texts.get(b"exif") or exif_behind, texts),
        frames=max(1, min(frames + frames_behind, declared, MOST_FRAMES)),
    )


def lean(data: bytes) -> bytes:
    """Return a PNG without broken chunks, compressed or oversized texts, and oversized profiles.

    Texts of more than a megabyte, such as editing histories and prompts of image generators, make
    Pillow reject the picture. Of several profiles, the first is kept. If there is nothing to
    remove, or the chunks are invalid, the data is returned unchanged.
    """
    _, _, colours = _shape(data)
    left_out = []
    profiles = 0
    for chunk in chunks(data):
        kind, start, end = chunk
        if end + 4 > len(data):
            break
        if _is_broken(data, chunk, colours):
            left_out.append(chunk)
        elif kind == b"iCCP":
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
    """Return a PNG with the first frame of an animation.

    If that is not the still picture, which follows first, both are there.
    """
    hidden = hides_its_still(data)
    kept = [PNG_SIGNATURE]
    has_pixels = False
    frames = 0
    for kind, start, end in chunks(data):
        frames += has_pixels and kind == b"fcTL"
        if has_pixels and (frames > 1 or not (hidden or kind == b"IDAT")):
            break
        has_pixels |= kind == b"IDAT"
        if hidden or kind not in (b"acTL", b"fcTL"):
            kept.append(data[start - 8 : end + 4])
    else:
        kept.append(data[end + 4 :])
    return b"".join((*kept, _END))


def hides_its_still(data: bytes) -> bool:
    """Tell whether the picture that viewers without animation show is not one of the frames.

    Browsers then show the first frame.
    """
    moves = False
    for kind, start, _ in chunks(data):
        if kind == b"IDAT":
            return moves
        if kind == b"fcTL":
            return False
        moves |= kind == b"acTL" and _declared_frames(data, start) > 0
    return False


def _declared_frames(data: bytes, start: int) -> int:
    """Return the number in an `acTL` chunk, 0 if it is invalid (11.3.6.1)."""
    count = int.from_bytes(data[start : start + 4], "big")
    return count if count < _TOO_MANY else 0


def _shape(data: bytes) -> tuple[int, int, int]:
    """Return width, height and colour type."""
    length, kind, width, height, depth, colours, _, filtering = struct.unpack_from(
        ">I4sIIBBBB", data, len(PNG_SIGNATURE)
    )
    if kind != b"IHDR" or length < 13:
        raise Corrupt("The PNG picture does not begin with a header chunk.")
    if depth not in _DEPTHS.get(colours, ()) or filtering:
        raise Corrupt(
            f"The PNG picture has colour type {colours} with {depth} bits, which there is not."
        )
    return width, height, colours


def chunks(data: bytes) -> Iterator[_Chunk]:
    """Yield the chunks; the last may be truncated."""
    at, size = len(PNG_SIGNATURE), len(data)
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
        if kind == b"IEND" or end + 4 > len(data):
            break
        yield chunk
    raise Corrupt("The PNG picture is truncated or damaged before its pixels.")


def _behind_pixels(data: bytes, chunks: Iterator[_Chunk]) -> tuple[int, bytes]:
    """Return the number of frames and the EXIF after the pixels.

    EXIF may be there: https://www.w3.org/TR/png-3/#5ChunkOrdering
    """
    frames = 0
    exif = b""
    for chunk in chunks:
        kind, start, end = chunk
        if kind == b"IEND" or end + 4 > len(data):
            return frames, exif
        if kind == b"fcTL":
            frames += 1
        elif kind == b"eXIf" and not _is_broken(data, chunk, _shape(data)[2]):
            exif = data[start:end]
    return MOST_FRAMES, exif  # unknown: there are too many chunks to count them


def _check_ancillary(kind: bytes) -> None:
    """Check that pixels can be decoded without a broken chunk (5.3); raises `Corrupt`."""
    if not kind[:1].islower():
        name = kind.decode() if _KIND.match(kind) else "unknown"
        raise Corrupt(f"The {name} chunk of the PNG picture is damaged.")


def _is_broken(data: bytes, chunk: _Chunk, colours: int) -> bool:
    """Return whether a chunk cannot be used; browsers ignore it unless it is critical (13.2)."""
    kind, start, end = chunk
    if kind in _PIXELS or _is_ballast(data, chunk):
        return False
    [stored] = struct.unpack_from(">I", data, end)
    if not _KIND.match(kind) or zlib.crc32(memoryview(data)[start - 4 : end]) != stored:
        return True
    shortest = _SHORTEST_TRANSPARENCY.get(colours, 0) if kind == b"tRNS" else SHORTEST.get(kind, 0)
    if end - start < shortest:
        return True
    return kind == b"iCCP" and data[data.find(b"\0", start, end) + 1] != 0


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
    for chunk in islice(chunks(data), MOST_CHUNKS_BEFORE):
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
    begins=beginning(PNG_SIGNATURE),
    read=read,
    opener="quickthumb.imaging.decoders.png:PlainPng",
    meanings="quickthumb.imaging.colour.png:meanings",
    decode="quickthumb.imaging.decoders.png:decode",
    lean=lean,
    first_frame=first_frame,
    animated=True,
    patches="quickthumb.imaging.decoders.png:patches",
    is_whole=lambda data: any(
        kind == b"IEND" and end + 4 <= len(data) for kind, _, end in chunks(data)
    ),
    row_by_row=True,
    vips=Vips(
        "pngload_buffer",
        # An interlaced picture is decoded as a whole, for which Pillow needs less memory.
        is_faster=lambda encoded, _: (
            not (encoded.header.info.get("interlace") or hides_its_still(encoded.data))
        ),
    ),
    writer=Writer(quality=100, held_per_pixel=2, lossless=True, palette=True),
)
