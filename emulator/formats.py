"""The formats of the service, from its own registry."""

import sys

from emulator.project import FILES

# Behind installed packages, as functions-framework does.
sys.path.append(str(FILES / "functions"))

from quickthumb.imaging.formats import AUTO, OUTPUTS, THUMBNAIL_TYPES, USUAL, listed

__all__ = ["AUTO", "OUTPUTS", "THUMBNAIL_TYPES", "USUAL", "listed"]
