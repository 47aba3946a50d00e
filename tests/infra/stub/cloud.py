"""The resources that exist, kept in a file that others may read and change.

It enforces rules that a deployment can break by itself: names are unique, and resources that are in
use or protected cannot be deleted. For Cloud Run, it knows revisions and traffic (`runs.py`). It
does not know formats of names, quotas, permissions or delays.
"""

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulator.file_lock import exclusive
from tests.infra.stub import runs

PROJECT = "quickthumb-test"
NUMBER = "123456789012"

# What the id of a resource is made of. Where a resource has no name of its own choosing, the cloud
# counts.
NAMES = {
    "google_artifact_registry_repository": "locations/{location}/repositories/{repository_id}",
    "google_billing_budget": "budgets/{serial}",
    "google_cloud_run_v2_service": "locations/{location}/services/{name}",
    "google_cloud_scheduler_job": "locations/{region}/jobs/{name}",
    "google_compute_backend_service": "global/backendServices/{name}",
    "google_compute_global_address": "global/addresses/{name}",
    "google_compute_global_forwarding_rule": "global/forwardingRules/{name}",
    "google_compute_managed_ssl_certificate": "global/sslCertificates/{name}",
    "google_compute_region_network_endpoint_group": (
        "regions/{region}/networkEndpointGroups/{name}"
    ),
    "google_compute_security_policy": "global/securityPolicies/{name}",
    "google_compute_ssl_policy": "global/sslPolicies/{name}",
    "google_compute_target_http_proxy": "global/targetHttpProxies/{name}",
    "google_compute_target_https_proxy": "global/targetHttpsProxies/{name}",
    "google_compute_url_map": "global/urlMaps/{name}",
    "google_logging_project_exclusion": "exclusions/{name}",
    "google_monitoring_alert_policy": "alertPolicies/{serial}",
    "google_monitoring_custom_service": "services/{service_id}",
    "google_monitoring_dashboard": "dashboards/{serial}",
    "google_monitoring_notification_channel": "notificationChannels/{serial}",
    "google_monitoring_slo": "services/{service}/serviceLevelObjectives/{slo_id}",
    "google_monitoring_uptime_check_config": "uptimeCheckConfigs/check-{serial}",
    "google_project_iam_custom_role": "roles/{role_id}",
    "google_project_service": "services/{service}",
    "google_pubsub_subscription": "subscriptions/{name}",
    "google_pubsub_topic": "topics/{name}",
    "google_service_account": "serviceAccounts/{account_id}@{project}.iam.gserviceaccount.com",
    "google_storage_bucket": "buckets/{name}",
    "google_storage_notification": "buckets/{bucket}/notificationConfigs/{serial}",
    "time_sleep": "sleeps/{serial}",
}

# What the APIs have no way to change: another value is another resource. Grants have nothing else.
FIXED = {
    "": {"location", "name", "project", "region"},
    "google_artifact_registry_repository": {"format", "repository_id"},
    "google_compute_global_address": {"description"},
    "google_compute_global_forwarding_rule": {"ip_address", "load_balancing_scheme", "port_range"},
    "google_compute_managed_ssl_certificate": {"managed"},
    "google_compute_region_network_endpoint_group": {"cloud_run", "network_endpoint_type"},
    "google_monitoring_custom_service": {"service_id"},
    "google_monitoring_slo": {"service", "slo_id"},
    "google_monitoring_uptime_check_config": {"monitored_resource"},
    "google_project_iam_custom_role": {"role_id"},
    "google_project_service": {"service"},
    "google_pubsub_subscription": {"filter", "topic"},
    "google_service_account": {"account_id"},
    "google_storage_notification": {
        *("bucket", "event_types", "object_name_prefix", "payload_format", "topic"),
    },
    "time_sleep": {"triggers"},
}


def is_fixed(kind: str, attribute: str) -> bool:
    """Return whether another value of an attribute needs another resource."""
    return "_iam_member" in kind or attribute in FIXED[""] | FIXED.get(kind, set())


class Refused(Exception):
    """The cloud refuses the request."""


