"""What the cloud consists of, and which function and topic plays which role.

What a topology leaves out is as Google Cloud has it by default. Bounds are those of Google Cloud:
https://docs.cloud.google.com/run/docs/configuring/request-timeout,
https://docs.cloud.google.com/run/docs/about-concurrency and
https://docs.cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions
"""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from emulator.project import PROJECT

Trigger = Literal["http", "pubsub", "schedule"]
TRIGGERS = get_args(Trigger)

Count = Annotated[int, Meta(ge=1)]
Concurrency = Annotated[int, Meta(ge=1, le=1000)]
Timeout = Annotated[int, Meta(ge=1, le=3600)]
AckDeadline = Annotated[int, Meta(ge=10, le=600)]
Backoff = Annotated[int, Meta(ge=0, le=600)]
Attempts = Annotated[int, Meta(ge=5, le=100)]


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
        entry_point: its Python name in `main.py`.
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
    memory: int = 512 * 2**20
    cpu: Count = 1
    concurrency: Concurrency = 80
    timeout_seconds: Timeout = 300
    min_instances: Annotated[int, Meta(ge=0)] = 0
    max_instances: Count = 100
    environment: Mapping[str, str | Reference] = {}


class Notification(Struct, frozen=True, forbid_unknown_fields=True):
    """The topic to which a bucket announces new blobs whose names start with a prefix."""

    topic: str
    prefix: str = ""


class Topic(Struct, frozen=True, forbid_unknown_fields=True):
    """A topic. It has no settings."""


class Bucket(Struct, frozen=True, forbid_unknown_fields=True):
    """A bucket. By default blobs are kept forever and not announced."""

    delete_after_days: Count | None = None
    notify: Notification | None = None


class DeadLetter(Struct, frozen=True, forbid_unknown_fields=True):
    """The topic for messages that are not acknowledged after 5 to 100 delivery attempts."""

    topic: str
    max_delivery_attempts: Attempts = 5


class Subscription(Struct, frozen=True, forbid_unknown_fields=True):
    """A push subscription.

    Attributes:
        topic: what it subscribes to.
        push_to: the function that receives its messages.
        ack_deadline_seconds: 10 to 600; by default the most, so that nothing is delivered again
            while a function works on it.
        minimum_backoff_seconds: before the second delivery.
        maximum_backoff_seconds: between later deliveries.
        dead_letter: None delivers forever.
    """

    topic: str
    push_to: str
    ack_deadline_seconds: AckDeadline = 600
    minimum_backoff_seconds: Backoff = 10
    maximum_backoff_seconds: Backoff = 600
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
    """The whole cloud, by name.

    Attributes:
        runtime: for the deployment; the emulator ignores it.
        project: id of the emulated project, part of every full name.
    """

    runtime: str
    functions: Mapping[str, Function]
    buckets: Mapping[str, Bucket]
    topics: tuple[str, ...]
    subscriptions: Mapping[str, Subscription]
    schedules: Mapping[str, Schedule]
    project: str = PROJECT

    def serves_pictures(self, function: str) -> bool:
        """Return whether users wait for a function, as opposed to failed jobs or a schedule."""
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
