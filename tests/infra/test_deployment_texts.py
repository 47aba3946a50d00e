"""cloudbuild.yaml, and every gcloud command that a reader or a build is told to run."""

import re
import shutil
import subprocess
import sys

import pytest
import yaml

from emulator.bootstrap import ROOT
from tests import needs
from tests.documents import DOCUMENTS, commands
from tests.infra.gcloud import refused
from tests.infra.hcl import FOUNDATION, INFRA, of_kind

BUILD = ROOT / "cloudbuild.yaml"
GUIDE = INFRA / "README.md"


def scripts():
    """Return the shell of each step of the build that runs one, by its id."""
    steps = yaml.safe_load(BUILD.read_text())["steps"]
    return {
        step["id"]: step["args"][-1].replace("$$", "$")
        for step in steps
        if step["entrypoint"] in ("sh", "bash")
    }


def guide_lines(document=GUIDE):
    """Return the commands of the guide, or of another document."""
    return [command.line for command in commands(document)]


def gcloud_commands():
    """Return all gcloud commands; variables that the guide sets are filled in, others a word."""
    lines = [line for document in DOCUMENTS for line in guide_lines(document)]
    text = "\n".join([*lines, *scripts().values()])
    for name, value in re.findall(r'^([A-Z]+)="([^"$]*\$.*)"$', text, re.MULTILINE):
        text = text.replace(f"${name}", value)
    found = re.findall(
        r"""(?:^|\$\(|\s)(gcloud (?:[^\n|;)'"]|'[^'\n]*'|"(?:\\.|[^"\n\\])*")+)""", text
    )
    addressed = [re.sub(r"\$\{?\w*URL\b\}?", "https://example", command) for command in found]
    return sorted({re.sub(r"\$\{?\w+\}?", "example", command).strip() for command in addressed})


def test_cloud_build_takes_the_file():
    command = [sys.executable, "-m", "check_jsonschema"]
    result = subprocess.run(
        [*command, "--builtin-schema", "vendor.cloudbuild", str(BUILD)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@needs.bash
@pytest.mark.parametrize("step", scripts())
def test_a_step_is_valid_shell(step):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not on PATH")
    result = subprocess.run(
        [bash, "-n"], input=scripts()[step], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@needs.bash
def test_the_commands_are_found():
    found = gcloud_commands()
    assert any(command.startswith("gcloud run services describe") for command in found)
    assert any(command.startswith("gcloud functions deploy upload") for command in found)
    assert len(found) > 15


@needs.bash
def test_gcloud_understands_every_command(tmp_path):
    wrong = "gcloud auth login --no-such-flag"
    assert refused([*gcloud_commands(), wrong], tmp_path).keys() == {wrong}


def test_every_substitution_is_documented_and_used():
    declared = set(yaml.safe_load(BUILD.read_text())["substitutions"])
    text = BUILD.read_text()
    assert set(re.findall(r"\$\{(_\w+)\}", text)) == declared
    assert declared == set(re.findall(r"^\| `(_\w+)`", GUIDE.read_text(), re.MULTILINE))


@pytest.mark.parametrize(("module", "table"), [(INFRA, 0), (FOUNDATION, 1)])
def test_every_variable_is_documented(module, table):
    declared = {block.labels[0] for block in of_kind("variable", module=module)}
    settings = GUIDE.read_text().split("## Settings")[1].split("##")[0]
    tables = settings.split("Of the foundation:")
    first_cells = re.findall(r"^\| (`.*?) \|", tables[table], re.MULTILINE)
    assert declared == {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)}


def test_the_guide_names_every_file_of_terraform():
    text = GUIDE.read_text()
    missing = [file.name for file in INFRA.glob("*.tf") if f"`{file.name}`" not in text]
    assert missing == ["providers.tf", "versions.tf"]


def test_every_command_of_terraform_in_the_guide_is_for_a_folder_that_is_applied():
    lines = [line for line in guide_lines() if line.startswith("terraform ")]
    folders = {re.search(r"-chdir=(\S+)", line)[1] for line in lines}
    assert folders == {"infra", "infra/foundation"}


@needs.bash
def test_the_guide_has_the_pipelines_steps_in_its_order():
    of_guide = [c for c in guide_lines() if re.search(r"image\.py|release\.py|=infra apply$", c)]
    update = of_guide[of_guide.index("python3 infra/release.py hold") - 1 :][:4]
    words = ["image.py", "release.py hold", "apply", "release.py promote"]
    assert all(word in line for word, line in zip(words, update, strict=True))
    script = "\n".join(scripts().values())
    assert [script.index(word) for word in words] == sorted(script.index(word) for word in words)


def test_the_build_sets_only_variables_that_there_are():
    declared = {block.labels[0] for block in of_kind("variable")}
    environment = yaml.safe_load(BUILD.read_text())["options"]["env"]
    assert set(re.findall(r"TF_VAR_(\w+)=", "\n".join(environment))) <= declared


def test_the_plain_way_says_what_the_topology_says():
    topology = yaml.safe_load((INFRA / "topology.yaml").read_text())
    for name, function in topology["functions"].items():
        line = next(c for c in guide_lines() if c.startswith(f"gcloud functions deploy {name} "))
        of_functions = {"runtime": topology["runtime"], "entry-point": function["entry_point"]}
        assert_says(line, function, of_functions)
        for variable in topology["environment"]:
            assert variable in next(c for c in guide_lines() if c.startswith("ENVIRONMENT="))
    for line in (c for c in guide_lines() if "--function=" in c):
        name = line.split()[3]
        function = topology["functions"][name]
        of_run = {"base-image": topology["runtime"], "function": function["entry_point"]}
        assert_says(line, function, of_run)


def assert_says(line, function, others):
    same = {
        "memory": function["memory"],
        "cpu": function["cpu"],
        "concurrency": function["concurrency"],
        "max-instances": function["max_instances"],
    }
    for flag, value in (same | others).items():
        assert f" --{flag}={value} " in line, flag
    assert f"THREADS={max(2, function['concurrency'])}" in line
