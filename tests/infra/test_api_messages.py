"""Each evaluated resource against the messages of Google's APIs, as gcloud ships them."""

import json
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.infra.bodies import NO_BODY, body_of
from tests.infra.hcl import MODULES, of_kind

SCRIPT = Path(__file__).with_name("api_messages.py")
BUNDLED = "platform/bundledpythonunix/bin/python3"


def mistakes(bodies):
    """Return what gcloud's messages have against each body."""
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        pytest.skip("gcloud is not on PATH: https://docs.cloud.google.com/sdk/docs/install")
    home = Path(gcloud).resolve().parent.parent
    if not (home / "lib" / "googlecloudsdk").is_dir():
        pytest.skip(f"gcloud's libraries are not beside it: {home} has no lib/googlecloudsdk")
    python = home / BUNDLED if (home / BUNDLED).exists() else sys.executable
    result = subprocess.run(
        [python, "-S", "-B", SCRIPT, home / "lib"],
        input=json.dumps(bodies),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_every_resource_is_what_its_api_takes(applied, foundation):
    everything = applied.cloud.resources() + foundation.cloud.resources()
    resources = [r for r in everything if r["type"] not in NO_BODY]
    bodies = [body_of(r["type"], r["config"]) for r in resources]
    wrong = defaultdict(set)
    for resource, found in zip(resources, mistakes(bodies), strict=True):
        wrong[resource["type"]].update(found)
    assert {kind: found for kind, found in wrong.items() if found} == {}


def test_no_kind_of_resource_is_left_out(applied, foundation):
    declared = {b.labels[0] for module in MODULES for b in of_kind("resource", module=module)}
    made = applied.cloud.resources() + foundation.cloud.resources()
    assert {r["type"] for r in made} == declared


@pytest.mark.parametrize(
    ("body", "mistake"),
    [
        ({"name": "a", "colour": "red"}, "there is no colour"),
        ({"ackDeadlineSeconds": "soon"}, "Subscription: "),
        ({"bigqueryConfig": {"state": "SLEEPY"}}, "bigqueryConfig: there is no state"),
    ],
)
def test_a_mistake_is_found(body, mistake):
    ((found, *_),) = mistakes([["pubsub", "v1", "Subscription", body]])
    assert mistake in found
