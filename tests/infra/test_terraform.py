import shutil

import pytest

from tests.infra.hcl import INFRA
from tests.infra.terraform import terraform


def test_the_files_are_formatted():
    result = terraform("fmt", "-check", "-recursive", "-diff", cwd=INFRA)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def initialised(tmp_path_factory):
    """A copy of the repository's relevant folders in which the providers are installed."""
    root = tmp_path_factory.mktemp("terraform")
    leave = shutil.ignore_patterns(".terraform", ".build", "__pycache__", "*.py", "*.json")
    shutil.copytree(INFRA, root / "infra", ignore=leave)
    shutil.copytree(INFRA.parent / "functions", root / "functions", ignore=leave)
    result = terraform("init", "-backend=false", "-input=false", "-no-color", cwd=root / "infra")
    if "Failed to query available provider packages" in result.stderr:
        pytest.skip("the providers cannot be had here: `terraform init` reaches no registry")
    assert result.returncode == 0, result.stdout + result.stderr
    return root / "infra"


def test_the_files_are_valid(initialised):
    result = terraform("validate", cwd=initialised)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_plan_with_mocked_providers_holds_what_is_promised(initialised):
    result = terraform("test", cwd=initialised)
    assert result.returncode == 0, result.stdout + result.stderr
