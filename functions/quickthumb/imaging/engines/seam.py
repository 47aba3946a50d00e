"""The interface of engines, which decode and reduce pictures."""

from dataclasses import dataclass
from typing import Protocol

from PIL import Image, ImageFile

from quickthumb.imaging.colour.srgb import ToSrgb
from quickthumb.imaging.deadline import Deadline
from quickthumb.imaging.decoders import open_as
from quickthumb.imaging.formats import BEYOND
from quickthumb.imaging.formats.descriptor import Format, Header
from quickthumb.imaging.geometry import Size
from quickthumb.imaging.source import describe, turns
from quickthumb.pictures import Source
from quickthumb.problems import Corrupt, TooManyPixels


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture whose header was read and checked against the limits, but not yet decoded.

    Attributes:
        data: the file, without what decoders must not get.
        format: of the file.
        declared: its header, as our own reader found it, but one frame where there are too many.
        to_srgb: converts its colours, as the file describes them.
        header: the file opened by Pillow; must not be loaded, since every reader opens it anew.
        size: of the original file, bytes.
        max_bytes: maximum memory for decoding it, bytes.
        deadline: of the job; decoders check it wherever they can be interrupted.
    """

    data: bytes
    format: Format
    declared: Header
    to_srgb: ToSrgb
    header: ImageFile.ImageFile
    size: int
    max_bytes: int
    deadline: Deadline

    @property
    def source(self) -> Source:
        """The description of the picture for the caller."""
        return describe(self.format, self.declared, self.header.size)

    @property
    def turns(self) -> int:
        """The EXIF orientation that remains to be applied after decoding, 1 to 8."""
        return turns(self.format, self.declared)

    def is_whole(self) -> bool:
        """Return whether the end of the file is there, as far as its structure tells."""
        try:
            return self.format.is_whole(self.data)
        except (Corrupt, *BEYOND):
            return False

    def check_memory(self, held: float) -> None:
        """Check the memory that decoding needs, in bytes; raises `TooManyPixels`."""
        if held > self.max_bytes:
            header = self.header
            raise TooManyPixels(
                f"Decoding {header.width} x {header.height} pixels stored like this takes "
                f"{held / 1e6:,.0f} MB of memory: the limit is {self.max_bytes / 1e6:,.0f} MB. "
                "Send a smaller picture, or a baseline JPEG."
            )

    def open(self) -> ImageFile.ImageFile:
        """Open the file again, to decode it."""
        return open_as(self.format, self.data, self.deadline.check)


class Engine(Protocol):
    """Decodes and reduces pictures.

    Results are in stored orientation and in the colours of the profile, with straight alpha, in one
    of the layouts of `modes.AVERAGED`. Those of all engines look the same, and differ by a few
    levels per pixel at most.
    """

    def decode(self, encoded: Encoded, size: Size) -> Image.Image:
        """Decode the first frame, reduced to exactly `size` pixels, which never enlarges it.

        Raises:
            TooManyPixels: it would take more than `encoded.max_bytes`; nothing was decoded.
            Corrupt: the bytes cannot be decoded.
        """

    def shrink(self, image: Image.Image, size: Size) -> Image.Image:
        """Reduce a decoded picture further, to exactly `size` pixels."""
