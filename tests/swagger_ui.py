"""Vendors Swagger UI from its npm package: `python -m tests.swagger_ui 5.35.0`.

The files are stored compressed, as they are sent. `vendored.json` names their package; a test
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
from pathlib import Path

from emulator.bootstrap import ROOT

FOLDER = ROOT / "functions" / "quickthumb" / "web" / "swagger-ui"
RECORD = FOLDER / "vendored.json"
PACKAGE = "swagger-ui-dist"
SERVED = ("swagger-ui-bundle.js", "swagger-ui.css")
LEGAL = ("LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt")


def download(version: str, folder: Path) -> Path:
    """Fetch the package with npm, without running its scripts, and return the archive."""
    command = ["npm", "pack", "--silent", f"{PACKAGE}@{version}"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    [archive] = folder.glob("*.tgz")
    return archive


def integrity(archive: Path) -> str:
    """Return the hash of a package in the format of npm's lock files."""
    digest = hashlib.sha512(archive.read_bytes()).digest()
    return f"sha512-{base64.b64encode(digest).decode()}"


def content(archive: Path) -> dict[str, bytes]:
    """Return the files of a package that we ship, by name."""
    with tarfile.open(archive) as tar:
        return {
            name: file.read()
            for name in SERVED + LEGAL
            if (file := tar.extractfile(f"package/{name}"))
        }


def vendored() -> dict[str, bytes]:
    """Return the vendored files, decompressed."""
    return {name: gzip.decompress((FOLDER / f"{name}.gz").read_bytes()) for name in SERVED} | {
        name: (FOLDER / name).read_bytes() for name in LEGAL
    }


def main(version: str) -> None:
    """Replace the vendored files by those of another version."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        archive = download(version, Path(folder))
        for name, data in content(archive).items():
            if name in SERVED:
                (FOLDER / f"{name}.gz").write_bytes(gzip.compress(data, 9, mtime=0))
            else:
                (FOLDER / name).write_bytes(data)
        record = {
            "package": PACKAGE,
            "version": version,
            "licence": "Apache-2.0",
            "integrity": integrity(archive),
            "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in vendored().items()},
        }
    RECORD.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
