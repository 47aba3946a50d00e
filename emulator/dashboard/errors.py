"""What the dashboard's API refuses."""

from emulator.errors import EmulatorError


class Refused(EmulatorError):
    """A request cannot be fulfilled.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class Unknown(Refused):
    """Something does not exist."""

    def __init__(self, text: str) -> None:
        super().__init__(text, 404)


class Unavailable(Refused):
    """A part of the cloud does not answer at the moment."""

    def __init__(self, text: str) -> None:
        super().__init__(text, 503)
