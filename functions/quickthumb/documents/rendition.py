"""A thumbnail that is asked for, and its JSON."""

import re
from dataclasses import dataclass, fields
from typing import Any, Literal, Self

from quickthumb.documents import untrusted
from quickthumb.documents.untrusted import shown
from quickthumb.imaging.formats import AUTO, FORMAT_OPTIONS
from quickthumb.problems import InvalidMessage

Fit = Literal["contain", "cover"]
Gravity = Literal["center", "smart"]

MAX_SIZE = 4096
"""The longest side that a thumbnail may be asked for, pixels."""

_NAME = re.compile(r"[A-Za-z0-9_@-][A-Za-z0-9._@-]{0,63}")
_MAX_RENDITIONS = 64  # of a message; far above what one may ask for


@dataclass(frozen=True, slots=True)
class Rendition:
    """One requested thumbnail.

    Attributes:
        name: the last part of its link and the stem of its blob ("256").
        width: greatest width, pixels.
        height: greatest height, pixels.
        fit: `contain` fits the picture into the box; `cover` fills the box and crops.
        gravity: which part `cover` keeps.
        format: one of `formats.FORMAT_OPTIONS`; `auto` is JPEG for opaque pictures, WebP for
            transparent ones.
        quality: 1 to 100; None is the default of the format.
        background: "#rrggbb" to flatten transparency onto; None keeps it where the format can.
        max_bytes: the most a thumbnail may weigh, bytes; None is no limit.
    """

    name: str
    width: int
    height: int
    fit: Fit = "contain"
    gravity: Gravity = "center"
    format: str = AUTO
    quality: int | None = None
    background: str | None = None
    max_bytes: int | None = None

    @classmethod
    def square(cls, size: int) -> Self:
        """Return the plain rendition whose longest side is `size` pixels."""
        return cls(str(size), size, size)

    def to_dict(self) -> dict[str, Any]:
        """Return the rendition as JSON values, defaults left out."""
        return {
            field.name: value
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default
        }

    def to_list(self) -> list[Any]:
        """Return the rendition in fewer letters: its values in their order, null for defaults."""
        given = self.to_dict()
        values = [given.get(field.name) for field in fields(self)]
        while values[-1] is None:
            values.pop()
        return values

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """Read what `to_dict` or `to_list` has returned.

        Raises:
            InvalidMessage: it is something else, or a rendition that nobody may ask for.
        """
        if isinstance(document, list):
            names = [field.name for field in fields(cls)]
            if len(document) > len(names):
                raise InvalidMessage(f"{shown(document)}: expected at most {len(names)} values")
            pairs = zip(names, document, strict=False)
            document = {name: value for name, value in pairs if value is not None}
        rendition = untrusted.record(cls, document, strict=True)
        _check(rendition)
        return rendition


def renditions_from(documents: Any) -> tuple[Rendition, ...]:
    """Read renditions back from their JSON values.

    Raises:
        InvalidMessage: one of them is none that we could have written, or there are none or too
            many.
    """
    listed = untrusted.a_list(documents)
    if not 1 <= len(listed) <= _MAX_RENDITIONS:
        raise InvalidMessage(f"{len(listed)} renditions: expected 1 to {_MAX_RENDITIONS}")
    return tuple(map(Rendition.from_json, listed))


def _check(rendition: Rendition) -> None:
    """See that a rendition is one that we could have written: it names a blob, and costs memory."""
    checks = {
        "name": _NAME.fullmatch(rendition.name),
        "width": 1 <= rendition.width <= MAX_SIZE,
        "height": 1 <= rendition.height <= MAX_SIZE,
        "format": rendition.format in FORMAT_OPTIONS,
        "quality": rendition.quality is None or 1 <= rendition.quality <= 100,
        "background": rendition.background is None
        or re.fullmatch("#[0-9a-f]{6}", rendition.background),
        "max_bytes": rendition.max_bytes is None or rendition.max_bytes >= 1,
    }
    for name, holds in checks.items():
        if not holds:
            raise InvalidMessage(
                f"a rendition of which we make none: {name}: {shown(getattr(rendition, name))}"
            )
