"""Makes all thumbnails of a picture."""

import sys
from collections.abc import Sequence

from PIL import Image

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.alpha import is_transparent
from quickthumb.imaging.animate import animations, batches
from quickthumb.imaging.deadline import Deadline
from quickthumb.imaging.encode import (
    Animation,
    choose_format,
    encode,
    encode_animation,
    prepared,
)
from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.finish import Finish
from quickthumb.imaging.memory import needed_bytes, weight_bound
from quickthumb.imaging.opening import open_picture
from quickthumb.imaging.placeholder import placeholder
from quickthumb.imaging.reduce import Reducer
from quickthumb.imaging.weight import weigh
from quickthumb.limits import Limits
from quickthumb.pictures import Picture, Rendered, Work


def render(data: bytes, renditions: Sequence[Rendition], limits: Limits) -> Rendered:
    """Make every rendition of a picture, at least one.

    The same bytes and renditions give the same thumbnails, byte for byte, on one machine.

    Raises:
        NotAPicture, TooManyPixels, Corrupt: see `probe`; `Corrupt` also if too little of the
            picture can be decoded.
        CannotFit: a thumbnail does not fit its `max_bytes`.
        TooSlow: the time limit was exceeded.
    """
    return prepare(data, renditions, limits).make()


def prepare(data: bytes, renditions: Sequence[Rendition], limits: Limits) -> Work:
    """Open a picture, and plan its thumbnails, without decoding it; raises what `render` raises."""
    encoded = open_picture(data, limits, Deadline(limits.max_seconds))
    finishes = [Finish(encoded, rendition) for rendition in dict.fromkeys(renditions)]
    return Work(
        needed_bytes(encoded, finishes, limits),
        weight_bound(encoded, finishes, limits),
        lambda: _make(encoded, finishes, renditions),
    )


def _make(encoded: Encoded, finishes: list[Finish], renditions: Sequence[Rendition]) -> Rendered:
    """Make the thumbnails.

    The picture is reduced to each size. For each thumbnail of that size, it is finished (colours,
    orientation, crop), animated if applicable, and encoded. The smallest size also becomes the
    placeholder. Of an animation, as many thumbnails as fit into memory are made in one pass over
    its frames.
    """
    reducer = Reducer(encoded, [finish.reduced for finish in finishes])
    finishes.sort(key=lambda finish: reducer.order.index(finish.reduced))
    made: dict[Rendition, Picture] = {}
    reduced: Image.Image | None = None
    for batch in batches(encoded, finishes):
        stills: dict[Finish, Image.Image] = {}
        for finish in batch:
            if reduced is None or reduced.size != finish.reduced:
                encoded.deadline.check()
                reduced = None  # free memory for the next size
                reduced = reducer.to(finish.reduced)
            stills[finish] = finish(reduced)
        moving = animations(encoded, batch)
        for finish in batch:
            animation = moving.pop(finish, None)
            made[finish.rendition] = _written(stills[finish], animation, finish.rendition, encoded)
        if len(made) == len(finishes):
            shown = placeholder(stills[finish])  # the smallest, or not much larger
        del stills, animation  # likewise
    return Rendered(encoded.source, tuple(made[rendition] for rendition in renditions), shown)


def _written(
    image: Image.Image, moving: Animation | None, rendition: Rendition, encoded: Encoded
) -> Picture:
    """Choose the format, flatten if necessary, and encode at the best quality that fits."""
    transparent = is_transparent(image) and rendition.background is None
    output = choose_format(
        rendition.format, image.size, transparent=transparent, animated=moving is not None
    )
    still = prepared(image, output, rendition.background)

    def encode_at(quality: int) -> bytes:
        encoded.deadline.check()
        if moving is not None:
            return encode_animation(moving, output, quality)
        return encode(still, output, quality)

    writer = output.writer
    # A drawing may be smaller than any picture of it.
    original = sys.maxsize if encoded.format.vector else encoded.size
    # Quantizing to a palette does not hurt a picture that has one itself.
    has_palette = writer.palette and encoded.header.mode == "P"
    data = weigh(
        encode_at,
        rendition.quality or writer.quality,
        original=original,
        max_bytes=rendition.max_bytes,
        lossless=writer.lossless and not has_palette,
    )
    return Picture(rendition.name, output.content_type, output.extensions[0], *still.size, data)
