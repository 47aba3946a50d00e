"""Converts colours to sRGB."""

import io

from PIL import Image, ImageCms, ImageFile

from quickthumb.imaging.alpha import opaque

_COLOUR_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
"""The colour space that a profile must have (ICC.1:2022, table 19), by Pillow's mode."""

_SRGB = frozenset(
    (
        "sRGB IEC61966-2.1",
        "sRGB IEC61966-2-1 black scaled",
        "sRGB IEC61966-2-1 no black scaling",
        "sRGB2014",
        "sRGB built-in",
        "GIMP built-in sRGB",
        "Artifex sRGB",
        "sRGB",
    )
)
"""Names of profiles that need no conversion, which takes as long as reducing a picture.

Other names that contain sRGB may mean its primaries only, with a linear curve.
"""

_SRGB_GAMMA = 1 / 2.2
_VISIBLE_GAMMA = 0.05

_PERCEPTUAL = ImageCms.Intent.PERCEPTUAL


def to_srgb(image: Image.Image, header: ImageFile.ImageFile) -> Image.Image:
    """Convert a reduced picture to sRGB, in mode RGB or RGBA, or L or LA if it is grey.

    A profile that is invalid or of another colour space is ignored, as browsers do.

    Args:
        image: the reduced picture, in the colour space of the file.
        header: the opened file, with its profile and gamma.
    """
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    colours = opaque(image)
    profile = _profile(colours.mode, header)
    if profile is None:
        converted = _without_profile(colours, header)
    elif colours.mode in ("L", "RGB") and _name(profile) in _SRGB:
        converted = colours
    else:
        converted = _through_profile(colours, profile)
    if converted is colours:
        return image
    if alpha:
        converted.putalpha(alpha)
    return converted


def _profile(mode: str, header: ImageFile.ImageFile) -> ImageCms.ImageCmsProfile | None:
    if mode == "LAB":
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    embedded = header.info.get("icc_profile")
    if not embedded:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(embedded))
    except (OSError, TypeError, ImageCms.PyCMSError):
        return None
    return profile if _space(profile) == _COLOUR_SPACES.get(mode) else None


def _space(profile: ImageCms.ImageCmsProfile) -> str:
    try:
        return profile.profile.xcolor_space.strip()
    except UnicodeDecodeError:
        return "unknown"


def _name(profile: ImageCms.ImageCmsProfile) -> str:
    """Return the description of a profile, empty if it is not ASCII as required."""
    try:
        return (profile.profile.profile_description or "").strip()
    except ValueError:
        return ""


def _through_profile(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    srgb = ImageCms.createProfile("sRGB")
    try:
        converted = ImageCms.profileToProfile(image, profile, srgb, _PERCEPTUAL, outputMode="RGB")
    except ImageCms.PyCMSError:
        return image.convert("RGB")
    if converted is None:
        raise AssertionError("profileToProfile returns a picture unless told to work in place")
    return converted.convert("L") if image.mode == "L" else converted


def _without_profile(image: Image.Image, header: ImageFile.ImageFile) -> Image.Image:
    if image.mode == "CMYK":
        return image.convert("RGB")
    gamma = header.info.get("gamma")
    if not gamma or "srgb" in header.info:
        return image
    # https://www.w3.org/TR/png-3/#11gAMA: a sample is its light intensity to the power of gamma.
    if abs(gamma - _SRGB_GAMMA) < _VISIBLE_GAMMA:
        return image
    exponent = _SRGB_GAMMA / gamma
    table = [round(255 * (level / 255) ** exponent) for level in range(256)]
    return image.point(table * len(image.getbands()))
