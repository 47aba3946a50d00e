import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickthumb.documents.rendition import Fit
from quickthumb.imaging.geometry import plan, turned

sides = st.integers(1, 65_535)
boxes = st.integers(1, 4096)


@pytest.mark.parametrize(
    ("picture", "box", "fit", "final"),
    [
        ((4000, 3000), (256, 256), "contain", (256, 192)),
        ((3000, 4000), (256, 256), "contain", (192, 256)),
        ((4000, 3000), (300, 100), "contain", (133, 100)),
        ((100, 50), (256, 256), "contain", (100, 50)),
        ((20_000, 10), (256, 256), "contain", (256, 1)),
        ((10, 20_000), (256, 256), "contain", (1, 256)),
        ((1, 1), (256, 256), "contain", (1, 1)),
        ((4000, 3000), (256, 256), "cover", (256, 256)),
        ((4000, 3000), (300, 100), "cover", (300, 100)),
        ((100, 50), (256, 256), "cover", (50, 50)),
        ((400, 100), (200, 200), "cover", (100, 100)),
        ((20_000, 10), (256, 256), "cover", (10, 10)),
    ],
)
def test_a_picture_is_fitted_to_a_box(
    picture: tuple[int, int], box: tuple[int, int], fit: Fit, final: tuple[int, int]
) -> None:
    assert plan(picture, box, fit).final == final


@given(st.tuples(sides, sides), st.tuples(boxes, boxes), st.sampled_from(["contain", "cover"]))
def test_nothing_is_enlarged_and_nothing_vanishes(
    picture: tuple[int, int], box: tuple[int, int], fit: Fit
) -> None:
    it = plan(picture, box, fit)
    for axis in (0, 1):
        assert 1 <= it.final[axis] <= it.reduced[axis] <= picture[axis]
        assert it.final[axis] <= box[axis]


@given(st.tuples(sides, sides), st.tuples(boxes, boxes))
def test_contain_keeps_the_shape_to_half_a_pixel(
    picture: tuple[int, int], box: tuple[int, int]
) -> None:
    width, height = plan(picture, box, "contain").final
    scale = min(1, box[0] / picture[0], box[1] / picture[1])
    assert abs(width - max(1, picture[0] * scale)) <= 0.5 + 1e-6
    assert abs(height - max(1, picture[1] * scale)) <= 0.5 + 1e-6


@given(st.tuples(sides, sides), st.tuples(boxes, boxes))
def test_cover_fills_the_box_where_the_picture_is_large_enough(
    picture: tuple[int, int], box: tuple[int, int]
) -> None:
    it = plan(picture, box, "cover")
    if picture[0] >= box[0] and picture[1] >= box[1]:
        assert it.final == box


@pytest.mark.parametrize(
    ("orientation", "size"), [(1, (3, 2)), (4, (3, 2)), (5, (2, 3)), (8, (2, 3))]
)
def test_orientations_5_to_8_lie_on_their_side(orientation: int, size: tuple[int, int]) -> None:
    assert turned((3, 2), orientation) == size
