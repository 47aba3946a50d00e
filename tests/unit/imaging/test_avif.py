"""The memory for an AVIF is computed from its streams, not from its header."""

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.formats.avif import item_frames
from quickthumb.imaging.guarded import MOST_READS
from quickthumb.imaging.render import render
from quickthumb.imaging.source import probe
from quickthumb.limits import Limits
from quickthumb.problems import Corrupt, TooManyPixels, UnsupportedFormat
from tests.unit.imaging.containers import box
from tests.unit.imaging.pictures import LIMITS, encoded, photo, quarters


def stream_pixels(data: bytes) -> int:
    """Return the pixels of all frames of all items."""
    return sum(frame.pixels for frame in item_frames(data))


def avif(stream: bytes, parts: Sequence[Sequence[tuple[int, int]]] = ()) -> bytes:
    """Return an AVIF with items in these parts of a stream (offset, length); one is all of it."""
    parts = parts or [[(0, len(stream))]]
    head = box(b"ftyp", b"avif\0\0\0\0avifmif1")
    stored = 8 + len(head)
    items = b""
    for number, pieces in enumerate(parts, 1):
        items += struct.pack(">HHH", number, 0, len(pieces))
        items += b"".join(struct.pack(">II", stored + at, length) for at, length in pieces)
    iloc = box(b"iloc", b"\0\0\0\0\x44\0" + struct.pack(">H", len(parts)) + items)
    return head + box(b"mdat", stream) + box(b"meta", b"\0\0\0\0" + iloc)


def stream_of(data: bytes) -> bytes:
    """Return what an encoder stored last in a file: the frames, one after the other."""
    return data[data.index(b"mdat") + 4 :]


def claiming(data: bytes, width: int, height: int) -> bytes:
    """Return an AVIF whose header declares another size than its stream has."""
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["L", "RGB"]),
    st.integers(1, 300),
    st.integers(1, 300),
    st.sampled_from(["4:4:4", "4:2:2", "4:2:0", "4:0:0"]),
)
def test_a_picture_has_the_pixels_of_its_header(
    mode: str, width: int, height: int, subsampling: str
) -> None:
    image = quarters(width, height).convert(mode)
    data = encoded(image, "AVIF", speed=10, subsampling=subsampling)
    [frame] = item_frames(data)
    planes = {"4:4:4": 3, "4:2:2": 2, "4:2:0": 1.5, "4:0:0": 1}[subsampling]
    assert (frame.pixels, frame.sample_bytes) == (width * height, planes)


def test_transparency_is_a_picture_of_its_own() -> None:
    image = photo(70, 50)
    image.putalpha(image.getchannel("G"))
    assert stream_pixels(encoded(image, "AVIF")) == 2 * 70 * 50


def test_every_frame_of_a_stream_counts_also_those_that_are_not_shown() -> None:
    frames = [photo(64, 48).rotate(angle) for angle in range(5)]
    several = {"save_all": True, "append_images": frames[1:]}
    stream = stream_of(encoded(frames[0], "AVIF", **several))
    shown_and_hidden = stream_pixels(avif(stream)) / (64 * 48)
    assert shown_and_hidden >= 5
    assert stream_pixels(avif(3 * stream)) == 3 * shown_and_hidden * 64 * 48


@pytest.mark.parametrize("claimed", [(60, 40), (600, 400)])
def test_a_picture_larger_than_declared_is_not_decoded(claimed: tuple[int, int]) -> None:
    data = claiming(encoded(quarters(1200, 900), "AVIF", speed=10), *claimed)
    assert (probe(data, LIMITS).width, probe(data, LIMITS).height) == claimed
    with pytest.raises(TooManyPixels, match="MB of memory: the limit is"):
        render(data, [Rendition.square(16)], Limits(max_decoded_bytes=1200 * 900))


def test_a_picture_of_several_parts_is_read_as_one() -> None:
    stream = stream_of(encoded(photo(64, 48), "AVIF"))
    parts = [(0, 20), (20, 50), (70, len(stream) - 70)]
    assert stream_pixels(avif(stream, [parts])) == 64 * 48


def test_the_same_bytes_may_be_several_items_and_each_counts() -> None:
    stream = stream_of(encoded(photo(64, 48), "AVIF"))
    assert stream_pixels(avif(stream, [[(0, len(stream))]] * 9)) == 9 * 64 * 48


def test_items_that_overlap_are_refused() -> None:
    stream = stream_of(encoded(photo(64, 48), "AVIF"))
    parts = [[(0, len(stream) - each)] for each in range(20)]
    with pytest.raises(Corrupt, match="overlap"):
        stream_pixels(avif(stream, parts))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(avif(b"\x12\0" * (MOST_READS + 1)), id="units of a stream"),
        pytest.param(avif(b"", [[(0, 0)] * 60_000] * 2), id="parts of items"),
        pytest.param(box(b"free", b"") * (MOST_READS + 1), id="boxes"),
    ],
)
def test_a_file_with_too_many_parts_is_refused(data: bytes) -> None:
    with pytest.raises(Corrupt, match="more than"):
        stream_pixels(data)


def test_an_index_that_ends_too_early_is_refused() -> None:
    iloc = box(b"iloc", b"\0\0\0\0\x44\0" + struct.pack(">H", 1))
    with pytest.raises(Corrupt, match="index of the picture is truncated"):
        stream_pixels(box(b"meta", b"\0\0\0\0" + iloc))


