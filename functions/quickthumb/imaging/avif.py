"""What Pillow does not tell about an AVIF: how large its streams make the decoder's frames.

A decoder makes frames as large and as many as the streams say, whatever the file's header says.
Boxes are those of ISO/IEC 14496-12, sections 4.2 and 8.11.3.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from quickthumb.errors import Corrupt
from quickthumb.imaging.av1 import frame_pixels
from quickthumb.imaging.bits import Bits, EndOfBits
from quickthumb.imaging.guarded import reads

_BRAND = slice(8, 12)

_EXIF = re.compile(rb"Exif(?:(?<=infe\x02.{7}Exif)|(?<=infe\x03.{9}Exif))", re.DOTALL)
"""The kind of an item, in the box that tells what the item is (8.11.6)."""

_IN_FILE, _IN_IDAT = 0, 1

_Item = tuple[int, tuple[tuple[int, int], ...]]
"""What the offsets count from, and offset and length of each part, bytes."""


def as_still(data: bytes) -> bytes:
    """Return an AVIF of which readers take the still picture, not the first of a sequence.

    They go by the first brand. Where each picture of a sequence lies is told in other boxes, which
    `stream_pixels` need not read then.
    """
    if data[_BRAND] == b"avif":
        return data
    return data[: _BRAND.start] + b"avif" + data[_BRAND.stop :]


def without_exif(data: bytes) -> bytes:
    """Return an AVIF whose EXIF readers do not find, so that Pillow does not unpack it.

    How the picture is to be turned is told in boxes of the container; by ISO/IEC 23000-22, section
    7.3, the orientation in an EXIF does not count.
    """
    return _EXIF.sub(b"none", data)


def stream_pixels(data: bytes) -> int:
    """Return how many pixels the frames of all items of an AVIF have together.

    It is at least what the decoder holds at once: frames stay while others may refer to them, and
    tiles until they are joined.

    Raises:
        Corrupt: the file is in absurdly many pieces, or they overlap, or end too early.
    """
    ask = reads()
    known: dict[_Item, int] = {}
    pixels = stored = 0
    for item, sources in _items(memoryview(data), ask):
        if item not in known:
            # The same bytes may be several items, but no two share a part of them.
            stored += sum(length for _, length in item[1])
            if stored > len(data):
                raise Corrupt("The items of the AVIF picture overlap.")
            known[item] = frame_pixels(_joined(sources, item), ask)
        pixels += known[item]
    return pixels


def _items(
    file: memoryview, ask: Callable[[], None]
) -> Iterator[tuple[_Item, Mapping[int, memoryview]]]:
    """Yield each item, and what its offsets may count from."""
    for kind, content in _boxes(file, ask):
        if kind == b"meta":
            boxes = list(_boxes(content[4:], ask))
            idat = next((box for kind, box in boxes if kind == b"idat"), file[:0])
            sources = {_IN_FILE: file, _IN_IDAT: idat}
            indexes = (Bits(box) for kind, box in boxes if kind == b"iloc")
            for item in _located(indexes, ask):
                yield item, sources


def _boxes(data: memoryview, ask: Callable[[], None]) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the kind and the content of each box."""
    while len(data) >= 8:
        ask()
        size, kind, head = int.from_bytes(data[:4], "big"), bytes(data[4:8]), 8
        if size == 1:
            size, head = int.from_bytes(data[8:16], "big"), 16
        elif size == 0:
            size = len(data)
        if size < head:
            return
        yield kind, data[head:size]
        data = data[size:]


def _located(indexes: Iterable[Bits], ask: Callable[[], None]) -> Iterator[_Item]:
    """Yield the items of all boxes that tell where items are."""
    try:
        for bits in indexes:
            yield from _indexed(bits, ask)
    except EndOfBits as error:
        raise Corrupt("The AVIF picture ends within its index.") from error


def _indexed(bits: Bits, ask: Callable[[], None]) -> Iterator[_Item]:
    """Yield the items of one such box."""
    version = bits.take(32) >> 24
    offset, length, base, index = (8 * bits.take(4) for _ in range(4))
    number = 32 if version == 2 else 16
    for _ in range(bits.take(number)):
        ask()
        bits.take(number)
        source = bits.take(16) & 15 if version else _IN_FILE
        bits.take(16)  # the file, of which there is one
        start = bits.take(base)
        parts: list[tuple[int, int]] = []
        for _ in range(bits.take(16)):
            ask()
            bits.take(index if version else 0)
            parts.append((start + bits.take(offset), bits.take(length)))
        yield source, tuple(parts)


def _joined(sources: Mapping[int, memoryview], item: _Item) -> memoryview:
    kind, parts = item
    source = sources.get(kind)
    if source is None:
        return memoryview(b"")
    return memoryview(b"".join(source[start : start + length] for start, length in parts))
