"""Bytes in, thumbnails out: no cloud, no clock, no settings of the process.

`source.probe` and `formats` read headers and import no library: they serve requests. What decodes
is in `render`, which imports Pillow.
"""
