"""From bytes nobody vouches for to an opened picture."""

from dataclasses import replace

from quickthumb.imaging.deadline import Deadline
from quickthumb.imaging.decoders import open_as
from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.guarded import reads
from quickthumb.imaging.parsing import hostile_bytes
from quickthumb.imaging.source import check_size, examine
from quickthumb.limits import Limits


def open_picture(data: bytes, limits: Limits, deadline: Deadline | None = None) -> Encoded:
    """Open a picture without decoding it.

    No library sees a file before its header is held against the limits, and none sees more frames
    than these allow, or more metadata than it needs.

    Args:
        data: the file.
        limits: on the picture.
        deadline: of the job, by default one that begins now.

    Raises:
        NotAPicture, TooManyPixels, Corrupt: see `probe`; also where only a decoder can tell.
    """
    format, declared = examine(data, limits)
    with hostile_bytes(f"The header of the {format.title} picture"):
        shown = data
        if declared.frames > max(1, limits.most_frames(declared.width * declared.height)):
            shown, declared = format.first_frame(data), replace(declared, frames=1)
        shown = format.lean(shown)
        image = open_as(format, shown, reads())
        # Of a WebP, two canvases: it is opened once more to be decoded.
        vars(image).pop("_decoder", None)
    check_size(image.size, limits)
    return Encoded(
        shown,
        format,
        declared,
        image,
        len(data),
        limits.decoded_beside(len(data)),
        deadline or Deadline(limits.max_seconds),
    )
