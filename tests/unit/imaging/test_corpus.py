"""All pictures of Pillow's own tests: odd, broken and hostile ones of all formats.

They come with Pillow's source distribution, which is fetched once and kept in pytest's cache.
"""

import subprocess
import sys
import tarfile
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path, PurePosixPath

import PIL
import pytest
from PIL import Image, ImageOps

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.render import render
from quickthumb.limits import Limits
from quickthumb.problems import QuickThumbError
from tests.unit.imaging.pictures import opened, psnr

pytestmark = pytest.mark.slow

SIZE = 96
SECONDS_FOR_ALL = 600
"""Ten times what a busy machine needs: only a hang takes longer."""
ALIKE = 24
"""Decibels between a thumbnail, encoded, and Pillow's own reading of the whole picture."""

CALIBRATED = {"bmp-g-pal8v4.bmp"}
"""With exponents, to which Pillow pays no attention. Chromium shows the same as we do."""


@dataclass(frozen=True)
class Outcome:
    """How one file ended: a code of ours, "thumbnail", or what must not be."""

    name: str
    ended: str
    likeness: float | None = None


OTHERWISE_IN_BROWSERS = {
    "apng-chunk_multi_actl.png",  # they show the first frame of the animation
    "rgb32bf-abgr.bmp",  # its alpha is 0 everywhere, which they ignore
}


def outcome(path: Path) -> Outcome:
    warnings.simplefilter("ignore")
    name = path.name
    try:
        done = render(path.read_bytes(), [Rendition("it", SIZE, SIZE, format="png")], Limits())
    except QuickThumbError as refusal:
        return Outcome(name, getattr(refusal, "code", "not final"))
    except BaseException as error:
        return Outcome(name, f"{type(error).__name__} escaped: {error}")
    [picture] = done.thumbnails
    with opened(picture) as image:
        return Outcome(name, "thumbnail", likeness(path, image))


def likeness(path: Path, thumbnail: Image.Image) -> float | None:
    """Return how alike the thumbnail is to Pillow's picture, None where Pillow shows none."""
    try:
        with Image.open(path) as whole:
            if whole.mode in ("I", "F", "I;16", "I;16B", "LAB"):
                return None  # brightness without bounds
            if not {"icc_profile", "gamma"}.isdisjoint(whole.info) or path.name in CALIBRATED:
                return None  # colours that Pillow does not convert
            if getattr(whole, "default_image", False):
                return None  # a still that is no frame of the animation
            if path.name in OTHERWISE_IN_BROWSERS:
                return None
            expected = ImageOps.exif_transpose(whole).convert("RGBA")
    except Exception:
        return None
    expected = expected.resize(thumbnail.size, Image.Resampling.LANCZOS)
    return psnr(on_white(thumbnail.convert("RGBA")), on_white(expected))


def on_white(image: Image.Image) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


@pytest.fixture(scope="module")
def corpus(pytestconfig: pytest.Config) -> list[Path]:
    cache = pytestconfig.cache
    assert cache is not None
    folder = cache.mkdir(f"pillow-{PIL.__version__}")
    images = folder / "images"
    if not images.exists():
        fetch(folder)
    return sorted(path for path in images.iterdir())


def fetch(folder: Path) -> None:
    """Download the source distribution with pip and unpack its pictures."""
    wanted = f"pillow=={PIL.__version__}"
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "pillow"]
    try:
        subprocess.run([*pip, "-d", str(folder), wanted], check=True, timeout=120)
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"needs pip and a package index to fetch the source of {wanted}: {error}")
    [archive] = folder.glob("*.tar.gz")
    unpacked = folder / "unpacked"
    unpacked.mkdir(exist_ok=True)
    with tarfile.open(archive) as source:
        for each in source:
            parts = PurePosixPath(each.name).parts[1:]  # below the folder of the release
            if each.isfile() and parts[:2] == ("Tests", "images"):
                content = source.extractfile(each)
                assert content is not None
                (unpacked / "-".join(parts[2:])).write_bytes(content.read())
    unpacked.rename(folder / "images")
    archive.unlink()


def test_every_file_becomes_a_right_thumbnail_or_is_refused_by_name(corpus: list[Path]) -> None:
    assert len(corpus) > 500
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        outcomes = list(pool.map(outcome, corpus, timeout=SECONDS_FOR_ALL, chunksize=8))
    assert [each for each in outcomes if "escaped" in each.ended] == []
    assert {each.ended for each in outcomes} <= {
        "thumbnail",
        "not-a-picture",
        "unsupported-format",
        "too-many-pixels",
        "corrupt",
    }
    assert Counter(each.ended for each in outcomes)["thumbnail"] > 300
    compared = [each for each in outcomes if each.likeness is not None]
    assert len(compared) > 300
    assert [each for each in compared if each.likeness < ALIKE] == []
