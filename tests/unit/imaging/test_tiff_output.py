"""Thumbnails that are TIFFs."""

import pytest
from PIL import Image

from quickthumb.problems import CannotFit
from tests.unit.imaging.pictures import colour, encoded, opened, photo, thumbnail
from tests.unit.imaging.test_colour import ADOBE


def test_the_pixels_are_compressed() -> None:
    picture = thumbnail(encoded(photo(400, 300), "PNG"), 400, format="tiff")
    assert opened(picture).info["compression"] == "tiff_adobe_deflate"
    assert len(picture.data) < 400 * 300 * 3 * 0.7


def test_colours_are_srgb_and_no_profile_is_left() -> None:
    data = encoded(Image.new("RGB", (60, 40), (200, 100, 50)), "PNG", icc_profile=ADOBE)
    as_png, as_tiff = (opened(thumbnail(data, 30, format=name)) for name in ("png", "tiff"))
    assert colour(as_tiff, 0.5, 0.5) == colour(as_png, 0.5, 0.5) != (200, 100, 50)
    assert "icc_profile" not in as_tiff.info


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_each_kind_of_pixels_is_kept(mode: str) -> None:
    image = photo(90, 60).convert(mode)
    if "A" in mode:
        image.putalpha(image.getchannel(0))
    made = opened(thumbnail(encoded(image, "PNG"), 90, format="tiff"))
    assert (made.mode, made.tobytes()) == (mode, image.tobytes())


def test_quality_changes_nothing_but_max_bytes_is_kept_to() -> None:
    data = encoded(photo(90, 60), "PNG")
    one, other = (thumbnail(data, 90, format="tiff", quality=q) for q in (10, 100))
    assert one == other
    with pytest.raises(CannotFit):
        thumbnail(data, 90, format="tiff", max_bytes=1000)


def test_a_thumbnail_can_be_uploaded_again() -> None:
    first = thumbnail(encoded(photo(90, 60), "PNG"), 90, format="tiff")
    again = thumbnail(first.data, 90, format="tiff")
    assert again.data == first.data
