"""Runs a command that ends when its parent process does, however that ends.

    python -I -S leash.py PARENT COMMAND…

Linux only (https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html). A separate program,
because running code between fork and exec is unsafe in a program with threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    parent, command = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # the parent ended before the call above
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - the command is the emulator's own
