"""What a child runs: it takes orders, one after the other, until nobody is there to give any."""

import faulthandler
import logging
import socket
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.render import render
from quickthumb.kitchen import orders
from quickthumb.kitchen.confinement import confine, ending_after, ending_with
from quickthumb.kitchen.warming import warm
from quickthumb.kitchen.wire import Wire
from quickthumb.limits import Limits
from quickthumb.pictures import Rendered
from quickthumb.problems import TooManyPixels, Unprocessable

Recipe = Callable[[bytes, Sequence[Rendition], Limits], Rendered]
"""`imaging.render`, or what tests put in its place."""


def main(connection: socket.socket, limits: Limits) -> None:
    """Get ready, say so, and take orders."""
    prepare()
    serve(connection, limits, render)


def prepare() -> None:
    """Load all that decoding needs, and leave no way to say anything but the answers."""
    faulthandler.enable(all_threads=False)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    warm()


def serve(connection: socket.socket, limits: Limits, recipe: Recipe) -> None:
    """Give up all that is not needed any more, say so, and take orders."""
    wire = Wire(connection)
    wire.send({"ready": True, "unlimited": confine(limits)})
    with suppress(EOFError, OSError):  # the parent has ended, or has no more orders
        while True:
            _serve_one(connection, wire, limits, recipe)


def _serve_one(connection: socket.socket, wire: Wire, limits: Limits, recipe: Recipe) -> None:
    data, renditions, seconds = orders.receive_order(wire)
    with ending_after(seconds):
        try:
            with ending_with(connection.fileno()):
                rendered = recipe(data, renditions, replace(limits, max_seconds=seconds))
            _check_weight(rendered, limits)
            orders.send_rendered(wire, rendered)
            return
        except Unprocessable as error:
            orders.send_refusal(wire, error)
            return
        except MemoryError:
            pass  # what held the memory is let go of with the error
        orders.send_out_of_memory(wire)


def _check_weight(rendered: Rendered, limits: Limits) -> None:
    weight = sum(len(picture.data) for picture in rendered.thumbnails)
    if weight > limits.max_result_bytes:
        raise TooManyPixels(
            f"The thumbnails weigh {weight / 1e6:,.0f} MB together: at most "
            f"{limits.max_result_bytes / 1e6:,.0f} MB are granted. Ask for fewer or smaller ones, "
            "or for another format."
        )
