"""What is known of a picture and of its thumbnails: values alone, no code that decodes."""

from dataclasses import dataclass

from quickthumb.documents.manifest import Placeholder


@dataclass(frozen=True, slots=True)
class Source:
    """A picture before it is decoded.

    Attributes:
        content_type: as the bytes say, whatever the sender claimed.
        width: pixels, as a viewer shows it (EXIF orientation applied).
        height: pixels, as a viewer shows it.
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
