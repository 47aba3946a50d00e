"""Camera raw files that are TIFFs: DNG, CR2, NEF and ARW. The picture is their largest preview.

Cameras store a JPEG of what they show, upright or not; how to turn it is said by the raw file. Raw
pixels are not developed.

https://helpx.adobe.com/camera-raw/digital-negative.html for DNG; the others are not published by
their makers: https://exiftool.org/TagNames/EXIF.html names the tags.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from quickthumb.imaging.formats.descriptor import Format, Header
from quickthumb.imaging.formats.exif import ORIENTATION_TAG, ORIENTATIONS
from quickthumb.imaging.formats.ifd import Directory, Entry
from quickthumb.imaging.formats.jpeg import JPEG
from quickthumb.problems import Corrupt, QuickThumbError, UnsupportedFormat

MOST_DIRECTORIES = 50
"""Per file. Cameras write up to ten."""

_MOST_LISTED = 10
"""Directories below one. DNG of many previews have five."""

_TIFF = (b"II*\0", b"MM\0*")
_CANON = (b"CR\2", 8)
"""In a CR2, and its offset."""

_KIND, _MAKER, _STRIPS, _LENGTHS = 254, 271, 273, 279
_PHOTOMETRIC, _BELOW, _JPEG, _JPEG_LENGTH, _DNG_VERSION = 262, 330, 513, 514, 50706
_PLACES = ((_JPEG, _JPEG_LENGTH), (_STRIPS, _LENGTHS))
"""Tags that tell where a JPEG may be, and its length."""

_READ = frozenset(
    (
        *(_KIND, _MAKER, _STRIPS, _LENGTHS, _BELOW, _JPEG, _JPEG_LENGTH),
        *(_PHOTOMETRIC, _DNG_VERSION, ORIENTATION_TAG),
    )
)

_REDUCED = 1
"""The kind of a directory with a preview."""

_SENSOR = frozenset((32803, 34892))
"""How the pixels of a directory are to be understood: as those of the sensor, or nearly."""

_START_OF_JPEG = b"\xff\xd8\xff"


class _Preview(NamedTuple):
    """A JPEG in the file.

    Attributes:
        header: of the JPEG.
        start: offset in the file.
        end: offset of its end.
    """

    header: Header
    start: int
    end: int


class _Tags:
    """What is needed of a directory; of a repeated tag, the first counts."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._entries: dict[int, Entry] = {}
        for entry in directory:
            if entry.tag in _READ and directory.has(entry):
                self._entries.setdefault(entry.tag, entry)

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Return the values of a tag, none if it is missing or has many."""
        entry = self._entries.get(tag)
        if entry is None or entry.values > _MOST_LISTED:
            return ()
        return tuple(int(value) for value in self._directory.numbers(entry))

    def one(self, tag: int) -> int:
        """Return the only value of a tag, 0 if it is missing or has several."""
        values = self.numbers(tag)
        return values[0] if len(values) == 1 else 0

    def maker(self) -> bytes:
        """Return the first letters of the name of the camera's maker, in capitals."""
        entry = self._entries.get(_MAKER)
        return b"" if entry is None else self._directory.text(entry, 8).upper()


def read(data: bytes) -> Header:
    """Read the header of the largest preview; see `Format.read`."""
    return replace(_largest(data).header, orientation=_orientation(data))


def preview(data: bytes) -> bytes:
    """Return the largest preview, a JPEG."""
    largest = _largest(data)
    return JPEG.lean(data[largest.start : largest.end])


def _orientation(data: bytes) -> int:
    found = _Tags(Directory(data)).one(ORIENTATION_TAG)
    return found if found in ORIENTATIONS else 1


def _largest(data: bytes) -> _Preview:
    previews = list(_previews(data))
    if not previews:
        if _reaches_beyond(data):
            raise Corrupt("The camera raw file is truncated: its previews are missing.")
        raise UnsupportedFormat(
            "The camera raw file has no preview that can be shown. Save it as JPEG, or as DNG with "
            "a preview."
        )
    return max(previews, key=lambda each: each.header.width * each.header.height)


