"""What checkov, which knows the common mistakes in Terraform, says of ours."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.environments import environment
from tests.infra.hcl import INFRA

LOCK = Path(__file__).with_name("checkov-requirements.txt")


MISTAKE = """
resource "google_storage_bucket_iam_member" "all" {
  bucket = "pictures"
  role   = "roles/storage.objectViewer"
  member = "allUsers"
}
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """What checkov passed, failed and skipped of infra/, and of a mistake beside it."""
    folder = tmp_path_factory.mktemp("checked")
    shutil.copytree(INFRA, folder / "infra", ignore=shutil.ignore_patterns(".terraform*"))
    (folder / "mistake").mkdir()
    (folder / "mistake" / "main.tf").write_text(MISTAKE)
    program = environment("checkov", LOCK) / "checkov"
    options = ["--framework", "terraform", "--output", "json", "--skip-download"]
    result = subprocess.run(
        [program, "--directory", folder, *options, "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout, result.stderr
    return json.loads(result.stdout)


def failures(report, folder):
    """Return what failed below a folder."""
    checks = report["results"]["failed_checks"]
    return [
        (each["check_id"], each["resource"])
        for each in checks
        if each["file_path"].startswith(f"/{folder}/")
    ]


@pytest.mark.xdist_group("checkov")
def test_nothing_fails_that_is_not_explained_in_place(report):
    assert report["summary"]["parsing_errors"] == 0
    assert failures(report, "infra") == []
    assert report["summary"]["passed"] > 15


def test_every_exception_says_why():
    text = "\n".join(file.read_text() for file in INFRA.rglob("*.tf"))
    exceptions = re.findall(r"checkov:skip=(.*)", text)
    assert exceptions
    for exception in exceptions:
        assert re.fullmatch(r"CKV2?_GCP_\d+: .{20,}", exception), exception


@pytest.mark.xdist_group("checkov")
def test_a_mistake_is_found(report):
    assert "CKV_GCP_28" in dict(failures(report, "mistake"))
    assert len(report["results"]["failed_checks"]) == len(failures(report, "mistake"))
