"""The formats of the service and the options of an upload, from its own registries."""

import argparse
import sys
from collections.abc import Callable

from emulator.project import FILES

# Behind installed packages, as functions-framework does.
sys.path.append(str(FILES / "functions"))

from quickthumb.imaging.formats import AUTO, OUTPUTS, THUMBNAIL_TYPES, USUAL, listed
from quickthumb.options import OPTIONS

__all__ = ["AUTO", "OUTPUTS", "THUMBNAIL_TYPES", "USUAL", "checked", "listed"]


def checked(option: str) -> Callable[[str], str]:
    """Return what argparse needs to refuse an invalid option of an upload before it is sent.

    Args:
        option: its name, as in the API.
    """

    def check(text: str) -> str:
        try:
            OPTIONS[option].parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None
        return text

    return check
