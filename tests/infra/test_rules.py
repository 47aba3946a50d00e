"""Rules for everything that is deployed, held against the resources as Terraform evaluates them."""

import re

import pytest

from tests.infra.deployment import WHOLE
from tests.infra.stub import runs
from tests.infra.stub.cloud import PROJECT
from tests.infra.stub.schema import schemas

EVERYONE = {"allUsers", "allAuthenticatedUsers"}
PRIMITIVE = {"roles/owner", "roles/editor", "roles/viewer"}
OTHERS = {  # accounts that are no function's: what each may do, and where
    "quickthumb-push": {("roles/run.invoker", "bury"), ("roles/run.invoker", "resize")},
    "quickthumb-schedule": {("roles/run.invoker", "sweep")},
}
NO_LIFECYCLE = {
    f"{PROJECT}-processed": "results stay with their uploads: `sweep` and DELETE remove them, and "
    "`delete_after_days` where they are to go by their age",
}
"""Buckets that keep what is in them, each with the reason."""
NO_DEAD_LETTER = {
    "bury": "it takes the dead letters: a message stays until it is taken or expires",
}
"""Subscriptions without a dead letter, each with the reason."""
NEW_PROJECT = {"cpu": 20, "memory": 40 * 2**30}
"""What a new project may use in a region: https://docs.cloud.google.com/run/quotas."""
UNITS = {"Mi": 2**20, "Gi": 2**30}


@pytest.fixture(scope="module")
def everything(applied, foundation):
    return applied.cloud.resources() + foundation.cloud.resources()


def of(resources, *kinds):
    return [r for r in resources if r["type"] in kinds]


def grants(resources):
    """Return every grant: member, role, and what of the configuration says on what."""
    return [
        (r["config"]["member"], r["config"]["role"], r["type"], r["config"])
        for r in resources
        if "_iam_member" in r["type"]
    ]


def test_no_bucket_can_be_public(everything):
    buckets = of(everything, "google_storage_bucket")
    assert buckets
    for bucket in buckets:
        assert bucket["config"]["public_access_prevention"] == "enforced", bucket["id"]
        assert bucket["config"]["uniform_bucket_level_access"] is True, bucket["id"]


def test_nothing_is_granted_to_everyone_or_by_a_primitive_role(everything):
    for member, role, _, config in grants(everything):
        assert member not in EVERYONE, config
        assert role not in PRIMITIVE, config


def test_services_check_their_callers(everything):
    for service in of(everything, runs.SERVICE):
        assert service["config"]["invoker_iam_disabled"] is False, service["id"]


def test_only_what_is_called_over_http_can_be_reached_from_outside(applied):
    ingress = {
        r["config"]["name"]: r["config"]["ingress"] for r in applied.cloud.resources(runs.SERVICE)
    }
    assert ingress.pop("upload") == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
    assert set(ingress.values()) == {"INGRESS_TRAFFIC_INTERNAL_ONLY"}


def test_every_function_has_an_identity_of_its_own(applied):
    accounts = {
        r["config"]["name"]: r["config"]["template"][0]["service_account"]
        for r in applied.cloud.resources(runs.SERVICE)
    }
    for name, account in accounts.items():
        assert account == f"quickthumb-{name}@{PROJECT}.iam.gserviceaccount.com"


def test_a_function_has_roles_on_single_buckets_topics_and_secrets_only(applied):
    functions = {r["config"]["name"] for r in applied.cloud.resources(runs.SERVICE)}
    places = {
        "google_storage_bucket_iam_member",
        "google_pubsub_topic_iam_member",
        "google_secret_manager_secret_iam_member",
    }
    roles = {
        "roles/pubsub.publisher",
        "roles/secretmanager.secretAccessor",
        *(r["id"] for r in applied.cloud.resources() if "role" in r["id"]),
    }
    found = set()
    for member, role, kind, config in grants(applied.cloud.resources()):
        account = re.match(r"serviceAccount:quickthumb-(\w+)@", member)
        if account and account[1] in functions:
            found.add(account[1])
            assert kind in places, config
            assert role in roles, config
    assert found == functions


def test_who_calls_functions_calls_only_those_it_is_for(applied):
    found = {}
    for member, role, _, config in grants(applied.cloud.resources()):
        account = re.match(r"serviceAccount:(quickthumb-\w+)@", member)
        if account and account[1] in OTHERS:
            found.setdefault(account[1], set()).add((role, config.get("name")))
    assert found == OTHERS


def test_a_deployment_grants_nothing_on_the_whole_project(applied):
    assert applied.cloud.resources("google_project_iam_member") == []


