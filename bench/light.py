"""Compares reducing pictures as they are encoded (in gamma) with reducing them in linear light.

    .venv/bin/python -m bench.light [--rounds 5] [--pictures FILE.webp]

For each case: how much of the light of the original the thumbnail has, with our reduction and with
one in linear light; and PSNR and SSIM between the two. Then CPU time for 12 megapixels: ours,
libvips in gamma and libvips in linear light. `--pictures` writes the cases side by side.
"""

import argparse
import io
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bench.imaging import ssim
from bench.imaging_inputs import SAMPLES, encoded, mosaic
from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.engines import vips
from quickthumb.imaging.render import render
from quickthumb.limits import Limits

_SIDE = 1024
_TO = 256
_SHOWN = 128


def lines() -> Image.Image:
    """Return light lines of one pixel on dark, in all directions."""
    image = Image.new("RGB", (_SIDE, _SIDE), "#101018")
    draw = ImageDraw.Draw(image)
    for end in range(0, 2 * _SIDE, 64):
        draw.line((0, 0, min(end, _SIDE), min(2 * _SIDE - end, _SIDE)), fill="white")
    return image


def stars() -> Image.Image:
    """Return white pixels on black, one in five hundred."""
    image = Image.new("RGB", (_SIDE, _SIDE))
    chance = random.Random(3)  # noqa: S311  # no secret
    for _ in range(_SIDE * _SIDE // 500):
        image.putpixel((chance.randrange(_SIDE), chance.randrange(_SIDE)), (255, 255, 255))
    return image


def checker() -> Image.Image:
    """Return black and white pixels in turn."""
    levels = (np.indices((_SIDE, _SIDE)).sum(0) % 2 * 255).astype(np.uint8)
    return Image.fromarray(levels).convert("RGB")


def cases() -> dict[str, Image.Image]:
    """Return the bad cases, then the samples."""
    made = {"thin light lines": lines(), "stars": stars(), "checker of 1 pixel": checker()}
    photographs = {path.name: Image.open(path).convert("RGB") for path in SAMPLES.glob("*.*g")}
    return {**made, **dict(sorted(photographs.items()))}


def to_light(image: Image.Image) -> NDArray[np.float64]:
    """Return linear light, 0 to 1 (IEC 61966-2-1)."""
    levels = np.asarray(image, np.float64) / 255
    light: NDArray[np.float64] = np.where(
        levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4
    )
    return light


def from_light(light: NDArray[np.float64]) -> Image.Image:
    """Return a picture in sRGB."""
    light = np.clip(light, 0, 1)
    levels = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return Image.fromarray(np.round(levels * 255).astype(np.uint8))


def in_light(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Reduce in linear light, with Lanczos."""
    light = to_light(image).astype(np.float32)
    channels = [
        Image.fromarray(light[..., band]).resize(size, Image.Resampling.LANCZOS)
        for band in range(3)
    ]
    return from_light(np.stack([np.asarray(each, np.float64) for each in channels], -1))


def ours(image: Image.Image) -> Image.Image:
    """Return our thumbnail, without loss."""
    rendition = Rendition("thumbnail", _TO, _TO, format="png")
    [made] = render(encoded(image, "PNG"), [rendition], Limits()).thumbnails
    return Image.open(io.BytesIO(made.data)).convert("RGB")


def show_cases() -> list[Image.Image]:
    """Print a line for each case; return original, ours and linear, the same part of each."""
    print(f"{'case':22} light kept: ours   linear    PSNR between   SSIM")
    shown = []
    for name, image in cases().items():
        gamma = ours(image)
        linear = in_light(image, gamma.size)
        whole = to_light(image).mean()
        kept = [f"{to_light(each).mean() / whole:8.0%}" for each in (gamma, linear)]
        difference = np.asarray(gamma, np.float64) - np.asarray(linear, np.float64)
        square = float((difference**2).mean())
        decibels = 99.0 if square == 0 else float(10 * np.log10(255**2 / square))
        print(f"{name:22} {kept[0]:>16} {kept[1]} {decibels:11.1f} dB {ssim(gamma, linear):8.3f}")
        box = (0, 0, min(_SHOWN, gamma.width), min(_SHOWN, gamma.height))
        row = Image.new("RGB", (3 * _SHOWN + 16, _SHOWN), "white")
        for column, each in enumerate((image, gamma, linear)):
            row.paste(each.crop(box), (column * (_SHOWN + 8), 0))
        shown.append(row)
    return shown


def show_times(rounds: int) -> None:
    """Print the CPU time of 12 megapixels."""
    data = encoded(mosaic(4000, 3000), "JPEG", quality=90)
    library = vips.library().Image

    def by_vips(*, linear: bool) -> Callable[[], object]:
        return lambda: library.thumbnail_buffer(
            data, _TO, height=_TO, size="down", linear=linear
        ).jpegsave_buffer(Q=80, keep="none")

    contenders: dict[str, Callable[[], object]] = {
        "ours": lambda: render(data, [Rendition.square(_TO)], Limits()),
        "libvips": by_vips(linear=False),
        "libvips, linear light": by_vips(linear=True),
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds + 1):
        for name, make in contenders.items():
            before = time.process_time()
            make()
            times[name].append((time.process_time() - before) * 1e3)
    print(f"\n12 megapixels, JPEG, to {_TO} pixels, CPU")
    for name, taken in times.items():
        print(f"{name:22} {statistics.median(taken[1:]):6.0f} ms")


def main() -> None:
    """Print everything, and write the pictures."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.light", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (default 5)")
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args()
    rows = show_cases()[:3]
    if options.pictures:
        sheet = Image.new("RGB", (rows[0].width, len(rows) * (_SHOWN + 8) - 8), "white")
        for number, row in enumerate(rows):
            sheet.paste(row, (0, number * (_SHOWN + 8)))
        sheet.save(options.pictures, lossless=True)
    show_times(options.rounds)


if __name__ == "__main__":
    main()
