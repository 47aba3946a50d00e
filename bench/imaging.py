"""Compares thumbnails with libvips and sharp: CPU time, similarity, memory.

    .venv/bin/python -m bench.imaging [--rounds 7] [--sharp FOLDER]

Every contender takes the bytes of a file and returns JPEG thumbnails at quality 80, with one
thread. They take turns in one run; shown are medians of CPU time, and their ratios. `--sharp` (or
QUICKTHUMB_SHARP) names a folder in which `npm install sharp` was run; without it, or without Node,
sharp is skipped. Similarity is measured before encoding, against a full decode reduced with
Lanczos.
"""

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from bench.imaging_inputs import inputs, photograph
from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.encode import encode
from quickthumb.imaging.engines import vips
from quickthumb.imaging.finish import Finish
from quickthumb.imaging.formats.jpeg import JPEG
from quickthumb.imaging.opening import open_picture
from quickthumb.imaging.reduce import Reducer
from quickthumb.imaging.render import render
from quickthumb.kitchen import Kitchen
from quickthumb.limits import Limits

QUALITY = 80

_LONG_ENOUGH = 0.1
"""Minimum CPU seconds of a measurement. Faster work is repeated, so that the state in which the
contender before it left the processor's caches does not matter."""

PEAK = 12
"""Memory limit for a 12-megapixel JPEG to 256, megabytes."""

WAY = 2.0
"""Limit for the round trip to a child with a picture of 0.8 MB, milliseconds."""

LIMITS = Limits()
SIZES = ((256,), (1024,), (256, 512, 1024, 2048))

Contender = Callable[[str, tuple[int, ...]], float]
"""Makes thumbnails of a named input, and returns the CPU time in seconds."""

Medians = dict[tuple[str, tuple[int, ...]], dict[str, float]]
"""Seconds by input and sizes, then by contender."""

SHARP_SCRIPT = """
const sharp = require("sharp");
sharp.concurrency(1);
sharp.cache(false);
const files = new Map();
require("readline").createInterface({ input: process.stdin }).on("line", async (line) => {
  const { name, path, sizes, quality } = JSON.parse(line);
  if (!files.has(name)) files.set(name, require("fs").readFileSync(path));
  const before = process.cpuUsage();
  for (const size of sizes) {
    await sharp(files.get(name)).resize(size, size, { fit: "inside", withoutEnlargement: true })
      .jpeg({ quality }).toBuffer();
  }
  const used = process.cpuUsage(before);
  console.log((used.user + used.system) / 1e6);
});
"""


@dataclass(frozen=True)
class Line:
    """An acceptance limit: a ratio of medians that must not be exceeded."""

    input: str
    sizes: tuple[int, ...]
    peer: str
    most: float


ACCEPTANCE = (
    Line("jpeg", (256,), "libvips", 0.85),
    Line("jpeg", (256,), "sharp", 1.0),
    Line("jpeg", (1024,), "libvips", 1.0),
    Line("progressive", (256,), "libvips", 0.95),
    Line("progressive", (1024,), "libvips", 0.95),
    Line("png", (256,), "libvips", 1.05),
    Line("webp", (256,), "libvips", 1.05),
    Line("jpeg", (256, 512, 1024, 2048), "libvips", 0.5),
    Line("small", (256,), "libvips", 0.9),
)


def ours(files: Mapping[str, bytes]) -> Contender:
    """Return QuickThumb doing the same work as its peers: `render` without the placeholder."""

    def make(name: str, sizes: tuple[int, ...]) -> float:
        before = time.process_time()
        encoded = open_picture(files[name], LIMITS)
        finishes = [Finish(encoded, Rendition.square(size)) for size in sorted(sizes, reverse=True)]
        reducer = Reducer(encoded, [finish.reduced for finish in finishes])
        for finish in finishes:
            encode(finish(reducer.to(finish.reduced)), JPEG, QUALITY)
        return time.process_time() - before

    return make


def whole(files: Mapping[str, bytes]) -> Contender:
    """Return QuickThumb's `render`, which also makes a placeholder and limits the size in bytes."""

    def make(name: str, sizes: tuple[int, ...]) -> float:
        renditions = [
            Rendition(str(size), size, size, format="jpeg", quality=QUALITY) for size in sizes
        ]
        before = time.process_time()
        render(files[name], renditions, LIMITS)
        return time.process_time() - before

    return make


