import struct
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image
from PIL.WebPImagePlugin import WebPImageFile

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging import decoders
from quickthumb.imaging.animate import animations, batches
from quickthumb.imaging.canvas import Patch
from quickthumb.imaging.decoders import gif, png  # noqa: F401  # as attributes of the package
from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.finish import Finish
from quickthumb.imaging.formats import AUTO, OUTPUTS
from quickthumb.imaging.opening import open_picture
from quickthumb.imaging.render import render
from quickthumb.limits import Limits
from quickthumb.pictures import Rendered
from tests.unit.imaging.pictures import LIMITS, colour, encoded, near, opened, thumbnail

MOVING = [name for name, each in OUTPUTS.items() if each.writer.animation]
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0))


def moving(
    kind: str, *, frames: int = 4, size: tuple[int, int] = (200, 100), **options: Any
) -> bytes:
    first, *others = [Image.new("RGB", size, COLOURS[each % 4]) for each in range(frames)]
    options = {"duration": 80, "loop": 0} | options
    return encoded(first, kind, save_all=True, append_images=others, **options)


READERS = ("GIF", "WEBP", "PNG")
SEVERAL = (
    Rendition("whole", 200, 100),
    Rendition("cropped", 60, 60, fit="cover", gravity="smart"),
    Rendition("flat", 80, 80, background="#204060"),
    Rendition("still", 50, 50, format="jpeg"),
    Rendition("small", 50, 50),
    Rendition("same", 50, 50, format="png"),
)


def frames_read(
    monkeypatch: pytest.MonkeyPatch, kind: str, *args: Any, limits: Limits = LIMITS
) -> tuple[int, Rendered]:
    """Return how many frames are read while thumbnails are made, and the thumbnails."""
    count = 0

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def sought(*args: Any) -> Any:
            nonlocal count
            count += 1
            return original(*args)

        def patches(encoded: Encoded) -> Iterator[Patch]:
            nonlocal count
            for patch in original(encoded):
                count += 1
                yield patch

        return sought if kind == "WEBP" else patches

    target, name = {
        "GIF": (decoders.gif, "patches"),
        "PNG": (decoders.png, "patches"),
        "WEBP": (WebPImageFile, "seek"),
    }[kind]
    with monkeypatch.context() as patched:
        patched.setattr(target, name, counted(getattr(target, name)))
        made = render(*args, limits)
    return count, made


@pytest.mark.parametrize("output", [AUTO, *MOVING])
@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_stays_animated(kind: str, output: str) -> None:
    image = opened(thumbnail(moving(kind), 50, format=output))
    assert image.size == (50, 25)
    assert image.n_frames == 4
    for frame, expected in enumerate(COLOURS):
        image.seek(frame)
        image.load()
        assert image.info["duration"] == 80
        assert near(colour(image.convert("RGB"), 0.5, 0.5), expected, by=25)


def test_every_frame_has_its_own_duration() -> None:
    image = opened(thumbnail(moving("GIF", duration=[50, 100, 150, 200]), 50))
    durations = []
    for frame in range(4):
        image.seek(frame)
        image.load()
        durations.append(image.info["duration"])
    assert durations == [50, 100, 150, 200]


@pytest.mark.parametrize(("stored", "played"), [(None, 1), (0, 0), (2, 3)])
def test_a_gif_is_played_as_often_as_it_was(stored: int | None, played: int) -> None:
    image = opened(thumbnail(moving("GIF", loop=stored), 50))
    assert image.info["loop"] == played


@pytest.mark.parametrize("output", MOVING)
@pytest.mark.parametrize("stored", [65_534, 65_535])
def test_a_gif_that_is_played_countless_times_is_played_for_ever_where_that_is_too_often(
    stored: int, output: str
) -> None:
    image = opened(thumbnail(moving("GIF", loop=stored), 50, format=output))
    if output != "avif":
        assert image.info["loop"] == (65_535 if stored == 65_534 else 0)
    assert image.n_frames == 4


