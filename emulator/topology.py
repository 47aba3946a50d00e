"""What the cloud consists of, and which function and topic plays which role."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """The full name of a resource, as the value of an environment variable.

    Attributes:
        kind: `bucket` or `topic`.
        name: of the resource in the topology.
    """

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function.

    Attributes:
        entry_point: its name in `functions/main.py`.
        trigger: who calls it: anyone over `http`, a subscription (`pubsub`) or a `schedule`.
        memory: of an instance, bytes.
        cpu: of an instance.
        concurrency: requests that an instance works on at once.
        timeout_seconds: after which a request is given up.
        min_instances: kept waiting.
        max_instances: at most at work.
        environment: its variables, those of every function included.
    """

    entry_point: str
    trigger: str
    memory: int
    cpu: int
    concurrency: int
    timeout_seconds: int
    min_instances: int
    max_instances: int
    environment: Mapping[str, str | Reference]


@dataclass(frozen=True, slots=True)
class Notification:
    """Where a bucket announces new blobs.

    Attributes:
        topic: its name.
        prefix: of the names of the blobs to announce; empty for all.
    """

    topic: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket.

    Attributes:
        delete_after_days: age at which its blobs are deleted; None keeps them.
        notify: where to announce new blobs; None announces none.
    """

    delete_after_days: int | None = None
    notify: Notification | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Where messages go that are never acknowledged.

    Attributes:
        topic: its name.
        max_delivery_attempts: 5 to 100.
    """

    topic: str
    max_delivery_attempts: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """A push subscription.

    Attributes:
        topic: what it subscribes to.
        push_to: the function that takes its messages.
        ack_deadline_seconds: 10 to 600.
        minimum_backoff_seconds: before the second delivery.
        maximum_backoff_seconds: between late deliveries.
        dead_letter: None delivers without end.
    """

    topic: str
    push_to: str
    ack_deadline_seconds: int
    minimum_backoff_seconds: int
    maximum_backoff_seconds: int
    dead_letter: DeadLetter | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A function that is called at set times.

    Attributes:
        function: its name; its trigger is `schedule`.
        cron: the times, in UTC: minute, hour, day, month, day of the week.
    """

    function: str
    cron: str


@dataclass(frozen=True, slots=True)
class Topology:
    """All of it, by name."""

    runtime: str
    functions: Mapping[str, Function]
    buckets: Mapping[str, Bucket]
    topics: tuple[str, ...]
    subscriptions: Mapping[str, Subscription]
    schedules: Mapping[str, Schedule]

    def serves_pictures(self, function: str) -> bool:
        """Return whether pictures wait for a function, as opposed to failed jobs or a schedule."""
        dead = {s.dead_letter.topic for s in self.subscriptions.values() if s.dead_letter}
        fed = {s.push_to for s in self.subscriptions.values() if s.topic not in dead}
        return self.functions[function].trigger == "http" or function in fed

    def called_by(self, trigger: str) -> str | None:
        """Return the function that a trigger calls, the first of several; None if there is none."""
        return next((name for name, fn in self.functions.items() if fn.trigger == trigger), None)

    def topic_in(self, setting: str) -> str | None:
        """Return the topic that the functions are given in a setting; None if they are given none.

        Args:
            setting: name of the environment variable.
        """
        for function in self.functions.values():
            match function.environment.get(setting):
                case Reference("topic", name):
                    return name
        return None
