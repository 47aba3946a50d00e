"""Pictures of every format, orientation, frame rule and depth, to be compared with a browser."""

import itertools
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import pyvips
from PIL import Image

from tests.unit.imaging import moving
from tests.unit.imaging.camera import CAMERAS
from tests.unit.imaging.containers import chunk
from tests.unit.imaging.drawings import pdf, svg
from tests.unit.imaging.icons import bitmap, icon
from tests.unit.imaging.photoshop import psd
from tests.unit.imaging.pictures import encoded, photo, quarters
from tests.unit.imaging.test_bmp import (
    ABGR2101010,
    ARGB1555,
    ARGB4444,
    ARGB8888,
    MASKED_WITH_ALPHA,
    NONE,
    PLAIN,
    RGBA8888,
    bmp,
)
from tests.unit.imaging.test_jxl import turned
from tests.unit.imaging.test_orientation import STORED, stored
from tests.unit.imaging.test_sequences import sequence, without_still
from tests.unit.imaging.test_tags import avif as avif_with
from tests.unit.imaging.test_tags import directory

WIDTH, HEIGHT = SIZE = (45, 30)
TURNED = (48, 32)
"""Blocks of JPEG end where the colours of `quarters` do."""

SHAPES = ((1, 1), (1, 9), (9, 1), (300, 2), (17, 33))


class Sample(NamedTuple):
    """A picture to compare.

    Attributes:
        name: says what is special about it.
        data: the file.
        twin: for a format that Chromium does not read, the same picture in one that it reads.
    """

    name: str
    data: bytes
    twin: bytes | None = None


def colourful(mode: str = "RGB") -> Image.Image:
    """Return a photograph with, if the mode has it, transparency from left to right."""
    image = photo(512, 512).crop((60, 40, 360, 240)).resize(SIZE)
    if mode in ("LA", "RGBA"):
        image = image.convert(mode[:-1])
        image.putalpha(Image.linear_gradient("L").rotate(90).resize(SIZE))
        return image
    return image.convert(mode)


def orientations() -> Iterator[Sample]:
    for number in STORED:
        for kind in ("JPEG", "PNG", "WEBP", "AVIF"):
            yield Sample(f"{kind} turned by EXIF {number}", stored(number, kind, TURNED))
        upright = stored(1, "PNG", TURNED)
        yield Sample(f"TIFF turned by EXIF {number}", stored(number, "TIFF", TURNED), upright)
        method = STORED[number]
        image = quarters(*TURNED)
        lies = image if method is None else image.transpose(method)
        jxl = encoded(lies, "JXL", use_container=False, quality=95)
        yield Sample(f"JPEG XL turned by its header {number}", turned(jxl, number), upright)
        with_exif = encoded(lies, "JXL", lossless=True, exif=directory((0x0112, 3, 1, number)))
        yield Sample(f"JPEG XL with EXIF {number} alone", with_exif, png(lies))
        preview = encoded(image, "JPEG", quality=95)
        for name, make in CAMERAS.items():
            yield Sample(f"{name} turned by its tag {number}", make(lies, number), preview)
        yield Sample(f"PNG turned by EXIF {number} behind its pixels", turned_behind(number))
        yield Sample(f"AVIF with EXIF {number} alone", not_turned(number))
    for irot, imir in itertools.product((None, 0, 1, 2, 3), (None, 0, 1)):
        yield Sample(f"AVIF with irot {irot} and imir {imir}", with_turns(irot, imir))


def turned_behind(orientation: int) -> bytes:
    data = stored(orientation, "PNG", TURNED)
    start = data.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    return data[:start] + data[end:-12] + data[start:end] + data[-12:]


def not_turned(orientation: int) -> bytes:
    """Return an AVIF whose EXIF says what its container does not."""
    return avif_with(directory((0x0112, 3, 1, orientation)))


def with_turns(irot: int | None, imir: int | None) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 5  # has both properties
    data = bytearray(encoded(quarters(*TURNED), "AVIF", exif=exif))
    associated = data.index(b"\x85\x86")
    for kind, value, place in ((b"irot", irot, associated), (b"imir", imir, associated + 1)):
        if value is None:
            data[place] = 0
        else:
            data[data.index(kind) + 4] = value
    return bytes(data)


