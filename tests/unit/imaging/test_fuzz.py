"""Any bytes become a thumbnail or one of our errors."""

import io
import warnings
from contextlib import suppress
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.formats import EXTRA
from quickthumb.imaging.render import render
from quickthumb.imaging.source import probe
from quickthumb.limits import Limits
from quickthumb.problems import Unprocessable
from tests.unit.imaging.pictures import KINDS, encoded, opened, photo

LIMITS = Limits(max_pixels=1_000_000, max_seconds=5, extra_formats=EXTRA)
FORMATS = (*KINDS, "PROGRESSIVE", "MPO", "APNG")


@cache
def seed(name: str) -> bytes:
    """Return a small valid file."""
    image = photo(48, 32)
    match name:
        case "PROGRESSIVE":
            return encoded(image, "JPEG", progressive=True)
        case "APNG":
            return encoded(image, "PNG", save_all=True, append_images=[photo(48, 32).convert("L")])
        case "TIFF":
            return encoded(image, "TIFF", compression="tiff_lzw")
        case "HEIF":
            heif = pytest.importorskip("pillow_heif")
            out = io.BytesIO()
            heif.from_pillow(photo(64, 64)).save(out)
            return out.getvalue()
        case _:
            return encoded(image, name)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a valid file with some bytes changed, cut out, repeated or appended."""
    data = bytearray(seed(draw(st.sampled_from(FORMATS))))
    for _ in range(draw(st.integers(1, 6))):
        # Most of what parsers trip over is in the first bytes.
        near = draw(st.booleans())
        at = draw(st.integers(0, min(len(data), 200) if near else len(data)))
        piece = draw(st.binary(min_size=0, max_size=8))
        match draw(st.sampled_from(("change", "insert", "cut", "repeat"))):
            case "change":
                data[at : at + len(piece)] = piece
            case "insert":
                data[at:at] = piece
            case "cut":
                del data[at : at + draw(st.integers(1, 400))]
            case "repeat":
                data[at:at] = data[at : at + 64]
    return bytes(data)


def is_done_or_refused(data: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # readers tell of what they skip
        with suppress(Unprocessable):
            probe(data, LIMITS)
        with suppress(Unprocessable):
            done = render(data, [Rendition.square(16), Rendition("c", 8, 9, "cover")], LIMITS)
            assert max(opened(done.thumbnails[0]).size) <= 16


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_damaged_pictures_are_done_or_refused(data: bytes) -> None:
    is_done_or_refused(data)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([seed(name)[:12] for name in KINDS if name != "HEIF"]),
    st.binary(max_size=300),
)
def test_a_right_beginning_with_anything_behind_it_is_refused_or_done(
    head: bytes, tail: bytes
) -> None:
    is_done_or_refused(head + tail)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=500))
def test_any_bytes_are_refused_or_done(data: bytes) -> None:
    is_done_or_refused(data)
