"""Measures the peak memory of making thumbnails.

    .venv/bin/python -m bench.imaging_memory

makes a thumbnail of 4096 and one of 256 pixels from a picture of 50 megapixels in every format,
each in a process of its own, and prints the peak memory: beyond imports and the file, and in total.
With a file and a size, it prints both for that file. In megabytes.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from bench.imaging_inputs import encoded, mosaic
from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.engines import vips
from quickthumb.imaging.render import render
from quickthumb.limits import Limits
from quickthumb.problems import Unprocessable


def memory(field: str) -> float:
    """Return a field of /proc/self/status, see proc(5), megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise ValueError(f"{field}: not in /proc/self/status")


def one(path: Path, size: int) -> str:
    """Make a thumbnail; return the memory that it added, and the total, megabytes."""
    data = path.read_bytes()
    vips.is_there()
    before = memory("VmRSS")
    try:
        render(data, [Rendition.square(size)], Limits())
        end = ""
    except Unprocessable as refusal:
        end = f" {refusal.code}"
    return f"{memory('VmHWM') - before:.1f} {memory('VmHWM'):.1f}{end}"


def large() -> Iterator[tuple[str, bytes]]:
    """Yield pictures of 50 megapixels in each format, smooth enough to take less than 32 MiB."""
    image = mosaic(8640, 5784)
    yield "baseline JPEG", encoded(image, "JPEG", quality=85)
    yield "progressive JPEG", encoded(image, "JPEG", quality=85, progressive=True)
    yield "progressive 4:4:4", encoded(image, "JPEG", progressive=True, subsampling="4:4:4")
    yield "progressive CMYK", encoded(image.convert("CMYK"), "JPEG", progressive=True)
    yield "WebP", encoded(image, "WEBP", quality=80, method=0)
    yield "AVIF", encoded(image, "AVIF", quality=60, speed=10)
    yield "palette PNG", encoded(image.quantize(64), "PNG", compress_level=1)
    yield "GIF", encoded(image.quantize(64), "GIF")
    flat = image.resize((540, 361)).resize(image.size, Image.Resampling.NEAREST)
    yield "PNG", encoded(flat, "PNG", compress_level=1)
    transparent = flat.copy()
    transparent.putalpha(flat.getchannel("R"))
    yield "transparent PNG", encoded(transparent, "PNG", compress_level=1)
    yield "transparent WebP", encoded(transparent, "WEBP", quality=80, method=0)
    yield "lossless WebP", encoded(flat, "WEBP", lossless=True, quality=0, method=0)
    yield "TIFF", encoded(flat, "TIFF", compression="tiff_adobe_deflate")
    frames = [image.crop((20 * each, 0, 20 * each + 1000, 1000)) for each in range(38)]
    several = {"save_all": True, "append_images": frames[1:], "duration": 50}
    yield "animated WebP", encoded(frames[0], "WEBP", quality=60, method=0, **several)
    yield "animated GIF", encoded(frames[0], "GIF", **several)


def main() -> None:
    """Print a table, or the figures for one file."""
    if len(sys.argv) == 3:
        print(one(Path(sys.argv[1]), int(sys.argv[2])))
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        print(f"{'50 megapixels':20} {'MB':>6} {'size':>5} {'added':>6} {'total':>7}")
        for name, data in large():
            path.write_bytes(data)
            for size in (256, 4096):
                again = [sys.executable, "-m", "bench.imaging_memory", str(path), str(size)]
                shown = subprocess.run(again, capture_output=True, check=True, text=True)
                above, everything, *end = shown.stdout.split()
                weight = len(data) / 1e6
                print(f"{name:20} {weight:6.1f} {size:5} {above:>6} {everything:>7}", *end)


if __name__ == "__main__":
    main()
