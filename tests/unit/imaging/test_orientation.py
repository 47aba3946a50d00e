import pytest
from PIL import Image

from quickthumb.documents.rendition import Fit
from quickthumb.imaging.source import probe
from tests.unit.imaging.pictures import LIMITS, colour, encoded, near, opened, quarters, thumbnail

# How the file must be stored so that a viewer, doing as EXIF 2.32 says, shows it upright.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def stored(orientation: int, kind: str = "JPEG", size: tuple[int, int] = (1200, 800)) -> bytes:
    image = quarters(*size)
    method = STORED[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(image if method is None else image.transpose(method), kind, exif=exif)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_thumbnail_is_upright(orientation: int, kind: str) -> None:
    data = stored(orientation, kind)
    image = opened(thumbnail(data, 300, 100))
    assert image.size == (150, 100)
    assert near(colour(image, 0.2, 0.2), (255, 0, 0))
    assert near(colour(image, 0.8, 0.2), (0, 255, 0))
    assert near(colour(image, 0.2, 0.8), (0, 0, 255))
    assert near(colour(image, 0.8, 0.8), (255, 255, 255))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_header_is_read_as_a_viewer_shows_the_picture(orientation: int) -> None:
    source = probe(stored(orientation), LIMITS)
    assert (source.width, source.height, source.orientation) == (1200, 800, orientation)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("fit", "size"), [("contain", (75, 50)), ("cover", (200, 50))])
def test_a_box_that_is_not_square_lies_as_the_picture_does(
    orientation: int, fit: Fit, size: tuple[int, int]
) -> None:
    assert opened(thumbnail(stored(orientation), 200, 50, fit=fit)).size == size


def test_an_invalid_orientation_is_ignored() -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    data = encoded(quarters(80, 40), "JPEG", exif=exif)
    assert probe(data, LIMITS).orientation == 1
    assert opened(thumbnail(data, 40)).size == (40, 20)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_a_png_may_follow_its_pixels(orientation: int) -> None:
    data = stored(orientation, "PNG")
    start = data.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    assert start < data.index(b"IDAT")
    moved = data[:start] + data[end:-12] + data[start:end] + data[-12:]  # IEND has 12 bytes
    assert probe(moved, LIMITS) == probe(data, LIMITS)
    assert thumbnail(moved, 300).data == thumbnail(data, 300).data
