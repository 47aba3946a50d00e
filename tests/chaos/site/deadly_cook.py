"""The main loop of children in the storm: a picture can make them crash, or hang in native code."""

import ctypes
import os
import signal

from quickthumb.imaging.render import prepare
from quickthumb.kitchen import cook
from quickthumb.pictures import Work

CRASHES = b"this picture crashes its decoder"
HANGS = b"this picture keeps its decoder busy"


def main(connection, limits):
    """Prepare, report readiness, and serve orders."""
    cook.load()
    # It holds the interpreter lock meanwhile, as a decoder may.
    sleep = ctypes.PyDLL(None).sleep

    def recipe(data, renditions, limits):
        work = prepare(data, renditions, limits)

        def make():
            if CRASHES in data:
                os.kill(os.getpid(), signal.SIGSEGV)
            if HANGS in data:
                sleep(3600)
            return work.make()

        return Work(work.memory, work.weight, make)

    cook.serve(connection, limits, recipe)
