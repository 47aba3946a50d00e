"""Every picture of tests/fixtures/cases is rendered as viewers show it."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.unit.imaging.pictures import colour, near, opened, thumbnail

CASES = Path(__file__).parents[2] / "fixtures" / "cases"
PLACES = ((0.15, 0.25), (0.5, 0.25), (0.9, 0.9))
"""Of the patches, as shares of width and height."""

LOSSLESS, LOSSY = 3, 6
"""How far a level may be from the right one. Lossy pictures were encoded once before, and animated
WebP is once more."""

RED, GREEN, BLUE = (255, 0, 0, 255), (0, 128, 0, 255), (0, 0, 255, 255)
WHITE, BLACK, NOTHING = (255, 255, 255, 255), (0, 0, 0, 255), (0, 0, 0, 0)
LATER_FRAMES = {
    "apng_blend_over_half_on_opaque.png": [[RED, (127, 0, 128, 255), RED]],
    "avif_animated.avif": [[GREEN] * 3, [BLUE] * 3],
    "gif_anim_disposal2_no_transparency.gif": [[WHITE, WHITE, RED], [NOTHING, NOTHING, RED]],
    "gif_anim_frame_beyond_screen.gif": [[RED, RED, WHITE], [BLACK, RED, WHITE]],
    "webp_animated.webp": [[GREEN] * 3, [BLUE] * 3],
}
"""Patches of the frames of an animation behind the first, as Chromium shows them."""


def described() -> list[Any]:
    cases = json.loads((CASES / "cases.json").read_text())
    return [pytest.param(case, id=case["file"]) for case in cases]


def patches(image: Image.Image) -> list[tuple[int, ...]]:
    return [colour(image.convert("RGBA"), *place) for place in PLACES]


def alike(shown: list[tuple[int, ...]], right: list[Any], by: int) -> bool:
    """Compare patches; an invisible one has no colour."""
    return all(
        a[3] == b[3] == 0 or near(a, tuple(b), by=by) for a, b in zip(shown, right, strict=True)
    )


@pytest.mark.parametrize("case", described())
def test_a_case_is_shown_as_viewers_show_it(case: dict[str, Any]) -> None:
    name = case["file"]
    frames = [case["patches"], *LATER_FRAMES.get(name, ())]
    moves = len(frames) > 1
    options = {"format": "webp", "quality": 100} if moves else {"format": "png"}
    image = opened(thumbnail((CASES / name).read_bytes(), *case["size"], **options))
    assert image.size == tuple(case["size"])
    assert getattr(image, "n_frames", 1) == len(frames)
    lossless = name.endswith((".png", ".bmp", ".tif", ".ico"))
    for number, right in enumerate(frames):
        image.seek(number)
        shown = patches(image)
        assert alike(shown, right, LOSSLESS if lossless and not moves else LOSSY), (number, shown)


def test_every_case_is_tested_once() -> None:
    names = [case["file"] for case in json.loads((CASES / "cases.json").read_text())]
    stored = {path.name for path in CASES.iterdir()} - {"cases.json", "PROVENANCE.md"}
    assert sorted(names) == sorted(stored)
    assert set(LATER_FRAMES) <= stored
