"""Ships what no retry can help: a picture that kills its process, and a message that is nonsense.

For a while, the subscription delivers again soon and gives up after five attempts, so that one sees
the end within a minute.
"""

import base64
import json
import threading
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from emulator.cloud import Cloud
from emulator.dashboard.direct import opener
from emulator.dashboard.errors import Refused, Unknown
from emulator.dashboard.pubsub import BrokerFailed, PubSub
from emulator.dashboard.watching import Watching

ATTEMPTS = 5
BACKOFF = (1, 10)  # seconds
# Google's emulator does not tell when they have died, and may not push a message again for minutes.
_LONGEST_SECONDS = 300.0
_POLL = 0.5
_LEASE_SECONDS = 20
_CHANGED = ("retry_policy", "dead_letter_policy", "ack_deadline_seconds")
_NONSENSE = b"This is no job."
_SECONDS = 10.0

# The smallest PNG: one black pixel.
_PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)


class Poison:
    """Sends poison, and restores what it changes.

    Args:
        cloud: that runs.
        watching: what watches it.
        pubsub: its broker.
    """

    def __init__(self, cloud: Cloud, watching: Watching, pubsub: PubSub) -> None:
        self._cloud = cloud
        self._flow = watching.flow
        self._word = watching.controls.poison
        self._pubsub = pubsub
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._latest: dict[str, object] = {}  # by subscription, what was sent to it last

    def send(self, name: str) -> dict[str, Any]:
        """Send poison to the function that a subscription pushes to.

        Args:
            name: of the subscription; empty for the first with dead letters.

        Raises:
            Unknown: there is no such subscription.
            Refused: it has no dead letters, so its messages would be delivered forever.
            BrokerFailed: the broker refused it, or does not answer.
        """
        name = self._subscription(name)
        topic = self._cloud.topology.subscriptions[name].topic
        mine = object()
        with self._lock:
            self._hurry(name)
            self._latest[name] = mine
        sent: list[str] = []
        try:
            sent += (picture := self._picture(topic), nonsense := self._publish(topic, _NONSENSE))
        finally:
            restoring = (name, mine, sent)
            threading.Thread(target=self._restore_later, args=restoring, daemon=True).start()
        first, last = BACKOFF
        return {
            "text": f"Sent {picture}, which kills its process, and {nonsense}, which is nonsense. "
            f"For now, {name} delivers again after {first} to {last} seconds, and gives up after "
            f"{ATTEMPTS} attempts.",
            "subscription": name,
            "killer": picture,
            "nonsense": nonsense,
        }

    def close(self) -> None:
        """Stop waiting for the end; the next `up` restores what was changed."""
        self._stopped.set()

    def _subscription(self, name: str) -> str:
        subscriptions = self._cloud.topology.subscriptions
        mortal = [key for key, each in subscriptions.items() if each.dead_letter]
        if name and name not in subscriptions:
            raise Unknown(
                f"There is no subscription {name!r}: expected {', '.join(subscriptions)}."
            )
        if not mortal or (name and name not in mortal):
            which = f"{name} has" if name else "The topology has"
            raise Refused(f"{which} no dead letters: poison would be delivered again forever.", 409)
        name = name or mortal[0]
        function = subscriptions[name].push_to
        if function in self._cloud.source.debuggers:
            raise Refused(f"{function} runs in a debugger: it is left alone.", 409)
        return name

    def _hurry(self, name: str) -> None:
        """Let a subscription deliver again soon, and give up soon."""
        wanted = self._cloud.subscriptions()[name]
        wanted.retry_policy.minimum_backoff.seconds, wanted.retry_policy.maximum_backoff.seconds = (
            BACKOFF
        )
        wanted.dead_letter_policy.max_delivery_attempts = ATTEMPTS
        if not self._pubsub.tells:
            # Google's emulator does not notice every process that dies during a push, and delivers
            # the message again when this time is over.
            wanted.ack_deadline_seconds = min(wanted.ack_deadline_seconds, _LEASE_SECONDS)
        self._pubsub.update(wanted, *_CHANGED)

    def _restore_later(self, name: str, mine: object, sent: Sequence[str]) -> None:
        """Restore a subscription when the poison has died, unless it was sent more meanwhile."""
        for _ in range(int(_LONGEST_SECONDS / _POLL)):
            if self._stopped.wait(_POLL) or all(map(self._has_died, sent)):
                break
        with self._lock:
            if self._stopped.is_set() or self._latest[name] is not mine:
                return
            # When a broker that fails is back, it is set up anew anyway.
            with suppress(BrokerFailed):
                self._pubsub.update(self._cloud.subscriptions()[name], *_CHANGED)

    def _has_died(self, id: str) -> bool:
        life = self._flow.life(id) or {"entries": []}
        return any(event["kind"] == "dead" for event in life["entries"])

    def _picture(self, topic: str) -> str:
        """Ship what kills; return the id of the upload, or of the message."""
        addresses = self._cloud.addresses
        if self._cloud.source.is_ours and addresses.entrance:
            try:
                return _upload(addresses.upload, f"{self._word}.png")
            except (OSError, ValueError, KeyError):
                pass  # it may want a key, or be down: the message alone will do
        return self._publish(topic, self._word.encode())

    def _publish(self, topic: str, data: bytes) -> str:
        return self._pubsub.publish(topic, base64.b64encode(data).decode(), {})


def _upload(url: str, name: str) -> str:
    """Upload a picture; return its id."""
    boundary = "quickthumb-poison"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: image/png\r\n\r\n"
    )
    request = urllib.request.Request(  # noqa: S310 - the emulator's own address
        f"{url}/",
        head.encode() + _PICTURE + f"\r\n--{boundary}--\r\n".encode(),
        {"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    with opener.open(request, timeout=_SECONDS) as answer:
        return str(json.load(answer)["id"])
