import gc
import io
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from weakref import ReferenceType, ref

import pytest
from PIL import Image

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.engines import vips
from quickthumb.imaging.engines.pillow import PillowEngine
from quickthumb.imaging.engines.seam import Encoded, Engine
from quickthumb.imaging.geometry import Size
from quickthumb.imaging.opening import open_picture
from quickthumb.imaging.reduce import Reducer, engine_for
from quickthumb.imaging.render import render
from quickthumb.limits import Limits
from quickthumb.problems import Corrupt
from tests.unit.imaging.containers import chunk
from tests.unit.imaging.pictures import LIMITS, encoded, opened, photo, psnr, thumbnail

pytestmark = pytest.mark.slow

needs_vips = pytest.mark.skipif(not vips.is_there(), reason="libvips (pyvips-binary) is not there")

ENGINES = [
    pytest.param("pillow", id="pillow"),
    pytest.param("vips", id="vips", marks=needs_vips),
]
P3 = (Path(__file__).parents[2] / "fixtures" / "profiles" / "display-p3.icc").read_bytes()
LANCZOS = Image.Resampling.LANCZOS


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    pillow = PillowEngine()
    return pillow if request.param == "pillow" else vips.VipsEngine(pillow)


@pytest.fixture
def no_libvips(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run as where libvips is not installed."""
    vips.library.cache_clear()
    monkeypatch.setitem(sys.modules, "pyvips", None)
    yield
    vips.library.cache_clear()


def opened_by(data: bytes) -> Encoded:
    return open_picture(data, LIMITS)


def golden(kind: str) -> tuple[bytes, Image.Image]:
    image = photo(1600, 1200)
    if kind == "GREY":
        return encoded(image.convert("L"), "PNG"), image.convert("L")
    if kind == "ALPHA":
        image.putalpha(image.getchannel("G").resize(image.size))
        return encoded(image, "PNG", compress_level=1), image
    options = {"progressive": True} if kind == "PROGRESSIVE" else {}
    name = "JPEG" if kind == "PROGRESSIVE" else kind
    data = encoded(image, name, quality=90, **options)
    return data, Image.open(io.BytesIO(data)).convert("RGB")


def as_seen(image: Image.Image) -> Image.Image:
    """Return the picture with alpha multiplied in: nobody sees the colour of what is invisible."""
    return image.convert("RGBa") if image.mode == "RGBA" else image


@pytest.mark.parametrize("size", [(160, 120), (400, 300), (1000, 750), (1600, 1200), (1333, 1000)])
@pytest.mark.parametrize("kind", ["JPEG", "PROGRESSIVE", "PNG", "WEBP", "GREY", "ALPHA"])
def test_a_reduced_picture_is_that_of_a_full_decoding(
    engine: Engine, kind: str, size: tuple[int, int]
) -> None:
    data, whole = golden(kind)
    image = engine.decode(opened_by(data), size)
    assert (image.size, image.mode) == (size, whole.mode)
    assert psnr(as_seen(image), as_seen(whole.resize(size, LANCZOS))) >= 46


def half_transparent(bits: int, channels: int, *, bits_above: int = 0) -> bytes:
    """Return a PNG of 16 x 4 pixels: the left half has the transparent colour, the right white."""
    left, white = {1: 0, 2: 1, 4: 5, 8: 85, 16: 0x5580}[bits], 2**bits - 1
    levels = [left] * 8 * channels + [white] * 8 * channels
    row = sum(level << bits * at for at, level in enumerate(reversed(levels)))
    rows = (b"\0" + row.to_bytes(len(levels) * bits // 8, "big")) * 4
    header = struct.pack(">IIBBBBB", 16, 4, bits, 2 if channels == 3 else 0, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"tRNS", struct.pack(">H", left | bits_above) * channels),
            chunk(b"IDAT", zlib.compress(rows)),
            chunk(b"IEND", b""),
        )
    )


@pytest.mark.parametrize("size", [(16, 4), (8, 2)])
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(half_transparent(bits, channels), id=f"{channels} of {bits} bits")
        for bits, channels in ((1, 1), (2, 1), (4, 1), (8, 1), (16, 1), (8, 3), (16, 3))
    ],
)
def test_the_transparent_colour_of_a_png_is_transparent_at_any_depth(
    engine: Engine, data: bytes, size: Size
) -> None:
    image = engine.decode(opened_by(data), size).convert("RGBA")
    assert image.getpixel((0, 1))[3] <= 8
    assert image.getpixel((size[0] - 1, 1)) == (255, 255, 255, 255)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_bits_of_a_transparent_colour_that_no_pixel_has_do_not_count(bits: int) -> None:
    data = half_transparent(bits, 1, bits_above=0x700)
    image = PillowEngine().decode(opened_by(data), (16, 4))
    assert image.getpixel((0, 0))[1] == 0


@pytest.mark.parametrize("size", [(210, 158), (500, 375)])
def test_a_jpeg_whose_sides_the_decoder_does_not_divide_is_reduced_from_rim_to_rim(
    size: Size,
) -> None:
    data = encoded(photo(1999, 1501), "JPEG", quality=90)
    whole = Image.open(io.BytesIO(data)).convert("RGB")
    reduced = Reducer(opened_by(data), [size]).to(size)
    assert psnr(reduced, whole.resize(size, LANCZOS)) >= 46


@pytest.mark.parametrize("size", [(640, 480), (600, 450), (330, 248), (310, 232), (256, 192)])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_small_jpeg_is_reduced_with_good_quality(mode: str, size: Size) -> None:
    data = encoded(photo(640, 480).convert(mode), "JPEG", quality=90)
    whole = Image.open(io.BytesIO(data))
    reduced = PillowEngine().decode(opened_by(data), size)
    assert psnr(reduced, whole.resize(size, LANCZOS)) >= 44


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "CMYK"])
def test_a_picture_is_reduced_further(engine: Engine, mode: str) -> None:
    if mode == "CMYK" and isinstance(engine, vips.VipsEngine):
        pytest.skip("libvips is not given pictures in CMYK")
    image = photo(900, 600).convert(mode)
    assert psnr(engine.shrink(image, (300, 200)), image.resize((300, 200), LANCZOS)) >= 46


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF"])
def test_invalid_bytes_are_corrupt(engine: Engine, kind: str) -> None:
    if isinstance(engine, vips.VipsEngine) and kind in ("GIF", "TIFF"):
        pytest.skip("libvips is not given this kind")
    data = encoded(photo(300, 200), kind)
    middle = len(data) // 8
    with pytest.raises(Corrupt):
        engine.decode(opened_by(data[:middle]), (30, 20))


@needs_vips
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_colours_are_converted_alike_without_libvips(
    kind: str, request: pytest.FixtureRequest
) -> None:
    data = encoded(photo(1600, 1200), kind, icc_profile=P3)
    if kind == "PNG":
        data = data[:33] + chunk(b"cICP", bytes((9, 16, 0, 1))) + data[33:]
    assert isinstance(engine_for(opened_by(data), (1000, 750)), vips.VipsEngine)
    by_vips = opened(thumbnail(data, 1000, format="png"))
    request.getfixturevalue("no_libvips")
    by_pillow = opened(thumbnail(data, 1000, format="png"))
    assert psnr(by_vips, by_pillow) > 40


def test_every_thumbnail_is_made_without_libvips(no_libvips: None) -> None:
    assert not vips.is_there()
    for kind in ("JPEG", "PNG", "WEBP"):
        data = encoded(photo(1600, 1200), kind)
        assert isinstance(engine_for(opened_by(data), (1000, 750)), PillowEngine)
        assert opened(thumbnail(data, 1000)).size == (1000, 750)


@needs_vips
@pytest.mark.parametrize(
    ("kind", "size", "chosen"),
    [
        ("JPEG", (160, 120), PillowEngine),
        ("JPEG", (1000, 750), vips.VipsEngine),
        ("PNG", (160, 120), vips.VipsEngine),
        ("WEBP", (160, 120), vips.VipsEngine),
        ("GIF", (160, 120), PillowEngine),
        ("TIFF", (160, 120), PillowEngine),
    ],
)
def test_the_faster_engine_is_chosen(
    kind: str, size: tuple[int, int], chosen: type[Engine]
) -> None:
    picture = opened_by(encoded(photo(1600, 1200), kind))
    assert isinstance(engine_for(picture, size), chosen)


@pytest.mark.parametrize("sizes", [(1000, 500, 250, 120), (300, 290, 280), (64,)])
def test_sizes_made_from_one_another_are_as_good_as_each_alone(sizes: tuple[int, ...]) -> None:
    data, whole = golden("JPEG")
    renditions = [Rendition(str(size), size, size, format="png") for size in sizes]
    for picture in render(data, renditions, LIMITS).thumbnails:
        expected = whole.resize((picture.width, picture.height), LANCZOS)
        assert psnr(opened(picture), expected) >= 44


class Counting(PillowEngine):
    """An engine that tells how often it decoded, and what it was given to reduce further."""

    def __init__(self) -> None:
        self.decoded: list[Size] = []
        self.shrunk: list[tuple[Size, Size]] = []

    def decode(self, encoded: Encoded, size: Size) -> Image.Image:
        self.decoded.append(size)
        return super().decode(encoded, size)

    def shrink(self, image: Image.Image, size: Size) -> Image.Image:
        if image.size != (1600, 1200):
            self.shrunk.append((image.size, size))
        return super().shrink(image, size)


@pytest.mark.parametrize(
    ("widths", "decoded", "shrunk"),
    [
        ((1000, 500, 250), [1000], [(1000, 500), (500, 250)]),
        ((1000, 500, 480), [1000], [(1000, 500), (1000, 480)]),
        ((1000, 500, 480, 200), [1000], [(1000, 500), (1000, 480), (480, 200)]),
        ((1000, 990, 980, 500), [990, 980, 1000], [(1000, 500)]),
    ],
)
def test_sizes_are_made_from_one_another_where_that_loses_nothing(
    widths: tuple[int, ...],
    decoded: list[int],
    shrunk: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Counting()
    monkeypatch.setattr("quickthumb.imaging.reduce.engine_for", lambda encoded, size: engine)
    picture = opened_by(encoded(photo(1600, 1200), "BMP"))
    reducer = Reducer(picture, [(width, width * 3 // 4) for width in widths])
    for size in reducer.order:
        assert reducer.to(size).size == size
    assert [size[0] for size in engine.decoded] == decoded
    assert [(source[0], size[0]) for source, size in engine.shrunk] == shrunk


def test_no_more_than_one_picture_is_held_from_one_size_to_the_next() -> None:
    picture = opened_by(encoded(photo(1600, 1200), "PNG"))
    reducer = Reducer(picture, [(width, width * 3 // 4) for width in range(400, 1600, 80)])
    made: list[ReferenceType[Image.Image]] = []
    for size in reducer.order:
        made.append(ref(reducer.to(size)))
        gc.collect()
        assert sum(each() is not None for each in made) <= 1
    assert all(each() is None for each in made)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "I;16"])
@pytest.mark.parametrize("size", [(1500, 1100), (1111, 777), (900, 40), (7, 1300)])
def test_bands_leave_no_seams(mode: str, size: Size, monkeypatch: pytest.MonkeyPatch) -> None:
    image = photo(1600, 1400).convert("L" if mode == "I;16" else mode).convert(mode)
    whole = PillowEngine().shrink(image, size)
    monkeypatch.setattr("quickthumb.imaging.resample.BAND_PIXELS", 90_000)
    banded = PillowEngine().shrink(image, size)
    assert (banded.size, banded.mode) == (whole.size, whole.mode)
    # Pillow takes columns or rows first, as it sees fit, and rounds in between.
    assert psnr(as_seen(banded), as_seen(whole)) > 48


def test_thumbnails_are_in_the_order_of_the_request_and_the_same_each_time() -> None:
    data = encoded(photo(1600, 1200), "JPEG")
    renditions = [Rendition.square(size) for size in (100, 1000, 300)]
    one, other = (render(data, renditions, LIMITS) for _ in range(2))
    assert [picture.name for picture in one.thumbnails] == ["100", "1000", "300"]
    assert one == other


def test_global_settings_of_pillow_are_unchanged() -> None:
    from PIL import ImageFile

    before = (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS)
    data = encoded(photo(300, 200), "JPEG")
    render(data[: int(len(data) * 0.9)], [Rendition.square(64)], Limits())
    assert before == (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS)
