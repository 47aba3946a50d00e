"""Pillow's readers, restricted to what is needed; one file per format."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from PIL import ImageFile

from quickthumb.imaging.formats.descriptor import Format
from quickthumb.imaging.guarded import GuardedFile


def open_as(format: Format, data: bytes, ask: Callable[[], None]) -> ImageFile.ImageFile:
    """Open a file with the reader of its format; no pixel is decoded.

    The reader is called directly, so no other format is tried, nothing is registered with Pillow,
    and a process only imports the readers it uses.

    Args:
        format: of the file.
        data: the file, without what its decoder must not get.
        ask: called before each read of the file, now and while decoding.
    """
    opened: ImageFile.ImageFile = named(format.opener)(GuardedFile(data, ask))
    return opened


def named(place: str) -> Any:
    """Import an object by its name, "module:name"."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
