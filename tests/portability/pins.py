"""Asks the package index whether every pin of a lock has a wheel for other platforms.

    python tests/portability/pins.py [LOCK]

Nothing is downloaded but descriptions, and nothing is installed. Takes two minutes. Exits with 1 if
a pin has none: docs/windows.md tells which are known, and what to do about them.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]

MAC = {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"}
WINDOWS = {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"}
PLATFORMS = {
    "win_amd64": WINDOWS | {"platform_machine": "AMD64"},
    "macosx_11_0_arm64": MAC | {"platform_machine": "arm64"},
    "macosx_13_0_arm64": MAC | {"platform_machine": "arm64"},
    "macosx_11_0_x86_64": MAC | {"platform_machine": "x86_64"},
    "macosx_13_0_x86_64": MAC | {"platform_machine": "x86_64"},
}
"""Platforms as wheels name them, and what their Python says in markers."""

PYTHONS = ("3.11", "3.14")

_NO_WHEEL = re.compile(r"No matching distribution found for ([A-Za-z0-9._-]+)")


def pins(lock: str, python: str, markers: dict[str, str]) -> Iterator[str]:
    """Yield the pins of a lock that are installed on a platform, without their hashes."""
    versions = {"python_version": python, "python_full_version": f"{python}.0"}
    for line in re.findall(r"^([A-Za-z0-9][^#\n\\]*==[^\n\\]*)", lock, re.MULTILINE):
        pin = Requirement(line.strip())
        if pin.marker is None or pin.marker.evaluate({**markers, **versions}):
            yield f"{pin.name}{pin.specifier}"


def without_wheel(wanted: list[str], platform: str, python: str) -> list[str]:
    """Return the pins for which the index has no wheel.

    Raises:
        RuntimeError: pip failed for another reason, such as a network that is down.
    """
    missing: list[str] = []
    while True:
        left = [pin for pin in wanted if pin not in missing]
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps"),
                    *("--disable-pip-version-check", "--quiet", "--target", folder),
                    *("--only-binary", ":all:", "--platform", platform),
                    *("--python-version", python, "--implementation", "cp"),
                    *("--find-links", str(ROOT / "functions/wheels"), *left),
                ],
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode == 0:
            return missing
        found = _NO_WHEEL.search(done.stderr)
        name = found[1] if found else None
        more = [pin for pin in left if pin.partition("==")[0] == name]
        if not more:
            raise RuntimeError(done.stderr)
        missing += more


def main(lock: str = "requirements.txt") -> int:
    """Print a line for each platform and Python; return how many have pins without a wheel."""
    text, failures = (ROOT / lock).read_text(), 0
    for platform, markers in PLATFORMS.items():
        for python in PYTHONS:
            wanted = list(pins(text, python, markers))
            missing = without_wheel(wanted, platform, python)
            failures += bool(missing)
            told = ", ".join(missing) or "all have wheels"
            print(f"{platform:20} {python:5} {len(wanted):3} pins: {told}", flush=True)
    return failures


if __name__ == "__main__":
    sys.exit(min(1, main(*sys.argv[1:])))
