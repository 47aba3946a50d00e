"""The routes of `upload`: HTTP in, HTTP out."""

from quickthumb.api.routes import build

__all__ = ["build"]
