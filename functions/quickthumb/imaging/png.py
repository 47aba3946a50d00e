"""What Pillow makes too much of in a PNG, found by its chunks (https://www.w3.org/TR/png-3/#5)."""

import zlib
from collections.abc import Iterator

from PIL import ImageFile

from quickthumb.imaging.guarded import MOST_READS

_SIGNATURE = 8
_BIT_DEPTH = 24
"""Where it is in the file: in the first chunk, behind width and height."""

_FRAME = 12
"""Bytes of a chunk around its content: length and type before, checksum behind."""

_NAMED = frozenset((b"tEXt", b"zTXt", b"iTXt", b"iCCP"))
"""Chunks whose content is a name, a zero byte and something."""

_MOST = 1_000_000
"""Bytes of a text or profile, unpacked: Pillow refuses the whole picture for one with more."""


def without_ballast(data: bytes) -> bytes:
    """Return a PNG without the packed or oversized texts and the oversized profile in it.

    A text of more than a megabyte, such as editing histories and the recipes of image generators
    are, makes Pillow refuse the picture; a thumbnail needs none. Where there is nothing to be left
    out, or the chunks make no sense, the same bytes come back.
    """
    left_out = [span for span in _chunks(data) if _is_ballast(data, *span)]
    if not left_out:
        return data
    kept: list[bytes | memoryview] = []
    at = 0
    view = memoryview(data)
    for start, end in left_out:
        kept.append(view[at:start])
        at = end
    return b"".join((*kept, view[at:]))


def complete_header(image: ImageFile.ImageFile, data: bytes) -> None:
    """Add to what Pillow knows of an opened PNG what it would decode the pixels for, or gets wrong.

    Args:
        image: not loaded yet.
        data: the file.
    """
    _fit_transparency(image, data[_BIT_DEPTH])
    if "exif" not in image.info:
        # It may follow the pixels: https://www.w3.org/TR/png-3/#5ChunkOrdering
        spans = (span for span in _chunks(data) if _kind(data, span[0]) == b"eXIf")
        for start, end in spans:
            image.info["exif"] = data[start + 8 : end - 4]


def _fit_transparency(image: ImageFile.ImageFile, bits: int) -> None:
    """Bring the transparent colour to the eight bits of the pixels to come.

    Pillow reads samples of 2, 4 and 16 bits as ones of 8, and leaves that colour as it is. Of 16
    bits the lower ones are lost, so colours next to it become transparent too. The one of a grey
    picture of 16 bits stays, as its pixels do.
    """
    stored = image.info.get("transparency")
    if stored is None:
        return
    if image.mode == "L":
        image.info["transparency"] = _in_eight_bits(stored, bits)
    elif image.mode == "RGB":
        image.info["transparency"] = tuple(_in_eight_bits(level, bits) for level in stored)


def _in_eight_bits(level: int, bits: int) -> int:
    """Return a level as Pillow makes it of as many bits; those above do not count (11.3.1.1)."""
    if bits == 16:
        return level >> 8
    most = (1 << bits) - 1
    return (level & most) * 255 // most


def _chunks(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each chunk begins and ends, as far as they are whole and not absurdly many."""
    at = _SIGNATURE
    for _ in range(MOST_READS):
        end = at + _FRAME + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            return
        yield at, end
        at = end


def _kind(data: bytes, start: int) -> bytes:
    return data[start + 4 : start + 8]


def _is_ballast(data: bytes, start: int, end: int) -> bool:
    kind = _kind(data, start)
    if kind not in _NAMED:
        return False
    content = data[start + 8 : end - 4]
    after_name = content.find(b"\0") + 1
    match kind:
        case b"tEXt":
            return len(content) > _MOST
        case b"iTXt":
            packed = content[after_name : after_name + 1] != b"\0"
            return packed or len(content) > _MOST
        case b"zTXt":
            return True
        case _:
            return _unpacks_to_more(content[after_name + 1 :])


def _unpacks_to_more(packed: bytes) -> bool:
    """Tell whether there is too much in it; no more than that is unpacked."""
    try:
        return len(zlib.decompressobj().decompress(packed, _MOST + 1)) > _MOST
    except zlib.error:
        return False
