"""Tags of EXIF and TIFF that declare more values than a process can hold as Python's objects."""

import io
import struct
import tracemalloc
from collections.abc import Callable

import pytest
from PIL import Image

from quickthumb.imaging.source import probe
from quickthumb.problems import Corrupt
from tests.unit.imaging.containers import chunk
from tests.unit.imaging.pictures import LIMITS, encoded, opened, quarters, thumbnail
from tests.unit.imaging.test_hostile import MEGABYTES

SHORT, RATIONAL = 3, 5
ORIENTATION, RESOLUTION, UNIT = 0x0112, 0x011A, 0x0128
SIZES = {1: 1, 2: 1, SHORT: 2, 4: 4, RATIONAL: 8, 7: 1, 12: 8}
MANY = 200_000


def directory(*tags: tuple[int, int, int, int], big: bool = False) -> bytes:
    """Return a TIFF of nothing but tags: each with its kind, its number of values and their value.

    All that do not fit into their entries share the same bytes behind them.
    """
    tags = tuple(sorted(tags))
    head = b"II+\0" + struct.pack("<HHQ", 8, 0, 16) if big else b"II*\0" + struct.pack("<I", 8)
    layout, room = ("<HHQ", 8) if big else ("<HHI", 4)
    behind = len(head) + (8 if big else 2) + len(tags) * (struct.calcsize(layout) + room) + room
    entries, largest = b"", 0
    for tag, kind, count, value in tags:
        length = count * SIZES[kind]
        largest = max(largest, length if length > room else 0)
        stored = behind if length > room else value
        entries += struct.pack(layout, tag, kind, count) + stored.to_bytes(room, "little")
    counted = struct.pack("<Q" if big else "<H", len(tags))
    return head + counted + entries + bytes(room) + b"\1\0\0\0" * (largest // 4 + 1)


def png(exif: bytes) -> bytes:
    data = encoded(quarters(80, 40), "PNG")
    return data[:33] + chunk(b"eXIf", exif) + data[33:]


def jpeg(exif: bytes) -> bytes:
    data = encoded(quarters(80, 40), "JPEG")
    start = 4 + int.from_bytes(data[4:6], "big")  # behind JFIF's own, which has a resolution
    pieces = [exif[at : at + 60_000] for at in range(0, len(exif), 60_000)]
    segments = (
        b"\xff\xe1" + struct.pack(">H", 8 + len(each)) + b"Exif\0\0" + each for each in pieces
    )
    return data[:2] + b"".join(segments) + data[start:]


def webp(exif: bytes) -> bytes:
    return encoded(quarters(80, 40), "WEBP", exif=exif)


def avif(exif: bytes, orientation: int = 1) -> bytes:
    """Return an AVIF with an EXIF, in the place of one that Pillow was ready to write."""
    room = Image.Exif()
    room[ORIENTATION] = orientation  # is written into the container
    room[0x010E] = "x" * len(exif)
    data = encoded(quarters(80, 40), "AVIF", exif=room)
    start = data.rindex(b"MM\0*", 0, data.index(b"x" * len(exif)))
    return data[:start] + exif + data[start + len(exif) :]


def turned_avif(exif: bytes) -> bytes:
    """Return an AVIF that is turned by its container: Pillow writes that into the EXIF."""
    return avif(exif, orientation=6)


def heic(exif: bytes) -> bytes:
    heif = pytest.importorskip("pillow_heif")
    image = quarters(80, 40)
    picture = heif.from_bytes("RGB", image.size, image.tobytes())
    picture.info["exif"] = b"Exif\0\0" + exif
    out = io.BytesIO()
    picture.save(out)
    return out.getvalue()


def tiff(*tags: tuple[int, int, int, int], big: bool = False) -> bytes:
    """Return a TIFF of 4 x 4 black pixels, with tags added or replaced."""
    usual = {256: 4, 257: 4, 258: 8, 259: 1, 262: 1, 273: 0, 277: 1, 278: 4, 279: 16}
    given = {tag: (tag, SHORT, 1, value) for tag, value in usual.items()}
    return directory(*(given | {each[0]: each for each in tags}).values(), big=big)


def peak(call: Callable[[], object]) -> int:
    """Return the most bytes of Python's that a call holds."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("kind", [SHORT, RATIONAL])
@pytest.mark.parametrize("make", [png, jpeg, webp, avif, turned_avif, heic])
def test_an_orientation_with_countless_values_is_ignored(
    make: Callable[[bytes], bytes], kind: int, big: bool
) -> None:
    tags = ((tag, kind, MANY, 0) for tag in (ORIENTATION, RESOLUTION, UNIT))
    data = make(directory(*tags, big=big))
    probe(make(directory()), LIMITS)  # loads what reads the format
    held = peak(lambda: probe(data, LIMITS))
    assert held < 6 * len(data) + MEGABYTES
    assert probe(data, LIMITS).orientation == (6 if make is turned_avif else 1)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("make", [png, jpeg, webp])
def test_an_orientation_is_found_behind_other_tags(
    make: Callable[[bytes], bytes], big: bool
) -> None:
    exif = directory((270, 2, 30, 0), (ORIENTATION, SHORT, 1, 6), big=big)
    assert probe(make(exif), LIMITS).orientation == 6


@pytest.mark.parametrize(
    "exif", [b"II", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff", b"?" * 99]
)
@pytest.mark.parametrize("make", [png, jpeg, webp])
def test_an_exif_without_a_directory_has_no_orientation(
    make: Callable[[bytes], bytes], exif: bytes
) -> None:
    assert probe(make(exif), LIMITS).orientation == 1


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(
    ("tag", "kind", "values"),
    [
        (ORIENTATION, RATIONAL, MANY),
        (ORIENTATION, SHORT, 2 * MANY),
        (RESOLUTION, RATIONAL, MANY),
        (258, SHORT, 2 * MANY),
        (338, SHORT, 2 * MANY),
        (339, 12, 2 * MANY),
        pytest.param(273, 1, 2 * MANY, id="places of strips that are bytes"),
        pytest.param(324, 7, 2 * MANY, id="places of tiles that are bytes"),
    ],
)
def test_a_tiff_whose_tag_has_countless_values_is_refused(
    tag: int, kind: int, values: int, big: bool
) -> None:
    data = tiff((tag, kind, values, 0), big=big)

    def refused() -> None:
        with pytest.raises(Corrupt, match=f"Tag {tag} of the TIFF picture has {values:,} values"):
            probe(data, LIMITS)

    assert peak(refused) < 2 * MEGABYTES


@pytest.mark.parametrize(("tag", "kind"), [(270, 2), (700, 1), (34675, 7), (37724, 7), (34377, 1)])
def test_texts_and_bytes_of_a_tiff_may_be_long(tag: int, kind: int) -> None:
    assert probe(tiff((tag, kind, MEGABYTES, 0)), LIMITS).width == 4


def test_a_tiff_with_a_strip_for_every_row_is_shown() -> None:
    data = encoded(Image.new("L", (1, 65_535), 200), "TIFF", tiffinfo={278: 1}, strip_size=1)
    assert opened(thumbnail(data, 100)).size == (1, 100)


def test_the_exif_within_a_tiff_is_not_read() -> None:
    inner = directory(*((tag, RATIONAL, MANY, 0) for tag in (33434, 33437, 37386)))[8:]
    plain = tiff((34665, 4, 1, 0))
    data = bytearray(tiff((34665, 4, 1, len(plain))) + inner)
    assert peak(lambda: thumbnail(bytes(data), 4)) < 6 * MEGABYTES
