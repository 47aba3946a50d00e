import pytest
from PIL import Image, ImageDraw

from tests.unit.imaging.pictures import colour, encoded, near, opened, photo, psnr, thumbnail


def disc(size: int = 400) -> Image.Image:
    """Return a white disc on transparent black, as drawing programs write it."""
    image = Image.new("RGBA", (size, size), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((40, 40, size - 40, size - 40), fill=(255, 255, 255, 255))
    return image


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("size", [50, 150, 399])
def test_edges_have_no_dark_halo(kind: str, size: int) -> None:
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    image = opened(thumbnail(encoded(disc(), kind, **options), size, format="png"))
    seen = [pixel for pixel in image.convert("RGBA").get_flattened_data() if pixel[3] > 8]
    assert min(min(pixel[:3]) for pixel in seen) > 240
    assert any(8 < pixel[3] < 247 for pixel in seen)  # the edge is soft


def test_auto_is_jpeg_for_an_opaque_picture_even_with_an_alpha_channel() -> None:
    assert thumbnail(encoded(photo(300, 200), "PNG"), 100).content_type == "image/jpeg"
    opaque = photo(300, 200).convert("RGBA")
    assert thumbnail(encoded(opaque, "PNG"), 100).content_type == "image/jpeg"


def test_auto_is_webp_where_there_is_transparency() -> None:
    picture = thumbnail(encoded(disc(), "PNG"), 100)
    assert (picture.content_type, picture.extension) == ("image/webp", "webp")
    assert colour(opened(picture), 0.02, 0.02)[3] == 0


def test_a_background_flattens_transparency_and_makes_auto_a_jpeg() -> None:
    picture = thumbnail(encoded(disc(), "PNG"), 100, background="#204060")
    assert picture.content_type == "image/jpeg"
    assert near(colour(opened(picture), 0.02, 0.02), (0x20, 0x40, 0x60))
    assert near(colour(opened(picture), 0.5, 0.5), (255, 255, 255))


def test_a_jpeg_that_was_asked_for_has_a_white_background() -> None:
    half = Image.new("RGBA", (60, 60), (255, 0, 0, 128))
    image = opened(thumbnail(encoded(half, "PNG"), 30, format="jpeg"))
    assert near(colour(image, 0.5, 0.5), (255, 127, 127))


def test_a_transparent_colour_of_a_palette_stays_transparent() -> None:
    image = photo(300, 200).quantize(64)
    image.putpixel((0, 0), 7)
    image.paste(7, (0, 0, 150, 200))
    kept = opened(thumbnail(encoded(image, "PNG", transparency=7), 100, format="png"))
    assert colour(kept, 0.2, 0.5)[3] == 0
    assert colour(kept, 0.8, 0.5)[3] == 255


def test_a_transparent_grey_stays_transparent() -> None:
    image = Image.new("L", (100, 100), 200)
    image.paste(7, (0, 0, 50, 100))
    kept = opened(thumbnail(encoded(image, "PNG", transparency=7), 50, format="png"))
    assert colour(kept, 0.2, 0.5)[3] == 0
    assert colour(kept, 0.8, 0.5) == (200, 200, 200, 255)


def test_large_transparent_pictures_are_reduced_in_bands_without_seams() -> None:
    image = photo(2600, 2400)
    image.putalpha(image.getchannel("R"))
    thumb = opened(thumbnail(encoded(image, "TIFF"), 1500, format="png"))
    expected = image.resize(thumb.size, Image.Resampling.LANCZOS)
    assert psnr(thumb, expected) > 46
