"""The names of thumbnails that are asked for after the upload: size and options, spelled out.

So the same options have the same name, whoever asks for them and however often.
"""

from msgspec.structs import replace

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.formats import AUTO


def spelled(rendition: Rendition, *, in_full: bool = False) -> Rendition:
    """Return a rendition with a name that tells its size and options: 400x300-cover-smart-webp.

    What has no effect is left out: `contain` cuts nothing off, so it has neither gravity nor focus.
    Without options, the name of a square box is its size: 480. Other boxes always tell their fit,
    400x300-contain: 400x300 is an address, which is served only if it is listed or signed, while
    the links of a status are served to everybody.

    Args:
        rendition: of any name.
        in_full: whether to tell the fit even if it is the default, so that the name differs from
            that of a size in an upload, which may have any options.
    """
    plain = _effective(rendition)
    is_square = plain.width == plain.height
    parts = [str(plain.width) if is_square else f"{plain.width}x{plain.height}"]
    if plain.fit != "contain" or in_full or not is_square:
        parts.append(plain.fit)
    if plain.focus:
        parts.append("f{:g}x{:g}".format(*plain.focus))
    if plain.gravity != "center":
        parts.append(plain.gravity)
    if plain.format != AUTO:
        parts.append(plain.format)
    if plain.quality is not None:
        parts.append(f"q{plain.quality}")
    if plain.background is not None:
        parts.append(f"b{plain.background.lstrip('#')}")
    if plain.max_bytes is not None:
        parts.append(f"m{plain.max_bytes}")
    return replace(plain, name="-".join(parts))


def is_same(one: Rendition, other: Rendition) -> bool:
    """Return whether two renditions are the same picture, whatever their names."""
    return _effective(replace(one, name="-")) == _effective(replace(other, name="-"))


def _effective(rendition: Rendition) -> Rendition:
    """Return a rendition without options that have no effect."""
    if rendition.fit == "contain":
        return replace(rendition, gravity="center", focus=None)
    return replace(rendition, gravity="center") if rendition.focus else rendition
