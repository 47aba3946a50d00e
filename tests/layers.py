"""Prints how long the tests of each layer took.

A layer is a folder below tests/: `unit`, `api`, `e2e`, and so on.
"""

from collections import Counter

import pytest


class Layers:
    """Adds up the time of tests, including fixtures, by layer.

    With several processes, the sum exceeds the elapsed time.
    """

    def __init__(self) -> None:
        self._seconds = Counter[str]()
        self._tests = Counter[str]()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the time of a phase of a test: setup, call or teardown."""
        layer = layer_of(report.nodeid)
        self._seconds[layer] += report.duration
        self._tests[layer] += report.when == "setup"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table, if there is more than one layer."""
        if len(self._tests) < 2:
            return
        terminalreporter.section("time by layer")
        for line in self.table():
            terminalreporter.write_line(line)

    def table(self) -> list[str]:
        """Return a line for each layer, the slowest first, and one for the total."""
        rows = [
            *((name, self._tests[name], seconds) for name, seconds in self._seconds.most_common()),
            ("all", self._tests.total(), sum(self._seconds.values())),
        ]
        return [f"{name:12} {tests:>6,} tests {seconds:>8.1f} s" for name, tests, seconds in rows]


def layer_of(nodeid: str) -> str:
    """Return the layer of a test id: that of `tests/unit/test_jobs.py::test_x` is `unit`."""
    folders = nodeid.partition("::")[0].split("/")
    return folders[1] if len(folders) > 2 else folders[0]
