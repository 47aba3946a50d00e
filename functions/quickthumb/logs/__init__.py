"""Log lines: JSON where Cloud Logging reads them, plain text in a terminal.

Every line has the job, the trace and the execution that it is about, where there is one. Whoever
writes it, and whatever a request or a picture put into it, a line is one line, bounded in length.
"""

from quickthumb.logs.context import about, during, fields
from quickthumb.logs.setup import configure, restore

__all__ = ["about", "configure", "during", "fields", "restore"]
