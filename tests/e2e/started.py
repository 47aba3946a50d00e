"""A function as Google Cloud starts it: by functions-framework, with the variables that it sets.

https://docs.cloud.google.com/run/docs/container-contract#env-vars; `LOG_EXECUTION_ID` is what Cloud
Run functions set for every new function
(https://docs.cloud.google.com/functions/docs/monitoring/logging).
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emulator.bootstrap import ROOT
from emulator.ports import HOST, answers, free_port


def variables(name: str, entry_point: str, port: int) -> dict[str, str]:
    """Return what the platform sets for a function.

    The signature is that of how it is deployed, which is over HTTP for all of ours; what the
    function is registered as comes first.
    """
    return {
        "K_SERVICE": name,
        "K_REVISION": f"{name}-00001-abc",
        "K_CONFIGURATION": name,
        "PORT": str(port),
        "FUNCTION_TARGET": entry_point,
        "FUNCTION_SIGNATURE_TYPE": "http",
        "LOG_EXECUTION_ID": "true",
    }


class Started:
    """A function that runs.

    Attributes:
        url: where it listens.
    """

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self.url = f"http://{HOST}:{port}"
        self._log = log

    def lines(self, wanted: str = "", seconds: float = 30) -> list[dict[str, Any]]:
        """Return the lines it has written, each as JSON, once one of them has what is wanted."""
        end = time.monotonic() + seconds
        while wanted not in (text := self._log.read_text()):
            assert time.monotonic() < end, f"no line with {wanted!r} in:\n{text}"
            time.sleep(0.02)
        return [json.loads(line) for line in text.splitlines()]


@contextmanager
def started(function: str, folder: Path, settings: Mapping[str, str]) -> Iterator[Started]:
    """Run a function.

    Args:
        function: its name, and that of its entry point.
        folder: for its log.
        settings: further variables; nothing else of this process reaches it.
    """
    port = free_port()
    log = folder / f"{function}.log"
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "HOST": HOST,
        "NO_GCE_CHECK": "true",
        **variables(function, function, port),
        **settings,
    }
    command = [sys.executable, "-m", "functions_framework"]
    with (
        log.open("wb") as file,
        subprocess.Popen(
            command, cwd=ROOT / "functions", env=env, stdout=file, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            end = time.monotonic() + 60
            while not answers(port):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.05)
            yield Started(port, log)
        finally:
            process.terminate()
            process.wait(60)
