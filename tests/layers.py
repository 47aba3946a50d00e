"""How long the tests of each layer took, printed after the last one.

A layer is a folder below tests/: `unit`, `api`, `e2e`, and so on.
"""

from collections import Counter

import pytest


class Layers:
    """Adds up what every test took, with its fixtures, by layer.

    Where several processes run tests they add up to more than the time that passed.
    """

    def __init__(self) -> None:
        self._seconds = Counter[str]()
        self._tests = Counter[str]()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the time of one phase of a test: its fixtures, itself, or their end."""
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
        """Return a line for each layer, the longest first, and one for all of them."""
        rows = [
            *((name, self._tests[name], seconds) for name, seconds in self._seconds.most_common()),
            ("all", self._tests.total(), sum(self._seconds.values())),
        ]
        return [f"{name:12} {tests:>6,} tests {seconds:>8.1f} s" for name, tests, seconds in rows]


def layer_of(nodeid: str) -> str:
    """Return the layer of a test, by its id: `tests/unit/test_jobs.py::test_x` is of `unit`."""
    folders = nodeid.partition("::")[0].split("/")
    return folders[1] if len(folders) > 2 else folders[0]
