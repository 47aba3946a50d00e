"""The formats that the service takes and makes, as its own registry has them."""

import sys

from emulator.bootstrap import ROOT

# As functions-framework does it: behind what is installed.
sys.path.append(str(ROOT / "functions"))

from quickthumb.imaging.formats import (
    AUTO,
    FORMATS,
    OUTPUTS,
    THUMBNAIL_TYPES,
    listed,
)

__all__ = ["AUTO", "FORMATS", "OUTPUTS", "THUMBNAIL_TYPES", "listed"]
