"""A requested thumbnail."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta

from quickthumb.documents import untrusted
from quickthumb.documents.untrusted import shown
from quickthumb.imaging.formats import AUTO, FORMAT_OPTIONS, NEGOTIATE, NEGOTIATED
from quickthumb.problems import InvalidMessage

Fit = Literal["contain", "cover"]
Gravity = Literal["center", "smart", "face"]
if TYPE_CHECKING:
    Format = str
else:
    Format = Literal[FORMAT_OPTIONS]

MAX_SIZE = 4096
"""Maximum size of a thumbnail, pixels."""

MAX_LISTED = 64
"""Maximum number of renditions to read for an upload; fewer can be requested."""

MOST_THUMBNAILS = 256
"""Maximum number of thumbnails of an upload that grows; its manifest then has about 70 KB."""

_SPELLED = f"-{NEGOTIATE}"

Share = Annotated[float, Meta(ge=0, le=1)]
Focus = tuple[Share, Share]
"""A point of a picture, as shares of its width and height, from the left and from the top."""

Side = Annotated[int, Meta(ge=1, le=MAX_SIZE, description="Maximum, pixels.")]


class Rendition(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One requested thumbnail.

    Attributes:
        name: the last part of its link and the stem of its blob ("256").
        width: maximum width, pixels.
        height: maximum height, pixels.
        fit: `contain` fits the picture into the box; `cover` fills the box and crops.
        gravity: which part `cover` keeps.
        format: one of `formats.FORMAT_OPTIONS`; `auto` is JPEG for opaque pictures, WebP for
            transparent ones; `negotiate` stands for several thumbnails, see `made`.
        quality: 1 to 100; None is the default of the format.
        background: "#rrggbb" to put under transparency; None keeps it if the format can.
        max_bytes: maximum size of the file, bytes; None for no limit.
        focus: the point of the picture that `cover` puts in the middle, as far as its edges allow,
            instead of what `gravity` says; None if it is not known.
    """

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_@-][A-Za-z0-9._@-]{0,63}\Z")]
    width: Side
    height: Side
    fit: Fit = "contain"
    gravity: Gravity = "center"
    format: Format = AUTO
    quality: Annotated[int, Meta(ge=1, le=100)] | None = None
    background: Annotated[str, Meta(pattern=r"^#[0-9a-f]{6}\Z")] | None = None
    max_bytes: Annotated[int, Meta(ge=1, le=untrusted.MAX_WHOLE)] | None = None
    focus: Focus | None = None

    @classmethod
    def square(cls, size: int) -> Self:
        """Return the default rendition for a size: its longest side, pixels."""
        return cls(str(size), size, size)

    @property
    def made(self) -> "tuple[Rendition, ...]":
        """The thumbnails to make: this one, or one in each format if the format is negotiated."""
        if self.format != NEGOTIATE:
            return (self,)
        return tuple(
            msgspec.structs.replace(self, name=name, format=format)
            for name, format in zip(variants(self.name), NEGOTIATED, strict=True)
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its links: its own, and those of what is made."""
        return tuple(dict.fromkeys((self.name, *(each.name for each in self.made))))

    def to_dict(self) -> dict[str, Any]:
        """Return the rendition as JSON values, without defaults."""
        return dict(msgspec.to_builtins(self))

    def to_list(self) -> list[Any]:
        """Return the rendition in short form: values in order, null for defaults."""
        given = self.to_dict()
        values = [given.get(name) for name in self.__struct_fields__]
        while values[-1] is None:
            values.pop()
        return values

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """Parse the result of `to_dict` or `to_list`.

        Raises:
            InvalidMessage: the rendition is malformed or not allowed.
        """
        if isinstance(document, list):
            names = cls.__struct_fields__
            if len(document) > len(names):
                raise InvalidMessage(f"{shown(document)}: expected at most {len(names)} values")
            pairs = zip(names, document, strict=False)
            document = {name: value for name, value in pairs if value is not None}
        return untrusted.convert(cls, document)


def variants(name: str) -> tuple[str, ...]:
    """Return the names of the thumbnails of which a negotiated one consists, the best first.

    They are those of thumbnails in one format, which may be asked for by themselves: of 480, and of
    480-negotiate, these are 480-avif and so on.
    """
    if _SPELLED in name:
        return tuple(name.replace(_SPELLED, f"-{format}") for format in NEGOTIATED)
    return tuple(f"{name}-{format}" for format in NEGOTIATED)


def negotiable(names: Collection[str]) -> tuple[str, ...]:
    """Return the names by which formats of thumbnails can be negotiated.

    Those that are not taken by one thumbnail; else what tells that the format is negotiated.
    """
    found = []
    for name in names:
        spelled = name.replace(f"-{NEGOTIATED[0]}", _SPELLED)
        if spelled != name and set(variants(spelled)) <= set(names):
            plain = spelled.replace(_SPELLED, "")
            is_free = plain not in names and set(variants(plain)) <= set(names)
            found.append(plain if is_free else spelled)
    return tuple(found)
