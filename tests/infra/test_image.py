import json
import re
import shutil
import subprocess
import sys
import tarfile

import pytest

from emulator.bootstrap import ROOT
from emulator.topology_file import TOPOLOGY
from infra import image
from tests.infra.stub import runs
from tests.infra.stub.cloud import PROJECT

# What a call of gcloud leaves behind: its words, and the archive that it was given.
GCLOUD = """#!/bin/sh
printf '%s\\n' "$*" >>"$TOLD"
case "$*" in
*"tags list"*) {listed} ;;
*"builds submit"*) cp "$3" "$TOLD.tgz"; echo built; exit {status} ;;
esac
"""


def test_terraform_and_the_builder_name_the_same_image(applied):
    tag = image.content_hash(applied.folder / "functions")
    wanted = f"{image.image_name(PROJECT, 'europe-west1')}:{tag}"
    for service in applied.cloud.resources(runs.SERVICE):
        (container,) = service["config"]["template"][0]["containers"]
        assert container["image"] == wanted


def test_one_changed_byte_is_another_image(tmp_path):
    folder = tmp_path / "functions"
    shutil.copytree(ROOT / "functions", folder)
    before = image.content_hash(folder)
    (folder / "main.py").write_bytes((folder / "main.py").read_bytes() + b"\n")
    assert image.content_hash(folder) != before


def test_another_name_or_runtime_is_another_image(tmp_path):
    (tmp_path / "main.py").write_text("1")
    before = image.content_hash(tmp_path, "python313")
    assert image.content_hash(tmp_path, "python314") != before
    (tmp_path / "main.py").rename(tmp_path / "other.py")
    assert image.content_hash(tmp_path, "python313") != before


def test_what_python_leaves_behind_is_no_part_of_the_image(tmp_path):
    (tmp_path / "main.py").write_text("1")
    before = image.content_hash(tmp_path, "python313")
    (tmp_path / "a" / "__pycache__").mkdir(parents=True)
    (tmp_path / "a" / "__pycache__" / "main.cpython-313.pyc").write_text("2")
    (tmp_path / "old.pyc").write_text("3")
    assert image.content_hash(tmp_path, "python313") == before


def test_the_runtime_is_that_of_the_topology(tmp_path):
    assert image.runtime() in TOPOLOGY.read_text()
    assert image.python_version("python313") == "3.13.x"
    (tmp_path / "topology.yaml").write_text("functions: {}\n")
    with pytest.raises(image.Failed, match="runtime: python313"):
        image.runtime(tmp_path / "topology.yaml")


@pytest.fixture
def built(tmp_path):
    """Returns a function that runs the script with a gcloud that answers as told."""

    def run(listed=":", status=0):
        program = tmp_path / "gcloud"
        program.write_text(GCLOUD.format(listed=listed, status=status))
        program.chmod(0o755)
        return subprocess.run(
            [sys.executable, "-I", "-S", ROOT / "infra" / "image.py", "--project=p"],
            env={"PATH": f"{tmp_path}:/usr/bin:/bin", "TOLD": str(tmp_path / "told")},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_it_has_the_image_built_and_prints_its_name_alone(built, tmp_path):
    result = built()
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"europe-west1-docker.pkg.dev/p/quickthumb/functions:{tag()}\n"
    _, told = (tmp_path / "told").read_text().splitlines()
    assert f"_IMAGE={result.stdout.strip()},_PYTHON=3.13.x" in told
    assert "quickthumb-build@p.iam.gserviceaccount.com" in told
    with tarfile.open(tmp_path / "told.tgz") as packed:
        assert sorted(packed.getnames()) == image.source_files()


def test_what_it_builds_with_is_what_the_foundation_makes(built, tmp_path, foundation):
    image_name = image.image_name(PROJECT, "europe-west1")
    outputs = json.loads(foundation.terraform("output", "-json").stdout)
    assert image_name == f"{outputs['repository']['value']}/functions"
    built()
    told = (
        (tmp_path / "told").read_text().replace("@p.", f"@{PROJECT}.").replace("p-", f"{PROJECT}-")
    )
    assert f"/serviceAccounts/{outputs['builder']['value']} " in told
    buckets = {r["config"]["name"] for r in foundation.cloud.resources("google_storage_bucket")}
    assert re.search(r"--gcs-source-staging-dir=gs://([^/]+)/", told)[1] in buckets


def test_it_builds_nothing_that_is_there(built, tmp_path):
    result = built(listed=f"echo {tag()}")
    assert result.returncode == 0
    assert tag() in result.stdout
    assert "builds submit" not in (tmp_path / "told").read_text()


def test_it_says_where_to_look_when_the_build_fails(built):
    result = built(status=1)
    assert (result.returncode, result.stdout) == (1, "")
    assert "infra/foundation" in result.stderr


def test_it_says_so_when_there_is_no_gcloud(tmp_path):
    script = ROOT / "infra" / "image.py"
    result = subprocess.run(
        [sys.executable, "-I", "-S", script, "--project=p"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "Is gcloud on PATH?" in result.stderr


def tag():
    return image.content_hash()
