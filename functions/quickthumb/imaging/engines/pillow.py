"""The reference engine: Pillow alone."""

from PIL import Image

from quickthumb.imaging.decoders import named
from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.geometry import Size
from quickthumb.imaging.parsing import hostile_bytes
from quickthumb.imaging.resample import shrunk
from quickthumb.imaging.salvage import load_what_is_there


class PillowEngine:
    """Decodes every accepted format."""

    def decode(self, encoded: Encoded, size: Size) -> Image.Image:
        """See `Engine.decode`."""
        with hostile_bytes(f"The {encoded.format.title} picture", encoded.is_whole):
            encoded.check_memory(encoded.format.held(encoded, size))
            if encoded.format.decode:
                decoded: Image.Image = named(encoded.format.decode)(encoded, size)
                return decoded
            image = encoded.open()
            load_what_is_there(
                image, row_by_row=encoded.format.row_by_row, is_whole=encoded.is_whole
            )
            return self.shrink(image, size)

    def shrink(self, image: Image.Image, size: Size) -> Image.Image:
        """See `Engine.shrink`."""
        return shrunk(image, size)