def test_of_the_foundation_the_deployer_alone_has_roles_that_change_something(foundation):
    by_account = {}
    for grant in foundation.cloud.resources("google_project_iam_member"):
        account = grant["config"]["member"].removeprefix("serviceAccount:").partition("@")[0]
        by_account.setdefault(account, set()).add(grant["config"]["role"])
    assert by_account["quickthumb-build"] == {"roles/logging.logWriter"}
    assert by_account.keys() == {"quickthumb-build", "quickthumb-deployer"}
    assert "roles/resourcemanager.projectIamAdmin" not in by_account["quickthumb-deployer"]


def test_everything_has_labels_that_can_have_them(everything):
    kinds = schemas()["google"]["resource"]
    labelled = {"app": "quickthumb"}
    for resource in everything:
        block = kinds.get(resource["type"])
        names = {attribute.name for attribute in block.described.attributes} if block else set()
        if "effective_labels" in names:
            assert resource["labels"] == labelled, resource["id"]
        if "user_labels" in names:
            assert resource["config"]["user_labels"] == labelled, resource["id"]
        if resource["type"] == runs.SERVICE:
            assert resource["config"]["template"][0]["labels"] == labelled, resource["id"]


def test_every_subscription_has_a_dead_letter_that_pubsub_may_write_to(applied):
    resources = applied.cloud.resources()
    agent = "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    granted = {(member, role, str(config)) for member, role, _, config in grants(resources)}
    subscriptions = of(resources, "google_pubsub_subscription")
    assert {s["config"]["name"] for s in subscriptions} >= NO_DEAD_LETTER.keys()
    for subscription in subscriptions:
        config = subscription["config"]
        if config["name"] in NO_DEAD_LETTER:
            assert "dead_letter_policy" not in config
            continue
        (policy,) = config["dead_letter_policy"]
        topic = policy["dead_letter_topic"]
        assert any(
            m == agent and r == "roles/pubsub.publisher" and topic in c for m, r, c in granted
        )
        assert any(
            m == agent and r == "roles/pubsub.subscriber" and subscription["id"] in c
            for m, r, c in granted
        )


def test_no_subscription_expires_and_each_pushes_as_somebody_who_may_call(applied):
    resources = applied.cloud.resources()
    urls = {r["run"]["uri"]: r["config"]["name"] for r in of(resources, runs.SERVICE)}
    may = {(m, c.get("name")) for m, r, _, c in grants(resources) if r == "roles/run.invoker"}
    for subscription in of(resources, "google_pubsub_subscription"):
        # An empty one is "never"; without it a subscription is deleted after 31 idle days.
        assert subscription["config"]["expiration_policy"] == [{"ttl": ""}], subscription["id"]
        (push,) = subscription["config"]["push_config"]
        (token,) = push["oidc_token"]
        assert token["audience"] == push["push_endpoint"]
        caller = f"serviceAccount:{token['service_account_email']}"
        assert (caller, urls[push["push_endpoint"]]) in may


def alerts(applied):
    return {
        condition["display_name"]: (policy, condition)
        for policy in (
            r["config"] for r in applied.cloud.resources("google_monitoring_alert_policy")
        )
        for condition in policy["conditions"]
    }


def test_every_subscription_has_alerts_of_its_own(applied):
    filters = [
        condition["condition_threshold"][0]["filter"]
        for _, condition in alerts(applied).values()
        if "condition_threshold" in condition
    ]
    metrics = {"oldest_unacked_message_age", "push_request_count"}
    for subscription in applied.cloud.resources("google_pubsub_subscription"):
        name = subscription["config"]["name"]
        wanted = metrics | ({"dead_letter_message_count"} if name not in NO_DEAD_LETTER else set())
        for metric in wanted:
            of_it = f'resource.labels.subscription_id = "{name}"'
            assert any(of_it in f and f"subscription/{metric}" in f for f in filters), (
                name,
                metric,
            )


FILTERS = {
    "dead letters of resize": "pubsub.googleapis.com/subscription/dead_letter_message_count",
    "refused pushes of resize": 'metric.labels.response_class = "remote_server_4xx"',
    "server errors of upload": 'metric.labels.response_code_class = "5xx"',
    "p95 of upload": 'metric.type = "run.googleapis.com/request_latencies"',
}


@pytest.mark.parametrize("name", FILTERS)
def test_an_alert_looks_at_what_it_is_named_for(applied, name):
    _, condition = alerts(applied)[name]
    assert FILTERS[name] in condition["condition_threshold"][0]["filter"]


def test_refusals_that_no_instance_sees_are_found_in_the_log(applied):
    found = {
        name: condition["condition_matched_log"][0]["filter"]
        for name, (_, condition) in alerts(applied).items()
        if "condition_matched_log" in condition
    }
    assert found["refused calls of upload"].endswith("httpRequest.status=429")
    assert found["refused calls of sweep"].endswith("httpRequest.status=(403 OR 429)")
    for policy, condition in alerts(applied).values():
        # Which an alert on the log must have, and no other may.
        strategy = policy.get("alert_strategy", [{}])[0]
        assert ("notification_rate_limit" in strategy) == ("condition_matched_log" in condition)


