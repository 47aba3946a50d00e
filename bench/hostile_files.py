"""Small, mostly valid files that take a decoder seconds or minutes, or crash it.

`ATTACKS` lists them; tests, the storm and `bench.hostile` send them.
"""

import io
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec

from PIL import Image


def avif_of_items(count: int) -> bytes:
    """Return a picture after `count` empty items: libavif compares each with all others."""
    items = b"".join(
        _full_box(b"infe", 3, struct.pack(">IH", 100_000 + number, 0) + b"mime\0\0")
        for number in range(count)
    )

    def with_items(kind: bytes, content: bytes) -> bytes:
        if kind == b"meta":
            inner = b"".join(_box(*with_more(*each)) for each in _boxes(content[4:]))
            return content[:4] + inner
        return content

    def with_more(kind: bytes, content: bytes) -> tuple[bytes, bytes]:
        if kind != b"iinf":
            return kind, content
        [known] = struct.unpack(">H", content[4:6])  # version 0, as written by Pillow
        return kind, b"\1\0\0\0" + struct.pack(">I", known + count) + content[6:] + items

    plain = _encoded(Image.new("RGB", (64, 64), (9, 9, 9)), "AVIF")
    return b"".join(_box(kind, with_items(kind, content)) for kind, content in _boxes(plain))


def webp_of_frames(count: int, side: int = 7000) -> bytes:
    """Return an animation of `count` frames of one pixel on a canvas of `side` x `side` pixels."""
    pixel = _encoded(Image.new("RGB", (1, 1)), "WEBP")[12:]
    canvas = b"\2\0\0\0" + (side - 1).to_bytes(3, "little") * 2
    frame = b"ANMF" + struct.pack("<I", 16 + len(pixel)) + bytes(12) + b"\x64\0\0\0" + pixel
    chunks = b"VP8X" + struct.pack("<I", 10) + canvas + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    body = b"WEBP" + chunks + frame * count
    return b"RIFF" + struct.pack("<I", len(body)) + body


