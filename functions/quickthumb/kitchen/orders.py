"""The messages between parent and child.

The parent sends an order. The child opens the picture and answers how much memory it needs. Once
there is room, the parent has it start, and gets the thumbnails.

A child has decoded untrusted data, so its answers are not trusted either.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from quickthumb.documents.manifest import Placeholder
from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.formats import CONTENT_TYPES, THUMBNAIL_TYPES
from quickthumb.kitchen.wire import Mangled, Wire
from quickthumb.limits import Limits
from quickthumb.pictures import Picture, Rendered, Source, Work
from quickthumb.problems import (
    CannotFit,
    Corrupt,
    NotAPicture,
    TooManyPixels,
    TooSlow,
    Unprocessable,
    UnsupportedFormat,
)

MOST_DETAIL = 1000
"""Maximum length of an error message, characters."""

_REFUSALS: dict[str, type[Unprocessable]] = {
    error.code: error
    for error in (NotAPicture, UnsupportedFormat, TooManyPixels, Corrupt, TooSlow, CannotFit)
}
"""All errors of imaging, by code."""

_PLACEHOLDER = re.compile(r"data:image/webp;base64,[A-Za-z0-9+/]{1,8000}={0,2}")
_COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class Needs:
    """What making the thumbnails of a picture takes at most.

    Attributes:
        memory: of the child, without the file, bytes.
        weight: of all thumbnails together, bytes.
    """

    memory: int
    weight: int


class OutOfMemory(Exception):
    """The child reached its memory limit."""


def send_order(
    wire: Wire, data: bytes, renditions: Sequence[Rendition], seconds: float, end: float
) -> None:
    """Send an order with a time limit in seconds; raises what `Wire` does."""
    wanted = [rendition.to_dict() for rendition in renditions]
    wire.send({"seconds": seconds, "renditions": wanted, "bytes": len(data)}, data, end=end)


def receive_order(wire: Wire) -> tuple[bytes, tuple[Rendition, ...], float]:
    """Receive an order: picture, renditions, time limit; raises what `Wire` does."""
    head = wire.head()
    renditions = tuple(Rendition.from_json(rendition) for rendition in head["renditions"])
    return wire.part(head["bytes"]), renditions, head["seconds"]


def send_needs(wire: Wire, work: Work) -> None:
    """Answer with the memory that decoding takes, before it begins; raises what `Wire` does."""
    wire.send({"memory": work.memory, "weight": work.weight})


def receive_needs(wire: Wire, limits: Limits, end: float) -> Needs:
    """Receive what decoding takes; raises what `receive_answer` does."""
    head = wire.head(end)
    _check(head)
    most = limits.max_result_bytes
    return Needs(
        _whole(head, "memory", 0, limits.max_decoded_bytes + most), _whole(head, "weight", 0, most)
    )


def send_start(wire: Wire, seconds: float, end: float) -> None:
    """Have the child begin, with a time limit in seconds; raises what `Wire` does."""
    wire.send({"seconds": seconds}, end=end)


def receive_start(wire: Wire) -> float:
    """Wait until decoding may begin; return the time limit in seconds. Raises what `Wire` does."""
    return float(wire.head()["seconds"])


def send_rendered(wire: Wire, rendered: Rendered) -> None:
    """Answer with the thumbnails; raises what `Wire` does."""
    thumbnails = [
        {
            "name": picture.name,
            "content_type": picture.content_type,
            "width": picture.width,
            "height": picture.height,
            "bytes": len(picture.data),
        }
        for picture in rendered.thumbnails
    ]
    head = {
        "source": msgspec.to_builtins(rendered.source),
        "thumbnails": thumbnails,
        "placeholder": msgspec.to_builtins(rendered.placeholder),
    }
    wire.send(head, *(picture.data for picture in rendered.thumbnails))


def send_refusal(wire: Wire, error: Unprocessable) -> None:
    """Answer with an error of the picture; raises what `Wire` does."""
    wire.send({"refused": error.code, "detail": str(error)[:MOST_DETAIL]})


def send_out_of_memory(wire: Wire) -> None:
    """Answer that the memory limit was reached; raises what `Wire` does."""
    wire.send({"out_of_memory": True})


def receive_answer(
    wire: Wire, renditions: Sequence[Rendition], limits: Limits, end: float
) -> Rendered:
    """Receive and validate the answer to an order.

    Raises:
        Unprocessable: imaging rejected the picture.
        OutOfMemory: the child reached its memory limit.
        Mangled: the answer is invalid, or does not match the order.
        TimeoutError, EOFError, OSError: there is no answer; see `Wire`.
    """
    head = wire.head(end)
    _check(head)
    source, thumbnails, placeholder = (
        head.get(name) for name in ("source", "thumbnails", "placeholder")
    )
    if not isinstance(thumbnails, list) or len(thumbnails) != len(renditions):
        raise Mangled("wrong number of thumbnails")
    known = _source(source, limits)
    shown = _placeholder(placeholder)
    left = limits.max_result_bytes
    pictures: list[Picture] = []
    for thumbnail, rendition in zip(thumbnails, renditions, strict=True):
        size = _whole(thumbnail, "bytes", 1, left)
        format = THUMBNAIL_TYPES.get(_text(thumbnail, "content_type"))
        if format is None or _text(thumbnail, "name") != rendition.name:
            raise Mangled("a thumbnail that was not requested")
        width = _whole(thumbnail, "width", 1, rendition.width)
        height = _whole(thumbnail, "height", 1, rendition.height)
        data = wire.part(size, end)
        extension = format.extensions[0]
        pictures.append(
            Picture(rendition.name, format.content_type, extension, width, height, data)
        )
        left -= size
    return Rendered(known, tuple(pictures), shown)


def _check(head: dict[str, Any]) -> None:
    """Raise the error that an answer tells of."""
    if "refused" in head:
        raise _refusal(head)
    if "out_of_memory" in head:
        raise OutOfMemory


def _refusal(head: dict[str, Any]) -> Unprocessable:
    error, detail = _REFUSALS.get(_text(head, "refused")), _text(head, "detail")
    if error is None or len(detail) > MOST_DETAIL:
        raise Mangled("an unknown error")
    # The message may quote bytes of the file, which may be incomplete characters.
    return error(detail.encode(errors="replace").decode())


def _source(document: object, limits: Limits) -> Source:
    content_type = _text(document, "content_type")
    if content_type not in CONTENT_TYPES.values():
        raise Mangled("an invalid content type")
    width = _whole(document, "width", 1, limits.max_side)
    height = _whole(document, "height", 1, limits.max_pixels // width)
    return Source(content_type, width, height, _whole(document, "orientation", 1, 8))


def _placeholder(document: object) -> Placeholder:
    uri, colour = _text(document, "data_uri"), _text(document, "color")
    if not (_PLACEHOLDER.fullmatch(uri) and _COLOUR.fullmatch(colour)):
        raise Mangled("an invalid placeholder")
    return Placeholder(uri, colour)


def _whole(document: object, name: str, low: int, high: int) -> int:
    value = document.get(name) if isinstance(document, dict) else None
    if type(value) is not int or not low <= value <= high:
        raise Mangled(f"{name}: expected a whole number from {low} to {high}")
    return value


def _text(document: object, name: str) -> str:
    value = document.get(name) if isinstance(document, dict) else None
    if not isinstance(value, str):
        raise Mangled(f"{name}: expected a text")
    return value
