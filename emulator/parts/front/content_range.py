"""The header `Content-Range`, which says which bytes of an upload a request contains."""

import re
from dataclasses import dataclass
from typing import Self

from emulator.parts.front.http1 import Malformed


@dataclass(frozen=True, slots=True)
class Brought:
    """The bytes of an upload that a request contains.

    Attributes:
        start: position of the first byte; None if the request only asks for the progress.
        size: of the whole upload, bytes; None if unknown.
        length: number of bytes; None if unknown.
        whole: whether the upload ends with them.
    """

    start: int | None
    size: int | None = None
    length: int | None = None
    whole: bool = False

    @classmethod
    def read(cls, content_range: str | None, length: int | None) -> Self:
        """Parse the `Content-Range` of a request whose body has `length` bytes, None if unknown.

        Raises:
            Malformed: the header is invalid, or does not fit the body.
        """
        if content_range is None:
            return cls(0, length, length, whole=True)
        match = re.fullmatch(
            r"bytes (?:\*|([0-9]{1,15})-([0-9]{1,15}|\*))/([0-9]{1,15}|\*)", content_range
        )
        if not match:
            raise Malformed(f"Content-Range: {content_range}: expected bytes FIRST-LAST/SIZE")
        first, last, whole = match.groups()
        size = None if whole == "*" else int(whole)
        if first is None:
            return cls(None, size)
        if last == "*":  # to the end of the body
            return cls(int(first), size, length, whole=True)
        declared = int(last) - int(first) + 1
        if declared < 1:
            raise Malformed(f"Content-Range: {content_range}: LAST is before FIRST")
        if length is not None and length != declared:
            raise Malformed(f"Content-Range: {content_range}: but the body has {length} bytes")
        if size is not None and int(last) >= size:
            raise Malformed(f"Content-Range: {content_range}: LAST is beyond SIZE")
        return cls(int(first), size, declared)