def _reaches_beyond(data: bytes) -> bool:
    """Return whether pixels or directories are said to be where the file has ended."""
    ends = (
        end
        for tags in _directories(data)
        for end in (
            *(tags.one(start) + tags.one(length) for start, length in _PLACES),
            *tags.numbers(_BELOW),
        )
    )
    return any(end > len(data) for end in ends)


def _previews(data: bytes) -> Iterator[_Preview]:
    """Yield the JPEGs of all directories but those with raw pixels; raises `Corrupt`."""
    seen: set[tuple[int, int]] = set()
    left = len(data)
    for tags in _directories(data):
        if tags.one(_PHOTOMETRIC) in _SENSOR:
            continue
        for offset, length in _PLACES:
            start, size = tags.one(offset), tags.one(length)
            if (start, size) in seen or not data.startswith(_START_OF_JPEG, start):
                continue
            seen.add((start, size))
            jpeg = data[start : start + size]
            left -= len(jpeg)
            if left < 0:
                raise Corrupt("The previews of the camera raw file overlap.")
            try:
                header = JPEG.read(jpeg)
            except (QuickThumbError, struct.error, IndexError):
                continue  # another one may do
            if size:
                yield _Preview(header, start, start + size)


def _directories(data: bytes) -> Iterator[_Tags]:
    """Yield the directories of a file, each once."""
    waiting: list[int | None] = [None]
    seen: set[int | None] = {0}
    while waiting:
        start = waiting.pop()
        if start in seen:
            continue
        seen.add(start)
        if len(seen) > MOST_DIRECTORIES:
            raise Corrupt(
                f"The camera raw file has more than {MOST_DIRECTORIES} directories of tags."
            )
        try:
            directory = Directory(data, start)
        except struct.error:
            if start is None:
                raise
            continue  # it is beyond the end of the file
        if start is None and not directory.is_whole():
            raise struct.error("truncated directory")
        tags = _Tags(directory)
        yield tags
        waiting += [directory.following(), *tags.numbers(_BELOW)]


def _first(data: bytes) -> _Tags | None:
    """Return the tags of the first directory of a TIFF, None if this is none."""
    if data[:4] not in _TIFF:
        return None
    try:
        return _Tags(Directory(data))
    except struct.error:
        return None


def _is_dng(data: bytes) -> bool:
    tags = _first(data)
    return tags is not None and _DNG_VERSION in tags


def _is_cr2(data: bytes) -> bool:
    mark, at = _CANON
    return data.startswith(_TIFF) and data.startswith(mark, at)


def _made_by(maker: bytes) -> Callable[[bytes], bool]:
    """Return a predicate for raw files of a maker.

    Their first directory has a preview, and lists another one with the raw pixels. TIFFs that were
    saved from them have neither.
    """

    def begins(data: bytes) -> bool:
        tags = _first(data)
        if tags is None or _BELOW not in tags or not tags.maker().startswith(maker):
            return False
        return tags.one(_KIND) == _REDUCED

    return begins


def _format(name: str, content_type: str, begins: Callable[[bytes], bool], *more: str) -> Format:
    return Format(
        name=name,
        title=name.upper(),
        content_type=content_type,
        extensions=(name, *more),
        begins=begins,
        read=read,
        opener=JPEG.opener,
        decode=JPEG.decode,
        lean=preview,
        held=JPEG.held,
        is_whole=JPEG.is_whole,
        vips=JPEG.vips,
        in_browsers=False,
    )


RAW = (
    _format("dng", "image/x-adobe-dng", _is_dng),
    _format("cr2", "image/x-canon-cr2", _is_cr2),
    _format("nef", "image/x-nikon-nef", _made_by(b"NIKON"), "nrw"),
    _format("arw", "image/x-sony-arw", _made_by(b"SONY")),
)
