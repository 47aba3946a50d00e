"""Our own readers of headers agree with the decoders, and limit their work."""

import io
import random
import struct
import subprocess
import sys
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, TiffImagePlugin
from PIL.TiffImagePlugin import OPEN_INFO

from quickthumb.imaging.formats import EXTRA, FORMATS, read_header, sniff
from quickthumb.imaging.formats.descriptor import MOST_FRAMES, Header
from quickthumb.imaging.source import probe
from quickthumb.limits import Limits
from quickthumb.problems import Corrupt, TooManyPixels, Unprocessable
from tests.unit.imaging.containers import (
    box,
    boxes,
    chunk,
    gif_frame,
    gif_with,
    index,
    jpeg_with,
    png_with,
    webp,
    webp_chunk,
)
from tests.unit.imaging.pictures import KINDS, LIMITS, SAMPLES, encoded, photo, quarters
from tests.unit.imaging.stepping import steps
from tests.unit.imaging.test_fuzz import damaged, seed
from tests.unit.imaging.test_tags import directory
from tests.unit.imaging.test_tags import tiff as tiff_of

FUNCTIONS = Path(__file__).parents[3] / "functions"
SIZE = 8 * 2**20
"""Of a hostile file, bytes; what is counted in it is far above every bound already."""

MOST_STEPS = 600_000
"""Lines of code for a hostile file of that size. The cheapest are those of a GIF's blocks."""


def header_of(data: bytes) -> Header:
    return read_header(sniff(data, EXTRA), data)


def test_what_takes_uploads_imports_no_decoder(tmp_path: Path) -> None:
    for name in (*KINDS, "APNG"):
        (tmp_path / name).write_bytes(seed(name))
    code = (
        "import sys, quickthumb.upload, quickthumb.api\n"
        "from pathlib import Path\n"
        "from quickthumb.imaging.source import probe\n"
        "from quickthumb.limits import Limits\n"
        "files = list(Path(sys.argv[1]).iterdir())\n"
        "limits = Limits(extra_formats=('svg', 'pdf'))\n"
        "assert {probe(each.read_bytes(), limits).width for each in files} == {48, 64}\n"
        "libraries = {'PIL', 'pillow_heif', '_pillow_heif', 'pillow_jxl', 'pyvips', 'pypdfium2'}\n"
        "print(sorted(libraries & {name.split('.')[0] for name in sys.modules}))\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=FUNCTIONS,
        capture_output=True,
        check=True,
        text=True,
    )
    assert shown.stdout.strip() == "[]"


# What the decoders tell


def told_by_pillow(data: bytes) -> tuple[int, int, int]:
    """Return width and height of the picture upright, and its orientation."""
    with Image.open(io.BytesIO(data)) as image:
        orientation = image.getexif().get(0x0112, 1)
        stored = image.format
        upright = ImageOps.exif_transpose(image)
        # Pillow takes that of a TIFF away once it has turned it.
        return *upright.size, 1 if stored == "GIF" else orientation


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP"]),
    st.sampled_from(["L", "RGB", "1"]),
    st.integers(1, 300),
    st.integers(1, 300),
    st.integers(1, 8),
    st.sampled_from([{}, {"progressive": True}, {"lossless": True}, {"compression": "tiff_lzw"}]),
)
def test_size_and_orientation_are_those_of_the_decoder(
    kind: str, mode: str, width: int, height: int, orientation: int, options: dict[str, object]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    with_exif = {} if kind in ("BMP", "GIF") else {"exif": exif}
    data = encoded(photo(width, height).convert(mode), kind, **options, **with_exif)
    source = probe(data, LIMITS)
    assert (source.width, source.height, source.orientation) == told_by_pillow(data)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 8))
def test_a_heic_is_as_large_as_its_decoder_returns_it(
    width: int, height: int, orientation: int
) -> None:
    heif = pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = heif.from_pillow(photo(width, height))
    file.info["exif"] = exif.tobytes()
    out = io.BytesIO()
    file.save(out)
    decoded = heif.open_heif(out.getvalue())
    source = probe(out.getvalue(), LIMITS)
    assert (source.width, source.height, source.orientation) == (*decoded.size, 1)


