"""What a picture may cost, checked from its header before a pixel is decoded."""

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one picture; the defaults keep a job within 1 GiB and one processor.

    Attributes:
        max_pixels: width times height of the stored picture, pixels.
        max_side: width or height of the stored picture, pixels.
        max_decoded_bytes: what decoding holds in memory at once, bytes, as `memory.py` reckons it;
            less by what a file has beyond 32 MiB, which is held beside it.
        max_result_bytes: all thumbnails of a picture together, bytes.
        max_scans: passes of a progressive JPEG; each takes as long as a whole baseline picture.
        max_frames: frames of an animation; one with more is shown by its first frame.
        max_frame_pixels: frames times pixels of an animation; likewise.
        max_seconds: time for all thumbnails of a picture. Imaging looks at it between steps; the
            process that does the work is killed half a second later (quickthumb/kitchen).
    """

    max_pixels: int = 50_000_000
    max_side: int = 65_535
    max_decoded_bytes: int = 352_000_000
    max_result_bytes: int = 128_000_000
    max_scans: int = 100
    max_frames: int = 300
    max_frame_pixels: int = 40_000_000
    max_seconds: float = 15.0

    def decoded_beside(self, size: int) -> int:
        """Return what decoding may hold while a file of `size` bytes is in memory, bytes."""
        return self.max_decoded_bytes - max(0, size - 32 * MIB)
