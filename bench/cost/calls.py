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
    """An instance of a function.

    Attributes:
        vcpus: number of vCPUs.
        memory: bytes.
        at_once: average number of requests that share it while it is active.
    """

    vcpus: float
    memory: int
    at_once: float = 1

    def second(self, prices: Prices) -> float:
        """Return the cost of an active second, dollars."""
        return self.vcpus * prices.vcpu_second + self.memory / GIB * prices.gib_second

    def idle_second(self, prices: Prices) -> float:
        """Return the cost of an idle second that is billed, dollars."""
        return self.vcpus * prices.idle_vcpu_second + self.memory / GIB * prices.idle_gib_second


@dataclass(frozen=True, slots=True)
class Call:
    """The resources that one request to a function uses.

    Attributes:
        cpu_seconds: CPU time.
        class_a: operations of Cloud Storage that write or list.
        class_b: operations of Cloud Storage that read.
        calls: requests to Cloud Storage that it waits for, charged or not.
        published: size of each message that it publishes, bytes.
        delivered: size of the message that was pushed to it, bytes; None if there was none.
        logged: size of its entries in Cloud Logging, bytes.
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
    """US dollars, by type of cost."""

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

    An instance is billed while it works on any request, so concurrent requests share the time, but
    not the CPU time. If requests do not share it, the time is rounded up.

    Args:
        call: the request.
        instance: that handles it.
        latency: of a call to another service, seconds.
        slower: CPU seconds in the cloud per measured CPU second.
    """
    working = call.cpu_seconds * slower
    if instance.at_once > 1:
        whole = working + call.waits * latency
        return max(working / instance.vcpus, whole / instance.at_once)
    return rounded_up(working + call.waits * latency)


def rounded_up(seconds: float) -> float:
    """Return the time billed for that many seconds of an instance without concurrency, seconds."""
    return math.ceil(round(seconds / BILLED_STEP, 6)) * BILLED_STEP


def cost_of(
    call: Call, instance: Instance, prices: Prices, *, latency: float = 0.0, slower: float = 1.0
) -> Cost:
    """Return the cost of one request; the arguments are those of `billed_seconds`."""
    sizes = [*call.published, *([] if call.delivered is None else [call.delivered])]
    return Cost(
        instances=billed_seconds(call, instance, latency, slower) * instance.second(prices),
        requests=prices.million_requests / MILLION,
        messages=sum(max(size, SMALLEST_MESSAGE) for size in sizes) / TIB * prices.message_tib,
        operations=operations(call.class_a, call.class_b, prices),
        logs=call.logged / GIB * prices.log_gib,
    )


def operations(class_a: float, class_b: float, prices: Prices) -> float:
    """Return the cost of operations of Cloud Storage, dollars."""
    return (class_a * prices.thousand_class_a + class_b * prices.thousand_class_b) / 1000


def storing(size: float, prices: Prices) -> float:
    """Return the cost of storing bytes for a month, dollars."""
    return size / GIB * prices.stored_gib_month


def sending(size: float, prices: Prices) -> float:
    """Return the cost of sending bytes to the internet, dollars."""
    return size / GIB * prices.internet_gib
