"""RGB colour spaces, described by numbers."""

from enum import Enum
from typing import NamedTuple

Chromaticity = tuple[float, float]
"""CIE 1931 x and y."""

Matrix = tuple[tuple[float, float, float], ...]
"""Three rows."""


class Curve(NamedTuple):
    """A transfer function from stored levels to light, both from 0 to 1.

    From `d` on, it is (a x + b)^g + e, below it c x + f: type 4 of ICC.1:2022, table 70.
    """

    g: float
    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0
    e: float = 0.0
    f: float = 0.0


class Hdr(Enum):
    """A transfer function for light beyond white: ITU-R BT.2100."""

    PQ = "pq"
    HLG = "hlg"


class Primaries(NamedTuple):
    """The chromaticities of white and of the three channels."""

    white: Chromaticity
    red: Chromaticity
    green: Chromaticity
    blue: Chromaticity


class RgbSpace(NamedTuple):
    """The meaning of red, green and blue levels.

    Attributes:
        primaries: of the channels.
        curves: of each channel, or the transfer function of all.
        peak: brightest light in the picture, nits; None if unknown. It only counts with `Hdr`.
    """

    primaries: Primaries
    curves: tuple[Curve, Curve, Curve] | Hdr
    peak: float | None = None


D65 = (0.3127, 0.3290)

BT709 = Primaries(D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
"""Of sRGB too."""

BT2020 = Primaries(D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046))

SRGB_CURVE = Curve(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)

SRGB = RgbSpace(BT709, (SRGB_CURVE,) * 3)

_BRADFORD: Matrix = (
    (0.8951, 0.2664, -0.1614),
    (-0.7502, 1.7135, 0.0367),
    (0.0389, -0.0685, 1.0296),
)

_D50 = (0.9642, 1.0, 0.8249)
"""White of profiles, XYZ: ICC.1:2022, 7.2.16."""


def to_xyz(primaries: Primaries) -> Matrix:
    """Return the matrix from linear RGB to XYZ.

    Raises:
        ValueError: there is none, as the primaries are on a line, or impossible.
    """
    channels = _transposed(tuple((x, y, 1 - x - y) for x, y in primaries[1:]))
    scales = times(inverse(channels), _white(primaries))
    return tuple((row[0] * scales[0], row[1] * scales[1], row[2] * scales[2]) for row in channels)


def to_d50(primaries: Primaries) -> Matrix:
    """Return the matrix from linear RGB to XYZ as seen in the white of profiles.

    Raises:
        ValueError: there is none.
    """
    white = times(_BRADFORD, _white(primaries))
    if min(white) <= 0:
        raise ValueError("impossible white")
    red, green, blue = (ours / its for ours, its in zip(times(_BRADFORD, _D50), white, strict=True))
    scale: Matrix = ((red, 0, 0), (0, green, 0), (0, 0, blue))
    adapted = product(inverse(_BRADFORD), product(scale, _BRADFORD))
    return product(adapted, to_xyz(primaries))


def between(source: Primaries, target: Primaries) -> Matrix:
    """Return the matrix between the linear RGB of two spaces; white stays white.

    Raises:
        ValueError: there is none.
    """
    return product(inverse(to_d50(target)), to_d50(source))


def times(matrix: Matrix, vector: tuple[float, ...]) -> tuple[float, float, float]:
    """Multiply a matrix with a vector."""
    red, green, blue = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return red, green, blue


def product(one: Matrix, other: Matrix) -> Matrix:
    """Multiply two matrices."""
    return _transposed(tuple(times(one, column) for column in _transposed(other)))


def inverse(matrix: Matrix) -> Matrix:
    """Invert a matrix; raises `ValueError` if it is singular."""
    (a, b, c), (d, e, f), (g, h, i) = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    if abs(determinant) < 1e-9:
        raise ValueError("singular matrix")
    return tuple(
        (one / determinant, two / determinant, three / determinant)
        for one, two, three in (
            (e * i - f * h, c * h - b * i, b * f - c * e),
            (f * g - d * i, a * i - c * g, c * d - a * f),
            (d * h - e * g, b * g - a * h, a * e - b * d),
        )
    )


def _white(primaries: Primaries) -> tuple[float, float, float]:
    x, y = primaries.white
    if y <= 0:
        raise ValueError("impossible white")
    return x / y, 1.0, (1 - x - y) / y


def _transposed(matrix: Matrix) -> Matrix:
    return tuple(zip(*matrix, strict=True))