@pytest.mark.parametrize("irot", [None, 0, 1, 2, 3])
@pytest.mark.parametrize("imir", [None, 0, 1])
def test_an_avif_is_turned_as_its_decoder_tells(irot: int | None, imir: int | None) -> None:
    exif = Image.Exif()
    exif[0x0112] = 5  # has both properties
    data = encoded(quarters(80, 40), "AVIF", exif=exif)
    associated = data.index(b"\x85\x86")
    for kind, value, place in ((b"irot", irot, associated), (b"imir", imir, associated + 1)):
        if value is None:
            data = data[:place] + b"\0" + data[place + 1 :]
        else:
            data = data.replace(kind + data[data.index(kind) + 4 :][:1], kind + bytes((value,)))
    with Image.open(io.BytesIO(data)) as image:
        told = image.getexif().get(0x0112, 1)
    assert probe(data, LIMITS).orientation == told


def test_every_layout_of_a_tiff_that_is_read_is_accepted() -> None:
    for order, photometric, kinds, fill, bits, extra in OPEN_INFO:
        if order != b"II":
            continue
        directory = TiffImagePlugin.ImageFileDirectory_v2()
        directory[256], directory[257] = 8, 4
        directory[258], directory[262], directory[277] = bits, photometric, len(bits)
        directory[266], directory[339] = fill, kinds
        directory[273], directory[279], directory[320] = (0,), (8,), (0,) * 768
        if extra:
            directory[338] = extra
        out = io.BytesIO()
        directory.save(out)
        data = out.getvalue() + bytes(300)
        with Image.open(io.BytesIO(data)) as image:
            assert image.size == (8, 4)
        header = header_of(data)
        assert (header.width, header.height) == (8, 4)


@pytest.mark.parametrize("frames", [1, 2, 7])
@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_frames_are_counted(kind: str, frames: int) -> None:
    pictures = [photo(60, 40).rotate(angle) for angle in range(frames)]
    data = encoded(pictures[0], kind, save_all=True, append_images=pictures[1:])
    with Image.open(io.BytesIO(data)) as image:
        assert header_of(data).frames == getattr(image, "n_frames", 1) == frames


def test_frames_that_a_png_only_declares_do_not_count() -> None:
    data = png_with(chunk(b"acTL", struct.pack(">II", 2**31, 0)))
    assert header_of(data).frames == 1


# What is bounded

FRAME_OF_GIF = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2\x44\1\0"
SCREEN_OF_GIF = b"GIF89a" + struct.pack("<HHBBB", 16, 16, 0, 0, 0)
IMAGE_OF_GIF = b"\x2c" + struct.pack("<HHHHB", 0, 0, 16, 16, 0) + b"\x08"
ANIMATION_OF_PNG = chunk(b"acTL", struct.pack(">II", 10**6, 0))
PLACED = b"\0\0\0\0\x44\0"
"""The beginning of a box that tells where items lie."""


