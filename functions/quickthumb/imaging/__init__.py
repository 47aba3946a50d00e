"""Bytes in, thumbnails out: no cloud, no clock, no settings of the process."""

from quickthumb.imaging.render import render
from quickthumb.imaging.source import probe
from quickthumb.limits import Limits
from quickthumb.pictures import Picture, Rendered, Source

__all__ = ["Limits", "Picture", "Rendered", "Source", "probe", "render"]
