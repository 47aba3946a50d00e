"""The project's Terraform from the first apply to the last destroy, on the cloud of `stub`."""

import re

import pytest

from tests.infra.deployment import WHOLE
from tests.infra.hcl import INFRA, of_kind

NOT_CHANGED = {
    "project": "everything is in it: another project is another deployment",
    "region": "everything is in it: infra/README.md says how to move",
}
OTHER = {
    "callers": ["user:someone@example.com"],
    "delete_after_days": {"originals": 7},
    "domain": "pictures.example.org",
    "drop_originals_after_days": 2,
    "labels": {"app": "quickthumb", "team": "pictures"},
    "notification_channels": ["projects/p/notificationChannels/7"],
}
"""Another value of a variable, where one of its type alone would be refused."""

DATA = (
    "google_pubsub_subscription",
    "google_pubsub_topic",
    "google_storage_bucket",
    "google_cloudfunctions2_function",
)
"""What must never be made anew: pictures, messages and addresses would be gone."""


def variables():
    return {block.labels[0]: block.body for block in of_kind("variable")}


def another(name):
    """Return another value of a variable than its default."""
    if name in OTHER:
        return OTHER[name]
    body = variables()[name]
    kind, default = body["type"].strip('"${}'), body.get("default")
    if kind == "bool":
        return not default
    if kind == "number" and default is not None:
        return default + 1
    pytest.fail(f"{name}: give this test another value of it, in OTHER")


CHANGED = sorted(variables().keys() - NOT_CHANGED.keys())


def test_the_files_are_valid(applied):
    applied.terraform("validate")


def test_terraforms_own_tests_pass(applied):
    result = applied.terraform("test", "-no-color")
    written = (INFRA / "tests" / "plan.tftest.hcl").read_text()
    passed = re.findall(r'run "(\w+)"\.\.\. pass', result.stdout)
    assert passed == re.findall(r'^run "(\w+)"', written, re.MULTILINE)


def test_a_second_plan_has_no_changes(applied):
    assert applied.changes(**WHOLE) == ""


@pytest.mark.parametrize("name", CHANGED)
def test_a_variable_can_be_changed_and_changed_back(deployment, name):
    before = contents(deployment)
    changed = WHOLE | {name: another(name)}
    began = len(deployment.cloud.log())
    deployment.apply(**changed)
    assert deployment.changes(**changed) == ""
    assert contents(deployment) != before
    deployment.apply(**WHOLE)
    assert contents(deployment) == before
    gone = [entry for entry in deployment.cloud.log()[began:] if entry[0] == "delete"]
    assert [entry for entry in gone if entry[1] in DATA] == []


def contents(deployment):
    """Return what exists, without the numbers that the cloud counts by."""
    found = [
        re.sub(r"(alertPolicies|dashboards|notificationConfigs)/\d+", r"\1/N", repr(item))
        for r in deployment.cloud.resources()
        for item in ((r["type"], r["id"], r["config"], r["labels"]),)
    ]
    return sorted([*found, repr(deployment.terraform("output", "-json").stdout)])


def test_what_is_not_set_can_be_applied_too(nothing):
    nothing.apply()
    assert nothing.changes() == ""
    assert not [r for r in nothing.cloud.resources() if r["type"].startswith("google_compute")]


def test_destroying_leaves_nothing(deployment):
    deployment.destroy(**WHOLE)
    assert deployment.cloud.resources() == []


def test_pictures_are_not_destroyed_unless_that_is_allowed(deployment):
    bucket = next(r for r in deployment.cloud.resources() if r["id"].endswith("-originals"))
    deployment.cloud.change(bucket["id"], blobs=["a picture"])
    result = deployment.destroy(may_fail=True, **WHOLE)
    assert result.returncode != 0
    assert "containing blobs" in result.stderr
    assert bucket["id"] in {r["id"] for r in deployment.cloud.resources()}
    allowed = WHOLE | {"deletion_allowed": True}
    deployment.apply(**allowed)
    deployment.destroy(**allowed)
    assert deployment.cloud.resources() == []


def test_an_apply_that_failed_half_way_is_completed_by_the_next(nothing):
    nothing.cloud.refuse("create", "google_pubsub_subscription", "resize", "no quota")
    failed = nothing.apply(may_fail=True)
    assert failed.returncode != 0
    assert "no quota" in failed.stderr
    nothing.cloud.allow()
    nothing.apply()
    assert nothing.changes() == ""
