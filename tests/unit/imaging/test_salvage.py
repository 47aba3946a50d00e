import pytest
from PIL import Image

from quickthumb.problems import Corrupt
from tests.unit.imaging.pictures import encoded, opened, photo, psnr, thumbnail


def upper_part(image: Image.Image, share: float) -> Image.Image:
    return image.crop((0, 0, image.width, int(image.height * share)))


@pytest.mark.parametrize("size", [100, 700, 1400])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_a_jpeg_that_lacks_its_end_is_shown(size: int, options: dict[str, object]) -> None:
    data = encoded(photo(1400, 1050), "JPEG", quality=85, **options)
    image = opened(thumbnail(data[: int(len(data) * 0.9)], size, format="png"))
    whole = opened(thumbnail(data, size, format="png"))
    assert psnr(upper_part(image, 0.7), upper_part(whole, 0.7)) > 28


@pytest.mark.parametrize("size", [100, 700])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"restart_marker_rows": 1}, {"subsampling": 0}])
def test_a_jpeg_of_which_little_is_there_is_corrupt(
    size: int, mode: str, options: dict[str, object]
) -> None:
    data = encoded(photo(1400, 1050).convert(mode), "JPEG", quality=85, **options)
    with pytest.raises(Corrupt, match="file is truncated: only"):
        thumbnail(data[: int(len(data) * 0.3)], size)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("size", [100, 600])
def test_a_jpeg_that_lacks_only_its_end_marker_is_shown_whatever_is_below(
    size: int, mode: str, options: dict[str, object]
) -> None:
    letter = Image.new("RGB", (600, 600), "white")
    letter.paste(photo(600, 200))
    for image in (letter, Image.new("RGB", (600, 600), "red")):
        data = encoded(image.convert(mode), "JPEG", **options)
        without = opened(thumbnail(data.removesuffix(b"\xff\xd9"), size))
        assert psnr(without, opened(thumbnail(data, size))) > 40


def test_a_png_that_lacks_only_its_end_is_shown_whatever_is_below() -> None:
    letter = Image.new("RGB", (600, 600), "white")
    letter.paste(photo(600, 200))
    data = encoded(letter, "PNG")
    assert opened(thumbnail(data[:-20], 100)).size == (100, 100)


@pytest.mark.parametrize("tail", [b"\0" * 5000, b"SEFHk\0\0\0" * 30, b"\xff\xd9\xff\xd9"])
def test_what_phones_append_to_a_jpeg_is_ignored(tail: bytes) -> None:
    data = encoded(photo(400, 300), "JPEG")
    assert thumbnail(data + tail, 100).data == thumbnail(data, 100).data


def test_a_jpeg_with_a_few_wrong_bytes_is_shown() -> None:
    data = bytearray(encoded(photo(1400, 1050), "JPEG", restart_marker_rows=1))
    middle = len(data) // 2
    data[middle : middle + 4] = b"\x11\x22\x33\x44"
    assert opened(thumbnail(bytes(data), 700)).size == (700, 525)


def test_a_jpeg_with_rubbish_between_its_segments_is_shown() -> None:
    data = encoded(photo(400, 300), "JPEG")
    tables = data.index(b"\xff\xdb")
    assert opened(thumbnail(data[:tables] + b"\0\0\0" + data[tables:], 100)).size == (100, 75)


@pytest.mark.parametrize("size", [100, 600])
def test_a_png_that_lacks_its_end_is_shown(size: int) -> None:
    data = encoded(photo(900, 700), "PNG")
    image = opened(thumbnail(data[: int(len(data) * 0.8)], size, format="png"))
    whole = opened(thumbnail(data, size, format="png"))
    assert psnr(upper_part(image, 0.6), upper_part(whole, 0.6)) > 40


def test_a_png_of_which_little_is_there_is_corrupt() -> None:
    data = encoded(photo(900, 700), "PNG")
    with pytest.raises(Corrupt):
        thumbnail(data[: len(data) // 4], 100)


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "GIF", "TIFF", "BMP"])
def test_other_formats_that_lack_their_end_are_corrupt(kind: str) -> None:
    data = encoded(photo(400, 300), kind)
    with pytest.raises(Corrupt):
        thumbnail(data[: len(data) // 2], 100)


def test_a_jpeg_without_any_scan_is_corrupt() -> None:
    data = encoded(photo(400, 300), "JPEG")
    with pytest.raises(Corrupt):
        thumbnail(data[: data.index(b"\xff\xda")], 100)
