"""Bytes in, thumbnails out: no cloud, no clock, no settings of the process."""

from quickthumb.imaging.limits import Limits
from quickthumb.imaging.render import Picture, Rendered, render
from quickthumb.imaging.source import Source, probe

__all__ = ["Limits", "Picture", "Rendered", "Source", "probe", "render"]
