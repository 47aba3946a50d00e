"""Whatever clients do, in whatever order: what the rules promise, checked against a simple model.

The model knows of every message only who published what, what is leased until when, what failed
how often, and what was settled.
"""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from emulator.pubsub.rules.policies import DeadLetterPolicy, RetryPolicy
from tests.unit.pubsub.sandbox import Sandbox

GRAVE = "projects/p/topics/grave"
ACK_DEADLINE = 10.0
MAX_ATTEMPTS = 5
RETRY = RetryPolicy(minimum=4.0, maximum=20.0)
POLICIES = {
    "plain": {},
    "filtered": {"matches": lambda attributes: attributes["color"] == "red"},
    "patient": {"retry": RETRY},
    "ordered": {"ordered": True},
    "ordered and patient": {"ordered": True, "retry": RETRY},
    "mortal": {"dead_letter": DeadLetterPolicy(GRAVE, MAX_ATTEMPTS)},
}


@dataclass
class Expected:
    """What the model knows of one subscription."""

    unsettled: dict[int, str] = field(default_factory=dict)  # message: its ordering key
    leased: dict[int, float] = field(default_factory=dict)  # message: deadline
    failures: dict[int, int] = field(default_factory=dict)
    not_before: dict[int, float] = field(default_factory=dict)
    settled: set[int] = field(default_factory=set)


class Deliveries(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.sandbox = Sandbox()
        self.sandbox.registry.create_topic(GRAVE)
        self.grave = self.sandbox.subscribe("grave", topic=GRAVE)
        self.buried: list[str] = []
        self.subscriptions = {
            name: self.sandbox.subscribe(name, ack_deadline=ACK_DEADLINE, **policy)
            for name, policy in POLICIES.items()
        }
        self.expected = {name: Expected() for name in POLICIES}
        self.held: dict[str, dict] = {name: {} for name in POLICIES}

    @rule(key=st.sampled_from(["", "a", "b"]), color=st.sampled_from(["red", "green"]))
    def publish(self, key, color) -> None:
        number = self.sandbox.publish("x", key, color=color)
        for name, expected in self.expected.items():
            if name != "filtered" or color == "red":
                expected.unsettled[number] = key

    @rule(name=st.sampled_from([*POLICIES]), limit=st.integers(1, 4), single=st.booleans())
    def lease(self, name, limit, single) -> None:
        self._expire(name)
        expected, now = self.expected[name], self.sandbox.now
        busy = {expected.unsettled[number] for number in expected.leased}
        deliveries = self.sandbox.lease(self.subscriptions[name], limit, one_per_key=single)
        assert len(deliveries) <= limit
        for delivery in deliveries:
            number = delivery.message.id
            assert number in expected.unsettled, "delivered what it should not have"
            assert number not in expected.leased, "delivered to two at once"
            assert now >= expected.not_before.get(number, 0.0), "delivered too early"
            assert delivery.attempts == expected.failures.get(number, 0) + 1
            expected.leased[number] = now + ACK_DEADLINE
            self.held[name][number] = delivery
        if name.startswith("ordered"):
            self._check_order(name, [delivery.message.id for delivery in deliveries], busy, single)

    def _check_order(self, name, taken, busy, single) -> None:
        expected = self.expected[name]
        for key in {expected.unsettled[number] for number in taken} - {""}:
            of_key = [number for number in taken if expected.unsettled[number] == key]
            line = [number for number, other in expected.unsettled.items() if other == key]
            assert key not in busy, "two receivers work on one key"
            assert of_key == line[: len(of_key)], "out of order"
            assert not single or len(of_key) == 1

    @rule(name=st.sampled_from([*POLICIES]), data=st.data())
    def acknowledge(self, name, data) -> None:
        number = self._pick(name, data)
        if number is None:
            return
        expected = self.expected[name]
        line = self._line(name, number)
        if any(other in expected.leased for other in line[: line.index(number)]):
            return  # Settled out of turn: `test_ordering` has what then happens.
        assert self.sandbox.acknowledge(self.subscriptions[name], self.held[name][number]) == []
        del expected.leased[number]
        del expected.unsettled[number]
        expected.settled.add(number)

    @rule(name=st.sampled_from([*POLICIES]), data=st.data())
    def refuse(self, name, data) -> None:
        number = self._pick(name, data)
        if number is not None:
            self.sandbox.refuse(self.subscriptions[name], self.held[name][number])
            self._fail(name, number)

    @rule(name=st.sampled_from([*POLICIES]), seconds=st.sampled_from([5, 30]), data=st.data())
    def extend(self, name, seconds, data) -> None:
        number = self._pick(name, data)
        if number is not None:
            lease = self.held[name][number].lease
            assert self.subscriptions[name].modify([lease], seconds, self.sandbox.now) == []
            self.expected[name].leased[number] = self.sandbox.now + seconds

    @rule(seconds=st.sampled_from([0.5, 3.0, 10.0, 25.0]))
    def wait(self, seconds) -> None:
        self.sandbox.wait(seconds)
        self.sandbox.registry.advance(self.sandbox.now)
        for name in POLICIES:
            self._expire(name)

    @invariant()
    def what_is_buried_failed_as_often_as_allowed(self) -> None:
        for delivery in self.sandbox.lease(self.grave):
            attributes = delivery.message.attributes
            assert attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == str(MAX_ATTEMPTS)
            self.buried.append(attributes["color"])
            self.sandbox.acknowledge(self.grave, delivery)
        assert len(self.buried) == sum(
            failures == MAX_ATTEMPTS for failures in self.expected["mortal"].failures.values()
        )

    def teardown(self) -> None:
        if not hasattr(self, "sandbox"):
            return
        for name, subscription in self.subscriptions.items():
            received = set()
            # Leases end within 30 s and retries wait 20 s at most; ordered keys come in turns.
            for _ in range(len(self.expected[name].unsettled) + 3):
                self.sandbox.wait(60)
                deliveries = self.sandbox.lease(subscription, limit=1_000)
                self.sandbox.acknowledge(subscription, *deliveries)
                received |= {delivery.message.id for delivery in deliveries}
            assert received == set(self.expected[name].unsettled), "lost, or came again"

    def _pick(self, name, data):
        self._expire(name)
        leased = sorted(self.expected[name].leased)
        return data.draw(st.sampled_from(leased)) if leased else None

    def _expire(self, name) -> None:
        expected = self.expected[name]
        for number, deadline in sorted(expected.leased.items()):
            if deadline <= self.sandbox.now and number in expected.leased:
                self._fail(name, number)

    def _fail(self, name, number) -> None:
        expected = self.expected[name]
        del expected.leased[number]
        failures = expected.failures[number] = expected.failures.get(number, 0) + 1
        if name == "mortal" and failures == MAX_ATTEMPTS:
            del expected.unsettled[number]
            return
        line = self._line(name, number)
        behind = line[line.index(number) + 1 :]
        for other in behind:
            expected.leased.pop(other, None)
        if "patient" in name:
            not_before = self.sandbox.now + RETRY.delay(failures)
            for other in [number, *behind]:
                earliest = expected.not_before.get(other, 0.0)
                expected.not_before[other] = max(earliest, not_before)

    def _line(self, name, number) -> list[int]:
        """Return the unsettled messages that are delivered in one order with this one."""
        unsettled = self.expected[name].unsettled
        key = unsettled[number]
        if not (key and name.startswith("ordered")):
            return [number]
        return [other for other, other_key in unsettled.items() if other_key == key]


TestDeliveries = Deliveries.TestCase
TestDeliveries.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
