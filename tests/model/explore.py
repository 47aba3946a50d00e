"""Tries every interleaving of actors, with deaths, lost answers and redeliveries.

An actor is a generator that yields operations and is sent their answers. Its state is the list of
answers so far: replaying them leads to the same operation, so states can be compared and kept.

Some states are not tried, since others stand for them:

- What an actor that has ended was answered changes nothing any more.
- In which order the actors are listed changes nothing.
- Where an operation of some actor concerns nobody else, it comes first. All interleavings in which
  it comes later have the same states after it: see `_CONCERN_NOBODY`.
"""

from collections.abc import Callable, Iterable
from functools import cache
from itertools import count
from typing import Any, NamedTuple

from tests.model import actors
from tests.model.world import World, apply

LOST = "lost"
"""In place of an answer: it never came, and the call failed."""


class Scenario(NamedTuple):
    """What may happen.

    Attributes:
        start: the world before.
        actors: name and arguments of each.
        faults: how many calls may fail, lose their answer, be tried twice, or be the last of their
            process.
        deliveries: how often a message may be delivered while the actors are at work.
        days: how many days may go by meanwhile.
    """

    start: World
    actors: tuple[tuple[Any, ...], ...]
    faults: int = 1
    deliveries: int = 1
    days: int = 0


class Broken(AssertionError):
    """An invariant does not hold; the message has the steps that lead there."""


_CONCERN_NOBODY = ("event", "tell")
"""Operations that other actors neither see nor prevent: they add to what is looked at in the end.

`always` looks at what was told, too. To tell it early is to have it hold for longer.
"""

_numbers = count()


class Running:
    """An actor after some answers. There is one instance for each, so they compare quickly."""

    def __init__(
        self, actor: tuple[Any, ...], rules: frozenset[str], answers: tuple[Any, ...] = ()
    ) -> None:
        self.actor = actor
        self.number = next(_numbers)
        self.operation = _next(actor, answers, rules)
        self._rules = rules
        self._answers = answers
        self._after: dict[Any, Running] = {}

    def after(self, answer: Any) -> "Running":
        """Return the actor after another answer."""
        if answer not in self._after:
            later = Running(self.actor, self._rules, (*self._answers, answer))
            self._after[answer] = later if later.operation else _ended(self.actor, self._rules)
        return self._after[answer]


@cache
def started(actor: tuple[Any, ...], rules: frozenset[str]) -> Running:
    """Return an actor that has done nothing yet."""
    return Running(actor, rules)


@cache
def _ended(actor: tuple[Any, ...], rules: frozenset[str]) -> Running:
    """Return an actor that does nothing more, whatever it was answered."""
    ended = Running(actor, rules)
    ended.operation = None
    return ended


def _next(actor: tuple[Any, ...], answers: tuple[Any, ...], rules: frozenset[str]) -> Any:
    """Return the next operation of an actor, None if it has ended."""
    name, *arguments = actor
    program = getattr(actors, name)(rules, *arguments)
    try:
        operation = next(program)
        for answer in answers:
            if answer == LOST:
                operation = program.throw(actors.Unavailable())
            else:
                operation = program.send(answer)
    except (StopIteration, actors.Unavailable):
        return None
    return operation


def run(world: World, actor: tuple[Any, ...], rules: frozenset[str]) -> World:
    """Have an actor live its life undisturbed."""
    running = started(actor, rules)
    while running.operation:
        world, answer = apply(world, running.operation)
        running = running.after(answer)
    return world


@cache
def settle(world: World, rules: frozenset[str]) -> World:
    """Deliver what is queued and sweep, mostly at a glance, day after day."""
    for _ in range(4):
        for glance in (True, False, True):
            for job in sorted(world.queue):
                world = run(world, ("resize", job, False), rules)
            world = run(world, ("sweep", glance), rules)
        world = world._replace(day=world.day + 1)
    return world


def explore(
    scenario: Scenario,
    rules: frozenset[str],
    always: Callable[[World], str | None],
    finally_: Callable[[World], str | None],
) -> int:
    """Try every interleaving; return the number of states.

    Raises:
        Broken: `always` in some state, or `finally_` after `settle`, returned a complaint.
    """
    begin = (
        scenario.start,
        _listed(started(actor, rules) for actor in scenario.actors),
        scenario.faults,
        scenario.deliveries,
        scenario.days,
    )
    seen, stack = {begin: None}, [begin]
    while stack:
        state = stack.pop()
        world, running = state[0], state[1]
        if complaint := always(world):
            raise Broken(_story(complaint, state, seen))
        ended = not any(each.operation for each in running)
        if ended and (complaint := finally_(settle(world, rules))):
            raise Broken(_story(complaint, state, seen))
        for step in _steps(state, rules):
            if step not in seen:
                seen[step] = state
                stack.append(step)
    return len(seen)


def _listed(running: Iterable[Running]) -> tuple[Running, ...]:
    return tuple(sorted(running, key=lambda each: each.number))


def _steps(state, rules):
    world, running, faults, deliveries, days = state
    acting = [each for each in running if each.operation]
    alone = _CONCERN_NOBODY if days else (*_CONCERN_NOBODY, "now")  # the day is the last
    first = [each for each in acting if each.operation[0] in alone][:1]
    for each in first or acting:
        others = [other for other in running if other is not each]
        others += [each] * (len(running) - len(others) - 1)  # two may be alike

        def after(world, faults, answer, each=each, others=others):
            return world, _listed((*others, each.after(answer))), faults, deliveries, days

        done, answer = apply(world, each.operation)
        yield after(done, faults, answer)
        if faults and each.operation[0] not in ("now", "tell"):
            yield after(done, faults - 1, LOST)
            yield after(world, faults - 1, LOST)
            yield world, _listed(others), faults - 1, deliveries, days  # it dies
            yield after(*_twice(done, each.operation, faults))
    if first:
        return
    if deliveries:
        for job in world.queue:
            delivered = any(each.actor[:2] == ("resize", job) for each in running)
            for new in (True, False) if delivered else (True,):
                another = _listed((*running, started(("resize", job, new), rules)))
                yield world, another, faults, deliveries - 1, days
    if days:
        yield world._replace(day=world.day + 1), running, faults, deliveries, days - 1


def _twice(world, operation, faults):
    """Try a call again whose first answer was lost, as client libraries do."""
    done, answer = apply(world, operation)
    return done, faults - 1, answer


def _story(complaint, state, seen):
    steps = []
    while state:
        steps.append(state)
        state = seen[state]
    lines = [complaint]
    for before, after in zip(steps[::-1], steps[-2::-1], strict=False):
        changes = [
            f"{name}={getattr(after[0], name)!r}"
            for name in World.__annotations__
            if getattr(before[0], name) != getattr(after[0], name)
        ]
        moved = [each.actor for each in after[1] if each not in before[1]]
        lines.append(f"  {moved} {' '.join(changes)}")
    return "\n".join(lines)