def many(piece: bytes) -> bytes:
    return piece * (SIZE // len(piece))


def png_behind(piece: bytes, *before: bytes) -> bytes:
    return png_with(*before)[:-12] + many(piece)


def progressive(piece: bytes) -> bytes:
    data = encoded(photo(64, 48), "JPEG", progressive=True)
    return data[: data.index(b"\xff\xda") + 14] + many(piece)


def nested(depth: int) -> bytes:
    data = b""
    for _ in range(depth):
        data = box(b"meta", bytes(4) + data)
    return box(b"ftyp", b"avif\0\0\0\0avif") + data


REFUSED = {
    "chunks of a PNG": lambda: png_with(many(chunk(b"abCd"))),
    "palettes of a PNG": lambda: png_with(many(chunk(b"PLTE", b"abc"))),
    "profiles of a PNG": lambda: png_with(many(chunk(b"iCCP", b"n\0\0" + zlib.compress(b"")))),
    "segments of a JPEG": lambda: jpeg_with(many(b"\xff\xe5\0\2")),
    "segments without a length": lambda: jpeg_with(many(b"\xff\xe5\0\0")),
    "comments of a JPEG": lambda: jpeg_with(many(b"\xff\xfe\0\2")),
    "filling of a JPEG": lambda: jpeg_with(many(b"\xff")),
    "rubbish in a JPEG": lambda: jpeg_with(many(b"\xff\0")),
    "zeros in a JPEG": lambda: jpeg_with(b"\xff\xe5\0\2" + many(b"\0")),
    "restarts of a JPEG": lambda: jpeg_with(many(b"\xff\xd0")),
    "sizes of a JPEG": lambda: jpeg_with(many(b"\xff\xc0\0\x0b\x08\0\x10\0\x10\1\1\x11\0")),
    "blocks of a GIF's comment": lambda: gif_with(extensions=b"\x21\xfe" + many(b"\1a") + b"\0"),
    "extensions of a GIF": lambda: gif_with(extensions=many(b"\x21\xf9\4\0\0\0\0\0")),
    "empty extensions of a GIF": lambda: gif_with(extensions=many(b"\x21\xfe\0")),
    "blocks of a GIF": lambda: SCREEN_OF_GIF + IMAGE_OF_GIF + many(b"\1a"),
    "zeros in a GIF": lambda: SCREEN_OF_GIF + many(b"\0"),
    "chunks of a WebP": lambda: webp(many(webp_chunk(b"abcd"))),
    "boxes": lambda: index() + many(box(b"free")),
    "boxes of the index": lambda: index(many(box(b"free"))),
    "indexes": lambda: index() + many(box(b"meta", bytes(4))),
    "boxes that tell their length twice": lambda: (
        index() + many(b"\0\0\0\1free" + struct.pack(">Q", 16))
    ),
    "brands": lambda: box(b"ftyp", many(b"avif")),
    "places of items": lambda: index(box(b"iloc", PLACED + b"\xff\xff" + bytes(SIZE))),
    "four billion places": lambda: index(
        box(b"iloc", b"\2\0\0\0\x44\0\xff\xff\xff\xff" + bytes(SIZE))
    ),
    "parts of items": lambda: index(
        box(b"iloc", b"\0\0\0\0\0\0\7\xd0" + struct.pack(">HHH", 1, 0, 65_535) * 2000)
    ),
    "items": lambda: index(
        box(b"iinf", b"\0\0\0\0\0\0" + many(box(b"infe", b"\2\0\0\0\0\1\0\0mime\0\0")))
    ),
    "items that are declared": lambda: index(box(b"iinf", b"\1\0\0\0\0\1\0\0")),
    "properties": lambda: index(box(b"iprp", box(b"ipco", many(box(b"free"))))),
    "properties of items": lambda: index(
        box(b"iprp", box(b"ipma", b"\0\0\0\0\xff\xff\xff\xff" + bytes(SIZE)))
    ),
    "properties that are copied": lambda: index(
        box(
            b"iprp",
            box(b"ipco", box(b"abcd", bytes(100_000)))
            + box(b"ipma", b"\0\0\0\0\0\0\0\1" + b"\0\1\xff" + b"\1" * 255),
        )
    ),
    "references": lambda: index(box(b"iref", bytes(4) + many(box(b"dimg", b"\0\1\0\0")))),
    "references of one item": lambda: index(box(b"iref", bytes(4) + box(b"dimg", b"\0\1\xff\xff"))),
    "tags of a TIFF": lambda: (
        b"II*\0" + struct.pack("<IH", 8, 65_535) + struct.pack("<HHII", 9, 7, 9, 8) * 65_535
    ),
    "tags of a BigTIFF": lambda: b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**60) + bytes(SIZE),
}

