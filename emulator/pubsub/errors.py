"""Reasons why a broker cannot start."""

from collections.abc import Sequence


class PortTaken(Exception):
    """The address to listen on is in use."""


class DataInUse(Exception):
    """Another broker uses the data folder."""


class DataUnusable(Exception):
    """The data folder cannot be used, or its content is invalid."""


class TopologyInvalid(Exception):
    """Schemas, topics or subscriptions that have to be there from the start cannot be created.

    Attributes:
        problems: What is wrong, each with its place.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)
