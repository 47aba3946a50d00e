"""Dead letters: kept in a subscription of their own, to be looked at and delivered again.

Google's emulator shows messages only to those who take them, and does not bring those that were put
back at once. It keeps them in memory. So its letters are taken, and kept in memory here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from emulator.dashboard.errors import Refused, Unknown
from emulator.dashboard.flow import Flow
from emulator.dashboard.pubsub import PubSub, Pulled
from emulator.dashboard.subject import subject_of
from emulator.topology import Topology

_ADDED = ("CloudPubSubDeadLetterSource", "googclient_")
"""Attributes that begin with these are not the publisher's own."""

_COUNT = "CloudPubSubDeadLetterSourceDeliveryCount"
_SOURCE = "CloudPubSubDeadLetterSourceSubscription"


class Letters:
    """The dead letters of a cloud.

    Args:
        topology: of the cloud.
        kept: topic of dead letters, by name of the subscription that keeps them.
        pubsub: the broker.
        flow: knows why a message has died.
    """

    def __init__(
        self, topology: Topology, kept: Mapping[str, str], pubsub: PubSub, flow: Flow
    ) -> None:
        self._topology = topology
        self._kept = kept
        self._pubsub = pubsub
        self._flow = flow
        self._taken: dict[str, dict[str, Pulled]] = {name: {} for name in kept}

    def listing(self) -> list[dict[str, Any]]:
        """Return the dead letters as JSON values, the latest first. They stay.

        Raises:
            BrokerFailed: the broker does not answer.
        """
        found = []
        for name, topic in self._kept.items():
            peeked = self._pubsub.peek(name, 1000)
            if peeked is None:
                peeked = [_fields(each) for each in self._take_all(name)]
            found += [self._shown(each, topic) for each in peeked]
        return sorted(found, key=lambda each: float(each["died"]), reverse=True)

    def _shown(self, letter: Mapping[str, Any], topic: str) -> dict[str, Any]:
        attributes: Mapping[str, str] = letter["attributes"]
        count = attributes.get(_COUNT, "")
        subject = subject_of(attributes, letter["data"])
        source = self._source(topic, attributes)
        return {
            "message": letter["message"],
            "subject": subject,
            "topic": topic,
            "subscription": source,
            "died": letter["published"],
            "attempts": int(count) if count.isdecimal() else None,
            "problem": self._problem(letter["message"], subject, source),
            "attributes": own(attributes),
            "data": letter["data"],
            "ordering_key": letter["ordering_key"],
        }

    def _problem(self, letter: str, subject: str | None, source: str | None) -> str | None:
        """Return why the last delivery failed, if the flow has seen it."""
        known = self._flow.message(letter)
        subject = (known.subject if known else None) or subject
        # The function that failed: another one may have been told of the letter since.
        function = self._topology.subscriptions[source].push_to if source else None
        why, logged = known.problem if known else None, None
        life = self._flow.life(subject) if subject else None
        for event in reversed(life["entries"] if life else []):
            if event["kind"] in ("dead", "failed"):
                why = why or event.get("problem")
            elif event["kind"] == "ended" and event["function"] == function:
                killed = "its process ended" if event["outcome"] == "killed" else None
                logged = event["problem"] or killed
                break
        return f"{why} ({logged})" if why and logged else why or logged

    def requeue(self, wanted: Callable[[str, str | None], bool]) -> list[dict[str, Any]]:
        """Publish dead letters again, to the topic that they came from; return them.

        Args:
            wanted: whether to publish a letter, given its message id and subject.

        Raises:
            BrokerFailed: the broker does not answer.
        """
        requeued = []
        for name, topic in self._kept.items():
            for letter in self._take(name, wanted):
                source = self._source(topic, letter.attributes)
                if source is None:
                    self._put_back(name, [letter])
                    continue
                origin = self._topology.subscriptions[source].topic
                new = self._pubsub.publish(
                    origin, letter.data, own(letter.attributes), letter.ordering_key
                )
                self._settle(name, letter)
                subject = subject_of(letter.attributes, letter.data)
                requeued.append(
                    {"message": letter.message, "as": new, "topic": origin, "subject": subject}
                )
        return requeued

    def _take(self, name: str, wanted: Callable[[str, str | None], bool]) -> Iterator[Pulled]:
        """Take all letters of a subscription, put back those that are not wanted, yield others."""
        chosen: list[Pulled] = []
        left: list[Pulled] = []
        for each in self._take_all(name):
            is_wanted = wanted(each.message, subject_of(each.attributes, each.data))
            (chosen if is_wanted else left).append(each)
        self._put_back(name, left)
        yield from chosen

    def _take_all(self, name: str) -> list[Pulled]:
        found: list[Pulled] = []
        while pulled := self._pubsub.pull(name):
            found += pulled
        if self._pubsub.tells:
            return found
        self._taken[name].update((each.message, each) for each in found)
        self._pubsub.acknowledge(name, [each.ack_id for each in found])
        return list(self._taken[name].values())

    def _put_back(self, name: str, letters: Sequence[Pulled]) -> None:
        if self._pubsub.tells:
            self._pubsub.put_back(name, [each.ack_id for each in letters])

    def _settle(self, name: str, letter: Pulled) -> None:
        if self._pubsub.tells:
            self._pubsub.acknowledge(name, [letter.ack_id])
        else:
            del self._taken[name][letter.message]

    def forget(self, name: str) -> None:
        """Forget the letters of a subscription that was purged."""
        self._taken[name].clear()

    def _source(self, topic: str, attributes: Mapping[str, str]) -> str | None:
        """Return the subscription that a letter comes from, None if that is not known."""
        name = attributes.get(_SOURCE)
        if name in self._topology.subscriptions:
            return name
        possible = [
            key
            for key, each in self._topology.subscriptions.items()
            if each.dead_letter and each.dead_letter.topic == topic
        ]
        return possible[0] if len(possible) == 1 else None

    def requeue_one(self, id: str) -> list[dict[str, Any]]:
        """Publish the dead letter of a message or an upload again.

        Raises:
            Unknown: there is none.
            BrokerFailed: the broker does not answer.
        """
        done = self.requeue(lambda message, subject: id in (message, subject))
        if not done:
            raise Unknown(f"There is no dead letter {id!r}. `queue` lists them.")
        return done

    def requeue_all(self) -> list[dict[str, Any]]:
        """Publish all dead letters again.

        Raises:
            Refused: there are none.
            BrokerFailed: the broker does not answer.
        """
        done = self.requeue(lambda _message, _subject: True)
        if not done:
            raise Refused("There are no dead letters.", 409)
        return done


def own(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes that a publisher has set itself."""
    return {name: text for name, text in attributes.items() if not name.startswith(_ADDED)}


def _fields(pulled: Pulled) -> dict[str, Any]:
    return {
        "message": pulled.message,
        "published": pulled.published,
        "attributes": pulled.attributes,
        "data": pulled.data,
        "ordering_key": pulled.ordering_key,
    }
