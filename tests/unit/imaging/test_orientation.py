from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

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


XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>"""


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF"])
def test_xmp_alone_turns_nothing(kind: str) -> None:
    options: dict[str, Any] = {"xmp": XMP}
    if kind == "PNG":
        options = {"pnginfo": PngInfo()}
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())
    elif kind == "TIFF":
        options = {"tiffinfo": {700: XMP}}
    if kind == "HEIF":  # whose encoder would turn the picture
        options = {"xmp": XMP.replace(b'"6"', b'"1"')}
    data = encoded(quarters(120, 80), kind, **options)
    data = data.replace(b'Orientation="1"', b'Orientation="6"')
    assert b'Orientation="6"' in data
    assert (probe(data, LIMITS).width, probe(data, LIMITS).height) == (120, 80)
    image = opened(thumbnail(data, 60))
    assert image.size == (60, 40)
    assert near(colour(image, 0.2, 0.2), (255, 0, 0))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_counts_if_xmp_says_something_else(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    options: dict[str, Any] = {"xmp": XMP}
    if kind == "PNG":
        options = {"pnginfo": PngInfo()}
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())
    data = encoded(quarters(120, 80), kind, exif=exif, **options)
    assert probe(data, LIMITS).orientation == 8
