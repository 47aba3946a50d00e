"""The main loop of a child: it executes orders until its parent closes the connection."""

import faulthandler
import logging
import socket
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.render import prepare
from quickthumb.kitchen import orders
from quickthumb.kitchen.confinement import confine, ending_after, ending_with
from quickthumb.kitchen.warming import warm
from quickthumb.kitchen.wire import Wire
from quickthumb.limits import Limits
from quickthumb.pictures import Rendered, Work
from quickthumb.problems import TooManyPixels, Unprocessable

Made = TypeVar("Made")

Recipe = Callable[[bytes, Sequence[Rendition], Limits], Work]
"""`imaging.prepare`, or a substitute in tests."""


def main(connection: socket.socket, limits: Limits) -> None:
    """Load everything, then serve orders."""
    load(limits.extra_formats)
    serve(connection, limits, prepare)


def load(extra_formats: Sequence[str] = ()) -> None:
    """Load everything that decoding needs, and silence all output but the answers."""
    faulthandler.enable(all_threads=False)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    warm(extra_formats)


def serve(connection: socket.socket, limits: Limits, recipe: Recipe) -> None:
    """Confine this process, report readiness, and execute orders."""
    wire = Wire(connection)
    wire.send({"ready": True, "unlimited": confine(limits)})
    with suppress(EOFError, OSError):  # the parent has exited, or closed the connection
        while True:
            _serve_one(connection, wire, limits, recipe)


def _serve_one(connection: socket.socket, wire: Wire, limits: Limits, recipe: Recipe) -> None:
    data, renditions, seconds = orders.receive_order(wire)

    def attempt(step: Callable[[], Made]) -> Made | None:
        """Do a step; if it fails, say so, and return None."""
        try:
            with ending_with(connection.fileno()):
                return step()
        except Unprocessable as error:
            orders.send_refusal(wire, error)
            return None
        except MemoryError:
            pass  # the memory is released with the exception
        orders.send_out_of_memory(wire)
        return None

    with ending_after(seconds, limits.max_seconds):
        work = attempt(lambda: recipe(data, renditions, limits))
        if work is None:
            return
        orders.send_needs(wire, work)
    seconds = orders.receive_start(wire)
    with ending_after(seconds, limits.max_seconds):
        rendered = attempt(lambda: _made(work, limits))
        if rendered is not None:
            orders.send_rendered(wire, rendered)


def _made(work: Work, limits: Limits) -> Rendered:
    rendered = work.make()
    _check_weight(rendered, limits)
    return rendered


def _check_weight(rendered: Rendered, limits: Limits) -> None:
    weight = sum(len(picture.data) for picture in rendered.thumbnails)
    if weight > limits.max_result_bytes:
        raise TooManyPixels(
            f"The thumbnails have {weight / 1e6:,.0f} MB in total: the limit is "
            f"{limits.max_result_bytes / 1e6:,.0f} MB. Request fewer or smaller ones, or another "
            "format."
        )
