"""TIFF 6.0, first page only: https://www.loc.gov/preservation/digital/formats/fdd/fdd000022.shtml."""

from collections.abc import Collection, Mapping
from math import prod
from typing import Any, NamedTuple

from quickthumb.imaging.formats.descriptor import (
    Encoded,
    Header,
    Output,
    Size,
    Writer,
    all_pixels,
    beginning,
)
from quickthumb.imaging.formats.exif import ORIENTATION_TAG, ORIENTATIONS
from quickthumb.imaging.formats.ifd import (
    ASCII,
    BYTE,
    FRACTIONS,
    MOST_TAGS,
    UNDEFINED,
    Directory,
    Entry,
)
from quickthumb.problems import Corrupt, UnsupportedFormat

_MOST_VALUES = 4 * 65_536
"""Per tag. The longest legitimate ones have the offset of each row of each of four channels."""

_MOST_FRACTIONS = 1000
"""Per tag. Pillow makes expensive objects of them; the specification has up to 6."""

_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_DESCRIPTION, _STRIPS, _SAMPLES, _ROWS, _PLANAR, _COLOURS = 270, 273, 277, 278, 284, 320
_TILE_WIDTH, _TILE_LENGTH, _TILES, _EXTRA, _SAMPLE_FORMAT = 322, 323, 324, 338, 339
_STRIP_BYTES, _TILE_BYTES = 279, 325
_FIRST_OF_OTHERS = 700
"""The tag of XMP; lower ones belong to TIFF itself."""

_WINDOWS_MEDIA = 0xBC01

_PREDICTED = {317: 2}
"""Horizontal differencing, which saves a quarter of the size."""

_RAW, _OLD_JPEG = 1, 6
_COMPRESSIONS = frozenset(
    (1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32809, 32946, 34676, 34677, 34925, 50000, 50001)
)
"""Supported by Pillow and libtiff."""

_YCBCR, _PALETTE = 6, 3

_Numbers = tuple[float, ...]

_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3

_GREY = (
    *((_UNSIGNED, (bits,), ()) for bits in (1, 2, 4, 8, 12, 16, 32)),
    *((_SIGNED, (bits,), ()) for bits in (8, 16, 32)),
    (_FLOAT, (32,), ()),
    *((_UNSIGNED, (8, 8), (extra,)) for extra in (0, 1, 2)),
)
_RGB = (
    *((_UNSIGNED, (bits,) * 3, ()) for bits in (8, 16)),
    *((_UNSIGNED, (bits,) * 4, extra) for bits in (8, 16) for extra in ((), (0,), (1,), (2,))),
    *((_UNSIGNED, (8,) * 5, (extra, 0)) for extra in (0, 1, 2)),
    *((_UNSIGNED, (8,) * 6, (extra, 0, 0)) for extra in (0, 1, 2)),
    (_UNSIGNED, (8,) * 4, (999,)),  # Corel Draw 10
)
_COLOUR_MAP = (
    *((_UNSIGNED, (bits,), ()) for bits in (1, 2, 4, 8)),
    *((_UNSIGNED, (8, 8), (extra,)) for extra in (0, 2)),
)
_SEPARATED = (
    *((_UNSIGNED, (bits,) * 4, ()) for bits in (8, 16)),
    (_UNSIGNED, (8,) * 5, (0,)),
    (_UNSIGNED, (8,) * 6, (0, 0)),
)
_LUMINANCE = ((_UNSIGNED, (8,), ()), (_UNSIGNED, (8,) * 3, ()))
_LAB = ((_UNSIGNED, (8,) * 3, ()),)

_LAYOUTS: Mapping[float | None, Collection[tuple[float, _Numbers, _Numbers]]] = {
    0: _GREY,
    1: _GREY,
    2: _RGB,
    _PALETTE: _COLOUR_MAP,
    5: _SEPARATED,
    _YCBCR: _LUMINANCE,
    8: _LAB,
}
"""The pixel layouts that Pillow supports, by photometric interpretation: sample format, bits of
each sample, and the meaning of extra samples. For some, it does not support every order of bytes
and bits, which is not checked here."""

_MOST_SAMPLES = 6

