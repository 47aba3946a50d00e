"""The main loop of children in the storm: a picture can make them crash, or hang in native code."""

import ctypes
import os
import signal

from quickthumb.imaging.render import render
from quickthumb.kitchen import cook

CRASHES = b"this picture crashes its decoder"
HANGS = b"this picture keeps its decoder busy"


def main(connection, limits):
    """Prepare, report readiness, and serve orders."""
    cook.prepare()
    # It holds the interpreter lock meanwhile, as a decoder may.
    sleep = ctypes.PyDLL(None).sleep

    def decode(data, renditions, limits):
        if CRASHES in data:
            os.kill(os.getpid(), signal.SIGSEGV)
        if HANGS in data:
            sleep(3600)
        return render(data, renditions, limits)

    cook.serve(connection, limits, decode)
