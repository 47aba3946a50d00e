"""Measures what Huffman tables of their own do to JPEG thumbnails: bytes, and CPU time.

    .venv/bin/python -m bench.huffman [--sharp FOLDER]

The samples are reduced to several sizes and encoded at our default quality, with the standard
tables and with tables made for each picture. With `--sharp` (or QUICKTHUMB_SHARP), a folder in
which `npm install sharp` was run, the same pixels are also encoded by sharp at that quality, and
SSIM to the pixels is shown of both.
"""

import argparse
import base64
import io
import json
import os
import subprocess
import time
from pathlib import Path
from statistics import mean

from PIL import Image

from bench.imaging import ssim
from bench.imaging_inputs import SAMPLES
from quickthumb.imaging.encode import encode
from quickthumb.imaging.formats.jpeg import JPEG

SIZES = (32, 64, 96, 128, 192, 256, 384, 512)

SHARP_SCRIPT = """
const sharp = require("sharp");
require("readline").createInterface({ input: process.stdin }).on("line", async (line) => {
  const [png, quality] = JSON.parse(line);
  const jpeg = await sharp(Buffer.from(png, "base64")).jpeg({ quality }).toBuffer();
  console.log(jpeg.toString("base64"));
});
"""

QUALITY = JPEG.writer.quality


def thumbnails(size: int) -> list[Image.Image]:
    """Return the samples at a longest side, pixels."""
    made = []
    for path in sorted(SAMPLES.glob("*.*g")):
        image = Image.open(path).convert("RGB")
        image.thumbnail((size, size), Image.Resampling.LANCZOS)
        made.append(image)
    return made


def encoded(image: Image.Image, *, own_tables: bool) -> bytes:
    """Encode a JPEG."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY, optimize=own_tables)
    return out.getvalue()


def milliseconds(images: list[Image.Image], *, own_tables: bool) -> float:
    """Return the CPU time of encoding one of them, the least of five rounds."""
    often = max(1, 100_000 // sum(image.width * image.height for image in images))
    rounds = []
    for _ in range(5):
        before = time.process_time()
        for _ in range(often):
            for image in images:
                encoded(image, own_tables=own_tables)
        rounds.append((time.process_time() - before) / often / len(images) * 1e3)
    return min(rounds)


def likeness(images: list[Image.Image], files: list[bytes]) -> float:
    """Return the mean SSIM of JPEGs to the pixels that they were made of."""
    return mean(
        ssim(image, Image.open(io.BytesIO(data))) for image, data in zip(images, files, strict=True)
    )


def by_sharp(folder: Path, images: list[Image.Image]) -> list[bytes]:
    """Encode with sharp."""
    lines = []
    for image in images:
        out = io.BytesIO()
        image.save(out, "PNG")
        lines.append(json.dumps([base64.b64encode(out.getvalue()).decode(), QUALITY]))
    files = []
    for line in lines:  # one process each, since answers may come in any order
        done = subprocess.run(
            ["node", "-e", SHARP_SCRIPT],  # noqa: S607  # the user's own Node
            cwd=folder,
            input=line,
            capture_output=True,
            check=True,
            text=True,
        )
        files.append(base64.b64decode(done.stdout))
    return files


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.huffman", description=__doc__)
    parser.add_argument("--sharp", type=Path, default=os.environ.get("QUICKTHUMB_SHARP"))
    options = parser.parse_args()
    print(f"JPEG at quality {QUALITY}, means of the samples")
    print(" side   standard        own tables      saved     written by us" + " " * 7 + "sharp")
    for size in SIZES:
        images = thumbnails(size)
        columns = []
        for own in (False, True):
            files = [encoded(image, own_tables=own) for image in images]
            columns.append((sum(map(len, files)), milliseconds(images, own_tables=own)))
        (plain, quick), (packed, slow) = columns
        ours = [encode(image, JPEG, QUALITY) for image in images]
        row = f"{size:5} {plain / len(images):6.0f} B {quick:5.2f} ms "
        row += f"{packed / len(images):6.0f} B {slow:5.2f} ms {1 - packed / plain:6.1%}"
        row += f"   {mean(map(len, ours)):6.0f} B {likeness(images, ours):.4f}"
        if options.sharp:
            theirs = by_sharp(options.sharp, images)
            row += f"   {mean(map(len, theirs)):6.0f} B {likeness(images, theirs):.4f}"
        print(row)


if __name__ == "__main__":
    main()
