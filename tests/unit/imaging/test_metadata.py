import pytest
from PIL import Image, PngImagePlugin

from quickthumb.imaging.formats import OUTPUTS
from tests.unit.imaging.pictures import encoded, opened, photo, thumbnail
from tests.unit.imaging.test_colour import ADOBE

SECRET = b"s3cret-place"
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + SECRET + b"</x:xmpmeta>"


def exif() -> Image.Exif:
    it = Image.Exif()
    it[0x010E] = SECRET.decode()  # description
    gps = it.get_ifd(0x8825)
    gps[1], gps[2] = "N", (48.0, 12.0, 30.0)
    gps[29] = SECRET.decode()
    return it


def chatty(kind: str) -> bytes:
    image = photo(300, 200)
    options: dict[str, object] = {"exif": exif(), "icc_profile": ADOBE}
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", SECRET.decode())
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options["pnginfo"] = text
    elif kind == "GIF":
        options = {"comment": SECRET}
    elif kind == "TIFF":
        options["tiffinfo"] = {270: SECRET.decode(), 700: XMP}
    else:
        options["xmp"] = XMP
    if kind == "JPEG":
        options["comment"] = SECRET
    return encoded(image, kind, **options)


@pytest.mark.parametrize("size", [100, 300])
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF"])
def test_nothing_but_pixels_reaches_a_thumbnail(kind: str, output: str, size: int) -> None:
    data = chatty(kind)
    assert SECRET in data
    picture = thumbnail(data, size, format=output)
    assert SECRET not in picture.data
    for mark in (b"Exif", b"EXIF", b"ICC", b"iCCP", b"xmp", b"XMP", b"\xff\xfe", b"tEXt", b"iTXt"):
        # A mark of two bytes may occur in compressed data, unless that is a JPEG's.
        if len(mark) > 2 or output == "jpeg":
            assert mark not in picture.data
    image = opened(picture)
    image.load()
    plain = opened(thumbnail(encoded(photo(300, 200), kind), size, format=output))
    assert plain.getexif().keys() == image.getexif().keys()
    assert output == "tiff" or not image.getexif()  # which has tags for its pixels
    if output == "jxl":  # its decoder describes sRGB by a profile, which is not in the file
        image.info.pop("icc_profile", None)
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"} | {
        "loop",
        "background",
        "timestamp",
        "duration",
        "transparency",
        "bgcolor",
        "compression",
        "dpi",
        "resolution",
    }


def test_comments_of_an_animation_do_not_reach_it_either() -> None:
    frames = [photo(120, 80), Image.new("RGB", (120, 80), "red")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], comment=SECRET)
    assert SECRET in data
    for output in ("auto", "png", "avif"):
        assert SECRET not in thumbnail(data, 60, format=output).data