def frames() -> Iterator[Sample]:
    for case in moving.CASES:
        yield Sample(f"animation: {case.name}", case.data)
    for alpha in (False, True):
        data = sequence(alpha=alpha)
        yield Sample(f"AVIF sequence, alpha {alpha}", data)
        yield Sample(f"AVIF sequence alone, alpha {alpha}", without_still(data))
    frame = {"save_all": True, "append_images": [colourful().rotate(180)], "duration": 100}
    for kind in ("GIF", "PNG", "WEBP", "AVIF"):
        yield Sample(f"animated {kind}", encoded(colourful(), kind, **frame))


def shapes() -> Iterator[Sample]:
    for size in SHAPES:
        image = colourful().resize(size)
        for kind in ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP"):
            yield Sample(f"{kind} of {size}", encoded(image, kind))
        for kind in ("TIFF", "JPEG2000", "JXL"):
            options = {"lossless": True} if kind == "JXL" else {}
            yield Sample(f"{kind} of {size}", encoded(image, kind, **options), png(image))
        yield Sample(f"PSD of {size}", psd(image), png(image))


def png(image: Image.Image) -> bytes:
    return encoded(image, "PNG")


_PNG_KINDS = {"L": 0, "RGB": 2, "P": 3, "LA": 4, "RGBA": 6}
_PNG_DEPTHS = {"L": (1, 2, 4, 8, 16), "P": (1, 2, 4, 8)}


