"""Converts pictures to sRGB."""

from collections.abc import Callable, Sequence
from functools import lru_cache

from PIL import Image, ImageCms

from quickthumb.imaging.alpha import opaque
from quickthumb.imaging.colour import hdr, icc
from quickthumb.imaging.colour.h273 import as_profiled
from quickthumb.imaging.colour.space import SRGB, Hdr, RgbSpace

Meaning = bytes | RgbSpace
"""What a file says of its colours: an ICC profile, or numbers."""

_Conversion = Callable[[Image.Image], Image.Image]

_SPACES = {"L": ("GRAY", "RGB"), "RGB": ("RGB",), "CMYK": ("CMYK",)}
"""The colour spaces that a profile may have, by Pillow's mode."""

_ROUNDING = 1
"""Levels by which the channels of a grey may differ."""

_MODES = {"GRAY": "L", "Lab": "LAB"}
"""Pillow's modes, by the colour space of a profile, where their names differ."""

_KEPT_BYTES = 10_000
"""Conversions for profiles of up to this size are kept for the next picture: cameras have one."""


class ToSrgb:
    """Converts the pictures of one file to sRGB."""

    def __init__(self, meanings: Callable[[], Sequence[Meaning]]) -> None:
        """Take a function that returns what the file says; the first that is valid counts.

        It is called when a picture has been decoded, before which some decoders know no profile.
        """
        self._meanings = meanings
        self._conversions: dict[str, _Conversion] = {}

    def __call__(self, image: Image.Image) -> Image.Image:
        """Convert a reduced picture, to mode RGB or RGBA, or L or LA if it is grey.

        What is invalid, or a profile of another colour space, is ignored, as browsers do.

        Args:
            image: in one of the layouts of `modes.AVERAGED`.
        """
        colours = opaque(image)
        if colours.mode not in self._conversions:
            self._conversions[colours.mode] = self._conversion(colours.mode)
        converted = self._conversions[colours.mode](colours)
        if converted is colours:
            return image
        if image.mode in ("LA", "RGBA"):
            converted.putalpha(image.getchannel("A"))
        return converted

    def _conversion(self, mode: str) -> _Conversion:
        if mode == "LAB":
            return _by_profile(icc.lab(), mode) or _as_it_is
        for meaning in self._meanings():
            conversion = _conversion(meaning, mode)
            if conversion:
                return conversion
        return _plain_cmyk if mode == "CMYK" else _as_it_is


def _conversion(meaning: Meaning, mode: str) -> _Conversion | None:
    """Return the conversion that a file asks for, None if that is invalid in this mode."""
    if isinstance(meaning, bytes) and len(meaning) > _KEPT_BYTES:
        return _embedded(meaning, mode)
    return _kept(meaning, mode)


@lru_cache(maxsize=8)
def _kept(meaning: Meaning, mode: str) -> _Conversion | None:
    return _embedded(meaning, mode) if isinstance(meaning, bytes) else _stated(meaning, mode)


def _embedded(data: bytes, mode: str) -> _Conversion | None:
    profile = icc.opened(data)
    if profile is None or icc.space_of(profile) not in _SPACES[mode]:
        return None
    return _coded(data, mode) or _by_profile(profile, mode)


def _coded(profile: bytes, mode: str) -> _Conversion | None:
    """Return the conversion by the codes in a profile, which count more than its curves.

    Profiles of HDR have curves too, for programs that do not know the codes.
    """
    codes = icc.codes(profile)
    space = as_profiled(*codes) if codes else None
    return _stated(space, mode) if space else None


def _stated(space: RgbSpace, mode: str) -> _Conversion | None:
    if mode == "CMYK":
        return None
    if space == SRGB:
        return _as_it_is
    try:
        if not isinstance(space.curves, Hdr):
            return _by_profile(icc.described(space), mode)
        conversion = hdr.converter(space)
    except ValueError:
        return None
    return _by_table(conversion(_greys("RGB"))) if mode == "L" else conversion


def _by_profile(profile: ImageCms.ImageCmsProfile, mode: str) -> _Conversion | None:
    space = icc.space_of(profile)
    if space == "RGB" and icc.changes_nothing(profile):
        return _as_it_is
    transform = icc.transform(profile, _MODES.get(space, space))
    if transform is None:
        return None
    return (
        _by_table(transform.apply(_greys(transform.inputMode))) if mode == "L" else transform.apply
    )


def _by_table(shown: Image.Image) -> _Conversion:
    """Return a conversion of grey pictures.

    Args:
        shown: how the 256 levels are shown, in mode RGB. They may have a colour.
    """
    channels = [list(channel.tobytes()) for channel in shown.split()]
    if all(max(levels) - min(levels) <= _ROUNDING for levels in zip(*channels, strict=True)):
        return lambda image: image.point(channels[1])
    return lambda image: Image.merge("RGB", [image.point(each) for each in channels])


def _greys(mode: str) -> Image.Image:
    return Image.frombytes("L", (256, 1), bytes(range(256))).convert(mode)


def _as_it_is(image: Image.Image) -> Image.Image:
    return image


def _plain_cmyk(image: Image.Image) -> Image.Image:
    return image.convert("RGB")
