"""The recipe: from the bytes of a picture to its thumbnails."""

from collections.abc import Callable, Sequence

from PIL import Image

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.alpha import flatten, is_transparent
from quickthumb.imaging.animate import animation, is_animated
from quickthumb.imaging.deadline import Deadline
from quickthumb.imaging.encode import (
    DEFAULT_QUALITY,
    EXTENSIONS,
    Animation,
    choose_format,
    encode,
    encode_animation,
    prepared,
)
from quickthumb.imaging.engines.pillow import PillowEngine
from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.finish import Finish
from quickthumb.imaging.geometry import plan
from quickthumb.imaging.opening import open_picture
from quickthumb.imaging.placeholder import placeholder
from quickthumb.imaging.reduce import Reducer
from quickthumb.imaging.weight import weigh
from quickthumb.limits import Limits
from quickthumb.pictures import Picture, Rendered


def render(data: bytes, renditions: Sequence[Rendition], limits: Limits) -> Rendered:
    """Make every rendition of a picture, at least one.

    The same bytes and renditions give the same thumbnails, byte for byte, on one machine.

    Raises:
        NotAPicture, TooManyPixels, Corrupt: see `probe`; `Corrupt` also when too little of the
            picture can be decoded.
        CannotFit: a thumbnail cannot be as light as was asked.
        TooSlow: the time limit is over.
    """
    deadline = Deadline(limits.max_seconds)
    encoded = open_picture(data, limits, deadline)
    source = encoded.source
    finishes = {
        rendition: Finish(
            encoded.header,
            encoded.turns,
            plan((source.width, source.height), (rendition.width, rendition.height), rendition.fit),
            rendition.gravity,
        )
        for rendition in renditions
    }
    reducer = Reducer(encoded, [finish.reduced for finish in finishes.values()])
    made: dict[Rendition, Picture] = {}
    for size in reducer.order:
        deadline.check()
        reduced = reducer.to(size)
        for rendition, finish in finishes.items():
            if finish.reduced == size:
                image = finish(reduced)
                made[rendition] = _picture(image, rendition, finish, encoded, limits)
        if size == reducer.order[-1]:
            shown = placeholder(image)  # the smallest, or not much larger
        del reduced, image  # they may be large, and so may be what the next needs
    return Rendered(source, tuple(made[rendition] for rendition in renditions), shown)


def _picture(
    image: Image.Image, rendition: Rendition, finish: Finish, encoded: Encoded, limits: Limits
) -> Picture:
    moving = None
    if rendition.format != "jpeg" and is_animated(encoded):
        moving = animation(encoded, _frame_maker(finish, rendition.background), limits)
    return _encoded(image, moving, rendition, encoded)


def _frame_maker(finish: Finish, background: str | None) -> Callable[[Image.Image], Image.Image]:
    """Return what makes a frame of a thumbnail from a frame of an animation."""
    shrink = PillowEngine().shrink

    def make(frame: Image.Image) -> Image.Image:
        image = finish(shrink(frame, finish.reduced))
        return flatten(image, background) if background else image

    return make


def _encoded(
    image: Image.Image,
    moving: Animation | None,
    rendition: Rendition,
    encoded: Encoded,
) -> Picture:
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

    data = weigh(
        encode_at,
        rendition.quality or DEFAULT_QUALITY[output],
        original=encoded.size,
        max_bytes=rendition.max_bytes,
        # Few colours are no loss to a picture that has no more itself.
        lossless=output == "png" and encoded.header.mode != "P",
    )
    return Picture(rendition.name, f"image/{output}", EXTENSIONS[output], *still.size, data)
