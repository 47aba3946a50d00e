"""Files put together piece by piece, as no encoder would."""

import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from tests.unit.imaging.pictures import encoded, photo


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    """Return a chunk of a PNG."""
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png_with(*chunks: bytes) -> bytes:
    """Return a PNG with chunks between its header and its pixels."""
    data = encoded(photo(64, 48), "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def jpeg_with(segments: bytes) -> bytes:
    data = encoded(photo(64, 48), "JPEG")
    return data[:2] + segments + data[2:]


def gif_with(*, extensions: bytes = b"", frames: bytes = b"") -> bytes:
    """Return a GIF of two colours and 16 x 16 pixels, with blocks before and after its frame."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 16, 16, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return screen + extensions + gif_frame(16, 16) + frames + b";"


def gif_frame(width: int, height: int, *, colour: int = 0, dispose: int = 1) -> bytes:
    plain = encoded(Image.new("P", (width, height), colour), "GIF", optimize=False)
    pixels = plain[plain.index(b"\x2c", 13 + 6) + 10 :].removesuffix(b";")
    control = b"\x21\xf9\x04" + bytes((dispose << 2, 5, 0, 0, 0))
    return control + b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + pixels


def tiff(*tags: tuple[int, int]) -> bytes:
    """Return a grey TIFF of 100 x 100 pixels, with tags of 32 bits added or replaced."""
    all_tags = {256: 100, 257: 100, 258: 8, 259: 1, 262: 1, 277: 1} | dict(tags)
    pixels = 8 + 2 + 12 * (len(all_tags) + 2) + 4
    all_tags |= {324: pixels, 325: 10_000} if 322 in all_tags else {273: pixels, 279: 10_000}
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(all_tags.items())
    )
    directory = struct.pack("<H", len(all_tags)) + entries + b"\0" * 4
    return (b"II*\0" + struct.pack("<I", 8) + directory).ljust(pixels, b"\0") + b"\x55" * 10_000


def webp(*chunks: bytes, flags: int = 0, size: tuple[int, int] = (64, 48)) -> bytes:
    """Return a WebP of these chunks behind the one that tells its size."""
    width, height = ((side - 1).to_bytes(3, "little") for side in size)
    head = webp_chunk(b"VP8X", bytes((flags, 0, 0, 0)) + width + height)
    body = b"WEBP" + head + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_chunk(kind: bytes, content: bytes = b"") -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def box(kind: bytes, content: bytes = b"") -> bytes:
    """Return a box of an AVIF or a HEIC."""
    return struct.pack(">I", 8 + len(content)) + kind + content


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and the content of each box."""
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + size]
        at += size


def index(*parts: bytes, brand: bytes = b"avif") -> bytes:
    """Return a file of this container that has an index of these boxes, and nothing else."""
    first = box(b"pitm", b"\0\0\0\0\0\1")
    return box(b"ftyp", brand + bytes(4) + brand) + box(b"meta", bytes(4) + first + b"".join(parts))