@pytest.mark.parametrize("output", MOVING)
@pytest.mark.parametrize("plays", [65_536, 2**31, 2**32 - 1])
def test_a_png_that_is_played_countless_times_is_played_for_ever(plays: int, output: str) -> None:
    data = moving("PNG", loop=7)
    head = b"acTL" + struct.pack(">II", 4, 7)
    many = b"acTL" + struct.pack(">II", 4, plays)
    sums = [struct.pack(">I", zlib.crc32(each)) for each in (head, many)]
    changed = data.replace(head + sums[0], many + sums[1])
    assert changed != data
    assert opened(thumbnail(changed, 50, format=output)).info.get("loop", 0) == 0


@pytest.mark.parametrize("output", MOVING)
@pytest.mark.parametrize(
    ("stored", "shown"),
    [(65_535_000, 655_350), (16_778_000, 655_350), (655_000, 655_000), (65_535, 65_535)],
)
def test_a_frame_is_shown_no_longer_than_formats_can_hold(
    stored: int, shown: int, output: str
) -> None:
    image = opened(thumbnail(moving("PNG", duration=stored), 50, format=output))
    image.load()
    assert image.info["duration"] == shown


def test_a_long_duration_is_rounded_to_what_a_png_can_hold() -> None:
    image = opened(thumbnail(moving("WEBP", duration=70_001), 50, format="png"))
    assert image.info["duration"] == 70_000


@pytest.mark.parametrize("output", [name for name in OUTPUTS if name not in MOVING])
def test_a_still_format_shows_the_first_frame(output: str) -> None:
    image = opened(thumbnail(moving("GIF"), 50, format=output))
    assert getattr(image, "n_frames", 1) == 1
    assert near(colour(image, 0.5, 0.5), COLOURS[0])


@pytest.mark.parametrize("limits", [Limits(max_frames=3), Limits(max_frame_pixels=3 * 20_000)])
def test_an_animation_beyond_the_limits_shows_its_first_frame(limits: Limits) -> None:
    [picture] = render(moving("GIF"), [Rendition.square(50)], limits).thumbnails
    assert picture.content_type == "image/jpeg"
    assert near(colour(opened(picture), 0.5, 0.5), COLOURS[0])


def test_all_frames_are_cropped_alike() -> None:
    image = opened(thumbnail(moving("GIF"), 40, 40, fit="cover", gravity="smart"))
    assert (image.size, image.n_frames) == ((40, 40), 4)


def test_a_background_lies_behind_every_frame() -> None:
    frames = [Image.new("RGBA", (60, 60), (*each, 0)) for each in COLOURS]
    for number, frame in enumerate(frames):
        frame.paste((255, 0, 0, 255), (number * 10, 0, number * 10 + 10, 60))
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    image = opened(thumbnail(data, 30, background="#00ff00"))
    for number in range(4):
        image.seek(number)
        assert near(colour(image.convert("RGBA"), 0.9, 0.5), (0, 255, 0, 255), by=25)


