"""`python3 -m emulator.pubsub`: the broker as a command."""

import signal
import sys

if __name__ == "__main__":
    # While modules load there is nothing to clean up, so Ctrl-C simply ends the process.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from emulator.pubsub.command import main

    sys.exit(main(program="python3 -m emulator.pubsub"))