def test_somebody_is_told_of_every_alert_and_what_to_do(applied):
    (channel,) = applied.cloud.resources("google_monitoring_notification_channel")
    for policy, condition in alerts(applied).values():
        assert policy["notification_channels"] == [channel["id"]], condition["display_name"]
        assert policy["documentation"][0]["content"], condition["display_name"]
    (budget,) = applied.cloud.resources("google_billing_budget")
    (rule,) = budget["config"]["all_updates_rule"]
    assert rule["monitoring_notification_channels"] == [channel["id"]]


def test_every_objective_has_alerts_for_a_fast_and_a_slow_burn(applied):
    for objective in applied.cloud.resources("google_monitoring_slo"):
        burns = [
            sorted(c["condition_threshold"][0]["filter"] for c in policy["conditions"])
            for policy in (
                r["config"] for r in applied.cloud.resources("google_monitoring_alert_policy")
            )
            if objective["id"] in str(policy["conditions"])
        ]
        assert len(burns) == 2
        assert all(len(windows) == 2 for windows in burns)


def test_every_bucket_forgets_or_says_why_not(everything):
    buckets = of(everything, "google_storage_bucket")
    assert {b["config"]["name"] for b in buckets} >= NO_LIFECYCLE.keys()
    for bucket in buckets:
        rules = bucket["config"].get("lifecycle_rule", [])
        ages = [
            c["age"] for r in rules for c in r["condition"] if r["action"] == [{"type": "Delete"}]
        ]
        assert bool(ages) != (bucket["config"]["name"] in NO_LIFECYCLE), bucket["id"]


def test_originals_and_requests_are_forgotten_after_the_days_of_the_topology(applied):
    days = {
        r["config"]["name"].removeprefix(f"{PROJECT}-"): r["config"]["lifecycle_rule"][0][
            "condition"
        ]
        for r in applied.cloud.resources("google_storage_bucket")
        if "lifecycle_rule" in r["config"]
    }
    assert days == {"originals": [{"age": 30}], "requests": [{"age": 1}]}


def test_the_instances_of_all_functions_fit_a_new_project(applied):
    """With room for an instance of a new revision, which starts beside them."""
    cpu = memory = 0
    for service in applied.cloud.resources(runs.SERVICE):
        (template,) = service["config"]["template"]
        (limits,) = (r["limits"] for c in template["containers"] for r in c["resources"])
        instances = template["scaling"][0]["max_instance_count"]
        number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", limits["memory"]).groups()
        cpu += instances * int(limits["cpu"])
        memory += instances * int(number) * UNITS[unit]
    assert cpu < NEW_PROJECT["cpu"]
    assert memory < NEW_PROJECT["memory"]


def test_an_instance_is_paid_for_only_while_it_works(applied):
    for service in applied.cloud.resources(runs.SERVICE):
        (container,) = service["config"]["template"][0]["containers"]
        assert container["resources"][0]["cpu_idle"] is True, service["id"]


def test_a_new_service_answers_and_from_then_on_terraform_leaves_the_traffic_alone(deployment):
    for service in deployment.cloud.resources(runs.SERVICE):
        assert runs.serving(service["run"]) == {service["run"]["latest_created_revision"]: 100}
        first = service["run"]["latest_created_revision"]
        held = [{"type": runs.REVISION, "revision": first, "percent": 100, "tag": None}]
        deployment.cloud.change(
            service["id"], run=service["run"] | {"traffic": held, "client": "gcloud"}
        )
    assert deployment.changes(**WHOLE) == ""
    deployment.apply(**WHOLE, image="europe-west1-docker.pkg.dev/p/quickthumb/functions:other")
    for service in deployment.cloud.resources(runs.SERVICE):
        assert len(service["run"]["revisions"]) == 2
        (first, _) = (revision["name"] for revision in service["run"]["revisions"])
        assert runs.serving(service["run"]) == {first: 100}


WAITS = {
    # A service that starts may be called at once, so what it may do comes first.
    "google_cloud_run_v2_service.function": {
        "google_pubsub_topic_iam_member.publish",
        "google_storage_bucket_iam_member.function",
    },
    # A push that is refused counts as an attempt.
    "google_pubsub_subscription.push": {"google_cloud_run_v2_service_iam_member.push"},
    # A bucket is refused to notify a topic to which it may not publish.
    "google_storage_notification.bucket": {"google_pubsub_topic_iam_member.notifications"},
    "google_cloud_scheduler_job.schedule": {"google_cloud_run_v2_service_iam_member.schedule"},
    # An alert is refused on what is not there yet.
    "google_monitoring_alert_policy.alert": {
        "google_cloud_run_v2_service.function",
        "google_pubsub_subscription.push",
    },
}


