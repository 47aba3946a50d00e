"""Log lines: JSON where Cloud Logging reads them, plain text in a terminal.

Every line has its job, trace and execution, if any. Whatever its source, and whatever a request or
a picture puts into it, it is a single line of limited length.
"""

from quickthumb.logs.context import about, during, fields
from quickthumb.logs.setup import configure, restore

__all__ = ["about", "configure", "during", "fields", "restore"]
