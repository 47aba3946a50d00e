"""The size of the packages in the image of the functions."""

import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from emulator.bootstrap import ROOT

FUNCTIONS = ROOT / "functions"


class _Counted(io.RawIOBase):
    """Discards what is written to it, and counts the bytes."""

    size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        self.size += len(data)
        return len(data)


def layer_bytes() -> int:
    """Return the size of functions/ and its packages, compressed like a layer of an image, bytes.

    Raises:
        RuntimeError: the packages cannot be installed.
    """
    with tempfile.TemporaryDirectory(prefix="quickthumb-") as folder:
        command = [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--target", folder),
            *("--require-hashes", "--requirement", str(FUNCTIONS / "requirements.txt")),
        ]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise RuntimeError(f"functions/requirements.txt cannot be installed: {result.stderr}")
        return _compressed([Path(folder), FUNCTIONS])


def _compressed(folders: list[Path]) -> int:
    counted = _Counted()
    with tarfile.open(fileobj=counted, mode="w|gz") as layer:
        for folder in folders:
            layer.add(folder, folder.name)
    return counted.size
