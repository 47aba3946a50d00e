"""Draws the first page of a PDF with PDFium."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image, ImageFile

from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.formats.drawing import described
from quickthumb.imaging.geometry import Size
from quickthumb.problems import Corrupt, UnsupportedFormat

_WHITE = 0xFFFFFFFF


class PdfFile(ImageFile.ImageFile):
    """A PDF of the size of its first page."""

    format = "PDF"

    def _open(self) -> None:
        assert self.fp is not None  # noqa: S101  # it is open
        with _first_page(self.fp.read()) as (pdfium, page):
            size = (pdfium.FPDF_GetPageWidthF(page), pdfium.FPDF_GetPageHeightF(page))
        self._size = described(*size)
        if not all(self._size):
            raise Corrupt("The PDF picture is invalid: its first page has no size.")
        self._mode = "RGB"
        self.tile = []


def decode(encoded: Encoded, size: Size) -> Image.Image:
    """Draw the page in a size, on white; annotations are shown, forms are not filled in."""
    width, height = size
    pixels = bytearray(4 * width * height)
    with _first_page(encoded.data) as (pdfium, page):
        buffer = (ctypes.c_char * len(pixels)).from_buffer(pixels)
        layout = (pdfium.FPDFBitmap_BGRx, buffer, 4 * width)
        bitmap = pdfium.FPDFBitmap_CreateEx(width, height, *layout)
        if not bitmap:
            raise MemoryError
        try:
            pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, _WHITE)
            pdfium.FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, pdfium.FPDF_ANNOT)
        finally:
            pdfium.FPDFBitmap_Destroy(bitmap)
    return Image.frombytes("RGB", size, pixels, "raw", "BGRX")


@contextmanager
def _first_page(data: bytes) -> Iterator[tuple[Any, Any]]:
    """Open a file and load its first page; yield the library and the page.

    Raises:
        UnsupportedFormat: it is encrypted.
        Corrupt: it cannot be read.
    """
    import pypdfium2.raw as pdfium  # which takes 0.4 seconds

    document = pdfium.FPDF_LoadMemDocument64(data, len(data), None)
    if not document:
        if pdfium.FPDF_GetLastError() == pdfium.FPDF_ERR_PASSWORD:
            raise UnsupportedFormat("The PDF is encrypted: send it without a password.")
        raise Corrupt("The PDF picture is invalid: it cannot be read.")
    try:
        page = pdfium.FPDF_LoadPage(document, 0)
        if not page:
            raise Corrupt("The PDF picture is invalid: its first page cannot be read.")
        try:
            yield pdfium, page
        finally:
            pdfium.FPDF_ClosePage(page)
    finally:
        pdfium.FPDF_CloseDocument(document)
