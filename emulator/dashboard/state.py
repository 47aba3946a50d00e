"""The state of a cloud as one JSON document.

Times are seconds since the epoch. What a broker does not tell is null, and `untold` says why.
"""

import time
from typing import Any

from emulator.cloud import Cloud
from emulator.dashboard.flow import Flow
from emulator.dashboard.pubsub import PubSub
from emulator.dashboard.watching import Watching, letters_of
from emulator.parts.pubsub_resources import NOTIFY
from emulator.project import bucket_name, subscription_path
from emulator.topology import Reference

UNTOLD = (
    "Google's emulator does not tell how many messages a subscription has, nor when it delivers "
    "them again. The embedded broker does."
)

_TOLD = (
    *("waiting", "delayed", "in_flight", "oldest", "next_retry", "attempts"),
    *("delivered", "acknowledged", "failed", "dead"),
)
_UPLOADS = 50


class State:
    """The state of a running cloud.

    Args:
        cloud: that runs.
        watching: what watches it.
        pubsub: its broker.
    """

    def __init__(self, cloud: Cloud, watching: Watching, pubsub: PubSub) -> None:
        self._cloud = cloud
        self._flow: Flow = watching.flow
        self._controls = watching.controls
        self._pubsub = pubsub
        self._started = time.time()
        self._letters = letters_of(cloud.topology)

    def document(self) -> dict[str, Any]:
        """Return the whole state.

        Raises:
            BrokerFailed: the broker does not answer.
        """
        topology, addresses = self._cloud.topology, self._cloud.addresses
        sequence = self._flow.sequence  # before everything else, which may then be newer
        told = self._pubsub.state()
        return {
            "sequence": sequence,
            "now": time.time(),
            "started": self._started,
            "project": topology.project,
            "broker": self._cloud.broker,
            "untold": None if told else UNTOLD,
            "entrance": addresses.upload if addresses.entrance else None,
            "addresses": {
                "storage": addresses.storage,
                "pubsub": addresses.pubsub,
                "dashboard": addresses.dashboard,
            },
            "functions": [self._function(name) for name in topology.functions],
            "topics": [self._topic(name, told) for name in topology.topics],
            "subscriptions": self._subscriptions(told),
            "buckets": [
                {
                    "name": name,
                    "full_name": bucket_name(name, topology.project),
                    "notifies": each.notify.topic if each.notify else None,
                }
                for name, each in topology.buckets.items()
            ],
            "schedules": [
                {"name": name, "function": each.function, "cron": each.cron}
                for name, each in topology.schedules.items()
            ],
            "uploads": self._flow.uploads(_UPLOADS),
        }

    def _function(self, name: str) -> dict[str, Any]:
        function = self._cloud.topology.functions[name]
        self._flow.look(name, time.time())
        subscriptions = [
            key for key, each in self._cloud.topology.subscriptions.items() if each.push_to == name
        ]
        return {
            "name": name,
            "trigger": function.trigger,
            "entry_point": function.entry_point,
            "url": self._cloud.addresses.functions[name],
            "concurrency": function.concurrency,
            "wanted_instances": self._cloud.instances[name],
            "most_instances": function.max_instances,
            "slow": self._controls.slow.get(name, 0.0),
            "subscriptions": subscriptions,
            "topics": [
                each.topic
                for each in function.environment.values()
                if isinstance(each, Reference) and each.topic
            ],
            "paused": bool(subscriptions) and self._cloud.paused.issuperset(subscriptions),
            "is_watched": name not in self._cloud.source.debuggers,
        } | self._flow.function(name)

    def _topic(self, name: str, told: dict[str, Any] | None) -> dict[str, Any]:
        topology = self._cloud.topology
        return {
            "name": name,
            "published": self._flow.published(name) if told else None,
            "subscriptions": [
                key for key, each in topology.subscriptions.items() if each.topic == name
            ],
            "dead_letters_of": [
                key
                for key, each in topology.subscriptions.items()
                if each.dead_letter and each.dead_letter.topic == name
            ],
        }

    def _subscriptions(self, told: dict[str, Any] | None) -> list[dict[str, Any]]:
        topology, found = self._cloud.topology, []
        for name, each in topology.subscriptions.items():
            letter = each.dead_letter
            found.append(
                {
                    "name": name,
                    "kind": "push",
                    "topic": each.topic,
                    "push_to": each.push_to,
                    "paused": name in self._cloud.paused,
                    "backoff": [each.minimum_backoff_seconds, each.maximum_backoff_seconds],
                    "dead_letter_topic": letter.topic if letter else None,
                    "most_attempts": letter.max_delivery_attempts if letter else None,
                }
            )
        if self._cloud.notify:
            found.append(
                {
                    "name": NOTIFY,
                    "kind": "push",
                    "topic": None,
                    "push_to": self._cloud.notify,
                    "paused": NOTIFY in self._cloud.paused,
                    "backoff": None,
                    "dead_letter_topic": None,
                    "most_attempts": None,
                }
            )
        found += [
            {
                "name": name,
                "kind": "letters",
                "topic": topic,
                "push_to": None,
                "paused": False,
                "backoff": None,
                "dead_letter_topic": None,
                "most_attempts": None,
            }
            for name, topic in self._letters.items()
        ]
        return [each | self._numbers(each, told) for each in found]

    def _numbers(self, each: dict[str, Any], told: dict[str, Any] | None) -> dict[str, Any]:
        """Return what the broker tells of a subscription."""
        path = subscription_path(each["name"], self._cloud.topology.project)
        numbers = (told or {}).get("subscriptions", {}).get(path)
        if numbers is None:
            return dict.fromkeys(_TOLD)
        found = {name: numbers[name] for name in _TOLD}
        if numbers["retry"]:  # it is shorter for a while after `poison`
            found["backoff"] = numbers["retry"]
        if numbers["dead_letter"]:
            found["most_attempts"] = numbers["dead_letter"][1]
        if each["kind"] == "push" and each["topic"] is None:
            found["topic"] = numbers["topic"].rpartition("/")[2]
        return found