@pytest.mark.parametrize("address", WAITS)
def test_what_needs_something_waits_for_it(applied, address):
    assert applied.waits()[address] >= WAITS[address]


def test_failed_requests_stay_in_the_log_and_of_others_the_share_that_one_says(applied):
    filters = {
        r["config"]["name"]: r["config"]["filter"]
        for r in applied.cloud.resources("google_logging_project_exclusion")
    }
    for text in filters.values():
        assert 'log_id("run.googleapis.com/requests") AND httpRequest.status<400 AND ' in text
        assert 'resource.labels.service_name=("bury" OR "resize" OR "sweep" OR "upload")' in text
    assert filters["quickthumb-requests"].endswith("sample(insertId, 0.9)")
    assert filters["quickthumb-uptime-checks"].endswith(
        '"GoogleStackdriverMonitoring-UptimeChecks"'
    )


def test_all_of_the_log_is_kept_unless_one_says_otherwise(nothing):
    nothing.apply()
    kept = nothing.cloud.resources("google_logging_project_exclusion")
    assert [r["config"]["name"] for r in kept] == ["quickthumb-uptime-checks"]


def test_uptime_checks_may_call_the_function(applied):
    (check,) = applied.cloud.resources("google_monitoring_uptime_check_config")
    (http,) = check["config"]["http_check"]
    assert http["path"] == "/health"
    assert http["service_agent_authentication"] == [{"type": "OIDC_TOKEN"}]
    agent = (
        "serviceAccount:service-123456789012@gcp-sa-monitoring-notification.iam.gserviceaccount.com"
    )
    may = {
        (m, c["name"])
        for m, r, _, c in grants(applied.cloud.resources())
        if r == "roles/run.invoker"
    }
    assert (agent, "upload") in may


def test_a_public_function_is_asked_without_a_token_and_grants_nobody_a_role(nothing):
    nothing.apply(public=True, callers=["user:someone@example.com"])
    services = {r["config"]["name"]: r["config"] for r in nothing.cloud.resources(runs.SERVICE)}
    public = [name for name, config in services.items() if config["invoker_iam_disabled"]]
    assert public == ["upload"]
    (check,) = nothing.cloud.resources("google_monitoring_uptime_check_config")
    assert "service_agent_authentication" not in check["config"]["http_check"][0]
    invoked = {
        c["name"] for _, r, _, c in grants(nothing.cloud.resources()) if r == "roles/run.invoker"
    }
    assert "upload" not in invoked


def test_behind_a_domain_the_header_and_nothing_else_leads_to_the_candidate(applied):
    (url_map,) = (
        r["config"]
        for r in applied.cloud.resources("google_compute_url_map")
        if "path_matcher" in r["config"]
    )
    backends = {
        r["id"]: r["config"] for r in applied.cloud.resources("google_compute_backend_service")
    }
    groups = {
        r["id"]: r["config"]["cloud_run"][0]
        for r in applied.cloud.resources("google_compute_region_network_endpoint_group")
    }

    def run_of(backend):
        (behind,) = backends[backend]["backend"]
        return groups[behind["group"]]

    (matcher,) = url_map["path_matcher"]
    (route,) = matcher["route_rules"]
    (match,) = route["match_rules"]
    assert (
        run_of(url_map["default_service"])
        == run_of(matcher["default_service"])
        == {"service": "upload"}
    )
    assert run_of(route["service"]) == {"service": "upload", "tag": "candidate"}
    (header,) = match["header_matches"]
    assert header == {"header_name": "X-QuickThumb-Revision", "exact_match": "candidate"}
    # A revision that is tried is as limited as any, and answers nobody from a cache.
    candidate = backends[route["service"]]
    assert candidate["security_policy"] == backends[url_map["default_service"]]["security_policy"]
    assert "enable_cdn" not in candidate


def test_dead_letters_are_kept_and_schedules_have_the_timeout_of_their_function(applied):
    topics = {
        r["config"]["name"]: r["config"] for r in applied.cloud.resources("google_pubsub_topic")
    }
    assert topics["dead"]["message_retention_duration"] == f"{7 * 86400}s"
    services = {r["config"]["name"]: r["config"] for r in applied.cloud.resources(runs.SERVICE)}
    for job in applied.cloud.resources("google_cloud_scheduler_job"):
        (template,) = services[job["config"]["name"]]["template"]
        assert job["config"]["attempt_deadline"] == template["timeout"]


def test_a_token_for_the_domain_is_taken_too(applied):
    audiences = {
        r["config"]["name"]: r["config"].get("custom_audiences")
        for r in applied.cloud.resources(runs.SERVICE)
    }
    assert audiences.pop("upload") == ["https://thumbs.example.com"]
    assert set(audiences.values()) == {None}
