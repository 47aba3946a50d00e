"""Opens untrusted pictures."""

from collections.abc import Sequence
from dataclasses import replace

from PIL import ImageFile

from quickthumb.imaging.colour.srgb import Meaning, ToSrgb
from quickthumb.imaging.deadline import Deadline
from quickthumb.imaging.decoders import named, open_as
from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.formats.descriptor import Format, Header
from quickthumb.imaging.guarded import reads
from quickthumb.imaging.parsing import hostile_bytes
from quickthumb.imaging.source import check_size, examine
from quickthumb.limits import Limits


def open_picture(data: bytes, limits: Limits, deadline: Deadline | None = None) -> Encoded:
    """Open a picture without decoding it.

    No library gets a file before its header is checked against the limits, nor more frames than
    they allow, nor more metadata than it needs.

    Args:
        data: the file.
        limits: on the picture.
        deadline: of the job; by default, one that starts now.

    Raises:
        NotAPicture, TooManyPixels, Corrupt: see `probe`; also for problems only a decoder detects.
    """
    format, declared = examine(data, limits)
    with hostile_bytes(f"The header of the {format.title} picture"):
        shown = data
        if _moves_too_much(declared, limits):
            shown, declared = format.first_frame(data), replace(declared, frames=1)
        shown = format.lean(shown)
        image = open_as(format, shown, reads())
        # Holds two canvases of a WebP, which is opened again to be decoded.
        vars(image).pop("_decoder", None)
    check_size(image.size, limits)
    return Encoded(
        shown,
        format,
        declared,
        ToSrgb(lambda: _meanings(format, data, image)),
        image,
        len(data),
        limits.decoded_beside(len(data)),
        deadline or Deadline(limits.max_seconds),
    )


def _moves_too_much(declared: Header, limits: Limits) -> bool:
    most = limits.most_frames(declared.width * declared.height)
    too_many = declared.frames > most or declared.stored > limits.max_frame_pixels
    return declared.frames > 1 and too_many


def _meanings(format: Format, data: bytes, image: ImageFile.ImageFile) -> Sequence[Meaning]:
    """Return what a file says of its colours, most important first."""
    profile = image.info.get("icc_profile")
    if format.meanings is None:
        return (profile,) if profile else ()
    meanings: Sequence[Meaning] = named(format.meanings)(data, profile)
    return meanings
