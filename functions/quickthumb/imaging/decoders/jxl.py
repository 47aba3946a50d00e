"""Reads JPEG XL."""

from typing import Any

from PIL import Image, ImageFile

from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.formats.jxl import read
from quickthumb.imaging.geometry import Size
from quickthumb.imaging.resample import shrunk
from quickthumb.problems import Corrupt, UnsupportedFormat

_CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 1, "F": 1}
"""Channels by the layouts that the decoder tells."""

_LAYOUTS = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


class JxlFile(ImageFile.ImageFile):
    """A JPEG XL whose pixels are not decoded when it is opened, as those of the package's class."""

    format = "JXL"

    def _open(self) -> None:
        assert self.fp is not None  # noqa: S101  # it is open
        header = read(self.fp.read())
        self._size = (header.width, header.height)
        self._mode = "RGBA"
        self.tile = []


def decode(encoded: Encoded, size: Size) -> Image.Image:
    """Decode and reduce; the header gets the profile, which only the decoder knows."""
    from pillow_jxl import Decoder

    try:
        # Further threads would escape the time limits of this process.
        _, info, data, profile, *_ = Decoder(num_threads=0)(encoded.data)
    except (RuntimeError, NotImplementedError, ValueError) as error:
        raise Corrupt("The JPEG XL picture is damaged, or truncated.") from error
    if bytes(profile[16:20]) == b"CMYK":  # the package drops black
        raise UnsupportedFormat("JPEG XL pictures in CMYK are not accepted: expected RGB or grey.")
    if profile:
        encoded.header.info["icc_profile"] = bytes(profile)
    return shrunk(_image(info, data), size)


def _image(info: Any, data: bytes) -> Image.Image:
    """Return the decoded pixels with 8 bits per channel."""
    channels = _CHANNELS[info.mode]
    wide = info.width * channels
    width, rest = divmod(len(data), wide * info.height)
    if rest:
        raise Corrupt("The JPEG XL picture has an unknown layout of pixels.")
    if width == 2:
        data = data[1::2]
    elif width == 4:
        data = _levels(Image.frombytes("F", (wide, info.height), data))
    return Image.frombytes(_LAYOUTS[channels], (info.width, info.height), data)


def _levels(floats: Image.Image) -> bytes:
    """Return samples from 0 to 1 as bytes."""
    return floats.point(lambda value: value * 255 + 0.5).convert("L").tobytes()
