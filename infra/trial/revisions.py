"""A bad revision of `upload`, and the rollback.

It is bad because of an invalid setting: it starts, and answers every request with 500. First it has
a tag and no traffic, like a revision that a deployment tries; then it gets the traffic, which is
rolled back. In the end, a new revision without that setting restores the service.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.smoke_test import Wrong, check
from infra.trial.calls import Caller
from infra.trial.commands import Failed, Gcloud, say
from infra.trial.figures import Findings

SERVICE = "upload"
BAD_SETTING = ("QUICKTHUMB_SIZES", "none")
"""An invalid setting: numbers are expected."""
TAG = "trial-bad"
_PATIENCE = 180.0  # seconds for a change of traffic to take effect
_IN_A_ROW = 5  # consecutive responses after which a change counts as done
_BETWEEN = 0.2  # seconds


def try_bad_revision(caller: Caller, gcloud: Gcloud, picture: Path, findings: Findings) -> str:
    """Deploy a revision that does not work, and roll back.

    Raises:
        Failed: the bad revision was not noticed, or had traffic, or the rollback failed.
    """
    before = gcloud.described(SERVICE)
    good = serving(before)
    name, value = BAD_SETTING
    try:
        say(f"Creating a revision with {name}={value}, with a tag and without traffic.")
        gcloud.service(
            "update", SERVICE, "--no-traffic", f"--tag={TAG}", f"--update-env-vars={name}={value}"
        )
        bad, url = _tagged(gcloud.described(SERVICE))
        refusal = _smoke_test_fails(caller, url, picture)
        say("The tag fails, as expected; the service itself must still work.")
        _wait_for(caller, well=True, within=_BETWEEN)
        say("Moving all traffic to the bad revision, and back.")
        gcloud.service("update-traffic", SERVICE, f"--to-revisions={bad}=100")
        until_bad = _wait_for(caller, well=False, within=_PATIENCE)
        started = time.monotonic()
        gcloud.service("update-traffic", SERVICE, f"--to-revisions={good}=100")
        command = time.monotonic() - started
        until_good = command + _wait_for(caller, well=True, within=_PATIENCE)
    finally:
        say("Restoring the service.")
        restore(gcloud, before, good)
    try:
        check(caller.service(), picture.read_bytes())
    except Wrong as error:
        raise Failed(f"the service does not work after the rollback: {error}") from None
    findings.accepted()
    findings.sections["A bad revision"] = [
        f"- Under a tag, without traffic, its smoke test failed: {refusal}",
        f"- With all traffic, the first failure came after {until_bad:.1f} s.",
        f"- The rollback command took {command:.1f} s; {until_good:.1f} s after it was started, "
        "all responses were good again.",
    ]
    return f"noticed without traffic; rolled back in {until_good:.1f} s"


def serving(description: dict[str, Any]) -> str:
    """Return the revision that has the traffic of a service.

    Raises:
        Failed: several share it.
    """
    served = [t for t in description["status"]["traffic"] if t.get("percent") == 100]
    if len(served) != 1:
        raise Failed(f"the traffic of {SERVICE} is shared: {description['status']['traffic']}")
    return str(served[0]["revisionName"])


def restore(gcloud: Gcloud, before: dict[str, Any], good: str) -> None:
    """Restore a service to an earlier description: traffic, setting, tags.

    All commands are tried, even if one fails; the traffic comes first.

    Raises:
        Failed: one of them failed.
    """
    name, _ = BAD_SETTING
    follows_latest = any(t.get("latestRevision") for t in before["spec"].get("traffic", []))
    commands = [
        ("update-traffic", SERVICE, f"--to-revisions={good}=100"),
        ("update", SERVICE, "--no-traffic", f"--remove-env-vars={name}"),
        ("update-traffic", SERVICE, f"--remove-tags={TAG}"),
        *([("update-traffic", SERVICE, "--to-latest")] if follows_latest else []),
    ]
    faults = [fault for command in commands if (fault := _fault_of(gcloud, command))]
    if faults:
        raise Failed("\n".join(faults))


def _fault_of(gcloud: Gcloud, command: tuple[str, ...]) -> str | None:
    try:
        gcloud.service(*command)
    except Failed as error:
        return str(error)
    return None


def _tagged(description: dict[str, Any]) -> tuple[str, str]:
    """Return name and URL of the revision with our tag.

    Raises:
        Failed: it has traffic, or there is none.
    """
    for target in description["status"]["traffic"]:
        if target.get("tag") == TAG:
            if target.get("percent"):
                raise Failed(f"the revision under the tag {TAG} has traffic: {target}")
            return str(target["revisionName"]), str(target["url"])
    raise Failed(f"{SERVICE} has no revision with the tag {TAG}")


def _smoke_test_fails(caller: Caller, url: str, picture: Path) -> str:
    """Return why the smoke test of a revision failed.

    Raises:
        Failed: it passed.
    """
    try:
        check(caller.service(url), picture.read_bytes(), patience=0)
    except Wrong as error:
        return " ".join(str(error).split())[:200]
    raise Failed("the smoke test passed on a revision that cannot work: it proves nothing")


def _wait_for(caller: Caller, *, well: bool, within: float) -> float:
    """Wait until the service succeeds, or fails, several times in a row.

    Returns:
        Seconds until the first of these responses.

    Raises:
        Failed: it did not in time.
    """
    started = time.monotonic()
    since, alike = 0.0, 0
    while alike < _IN_A_ROW:
        answered = _is_well(lambda: caller.call("GET", "/health").status)
        now = time.monotonic() - started
        if answered == well:
            since = since if alike else now
            alike += 1
        elif now > within:
            wanted = "well" if well else "with errors"
            raise Failed(f"{SERVICE} did not answer {wanted} within {within:.0f} seconds")
        else:
            alike = 0
        time.sleep(_BETWEEN)
    return since


def _is_well(status: Callable[[], int]) -> bool:
    try:
        return status() == 200
    except Failed:
        return False