_RGB_PHOTOMETRIC, _SEPARATED_PHOTOMETRIC, _LAB_PHOTOMETRIC = 2, 5, 8
_BY_VIPS: Mapping[float | None, Collection[tuple[float, _Numbers, _Numbers]]] = {
    _RGB_PHOTOMETRIC: [
        (kind, (bits,) * (3 + len(extra)), extra)
        for kind, bits, extras in (
            *((_FLOAT, bits, ((), (0,), (1,), (2,))) for bits in (16, 32)),
            *((_SIGNED, bits, ((), (0,), (2,))) for bits in (8, 16, 32)),
            (_UNSIGNED, 32, ((), (0,), (2,))),
        )
        for extra in extras
    ],
    _PALETTE: [(_UNSIGNED, (16,), ())],
    _SEPARATED_PHOTOMETRIC: [
        (_UNSIGNED, (bits,) * 5, (extra,)) for bits, extra in ((8, 2), (16, 0), (16, 2))
    ],
    _LAB_PHOTOMETRIC: [(_UNSIGNED, (16,) * 3, ())],
}
"""The pixel layouts that only libvips reads, likewise."""

UNSPECIFIED = 0
"""The meaning of an extra sample that is not alpha."""

_SEPARATE = 2

_HELD_BY_VIPS = 12
"""Bytes per pixel of the result."""


class Planes(NamedTuple):
    """The samples of a pixel.

    Attributes:
        colours: the number of samples that are colours.
        extra: the meaning of the next sample; `UNSPECIFIED` also if there is none.
    """

    colours: int
    extra: int


def read(data: bytes) -> Header:
    """Read the header of a TIFF; see `Format.read`."""
    directory = Directory(data)
    if directory.count > MOST_TAGS:
        raise Corrupt(f"The TIFF picture has {directory.count:,} tags: the limit is {MOST_TAGS:,}.")
    page = _Page(directory)
    width, height = page.one(_WIDTH), page.one(_LENGTH)
    if not isinstance(width, int) or not isinstance(height, int):
        raise Corrupt("The TIFF picture does not state its size.")
    _check_layout(page)
    found = page.one(ORIENTATION_TAG)
    orientation = int(found) if found is not None and found in ORIENTATIONS else 1
    if orientation >= 5:
        width, height = height, width
    return Header(width, height, orientation)


