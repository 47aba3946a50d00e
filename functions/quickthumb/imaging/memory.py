"""What decoding a picture holds in memory at its peak, reckoned from its header.

Each format knows its own (`Format.held`, `Vips.held`). The bytes a pixel takes are measured
(docs/decisions/0003-imaging-engines.md) and rounded up.
"""

from math import prod
from typing import TYPE_CHECKING

from quickthumb.problems import TooManyPixels

if TYPE_CHECKING:  # at run time it would import Pillow
    from quickthumb.imaging.engines.seam import Encoded

_BYTES_OF_MODE = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}
"""Of a pixel in Pillow; all other modes take four."""


def check_memory(encoded: "Encoded", held: float) -> None:
    """Refuse a picture for which decoding would hold too many bytes.

    Raises:
        TooManyPixels: naming how it is stored, for the same pixels may fit if stored otherwise.
    """
    if held > encoded.max_bytes:
        header = encoded.header
        raise TooManyPixels(
            f"Decoding {header.width} x {header.height} pixels stored like this takes "
            f"{held / 1e6:,.0f} MB: at most {encoded.max_bytes / 1e6:,.0f} MB are granted. "
            "Send it smaller, or as a baseline JPEG."
        )


def held_as_pixels(encoded: "Encoded", size: tuple[int, int]) -> float:
    """Return the bytes of all pixels of a picture, and of what they are reduced to."""
    return all_pixels(encoded) + 4 * prod(size)


def all_pixels(encoded: "Encoded") -> int:
    """Return the bytes of all pixels of a picture as Pillow holds them."""
    header = encoded.header
    return _BYTES_OF_MODE.get(header.mode, 4) * prod(header.size)
