"""What pip prints: how far it is, and why it failed. Standard library only."""

import platform
import re
import sysconfig
from pathlib import Path

_WRONG_FILE = re.compile(
    r"^    (?P<package>\S+) from (?P<url>.+) \(from .*\n(?: +Expected .*\n)+ +Got +(?P<got>\w+)",
    re.MULTILINE,
)
_NOT_LOCKED = re.compile(
    r"--require-hashes mode.*:\n    (?P<package>\S+)|^    (?P<unhashed>\S+) --hash=", re.MULTILINE
)
_NO_ROOM = re.compile(r"No space left on device|Disk quota exceeded")
_NO_NETWORK = re.compile(
    r"Retrying \(|Could not fetch URL|Read timed out|Connection (?:aborted|reset)"
)
_NOT_FOR_HERE = re.compile(r"No matching distribution found for (?P<package>\S+)")
_SIZE = re.compile(r"^ *(?:Downloading|Using cached) .*\((\d+(?:\.\d+)?) ([kM]?)(?:B|bytes)\)$")
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
_LAST_LINES = 20


def packages_in(lock: Path) -> int:
    """Return how many packages a lock names, for all platforms together."""
    return len(set(_PIN.findall(lock.read_text())))


class PipOutput:
    """The output of `pip install`.

    Args:
        lock: what is installed.
        site_packages: where to.
    """

    def __init__(self, lock: Path, site_packages: Path) -> None:
        self._lock = lock
        self._place = site_packages
        self._packages = packages_in(lock)
        self._there = self._installed()
        self._lines: list[str] = []
        self._found = 0
        self._megabytes = 0.0
        self._unpacked = 0

    def add(self, line: str) -> None:
        """Take the next line."""
        self._lines.append(line)
        if line.startswith(("Collecting ", "Processing ")):  # from an index, and from a folder
            self._found += 1
        elif size := _SIZE.match(line.rstrip()):
            self._megabytes += float(size[1]) * {"M": 1, "k": 1e-3, "": 1e-6}[size[2]]
        elif line.startswith("Installing collected packages"):
            self._unpacked = line.count(",") + 1

    def state(self) -> str:
        """Return how far pip is, in a few words."""
        if self._unpacked:
            done = min(self._installed() - self._there, self._unpacked)
            return f"Installing: {done} of {self._unpacked} packages"
        loaded = f", {self._megabytes:.0f} MB" if self._megabytes else ""
        return f"Downloading: {self._found} of {self._packages} packages{loaded}"

    def _installed(self) -> int:
        return sum(1 for _ in self._place.glob("*.dist-info"))

    def failure(self) -> str:
        """Return a message that explains why pip failed."""
        text = "".join(self._lines)
        if wrong := _WRONG_FILE.search(text):
            return (
                f"{wrong['package']}: the downloaded file matches no hash in {self._lock}. Nothing "
                "was installed.\n"
                f"  file  {wrong['url']}\n"
                f"  hash  sha256:{wrong['got']}\n"
                "Do not bypass this check. If you edited the version in the lock, "
                "`python3 -m emulator lock`\nupdates the hashes. Otherwise a cache or a mirror of "
                "the package index has a wrong file: run\n`pip cache purge`, check `pip config "
                "list`, and try again."
            )
        if missing := _NOT_LOCKED.search(text):
            package = missing["package"] or missing["unhashed"]
            return (
                f"{package} is required, but {self._lock} does not pin it. Run `python3 -m "
                "emulator lock` and try again."
            )
        if _NO_ROOM.search(text):
            advice = "The disk is full: free some space"
        elif _NO_NETWORK.search(text):
            advice = "The package index cannot be reached: check your network"
        elif absent := _NOT_FOR_HERE.search(text):
            return (
                f"{absent['package']} has no package for this Python "
                f"({platform.python_version()}, {sysconfig.get_platform()}).\nAll packages are "
                "available for Python 3.11 to 3.14 on Linux (glibc 2.28), macOS 13 and Windows "
                "(x86-64), or newer.\nElsewhere, such as on macOS 11 and 12, Windows on ARM, or "
                "Alpine Linux, use a container with Debian\nor, on Windows, WSL 2 with Ubuntu."
            )
        else:
            advice = "Fix what pip reports"
        last_lines = "".join(f"  {line}" for line in self._lines[-_LAST_LINES:]).rstrip()
        return f"pip could not install {self._lock}:\n{last_lines}\n{advice}, then try again."
