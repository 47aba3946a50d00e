"""Image sequences of AVIF, with and without a still picture."""

import re
import struct
from functools import cache

import pytest
from PIL import Image, ImageDraw

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.formats.avif import first_frame
from quickthumb.imaging.formats.bmff import MOST_BOXES, read_properties
from quickthumb.imaging.formats.tracks import read_tracks, samples
from quickthumb.imaging.opening import open_picture
from quickthumb.imaging.render import render
from quickthumb.imaging.source import probe
from quickthumb.limits import Limits
from quickthumb.problems import Corrupt, TooManyPixels
from tests.unit.imaging.containers import box
from tests.unit.imaging.pictures import LIMITS, colour, encoded, near, opened, thumbnail

COLOURS = ("red", "lime", "blue")
LEVELS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))


@cache
def sequence(*, alpha: bool = False) -> bytes:
    """Return a sequence of three frames that has a still picture, too."""
    frames = []
    for name in COLOURS:
        frame = Image.new("RGBA", (96, 64), (0, 0, 0, 0) if alpha else name)
        ImageDraw.Draw(frame).rectangle((10, 10, 60, 50), fill=name)
        frames.append(frame if alpha else frame.convert("RGB"))
    several = {"save_all": True, "append_images": frames[1:], "duration": [100, 200, 300]}
    return encoded(frames[0], "AVIF", quality=90, subsampling="4:4:4", **several)


def branded(data: bytes, major: bytes) -> bytes:
    return data[:8] + major + data[12:]


def without_still(data: bytes) -> bytes:
    """Return a sequence without a still picture and the brands of one."""
    size = int.from_bytes(data[:4], "big")
    head = data[16:size].replace(b"avif", b"msf1").replace(b"mif1", b"iso8")
    at = data.index(b"meta")
    return data[:16] + head + data[size:at] + b"free" + data[at + 4 :]


def shown(data: bytes, limits: Limits = LIMITS) -> list[tuple[int, ...]]:
    """Return the colour of each frame of a thumbnail."""
    [picture] = render(
        data, [Rendition("it", 48, 48, format="webp", quality=95)], limits
    ).thumbnails
    image = opened(picture)
    colours = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        colours.append(colour(image.convert("RGB"), 0.4, 0.5))
    return colours


def alike(colours: list[tuple[int, ...]], right: tuple[tuple[int, ...], ...] = LEVELS) -> bool:
    return len(colours) == len(right) and all(
        near(a, b, by=20) for a, b in zip(colours, right, strict=True)
    )


@pytest.mark.parametrize("still", [False, True], ids=["alone", "with a still"])
def test_a_sequence_stays_animated(still: bool) -> None:
    data = sequence() if still else without_still(sequence())
    assert (probe(data, LIMITS).width, probe(data, LIMITS).height) == (96, 64)
    assert alike(shown(data))


def test_each_frame_is_shown_as_long_as_it_was() -> None:
    image = opened(thumbnail(without_still(sequence()), 48, format="png"))
    durations = []
    for number in range(image.n_frames):
        image.seek(number)
        durations.append(image.info["duration"])
    assert durations == [100, 200, 300]


def test_a_sequence_keeps_its_transparency() -> None:
    for data in (sequence(alpha=True), without_still(sequence(alpha=True))):
        image = opened(thumbnail(data, 96, format="png"))
        assert image.n_frames == 3
        for number, levels in enumerate(LEVELS):
            image.seek(number)
            frame = image.convert("RGBA")
            assert near(colour(frame, 0.4, 0.5), (*levels, 255), by=20)
            assert colour(frame, 0.9, 0.9)[3] == 0


@pytest.mark.parametrize(("major", "frames"), [(b"avis", 3), (b"mif1", 3), (b"avif", 1)])
def test_the_major_brand_tells_whether_the_sequence_is_shown(major: bytes, frames: int) -> None:
    assert alike(shown(branded(sequence(), major)), LEVELS[:frames])


@pytest.mark.parametrize("limits", [Limits(max_frames=2), Limits(max_frame_pixels=2 * 96 * 64)])
@pytest.mark.parametrize("alpha", [False, True])
def test_of_a_sequence_beyond_the_limits_the_decoder_gets_one_frame(
    limits: Limits, alpha: bool
) -> None:
    whole = sequence(alpha=alpha)
    for data in (whole, without_still(whole)):
        picture = open_picture(data, limits)
        assert picture.declared.frames == 1
        assert getattr(picture.header, "n_frames", 1) == 1
        assert alike(shown(data, limits), LEVELS[:1])


def test_frames_are_found_by_their_tables() -> None:
    [colours, transparency] = read_tracks(sequence(alpha=True))
    assert (colours.frames, colours.auxiliary) == (3, False)
    assert (transparency.frames, transparency.auxiliary) == (3, True)
    data = sequence(alpha=True)
    pixels = b"".join(samples(data, colours)) + b"".join(samples(data, transparency))
    assert len(pixels) < len(data)
    assert all(bytes(each) in data for each in samples(data, colours))
    cut = first_frame(without_still(sequence()))
    [alone] = read_tracks(cut)
    assert len(list(samples(cut, alone))) == 1


