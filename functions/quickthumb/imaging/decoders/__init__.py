"""Pillow's readers, made to do no more than they must; each format's is one file."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from PIL import ImageFile

from quickthumb.imaging.formats.descriptor import Format
from quickthumb.imaging.guarded import GuardedFile


def open_as(format: Format, data: bytes, ask: Callable[[], None]) -> ImageFile.ImageFile:
    """Open a file with the class that reads this one format; no pixel is decoded.

    It is called directly, so no other format is ever tried on the bytes, nothing is registered with
    Pillow, and a process pays only for the formats it meets.

    Args:
        format: of the file.
        data: what of it its decoder may see.
        ask: is called before each reading of the file, now and while pixels are decoded.
    """
    opened: ImageFile.ImageFile = named(format.opener)(GuardedFile(data, ask))
    return opened


def named(place: str) -> Any:
    """Import what a format names, "module:name"."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
