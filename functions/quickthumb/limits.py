"""Limits on a picture, checked from its header before any pixel is decoded."""

from collections.abc import Sequence
from dataclasses import dataclass

MIB = 2**20

JOBS_BYTES = 840_000_000
"""Memory that the jobs of an instance share by default, bytes. Together with the processes of a
function that decodes two pictures at once it fits into 1 GiB."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one picture; the defaults keep a job within 1 GiB and one processor.

    Attributes:
        max_pixels: width times height of the stored picture, pixels.
        max_side: width or height of the stored picture, pixels.
        max_decoded_bytes: peak memory of decoding as each format estimates it, bytes; reduced by
            the size of the file beyond 32 MiB, which is held in memory too.
        max_result_bytes: total of all thumbnails of a picture, bytes.
        max_scans: scans of a progressive JPEG; each takes as long as decoding a baseline JPEG.
        max_frames: frames of an animation; beyond that, only the first frame is used.
        max_frame_pixels: frames times pixels of an animation; likewise.
        max_seconds: processor time for all thumbnails of a picture. Imaging checks it between
            steps; the system ends its process a second later (quickthumb/kitchen).
        extra_formats: names of formats to accept in addition to the usual ones.
    """

    max_pixels: int = 50_000_000
    max_side: int = 65_535
    max_decoded_bytes: int = 352_000_000
    max_result_bytes: int = 128_000_000
    max_scans: int = 100
    max_frames: int = 300
    max_frame_pixels: int = 40_000_000
    max_seconds: float = 15.0
    extra_formats: Sequence[str] = ()

    def most_frames(self, pixels: int) -> int:
        """Return the maximum number of frames of an animation with `pixels` per frame."""
        return min(self.max_frames, self.max_frame_pixels // pixels)

    def decoded_beside(self, size: int) -> int:
        """Return the memory limit of decoding next to a file of `size` bytes, bytes."""
        return self.max_decoded_bytes - max(0, size - 32 * MIB)
