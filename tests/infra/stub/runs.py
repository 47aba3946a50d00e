"""Cloud Run's services: a changed template makes a revision, and traffic says which ones answer.

https://docs.cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration
"""

from typing import Any

LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
SERVICE = "google_cloud_run_v2_service"
GIVEN = ("latest_created_revision", "latest_ready_revision", "uri", "urls")


class Invalid(Exception):
    """Cloud Run refuses such a service."""


def url(name: str, tag: str = "") -> str:
    """Return where a service is reached, or what has a tag of it."""
    return f"https://{tag and f'{tag}---'}{name}-abcdefghij-ew.a.run.app"


def created(config: dict[str, Any]) -> dict[str, Any]:
    """Return revisions, traffic and addresses of a new service."""
    return _with_revision([], config, config)


def updated(
    before: dict[str, Any], config: dict[str, Any], planned: dict[str, Any]
) -> dict[str, Any]:
    """Return revisions, traffic and addresses of a changed service.

    Args:
        before: the resource until now.
        config: as evaluated.
        planned: what Terraform sends, that included whose changes it ignores.
    """
    run: dict[str, Any] = before["run"]
    if before["config"]["template"] == config["template"]:
        return run | _sent(run["revisions"], planned)
    return _with_revision(run["revisions"], config, planned)


def _with_revision(
    revisions: list[dict[str, Any]], config: dict[str, Any], planned: dict[str, Any]
) -> dict[str, Any]:
    number = len(revisions) + 1
    name = f"{config['name']}-{number:05}-{'abcdefghij'[number % 10] * 3}"
    revisions = [*revisions, {"name": name, "template": config["template"]}]
    return _sent(revisions, planned) | {
        "revisions": revisions,
        "latest_created_revision": name,
        "latest_ready_revision": name,
        "uri": url(config["name"]),
        "urls": [url(config["name"])],
    }


def _sent(revisions: list[dict[str, Any]], planned: dict[str, Any]) -> dict[str, Any]:
    return {
        "traffic": traffic(revisions, planned.get("traffic", [])),
        "client": planned.get("client"),
        "client_version": planned.get("client_version"),
    }


def traffic(revisions: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return how the traffic is spread; a service without a word on it serves its latest revision.

    Raises:
        Invalid: it does not add up to 100 percent, or names what there is not.
    """
    spread = wanted or [{"type": LATEST, "percent": 100}]
    if sum(target.get("percent") or 0 for target in spread) != 100:
        raise Invalid("traffic: the percentages must add up to 100")
    known = {revision["name"] for revision in revisions}
    for target in spread:
        if target.get("type") == REVISION and target.get("revision") not in known:
            raise Invalid(f"traffic: there is no revision {target.get('revision')}")
    empty = {"type": None, "revision": None, "percent": None, "tag": None}
    return [empty | target for target in spread]


def serving(run: dict[str, Any]) -> dict[str, int]:
    """Return which revisions answer, and to how many of a hundred requests."""
    found: dict[str, int] = {}
    for target in run["traffic"]:
        name = target.get("revision") or run["latest_ready_revision"]
        if target.get("percent"):
            found[name] = found.get(name, 0) + target["percent"]
    return found
