"""What a resource of Terraform is as the body of a call of Google's APIs.

Most names are the same but for their spelling. Where a provider has moved or renamed something, it
is said here, by type.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from tests.infra.hcl import INFRA

_SCHEMA = json.loads((INFRA / "provider-schema.json").read_text())["google"]["resource"]
_PLACE = {"location", "project", "region"}
"""Of the URL of a call, not of its body."""

Body = dict[str, Any]


def body_of(kind: str, config: Body) -> tuple[str, str, str, Body] | None:
    """Return API, version, message and body of a resource; None for one in NO_BODY."""
    if kind in NO_BODY:
        return None
    if "_iam_member" in kind:
        return "iam", "v1", "Binding", _binding(config)
    api, version, message, adapt = _MESSAGES[kind]
    return api, version, message, adapt(_converted(config, _SCHEMA[kind]))


def _converted(config: Body, schema: Body) -> Body:
    """Return a body with names in the APIs' spelling, and single blocks as objects."""
    found: Body = {}
    for name, value in config.items():
        taken = schema["takes"][name]
        if "block" in taken["type"] and isinstance(value, list):
            items = [_converted(item, taken) for item in value]
            found[_camel(name)] = items[0] if taken["type"].endswith("block") else items
        else:
            found[_camel(name)] = value
    return {name: value for name, value in found.items() if name not in _PLACE}


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def _binding(config: Body) -> Body:
    condition = {name: block[0] for name, block in config.items() if name == "condition"}
    return {"role": config["role"], "members": [config["member"]], **condition}


def _renamed(body: Body, **names: str) -> Body:
    return {names.get(name, name): value for name, value in body.items()}


def _without(*names: str) -> Callable[[Body], Body]:
    return lambda body: {name: value for name, value in body.items() if name not in names}


def _repository(body: Body) -> Body:
    policies = {policy["id"]: policy for policy in body["cleanupPolicies"]}
    name = body.pop("repositoryId")
    return body | {"name": name, "cleanupPolicies": policies}


def _bucket(body: Body) -> Body:
    rules = body.pop("lifecycleRule", None)
    access = {
        "uniformBucketLevelAccess": {"enabled": body.pop("uniformBucketLevelAccess")},
        "publicAccessPrevention": body.pop("publicAccessPrevention"),
    }
    body.pop("forceDestroy", None)
    lifecycle = {"lifecycle": {"rule": rules}} if rules else {}
    return body | lifecycle | {"iamConfiguration": access}


def _notification(body: Body) -> Body:
    spelt = {re.sub(r"[A-Z]", lambda m: f"_{m[0].lower()}", name): v for name, v in body.items()}
    return _without("bucket")(spelt)


def _service_account(body: Body) -> Body:
    return {"accountId": body.pop("accountId"), "serviceAccount": body}


def _dashboard(body: Body) -> Body:
    dashboard: Body = json.loads(body["dashboardJson"])
    return dashboard


def _role(body: Body) -> Body:
    return {"roleId": body.pop("roleId"), "role": _renamed(body, permissions="includedPermissions")}


def _objective(body: Body) -> Body:
    days = body.pop("rollingPeriodDays")
    ratio = body.pop("requestBasedSli")
    kept = _without("service", "sloId")(body)
    return kept | {
        "rollingPeriod": f"{days * 86400}s",
        "serviceLevelIndicator": {"requestBased": ratio},
    }


def _budget(body: Body) -> Body:
    return _renamed(_without("billingAccount")(body), allUpdatesRule="notificationsRule")


def _same(body: Body) -> Body:
    return body


_MESSAGES: dict[str, tuple[str, str, str, Callable[[Body], Body]]] = {
    "google_artifact_registry_repository": ("artifactregistry", "v1", "Repository", _repository),
    "google_billing_budget": (
        *("billingbudgets", "v1", "GoogleCloudBillingBudgetsV1Budget"),
        _budget,
    ),
    "google_cloud_run_v2_service": (
        *("run", "v2", "GoogleCloudRunV2Service"),
        _without("deletionProtection"),
    ),
    "google_cloud_scheduler_job": ("cloudscheduler", "v1", "Job", _same),
    "google_compute_backend_service": (
        *("compute", "v1", "BackendService"),
        lambda body: _renamed(body, backend="backends", enableCdn="enableCDN"),
    ),
    "google_compute_global_address": ("compute", "v1", "Address", _same),
    "google_compute_global_forwarding_rule": (
        *("compute", "v1", "ForwardingRule"),
        lambda body: _renamed(body, ipAddress="IPAddress"),
    ),
    "google_compute_managed_ssl_certificate": (
        *("compute", "v1", "SslCertificate"),
        lambda body: body | {"type": "MANAGED"},
    ),
    "google_compute_region_network_endpoint_group": (
        *("compute", "v1", "NetworkEndpointGroup"),
        _same,
    ),
    "google_compute_security_policy": (
        *("compute", "v1", "SecurityPolicy"),
        lambda body: _renamed(body, rule="rules"),
    ),
    "google_compute_ssl_policy": ("compute", "v1", "SslPolicy", _same),
    "google_compute_target_http_proxy": ("compute", "v1", "TargetHttpProxy", _same),
    "google_compute_target_https_proxy": ("compute", "v1", "TargetHttpsProxy", _same),
    "google_compute_url_map": (
        *("compute", "v1", "UrlMap"),
        lambda body: _renamed(body, hostRule="hostRules", pathMatcher="pathMatchers"),
    ),
    "google_monitoring_alert_policy": ("monitoring", "v3", "AlertPolicy", _same),
    "google_logging_project_exclusion": ("logging", "v2", "LogExclusion", _same),
    "google_monitoring_custom_service": (
        *("monitoring", "v3", "Service"),
        lambda body: _without("serviceId")(body) | {"custom": {}},
    ),
    "google_monitoring_notification_channel": ("monitoring", "v3", "NotificationChannel", _same),
    "google_monitoring_slo": ("monitoring", "v3", "ServiceLevelObjective", _objective),
    "google_monitoring_uptime_check_config": ("monitoring", "v3", "UptimeCheckConfig", _same),
    "google_monitoring_dashboard": ("monitoring", "v1", "Dashboard", _dashboard),
    "google_project_iam_custom_role": ("iam", "v1", "CreateRoleRequest", _role),
    "google_pubsub_subscription": ("pubsub", "v1", "Subscription", _same),
    "google_pubsub_topic": ("pubsub", "v1", "Topic", _same),
    "google_service_account": ("iam", "v1", "CreateServiceAccountRequest", _service_account),
    "google_storage_bucket": ("storage", "v1", "Bucket", _bucket),
    "google_storage_notification": ("storage", "v1", "Notification", _notification),
}

NO_BODY = {
    "google_project_service": "an API is enabled by its name in the URL",
    "time_sleep": "it is Terraform itself that waits",
}
"""Resources that are held against no message, each with the reason."""