def test_other_data_has_no_pixels() -> None:
    assert stream_pixels(avif(b"Exif\0\0MM\0*")) == 0
    assert stream_pixels(avif(b"")) == 0
    assert stream_pixels(b"") == 0


def test_a_file_that_ends_with_the_head_of_its_index_of_places_is_refused() -> None:
    with pytest.raises(Corrupt, match="index of the picture is truncated"):
        stream_pixels(box(b"meta", b"\0\0\0\0" + box(b"iloc", b"")))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_files_are_counted_or_refused(data: st.DataObject) -> None:
    image = Image.new("RGB", (32, 16), "red")
    file = bytearray(encoded(image, "AVIF", save_all=True, append_images=[photo(32, 16)]))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(file) - 1))
        file[at] = data.draw(st.integers(0, 255))
    del file[data.draw(st.integers(1, len(file))) :]
    try:
        assert stream_pixels(bytes(file)) >= 0
    except Corrupt as error:
        assert str(error).endswith(".")  # either end is right


class Writer:
    """Writes numbers of so many bits, the highest first."""

    def __init__(self) -> None:
        self._bits = ""

    def put(self, number: int, bits: int = 1) -> None:
        self._bits += format(number, f"0{bits}b") if bits else ""

    def unit(self, kind: int, *, extended: bool) -> bytes:
        """Return what was written as a unit of a stream."""
        content = self._bits + "0" * (-len(self._bits) % 8)
        data = bytes(int(content[at : at + 8], 2) for at in range(0, len(content), 8))
        head = bytes((kind << 3 | extended << 2 | 2,)) + b"\0" * extended
        return head + bytes((len(data) | 0x80, 0)) + data


@st.composite
def sequences(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    """Return a stream as the specification allows it, and the most pixels of each of its frames.

    All of what stands before the sizes may be there or not; encoders hardly ever write it.
    """
    flag = st.booleans()
    out = Writer()
    out.put(0, 4)
    out.put(0)  # more than a still picture
    timed = draw(flag)
    out.put(timed)
    if timed:
        out.put(draw(st.integers(0, 2**64 - 1)), 64)
        equal = draw(flag)
        out.put(equal)
        if equal:
            zeros = draw(st.integers(0, 31))
            out.put(0, zeros)
            out.put(1)
            out.put(draw(st.integers(0, 2**zeros - 1)), zeros)
        out.put(0)  # no decoder model
    delayed = draw(flag)
    out.put(delayed)
    points = draw(st.integers(1, 32))
    out.put(points - 1, 5)
    for _ in range(points):
        out.put(draw(st.integers(0, 2**12 - 1)), 12)
        level = draw(st.integers(0, 31))
        out.put(level, 5)
        if level > 7:
            out.put(draw(flag))
        if delayed:
            waits = draw(flag)
            out.put(waits)
            out.put(15, 4 if waits else 0)
    across, down = draw(st.integers(1, 16)), draw(st.integers(1, 16))
    width, height = draw(st.integers(1, 2**across)), draw(st.integers(1, 2**down))
    out.put(across - 1, 4)
    out.put(down - 1, 4)
    out.put(width - 1, across)
    out.put(height - 1, down)
    numbered = draw(flag)
    out.put(numbered)
    out.put(draw(st.integers(0, 127)), 7 if numbered else 0)
    out.put(draw(st.integers(0, 127)), 7)
    ordered = draw(flag)
    out.put(ordered)
    out.put(draw(st.integers(0, 3)), 2 if ordered else 0)
    content = draw(st.sampled_from([0, 1, 2]))
    out.put(1 if content == 2 else content, 1 if content == 2 else 2)
    motion = 2
    if content:
        motion = draw(st.sampled_from([0, 1, 2]))
        out.put(1 if motion == 2 else motion, 1 if motion == 2 else 2)
    stream, pixels = out.unit(1, extended=draw(flag)), []
    for _ in range(draw(st.integers(0, 4))):
        frame = Writer()
        again = draw(flag)
        frame.put(again)
        if not again:
            kind, shown = draw(st.integers(0, 3)), draw(flag)
            frame.put(kind, 2)
            frame.put(shown)
            if not shown:
                frame.put(draw(flag))
            if kind != 3 and not (kind == 0 and shown):
                frame.put(draw(flag))
            frame.put(draw(flag))
            screen = draw(st.integers(0, 1)) if content == 2 else content
            frame.put(screen, 1 if content == 2 else 0)
            if screen and motion == 2:
                frame.put(draw(flag))
            own = kind == 3 or draw(flag)
            if not numbered and kind != 3:
                frame.put(own)
            pixels.append(2 ** (across + down) if numbered or own else width * height)
        frame.put(draw(st.integers(0, 255)), 8)
        stream += frame.unit(draw(st.sampled_from([3, 6, 7])), extended=draw(flag))
    return stream, pixels


@settings(max_examples=200, deadline=None)
@given(sequences())
def test_frames_are_counted_whatever_stands_before_their_size(
    made: tuple[bytes, list[int]],
) -> None:
    stream, pixels = made
    assert stream_pixels(avif(stream)) == sum(pixels)


def test_a_stream_with_a_decoder_model_is_refused() -> None:
    out = Writer()
    out.put(0, 5)
    out.put(1)
    out.put(0, 64)
    out.put(0)
    out.put(1)
    with pytest.raises(UnsupportedFormat, match="decoder model"):
        stream_pixels(avif(out.unit(1, extended=False)))
