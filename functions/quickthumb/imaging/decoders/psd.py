"""Reads the flattened picture of a PSD."""

import struct
from collections.abc import Iterator

from PIL import Image, ImageChops, ImageFile

from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.formats.psd import Layout, layout
from quickthumb.imaging.geometry import Size
from quickthumb.imaging.resample import shrunk
from quickthumb.problems import Corrupt

_WITH_ALPHA = {"L": "La", "RGB": "RGBa"}


class PsdFile(ImageFile.ImageFile):
    """A PSD, without its layers."""

    format = "PSD"

    def _open(self) -> None:
        assert self.fp is not None  # noqa: S101  # it is open
        found = layout(self.fp.read())
        self._size, self._mode = found.size, found.mode
        if found.profile:
            self.info["icc_profile"] = found.profile
        self.tile = []


def decode(encoded: Encoded, size: Size) -> Image.Image:
    """Decode and reduce, channel by channel."""
    found = layout(encoded.data)
    wanted = found.colours + found.alpha
    rows = _rows(encoded.data, found)
    if found.mode == "P":
        return shrunk(_with_palette(_channel(found, next(rows)), found), size)
    channels = []
    for _ in range(wanted):
        encoded.deadline.check()
        channels.append(shrunk(_channel(found, next(rows)), size))
    if found.mode == "CMYK":  # stored as the light that is left
        channels = [ImageChops.invert(channel) for channel in channels[:4]]
    return _merged(channels, found)


def _merged(channels: list[Image.Image], found: Layout) -> Image.Image:
    mode = _WITH_ALPHA.get(found.mode)
    if len(channels) == found.colours or mode is None:
        return Image.merge(found.mode, channels[: found.colours])
    # The colours are already blended with white. Without it, they are those with premultiplied
    # alpha.
    alpha = channels[-1]
    white = ImageChops.invert(alpha)
    colours = [ImageChops.subtract(channel, white) for channel in channels[:-1]]
    return Image.merge(mode, [*colours, alpha]).convert(mode.upper())


def _with_palette(image: Image.Image, found: Layout) -> Image.Image:
    image = image.convert("P") if image.mode != "P" else image
    channels = (found.palette[at : at + 256] for at in (0, 256, 512))
    image.putpalette(bytes(level for colour in zip(*channels, strict=True) for level in colour))
    if found.transparent is not None and found.transparent < 256:
        image.info["transparency"] = found.transparent
    return image


def _channel(found: Layout, rows: bytes) -> Image.Image:
    """Return a channel with 8 bits per sample."""
    if found.packed:
        stored = (found.row_bytes, found.size[1])
        rows = Image.frombytes("L", stored, rows, "packbits", "L").tobytes()
    if found.bits == 1:  # 1 is black
        return Image.frombytes("1", found.size, rows, "raw", "1;I").convert("L")
    if found.bits == 16:
        rows = rows[::2]
    return Image.frombytes("L", found.size, rows)


def _rows(data: bytes, found: Layout) -> Iterator[bytes]:
    """Yield the stored rows of each channel; raises `Corrupt` if some are missing."""
    at = found.rows
    if not found.packed:
        size = found.row_bytes * found.size[1]
        lengths = [size] * found.channels
    else:
        table = struct.Struct(f">{found.size[1]}{'I' if found.length_size == 4 else 'H'}")
        lengths = [
            sum(table.unpack_from(data, at + channel * table.size))
            for channel in range(found.channels)
        ]
        at += found.channels * table.size
    for length in lengths:
        if at + length > len(data):
            raise Corrupt("The PSD picture is truncated.")
        yield data[at : at + length]
        at += length