@dataclass(frozen=True)
class Wanted:
    """A resource requested by Terraform.

    Attributes:
        kind: its type, such as google_pubsub_topic.
        config: as evaluated, without unset attributes.
        planned: the same, with those added by Terraform and the provider.
    """

    kind: str
    config: dict[str, Any]
    planned: dict[str, Any]


class Cloud:
    """A project.

    Args:
        file: where it is stored; created if missing.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        if not file.exists():
            empty = {"serial": 0, "resources": {}, "refuse": [], "log": []}
            file.write_text(json.dumps(empty))

    def _read(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self._file.read_text())
        return content

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """Yield what is kept; it is written if nothing is raised.

        Terraform asks for several changes at once, of several servers: one follows the other, and
        who only reads never sees a file that is half written.
        """
        with exclusive(self._file.with_suffix(".lock"), wait=True):
            content = self._read()
            yield content
            written = self._file.with_suffix(".new")
            written.write_text(json.dumps(content))
            written.replace(self._file)

    def resources(self, kind: str = "") -> list[dict[str, Any]]:
        """Return what exists of one type, or of all.

        Returns:
            Of each its `type` and `id`, its `config` as evaluated, its `labels`, and the `run` of a
            Cloud Run service: its revisions and how traffic is spread.
        """
        found = self._read()["resources"].values()
        return [item for item in found if not kind or item["type"] == kind]

    def log(self) -> list[tuple[str, str, str]]:
        """Return what was done: create, update or delete, the type, the id."""
        return [(action, kind, id) for action, kind, id in self._read()["log"]]

    def refuse(self, action: str, kind: str, name: str, reason: str = "told to refuse") -> None:
        """Make an action fail from now on.

        Args:
            action: create, update or delete.
            kind: type of the resource.
            name: which the id ends with.
            reason: to be told.
        """
        with self._changing() as content:
            content["refuse"].append([action, kind, name, reason])

    def allow(self) -> None:
        """Stop refusing."""
        with self._changing() as content:
            content["refuse"] = []

    def change(self, id: str, **values: Any) -> None:
        """Change a resource behind Terraform's back."""
        with self._changing() as content:
            content["resources"][id].update(values)

    def note(self, **values: Any) -> None:
        """Store a value for others who read the file, such as `gcloud.py`."""
        with self._changing() as content:
            content.update(values)

    def noted(self, name: str) -> Any:
        """Return the values stored for or by others."""
        return self._read()[name]

    def create(self, wanted: Wanted) -> dict[str, Any]:
        """Make a resource; return what the cloud gives to it.

        Raises:
            Refused: the name is taken, or it was told to refuse.
            runs.Invalid: its traffic makes no sense.
        """
        with self._changing() as content:
            content["serial"] += 1
            id = _id(wanted, content["serial"])
            if id in content["resources"]:
                raise Refused(f"Error 409: {id} already exists")
            _check(content, "create", wanted.kind, id)
            _check_image(content, wanted)
            run = runs.created(wanted.config) if wanted.kind == runs.SERVICE else {}
            return _kept(content, "create", id, wanted, run)

    def update(self, id: str, wanted: Wanted) -> dict[str, Any]:
        """Change a resource; return what the cloud gives to it.

        Raises:
            Refused: it was told to refuse, or the image does not start.
            runs.Invalid: its traffic makes no sense.
        """
        with self._changing() as content:
            _check(content, "update", wanted.kind, id)
            _check_image(content, wanted)
            before = content["resources"][id]
            run = before["run"]
            if wanted.kind == runs.SERVICE:
                run = runs.updated(before, wanted.config, wanted.planned)
            starts = _image(wanted) not in content.get("broken", [])
            if not starts:
                run["latest_ready_revision"] = before["run"]["latest_ready_revision"]
            given = _kept(content, "update", id, wanted, run)
        if not starts:
            raise Refused(f"Error waiting: {run['latest_created_revision']} failed to start")
        return given

    def delete(self, kind: str, prior: dict[str, Any]) -> None:
        """Remove a resource.

        Args:
            kind: its type.
            prior: as Terraform knows it.

        Raises:
            Refused: it is protected, is in use, or it was told to refuse.
        """
        with self._changing() as content:
            id = prior["id"]
            _check(content, "delete", kind, id)
            if prior.get("deletion_protection"):
                raise Refused(f"{id}: deletion_protection must be set to false and applied first")
            if content["resources"][id].get("blobs") and not prior.get("force_destroy"):
                raise Refused(f"{id}: containing blobs, without force_destroy = true")
            for user in _users(content["resources"], id):
                raise Refused(f"Error 400: {id} is already being used by {user}")
            del content["resources"][id]
            content["log"].append(["delete", kind, id])

    def read(self, state: dict[str, Any]) -> dict[str, Any] | None:
        """Return a resource as it is now, None if it is gone."""
        found = self._read()["resources"].get(state["id"])
        if found is None:
            return None
        return state | {name: value for name, value in found["run"].items() if name in state}


