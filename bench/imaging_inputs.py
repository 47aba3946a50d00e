"""Pictures for benchmarks: mosaics of the samples at native resolution, with sensor noise.

Upscaled or noise-free pictures do not compress and decode like photographs.
"""

import io
import random
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SAMPLES = Path(__file__).parents[1] / "tests" / "fixtures" / "samples"
NOISE = 3.0
"""Standard deviation of the noise, of 255 levels."""


def mosaic(width: int, height: int) -> Image.Image:
    """Return a deterministic collage of the samples in columns."""
    choice = random.Random(7)  # noqa: S311  # no secret
    samples = [Image.open(path).convert("RGB") for path in sorted(SAMPLES.glob("*.*g"))]
    collage = Image.new("RGB", (width, height))
    for left in range(0, width, 450):
        top = 0
        while top < height:
            tile = choice.choice(samples)
            if choice.random() < 0.5:
                tile = tile.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            collage.paste(tile, (left, top))
            top += tile.height
    noise = np.random.default_rng(7)
    rows = np.asarray(collage).copy()
    for row in rows:  # one by one: noise for all of a large picture takes gigabytes
        row[:] = np.clip(row + noise.normal(0.5, NOISE, row.shape), 0, 255)
    return Image.fromarray(rows)


def photograph() -> bytes:
    """Return a JPEG of about 0.8 MB: samples side by side at their own resolution."""
    whole = Image.new("RGB", (2000, 1472))
    hubble = Image.open(SAMPLES / "hubble_deep_field.jpg")
    coffee = Image.open(SAMPLES / "coffee.png").convert("RGB")
    for left in (0, 1000):
        whole.paste(hubble, (left, 0))
    for left in range(0, 2000, 600):
        for top in (872, 1272):
            whole.paste(coffee, (left, top))
    return encoded(whole, "JPEG", quality=90)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Encode a picture in a format of Pillow."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def inputs() -> dict[str, bytes]:
    """Return the inputs of the benchmark: a picture of 12 megapixels, and a small one."""
    large, small = mosaic(4000, 3000), mosaic(640, 480)
    return {
        "jpeg": encoded(large, "JPEG", quality=90),
        "progressive": encoded(large, "JPEG", quality=90, progressive=True),
        "png": encoded(large, "PNG"),
        "webp": encoded(large, "WEBP", quality=85, method=2),
        "small": encoded(small, "JPEG", quality=85),
    }