READ = {
    "chunks behind the pixels of a PNG": lambda: png_behind(chunk(b"abCd")),
    "pixels of a PNG byte by byte": lambda: png_with(many(chunk(b"IDAT", b"x"))),
    "frames of a PNG": lambda: png_behind(chunk(b"fcTL", bytes(26)), ANIMATION_OF_PNG),
    "texts of a PNG": lambda: png_with(chunk(b"tEXt", b"xmp\0" + bytes(800)) * 9_000),
    "an EXIF of a PNG in hexadecimal": lambda: png_with(
        chunk(b"tEXt", b"Raw profile type exif\0\n\n\n" + b"\n4" * 490_000)
    ),
    "frames of a GIF": lambda: SCREEN_OF_GIF + many(FRAME_OF_GIF),
    "pixels of a GIF": lambda: SCREEN_OF_GIF + IMAGE_OF_GIF + many(b"\xff" + b"a" * 255),
    "zeros behind a GIF": lambda: gif_with().removesuffix(b";") + many(b"\0"),
    "blocks of a frame of a GIF": lambda: (
        gif_with().removesuffix(b";") + IMAGE_OF_GIF + many(b"\1a")
    ),
    "frames of a WebP": lambda: webp(many(webp_chunk(b"ANMF")), flags=2),
    "bytes like markers": lambda: progressive(b"\xff"),
    "bytes like scans": lambda: progressive(b"\xda"),
    "any bytes": lambda: progressive(random.Random(1).randbytes(70_000))[:-9] + b"\xff\xd9",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_header_with_too_many_parts_is_refused(name: str) -> None:
    data = REFUSED[name]()

    def refused() -> None:
        with pytest.raises(Corrupt, match=r"more than|the limit is|too many") as refusal:
            probe(data, LIMITS)
        assert str(refusal.value).endswith(".")

    assert steps(refused) < MOST_STEPS


@pytest.mark.parametrize("name", READ)
def test_a_picture_with_too_many_later_parts_is_read(name: str) -> None:
    data = READ[name]()

    def read() -> None:
        with suppress(TooManyPixels):
            assert probe(data, LIMITS).width in (16, 64)

    assert steps(read) < MOST_STEPS


@pytest.mark.parametrize(
    "name",
    [
        "frames of a PNG",
        "frames of a GIF",
        "zeros behind a GIF",
        "blocks of a frame of a GIF",
        "frames of a WebP",
    ],
)
def test_frames_without_number_are_more_than_any_limit(name: str) -> None:
    assert header_of(READ[name]()).frames == MOST_FRAMES


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(nested(20_000), id="boxes in boxes"),
        pytest.param(index() + b"\0\0\0\0free" + many(b"\0\0\0\0free"), id="boxes to the end"),
        pytest.param(
            index() + many(b"\0\0\0\1free" + struct.pack(">Q", 0)), id="boxes of no length"
        ),
        pytest.param(index(box(b"iloc", PLACED + b"\0\1\0\1")), id="an index that ends early"),
        pytest.param(index() + box(b"free"), id="an index without properties"),
        pytest.param(box(b"ftyp", b"avif\0\0\0\0avif"), id="no index"),
        pytest.param(index(box(b"idat"), box(b"idat")), id="a part that is there twice"),
        pytest.param(directory(big=True), id="a TIFF without tags"),
        pytest.param(b"RIFF\xff\xff\xff\xffWEBPVP8X", id="a WebP of four gigabytes"),
        pytest.param(webp(size=(64, 48))[:25], id="a WebP that ends in its first chunk"),
        pytest.param(b"\xff\xd8\xff\x02\0\2", id="a marker that there is not"),
        pytest.param(b"BM" + bytes(60), id="a BMP without a header"),
    ],
)
def test_an_absurd_header_is_refused_at_once(data: bytes) -> None:
    def refused() -> None:
        with pytest.raises(Corrupt):
            probe(data, LIMITS)

    assert steps(refused) < 20_000


def test_a_directory_of_a_tiff_that_leads_back_to_itself_is_read_once() -> None:
    data = bytearray(tiff_of())
    after_entries = 8 + 2 + 12 * 9
    data[after_entries : after_entries + 4] = struct.pack("<I", 8)
    assert header_of(bytes(data)).width == 4


