"""`python3 -m emulator.pubsub`: the broker as a command."""

import signal
import sys

if __name__ == "__main__":
    # Loading takes a moment in which nothing has to be put away, so Ctrl-C just ends the process.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from emulator.pubsub.command import main

    sys.exit(main())
