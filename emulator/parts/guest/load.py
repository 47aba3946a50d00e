"""Loads functions like functions-framework, to see whether it can: `load.py SOURCE TARGET…`.

Runs in the Python of the functions, which may be old and has nothing of the emulator.
"""

import os
import sys
import traceback

import functions_framework


def load(source: str, targets: "list[str]") -> "str | None":
    """Load functions; return None, or the error of one, as from the first line of their own."""
    for target in targets:
        try:
            functions_framework.create_app(target, source)  # type: ignore[no-untyped-call]
        except Exception as error:  # of any kind: it is the code's
            place = error.__traceback__
            while place and not place.tb_frame.f_code.co_filename.startswith(os.getcwd()):  # noqa: PTH109
                place = place.tb_next
            return "".join(traceback.format_exception(type(error), error, place))
    return None


if __name__ == "__main__":
    sys.path[0] = os.getcwd()  # noqa: PTH109 - instead of the folder of this file
    sys.exit(load(sys.argv[1], sys.argv[2:]))
