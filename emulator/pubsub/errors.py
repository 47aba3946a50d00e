"""Reasons why a broker cannot start."""


class PortTaken(Exception):
    """The address to listen on is in use."""


class DataInUse(Exception):
    """Another broker uses the data folder."""


class DataUnusable(Exception):
    """The data folder cannot be used, or its content is invalid."""
