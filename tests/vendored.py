"""Vendors files of npm packages: `python -m tests.vendored swagger-ui-dist 5.35.0`.

The large files are stored compressed. `vendored.json` beside them names their package; a test
compares the files with it.
"""

import base64
import gzip
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulator.bootstrap import ROOT


@dataclass(frozen=True)
class Package:
    """A package of npm of which some files are kept.

    Attributes:
        name: in the registry.
        licence: of the files.
        folder: where they are.
        zipped: those that are stored compressed.
        legal: licences and notices, stored as they are.
    """

    name: str
    licence: str
    folder: Path
    zipped: tuple[str, ...]
    legal: tuple[str, ...]

    @property
    def record(self) -> Path:
        """The file that says what was vendored."""
        return self.folder / "vendored.json"

    def recorded(self) -> dict[str, Any]:
        """Return what was vendored: version, integrity, and hashes by file."""
        record: dict[str, Any] = json.loads(self.record.read_text())
        return record

    def download(self, version: str, folder: Path) -> Path:
        """Fetch the package with npm, without running its scripts, and return the archive."""
        command = ["npm", "pack", "--silent", f"{self.name}@{version}"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
        [archive] = folder.glob("*.tgz")
        return archive

    def content(self, archive: Path) -> dict[str, bytes]:
        """Return the files of an archive that are kept, by name."""
        with tarfile.open(archive) as tar:
            return {
                name: file.read()
                for name in self.zipped + self.legal
                if (file := tar.extractfile(f"package/{name}"))
            }

    def vendored(self) -> dict[str, bytes]:
        """Return the vendored files, decompressed."""
        return {name: self.read(name) for name in self.zipped} | {
            name: (self.folder / name).read_bytes() for name in self.legal
        }

    def read(self, name: str) -> bytes:
        """Return a file that is stored compressed."""
        return gzip.decompress((self.folder / f"{name}.gz").read_bytes())

    def vendor(self, version: str) -> None:
        """Replace the vendored files by those of another version."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            archive = self.download(version, Path(folder))
            for name, data in self.content(archive).items():
                if name in self.zipped:
                    (self.folder / f"{name}.gz").write_bytes(gzip.compress(data, 9, mtime=0))
                else:
                    (self.folder / name).write_bytes(data)
            files = self.vendored().items()
            record = {
                "package": self.name,
                "version": version,
                "licence": self.licence,
                "integrity": integrity(archive),
                "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files},
            }
        self.record.write_text(json.dumps(record, indent=2) + "\n")


def integrity(archive: Path) -> str:
    """Return the hash of a package in the format of npm's lock files."""
    digest = hashlib.sha512(archive.read_bytes()).digest()
    return f"sha512-{base64.b64encode(digest).decode()}"


SWAGGER_UI = Package(
    "swagger-ui-dist",
    "Apache-2.0",
    ROOT / "functions" / "quickthumb" / "web" / "swagger-ui",
    ("swagger-ui-bundle.js", "swagger-ui.css"),
    ("LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt"),
)
"""The documentation at /docs; the service sends the files compressed, as they are stored."""

AXE = Package(
    "axe-core",
    "MPL-2.0",
    ROOT / "tests" / "browser" / "axe-core",
    ("axe.min.js",),
    ("LICENSE", "LICENSE-3RD-PARTY.txt"),
)
"""Looks for barriers in pages; for tests alone."""

PACKAGES = {package.name: package for package in (SWAGGER_UI, AXE)}


if __name__ == "__main__":
    PACKAGES[sys.argv[1]].vendor(sys.argv[2])
