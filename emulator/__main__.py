"""`python3 -m emulator`: the first file that runs, so it must start on any Python 3."""

import signal
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - older ones get this far, and then a sentence
    sys.exit(
        "QuickThumb needs Python 3.11 or newer, this is {}.{} ({}). "  # noqa: UP032
        "Start it with a newer one, for example: python3.13 -m emulator".format(
            sys.version_info[0], sys.version_info[1], sys.executable
        )
    )

if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C during an import is no traceback

from emulator.bootstrap import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
