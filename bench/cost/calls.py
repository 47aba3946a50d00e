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
TARGET = 0.6
"""Share of its processors, and of its concurrency, up to which Cloud Run loads an instance before
it starts another: https://docs.cloud.google.com/run/docs/configuring/scaling-controls"""


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance of a function.

    Attributes:
        vcpus: number of vCPUs.
        memory: bytes.
        concurrency: maximum concurrent requests.
        rate: requests to the function per second, at random times; 0 if each comes alone.
    """

    vcpus: float
    memory: int
    concurrency: int = 1
    rate: float = 0

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
        together: how many of them it makes at the same time as another one.
        published: size of each message that it publishes, bytes.
        delivered: size of the message that was pushed to it, bytes; None if there was none.
        logged: size of its entries in Cloud Logging, bytes.
    """

    cpu_seconds: float
    class_a: float = 0
    class_b: float = 0
    calls: float = 0
    together: float = 0
    published: Sequence[int] = ()
    delivered: int | None = None
    logged: float = 0

    @property
    def waits(self) -> float:
        """Number of calls to other services, one after another."""
        return self.calls - self.together + len(self.published)


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

    An instance is billed while at least one request is in it, so requests that come at the same
    time share that. How many do depends on their rate. Cloud Run keeps so many instances that
    neither their processors nor their concurrency are loaded above `TARGET`. With random arrivals,
    an instance with n requests on average has none for e^-n of the time (M/G/∞). What a busy time
    is rounded up by is billed once for all its requests.

    Args:
        call: the request.
        instance: that handles it.
        latency: of a call to another service, seconds.
        slower: CPU seconds in the cloud per measured CPU second.
    """
    working = call.cpu_seconds * slower
    whole = working + call.waits * latency
    if instance.concurrency == 1 or instance.rate == 0:
        return rounded_up(whole)
    load = max(working / instance.vcpus, whole / instance.concurrency) * instance.rate
    instances = max(1.0, load / TARGET)
    requests = instance.rate * whole / instances  # in each, on average
    busy = -math.expm1(-requests) * instances / instance.rate
    busy = max(busy, working / instance.vcpus)  # processor time cannot be shared
    return busy + (rounded_up(whole) - whole) * math.exp(-requests)


def rounded_up(seconds: float) -> float:
    """Return the time billed for that many seconds of an instance in a row, seconds."""
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
