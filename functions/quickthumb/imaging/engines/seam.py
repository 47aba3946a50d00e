"""The seam: decode-and-reduce, hiding which library reads the bytes."""

from dataclasses import dataclass
from typing import Protocol

from PIL import Image, ImageFile

from quickthumb.imaging.deadline import Deadline
from quickthumb.imaging.decoders import open_as
from quickthumb.imaging.formats.descriptor import Format, Header
from quickthumb.imaging.geometry import Size
from quickthumb.imaging.source import describe, turns
from quickthumb.pictures import Source
from quickthumb.problems import TooManyPixels


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture whose header is read, held against the limits, and whose pixels are not.

    Attributes:
        data: what decoders may see of the file.
        format: of the file.
        declared: what our own reader found in its header, with no more frames than are shown.
        header: the file as Pillow opened it; not to be loaded, so that every reader starts afresh.
        size: of the whole file, bytes.
        max_bytes: the most that decoding it may hold in memory, bytes.
        deadline: of the job; decoders look at it wherever they can be interrupted.
    """

    data: bytes
    format: Format
    declared: Header
    header: ImageFile.ImageFile
    size: int
    max_bytes: int
    deadline: Deadline

    @property
    def source(self) -> Source:
        """What is told of the picture."""
        return describe(self.format, self.declared, self.header.size)

    @property
    def turns(self) -> int:
        """The EXIF orientation that is still to be applied once the picture is decoded, 1 to 8."""
        return turns(self.format, self.declared)

    def check_memory(self, held: float) -> None:
        """Refuse a picture for which decoding would hold too many bytes.

        Raises:
            TooManyPixels: naming how it is stored, for the same pixels may fit if stored otherwise.
        """
        if held > self.max_bytes:
            header = self.header
            raise TooManyPixels(
                f"Decoding {header.width} x {header.height} pixels stored like this takes "
                f"{held / 1e6:,.0f} MB: at most {self.max_bytes / 1e6:,.0f} MB are granted. "
                "Send it smaller, or as a baseline JPEG."
            )

    def open(self) -> ImageFile.ImageFile:
        """Open the file once more, to decode it."""
        return open_as(self.format, self.data, self.deadline.check)


class Engine(Protocol):
    """One way to get small pictures out of encoded bytes.

    Pictures come out as they lie in the file: not turned, in the colours of their profile, alpha
    not multiplied in, 8 bits a channel, in one of the layouts of `modes.AVERAGED`. What every
    engine returns for a call is the same picture, to the eye and to a few levels of each pixel.
    """

    def decode(self, encoded: Encoded, size: Size) -> Image.Image:
        """Decode the first frame, reduced to exactly `size` pixels (never more than it has).

        Raises:
            TooManyPixels: that would hold more than `encoded.max_bytes`; nothing was decoded.
            Corrupt: the bytes cannot be decoded.
        """

    def shrink(self, image: Image.Image, size: Size) -> Image.Image:
        """Reduce a decoded picture further, to exactly `size` pixels."""
