import pytest

from quickthumb.imaging.formats import OUTPUTS
from quickthumb.imaging.weight import weigh
from quickthumb.problems import CannotFit
from tests.unit.imaging.pictures import encoded, opened, photo, thumbnail


def test_max_bytes_gives_the_best_quality_that_fits() -> None:
    tried: list[int] = []

    def encode_at(quality: int) -> bytes:
        tried.append(quality)
        return b"." * quality * 100

    assert len(weigh(encode_at, 90, original=10**6, max_bytes=6_250)) == 6_200
    assert len(tried) <= 9


@pytest.mark.parametrize(
    "kind",
    [each.name for each in OUTPUTS.values() if each.writer.palette or not each.writer.lossless],
)
def test_a_thumbnail_fits_into_max_bytes(kind: str) -> None:
    data = encoded(photo(900, 600), "JPEG", quality=95)
    free = thumbnail(data, 400, format=kind)
    bound = len(free.data) // 2
    picture = thumbnail(data, 400, format=kind, max_bytes=bound)
    assert bound * 0.6 < len(picture.data) <= bound
    assert opened(picture).size == (400, 267)


def test_what_cannot_fit_is_said() -> None:
    with pytest.raises(CannotFit, match="100 bytes") as error:
        thumbnail(encoded(photo(900, 600), "JPEG"), 400, max_bytes=100)
    assert error.value.code == "cannot-fit"


def test_a_thumbnail_weighs_no_more_than_its_original() -> None:
    data = encoded(photo(400, 300), "JPEG", quality=60)
    assert len(thumbnail(data, 400, quality=95).data) <= len(data)


def test_quality_is_not_ruined_to_save_bytes() -> None:
    assert weigh(lambda quality: b"." * quality, 80, original=20) == b"." * 80
    assert weigh(lambda quality: b"." * quality, 80, original=65) == b"." * 60


def test_a_png_of_a_photograph_stays_lossless() -> None:
    data = encoded(photo(400, 300), "JPEG", quality=60)
    image = opened(thumbnail(data, 400, format="png"))
    assert image.mode == "RGB"


def test_a_palette_png_stays_light() -> None:
    data = encoded(photo(400, 300).quantize(256), "PNG", optimize=True)
    picture = thumbnail(data, 300, format="png")
    assert opened(picture).mode == "P"


def test_quality_is_what_was_asked_for() -> None:
    data = encoded(photo(900, 600), "PNG")
    sizes = [len(thumbnail(data, 400, format="webp", quality=q).data) for q in (20, 50, 80)]
    assert sizes == sorted(set(sizes))
