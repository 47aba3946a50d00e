"""Runs a command with the memory and processors of an instance; Linux only.

    python -I -S limited.py BYTES CPUS GROUP COMMAND…

GROUP is the folder of a control group that has the limit of memory, which then holds for all
processes of the command together, as in the cloud. Where it is empty each process gets the limit
for its own data (setrlimit(2), RLIMIT_DATA).
"""

import os
import resource
import sys
from pathlib import Path

if __name__ == "__main__":
    memory, cpus, group, *command = sys.argv[1:]
    if group:
        (Path(group) / "cgroup.procs").write_text(str(os.getpid()))
    else:
        resource.setrlimit(resource.RLIMIT_DATA, (int(memory), int(memory)))
    available = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, available[: max(1, int(cpus))])
    os.execvp(command[0], command)  # noqa: S606 - the command is the tests' own
