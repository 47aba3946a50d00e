import io
import zipfile

import pytest
from PIL import Image

from quickthumb.imaging.formats import FORMATS
from quickthumb.imaging.source import probe
from quickthumb.limits import Limits
from quickthumb.problems import Corrupt, NotAPicture, UnsupportedFormat
from tests.unit.imaging.pictures import (
    KINDS,
    LIMITS,
    SAMPLES,
    encoded,
    opened,
    photo,
    psnr,
    rendered,
    thumbnail,
)


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [("MPO", "image/jpeg"), *((each.name.upper(), each.content_type) for each in FORMATS)],
)
def test_each_accepted_format_becomes_a_thumbnail(kind: str, content_type: str) -> None:
    data = encoded(photo(600, 400), kind)
    source = probe(data, LIMITS)
    assert (source.content_type, source.width, source.height) == (content_type, 600, 400)
    image = opened(thumbnail(data, 150, format="png")).convert("RGB")
    least = {"GIF": 25, "HEIF": 30}.get(kind, 35)
    assert psnr(image, photo(600, 400).resize((150, 100), Image.Resampling.LANCZOS)) > least


@pytest.mark.parametrize("name", [path.name for path in SAMPLES.glob("*.*g")])
def test_the_samples_become_thumbnails(name: str) -> None:
    [picture] = rendered((SAMPLES / name).read_bytes(), 128).thumbnails
    assert max(opened(picture).size) == 128


def test_the_first_page_of_a_tiff_is_shown() -> None:
    data = encoded(
        photo(200, 100), "TIFF", save_all=True, append_images=[Image.new("RGB", (50, 50))]
    )
    assert opened(thumbnail(data, 100)).size == (100, 50)


def zip_file() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.txt"), "a")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"MM\0+\0\x08\0\0" + bytes(7) + b"\x10", "Big-endian BigTIFF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
        (b"P6 1 1 255\n\0\0\0", "Netpbm"),
        (b"8BPB\0\1" + b"\0" * 40, "PSB"),
        (b"FUJIFILMCCD-RAW ", "RAF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "Video"),
        (zip_file(), "ZIP"),
    ],
)
def test_a_format_that_is_not_accepted_is_refused_by_name(data: bytes, name: str) -> None:
    with pytest.raises(UnsupportedFormat, match=name) as refusal:
        probe(data, LIMITS)
    assert refusal.value.code == "unsupported-format"
    assert isinstance(refusal.value, NotAPicture)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"\n <svg width='1'/>", "SVG"),
        (b"%PDF-1.7\n", "PDF"),
    ],
)
def test_a_format_is_refused_by_name_where_no_setting_accepts_it(data: bytes, name: str) -> None:
    assert probe(data, LIMITS).width > 0
    with pytest.raises(UnsupportedFormat, match=f"{name} files are not accepted by this service"):
        probe(data, Limits())


@pytest.mark.parametrize(
    "data", [b"hello, world", b"\0" * 100, b"x", b"<html><body></body></html>"]
)
def test_anything_else_is_not_a_picture(data: bytes) -> None:
    with pytest.raises(NotAPicture, match="expected JPEG") as refusal:
        probe(data, LIMITS)
    assert refusal.value.code == "not-a-picture"


def test_a_jpeg_with_12_bits_is_refused_with_the_reason() -> None:
    data = bytearray(encoded(photo(64, 64), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 4] = 12
    with pytest.raises(UnsupportedFormat, match="12 bits"):
        probe(bytes(data), LIMITS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_without_a_picture_is_corrupt(kind: str) -> None:
    data = encoded(photo(64, 64), kind)[:20]
    with pytest.raises(Corrupt, match="picture"):
        rendered(data, 32)
