"""cloudbuild.yaml, and every gcloud command that a reader or a build is told to run."""

import json
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from emulator.bootstrap import ROOT
from tests.infra.hcl import INFRA, of_kind

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
    text = document.read_text()
    consoles = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line[2:] for block in consoles for line in block.splitlines() if line.startswith("$ ")]


def gcloud_commands():
    """Return all gcloud commands; variables that the guide sets are filled in, others a word."""
    documents = [GUIDE, ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    lines = [line for document in documents for line in guide_lines(document)]
    text = "\n".join([*lines, *scripts().values()])
    for name, value in re.findall(r'^([A-Z]+)="([^"$]*\$.*)"$', text, re.MULTILINE):
        text = text.replace(f"${name}", value)
    commands = re.findall(
        r"""(?:^|\$\(|\s)(gcloud (?:[^\n|;)'"]|'[^'\n]*'|"(?:\\.|[^"\n\\])*")+)""", text
    )
    addressed = [re.sub(r"\$\{?\w*URL\b\}?", "https://example", command) for command in commands]
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


@pytest.mark.parametrize("step", scripts())
def test_a_step_is_valid_shell(step):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not on PATH")
    result = subprocess.run(
        [bash, "-n"], input=scripts()[step], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_the_commands_are_found():
    commands = gcloud_commands()
    assert any(command.startswith("gcloud run services describe") for command in commands)
    assert any(command.startswith("gcloud functions deploy upload") for command in commands)
    assert len(commands) > 15


def test_gcloud_understands_every_command(tmp_path):
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        pytest.skip("gcloud is not on PATH: https://docs.cloud.google.com/sdk/docs/install")
    commands = [*gcloud_commands(), "gcloud auth login --no-such-flag"]
    file = tmp_path / "commands.json"
    file.write_text(json.dumps([{"command_string": command} for command in commands]))
    result = subprocess.run(
        [gcloud, "meta", "lint-gcloud-commands", "--commands-file", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    verdicts = json.loads(result.stdout)
    assert len(verdicts) == len(commands)
    refused = {v["command_string"]: v["error_message"] for v in verdicts if not v["success"]}
    assert refused.keys() == {"gcloud auth login --no-such-flag"}, refused


def test_the_readme_deploys_as_the_guide_does():
    of_readme = [
        c for c in guide_lines(ROOT / "README.md") if c.startswith(("gcloud", "terraform"))
    ]
    assert len(of_readme) == 3
    of_guide = "\n".join(guide_lines())
    for command in of_readme:
        for word in command.replace(" -chdir=infra", "").split():
            assert word in of_guide


def test_every_substitution_is_documented_and_used():
    declared = set(yaml.safe_load(BUILD.read_text())["substitutions"])
    text = BUILD.read_text()
    assert set(re.findall(r"\$\{(_\w+)\}", text)) == declared
    assert declared == set(re.findall(r"^\| `(_\w+)`", GUIDE.read_text(), re.MULTILINE))


def test_every_variable_is_documented():
    declared = {block.labels[0] for block in of_kind("variable")}
    settings = GUIDE.read_text().split("## Settings")[1].split("##")[0]
    assert declared == set(re.findall(r"^\| `(\w+)`", settings, re.MULTILINE))


def test_the_build_sets_only_variables_that_there_are():
    declared = {block.labels[0] for block in of_kind("variable")}
    environment = yaml.safe_load(BUILD.read_text())["options"]["env"]
    assert set(re.findall(r"TF_VAR_(\w+)=", "\n".join(environment))) <= declared


def test_the_plain_way_says_what_the_topology_says():
    topology = yaml.safe_load((INFRA / "topology.yaml").read_text())
    for name, function in topology["functions"].items():
        line = next(c for c in guide_lines() if c.startswith(f"gcloud functions deploy {name} "))
        for flag, value in {
            "runtime": topology["runtime"],
            "entry-point": function["entry_point"],
            "memory": function["memory"],
            "cpu": function["cpu"],
            "concurrency": function["concurrency"],
        }.items():
            assert f" --{flag}={value} " in line, flag
        assert f"THREADS={max(2, function['concurrency'])}" in line
        for variable in topology["environment"]:
            assert variable in next(c for c in guide_lines() if c.startswith("ENVIRONMENT="))
