"""TIFFs, of which Pillow unpacks no more than it needs."""

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from quickthumb.imaging.orient import ORIENTATION_TAG, orientation


class LeanTiff(TiffImageFile):
    """The first page of a TIFF, whose EXIF and GPS, that no pixel depends on, are not read."""

    def getexif(self) -> Image.Exif:
        """Return what Pillow turns the picture by, once it has decoded it, and nothing else."""
        exif = Image.Exif()
        exif[ORIENTATION_TAG] = orientation(self)
        return exif
