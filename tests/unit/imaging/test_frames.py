"""Frames are composed as browsers do; tests/browser holds the same cases against one."""

import pytest
from PIL import Image

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.animate import animations
from quickthumb.imaging.finish import Finish
from quickthumb.imaging.opening import open_picture
from quickthumb.imaging.render import render
from tests.unit.imaging.moving import CASES, GREEN, HALF, PLACES, RED, Apng, Case, Colour
from tests.unit.imaging.pictures import LIMITS, colour, near, opened, thumbnail

LOSSY = 60
"""How far a level may be off where small patches share blocks, whose colours are coarse."""


def frames_of(case: Case) -> list[Image.Image]:
    """Return the frames of a thumbnail that is as large as the animation."""
    picture = open_picture(case.data, LIMITS)
    finish = Finish(picture, Rendition("it", *case.size))
    return list(animations(picture, [finish])[finish].frames)


def alike(image: Image.Image, right: list[Colour], by: int = 1) -> bool:
    """Compare colours; an invisible one may be any."""
    shown = [colour(image.convert("RGBA"), *place) for place in PLACES]
    return all(a[3] == b[3] == 0 or near(a, b, by=by) for a, b in zip(shown, right, strict=True))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_frames_are_composed_as_browsers_do(case: Case) -> None:
    frames = frames_of(case)
    assert [frame.size for frame in frames] == [case.size] * len(case.frames)
    wrong = [
        number
        for number, (frame, right) in enumerate(zip(frames, case.frames, strict=True))
        if not alike(frame, right)
    ]
    assert wrong == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_still_shows_the_first_frame(case: Case) -> None:
    still = opened(thumbnail(case.data, *case.size, format="tiff"))
    assert still.size == case.size
    assert alike(still, case.frames[0])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("output", ["webp", "png"])
def test_what_is_written_is_what_was_composed(case: Case, output: str) -> None:
    image = opened(thumbnail(case.data, *case.size, format=output, quality=100))
    shown = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        shown.append(image.convert("RGBA"))
    # Writers join frames that are alike.
    changes = [
        right
        for number, right in enumerate(case.frames)
        if not number or right != case.frames[number - 1]
    ]
    by = 1 if output == "png" else LOSSY
    assert alike(shown[0], changes[0], by)
    assert alike(shown[-1], changes[-1], by)


def test_a_single_hidden_frame_is_shown() -> None:
    data = Apng(1).still(RED).frame(GREEN, HALF).done()
    [picture] = render(data, [Rendition("it", 20, 16, format="png")], LIMITS).thumbnails
    assert alike(opened(picture), [GREEN, (0, 0, 0, 0), (0, 0, 0, 0)])


def test_a_hidden_frame_that_is_damaged_leaves_the_still() -> None:
    data = Apng(1).still(RED).frame(GREEN, number=7).done()
    [picture] = render(data, [Rendition("it", 20, 16, format="png")], LIMITS).thumbnails
    assert alike(opened(picture), [RED] * 3)