class _Page:
    """The tags of a page, without those whose values are missing.

    Of a repeated tag, the first counts.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._entries: dict[int, Entry] = {}
        for entry in directory:
            _check_count(entry)
            if directory.has(entry):
                self._entries.setdefault(entry.tag, entry)

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def all(self, tag: int, default: _Numbers) -> _Numbers:
        """Return the values of a tag; none if they are not numeric."""
        entry = self._entries.get(tag)
        return default if entry is None else self._directory.numbers(entry)

    def one(self, tag: int, default: float | None = None) -> float | None:
        """Return the first value of a tag; None if it is not numeric."""
        entry = self._entries.get(tag)
        if entry is None:
            return default
        return next(iter(self._directory.numbers(entry)), None)


def _check_count(entry: Entry) -> None:
    """Check the number of values of a tag; raises `Corrupt`.

    Bytes and texts, such as profiles, XMP and layers of an editor, may have any length.
    """
    most = _MOST_FRACTIONS if entry.kind in FRACTIONS else _MOST_VALUES
    is_text = entry.kind in (BYTE, ASCII, UNDEFINED)
    if is_text and (entry.tag == _DESCRIPTION or entry.tag >= _FIRST_OF_OTHERS):
        return
    if entry.values > most:
        raise Corrupt(
            f"Tag {entry.tag} of the TIFF picture has {entry.values:,} values: "
            f"the limit is {most:,}."
        )


def _check_layout(page: _Page) -> None:
    """Check that decoders support the pixel layout.

    Raises:
        UnsupportedFormat: they do not.
        Corrupt: something is missing.
    """
    compression = page.one(_COMPRESSION, _RAW)
    if compression not in _COMPRESSIONS or _WINDOWS_MEDIA in page:
        raise UnsupportedFormat(f"TIFF pictures with compression {compression} are not accepted.")
    photometric = _YCBCR if compression == _OLD_JPEG else page.one(_PHOTOMETRIC, 0)
    layout = _layout(page, old_jpeg=compression == _OLD_JPEG)
    if layout not in (*_LAYOUTS.get(photometric, ()), *_BY_VIPS.get(photometric, ())):
        raise UnsupportedFormat("TIFF pictures with such a pixel layout are not accepted.")
    if photometric == _PALETTE and _COLOURS not in page:
        raise Corrupt("The TIFF picture has a palette without colours.")
    if compression == _RAW and not _is_located(page):
        raise Corrupt("The TIFF picture does not state where its pixels are.")


def _layout(page: _Page, *, old_jpeg: bool) -> tuple[float, _Numbers, _Numbers] | None:
    """Return the pixel layout as in `_LAYOUTS`, None if it is invalid."""
    samples = page.one(_SAMPLES, 3 if old_jpeg else 1)
    bits, extra = page.all(_BITS, (1,)), page.all(_EXTRA, ())
    kinds = set(page.all(_SAMPLE_FORMAT, (_UNSIGNED,)))
    if not isinstance(samples, int) or not 0 < samples <= _MOST_SAMPLES or len(kinds) != 1:
        return None
    if page.one(_PLANAR, 1) == _SEPARATE and extra and not any(extra):
        # Pillow ignores trailing planes of unspecified meaning.
        samples, bits, extra = samples - len(extra), bits[: -len(extra)], ()
    if len(bits) == 1:
        bits *= samples
    return (*kinds, bits[:samples], extra) if len(bits) >= samples else None


def left_to_vips(data: bytes) -> Planes | None:
    """Return what the samples of a pixel are if only libvips reads them; None if Pillow does.

    Pillow takes planes of 16 bits for those of 8 if they are not compressed.

    Args:
        data: the file, which has been `read`.
    """
    page = _Page(Directory(data))
    photometric = page.one(_PHOTOMETRIC, 0)
    layout = _layout(page, old_jpeg=page.one(_COMPRESSION, _RAW) == _OLD_JPEG)
    if layout is None:
        return None
    _, bits, extra = layout
    is_planar = page.one(_PLANAR, 1) == _SEPARATE and len(bits) > 1 and bits[0] > 8
    if not is_planar and layout not in _BY_VIPS.get(photometric, ()):
        return None
    return Planes(4 if photometric == _SEPARATED_PHOTOMETRIC else 3, int(extra[0]) if extra else 0)


def _is_located(page: _Page) -> bool:
    tile = (page.one(_TILE_WIDTH), page.one(_TILE_LENGTH))
    return _STRIPS in page or (_TILES in page and all(isinstance(side, int) for side in tile))


def _is_whole(data: bytes) -> bool:
    """Return whether the strips or tiles end within the file."""
    page = _Page(Directory(data))
    places = zip(
        (*page.all(_STRIPS, ()), *page.all(_TILES, ())),
        (*page.all(_STRIP_BYTES, ()), *page.all(_TILE_BYTES, ())),
        strict=False,
    )
    return all(start + length <= len(data) for start, length in places)


def _held(encoded: Encoded, size: Size) -> float:
    if left_to_vips(encoded.data):
        return 2 * _piece_held(encoded, streams=False) + _HELD_BY_VIPS * prod(size)
    pixels = all_pixels(encoded)
    if encoded.declared.orientation != 1:
        pixels *= 2  # Pillow copies it to turn it
    return pixels + 4 * prod(size) + _piece_held(encoded, streams=True)


def _piece_held(encoded: Encoded, *, streams: bool) -> int:
    """Return the size of a strip or of a row of tiles, which is decoded as a whole, bytes.

    A tile may have any size: TIFF 6.0, section 15; strips are in section 4.

    Args:
        encoded: the picture.
        streams: whether the decoder reads a single strip that is not compressed row by row.
    """
    tags: Mapping[int, Any] = encoded.header.tag_v2  # type: ignore[attr-defined]  # of its class
    width, height = encoded.header.size
    rows = min(tags.get(_ROWS, height), height)
    is_plain = tags.get(_COMPRESSION, _RAW) == _RAW and _TILE_WIDTH not in tags
    if streams and is_plain and rows == height:
        return 0
    pixels = tags.get(_TILE_WIDTH, width) * tags.get(_TILE_LENGTH, rows)
    if not streams:
        pixels = max(pixels, width * tags.get(_TILE_LENGTH, rows))
    if tags.get(_PHOTOMETRIC) == _YCBCR:
        return 4 * int(pixels)
    return int(pixels * tags.get(_SAMPLES, 1) * max(tags.get(_BITS, (1,)))) // 8


TIFF = Output(
    name="tiff",
    title="TIFF",
    content_type="image/tiff",
    extensions=("tiff", "tif"),
    # The last is little-endian BigTIFF; Pillow misreads a big-endian one as TIFF.
    begins=beginning(b"II*\0", b"MM\0*", b"II+\0"),
    read=read,
    opener="quickthumb.imaging.decoders.tiff:LeanTiff",
    decode="quickthumb.imaging.decoders.tiff:decode",
    decoder_turns=True,
    held=_held,
    is_whole=_is_whole,
    in_browsers=False,
    writer=Writer(
        quality=100,  # ignored
        held_per_pixel=8,
        options=lambda _: {"compression": "tiff_adobe_deflate", "tiffinfo": _PREDICTED},
        animation=False,  # pages are not frames
        lossless=True,
    ),
)
