"""A job in the kitchen: what it waits for and holds, and what happens if its child ends."""

import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from quickthumb.documents.rendition import Rendition
from quickthumb.kitchen.child import GRACE, Child, Died, Late
from quickthumb.kitchen.confinement import BESIDE, granted_bytes
from quickthumb.kitchen.orders import Needs, OutOfMemory
from quickthumb.kitchen.room import Room, TooLarge
from quickthumb.pictures import Rendered
from quickthumb.problems import DecoderCrashed, TooManyBytes, TooManyPixels, TooSlow, Unavailable

if TYPE_CHECKING:
    from quickthumb.kitchen.pool import Kitchen

log = logging.getLogger(__name__)

PATIENCE = 90.0
"""Seconds after which a job that does not decode yet gives up, to be delivered again. Before that,
six others can each have a processor for 15 seconds. infra/topology.yaml has the arithmetic."""

ATTEMPTS = 3
"""Per picture: an earlier picture may have damaged the first child, or something killed it."""


class Job:
    """One picture, from before it is fetched until its thumbnails are stored.

    Args:
        kitchen: where it is done.
        size: of the original, bytes.
    """

    def __init__(self, kitchen: "Kitchen", size: int) -> None:
        self._kitchen = kitchen
        self._size = size
        self._patience = time.monotonic() + PATIENCE
        self._held = 0

    def begin(self) -> None:
        """Wait until there is memory for the original.

        Raises:
            TooManyBytes: there is never enough.
            Unavailable: there is not in time.
        """
        room = self._kitchen.originals
        try:
            self._wait_for(room, self._size)
        except TooLarge:
            raise TooManyBytes(
                f"The picture has {self._size:,} bytes: at most {room.size:,} fit into memory."
            ) from None

    def render(self, data: bytes, renditions: Sequence[Rendition]) -> Rendered:
        """Make the renditions of a picture, at least one, within the limits.

        Returns within `Kitchen.seconds` and another second, once there is memory, and a child.

        Args:
            data: the original.
            renditions: what to make.

        Raises:
            Unprocessable: what `imaging.render` raises, `TooSlow` even if the decoder hangs, and
                `DecoderCrashed`.
            Unavailable: there is no memory or child in time; the call may succeed later.
        """
        if len(data) > self._size:  # it was stored compressed
            self._kitchen.originals.give_back(self._size - len(data))
            self._size = len(data)
        kitchen, opened = self._kitchen, self._child_bytes(len(data))
        with ExitStack() as place, ExitStack() as door:
            self._enter(kitchen.door, door)
            self._enter(kitchen.places, place)
            self._hold(opened)
            hand = place.enter_context(closing(_Hand(kitchen)))
            rendered = self._attempts(data, renditions, hand, door)
        self._hold_only(sum(len(picture.data) for picture in rendered.thumbnails))
        return rendered

    def end(self) -> None:
        """Give back all memory."""
        self._hold_only(0)
        self._kitchen.originals.give_back(self._size)

    def _attempts(
        self, data: bytes, renditions: Sequence[Rendition], hand: "_Hand", door: ExitStack
    ) -> Rendered:
        limits = self._kitchen.limits
        end, admitted = None, False
        for _ in range(ATTEMPTS):
            child = hand.ready()
            fresh = child.served == 0
            end = end or time.monotonic() + self._kitchen.seconds + GRACE
            try:
                needs = child.open(data, renditions, end)
                if not admitted:
                    end += self._admit(len(data), needs, child)
                    door.close()
                    admitted = True
                return child.make(renditions, end)
            except (Late, TooSlow):
                raise TooSlow.than(limits.max_seconds) from None
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
        raise Unavailable(f"{ATTEMPTS} processes ended before they had the picture")

    def _admit(self, size: int, needs: Needs, child: Child) -> float:
        """Wait until there is memory for a picture of that many bytes, which a child has opened.

        Returns:
            How long that took, seconds.
        """
        began = time.monotonic()
        total = self._child_bytes(size + needs.memory) + needs.weight
        try:
            self._hold(total - self._held)
        except BaseException:
            child.end()  # it waits too
            raise
        return time.monotonic() - began

    def _child_bytes(self, amount: int) -> int:
        """Return what a child takes that holds so much, bytes."""
        return min(amount + BESIDE, granted_bytes(self._kitchen.limits))

    def _enter(self, room: Room, until: ExitStack) -> None:
        """Wait for a place, and keep it."""
        self._wait_for(room, 1)
        until.callback(room.give_back, 1)

    def _hold(self, amount: int) -> None:
        """Wait for more memory."""
        self._wait_for(self._kitchen.memory, amount)
        self._held += amount

    def _hold_only(self, amount: int) -> None:
        """Give back memory, all but some."""
        self._kitchen.memory.give_back(self._held - amount)
        self._held = amount

    def _wait_for(self, room: Room, amount: int) -> None:
        try:
            room.take(amount, self._patience)
        except TimeoutError:
            raise Unavailable(
                f"Other jobs have had all memory and decoders for {PATIENCE:g} seconds. Lower the "
                "concurrency of the function, or raise QUICKTHUMB_DECODERS, QUICKTHUMB_JOBS_BYTES, "
                "and its CPU and memory."
            ) from None

    def _too_much_memory(self) -> TooManyPixels:
        return TooManyPixels(
            "Decoding the picture needs more memory than the limit of "
            f"{granted_bytes(self._kitchen.limits) / 1e6:,.0f} MB. Send a smaller one, or a "
            "baseline JPEG."
        )


class _Hand:
    """The child of a job, which is replaced if it ends."""

    def __init__(self, kitchen: "Kitchen") -> None:
        self._kitchen = kitchen
        self._child = kitchen.take()

    def ready(self) -> Child:
        """Return the child once it is ready. Raises `Unavailable` if none can be started."""
        if self._child.ended:
            self._child = self._kitchen.child()
        self._child.wait_ready()
        return self._child

    def close(self) -> None:
        """Give back the child."""
        self._kitchen.give_back(self._child)
