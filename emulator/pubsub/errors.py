"""Why a broker cannot start. The messages are for people."""


class PortTaken(Exception):
    """Somebody else listens on an address that the broker was told to use."""


class DataInUse(Exception):
    """Another broker works with this data folder."""


class DataUnusable(Exception):
    """The data folder cannot be used, or holds what is not a broker's data (any more)."""
