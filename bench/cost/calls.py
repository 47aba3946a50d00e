"""Computes the cost of a request from the resources that it uses."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

from bench.cost.prices import Prices

GIB = 2**30
TIB = 2**40
MILLION = 1_000_000
SMALLEST_MESSAGE = 1000
"""Minimum billed size of a Pub/Sub request, bytes."""
BILLED_STEP = 0.1
"""Billing granularity of instance time, seconds."""


@dataclass(frozen=True, slots=True)
class Instance:
    """What an instance of a function has.

    Attributes:
        vcpus: its processors.
        memory: bytes.
        at_once: requests that share it on average while it works.
    """

    vcpus: float
    memory: int
    at_once: float = 1

    def second(self, prices: Prices) -> float:
        """Return the dollars for a second in which it works."""
        return self.vcpus * prices.vcpu_second + self.memory / GIB * prices.gib_second

    def idle_second(self, prices: Prices) -> float:
        """Return the dollars for a second in which it is kept waiting."""
        return self.vcpus * prices.idle_vcpu_second + self.memory / GIB * prices.idle_gib_second


@dataclass(frozen=True, slots=True)
class Call:
    """What one request to a function takes.

    Attributes:
        cpu_seconds: of one processor.
        class_a: operations of Cloud Storage that write or list.
        class_b: operations of Cloud Storage that read.
        calls: requests to Cloud Storage that it waits for, charged or not.
        published: bytes of each message that it publishes.
        delivered: bytes of the message that it was called with; None if it was not.
        logged: bytes of the entries that Cloud Logging keeps of it.
    """

    cpu_seconds: float
    class_a: float = 0
    class_b: float = 0
    calls: float = 0
    published: Sequence[int] = ()
    delivered: int | None = None
    logged: float = 0

    @property
    def waits(self) -> float:
        """Number of calls to other services."""
        return self.calls + len(self.published)


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars, by what they are paid for."""

    instances: float = 0.0
    requests: float = 0.0
    messages: float = 0.0
    operations: float = 0.0
    logs: float = 0.0

    @property
    def total(self) -> float:
        """The total."""
        return float(sum(getattr(self, each.name) for each in fields(self)))

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            *(getattr(self, each.name) + getattr(other, each.name) for each in fields(self))
        )

    def __mul__(self, times: float) -> "Cost":
        return Cost(*(getattr(self, each.name) * times for each in fields(self)))


def billed_seconds(call: Call, instance: Instance, latency: float, slower: float) -> float:
    """Return the instance time that a request is billed for, seconds.

    An instance is billed while it works on any request, so requests that share one share the time,
    except what they take of the processors. Time that nobody shares is rounded up, as it is for a
    function that is called now and then.

    Args:
        call: what is done.
        instance: where.
        latency: of a call to another service, seconds.
        slower: seconds of the cloud's processor for one second of the one that was measured.
    """
    working = call.cpu_seconds * slower
    if instance.at_once > 1:
        whole = working + call.waits * latency
        return max(working / instance.vcpus, whole / instance.at_once)
    return rounded_up(working + call.waits * latency)


def rounded_up(seconds: float) -> float:
    """Return the time that is billed for so many seconds of an instance that nobody shares."""
    return math.ceil(round(seconds / BILLED_STEP, 6)) * BILLED_STEP


def cost_of(
    call: Call, instance: Instance, prices: Prices, *, latency: float = 0.0, slower: float = 1.0
) -> Cost:
    """Return what one request costs; the arguments are those of `billed_seconds`."""
    sizes = [*call.published, *([] if call.delivered is None else [call.delivered])]
    return Cost(
        instances=billed_seconds(call, instance, latency, slower) * instance.second(prices),
        requests=prices.million_requests / MILLION,
        messages=sum(max(size, SMALLEST_MESSAGE) for size in sizes) / TIB * prices.message_tib,
        operations=operations(call.class_a, call.class_b, prices),
        logs=call.logged / GIB * prices.log_gib,
    )


def operations(class_a: float, class_b: float, prices: Prices) -> float:
    """Return the dollars for so many operations of Cloud Storage."""
    return (class_a * prices.thousand_class_a + class_b * prices.thousand_class_b) / 1000


def storing(size: float, prices: Prices) -> float:
    """Return the dollars a month for keeping so many bytes."""
    return size / GIB * prices.stored_gib_month


def sending(size: float, prices: Prices) -> float:
    """Return the dollars for sending so many bytes to the internet."""
    return size / GIB * prices.internet_gib
