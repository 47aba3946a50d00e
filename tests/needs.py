"""What a test needs of the system; elsewhere it is skipped, and this is the reason."""

import os
import shutil
import sys

import pytest


def posix(what: str) -> pytest.MarkDecorator:
    """Return a marker of tests that need something that Windows does not have."""
    return pytest.mark.skipif(os.name != "posix", reason=f"needs POSIX: {what}")


def linux(what: str) -> pytest.MarkDecorator:
    """Return a marker of tests that need something that only Linux has."""
    return pytest.mark.skipif(sys.platform != "linux", reason=f"needs Linux: {what}")


# On Windows, a `bash` may be that of a virtual machine, which has other files.
bash = pytest.mark.skipif(os.name != "posix" or not shutil.which("bash"), reason="needs bash")
