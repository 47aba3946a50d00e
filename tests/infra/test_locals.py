"""What the locals come to, evaluated by Terraform itself."""

import pytest

from tests.infra.hcl import INFRA
from tests.infra.terraform import evaluated

TOPOLOGY = (INFRA / "topology.yaml").read_text()


def test_nobody_may_call_unless_named(tmp_path):
    assert evaluated("local.http_callers", tmp_path, TOPOLOGY) == {}


def test_named_callers_may_call_http_functions(tmp_path):
    callers = '-var=callers=["user:a@example.com"]'
    assert evaluated("local.http_callers", tmp_path, TOPOLOGY, callers) == {
        "upload user:a@example.com": {"function": "upload", "member": "user:a@example.com"}
    }


def test_public_functions_grant_no_roles(tmp_path):
    options = ("-var=public=true", '-var=callers=["user:a@example.com"]')
    assert evaluated("local.http_callers", tmp_path, TOPOLOGY, *options) == {}


def test_every_function_has_its_own_grants(tmp_path):
    granted = evaluated("[local.bucket_access, local.topic_access]", tmp_path, TOPOLOGY)
    buckets, topics = granted
    assert {(g["function"], g["bucket"], g["role"]) for g in buckets.values()} == {
        ("upload", "originals", "keeper"),
        ("upload", "processed", "keeper"),
        ("upload", "requests", "appender"),
        ("resize", "originals", "reader"),
        ("resize", "processed", "keeper"),
        ("bury", "originals", "reader"),
        ("bury", "processed", "keeper"),
        ("sweep", "originals", "remover"),
        ("sweep", "processed", "keeper"),
    }
    assert {(g["function"], g["topic"]) for g in topics.values()} == {
        ("upload", "uploads"),
        ("resize", "completed"),
        ("bury", "completed"),
        ("sweep", "completed"),
        ("sweep", "uploads"),
    }


def test_everything_that_can_go_wrong_has_an_alert(tmp_path):
    alerts = evaluated("local.alerts", tmp_path, TOPOLOGY)
    assert alerts.keys() == {
        "dead letters of resize",
        *(
            f"{what} of {name}"
            for what in ("oldest unacknowledged message", "refused pushes")
            for name in ("bury", "resize")
        ),
        *(
            f"{what} of {name}"
            for what in ("server errors", "p95")
            for name in ("bury", "resize", "sweep", "upload")
        ),
    }
    assert all(alert["advice"] for alert in alerts.values())
    assert alerts["p95 of upload"]["threshold"] == 30_000


def test_originals_are_kept_as_long_as_one_says(tmp_path):
    expression = "[local.buckets.originals.delete_after_days, local.functions.sweep.environment]"
    days, environment = evaluated(expression, tmp_path, TOPOLOGY)
    assert (days, "QUICKTHUMB_SWEEP_DROP_SECONDS" in environment) == (30, False)
    options = ("-var=delete_after_days={originals=7}", "-var=drop_originals_after_days=1")
    days, environment = evaluated(expression, tmp_path, TOPOLOGY, *options)
    assert (days, environment["QUICKTHUMB_SWEEP_DROP_SECONDS"]) == (7, "86400")


@pytest.mark.parametrize(
    ("days", "seconds"), [("1.3", "112320"), ("0.042", "3629"), ("0.0416667", "3600")]
)
def test_a_part_of_a_day_is_whole_seconds_as_the_functions_expect(tmp_path, days, seconds):
    option = f"-var=drop_originals_after_days={days}"
    environment = evaluated("local.functions.sweep.environment", tmp_path, TOPOLOGY, option)
    assert environment["QUICKTHUMB_SWEEP_DROP_SECONDS"] == seconds


@pytest.mark.parametrize(
    "options",
    [
        ["delete_after_days={processed=30}"],
        ["delete_after_days={processed=7,originals=7}"],
        ["delete_after_days={processed=7}", "drop_originals_after_days=1"],
    ],
)
def test_results_may_be_deleted_once_there_is_no_original_to_make_them_of(tmp_path, options):
    options = [f"-var={option}" for option in options]
    days = evaluated("local.buckets.processed.delete_after_days", tmp_path, TOPOLOGY, *options)
    assert days in (7, 30)


def test_a_domain_cannot_be_bypassed(tmp_path):
    assert evaluated("local.http_ingress", tmp_path, TOPOLOGY) == "INGRESS_TRAFFIC_ALL"
    domain = "-var=domain=thumbs.example.com"
    ingress = evaluated("local.http_ingress", tmp_path, TOPOLOGY, domain)
    assert ingress == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("project=No", "expected a project id"),
        ("region=europe", "expected a region"),
        ('callers=["allUsers"]', "set public = true"),
        ("soft_delete_days=3", "7 to 90"),
        ("delete_after_days={originals=0}", "1 or more"),
        ("delete_after_days={original=7}", "names of buckets as in topology.yaml"),
        ("delete_after_days={processed=7}", "to be kept at least as long as"),
        ("domain=https://example.com", "without https://"),
        ("requests_per_minute=0", "1 to 10000"),
        ("cache_seconds=0", "a year"),
        ("drop_originals_after_days=0", "1/24 (an hour), or null"),
        ("dead_letter_days=32", "1 to 31"),
        ("alert_email=me", "me@example.com"),
        ('notification_channels=["on-call"]', "full names"),
        ('budget={billing_account="mine",amount=5}', "such as 0X0X0X"),
        ('budget={billing_account="012345-6789AB-CDEF01",amount=0.5}', "whole units"),
        ("availability_goal=99.5", "0.5 and 0.9999"),
        ("request_log_share=10", "0 and 1"),
    ],
)
def test_a_wrong_value_is_refused_and_the_right_one_told(tmp_path, option, message):
    with pytest.raises(ValueError, match="Invalid value") as raised:
        evaluated("local.runtime", tmp_path, TOPOLOGY, f"-var={option}")
    assert message in " ".join(str(raised.value).replace("│", " ").split())
