"""JPEGs whose EXIF is not unpacked."""

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile


class LeanJpeg(JpegImageFile):
    """A JPEG without a resolution: Pillow looks for it in the EXIF, and unpacks what is there."""

    def getexif(self) -> Image.Exif:
        """Return nothing; the orientation is read by `formats.jpeg`."""
        return Image.Exif()
