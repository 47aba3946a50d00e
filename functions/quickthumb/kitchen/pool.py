"""The pool of decoding processes, and how crashes are handled."""

import logging
import threading
import time
from collections.abc import Sequence

from quickthumb.documents.rendition import Rendition
from quickthumb.kitchen.child import COOK, GRACE, Child, Cook, Died, Late
from quickthumb.kitchen.confinement import granted_bytes
from quickthumb.kitchen.orders import OutOfMemory
from quickthumb.limits import Limits
from quickthumb.pictures import Rendered
from quickthumb.problems import DecoderCrashed, TooManyPixels, TooSlow, Unavailable

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds to wait for a free child."""

_ATTEMPTS = 3
"""Per picture: an earlier picture may have damaged the first child, or something killed it."""


class Kitchen:
    """Decodes pictures in child processes; thread-safe.

    Children are started on demand, and kept.

    Args:
        limits: of a picture.
        children: maximum number of children, each decoding one picture at a time.
        cook: what the children run.

    Attributes:
        idle: the children that have nothing to do.
        free: how many pictures more may be decoded now.
    """

    def __init__(self, limits: Limits, children: int = 1, cook: Cook = COOK) -> None:
        self._limits = limits
        self._cook = cook
        self.free = children
        self.idle: list[Child] = []
        self._changed = threading.Condition()
        self._closed = False

    def warm(self) -> None:
        """Start a child in advance, unless one is idle or the maximum is reached.

        Raises:
            Unavailable: the system cannot start a process.
        """
        with self._changed:
            if not self.idle and self.free and not self._closed:
                self.idle.append(Child(self._limits, self._cook))

    def render(self, data: bytes, renditions: Sequence[Rendition]) -> Rendered:
        """Make the renditions of a picture, at least one, within the limits.

        Returns within `Limits.max_seconds` and another second, once a child is available.

        Raises:
            Unprocessable: what `imaging.render` raises, `TooSlow` even if the decoder hangs, and
                `DecoderCrashed`.
            Unavailable: no child is available; the call may succeed later.
        """
        child = self._take()
        try:
            child = child or Child(self._limits, self._cook)
            child.wait_ready()
            end = time.monotonic() + self._limits.max_seconds + GRACE
            for _ in range(_ATTEMPTS):
                fresh = child.served == 0
                try:
                    return child.render(data, renditions, end)
                except (Late, TooSlow):
                    raise TooSlow.than(self._limits.max_seconds) from None
                except OutOfMemory:
                    log.warning("a decoder had no memory left%s", "" if fresh else ": once more")
                    if fresh:
                        raise self._too_much_memory() from None
                except Died as died:
                    log.warning("a decoder died: %s", died)
                    if fresh and died.at_work:
                        raise DecoderCrashed(
                            "The decoder crashed on this picture. Save it again, or in another "
                            "format, and send that."
                        ) from None
                child = Child(self._limits, self._cook)
                child.wait_ready()
            raise Unavailable(f"{_ATTEMPTS} processes ended before they had the picture")
        finally:
            self._give_back(child)

    def close(self) -> None:
        """End idle children now, and the others after their orders."""
        with self._changed:
            self._closed = True
            idle, self.idle = self.idle, []
        for child in idle:
            child.close()

    def _take(self) -> Child | None:
        """Wait for a free place; return an idle child, None if there is none."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.free, PATIENCE):
                raise Unavailable(
                    f"All decoders have been busy for {PATIENCE:g} seconds. Lower the concurrency "
                    "of the function, or raise QUICKTHUMB_DECODERS and its memory."
                )
            self.free -= 1
            return self.idle.pop() if self.idle else None

    def _give_back(self, child: Child | None) -> None:
        with self._changed:
            self.free += 1
            kept = child is not None and not child.ended and not self._closed
            if child and kept:
                self.idle.append(child)
            self._changed.notify()
        if child and not kept:
            child.close()

    def _too_much_memory(self) -> TooManyPixels:
        return TooManyPixels(
            "Decoding the picture needs more memory than the limit of "
            f"{granted_bytes(self._limits) / 1e6:,.0f} MB. Send a smaller one, or a baseline JPEG."
        )
