"""Vendored files are those that were published."""

import hashlib
import json
import shutil
import subprocess

import pytest

from tests.swagger_ui import LEGAL, RECORD, SERVED, content, download, integrity, vendored

RECORDED = json.loads(RECORD.read_text())


def test_the_files_of_swagger_ui_are_the_recorded_ones():
    assert set(vendored()) == {*SERVED, *LEGAL}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in vendored().items()}
    assert hashes == RECORDED["sha256"]


def test_the_files_of_swagger_ui_are_those_of_its_package(tmp_path):
    if not shutil.which("npm"):
        pytest.skip("needs npm to fetch the package")
    try:
        archive = download(RECORDED["version"], tmp_path)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"needs the package registry: {error.stderr.decode().strip()[-200:]}")
    assert integrity(archive) == RECORDED["integrity"]
    assert content(archive) == vendored()