def test_items_must_not_repeat_the_same_bytes() -> None:
    """A decoder copies together the parts of each item: here some gigabytes."""
    data = encoded(photo(64, 48), "AVIF")
    rebuilt = b""
    for kind, content in boxes(data):
        if kind == b"meta":
            parts = [box(each, inner) for each, inner in boxes(content[4:]) if each != b"iloc"]
            whole = struct.pack(">II", 0, len(data)) * 2
            places = b"".join(struct.pack(">HHH", each, 0, 2) + whole for each in range(2, 1000))
            first = struct.pack(">HHH", 1, 0, 1) + whole[:8]
            parts.append(box(b"iloc", PLACED + struct.pack(">H", 999) + first + places))
            content = content[:4] + b"".join(parts)
        rebuilt += box(kind, content)
    with pytest.raises(Corrupt, match="overlap"):
        probe(rebuilt, LIMITS)


def test_a_heic_that_is_cropped_is_held_against_the_limits_as_it_is_decoded() -> None:
    data = seed("HEIF")
    for claimed in (100_000, 20_000):
        size = data.index(b"ispe") + 8
        lying = data[:size] + struct.pack(">II", claimed, claimed) + data[size + 8 :]
        aperture = box(b"clap", struct.pack(">8i", 10, 1, 10, 1, 0, 1, 0, 1))
        cropped = lying.replace(box(b"pixi", b"\0\0\0\0\3\x08\x08\x08"), aperture)
        assert len(cropped) > len(lying)
        # The boxes around it have grown by as much.
        for kind in (b"meta", b"iprp", b"ipco"):
            at = cropped.index(kind) - 4
            [length] = struct.unpack_from(">I", cropped, at)
            longer = struct.pack(">I", length + len(cropped) - len(lying))
            cropped = cropped[:at] + longer + cropped[at + 4 :]
        with pytest.raises(TooManyPixels, match=f"{claimed} x {claimed}"):
            probe(cropped, LIMITS)


@cache
def seeds() -> list[bytes]:
    moving = [photo(48, 32).rotate(angle) for angle in range(3)]
    several = {"save_all": True, "append_images": moving}
    return [
        *(seed(name) for name in (*KINDS, "APNG")),
        *(encoded(moving[0], kind, **several) for kind in ("GIF", "WEBP", "AVIF")),
        gif_with(frames=gif_frame(9, 9) * 3),
    ]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(damaged(), st.binary(max_size=500)))
def test_any_bytes_are_a_header_or_refused_in_few_steps(data: bytes) -> None:
    def read() -> None:
        with suppress(Unprocessable):
            assert isinstance(header_of(data), Header)

    assert steps(read) < 5_000 + 10 * len(data)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_file_in_which_numbers_are_wrong_is_a_header_or_refused_in_few_steps(
    drawn: st.DataObject,
) -> None:
    data = bytearray(drawn.draw(st.sampled_from(seeds())))
    for _ in range(drawn.draw(st.integers(1, 4))):
        size = drawn.draw(st.sampled_from((1, 2, 4, 8)))
        at = drawn.draw(st.integers(0, min(len(data), 500) - size))
        number = drawn.draw(st.sampled_from((0, 1, 2, 0x7F, 0x80, 0xFF, 2**15, 2**31, 2**63)))
        order = drawn.draw(st.sampled_from(("big", "little")))
        data[at : at + size] = (number % (1 << 8 * size)).to_bytes(size, order)

    def read() -> None:
        with suppress(Unprocessable):
            assert isinstance(header_of(bytes(data)), Header)

    assert steps(read) < 5_000 + 10 * len(data)


@pytest.mark.parametrize("each", FORMATS, ids=lambda each: each.name)
def test_a_format_is_told_from_its_first_bytes_alone(each: object) -> None:
    samples = {sniff(data, EXTRA).name: data for data in seeds()}
    name = each.name  # type: ignore[attr-defined]
    assert sniff(samples[name][:2048], EXTRA) is each


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.*g")), ids=lambda path: path.name)
def test_the_samples_are_read_in_few_steps(path: Path) -> None:
    data = path.read_bytes()
    assert steps(lambda: probe(data, Limits())) < 2_000
