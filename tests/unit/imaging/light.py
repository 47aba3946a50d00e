"""The colours of sRGB for levels of other spaces, by the published formulas alone."""

from collections.abc import Callable

Colour = tuple[int, int, int]

# Linear RGB to linear sRGB, as published: CSS Color 4, section 17 (Display P3, Adobe RGB), and
# ITU-R BT.2087, annex 2, inverted (BT.2020).
P3 = ((1.2249, -0.2249, 0.0), (-0.0420, 1.0420, 0.0), (-0.0197, -0.0786, 1.0983))
ADOBE = ((1.3984, -0.3984, 0.0), (0.0, 1.0, 0.0), (0.0, -0.0429, 1.0429))
BT2020 = ((1.6605, -0.5877, -0.0728), (-0.1246, 1.1330, -0.0084), (-0.0182, -0.1006, 1.1187))
SAME = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

Matrix = tuple[tuple[float, float, float], ...]


def power(exponent: float) -> Callable[[float], float]:
    return lambda level: level**exponent


def srgb(level: float) -> float:
    return level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4


def smpte240(level: float) -> float:
    return level / 4 if level < 0.0913 else ((level + 0.1115) / 1.1115) ** (1 / 0.45)


def film(level: float) -> float:
    return 52.37 / 48 * level**2.6


def shown(stored: Colour, light: Callable[[float], float], matrix: Matrix = SAME) -> Colour:
    """Return the levels of sRGB for stored levels of which curve and primaries are known."""
    linear = [light(level / 255) for level in stored]
    mixed = [sum(a * b for a, b in zip(row, linear, strict=True)) for row in matrix]
    red, green, blue = (_level(min(1.0, max(0.0, each))) for each in mixed)
    return red, green, blue


def _level(light: float) -> int:
    return round(
        255 * (12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)
    )
