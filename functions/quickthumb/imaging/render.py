"""The recipe: from the bytes of a picture to its thumbnails."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from quickthumb.imaging.alpha import is_transparent
from quickthumb.imaging.animate import animation, is_animated
from quickthumb.imaging.colour import to_srgb
from quickthumb.imaging.crop import window
from quickthumb.imaging.deadline import Deadline
from quickthumb.imaging.encode import (
    DEFAULT_QUALITY,
    EXTENSIONS,
    choose_format,
    encode,
    encode_animation,
    prepared,
    weigh,
)
from quickthumb.imaging.engines.pillow import PillowEngine
from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.geometry import Plan, plan, turned
from quickthumb.imaging.limits import Limits
from quickthumb.imaging.orient import upright
from quickthumb.imaging.placeholder import placeholder
from quickthumb.imaging.reduce import Reducer
from quickthumb.imaging.source import Source, describe, open_picture
from quickthumb.jobs import Placeholder, Rendition


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded thumbnail.

    Attributes:
        name: the rendition it answers.
        content_type: of `data`.
        extension: for a file name, without the dot.
        width: pixels.
        height: pixels.
        data: the encoded bytes.
    """

    name: str
    content_type: str
    extension: str
    width: int
    height: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Rendered:
    """All that is made of one picture.

    Attributes:
        source: what it was.
        thumbnails: in the order of the renditions.
        placeholder: what to show before they have loaded.
    """

    source: Source
    thumbnails: tuple[Picture, ...]
    placeholder: Placeholder


def render(data: bytes, renditions: Sequence[Rendition], limits: Limits) -> Rendered:
    """Make every rendition of a picture, at least one.

    The same bytes and renditions give the same thumbnails, byte for byte.

    Raises:
        NotAPicture, TooManyPixels, Corrupt: see `probe`; `Corrupt` also when too little of the
            picture can be decoded.
        CannotFit: a thumbnail cannot be as light as was asked.
        TooSlow: the time limit is over.
    """
    deadline = Deadline(limits.max_seconds)
    encoded = Encoded(data, open_picture(data, limits))
    source = describe(encoded.header)
    plans = {
        rendition: plan((source.width, source.height), (rendition.width, rendition.height), rendition.fit)
        for rendition in renditions
    }
    descending = sorted(plans, key=lambda rendition: plans[rendition].reduced, reverse=True)
    ...
