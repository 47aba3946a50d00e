"""JPEGs whose EXIF is not unpacked."""

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile


class LeanJpeg(JpegImageFile):
    """A JPEG without a resolution: Pillow looks for it in the EXIF, and unpacks what is there."""

    def getexif(self) -> Image.Exif:
        """Return nothing; `orientation` reads for itself."""
        return Image.Exif()
