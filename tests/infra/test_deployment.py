"""The project's Terraform from the first apply to the last destroy, on the cloud of `stub`."""

import re

import pytest

from tests.infra.conftest import deployed
from tests.infra.deployment import WHOLE
from tests.infra.hcl import FOUNDATION, INFRA, of_kind

NOT_CHANGED = {
    "project": "everything is in it: another project is another deployment",
    "region": "everything is in it: infra/README.md says how to move",
}
OTHER = {
    "alert_email": "team@example.com",
    "availability_goal": 0.99,
    "budget": {"billing_account": "012345-6789AB-CDEF01", "amount": 70},
    "callers": ["user:someone@example.com", "group:team@example.com"],
    "delete_after_days": {"originals": 7},
    "domain": "pictures.example.org",
    "image": "europe-west1-docker.pkg.dev/elsewhere/quickthumb/functions:other",
    "request_log_share": 0.5,
    "drop_originals_after_days": 2,
    "labels": {"app": "quickthumb", "team": "pictures"},
    "secrets": {"QUICKTHUMB_SIGNING_KEYS": "other-signing-keys"},
    "notification_channels": ["projects/p/notificationChannels/7"],
}
"""Another value of a variable, where one of its type alone would be refused."""

DATA = (
    "google_pubsub_subscription",
    "google_pubsub_topic",
    "google_storage_bucket",
    "google_cloud_run_v2_service",
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


@pytest.mark.parametrize("names", [CHANGED[start::4] for start in range(4)], ids=" ".join)
def test_every_variable_can_be_changed_and_changed_back(deployment, names):
    """Each is changed back while the next one is changed, which saves an apply."""
    before = contents(deployment)
    began = len(deployment.cloud.log())
    for name in names:
        changed = WHOLE | {name: another(name)}
        deployment.apply(**changed)
        assert deployment.changes(**changed) == "", name
        assert contents(deployment) != before, name
    deployment.apply(**WHOLE)
    assert contents(deployment) == before
    gone = [entry for entry in deployment.cloud.log()[began:] if entry[0] == "delete"]
    assert [entry for entry in gone if entry[1] in DATA] == []


def contents(deployment):
    """Return what exists, without the numbers that the cloud counts by."""
    counted = r"(alertPolicies/|budgets/|dashboards/|notification\w+/|check-)\d+"
    found = [
        re.sub(counted, r"\1N", repr((r["type"], r["id"], r["config"], r["labels"])))
        for r in deployment.cloud.resources()
    ]
    return sorted([*found, repr(deployment.state()["outputs"])])


def test_what_is_not_set_can_be_applied_too(nothing):
    nothing.apply()
    assert nothing.changes() == ""
    assert not [r for r in nothing.cloud.resources() if r["type"].startswith("google_compute")]


def test_nothing_that_answers_and_no_picture_is_destroyed_unless_that_is_allowed(deployment):
    bucket = next(r for r in deployment.cloud.resources() if r["id"].endswith("-originals"))
    deployment.cloud.change(bucket["id"], blobs=["a picture"])
    result = deployment.destroy(may_fail=True, **WHOLE)
    assert result.returncode != 0
    assert "deletion_protection" in result.stderr
    kept = {r["id"] for r in deployment.cloud.resources()}
    assert {r["id"] for r in deployment.cloud.resources("google_cloud_run_v2_service")} <= kept
    assert bucket["id"] in kept


def test_destroying_leaves_nothing_once_it_is_allowed(deployment):
    bucket = next(r for r in deployment.cloud.resources() if r["id"].endswith("-originals"))
    deployment.cloud.change(bucket["id"], blobs=["a picture"])
    allowed = WHOLE | {"deletion_allowed": True}
    deployment.apply(**allowed)
    deployment.destroy(**allowed)
    assert deployment.cloud.resources() == []


def test_the_foundation_is_applied_once_and_can_be_destroyed(tmp_path):
    with deployed(tmp_path, "infra/foundation") as foundation:
        foundation.apply()
        assert foundation.changes() == ""
        foundation.destroy()
        assert foundation.cloud.resources() == []


FOUNDATION_OTHER = {
    "enable_apis": False,
    "more_apis": ["compute.googleapis.com"],
    "deployer": True,
    "labels": {"team": "pictures"},
}


def test_every_variable_of_the_foundation_can_be_changed_and_changed_back(tmp_path):
    declared = {block.labels[0] for block in of_kind("variable", module=FOUNDATION)}
    assert declared == NOT_CHANGED.keys() | FOUNDATION_OTHER.keys()
    with deployed(tmp_path, "infra/foundation") as foundation:
        foundation.apply()
        before = contents(foundation)
        for name, value in FOUNDATION_OTHER.items():
            foundation.apply(**{name: value})
            assert foundation.changes(**{name: value}) == "", name
            assert contents(foundation) != before, name
        foundation.apply()
        assert len(contents(foundation)) == len(before)
        gone = [kind for action, kind, _ in foundation.cloud.log() if action == "delete"]
        assert not set(gone) & {"google_artifact_registry_repository", "google_storage_bucket"}


def test_the_foundation_leaves_apis_alone_where_others_enable_them(tmp_path):
    with deployed(tmp_path, "infra/foundation") as foundation:
        foundation.apply(enable_apis=False)
        assert foundation.cloud.resources("google_project_service") == []


def test_the_foundation_is_laid_when_the_grants_for_a_build_are_known(foundation):
    """The apply ends with a wait that begins anew when one of the grants is another."""
    builder = "quickthumb-build@"
    grants = [r for r in foundation.cloud.resources() if builder in r["config"].get("member", "")]
    (wait,) = [
        r["config"]
        for r in foundation.cloud.resources("time_sleep")
        if "builder" in r["config"]["triggers"]
    ]
    assert len(grants) == 3
    assert all(grant["id"] in wait["triggers"]["builder"] for grant in grants)
    assert int(wait["create_duration"].removesuffix("s")) >= 60
    assert "google_project_iam_member.deployer" in foundation.waits()["time_sleep.grants"]


def test_no_api_is_used_before_it_has_been_enabled_for_a_while(foundation):
    waits = foundation.waits()
    first = {"google_project_service.api", "time_sleep.apis"}
    assert waits["time_sleep.apis"] == {"google_project_service.api"}
    for address, others in waits.items():
        assert address in first or "time_sleep.apis" in others, address
