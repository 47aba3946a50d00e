"""What checkov, which knows the common mistakes in Terraform, says of ours."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.environments import environment
from tests.infra.hcl import INFRA

LOCK = Path(__file__).with_name("checkov-requirements.txt")


@pytest.fixture(scope="module")
def checkov():
    """Returns a function that checks a folder and returns what it passed, failed and skipped."""
    program = environment("checkov", LOCK) / "checkov"

    def check(folder):
        options = ["--framework", "terraform", "--output", "json", "--skip-download"]
        result = subprocess.run(
            [program, "--directory", folder, *options, "--quiet"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.stdout, result.stderr
        return json.loads(result.stdout)

    return check


def test_nothing_fails_that_is_not_explained_in_place(checkov):
    report = checkov(INFRA)
    assert report["summary"]["parsing_errors"] == 0
    failed = report["results"]["failed_checks"]
    assert [(check["check_id"], check["resource"]) for check in failed] == []
    assert report["summary"]["passed"] > 15


def test_every_exception_says_why():
    text = "\n".join(file.read_text() for file in INFRA.rglob("*.tf"))
    exceptions = re.findall(r"checkov:skip=(.*)", text)
    assert exceptions
    for exception in exceptions:
        assert re.fullmatch(r"CKV2?_GCP_\d+: .{20,}", exception), exception


def test_a_mistake_is_found(checkov, tmp_path):
    (tmp_path / "main.tf").write_text(
        'resource "google_storage_bucket_iam_member" "all" {\n'
        '  bucket = "pictures"\n  role = "roles/storage.objectViewer"\n  member = "allUsers"\n}\n'
    )
    report = checkov(tmp_path)
    assert "CKV_GCP_28" in {check["check_id"] for check in report["results"]["failed_checks"]}
