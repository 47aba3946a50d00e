"""Bytes in, thumbnails out: no cloud, no clock, no settings of the process.

What is here reads headers, and imports no library: `probe` serves requests. What decodes is in
`render`, which imports Pillow.
"""

from quickthumb.imaging.source import probe

__all__ = ["probe"]
