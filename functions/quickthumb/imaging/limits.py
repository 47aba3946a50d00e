"""What a picture may cost, checked from its header before a pixel is decoded."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one picture.

    Attributes:
        max_pixels: width times height of the stored picture, pixels.
    """

    max_pixels: int = 50_000_000
