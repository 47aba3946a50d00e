"""Follows a malformed message to the dead letters.

A subscription gives up after many attempts, over an hour or so. For the trial, it is set to five
attempts, a second apart, and restored at the end.
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
"""The subscription with which the trial receives dead letters."""
ATTEMPTS = 5  # the minimum of Pub/Sub
_PATIENCE = 900.0  # seconds
_BETWEEN = 2.0  # seconds


def try_dead_letter(gcloud: Gcloud, findings: Findings) -> str:
    """Publish a malformed message, and wait for it in the dead letters.

    Raises:
        Failed: it did not arrive.
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
        f"- For this, the subscription was set to {ATTEMPTS} attempts, a second apart, and back to "
        f"{before['deadLetterPolicy']['maxDeliveryAttempts']}.",
    ]
    return f"among the dead letters after {seconds:.0f} s"


def restore(gcloud: Gcloud, before: Mapping[str, Any]) -> None:
    """Restore the policy of the subscription, and delete the trial's own subscription.

    Raises:
        Failed: one of them failed.
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
        faults.append(f"the subscription {WATCHER} was not deleted: {error}")
    if faults:
        raise Failed("\n".join(faults))


def change_policy(gcloud: Gcloud, topic: str, attempts: int, least: str, most: str) -> None:
    """Set the maximum delivery attempts of the subscription, and its backoff."""
    gcloud.text(
        *("pubsub", "subscriptions", "update", SUBSCRIPTION, f"--dead-letter-topic={topic}"),
        f"--max-delivery-attempts={attempts}",
        *(f"--min-retry-delay={least}", f"--max-retry-delay={most}"),
    )


def _wait_for(gcloud: Gcloud, mark: str) -> dict[str, Any]:
    """Return the dead letter with a mark.

    Raises:
        Failed: it did not arrive.
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