def libvips(files: Mapping[str, bytes]) -> Contender:
    """Return libvips as its documentation recommends: one `thumbnail_buffer` per size."""
    image = vips.library().Image

    def make(name: str, sizes: tuple[int, ...]) -> float:
        before = time.process_time()
        for size in sizes:
            thumbnail = image.thumbnail_buffer(files[name], size, height=size, size="down")
            thumbnail.jpegsave_buffer(Q=QUALITY, keep="none")
        return time.process_time() - before

    return make


@contextmanager
def sharp(files: Mapping[str, bytes], folder: Path, scratch: Path) -> Iterator[Contender]:
    """Run sharp in one Node process, which takes one command per line."""
    for name, data in files.items():
        (scratch / name).write_bytes(data)
    node = subprocess.Popen(
        ["node", "-e", SHARP_SCRIPT],  # noqa: S607  # the user's own Node
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert node.stdin is not None
    assert node.stdout is not None
    told, said = node.stdin, node.stdout

    def make(name: str, sizes: tuple[int, ...]) -> float:
        path = str(scratch / name)
        order = {"name": name, "path": path, "sizes": sizes, "quality": QUALITY}
        print(json.dumps(order), file=told, flush=True)
        return float(said.readline())

    try:
        yield make
    finally:
        told.close()
        node.wait()


def measure(
    contenders: Mapping[str, Contender], files: Mapping[str, bytes], rounds: int
) -> Medians:
    """Return the median CPU time of every contender for every input and sizes, seconds."""
    medians: Medians = {}
    for name in files:
        for sizes in SIZES:
            warm = min(make(name, sizes) for make in contenders.values())
            repeats = max(1, round(_LONG_ENOUGH / warm))
            times: dict[str, list[float]] = {each: [] for each in contenders}
            for _ in range(rounds):
                for each, make in contenders.items():
                    taken = [make(name, sizes) for _ in range(repeats)]
                    times[each].append(statistics.mean(taken))
            medians[name, sizes] = {each: statistics.median(times[each]) for each in contenders}
    return medians


def likeness(data: bytes, size: int) -> tuple[float, float]:
    """Return PSNR (decibels) and SSIM of our picture, not yet encoded, to the reference."""
    encoded = open_picture(data, LIMITS)
    target = Finish(encoded, Rendition.square(size)).reduced
    made = Reducer(encoded, [target]).to(target)
    with Image.open(io.BytesIO(data)) as original:
        wanted = original.convert("RGB").resize(target, Image.Resampling.LANCZOS)
    one, other = (np.asarray(image.convert("RGB"), np.float64) for image in (made, wanted))
    mean_square = float(((one - other) ** 2).mean())
    decibels = 99.0 if mean_square == 0 else float(10 * np.log10(255**2 / mean_square))
    return decibels, ssim(made, wanted)


def ssim(one: Image.Image, other: Image.Image) -> float:
    """Return the structural similarity of two pictures (Wang et al., 2004), on luminance."""
    x, y = (np.asarray(image.convert("L"), np.float64) for image in (one, other))

    def local(values: NDArray[Any]) -> NDArray[Any]:
        means: NDArray[Any] = sliding_window_view(values, (7, 7)).mean((-1, -2))
        return means

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_x, mean_y = local(x), local(y)
    spread = local(x * x) - mean_x**2 + local(y * y) - mean_y**2
    together = local(x * y) - mean_x * mean_y
    similarity = (2 * mean_x * mean_y + c1) * (2 * together + c2)
    return float((similarity / ((mean_x**2 + mean_y**2 + c1) * (spread + c2))).mean())


def peak_megabytes(path: Path, size: int) -> float:
    """Return the peak memory of a fresh process above imports and file, megabytes."""
    shown = subprocess.run(
        [sys.executable, "-m", "bench.imaging_memory", str(path), str(size)],
        capture_output=True,
        check=True,
        text=True,
    )
    return float(shown.stdout.split()[0])


def show_times(medians: Medians) -> None:
    """Print a row for every input and sizes."""
    peers = [name for name in next(iter(medians.values())) if name != "ours"]
    print(
        f"\n{'input':12} {'sizes':20} {'ours':>8}", *(f"{peer:>8} {'ours/':>6}" for peer in peers)
    )
    for (name, sizes), taken in medians.items():
        row = f"{name:12} {','.join(map(str, sizes)):20} {taken['ours'] * 1e3:6.1f}ms"
        for peer in peers:
            row += f" {taken[peer] * 1e3:6.1f}ms {taken['ours'] / taken[peer]:6.2f}"
        print(row)


def show_likeness(files: Mapping[str, bytes]) -> bool:
    """Print how similar our pictures are to the reference; return whether all are good enough."""
    print(f"\n{'input':12} {'size':>5} {'PSNR':>8} {'SSIM':>7}  wanted")
    all_hold = True
    for name, data in files.items():
        for size in (256, 1024):
            if name == "small" and size > 640:
                continue
            decibels, similarity = likeness(data, size)
            least = 44 if name == "small" else 46
            holds = decibels >= least and (name == "small" or similarity >= 0.995)
            all_hold &= holds
            wanted = f"{least} dB" + ("" if name == "small" else ", .995")
            verdict = "holds" if holds else "FAILS"
            print(f"{name:12} {size:5} {decibels:5.1f} dB {similarity:7.4f}  {wanted}: {verdict}")
    return all_hold


def show_acceptance(medians: Medians) -> bool:
    """Print each limit on a ratio, and whether it holds; return whether all do."""
    print("\nRatio of our CPU time to theirs")
    all_hold = True
    for line in ACCEPTANCE:
        taken = medians[line.input, line.sizes]
        what = f"{line.input} to {','.join(map(str, line.sizes))} against {line.peer}"
        if line.peer not in taken:
            print(f"{what:50} at most {line.most:.2f}: not measured")
            continue
        ratio = taken["ours"] / taken[line.peer]
        all_hold &= ratio <= line.most
        verdict = "holds" if ratio <= line.most else "FAILS"
        print(f"{what:50} at most {line.most:.2f}: {ratio:.2f} {verdict}")
    return all_hold


def show_kitchen(rounds: int) -> bool:
    """Print the overhead of decoding in another process; return whether it is within the limit.

    This is wall time, since two processes share the work, and the fastest of many interleaved runs,
    since other load only adds to it, the more so for two processes.
    """
    data, renditions = photograph(), [Rendition.square(256)]
    kitchen = Kitchen(LIMITS)
    here, there = (
        lambda: render(data, renditions, LIMITS),
        lambda: kitchen.render(data, renditions),
    )
    times: dict[Callable[[], object], list[float]] = {here: [], there: []}
    for _ in range(20 * rounds):
        for make, taken in times.items():
            before = time.perf_counter()
            make()
            taken.append((time.perf_counter() - before) * 1e3)
    kitchen.close()
    inside, outside = (min(taken) for taken in times.values())
    way = outside - inside
    print(
        f"\n{len(data) / 1e6:.1f} MB to 256 in this process: {inside:.1f} ms; "
        f"in a child: {outside:.1f} ms, {outside / inside:.2f} times"
    )
    verdict = "holds" if way <= WAY else "FAILS"
    print(f"round trip at most {WAY:.1f} ms: {way:.1f} {verdict}")
    return way <= WAY


def main() -> int:
    """Run everything; the exit status is 0 if every limit holds."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.imaging", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="measured rounds (default 7)")
    parser.add_argument("--sharp", type=Path, default=os.environ.get("QUICKTHUMB_SHARP"))
    options = parser.parse_args()

    files = inputs()
    for name, data in files.items():
        with Image.open(io.BytesIO(data)) as image:
            print(f"{name:12} {image.width}x{image.height} {len(data) / 1e6:.1f} MB")
    contenders = {"ours": ours(files), "render": whole(files)}
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory()))
        if vips.is_there():
            contenders["libvips"] = libvips(files)
        else:
            print("libvips is skipped: pip install pyvips pyvips-binary")
        if options.sharp and shutil.which("node"):
            contenders["sharp"] = stack.enter_context(sharp(files, options.sharp, scratch))
        else:
            print("sharp is skipped: it needs Node and --sharp FOLDER")
        medians = measure(contenders, files, options.rounds)
        show_times(medians)
        holds = show_likeness(files)
        holds &= show_acceptance(medians)
        holds &= show_kitchen(options.rounds)
        print("\nPeak memory above import and file, MB")
        for name, data in files.items():
            (scratch / name).write_bytes(data)
            peaks = [peak_megabytes(scratch / name, size) for size in (256, 1024)]
            print(f"{name:12} to 256: {peaks[0]:4.0f}   to 1024: {peaks[1]:4.0f}")
            if name == "jpeg":
                holds &= peaks[0] < PEAK
                verdict = "holds" if peaks[0] < PEAK else "FAILS"
                print(f"{name} to 256 under {PEAK} MB: {verdict}")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
