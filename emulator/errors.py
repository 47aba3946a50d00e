"""Errors of the machine or the command line; each message says what to do."""


class EmulatorError(Exception):
    """Base of what the command line reports in a sentence, without a traceback."""


class InstallError(EmulatorError):
    """The environment could not be made."""


class Unlockable(EmulatorError):
    """No versions satisfy the requirements, or the package index cannot be reached."""


class InvalidOption(EmulatorError):
    """A value on the command line is wrong."""


class Unwritable(EmulatorError):
    """A file that has to be written belongs to somebody else."""


class Unsafe(EmulatorError):
    """Others could read or write the user's data through what is in the data folder."""


class InvalidTopology(EmulatorError):
    """`infra/topology.yaml` is wrong; the message names the place."""


class AlreadyRunning(EmulatorError):
    """Another `up` has the data folder."""


class PortTaken(EmulatorError):
    """Another program listens on the port."""


class PartFailed(EmulatorError):
    """A part did not become ready; the message has its last words."""


class StorageUnusable(EmulatorError):
    """The storage has no server for this platform, or no place for its files."""


class OfficialEmulatorMissing(EmulatorError):
    """Google's Pub/Sub emulator or Java is not installed."""


class NoTokens(EmulatorError):
    """Functions demand a token with every push, and the broker sends none."""
