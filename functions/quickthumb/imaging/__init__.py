"""Turns the bytes of a picture into thumbnails, without cloud access or process-wide settings.

`source.probe` and `formats` only read headers, and import no library: they are used while serving
requests. Decoding is in `render`, which imports Pillow.
"""
