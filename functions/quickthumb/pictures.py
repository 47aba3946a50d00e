"""Values that describe a picture and its thumbnails."""

from collections.abc import Callable
from dataclasses import dataclass

from quickthumb.documents.manifest import Placeholder


@dataclass(frozen=True, slots=True)
class Source:
    """A picture before it is decoded.

    Attributes:
        content_type: detected from the content.
        width: pixels, after EXIF orientation.
        height: pixels, after EXIF orientation.
        orientation: EXIF orientation of the stored picture, 1 to 8.
    """

    content_type: str
    width: int
    height: int
    orientation: int


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded thumbnail.

    Attributes:
        name: of its rendition.
        content_type: of `data`.
        extension: of a file name, without the dot.
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
    """The results for one picture.

    Attributes:
        source: the picture.
        thumbnails: in the order of the renditions.
        placeholder: what to show while they load.
    """

    source: Source
    thumbnails: tuple[Picture, ...]
    placeholder: Placeholder


@dataclass(frozen=True, slots=True)
class Work:
    """A picture that is open, and whose thumbnails can be made.

    Attributes:
        memory: an upper bound of what that takes, without the file, bytes.
        weight: an upper bound of the size of all thumbnails together, bytes.
        make: makes them; raises `Unprocessable`.
    """

    memory: int
    weight: int
    make: Callable[[], Rendered]
