"""Vendored files are those that were published."""

import hashlib
import shutil
import subprocess

import pytest

from tests.vendored import PACKAGES, integrity

every_package = pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)


@every_package
def test_the_vendored_files_are_the_recorded_ones(package):
    assert set(package.vendored()) == {*package.zipped, *package.legal}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in package.vendored().items()}
    assert hashes == package.recorded()["sha256"]


@every_package
def test_the_vendored_files_are_those_of_the_package(package, tmp_path):
    if not shutil.which("npm"):
        pytest.skip("needs npm to fetch the package")
    recorded = package.recorded()
    try:
        archive = package.download(recorded["version"], tmp_path)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"needs the package registry: {error.stderr.decode().strip()[-200:]}")
    assert integrity(archive) == recorded["integrity"]
    assert package.content(archive) == package.vendored()
