"""Measures the peak memory of making thumbnails.

    .venv/bin/python -m bench.imaging_memory

makes a thumbnail of 4096 and one of 256 pixels from a picture of 50 megapixels in every format, or
from the largest that is accepted, each in a process of its own, and prints the peak memory: beyond
imports and the file, what was estimated from the header, and in total. `--only` names pictures.
With a file, a size, and a format if you like, it prints these for that file. In megabytes.

A job decodes once there is memory for its estimate (functions/quickthumb/kitchen). Finally all
pictures are done together, ten at once by two decoders as in an instance of `resize`, and the peak
memory of all processes is printed, beyond what they hold when idle. It exits with 1 if a picture
took more than its estimate, or all together more than jobs share.
"""

import argparse
import os
import re
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from bench.imaging_inputs import encoded, mosaic
from bench.processes import Processes
from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.formats import AUTO, EXTRA
from quickthumb.imaging.render import prepare
from quickthumb.kitchen import Kitchen
from quickthumb.kitchen.confinement import BESIDE
from quickthumb.kitchen.cook import load
from quickthumb.limits import JOBS_BYTES, Limits
from quickthumb.problems import Unavailable, Unprocessable

AT_ONCE, DECODERS = 10, 2
"""Jobs, and pictures that are decoded, as in infra/topology.yaml."""

THUMBNAILS = ((256, AUTO), (4096, AUTO), (2600, "avif"), (4096, "webp"), (4096, "png"))
"""Sizes and formats. AVIF is refused above 9.6 megapixels."""

LIMITS = Limits(extra_formats=EXTRA)


