"""Pictures are decoded in processes of their own, where a decoder can do no harm.

The process that answers requests never decodes: it loads none of the libraries for it.
"""

from quickthumb.kitchen.pool import Kitchen

__all__ = ["Kitchen"]