def _check(content: dict[str, Any], action: str, kind: str, id: str) -> None:
    for refused_action, refused_kind, name, reason in content["refuse"]:
        if (refused_action, refused_kind) == (action, kind) and id.endswith(name):
            raise Refused(f"Error 400: {id}: {reason}")


def _check_image(content: dict[str, Any], wanted: Wanted) -> None:
    """Refuse an image that was not built, where that is written down."""
    if "images" in content and _image(wanted) not in ("", *content["images"]):
        raise Refused(f"Error 400: Image '{_image(wanted)}' not found.")


def _image(wanted: Wanted) -> str:
    """Return the image of a service; empty for anything else."""
    if wanted.kind != runs.SERVICE:
        return ""
    image: str = wanted.config["template"][0]["containers"][0]["image"]
    return image


def _kept(
    content: dict[str, Any], action: str, id: str, wanted: Wanted, run: dict[str, Any]
) -> dict[str, Any]:
    """Write a resource down; return what the cloud gives to it."""
    content["resources"][id] = content["resources"].get(id, {}) | {
        "type": wanted.kind,
        "id": id,
        "config": wanted.config,
        "labels": wanted.planned.get("effective_labels"),
        "run": run,
    }
    content["log"].append([action, wanted.kind, id])
    return _given(wanted, id) | {name: run[name] for name in runs.GIVEN if name in run}


def _id(wanted: Wanted, serial: int) -> str:
    kind, config = wanted.kind, wanted.config
    if "_iam_member" in kind:
        of = [value for name, value in sorted(config.items()) if name not in ("role", "member")]
        return f"{kind} {json.dumps(of)}/{config['role']}/{config['member']}"
    path = NAMES[kind].format_map({"project": PROJECT, "serial": serial, **config})
    return f"projects/{PROJECT}/{path}"


def _given(wanted: Wanted, id: str) -> dict[str, Any]:
    """Return what the cloud itself says of a resource."""
    kind, config = wanted.kind, wanted.config
    name = id.rpartition("/")[2]
    given: dict[str, Any] = {"id": id, "self_link": f"https://www.googleapis.com/compute/v1/{id}"}
    if kind == "google_service_account":
        given |= {"email": name, "member": f"serviceAccount:{name}", "name": id}
    elif kind == "google_monitoring_uptime_check_config":
        given["uptime_check_id"] = name
    elif kind == "google_compute_global_address":
        given["address"] = "203.0.113.7"
    else:
        given["name"] = config.get("name", name if kind.endswith("_repository") else id)
    return given


def _users(resources: dict[str, Any], id: str) -> Iterator[str]:
    """Walk over what needs a resource so that it is not deleted: load balancers, alerts."""
    kind = resources[id]["type"]
    family = next((f for f in ("google_compute_", "google_monitoring_") if kind.startswith(f)), "-")
    # An alert names its uptime check within a filter, by the last part of its name alone.
    name = id.rpartition("/")[2] if kind.endswith("uptime_check_config") else id
    named = re.compile(re.escape(name) + r"(?![\w-])")  # channel 8 is not channel 87
    for other, resource in resources.items():
        is_akin = resource["type"].startswith(family) and other != id
        if is_akin and any(map(named.search, _strings(resource["config"]))):
            yield other


def _strings(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*map(_strings, value.values()))
    if isinstance(value, list):
        return set().union(*map(_strings, value))
    return {value} if isinstance(value, str) else set()
