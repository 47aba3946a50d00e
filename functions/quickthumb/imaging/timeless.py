"""AVIF animations without the time of day at which they were made."""

import struct

_HEAD = struct.Struct(">I4s")
_AROUND = frozenset((b"moov", b"trak", b"mdia"))
_TIMED = frozenset((b"mvhd", b"tkhd", b"mdhd"))


def timeless(data: bytes) -> bytes:
    """Return an AVIF, one that was encoded here, as it would be if made at any other time.

    libavif has no way to leave out when an animation was created and modified. Both times are the
    first fields of three boxes (ISO/IEC 14496-12, sections 8.2.2, 8.3.2 and 8.4.2).
    """
    file = bytearray(data)
    _clear(file, 0, len(file))
    return bytes(file)


def _clear(file: bytearray, start: int, end: int) -> None:
    while start + _HEAD.size <= end:
        size, kind = _HEAD.unpack_from(file, start)
        content = start + _HEAD.size
        if kind in _AROUND:
            _clear(file, content, start + size)
        elif kind in _TIMED:
            length = 16 if file[content] == 1 else 8  # by the version of the box
            file[content + 4 : content + 4 + length] = bytes(length)
        start += max(size, _HEAD.size)
