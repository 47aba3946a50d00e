"""Measures the peak memory of making thumbnails.

    .venv/bin/python -m bench.imaging_memory

makes a thumbnail of 4096 and one of 256 pixels from a picture of 50 megapixels in every format,
each in a process of its own, and prints the peak memory: beyond imports and the file, what was
estimated from the header, and in total. With a file, a size, and a format if you like, it prints
these for that file. In megabytes.

A job decodes once there is memory for its estimate (functions/quickthumb/kitchen). Finally all
pictures are done together, ten at once by two decoders as in an instance of `resize`, and the peak
memory of all processes is printed, beyond what they hold when idle. It exits with 1 if a picture
took more than its estimate, or all together more than jobs share.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from bench.imaging_inputs import encoded, mosaic
from bench.processes import Processes
from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.formats import AUTO
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
    load()
    data = path.read_bytes()
    before, estimated, end = memory("VmRSS"), 0, ""
    try:
        work = prepare(data, [Rendition(str(size), size, size, format=format)], Limits())
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


def together(folder: Path) -> float:
    """Do all pictures of a folder as an instance does; return the memory that takes, megabytes."""
    kitchen = Kitchen(Limits(), DECODERS)
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
    if len(sys.argv) == 2:
        print(f"{together(Path(sys.argv[1])):.0f}")
        return 0
    if len(sys.argv) > 2:
        peak = one(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
        print(f"{peak.added:.1f} {peak.estimated:.1f} {peak.total:.1f} {peak.end}")
        return 0
    holds = True
    with TemporaryDirectory() as folder:
        print(
            f"{'50 megapixels':18} {'MB':>5} {'thumbnail':>10} {'added':>6} {'estimate':>8} "
            f"{'total':>6}"
        )
        for name, data in large():
            path = Path(folder) / name
            path.write_bytes(data)
            for size, format in THUMBNAILS:
                peak = measured(path, size, format)
                holds &= peak.is_within
                print(
                    f"{name:18} {len(data) / 1e6:5.1f} {format:>5} {size:4} {peak.added:6.0f} "
                    f"{peak.estimated:8.0f} {peak.total:6.0f} {peak.end}"
                    f"{'' if peak.is_within else ' ABOVE'}"
                )
        again = [sys.executable, "-m", "bench.imaging_memory", folder]
        shown = subprocess.run(again, capture_output=True, check=True, text=True)
    most = JOBS_BYTES / 2**20
    print(f"all pictures, {AT_ONCE} at once: {shown.stdout.strip()} of {most:.0f}")
    return 0 if holds and float(shown.stdout) <= most else 1


if __name__ == "__main__":
    sys.exit(main())
