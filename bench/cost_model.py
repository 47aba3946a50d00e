"""From what a picture takes to what it costs: arithmetic alone, nothing is measured here."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import yaml

GIB = 2**30
TIB = 2**40
MILLION = 1_000_000
SMALLEST_MESSAGE = 1000
"""What a request to Pub/Sub is billed for at least, bytes."""
BILLED_STEP = 0.1
"""What the time of an instance is rounded up to, seconds."""


class InvalidPrices(Exception):
    """The file of prices lacks something or is no such file."""


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars for one of each."""

    vcpu_second: float
    gib_second: float
    million_requests: float
    message_tib: float
    thousand_class_a: float
    thousand_class_b: float
    stored_gib_month: float
    internet_gib: float

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file like `prices.yaml`.

        Raises:
            InvalidPrices: says what is missing or wrong.
        """
        try:
            document = yaml.safe_load(path.read_text())
            prices = document["prices"]
            wanted = {field.name for field in fields(cls)}
            if different := prices.keys() ^ wanted:
                raise InvalidPrices(f"missing or unknown: {', '.join(sorted(different))}")
            return cls(**{name: _dollars(name, entry) for name, entry in prices.items()})
        except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
            raise InvalidPrices(f"{path}: no file of prices: {error!r}") from None
        except InvalidPrices as error:
            raise InvalidPrices(f"{path}: {error}") from None


def _dollars(name: str, entry: Mapping[str, Any]) -> float:
    usd = entry["usd"]
    if isinstance(usd, bool) or not isinstance(usd, int | float) or usd < 0:
        raise InvalidPrices(f"prices.{name}.usd: {usd!r}: expected dollars, 0 or more")
    return float(usd)


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


@dataclass(frozen=True, slots=True)
class Call:
    """What one request to a function takes.

    Attributes:
        cpu_seconds: of one processor.
        class_a: operations of Cloud Storage that write or list.
        class_b: operations of Cloud Storage that read.
        published: bytes of each message that it publishes.
        delivered: bytes of the message that it was called with; None if it was not.
    """

    cpu_seconds: float
    class_a: float = 0
    class_b: float = 0
    published: Sequence[int] = ()
    delivered: int | None = None

    @property
    def waits(self) -> float:
        """How often it waits for another service."""
        return self.class_a + self.class_b + len(self.published)


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars, by what they are paid for."""

    instances: float = 0.0
    requests: float = 0.0
    messages: float = 0.0
    operations: float = 0.0

    @property
    def total(self) -> float:
        """All of it."""
        return self.instances + self.requests + self.messages + self.operations

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.instances + other.instances,
            self.requests + other.requests,
            self.messages + other.messages,
            self.operations + other.operations,
        )


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
    steps = (working + call.waits * latency) / BILLED_STEP
    return math.ceil(round(steps, 6)) * BILLED_STEP


def cost_of(
    call: Call, instance: Instance, prices: Prices, *, latency: float = 0.0, slower: float = 1.0
) -> Cost:
    """Return what one request costs; the arguments are those of `billed_seconds`."""
    per_second = instance.vcpus * prices.vcpu_second + instance.memory / GIB * prices.gib_second
    sizes = [*call.published, *([] if call.delivered is None else [call.delivered])]
    return Cost(
        instances=billed_seconds(call, instance, latency, slower) * per_second,
        requests=prices.million_requests / MILLION,
        messages=sum(max(size, SMALLEST_MESSAGE) for size in sizes) / TIB * prices.message_tib,
        operations=(call.class_a * prices.thousand_class_a + call.class_b * prices.thousand_class_b)
        / 1000,
    )


def storing(size: float, prices: Prices) -> float:
    """Return the dollars a month for keeping so many bytes."""
    return size / GIB * prices.stored_gib_month


def sending(size: float, prices: Prices) -> float:
    """Return the dollars for sending so many bytes to the internet."""
    return size / GIB * prices.internet_gib
