"""PDF, of which the first page is drawn: ISO 32000-2.

It is accepted only where a setting says so: PDFium, which draws it, reads a dozen formats within
one, and had holes in most of them.
"""

import re
from math import prod

from quickthumb.imaging.formats.descriptor import Encoded, Format, Header, Size, beginning
from quickthumb.imaging.formats.drawing import described

_BOX = re.compile(rb"/(?:MediaBox|CropBox)\s*\[\s*((?:[-+.0-9]{1,12}\s+){3}[-+.0-9]{1,12})\s*\]")
_A4 = (595.0, 842.0)
"""Points, which are taken for pixels."""

_HELD = 64_000_000
_HELD_PER_PIXEL = 12
"""Bytes. What pictures in a page take is not known before: the limit of the process holds."""

_SAMPLE = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj "
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 32 24]/Contents 4 0 R"
    b"/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj "
    b"4 0 obj<</Length 30>>stream\nBT /F 9 Tf 2 2 Td (a) Tj ET   \nendstream endobj "
    b"trailer<</Root 1 0 R>>"
)


def read(data: bytes) -> Header:
    """Return the size of the first page that states one; see `Format.read`.

    In most files all pages have the same. The decoder knows the right one: in many files the pages
    are compressed.
    """
    match = _BOX.search(data)
    if match is None:
        return Header(*described(*_A4))
    try:
        left, bottom, right, top = map(float, match[1].split())
    except ValueError:
        return Header(*described(*_A4))
    size = described(abs(right - left), abs(top - bottom))
    return Header(*(size if all(size) else described(*_A4)))


def _held(_: Encoded, size: Size) -> float:
    return _HELD + _HELD_PER_PIXEL * prod(size)


PDF = Format(
    name="pdf",
    title="PDF",
    content_type="application/pdf",
    extensions=("pdf",),
    begins=beginning(b"%PDF-"),
    read=read,
    opener="quickthumb.imaging.decoders.pdf:PdfFile",
    decode="quickthumb.imaging.decoders.pdf:decode",
    held=_held,
    in_browsers=False,
    vector=True,
    sample=_SAMPLE,
    opt_in=True,
)