def counted(data: bytes, table: bytes, count: int) -> bytes:
    """Return a sequence one of whose tables declares another number of entries."""
    at = data.index(table) + (12 if table == b"stsz" else 8)
    return data[:at] + struct.pack(">I", count) + data[at + 4 :]


@pytest.mark.parametrize("table", [b"stco", b"stsc"])
def test_a_table_with_more_entries_than_frames_is_refused(table: bytes) -> None:
    """Decoders look for each entry of one in the other."""
    with pytest.raises(Corrupt, match="too many parts"):
        probe(counted(sequence(), table, 4_000_000), LIMITS)


def test_a_sequence_that_declares_countless_frames_shows_the_first() -> None:
    data = counted(without_still(sequence()), b"stsz", 2**31)
    assert alike(shown(data), LEVELS[:1])


@pytest.mark.parametrize(
    "data",
    [
        without_still(sequence()).replace(b"moov", b"free"),
        without_still(sequence()).replace(b"av01", b"hvc1"),
        counted(without_still(sequence()), b"stsz", 0),
    ],
    ids=["no tracks", "another coding", "no frames"],
)
def test_a_sequence_without_frames_is_refused(data: bytes) -> None:
    with pytest.raises(Corrupt):
        probe(data, LIMITS)


def test_countless_boxes_of_a_sequence_are_refused() -> None:
    data = box(b"ftyp", b"avis\0\0\0\0avis") + box(b"moov", box(b"trak") * MOST_BOXES)
    with pytest.raises(Corrupt, match="more than"):
        probe(data, LIMITS)


def test_the_frames_that_a_decoder_holds_count() -> None:
    data = without_still(sequence())
    frames = 4 * 3 * 96 * 64  # all three, and one in the making, in three planes
    picture = 12 * 96 * 64
    render(data, [Rendition.square(48)], Limits(max_decoded_bytes=frames + picture))
    with pytest.raises(TooManyPixels, match="MB of memory"):
        render(data, [Rendition.square(48)], Limits(max_decoded_bytes=frames + picture - 1))


def without_size_of_alpha(data: bytes) -> bytes:
    """Return an AVIF whose transparency does not state its size: its first property is none."""
    at = data.index(b"ipma") + 12
    for _ in range(struct.unpack_from(">I", data, at - 4)[0]):
        item, count = struct.unpack_from(">HB", data, at)
        if item == 2:
            return data[: at + 3] + b"\0" + data[at + 4 :]
        at += 3 + count
    raise AssertionError("no transparency")


def test_transparency_without_a_size_has_that_of_the_picture() -> None:
    still = Image.new("RGBA", (96, 64), (0, 0, 0, 0))
    ImageDraw.Draw(still).rectangle((10, 10, 60, 50), fill="red")
    data = encoded(still, "AVIF")
    lacking = without_size_of_alpha(data)
    properties = read_properties(lacking)
    assert properties is not None
    assert len(properties.of(2)) == len(properties.of(1)) - 1
    assert open_picture(data, LIMITS).data == data
    assert thumbnail(lacking, 48, format="png").data == thumbnail(data, 48, format="png").data
    mended = read_properties(open_picture(lacking, LIMITS).data)
    assert mended is not None
    assert mended.of(1) == properties.of(1)
    assert mended.of(2) == (*properties.of(2), properties.of(1)[0])


def coded(data: bytes, *, still: int, moving: int) -> bytes:
    """Return a sequence with these transfer functions of its still picture and of its track."""
    places = [match.end() for match in re.finditer(b"colrnclx", data)]
    assert len(places) == 2
    assert places[0] < data.index(b"moov") < places[1]
    out = bytearray(data)
    for at, transfer in zip(places, (still, moving), strict=True):
        out[at : at + 4] = struct.pack(">HH", 1, transfer)
    return bytes(out)


@pytest.mark.parametrize("alone", [False, True])
def test_the_colours_of_a_sequence_are_those_that_its_track_states(alone: bool) -> None:
    grey = Image.new("RGB", (96, 64), (128, 128, 128))
    several = {"save_all": True, "append_images": [grey.point(lambda level: level // 2)]}
    data = encoded(grey, "AVIF", quality=100, **several)
    linear, srgb = 8, 13
    for transfer, right in ((srgb, 128), (linear, 188)):
        described = coded(data, still=linear + srgb - transfer, moving=transfer)
        first, second = shown(without_still(described) if alone else described)
        assert near(first, (right,) * 3, by=4)
        assert second < first
    described = branded(coded(data, still=linear, moving=srgb), b"avif")
    assert near(shown(described)[0], (188,) * 3, by=4)
