"""The main loop of a child: it executes orders until its parent closes the connection."""

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
"""`imaging.render`, or a substitute in tests."""


def main(connection: socket.socket, limits: Limits) -> None:
    """Prepare, then serve orders."""
    prepare(limits.extra_formats)
    serve(connection, limits, render)


def prepare(extra_formats: Sequence[str] = ()) -> None:
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
            pass  # the memory is released with the exception
        orders.send_out_of_memory(wire)


def _check_weight(rendered: Rendered, limits: Limits) -> None:
    weight = sum(len(picture.data) for picture in rendered.thumbnails)
    if weight > limits.max_result_bytes:
        raise TooManyPixels(
            f"The thumbnails have {weight / 1e6:,.0f} MB in total: the limit is "
            f"{limits.max_result_bytes / 1e6:,.0f} MB. Request fewer or smaller ones, or another "
            "format."
        )