def packed_png(image: Image.Image, bits: int, *chunks: bytes) -> bytes:
    """Return a PNG with so many bits per sample."""
    channels = len(image.getbands())
    levels = image.tobytes()
    rows = b""
    for top in range(image.height):
        row = levels[top * image.width * channels :][: image.width * channels]
        if bits == 16:
            stored = bytes(each for level in row for each in (level, 255 - level))
        elif image.mode == "P" or bits == 8:
            stored = in_bits(row, bits)
        else:
            stored = in_bits(bytes(level >> 8 - bits for level in row), bits)
        rows += b"\0" + stored
    head = struct.pack(">IIBBBBB", *image.size, bits, _PNG_KINDS[image.mode], 0, 0, 0)
    palette = chunk(b"PLTE", bytes(image.getpalette() or b"")) if image.mode == "P" else b""
    body = (chunk(b"IHDR", head), palette, *chunks, chunk(b"IDAT", zlib.compress(rows)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(body) + chunk(b"IEND")


def in_bits(levels: bytes, bits: int) -> bytes:
    text = "".join(format(level, f"0{bits}b") for level in levels)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def pngs() -> Iterator[Sample]:
    for mode in _PNG_KINDS:
        for bits in _PNG_DEPTHS.get(mode, (8, 16)):
            image = colourful("RGB").quantize(1 << bits) if mode == "P" else colourful(mode)
            yield Sample(f"PNG {mode} of {bits} bits", packed_png(image, bits))
            if mode == "L":
                level = image.getpixel((9, 9))
                grey = level * 256 + 255 - level if bits == 16 else level >> max(0, 8 - bits)
                clear = chunk(b"tRNS", struct.pack(">H", grey))
            elif mode == "P":
                clear = chunk(b"tRNS", bytes((0, 128)))
            elif mode == "RGB":
                pixel = image.getpixel((9, 9))
                levels = [each * 256 + 255 - each if bits == 16 else each for each in pixel]
                clear = chunk(b"tRNS", struct.pack(">HHH", *levels))
            else:
                continue
            name = f"PNG {mode} of {bits} bits with a transparent colour"
            yield Sample(name, packed_png(image, bits, clear))
    for mode in ("L", "RGB", "RGBA"):
        for deep in (False, True):
            picture = in_vips(colourful(mode), deep=deep)
            yield Sample(f"PNG {mode}, interlaced, {deep}", picture.pngsave_buffer(interlace=True))


def in_vips(image: Image.Image, *, deep: bool) -> Any:
    """Return a picture for libvips, with 16 bits per sample if it is deep."""
    bands = len(image.getbands())
    picture = pyvips.Image.new_from_memory(image.tobytes(), *image.size, bands, "uchar")
    name = "grey" if bands < 3 else "rgb"
    if not deep:
        return picture.copy(interpretation="b-w" if bands < 3 else "srgb")
    return (picture.cast("ushort") * 257).cast("ushort").copy(interpretation=f"{name}16")


def jpegs() -> Iterator[Sample]:
    for mode in ("L", "RGB", "CMYK"):
        image = colourful(mode)
        for progressive in (False, True):
            for subsampling in (0, 1, 2) if mode == "RGB" else (0,):
                options = {"progressive": progressive, "subsampling": subsampling, "quality": 90}
                name = f"JPEG {mode}, progressive {progressive}, subsampling {subsampling}"
                yield Sample(name, encoded(image, "JPEG", **options))
    yield Sample("JPEG without conversion", encoded(colourful(), "JPEG", keep_rgb=True))
    yield Sample("JPEG with restarts", encoded(colourful(), "JPEG", restart_marker_rows=1))
    yield Sample("JPEG without tables of its own", encoded(colourful(), "JPEG", optimize=False))
    yield Sample("JPEG of low quality", encoded(colourful(), "JPEG", quality=10))


def webps() -> Iterator[Sample]:
    for mode in ("L", "RGB", "RGBA", "P"):
        for lossless in (False, True):
            data = encoded(colourful(mode), "WEBP", lossless=lossless, quality=80)
            yield Sample(f"WebP {mode}, lossless {lossless}", data)
    transparent = colourful("RGBA")
    yield Sample("WebP with lossy alpha", encoded(transparent, "WEBP", alpha_quality=30))
    yield Sample("WebP with exact colours", encoded(transparent, "WEBP", exact=True))


def avifs() -> Iterator[Sample]:
    for mode in ("L", "RGB", "RGBA"):
        for layout in ("4:4:4", "4:2:2", "4:2:0"):
            for range_ in ("full", "limited"):
                options = {"subsampling": layout, "range": range_, "quality": 90}
                name = f"AVIF {mode} {layout} {range_}"
                yield Sample(name, encoded(colourful(mode), "AVIF", **options))
    yield Sample("AVIF 4:0:0", encoded(colourful("L"), "AVIF", subsampling="4:0:0"))
    for mode in ("L", "RGB", "RGBA"):
        for bits in (10, 12):
            for subsampling in ("on", "off"):
                options = {"compression": "av1", "bitdepth": bits, "subsample_mode": subsampling}
                data = in_vips(colourful(mode), deep=True).heifsave_buffer(Q=90, **options)
                yield Sample(f"AVIF {mode} of {bits} bits, subsampling {subsampling}", data)


def gifs() -> Iterator[Sample]:
    for colours in (2, 3, 4, 8, 16, 32, 64, 128, 256):
        image = colourful().quantize(colours)
        yield Sample(f"GIF of {colours} colours", encoded(image, "GIF", interlace=0))
        clear = encoded(image, "GIF", interlace=1, transparency=1)
        yield Sample(f"GIF of {colours} colours, interlaced, one transparent", clear)


def bmps() -> Iterator[Sample]:
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield Sample(f"BMP {mode}", encoded(colourful(mode), "BMP"))
    for bits in (4, 8):
        yield Sample(f"BMP of {bits} bits in runs", in_runs(colourful().quantize(16), bits))
    plain = bytearray(encoded(colourful().transpose(Image.Transpose.FLIP_TOP_BOTTOM), "BMP"))
    plain[22:26] = struct.pack("<i", -HEIGHT)
    yield Sample("BMP from the top", bytes(plain))
    old = encoded(colourful(), "BMP")[54:]
    head = struct.pack("<IHHI", 26 + len(old), 0, 0, 26)
    yield Sample("BMP of OS/2", b"BM" + head + struct.pack("<IHHHH", 12, *SIZE, 1, 24) + old)
    numbers = (0xFFFF0000, 0x8800FF00, 0x000000FF, 0xC00003FF)
    for header in (40, 52, 56, 108, 124):
        for name, masks in {"ARGB": ARGB8888, "RGBA": RGBA8888, "deep": ABGR2101010}.items():
            data = bmp(32, masks, *numbers, header=header)
            yield Sample(f"BMP {name} by masks, header of {header}", data)
        for compression in (PLAIN, MASKED_WITH_ALPHA):
            if header == 52 and compression == MASKED_WITH_ALPHA:
                continue  # a header that ends before that mask
            masks = NONE if header < 108 and compression == PLAIN else ARGB8888
            data = bmp(32, masks, *numbers, header=header, compression=compression)
            yield Sample(f"BMP of 32 bits, header of {header}, {compression}", data)
    narrow = (0xFC00, 0x83E0, 0x001F, 0x8FFF, 0x80F0)
    for name, masks in {
        "1555": ARGB1555,
        "4444": ARGB4444,
        "565": (0xF800, 0x7E0, 0x1F, 0),
    }.items():
        for top_down in (False, True):
            data = bmp(16, masks, *narrow, top_down=top_down)
            yield Sample(f"BMP {name}, from the top {top_down}", data)
    yield Sample("BMP of 16 bits", bmp(16, NONE, *narrow, header=40, compression=PLAIN))


def in_runs(image: Image.Image, bits: int) -> bytes:
    """Return a BMP whose rows are run-length encoded."""
    pixels = b""
    for top in reversed(range(image.height)):
        row = image.crop((0, top, image.width, top + 1)).tobytes()
        for level, alike in itertools.groupby(row):
            stored = level if bits == 8 else level << 4 | level
            pixels += bytes((len(list(alike)), stored))
        pixels += b"\0\0"
    pixels += b"\0\1"
    palette = bytes(image.getpalette() or b"").ljust(3 << bits, b"\0")
    colours = b"".join(bytes((*palette[3 * at : 3 * at + 3][::-1], 0)) for at in range(1 << bits))
    compression = 1 if bits == 8 else 2
    info = struct.pack("<IiiHHIIiiII", 40, *image.size, 1, bits, compression, len(pixels), *[0] * 4)
    start = 14 + len(info) + len(colours)
    head = b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start)
    return head + info + colours + pixels


def icons() -> Iterator[Sample]:
    left = Image.new("1", SIZE)
    left.paste(1, (0, 0, WIDTH // 2, HEIGHT))
    for mode in ("RGBA", "RGB", "P", "L", "1"):
        image = colourful(mode)
        for name, mask in {"": None, " with a mask": left}.items():
            data = icon(bitmap(image, mask), stated=[SIZE])
            yield Sample(f"ICO {mode}{name}", data)
        if mode != "P":
            yield Sample(f"ICO of a PNG {mode}", icon(png(image), stated=[SIZE]))
    hidden = colourful("RGB").convert("RGBA")
    hidden.putalpha(0)
    yield Sample("ICO with nothing but a mask", icon(bitmap(hidden, left), stated=[SIZE]))
    small = colourful().resize((16, 16))
    several = icon(bitmap(small), bitmap(colourful()), stated=[(16, 16), SIZE])
    yield Sample("ICO of several images", several)
    yield Sample("CUR", icon(bitmap(colourful("RGBA")), kind=2, stated=[SIZE]))


def tiffs() -> Iterator[Sample]:
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        image = colourful(mode)
        for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate"):
            data = encoded(image, "TIFF", compression=compression)
            yield Sample(f"TIFF {mode} {compression}", data, png(image))
    grey = colourful("L")
    deep = grey.convert("I").point(lambda level: level * 257).convert("I;16")
    yield Sample("TIFF of 16 bits, grey", encoded(deep, "TIFF"), png(grey))
    for mode in ("RGB", "RGBA"):
        image = colourful(mode)
        data = in_vips(image, deep=True).tiffsave_buffer()
        yield Sample(f"TIFF {mode} of 16 bits", data, png(image))
    image = colourful("CMYK")
    yield Sample("TIFF CMYK", encoded(image, "TIFF"), smooth_jpeg(image))


def smooth_jpeg(image: Image.Image) -> bytes:
    return encoded(image, "JPEG", quality=100, subsampling=0)


def others() -> Iterator[Sample]:
    """Yield formats that Chromium does not read."""
    for mode in ("L", "LA", "RGB", "RGBA"):
        image = colourful(mode)
        yield Sample(f"JPEG 2000 {mode}", encoded(image, "JPEG2000"), png(image))
        lossy = encoded(
            image, "JPEG2000", irreversible=True, quality_mode="dB", quality_layers=[45]
        )
        yield Sample(f"JPEG 2000 {mode}, lossy", lossy, png(image))
        yield Sample(f"JPEG XL {mode}", encoded(image, "JXL", lossless=True), png(image))
        yield Sample(f"JPEG XL {mode}, lossy", encoded(image, "JXL", quality=95), png(image))
    for mode in ("RGB", "RGBA"):
        image = colourful(mode)
        options = {"quality": 95, "chroma": 444}
        yield Sample(f"HEIC {mode}", encoded(image, "HEIF", **options), png(image))
    tiles = encoded(colourful(), "JPEG2000", tile_size=(16, 16))
    yield Sample("JPEG 2000 in tiles", tiles, png(colourful()))
    for mode in ("1", "L", "P", "RGB"):
        image = colourful(mode)
        for bits, packed in ((8, False), (8, True), (16, False), (16, True)):
            if bits == 16 and mode in ("1", "P"):
                continue
            data = psd(image, bits=bits, packed=packed)
            yield Sample(f"PSD {mode} of {bits} bits, packed {packed}", data, png(image))
    image = colourful("CMYK")
    yield Sample("PSD CMYK", psd(image), smooth_jpeg(image))
    yield Sample("PSB", psd(colourful(), big=True), png(colourful()))
    for name, make in CAMERAS.items():
        image = colourful()
        yield Sample(f"{name} of a photograph", make(image), encoded(image, "JPEG", quality=95))


SHAPES_OF_SVG = {
    "rectangle": '<rect x="5" y="5" width="20" height="20" fill="#c33"/>',
    "circle": '<circle cx="30" cy="20" r="15" fill="teal" opacity="0.5"/>',
    "path": '<path d="M5 35 L30 5 L55 35 Z" fill="none" stroke="navy" stroke-width="4"/>',
    "gradient": '<linearGradient id="g"><stop stop-color="red"/><stop offset="1" '
    'stop-color="blue"/></linearGradient><rect width="60" height="40" fill="url(#g)"/>',
    "clip": '<clipPath id="c"><circle cx="30" cy="20" r="18"/></clipPath>'
    '<rect width="60" height="40" fill="green" clip-path="url(#c)"/>',
    "turn": '<g transform="rotate(30 30 20)"><rect x="20" y="10" width="20" height="20"/></g>',
    "use": '<defs><rect id="r" width="9" height="9"/></defs><use href="#r" x="20" y="10"/>',
    "blur": '<filter id="f"><feGaussianBlur stdDeviation="3"/></filter>'
    '<rect x="15" y="10" width="30" height="20" fill="purple" filter="url(#f)"/>',
    "dashes": '<line x1="0" y1="20" x2="60" y2="20" stroke="black" stroke-width="6" '
    'stroke-dasharray="8 4"/>',
}

SIZES_OF_SVG = {
    "in pixels": 'width="60" height="40"',
    "of the view alone": 'viewBox="0 0 60 40" width="60"',
    "in millimetres": 'width="30mm" height="20mm" viewBox="0 0 60 40"',
    "of a view that does not fit": 'width="80" height="80" viewBox="0 0 60 40"',
}


def drawings() -> Iterator[Sample]:
    for name, inner in SHAPES_OF_SVG.items():
        yield Sample(f"SVG: {name}", svg(inner))
    for name, attributes in SIZES_OF_SVG.items():
        yield Sample(f"SVG {name}", svg(SHAPES_OF_SVG["gradient"], attributes))
    white = '<rect width="60" height="40" fill="white"/>'
    boxes = {
        "1 0 0 rg 0 0 30 20 re f": '<rect y="20" width="30" height="20" fill="red"/>',
        "0 0 1 RG 4 w 10 5 m 50 35 l S": '<path d="M10 35L50 5" stroke="blue" stroke-width="4"/>',
        "0.5 g 10 10 20 20 re f": '<rect x="10" y="10" width="20" height="20" fill="#808080"/>',
    }
    for content, twin in boxes.items():
        yield Sample(f"PDF: {content}", pdf(content.encode()), svg(white + twin))


def all_samples() -> list[Sample]:
    """Return all pictures; skips the test if a decoder or an encoder is not installed."""
    for package in ("pillow_heif", "pillow_jxl", "pypdfium2"):
        pytest.importorskip(package)
    groups = (
        *(orientations(), frames(), shapes(), pngs(), jpegs(), webps(), avifs(), gifs(), bmps()),
        *(icons(), tiffs(), others(), drawings()),
    )
    return list(itertools.chain(*groups))
