"""What the cloud consists of, and which function and topic plays which role."""

from collections.abc import Mapping
from typing import Literal, get_args

from msgspec import Struct

Trigger = Literal["http", "pubsub", "schedule"]
TRIGGERS = get_args(Trigger)


class Reference(Struct, frozen=True, forbid_unknown_fields=True):
    """A resource whose full name is the value of an environment variable.

    Exactly one attribute is set.

    Attributes:
        bucket: name of a bucket in the topology.
        topic: name of a topic in the topology.
    """

    bucket: str | None = None
    topic: str | None = None

    def __post_init__(self) -> None:
        if (self.bucket is None) == (self.topic is None):
            raise ValueError("Expected {bucket: …} or {topic: …}")


class Function(Struct, frozen=True, forbid_unknown_fields=True):
    """A function.

    Attributes:
        entry_point: its Python name in `functions/main.py`.
        trigger: who calls it: anyone over `http`, a subscription (`pubsub`) or a `schedule`.
        memory: per instance, bytes.
        cpu: per instance.
        concurrency: maximum concurrent requests per instance.
        timeout_seconds: of a request.
        min_instances: instances kept warm.
        max_instances: limit on running instances.
        environment: its variables, including those of all functions.
    """

    entry_point: str
    trigger: Trigger
    memory: int
    cpu: int
    concurrency: int
    timeout_seconds: int
    min_instances: int
    max_instances: int
    environment: Mapping[str, str | Reference]


class Notification(Struct, frozen=True, forbid_unknown_fields=True):
    """The topic to which a bucket announces new blobs whose names start with a prefix."""

    topic: str
    prefix: str


class Bucket(Struct, frozen=True, forbid_unknown_fields=True):
    """A bucket. By default blobs are kept forever and not announced."""

    delete_after_days: int | None = None
    notify: Notification | None = None


class DeadLetter(Struct, frozen=True, forbid_unknown_fields=True):
    """The topic for messages that are not acknowledged after 5 to 100 delivery attempts."""

    topic: str
    max_delivery_attempts: int


class Subscription(Struct, frozen=True, forbid_unknown_fields=True):
    """A push subscription.

    Attributes:
        topic: what it subscribes to.
        push_to: the function that receives its messages.
        ack_deadline_seconds: 10 to 600.
        minimum_backoff_seconds: before the second delivery.
        maximum_backoff_seconds: between later deliveries.
        dead_letter: None delivers forever.
    """

    topic: str
    push_to: str
    ack_deadline_seconds: int
    minimum_backoff_seconds: int
    maximum_backoff_seconds: int
    dead_letter: DeadLetter | None = None


class Schedule(Struct, frozen=True, forbid_unknown_fields=True):
    """A function that is called at set times.

    Attributes:
        function: its name; its trigger is `schedule`.
        cron: the times, in UTC: minute, hour, day, month, day of the week.
    """

    function: str
    cron: str


class Topology(Struct, frozen=True):
    """The whole cloud, by name."""

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

    def called_by(self, trigger: Trigger) -> str | None:
        """Return the first function with a trigger, None if there is none."""
        return next((name for name, fn in self.functions.items() if fn.trigger == trigger), None)

    def topic_in(self, setting: str) -> str | None:
        """Return the topic that an environment variable of the functions names, None if unset."""
        for function in self.functions.values():
            match function.environment.get(setting):
                case Reference(topic=str(name)):
                    return name
        return None
