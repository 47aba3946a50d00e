import io

import pytest
from PIL import Image

from quickthumb.imaging.encode import encode
from quickthumb.imaging.formats.jpeg import JPEG
from tests.unit.imaging.pictures import encoded, opened, photo

SMALL = [(1, 1), (64, 48), (200, 160), (32_768, 1)]
LARGE = [(256, 256), (181, 182)]


def standard(image: Image.Image) -> bytes:
    return encoded(image, "JPEG", quality=82)


@pytest.mark.parametrize("size", SMALL)
def test_a_small_thumbnail_is_smaller_with_its_own_tables_and_has_the_same_pixels(size):
    image = photo(*size)
    data = encode(image, JPEG, 82)
    assert len(data) < len(standard(image))
    assert opened(data).tobytes() == Image.open(io.BytesIO(standard(image))).tobytes()


@pytest.mark.parametrize("size", LARGE)
def test_a_large_thumbnail_has_the_standard_tables(size):
    image = photo(*size)
    assert encode(image, JPEG, 82) == standard(image)
