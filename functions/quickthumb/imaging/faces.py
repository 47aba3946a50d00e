"""Finds faces with a small neural network, and no library but Pillow.

A filter of 5 x 5 pixels goes over the picture at several scales and proposes where faces could be.
The network looks at 12 x 12 pixels of each proposal. `bench/faces.py` trained both. It finds most
upright faces that look at the camera, and takes some other things for faces.
"""

import re
from collections.abc import Iterator
from math import exp, tanh
from operator import mul
from typing import Any, NamedTuple

from PIL import Image, ImageChops, ImageFilter, ImageMath

from quickthumb.imaging import face_weights
from quickthumb.imaging.skin import is_colourless, skin

SIDE = 12
"""Side of what the network looks at, pixels."""

PROPOSAL = 5
"""Side of the filter that proposes, pixels."""

CONTRAST_FLOOR = 6.0
"""Added to the deviation by which contrast is normalised, so that noise does not count, levels."""

_LONGEST = 104
"""Longest side of the picture in which the smallest faces are proposed, pixels."""

_STEP = 1.25
"""Ratio of one scale to the next."""

_MOST = 60
"""How many proposals the network looks at, the best ones."""

_SURE = 0.6
"""Likelihood from which on the network is believed."""

_MOSTLY = tuple(level if level > 170 else 0 for level in range(256))
"""What is at least two thirds skin may be a face."""

_NOT_ZERO = re.compile(rb"[^\0]")

_NEURONS = tuple(
    (threshold, weight, tuple((level - 128) * unit for level in bytes.fromhex(digits)))
    for threshold, weight, unit, digits in face_weights.NEURONS
)


class Face(NamedTuple):
    """A square that is probably a face, pixels.

    Attributes:
        x: of its centre.
        y: of its centre.
        size: its side.
        likelihood: that it is a face, 0 to 1.
    """

    x: float
    y: float
    size: float
    likelihood: float


def faces(rgb: Image.Image) -> list[Face]:
    """Return the faces in a picture in mode RGB, the most likely ones first; none of them overlap.

    Faces smaller than a twentieth of the picture are not found. Only what has the colour of skin is
    looked at, unless the picture has no colours.
    """
    grey = rgb.convert("L")
    allowed = Image.new("L", rgb.size, 255) if is_colourless(rgb) else skin(rgb)
    proposed = sorted(proposals(grey, allowed), key=_likely, reverse=True)
    judged = (face._replace(likelihood=_likelihood(grey, face)) for face in proposed[:_MOST])
    found = sorted((face for face in judged if face.likelihood >= _SURE), key=_likely, reverse=True)
    apart: list[Face] = []
    for face in found:
        if not any(_overlap(face, other) for other in apart):
            apart.append(face)
    return apart


def _likely(face: Face) -> float:
    return face.likelihood


def proposals(grey: Image.Image, allowed: Image.Image) -> Iterator[Face]:
    """Yield where faces could be, with a measure that sorts them."""
    longest, smallest = max(grey.size), float(_LONGEST)
    while smallest > PROPOSAL:
        scale = longest / smallest
        size = (round(grey.width / scale), round(grey.height / scale))
        if min(size) <= PROPOSAL:
            return
        share = allowed.resize(size, Image.Resampling.BOX).filter(ImageFilter.BoxBlur(1))
        response = _response(grey.resize(size, Image.Resampling.BOX))
        response = ImageChops.multiply(response, share.point(_MOSTLY))
        highest = response.filter(ImageFilter.MaxFilter(3)).tobytes()
        levels = response.tobytes()
        for at in (found.start() for found in _NOT_ZERO.finditer(levels)):
            if levels[at] == highest[at]:
                x, y = at % size[0] + 0.5, at // size[0] + 0.5
                yield Face(x * scale, y * scale, PROPOSAL * scale, levels[at])
        smallest /= _STEP


def _response(grey: Image.Image) -> Image.Image:
    """Return how much each pixel looks like the middle of a face, 0 for not at all."""
    kernel = ImageFilter.Kernel((PROPOSAL, PROPOSAL), face_weights.PROPOSAL, scale=200, offset=128)
    mean = grey.filter(ImageFilter.BoxBlur(2))
    deviation = ImageChops.difference(grey, mean).filter(ImageFilter.BoxBlur(2))

    def normalised(args: dict[str, Any]) -> Any:
        strength = (args["float"](args["found"]) - 128.0) / (args["deviation"] + CONTRAST_FLOOR)
        return args["convert"](args["min"](args["max"](strength * 80.0, 0.0), 255.0), "L")

    response: Image.Image = ImageMath.lambda_eval(
        normalised, found=grey.filter(kernel), deviation=deviation
    )
    return response


def _likelihood(grey: Image.Image, face: Face) -> float:
    """Ask the network."""
    half = face.size / 2
    left, top = max(0.0, face.x - half), max(0.0, face.y - half)
    right, bottom = min(grey.width, face.x + half), min(grey.height, face.y + half)
    square = grey.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=(left, top, right, bottom))
    levels = square.tobytes()
    mean = sum(levels) / len(levels)
    variance = sum(map(mul, levels, levels)) / len(levels) - mean**2
    contrast = max(0.0, variance) ** 0.5 + CONTRAST_FLOOR
    score = face_weights.THRESHOLD
    for threshold, weight, weights in _NEURONS:
        score += weight * tanh(sum(map(mul, levels, weights)) / contrast + threshold)
    return 1 / (1 + exp(-score))


def _overlap(one: Face, other: Face) -> bool:
    apart = max(abs(one.x - other.x), abs(one.y - other.y))
    return apart < (one.size + other.size) / 3