def test_an_animation_that_breaks_off_shows_the_frames_before() -> None:
    data = moving("GIF", frames=8)
    whole = opened(thumbnail(data, 50)).n_frames
    cut = opened(thumbnail(data[: len(data) * 2 // 3], 50)).n_frames
    assert 1 < cut < whole


def test_a_gif_that_breaks_off_after_its_first_frame_is_a_still() -> None:
    data = moving("GIF", frames=1)[:-1] + b",\0\0"
    assert thumbnail(data, 50).content_type == "image/jpeg"


def test_a_still_for_old_viewers_is_not_a_frame() -> None:
    first, *others = [Image.new("RGB", (60, 60), each) for each in COLOURS]
    data = encoded(
        first, "PNG", save_all=True, append_images=others, default_image=True, duration=80
    )
    image = opened(thumbnail(data, 30))
    assert image.n_frames == 3


def test_one_frame_is_a_still() -> None:
    picture = thumbnail(moving("GIF", frames=1), 50)
    assert picture.content_type == "image/jpeg"


def test_the_same_animation_gives_the_same_bytes() -> None:
    one, other = (render(moving("WEBP"), [Rendition.square(50)], LIMITS) for _ in range(2))
    assert one == other


def test_a_png_of_sixteen_bits_stays_animated() -> None:
    frames = [Image.new("I;16", (60, 40), level) for level in (0, 0x8000)]
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=80)
    image = opened(thumbnail(data, 30))
    assert image.n_frames == 2
    for number, level in enumerate((0, 128)):
        image.seek(number)
        assert near(colour(image.convert("RGB"), 0.5, 0.5), (level, level, level))


def times_in(data: bytes, since: float) -> list[int]:
    """Return the moments since then that a file names, in seconds since 1970 or 1904."""
    moments = range(int(since) - 1, int(time.time()) + 2)
    since_1904 = 2_082_844_800
    return [
        moment
        for moment in moments
        if any(struct.pack(">Q", moment + epoch) in data for epoch in (0, since_1904))
    ]


def test_an_avif_that_moves_does_not_tell_when_it_was_made() -> None:
    began = time.time()
    made = thumbnail(moving("GIF"), 50, format="avif")
    assert times_in(moving("AVIF"), began)  # libavif's own does
    assert times_in(made.data, began) == []
    assert opened(made).n_frames == 4


@pytest.mark.parametrize("kind", READERS)
def test_frames_are_decoded_once_for_all_thumbnails(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = moving(kind, frames=9)
    for_one, _ = frames_read(monkeypatch, kind, data, SEVERAL[:1])
    for_all, _ = frames_read(monkeypatch, kind, data, SEVERAL)
    assert for_all == for_one >= 9


@pytest.mark.parametrize("kind", READERS)
def test_a_thumbnail_does_not_depend_on_those_made_with_it(kind: str) -> None:
    data = moving(kind, frames=5)
    wanted = [each for each in SEVERAL if each.format != "jpeg"]
    together = {each.name: each for each in render(data, SEVERAL, LIMITS).thumbnails}
    for each in wanted:
        [alone] = render(data, [each], LIMITS).thumbnails
        assert together[each.name] == alone
        assert opened(alone).n_frames > 1


def test_thumbnails_whose_frames_do_not_fit_into_memory_are_made_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = moving("GIF", frames=9)
    # In half of it: the frames and the still of the largest, 200 x 100 pixels, but no others.
    limits = Limits(max_decoded_bytes=2 * (1 + 9) * 4 * 200 * 100)
    enough, made = frames_read(monkeypatch, "GIF", data, SEVERAL)
    twice, same = frames_read(monkeypatch, "GIF", data, SEVERAL, limits=limits)
    assert twice == 2 * enough
    assert same == made


@pytest.mark.parametrize("frames", [9, 20])
def test_a_batch_holds_no_more_than_half_the_memory(frames: int) -> None:
    data = moving("GIF", frames=frames)
    one = 4 * 100 * 50
    room = (1 + frames) * one * 5 // 2
    picture = open_picture(data, Limits(max_decoded_bytes=2 * room))
    finishes = [Finish(picture, Rendition(str(each), 100, 50)) for each in range(5)]
    still = Finish(picture, Rendition("still", 100, 50, format="jpeg"))
    finishes.insert(2, still)
    made = list(batches(picture, finishes))
    assert [finish for batch in made for finish in batch] == finishes
    assert len(made) == 3
    for batch in made:
        moves = len(batch) - (still in batch)
        assert moves <= 2
        assert (moves * (1 + frames) + (still in batch)) * one <= room


def test_thumbnails_of_a_still_are_made_one_by_one() -> None:
    picture = open_picture(moving("GIF", frames=1), LIMITS)
    finishes = [Finish(picture, each) for each in SEVERAL]
    assert list(batches(picture, finishes)) == [[each] for each in finishes]
    assert animations(picture, finishes) == {}


def test_an_animation_that_takes_too_much_memory_to_decode_shows_its_first_frame() -> None:
    data = moving("WEBP")
    needed = 16 * 200 * 100  # libwebp's canvases
    for spare, expected in ((0, "WEBP"), (-2, "JPEG")):
        limits = Limits(max_decoded_bytes=2 * needed + spare)
        picture = render(data, [Rendition.square(50)], limits).thumbnails[0]
        assert opened(picture).format == expected
