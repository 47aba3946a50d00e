import pytest
from PIL import Image

from quickthumb.imaging.source import probe
from quickthumb.problems import Corrupt, UnsupportedFormat
from tests.unit.imaging.drawings import pdf
from tests.unit.imaging.pictures import (
    LIMITS,
    colour,
    encoded,
    near,
    opened,
    photo,
    rendered,
    thumbnail,
)

pytest.importorskip("pypdfium2")

RED, WHITE = (255, 0, 0), (255, 255, 255)


def test_a_page_is_drawn_on_white_in_the_size_of_the_thumbnail() -> None:
    image = opened(thumbnail(pdf(), 600, format="png"))
    assert image.size == (600, 400)
    assert (colour(image, 0.25, 0.75), colour(image, 0.75, 0.25)) == (RED, WHITE)


def test_the_first_page_of_several_is_shown() -> None:
    pages = [photo(200, 100), Image.new("RGB", (50, 50))]
    data = encoded(pages[0], "PDF", save_all=True, append_images=pages[1:])
    assert rendered(data, 100).source.width == 200


@pytest.mark.parametrize(
    ("box", "page", "size"),
    [
        ("0 0 60 40", "", (60, 40)),
        ("10 20 70 60", "", (60, 40)),
        ("0 0 60 40", "/Rotate 90", (40, 60)),
        ("0 0 60 40", "/CropBox[0 0 30 40]", (30, 40)),
        ("0 0 14400 7200", "", (4096, 2048)),
    ],
)
def test_its_size_is_that_of_the_page(box: str, page: str, size: tuple[int, int]) -> None:
    source = rendered(pdf(box=box, page=page), 32).source
    assert (source.width, source.height) == size


def test_the_size_is_a_guess_until_it_is_opened() -> None:
    assert probe(b"%PDF-1.7\n", LIMITS).width == 595
    assert probe(b"%PDF-1.7\n/MediaBox[0 0 0 0]", LIMITS).width == 595
    assert probe(b"%PDF-1.7\n/MediaBox[. - + 1]", LIMITS).width == 595
    assert probe(pdf(), LIMITS).width == 60


def test_texts_in_fonts_that_are_not_there_are_drawn() -> None:
    font = "/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Unheard-Of>>>>>>"
    image = opened(thumbnail(pdf(b"BT /F 30 Tf 5 5 Td (MM) Tj ET", page=font), 60, format="png"))
    darkest, _ = image.convert("L").getextrema()
    assert isinstance(darkest, float | int)
    assert darkest < 60


@pytest.mark.parametrize(
    "action",
    [
        "<</S/URI/URI(http://127.0.0.1:1/)>>",
        "<</S/Launch/F(/bin/true)>>",
        "<</S/JavaScript/JS(app.alert\\(1\\))>>",
    ],
)
def test_actions_do_nothing(action: str) -> None:
    image = opened(thumbnail(pdf(page=f"/AA<</O {action}>>"), 60, format="png"))
    assert near(colour(image, 0.25, 0.75), RED)


def test_an_encrypted_file_is_refused_by_name() -> None:
    cipher = b"<</Filter/Standard/V 1/R 2/P -44/O<" + b"28" * 32 + b">/U<" + b"29" * 32 + b">>>"
    data = pdf(objects={5: cipher}).replace(b"trailer<<", b"trailer<</Encrypt 5 0 R/ID[<00><00>]")
    with pytest.raises(UnsupportedFormat, match="encrypted"):
        thumbnail(data, 60)


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7\n",
        pdf().replace(b"/Kids[3 0 R]", b"/Kids[]"),
        pdf().replace(b"/Kids[3 0 R]", b"/Kids[2 0 R]"),
        pdf()[:100],
    ],
)
def test_a_file_without_a_page_is_corrupt(data: bytes) -> None:
    with pytest.raises(Corrupt, match="PDF picture"):
        thumbnail(data, 60)
