"""What the workers do."""

import io

from pictures import pictures
from PIL import Image, ImageOps

SIZE = 256  # pixels, the longest side
QUALITY = 82  # as QuickThumb's default


def make_thumbnail(id: str) -> None:
    """Make the thumbnail of an upload."""
    with Image.open(io.BytesIO(pictures().read(f"uploads/{id}"))) as original:
        # The decoder leaves out what a thumbnail does not need.
        original.draft("RGB", (2 * SIZE, 2 * SIZE))
        image = ImageOps.exif_transpose(original).convert("RGB")
    image.thumbnail((SIZE, SIZE))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY)
    out.seek(0)
    pictures().write(f"processed/{id}.jpg", out, out.getbuffer().nbytes)
