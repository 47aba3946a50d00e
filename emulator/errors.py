"""What the command line reports as one sentence, without a traceback. It says what to do."""


class EmulatorError(Exception):
    """Base class."""


class InstallError(EmulatorError):
    """The virtual environment could not be created."""


class Unlockable(EmulatorError):
    """No versions satisfy the requirements, or the package index cannot be reached."""


class InvalidOption(EmulatorError):
    """A value on the command line is wrong."""


class Unwritable(EmulatorError):
    """A file cannot be written."""


class Unsafe(EmulatorError):
    """Other users could read or change the data."""


class InvalidTopology(EmulatorError):
    """A topology is wrong; the message names the file and the place."""


class SourceUnusable(EmulatorError):
    """The functions cannot be run: no source, no Python environment, or a package is missing."""


class InvalidEnvFile(EmulatorError):
    """A file with variables is wrong; the message names the line, and never a value."""


class AlreadyRunning(EmulatorError):
    """Another `up` uses the data folder."""


class PartFailed(EmulatorError):
    """A part did not become ready; the message has its last log lines."""


class StorageUnusable(EmulatorError):
    """The storage server does not run on this platform, or its folder is unsuitable."""


class OfficialEmulatorMissing(EmulatorError):
    """Google's Pub/Sub emulator or Java is not installed."""


class NoTokens(EmulatorError):
    """Functions require a token with every push, and the broker sends none."""
