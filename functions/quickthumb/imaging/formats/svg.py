"""SVG: https://www.w3.org/TR/SVG2/.

It is accepted only where a setting says so. librsvg draws it, which has neither scripts nor a way
to other files or the network: the process in which it runs can open none.
"""

import re
from math import prod

from quickthumb.imaging.formats.descriptor import Encoded, Format, Header, Size
from quickthumb.imaging.formats.drawing import described
from quickthumb.problems import Corrupt

MOST_TAGS = 50_000
"""Of elements, opening and closing, and of comments. librsvg holds 1.6 kB for an element and draws
50,000 in a second."""

MOST_BYTES = 10_000_000
"""Of the file. libxml2 limits texts to as much."""

_MOST_BEFORE = 65_536
"""Bytes before the first element, which programs fill with declarations."""

_START = re.compile(rb"\s*<(\?xml|!--|!DOCTYPE\s+svg|svg[\s>])", re.IGNORECASE)
_ELEMENT = re.compile(rb"<svg[\s>]")
_ROOT = re.compile(rb"<svg(?=[\s>])[^<>]{0,16384}>")
_ATTRIBUTE = re.compile(rb"\s(width|height|viewBox)\s*=\s*(?:\"([^\"<]{0,200})\"|'([^'<]{0,200})')")
_LENGTH = re.compile(rb"\s*([0-9]{0,9}\.?[0-9]{1,9}(?:[eE][+-]?[0-9])?)\s*([a-z]{0,2})\s*")

_UNITS = {
    b"": 1.0,
    b"px": 1.0,
    b"pt": 96 / 72,
    b"pc": 16.0,
    b"mm": 96 / 25.4,
    b"cm": 96 / 2.54,
    b"in": 96.0,
    b"em": 12.0,
    b"ex": 6.0,
}
"""Pixels: https://www.w3.org/TR/css-values-3/#absolute-lengths. The font of the last two has 12."""

_DEFAULT = (300.0, 150.0)
"""Of what states no size: https://www.w3.org/TR/CSS2/visudet.html#inline-replaced-width."""

_HELD = 16_000_000
_HELD_PER_TAG = 1_600
_HELD_PER_PIXEL = 12
"""Bytes, while it is drawn and converted."""

_SAMPLE = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="32" height="24">'
    b'<filter id="f"><feGaussianBlur stdDeviation="1"/></filter>'
    b'<image width="9" height="9" href="data:image/png;base64,'
    b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNIBgAAZQBkEuR45QAAAABJRU5ErkJggg=="
    b'"/><text y="9" filter="url(#f)">a<tspan font-weight="bold">b</tspan></text></svg>'
)
"""With a text, as fonts are loaded when one is drawn, and with a picture."""


def begins(data: bytes) -> bool:
    """Return whether a file is an SVG; what comes before its first element may be long."""
    head = data[:_MOST_BEFORE].removeprefix(b"\xef\xbb\xbf")
    return bool(_START.match(head) and _ELEMENT.search(head))


def read(data: bytes) -> Header:
    """Read the header of an SVG; see `Format.read`.

    Raises:
        Corrupt: it is too large, or has too many elements.
    """
    if len(data) > MOST_BYTES:
        raise Corrupt(
            f"The SVG picture has {len(data):,} bytes: the limit is {MOST_BYTES:,}. Send it as PNG."
        )
    if tags(data) > MOST_TAGS:
        raise Corrupt(
            f"The SVG picture has more than {MOST_TAGS:,} tags. Simplify it, or send it as PNG."
        )
    root = _ROOT.search(data, 0, _MOST_BEFORE)
    if root is None:
        raise Corrupt("The SVG picture has no root element.")
    stated = {name: a or b for name, a, b in _ATTRIBUTE.findall(root[0])}
    return Header(*described(*_size(stated)))


def tags(data: bytes) -> int:
    """Return the number of tags, opening and closing, of comments and declarations."""
    return data.count(b"<")


def _size(stated: dict[bytes, bytes]) -> tuple[float, float]:
    """Return width and height in pixels, from the attributes of the root."""
    across, down = _view(stated.get(b"viewBox", b"")) or (None, None)
    width, height = (_length(stated.get(name, b"")) for name in (b"width", b"height"))
    if across and down:
        if width and not height:
            height = width * down / across
        if height and not width:
            width = height * across / down
    return width or across or _DEFAULT[0], height or down or _DEFAULT[1]


def _length(text: bytes) -> float | None:
    """Return a length in pixels, None if it is missing, 0, or relative to what is around."""
    match = _LENGTH.fullmatch(text)
    unit = _UNITS.get(match[2]) if match else None
    return float(match[1]) * unit or None if match and unit else None


def _view(text: bytes) -> tuple[float, float] | None:
    """Return width and height of a `viewBox`, None if it is invalid."""
    parts = text.replace(b",", b" ").split()
    try:
        [_, _, width, height] = map(float, parts)
    except ValueError:
        return None
    return (width, height) if width > 0 and height > 0 else None


def _held(encoded: Encoded, size: Size) -> float:
    return _HELD + _HELD_PER_TAG * tags(encoded.data) + _HELD_PER_PIXEL * prod(size)


SVG = Format(
    name="svg",
    title="SVG",
    content_type="image/svg+xml",
    extensions=("svg",),
    begins=begins,
    read=read,
    opener="quickthumb.imaging.decoders.svg:SvgFile",
    decode="quickthumb.imaging.decoders.svg:decode",
    held=_held,
    vector=True,
    sample=_SAMPLE,
    opt_in=True,
)