def memory(field: str) -> float:
    """Return a field of /proc/self/status, see proc(5), megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise ValueError(f"{field}: not in /proc/self/status")


@dataclass(frozen=True, slots=True)
class Peak:
    """The memory of making a thumbnail, megabytes.

    Attributes:
        added: beyond imports and the file.
        estimated: upper bound of that, from the header.
        total: of the process.
        end: the code of the failure, if there was one.
    """

    added: float
    estimated: float
    total: float
    end: str = ""

    @property
    def is_within(self) -> bool:
        """Whether a job may take it, with what every job is granted beside its estimate."""
        return self.added <= self.estimated + BESIDE / 2**20


def one(path: Path, size: int, format: str = AUTO) -> Peak:
    """Make a thumbnail in this process, which can measure it only once."""
    load(EXTRA)
    data = path.read_bytes()
    before, estimated, end = memory("VmRSS"), 0, ""
    try:
        work = prepare(data, [Rendition(str(size), size, size, format=format)], LIMITS)
        estimated = work.memory
        work.make()
    except Unprocessable as refusal:
        end = refusal.code
    return Peak(memory("VmHWM") - before, estimated / 2**20, memory("VmHWM"), end)


def measured(path: Path, size: int, format: str = AUTO) -> Peak:
    """Make a thumbnail in a process of its own."""
    again = [sys.executable, "-m", "bench.imaging_memory", str(path), str(size), format]
    shown = subprocess.run(again, capture_output=True, check=True, text=True)
    added, estimated, total, *end = shown.stdout.split()
    return Peak(float(added), float(estimated), float(total), *end)


def large() -> Mapping[str, Callable[[], bytes]]:
    """Return functions that make the pictures, smooth enough to take less than 32 MiB."""
    image = mosaic(8640, 5784)
    flat = image.resize((540, 361)).resize(image.size, Image.Resampling.NEAREST)
    transparent = flat.copy()
    transparent.putalpha(flat.getchannel("R"))
    frames = [image.crop((20 * each, 0, 20 * each + 1000, 1000)) for each in range(38)]
    several = {"save_all": True, "append_images": frames[1:], "duration": 50}

    def of(image: Image.Image, kind: str, **options: object) -> Callable[[], bytes]:
        return lambda: encoded(image, kind, **options)

    return {
        "baseline JPEG": of(image, "JPEG", quality=85),
        "progressive JPEG": of(image, "JPEG", quality=85, progressive=True),
        "progressive 4:4:4": of(image, "JPEG", progressive=True, subsampling="4:4:4"),
        "progressive CMYK": lambda: encoded(image.convert("CMYK"), "JPEG", progressive=True),
        "WebP": of(image, "WEBP", quality=80, method=0),
        "AVIF": of(image, "AVIF", quality=60, speed=10),
        "palette PNG": lambda: encoded(image.quantize(64), "PNG", compress_level=1),
        "GIF": lambda: encoded(image.quantize(64), "GIF"),
        "PNG": of(flat, "PNG", compress_level=1),
        "transparent PNG": of(transparent, "PNG", compress_level=1),
        "transparent WebP": of(transparent, "WEBP", quality=80, method=0),
        "lossless WebP": of(flat, "WEBP", lossless=True, quality=0, method=0),
        "TIFF": of(flat, "TIFF", compression="tiff_adobe_deflate"),
        "animated WebP": of(frames[0], "WEBP", quality=60, method=0, **several),
        "animated GIF": of(frames[0], "GIF", **several),
        "AVIF sequence": of(frames[0], "AVIF", quality=60, speed=10, **several),
        "BMP of masks": lambda: _masked_bmp(2700, 2700),
        **_further(flat, transparent),
    }


def _further(flat: Image.Image, transparent: Image.Image) -> Mapping[str, Callable[[], bytes]]:
    """Return functions that make pictures of further formats, as large as they are accepted."""
    smaller, clear = flat.crop((0, 0, 6000, 4600)), transparent.crop((0, 0, 5000, 4000))
    grey = flat.convert("L")
    tiles = {"tile_size": (512, 512), "irreversible": True, "quality_layers": [40]}

    def jxl(image: Image.Image, **options: object) -> Callable[[], bytes]:
        def made() -> bytes:
            import pillow_jxl  # noqa: F401  # teaches Pillow

            return encoded(image, "JXL", effort=1, num_threads=0, **options)

        return made

    return {
        "JPEG XL": jxl(smaller),
        "lossless JPEG XL": jxl(smaller, lossless=True),
        "transparent JPEG XL": jxl(clear),
        "deep JPEG XL": jxl(grey.crop((0, 0, 3700, 3500)).convert("I;16")),
        "JPEG 2000": lambda: encoded(smaller.crop((0, 0, 5000, 2700)), "JPEG2000"),
        "JPEG 2000, one tile": lambda: encoded(smaller.crop((0, 0, 3700, 3700)), "JPEG2000"),
        "grey JPEG 2000": lambda: encoded(grey.crop((0, 0, 5400, 4600)), "JPEG2000"),
        "tiled JPEG 2000": lambda: encoded(flat.crop((0, 0, 7000, 5700)), "JPEG2000", **tiles),
        "PSD": lambda: _psd(grey, 8),
        "deep PSD": lambda: _psd(grey.crop((0, 0, 5000, 3000)), 16),
        "ICO of a PNG": lambda: _ico(encoded(smaller, "PNG", compress_level=1)),
        "ICO": lambda: _ico(_icon_bitmap(2700)),
        "PDF of a JPEG": lambda: encoded(flat, "PDF"),
        "SVG of 25,000 shapes": lambda: _svg(25_000),
    }


def _masked_bmp(width: int, height: int) -> bytes:
    masks = struct.pack("<IIII", 0x3FF, 0xFFC00, 0x3FF00000, 0xC0000000)
    info = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, 0, 0, 0, 0, 0) + masks
    pixels = bytes(range(256)) * (width * height // 64 + 1)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 122) + info.ljust(108, b"\0") + pixels


def _psd(image: Image.Image, bits: int) -> bytes:
    """Return a PSD whose three channels are the same, of runs as long as the rows allow."""
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, image.height, image.width, bits, 3)
    rows = [_packed(image, top, bits) for top in range(image.height)] * 3
    lengths = struct.pack(f">{len(rows)}H", *map(len, rows))
    return head + bytes(12) + b"\0\1" + lengths + b"".join(rows)


def _packed(image: Image.Image, top: int, bits: int) -> bytes:
    row = image.crop((0, top, image.width, top + 1)).tobytes()
    if bits == 16:
        row = bytes(level for each in row for level in (each, each))
    runs = ((level, len(list(alike))) for level, alike in groupby(row))
    return b"".join(
        bytes((257 - min(count - at, 128), level)) if count - at > 1 else bytes((0, level))
        for level, count in runs
        for at in range(0, count, 128)
    )


def _ico(image: bytes) -> bytes:
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, len(image), 22) + image


def _icon_bitmap(side: int) -> bytes:
    pixels = bytes(range(256)) * (side * side // 64 + 1)
    info = struct.pack("<IiiHHIIiiII", 40, side, 2 * side, 1, 32, 0, 0, 0, 0, 0, 0)
    return info + pixels[: 4 * side * side] + bytes(-(-side // 32) * 4 * side)


def _svg(shapes: int) -> bytes:
    inner = "".join(
        f'<circle cx="{n % 4000}" cy="{n % 2999}" r="9" opacity="0.5"/>' for n in range(shapes)
    )
    size = 'width="4000" height="3000"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{inner}</svg>'.encode()


def together(folder: Path) -> float:
    """Do all pictures of a folder as an instance does; return the memory that takes, megabytes."""
    kitchen = Kitchen(LIMITS, DECODERS)
    processes = Processes(os.getpid())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        tiny = encoded(Image.new("RGB", (8, 8)), "PNG")
        list(pool.map(lambda _: kitchen.render(tiny, [Rendition.square(8)]), range(AT_ONCE)))
        with processes.watched():
            time.sleep(1)
        idle = processes.peak
        jobs = [(path, *each) for path in sorted(folder.iterdir()) for each in THUMBNAILS[:2]]
        with processes.watched():
            list(pool.map(lambda job: _do(kitchen, *job), jobs))
    kitchen.close()
    return processes.peak - idle


def _do(kitchen: Kitchen, path: Path, size: int, format: str) -> None:
    wanted = [Rendition(str(size), size, size, format=format)]
    while True:
        try:
            with suppress(Unprocessable), kitchen.job(path.stat().st_size) as job:
                job.render(path.read_bytes(), wanted)
            return
        except Unavailable:
            pass  # Pub/Sub delivers it again, too


def main() -> int:
    """Print a table, or the figures for one file or folder."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.imaging_memory", description=__doc__)
    parser.add_argument("--only", default="", help="regular expression of names of pictures")
    parser.add_argument("path", type=Path, nargs="?", help="of a file, or of a folder of them")
    parser.add_argument("size", type=int, nargs="?", help="of the thumbnail, pixels")
    parser.add_argument("format", nargs="?", default=AUTO)
    args = parser.parse_args()
    if args.path and args.size:
        peak = one(args.path, args.size, args.format)
        print(f"{peak.added:.1f} {peak.estimated:.1f} {peak.total:.1f} {peak.end}")
        return 0
    if args.path:
        print(f"{together(args.path):.0f}")
        return 0
    with TemporaryDirectory() as folder:
        return table(Path(folder), args.only)


def table(folder: Path, only: str) -> int:
    """Print the figures for all pictures; return the exit code."""
    holds = True
    print(
        f"{'50 megapixels':20} {'MB':>5} {'thumbnail':>10} {'added':>6} {'estimate':>8} "
        f"{'total':>6}"
    )
    for name, make in large().items():
        if not re.search(only, name):
            continue
        path = folder / name
        path.write_bytes(make())
        for size, format in THUMBNAILS:
            peak = measured(path, size, format)
            holds &= peak.is_within
            print(
                f"{name:20} {path.stat().st_size / 1e6:5.1f} {format:>5} {size:4} "
                f"{peak.added:6.0f} {peak.estimated:8.0f} {peak.total:6.0f} {peak.end}"
                f"{'' if peak.is_within else ' ABOVE'}",
                flush=True,
            )
    again = [sys.executable, "-m", "bench.imaging_memory", str(folder)]
    shown = subprocess.run(again, capture_output=True, check=True, text=True)
    most = JOBS_BYTES / 2**20
    print(f"all pictures, {AT_ONCE} at once: {shown.stdout.strip()} of {most:.0f}")
    return 0 if holds and float(shown.stdout) <= most else 1


if __name__ == "__main__":
    sys.exit(main())
