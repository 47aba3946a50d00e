"""Tests the API with valid and invalid requests generated from its OpenAPI document."""

import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import requests

from emulator.bootstrap import ROOT
from tests.pictures import picture
from tests.running import running

HERE = Path(__file__).parent
EXAMPLES = os.environ.get("QUICKTHUMB_SCHEMATHESIS_EXAMPLES", "")
"""Number of requests per operation; by default a few, which are always the same."""


def run(url, folder, *options):
    """Run schemathesis with all checks, and return how many requests it made."""
    extent = ["--max-examples", EXAMPLES or "5"]
    if not EXAMPLES:
        extent.append("--generation-deterministic")
    command = [
        *(sys.executable, "-m", "schemathesis.cli"),
        *("--config-file", str(HERE / "schemathesis.toml")),
        *("run", f"{url}/openapi.json"),
        *("--checks", "all", "--no-color", "--continue-on-failure", *extent, *options),
    ]
    result = subprocess.run(
        command,
        cwd=folder,
        env=os.environ
        | {
            "SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_hooks.py"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "functions")]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    print(result.stdout)
    assert result.returncode == 0, result.stdout + result.stderr
    [generated] = re.findall(r"([0-9,]+) generated", result.stdout)
    return int(generated.replace(",", ""))


def test_schemathesis_finds_nothing(url, tmp_path):
    assert run(url, tmp_path) >= 300


def test_schemathesis_finds_nothing_where_keys_are_needed_and_thumbnails_are_set(
    monkeypatch, tmp_path
):
    key = "for-this-test-alone"
    monkeypatch.setenv("QUICKTHUMB_API_KEYS", sha256(key.encode()).hexdigest())
    monkeypatch.setenv("QUICKTHUMB_TOKEN_SECRETS", "for this test alone " * 2)
    monkeypatch.setenv("QUICKTHUMB_RENDITIONS", "small:64,cover:40x30:cover:webp")
    monkeypatch.setenv("QUICKTHUMB_ONLY_RENDITIONS", "true")
    monkeypatch.setenv("QUICKTHUMB_CORS_ORIGINS", "https://app.example")
    monkeypatch.setenv("QUICKTHUMB_ON_DEMAND", "32,40x30:cover:negotiate")
    monkeypatch.setenv("QUICKTHUMB_SIGNING_KEYS", "0123456789abcdef" * 2)
    with running(tmp_path / "data") as addresses:
        assert requests.post(addresses.upload, data=picture(), timeout=20).status_code == 401
        assert run(addresses.upload, tmp_path, "--header", f"X-API-Key: {key}") >= 200
