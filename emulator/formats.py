"""The formats that the service takes and makes, as its own registry has them."""

import sys

from emulator.project import FILES

# As functions-framework does it: behind what is installed.
sys.path.append(str(FILES / "functions"))

from quickthumb.imaging.formats import (
    AUTO,
    FORMATS,
    OUTPUTS,
    THUMBNAIL_TYPES,
    listed,
)

__all__ = ["AUTO", "FORMATS", "OUTPUTS", "THUMBNAIL_TYPES", "listed"]
