"""SVG and PDF."""

import base64
import io
from collections.abc import Mapping

from PIL import Image


def svg(inner: str, attributes: str = 'width="60" height="40"', *, before: str = "") -> bytes:
    """Return an SVG of these elements."""
    name = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"{before}<svg {name} {attributes}>{inner}</svg>".encode()


def svg_of(image: Image.Image) -> bytes:
    """Return an SVG that shows a picture."""
    out = io.BytesIO()
    image.save(out, "PNG")
    size = f'width="{image.width}" height="{image.height}"'
    uri = f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
    return svg(f'<image {size} href="{uri}"/>', size)


def pdf(
    content: bytes = b"1 0 0 rg 0 0 30 20 re f",
    box: str = "0 0 60 40",
    *,
    page: str = "",
    objects: Mapping[int, bytes] | None = None,
) -> bytes:
    """Return a PDF of one page, without a table of its objects.

    Args:
        content: what is drawn; by default, the lower left quarter is red.
        box: the size of the page.
        page: more entries of the page.
        objects: more objects, by number from 5 on.
    """
    stream = b"<</Length %d>>stream\n%s\nendstream" % (len(content), content)
    every = {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: f"<</Type/Page/Parent 2 0 R/MediaBox[{box}]/Contents 4 0 R{page}>>".encode(),
        4: stream,
        **(objects or {}),
    }
    body = b"".join(b"%d 0 obj%s endobj\n" % each for each in every.items())
    return b"%PDF-1.4\n" + body + b"trailer<</Root 1 0 R>>\n"
