"""Conversion through ICC profiles: https://www.color.org/specification/ICC.1-2022-05.pdf."""

import io
import struct
from functools import cache

from PIL import Image, ImageCms

from quickthumb.imaging.colour.space import Curve, RgbSpace, to_d50

Profile = ImageCms.ImageCmsProfile

_INTENT = ImageCms.Intent.PERCEPTUAL

_SAME = 1
"""Levels by which a profile may differ from sRGB, and is not applied."""

_VERSION = 8
"""Offset of the major version in a profile."""

_HEAD = 128
"""Bytes before the list of tags."""

_MOST_TAGS = 100

_SHARE = 65_536
"""1 in the numbers of profiles."""

_MOST = 32_767.0
"""The largest number in a profile."""


def opened(profile: bytes) -> Profile | None:
    """Return a profile, None if it is invalid."""
    try:
        return Profile(io.BytesIO(profile))
    except (OSError, TypeError, ImageCms.PyCMSError):
        return None


def lab() -> Profile:
    """Return the profile of CIE L*a*b*."""
    return Profile(ImageCms.createProfile("LAB"))


def space_of(profile: Profile) -> str:
    """Return the colour space of a profile: ICC.1:2022, table 19."""
    try:
        return profile.profile.xcolor_space.strip()
    except UnicodeDecodeError:
        return "unknown"


def codes(profile: bytes) -> tuple[int, int] | None:
    """Return the codes of primaries and transfer function in a profile (9.2.17), None without."""
    try:
        [count] = struct.unpack_from(">I", profile, _HEAD)
        for entry in range(min(count, _MOST_TAGS)):
            kind, at, _ = struct.unpack_from(">4sII", profile, _HEAD + 4 + 12 * entry)
            if kind == b"cicp":
                primaries, transfer, matrix, full_range = struct.unpack_from("4B", profile, at + 8)
                return (primaries, transfer) if (matrix, full_range) == (0, 1) else None
    except struct.error:
        pass  # it is truncated, which is for Little CMS to judge
    return None


def transform(profile: Profile, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the conversion of pictures in a mode to sRGB, in mode RGB.

    It is None if the profile is unusable.
    """
    return _transform(profile, mode, ImageCms.Flags.NONE)


def changes_nothing(profile: Profile) -> bool:
    """Return whether a profile of RGB means sRGB, by what it does to colours.

    Its name says little: there are linear profiles called sRGB.
    """
    # Preparing a fast conversion takes longer than a slow one of few colours.
    by_it = _transform(profile, "RGB", ImageCms.Flags.NOOPTIMIZE)
    if by_it is None:
        return False
    colours = _all_over()
    shown = by_it.apply(colours).tobytes()
    return all(abs(a - b) <= _SAME for a, b in zip(shown, colours.tobytes(), strict=True))


def described(space: RgbSpace) -> Profile:
    """Return a profile of a colour space.

    Raises:
        ValueError: its primaries are impossible.
    """
    if not isinstance(space.curves, tuple):
        raise TypeError("a profile cannot describe light beyond white")
    columns = zip(*to_d50(space.primaries), strict=True)
    tags = {
        **{
            kind: _xyz(*xyz) for kind, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)
        },
        **{
            kind: _parametric(curve)
            for kind, curve in zip((b"rTRC", b"gTRC", b"bTRC"), space.curves, strict=True)
        },
    }
    return Profile(io.BytesIO(_file(tags)))


def _transform(
    profile: Profile, mode: str, flags: ImageCms.Flags
) -> ImageCms.ImageCmsTransform | None:
    try:
        return ImageCms.buildTransform(profile, _srgb(), mode, "RGB", _INTENT, flags)
    except ImageCms.PyCMSError:
        return None


@cache
def _srgb() -> Profile:
    """Return sRGB as a profile of version 2.

    Little CMS would stretch the black of a printer to that of the screen for one of version 4;
    browsers do not.
    """
    profile = bytearray(Profile(ImageCms.createProfile("sRGB")).tobytes())
    profile[_VERSION] = 2
    return Profile(io.BytesIO(profile))


@cache
def _all_over() -> Image.Image:
    """Return all greys, and colours from all over the cube."""
    steps = range(0, 256, 51)
    colours = [(level, level, level) for level in range(256)]
    colours += [(red, green, blue) for red in steps for green in steps for blue in steps]
    image = Image.new("RGB", (len(colours), 1))
    image.putdata(colours)
    return image


def _file(tags: dict[bytes, bytes]) -> bytes:
    """Return a profile with these tags (7.1)."""
    table = struct.pack(">I", len(tags))
    at = _HEAD + 4 + 12 * len(tags)
    for kind, content in tags.items():
        table += struct.pack(">4sII", kind, at, len(content))
        at += len(content)
    head = struct.pack(">I4xI4s4s4s", at, 0x04400000, b"mntr", b"RGB ", b"XYZ ")
    head = head.ljust(36, b"\0") + b"acsp"
    head = head.ljust(68, b"\0") + _numbers(0.9642, 1.0, 0.8249)
    return head.ljust(_HEAD, b"\0") + table + b"".join(tags.values())


def _xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ \0\0\0\0" + _numbers(x, y, z)


def _parametric(curve: Curve) -> bytes:
    return b"para\0\0\0\0\0\4\0\0" + _numbers(*curve)


def _numbers(*numbers: float) -> bytes:
    stored = (round(_SHARE * max(-_MOST, min(number, _MOST))) for number in numbers)
    return struct.pack(f">{len(numbers)}i", *stored)
