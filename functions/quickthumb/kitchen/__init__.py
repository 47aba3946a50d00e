"""Decodes pictures in confined child processes.

The process that answers requests never decodes, and does not load the libraries for it.
"""

from quickthumb.kitchen.pool import Kitchen

__all__ = ["Kitchen"]
