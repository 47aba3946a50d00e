"""What the colours of a file mean, and their conversion to sRGB.

`png`, `bmp` and `nclx` read what a file says beside an ICC profile. `srgb` applies it to reduced
pictures. Only `resize` needs all this, so no reader of headers imports it.
"""
