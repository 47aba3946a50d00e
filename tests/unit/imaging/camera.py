"""Camera raw files with the structure that cameras give them, but with few raw pixels."""

import io
import struct

from PIL import Image

SHORT, LONG, ASCII, BYTE = 3, 4, 2, 1
_LETTERS = {SHORT: "H", LONG: "I", ASCII: "B", BYTE: "B"}

SENSOR = 32803

_FOR_THE_FIRST = 1000
"""Bytes."""

_RAW_PIXELS = bytes(range(256)) * 4


class Builder:
    """Puts a TIFF together, with its first directory at the start."""

    def __init__(self, order: str = "<", mark: bytes = b"") -> None:
        self.order = order
        self.start = 8 + len(mark)
        magic = b"II*\0" if order == "<" else b"MM\0*"
        self.data = bytearray(magic + struct.pack(f"{order}I", self.start) + mark)
        self.data += bytes(_FOR_THE_FIRST)

    def put(self, content: bytes) -> int:
        """Append bytes; return their offset."""
        self.data += b"\0" * (len(self.data) % 2)
        self.data += content
        return len(self.data) - len(content)

    def directory(self, tags: dict[int, tuple[int, list[int]]], following: int = 0) -> int:
        """Append a directory; return its offset."""
        at = len(self.data) + len(self.data) % 2
        return self.put(self._directory(tags, following, at))

    def done(self, tags: dict[int, tuple[int, list[int]]], following: int = 0) -> bytes:
        """Return the file with this as its first directory."""
        first = self._directory(tags, following, self.start)
        assert len(first) <= _FOR_THE_FIRST
        self.data[self.start : self.start + len(first)] = first
        return bytes(self.data)

    def _directory(self, tags: dict[int, tuple[int, list[int]]], following: int, at: int) -> bytes:
        """Return a directory for an offset, and behind it the values that do not fit into it."""
        entries = beyond = b""
        behind = at + 2 + 12 * len(tags) + 4
        for tag, (kind, values) in sorted(tags.items()):
            stored = struct.pack(f"{self.order}{len(values)}{_LETTERS[kind]}", *values)
            if len(stored) > 4:
                place = behind + len(beyond)
                beyond += stored + b"\0" * (len(stored) % 2)
                stored = struct.pack(f"{self.order}I", place)
            entries += struct.pack(f"{self.order}HHI", tag, kind, len(values))
            entries += stored.ljust(4, b"\0")
        count = struct.pack(f"{self.order}H", len(tags))
        return count + entries + struct.pack(f"{self.order}I", following) + beyond


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG", quality=95)
    return out.getvalue()


def _text(text: str) -> tuple[int, list[int]]:
    return ASCII, [*text.encode(), 0]


def _sensor(builder: Builder, compression: int = 1) -> dict[int, tuple[int, list[int]]]:
    at = builder.put(_RAW_PIXELS)
    return {
        **{254: (LONG, [0]), 256: (LONG, [32]), 257: (LONG, [16]), 258: (SHORT, [16])},
        **{259: (SHORT, [compression]), 262: (SHORT, [SENSOR]), 273: (LONG, [at])},
        **{277: (SHORT, [1]), 279: (LONG, [len(_RAW_PIXELS)])},
    }


def _small(builder: Builder) -> dict[int, tuple[int, list[int]]]:
    """Return the tags of an uncompressed thumbnail."""
    at = builder.put(b"\x80" * 3 * 16 * 12)
    return {
        **{254: (LONG, [1]), 256: (LONG, [16]), 257: (LONG, [12]), 258: (SHORT, [8, 8, 8])},
        **{259: (SHORT, [1]), 262: (SHORT, [2]), 273: (LONG, [at]), 277: (SHORT, [3])},
        **{278: (LONG, [12]), 279: (LONG, [3 * 16 * 12])},
    }


def _as_strip(builder: Builder, jpeg: bytes, kind: int = 7) -> dict[int, tuple[int, list[int]]]:
    at = builder.put(jpeg)
    return {254: (LONG, [1]), 259: (SHORT, [kind]), 273: (LONG, [at]), 279: (LONG, [len(jpeg)])}


def _as_interchange(builder: Builder, jpeg: bytes) -> dict[int, tuple[int, list[int]]]:
    at = builder.put(jpeg)
    return {
        **{254: (LONG, [1]), 259: (SHORT, [6])},
        **{513: (LONG, [at]), 514: (LONG, [len(jpeg)])},
    }


def dng(image: Image.Image, orientation: int = 1, order: str = "<") -> bytes:
    """Return a DNG: a thumbnail first, then the raw pixels and two previews below it."""
    builder = Builder(order)
    large, small = map(_jpeg, (image, image.reduce(4)))
    below = [
        builder.directory(_sensor(builder)),
        builder.directory(_as_strip(builder, small)),
        builder.directory(_as_strip(builder, large) | {262: (SHORT, [6])}),
    ]
    first = _small(builder) | {
        **{271: _text("Maker"), 274: (SHORT, [orientation])},
        **{330: (LONG, below), 50706: (BYTE, [1, 4, 0, 0])},
    }
    return builder.done(first)


def cr2(image: Image.Image, orientation: int = 1) -> bytes:
    """Return a CR2: the preview first, then a thumbnail, then raw pixels, one after the other."""
    builder = Builder(mark=b"CR\2\0" + bytes(4))
    large, small = map(_jpeg, (image, image.reduce(4)))
    raw = builder.directory(_sensor(builder, compression=6))
    thumbnail = builder.directory(_as_interchange(builder, small), following=raw)
    tags = _as_strip(builder, large, kind=6)
    tags |= {271: _text("Canon"), 274: (SHORT, [orientation])}
    return builder.done(tags, following=thumbnail)


def nef(image: Image.Image, orientation: int = 1) -> bytes:
    """Return a NEF, big-endian: a thumbnail first, then a preview and the raw pixels below it."""
    builder = Builder(">")
    below = [
        builder.directory(_as_interchange(builder, _jpeg(image))),
        builder.directory(_sensor(builder, compression=34713)),
    ]
    first = _small(builder) | {
        **{271: _text("NIKON CORPORATION"), 274: (SHORT, [orientation])},
        330: (LONG, below),
    }
    return builder.done(first)


def arw(image: Image.Image, orientation: int = 1) -> bytes:
    """Return an ARW: the preview first with raw pixels below it, then a thumbnail."""
    builder = Builder()
    large, small = map(_jpeg, (image, image.reduce(4)))
    raw = builder.directory(_sensor(builder, compression=32767))
    thumbnail = builder.directory(_as_interchange(builder, small))
    first = _as_interchange(builder, large) | {
        **{271: _text("SONY"), 274: (SHORT, [orientation])},
        330: (LONG, [raw]),
    }
    return builder.done(first, following=thumbnail)


CAMERAS = {"DNG": dng, "CR2": cr2, "NEF": nef, "ARW": arw}
"""What makes a file of each format from the picture that a camera shows."""
