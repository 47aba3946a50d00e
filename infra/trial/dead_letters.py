"""Follows a malformed message to the dead letters.

A subscription gives up after many attempts, over an hour or so. For the trial it is given five of
them, a second apart, and what it had before in the end.
"""

import base64
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from infra.trial.commands import Failed, Gcloud, say
from infra.trial.figures import Findings

SUBSCRIPTION = "resize"
WATCHER = "quickthumb-trial"
"""The subscription through which the trial sees the dead letters."""
ATTEMPTS = 5  # the fewest that Pub/Sub takes
_PATIENCE = 900.0  # seconds
_BETWEEN = 2.0  # seconds


def try_dead_letter(gcloud: Gcloud, findings: Findings) -> str:
    """Publish a malformed message, and wait for it in the dead letters.

    Raises:
        Failed: it does not get there.
    """
    before = gcloud.json("pubsub", "subscriptions", "describe", SUBSCRIPTION)
    dead = before["deadLetterPolicy"]["deadLetterTopic"]
    mark = uuid.uuid4().hex
    try:
        gcloud.text(
            *("pubsub", "subscriptions", "create", WATCHER, f"--topic={dead}"),
            *("--expiration-period=1d", "--message-retention-duration=10m"),
        )
        change_policy(gcloud, dead, ATTEMPTS, "1s", "1s")
        started = time.monotonic()
        gcloud.text(
            *("pubsub", "topics", "publish", before["topic"]),
            *("--message=nobody can read this", f"--attribute=trial={mark}"),
        )
        say("Published a malformed message; waiting for it in the dead letters.")
        letter = _wait_for(gcloud, mark)
        seconds = time.monotonic() - started
    finally:
        restore(gcloud, before)
    text = base64.b64decode(letter["data"]).decode(errors="replace")
    count = letter["attributes"].get("CloudPubSubDeadLetterSourceDeliveryCount", "unknown")
    findings.sections["A dead letter"] = [
        f"- The message {json.dumps(text)} was among the dead letters {seconds:.0f} s after it was "
        f"published; deliveries: {count}.",
        f"- For this the subscription had {ATTEMPTS} attempts, a second apart; it has its own "
        f"{before['deadLetterPolicy']['maxDeliveryAttempts']} again.",
    ]
    return f"among the dead letters after {seconds:.0f} s"


def restore(gcloud: Gcloud, before: Mapping[str, Any]) -> None:
    """Give the subscription the policy that it had, and delete what watched.

    Raises:
        Failed: one of both could not be done.
    """
    policy, retry = before["deadLetterPolicy"], before.get("retryPolicy", {})
    faults = []
    try:
        change_policy(
            gcloud,
            policy["deadLetterTopic"],
            int(policy["maxDeliveryAttempts"]),
            retry.get("minimumBackoff", "10s"),
            retry.get("maximumBackoff", "600s"),
        )
    except Failed as error:
        faults.append(f"the subscription {SUBSCRIPTION} still gives up after {ATTEMPTS}: {error}")
    try:
        gcloud.text("pubsub", "subscriptions", "delete", WATCHER)
    except Failed as error:
        faults.append(f"the subscription {WATCHER} is left: {error}")
    if faults:
        raise Failed("\n".join(faults))


def change_policy(gcloud: Gcloud, topic: str, attempts: int, least: str, most: str) -> None:
    """Have the subscription give up after so many attempts, with such pauses between."""
    gcloud.text(
        *("pubsub", "subscriptions", "update", SUBSCRIPTION, f"--dead-letter-topic={topic}"),
        f"--max-delivery-attempts={attempts}",
        *(f"--min-retry-delay={least}", f"--max-retry-delay={most}"),
    )


def _wait_for(gcloud: Gcloud, mark: str) -> dict[str, Any]:
    """Return the dead letter that bears a mark.

    Raises:
        Failed: it did not come.
    """
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        pulled = gcloud.json("pubsub", "subscriptions", "pull", WATCHER, "--auto-ack", "--limit=10")
        for received in pulled or []:
            message: dict[str, Any] = received["message"]
            if message.get("attributes", {}).get("trial") == mark:
                return message
        time.sleep(_BETWEEN)
    raise Failed(
        f"The message is not among the dead letters after {_PATIENCE:.0f} seconds. May Pub/Sub's "
        "own account publish to the topic of dead letters, and acknowledge in the subscription "
        f"{SUBSCRIPTION}?"
    )
