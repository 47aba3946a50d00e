"""The numbers of infra/ that the cost of a month rests on and that topology.yaml does not have.

Whoever changes one of them changes it in bench/cost/month.py too, and the tables with it:
`.venv/bin/python -m bench.cost --into docs/cost.md`.
"""

from bench.cost import month
from tests.infra.hcl import INFRA, of_kind
from tests.infra.terraform import evaluated


def resources(kind, module=INFRA):
    return [block.body for block in of_kind("resource", module=module) if block.labels[0] == kind]


def test_alerts_are_counted_as_terraform_makes_them(tmp_path):
    topology = (INFRA / "topology.yaml").read_text()
    alerts = evaluated("local.alerts", tmp_path, topology)
    burns = evaluated("local.burns", tmp_path, topology)
    probed = evaluated("local.http_functions", tmp_path, topology)
    others = sum(len(each["burn"]["windows"]) for each in burns.values()) + len(probed)
    assert len(alerts) + others == month.ALERT_CONDITIONS
    named = sum(2 if alert["denominator"] else 1 for alert in alerts.values())
    assert named + others == month.METRIC_REFERENCES


def test_soft_delete_lasts_as_long_as_its_variable_says():
    (variable,) = [b for b in of_kind("variable") if b.labels == ("soft_delete_days",)]
    assert variable.body["default"] == month.SOFT_DELETE_DAYS


def test_images_are_kept_as_the_repository_says():
    (repository,) = resources("google_artifact_registry_repository", INFRA / "foundation")
    (kept,) = [
        p["most_recent_versions"][0]
        for p in repository["cleanup_policies"]
        if "KEEP" in p["action"]
    ]
    assert kept["keep_count"] == month.IMAGES_KEPT


def test_the_load_balancer_has_as_many_rules():
    front = INFRA / "front"
    rules = resources("google_compute_global_forwarding_rule", front)
    (policy,) = resources("google_compute_security_policy", front)
    assert (len(rules), len(policy["rule"])) == (month.FORWARDING_RULES, month.ARMOR_RULES)