def gif_of_frames(count: int) -> bytes:
    """Return an animation of `count` frames of one pixel on a screen of 2,000 x 2,000 pixels."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 2000, 2000, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return screen + frame * count + b";"


def png_of_chunks(count: int) -> bytes:
    """Return a picture after `count` unknown chunks."""
    plain = _encoded(Image.new("RGB", (64, 64)), "PNG")
    return plain[:33] + _chunk(b"abCd") * count + plain[33:]


def png_of_frames(count: int) -> bytes:
    """Return an animation of `count` frames of one pixel on 2,000 x 2,000 pixels."""
    plain = _encoded(Image.new("RGB", (2000, 2000)), "PNG")
    pixel = zlib.compress(b"\0\0\0\0")
    frames = b"".join(
        _chunk(b"fcTL", struct.pack(">IIIIIHHBB", 2 * n + 1, 1, 1, 0, 0, 1, 10, 0, 0))
        + _chunk(b"fdAT", struct.pack(">I", 2 * n + 2) + pixel)
        for n in range(count)
    )
    first = _chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 2000, 2000, 0, 0, 1, 10, 0, 0))
    head, tail = plain[:33], plain[33:-12]
    control = _chunk(b"acTL", struct.pack(">II", count + 1, 0))
    return head + control + first + tail + frames + _chunk(b"IEND")


def jpeg_of_segments(count: int) -> bytes:
    """Return a picture after `count` empty segments."""
    plain = _encoded(Image.new("RGB", (64, 64)), "JPEG")
    return plain[:2] + b"\xff\xe5\0\2" * count + plain[2:]


def jpeg_of_scans(count: int) -> bytes:
    """Return a progressive picture of 24 megapixels whose last scan is repeated `count` times."""
    plain = _encoded(Image.new("RGB", (6000, 4000)), "JPEG", progressive=True)
    last = plain.rindex(b"\xff\xda")
    return plain[:-2] + plain[last:-2] * count + plain[-2:]


def tiff_of_tags(count: int) -> bytes:
    """Return a directory of `count` tags that declare 99 MB each, without the data."""
    tags = b"".join(struct.pack("<HHII", 1000 + n, 7, 99_000_000, 8) for n in range(count))
    return b"II*\0" + struct.pack("<IH", 8, count) + tags + bytes(4)


def ico_of_a_bomb() -> bytes:
    """Return an icon of 25 megapixels, which packs to almost nothing."""
    image = _encoded(Image.new("1", (5000, 5000)), "PNG")
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, len(image), 22) + image


def jpeg2000_of_tiles(side: int) -> bytes:
    """Return a picture of `side` x `side` pixels in tiles of 64 x 64, of which only one is there.

    OpenJPEG describes all of them in memory first.
    """
    plain = bytearray(_encoded(Image.new("L", (64, 64)), "JPEG2000", no_jp2=True))
    plain[8:16] = struct.pack(">II", side, side)
    return bytes(plain)


def jxl_of_a_bomb() -> bytes:
    """Return a JPEG XL of 25 megapixels of one colour; empty if its package is not installed."""
    if find_spec("pillow_jxl") is None:
        return b""
    import_module("pillow_jxl")
    return _encoded(Image.new("RGB", (5000, 5000)), "JXL", effort=1)


def psd_of_runs(side: int) -> bytes:
    """Return a PSD of `side` x `side` white pixels in runs of 128."""
    runs, rest = divmod(side, 128)
    row = b"\x81\xff" * runs + (bytes((257 - rest, 255)) if rest else b"")
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, side, side, 8, 3)
    lengths = struct.pack(">H", len(row)) * 3 * side
    return head + bytes(12) + b"\0\1" + lengths + row * 3 * side


def dng_of_previews(count: int) -> bytes:
    """Return a DNG of `count` directories, each with a preview."""
    jpeg = _encoded(Image.new("RGB", (640, 480)), "JPEG")
    first = 8 + count * len(jpeg)
    directories = b""
    for number in range(count):
        start = 8 + number * len(jpeg)
        tags = ((513, 4, 1, start), (514, 4, 1, len(jpeg)), (50706, 1, 4, 1025))
        directories += struct.pack("<H", len(tags))
        directories += b"".join(struct.pack("<HHII", *tag) for tag in tags)
        following = first + len(directories) + 4 if number + 1 < count else 0
        directories += struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", first) + jpeg * count + directories


def endless_svg() -> bytes:
    """Return an SVG that draws noise again and again, in many octaves."""
    noise = '<filter id="f"><feTurbulence baseFrequency="0.9" numOctaves="200"/></filter>'
    drawn = '<rect width="60" height="40" filter="url(#f)"/>' * 200
    size = 'width="60" height="40"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{noise}{drawn}</svg>'.encode()


def endless_pdf() -> bytes:
    """Return a PDF that draws a shading again and again, whose function takes long for a pixel."""
    function = b"{" + b"dup sin exch dup cos exch " * 3_000 + b"pop pop pop 0 0 0}"
    content = b"/S sh " * 2_000
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 60 40]/Contents 4 0 R"
        b"/Resources<</Shading<</S 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</ShadingType 1/ColorSpace/DeviceRGB/Domain[0 1 0 1]/Matrix[60 0 0 40 0 0]"
        b"/Function 6 0 R>>",
        b"<</FunctionType 4/Domain[0 1 0 1]/Range[0 1 0 1 0 1]/Length %d>>stream\n%s\nendstream"
        % (len(function), function),
    )
    body = b"".join(b"%d 0 obj%s endobj\n" % each for each in enumerate(objects, 1))
    return b"%PDF-1.4\n" + body + b"trailer<</Root 1 0 R>>\n"


ATTACKS: Mapping[str, Callable[[], bytes]] = {
    "AVIF of 80,000 items": lambda: avif_of_items(80_000),
    "AVIF of 260,000 items": lambda: avif_of_items(260_000),
    "WebP of 100,000 frames": lambda: webp_of_frames(100_000),
    "WebP of 200,000 frames": lambda: webp_of_frames(200_000),
    "WebP of 300 frames, 49 megapixels": lambda: webp_of_frames(300),
    "GIF of 300,000 frames": lambda: gif_of_frames(300_000),
    "PNG of 300,000 chunks": lambda: png_of_chunks(300_000),
    "PNG of 50,000 frames": lambda: png_of_frames(50_000),
    "JPEG of a million segments": lambda: jpeg_of_segments(1_000_000),
    "JPEG of 100 scans, 24 megapixels": lambda: jpeg_of_scans(90),
    "TIFF of 45,000 tags": lambda: tiff_of_tags(45_000),
    "ICO of 25 megapixels": ico_of_a_bomb,
    "JPEG 2000 of 12,000 tiles": lambda: jpeg2000_of_tiles(7_000),
    "JPEG XL of 25 megapixels": jxl_of_a_bomb,
    "PSD of 49 megapixels in runs": lambda: psd_of_runs(7_000),
    "DNG of 49 previews": lambda: dng_of_previews(49),
    "SVG of noise": endless_svg,
    "PDF of slow shadings": endless_pdf,
}
"""Functions that make the files, by description."""


@cache
def attack(name: str) -> bytes:
    """Return one of `ATTACKS`, which is cached."""
    return ATTACKS[name]()


def _encoded(image: Image.Image, kind: str, **options: int) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def _full_box(kind: bytes, version: int, content: bytes) -> bytes:
    return _box(kind, bytes((version, 0, 0, 0)) + content)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and content of each box (ISO/IEC 14496-12, 4.2)."""
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + size]
        at += size


def _chunk(kind: bytes, content: bytes = b"") -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )
