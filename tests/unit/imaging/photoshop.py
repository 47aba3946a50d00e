"""Flattened PSD files."""

import struct
from collections.abc import Iterator
from itertools import groupby

from PIL import Image, ImageChops

_KINDS = {"1": 0, "L": 1, "P": 2, "RGB": 3, "CMYK": 4, "LAB": 9}


def resource(number: int, content: bytes) -> bytes:
    """Return an image resource without a name."""
    padded = content + b"\0" * (len(content) % 2)
    return b"8BIM" + struct.pack(">HHI", number, 0, len(content)) + padded


def psd(
    image: Image.Image,
    *,
    extra: tuple[Image.Image, ...] = (),
    bits: int = 8,
    packed: bool = False,
    layers: int = 0,
    resources: bytes = b"",
    big: bool = False,
) -> bytes:
    """Return a PSD, or a PSB if `big`.

    Args:
        image: the flattened picture, in mode 1, L, P, RGB, CMYK or LAB.
        extra: channels behind those of the picture.
        bits: per sample.
        packed: whether rows are packed (PackBits).
        layers: what the file states as their number; negative if the first extra channel is the
            transparency.
        resources: image resources.
    """
    channels = [*image.split(), *extra]
    if image.mode == "CMYK":
        channels[:4] = map(ImageChops.invert, channels[:4])
    if image.mode == "1":
        bits, channels = 1, [ImageChops.invert(image)]
    head = struct.pack(
        ">4sH6xHIIHH",
        *(b"8BPS", 1 + big, len(channels), image.height, image.width, bits, _KINDS[image.mode]),
    )
    palette = image.getpalette() if image.mode == "P" else None
    colours = (
        b"".join(bytes(palette[at::3]).ljust(256, b"\0") for at in range(3)) if palette else b""
    )
    wide = "Q" if big else "I"
    counted = struct.pack(f">{wide}h", 2, layers) if layers else b""
    sections = (
        *(struct.pack(">I", len(colours)), colours, struct.pack(">I", len(resources)), resources),
        *(struct.pack(f">{wide}", len(counted)), counted),
    )
    rows = [row for channel in channels for row in _rows(channel, bits)]
    if packed:
        rows = [_packed(row) for row in rows]
        lengths = struct.pack(f">{len(rows)}{'I' if big else 'H'}", *map(len, rows))
        return head + b"".join((*sections, b"\0\1", lengths, *rows))
    return head + b"".join((*sections, b"\0\0", *rows))


def _rows(channel: Image.Image, bits: int) -> Iterator[bytes]:
    stored = channel.tobytes()  # rows of bits are padded to bytes, as in a PSD
    across = len(stored) // channel.height
    for at in range(0, len(stored), across):
        row = stored[at : at + across]
        yield bytes(level for each in row for level in (each, 99)) if bits == 16 else row


def _packed(row: bytes) -> bytes:
    out = bytearray()
    for level, alike in groupby(row):
        count = len(list(alike))
        while count:
            run = min(count, 128)
            out += bytes((0, level)) if run == 1 else bytes((257 - run, level))
            count -= run
    return bytes(out)
