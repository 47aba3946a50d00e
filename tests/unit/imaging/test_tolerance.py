"""Files with faults that browsers overlook."""

import io
import struct

import pytest

from quickthumb.imaging.formats.jpeg import MOST_SEGMENTS
from quickthumb.imaging.source import probe
from quickthumb.limits import Limits
from quickthumb.problems import Corrupt, TooManyPixels
from tests.unit.imaging.containers import chunk, jpeg_with, png_with
from tests.unit.imaging.pictures import LIMITS, encoded, photo, thumbnail

EXIF_TURNED = b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
SCAN = b"\xff\xda\0\x08\1\1\0\0\x3f\0"


def miscounted(whole: bytes) -> bytes:
    """Return a chunk whose checksum is wrong."""
    return whole[:-1] + bytes((whole[-1] ^ 1,))


@pytest.mark.parametrize(
    "broken",
    [
        miscounted(chunk(b"tEXt", b"Comment\0caf\xe9")),
        miscounted(chunk(b"gAMA", struct.pack(">I", 100_000))),
        miscounted(chunk(b"cHRM", bytes(32))),
        miscounted(chunk(b"eXIf", EXIF_TURNED)),
        miscounted(chunk(b"acTL", struct.pack(">II", 2, 0))),
        miscounted(chunk(b"tRNS", bytes(6))),
        miscounted(chunk(b"teSt", b"of no known type")),
        chunk(b"gAMA", b"\0\1"),
        chunk(b"cHRM", bytes(31)),
        chunk(b"sRGB"),
        chunk(b"pHYs", bytes(5)),
        chunk(b"tRNS", b"\0"),
        chunk(b"acTL", b"\0\0\0\2"),
        chunk(b"fcTL", bytes(20)),
        chunk(b"iCCP", b"name\0\7not zlib"),
        chunk(b"iCCP", b"name without an end"),
        chunk(b"t\1\2\3", b"of no possible type"),
    ],
    ids=lambda broken: repr(broken[4:20]),
)
def test_a_png_is_shown_without_a_broken_chunk_that_its_pixels_do_not_need(broken: bytes) -> None:
    plain = png_with()
    assert thumbnail(png_with(broken), 32).data == thumbnail(plain, 32).data
    behind = plain[:-12] + broken + plain[-12:]
    assert thumbnail(behind, 32).data == thumbnail(plain, 32).data


@pytest.mark.parametrize("kind", [b"PLTE", b"ABCD"])
def test_a_png_with_a_broken_chunk_that_may_be_needed_is_refused(kind: bytes) -> None:
    with pytest.raises(Corrupt, match=f"The {kind.decode()} chunk of the PNG picture is damaged"):
        probe(png_with(miscounted(chunk(kind, bytes(3)))), LIMITS)


def test_the_orientation_of_a_whole_chunk_counts_beside_a_broken_one() -> None:
    turned = chunk(b"eXIf", EXIF_TURNED)
    assert probe(png_with(miscounted(turned)), LIMITS).orientation == 1
    assert probe(png_with(miscounted(turned), turned), LIMITS).orientation == 6


@pytest.mark.parametrize("segment", [b"\xff\xe0\0\6JFIF", b"\xff\xee\0\7Adobe"])
def test_a_jpeg_is_shown_without_a_segment_that_is_too_short(segment: bytes) -> None:
    assert thumbnail(jpeg_with(segment), 32).data == thumbnail(jpeg_with(b""), 32).data


def progressive(*, inside: bytes = b"", behind: bytes = b"") -> bytes:
    """Return a JPEG of ten scans with something in its metadata, and behind its end."""
    data = encoded(photo(64, 48), "JPEG", progressive=True)
    segment = b"\xff\xed" + struct.pack(">H", 2 + len(inside)) + inside
    return data[:2] + segment + data[2:] + behind


def scans(data: bytes) -> bool:
    """Tell whether a JPEG has ten scans: neither more nor less are accepted."""
    with pytest.raises(TooManyPixels, match="has 10 scans"):
        probe(data, Limits(max_scans=9))
    return bool(probe(data, Limits(max_scans=10)))


def test_what_looks_like_scans_within_metadata_is_none() -> None:
    out = io.BytesIO()
    photo(32, 24).save(out, "JPEG", progressive=True)
    assert scans(progressive(inside=SCAN * 200))
    assert scans(progressive(inside=b"Exif\0\0" + out.getvalue() * 4))


def test_what_looks_like_scans_behind_the_picture_is_none() -> None:
    video = b"\0\0\0\x18ftypmp42" + SCAN * 5_000
    assert scans(progressive(behind=video))
    assert scans(progressive(behind=progressive() * 20))


def test_scans_between_which_there_is_metadata_are_counted() -> None:
    data = progressive()
    first = data.index(b"\xff\xda")
    second = data.index(b"\xff\xda", first + 2)
    comment = b"\xff\xfe" + struct.pack(">H", 2 + len(SCAN)) + SCAN
    assert scans(data[:second] + comment * 3 + data[second:])


def test_scans_are_counted_whatever_rubbish_is_between_them() -> None:
    data = progressive()
    end = data.rindex(b"\xff\xd9")
    rubbish = b"\xff\0\xff\xd3\xff\xff\xff\1\xff\x02\0"
    many = data[:end] + (rubbish + SCAN) * 95 + data[end:]
    with pytest.raises(TooManyPixels, match="has 105 scans"):
        probe(many, LIMITS)


def test_a_jpeg_with_countless_segments_between_its_scans_is_refused() -> None:
    data = progressive()
    end = data.rindex(b"\xff\xd9")
    many = data[:end] + b"\xff\xfe\0\2" * MOST_SEGMENTS + data[end:]
    with pytest.raises(Corrupt, match="segments between its scans"):
        probe(many, LIMITS)
