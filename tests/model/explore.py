"""Tries every interleaving of actors, with deaths, lost answers and redeliveries.

An actor is a generator that yields operations and is sent their answers. Its state is the list of
answers so far: replaying them leads to the same operation, so states can be compared and kept.
"""

from collections.abc import Callable
from functools import cache
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


@cache
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
    answers: tuple[Any, ...] = ()
    while operation := _next(actor, answers, rules):
        world, answer = apply(world, operation)
        answers = (*answers, answer)
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
        tuple((actor, ()) for actor in scenario.actors),
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
        ended = not any(_next(actor, answers, rules) for actor, answers in running)
        if ended and (complaint := finally_(settle(world, rules))):
            raise Broken(_story(complaint, state, seen))
        for step in _steps(state, rules):
            if step not in seen:
                seen[step] = state
                stack.append(step)
    return len(seen)


def _steps(state, rules):
    world, running, faults, deliveries, days = state
    for number, (actor, answers) in enumerate(running):
        operation = _next(actor, answers, rules)
        if operation is None:
            continue
        rest, later = running[:number], running[number + 1 :]

        def after(world, faults, *answer, actor=actor, answers=answers, rest=rest, later=later):
            running = (*rest, (actor, (*answers, *answer)), *later)
            return world, running, faults, deliveries, days

        done, answer = apply(world, operation)
        yield after(done, faults, answer)
        if faults and operation[0] not in ("now", "tell"):
            yield after(done, faults - 1, LOST)
            yield after(world, faults - 1, LOST)
            yield world, (*rest, *later), faults - 1, deliveries, days  # it dies
            yield after(*_twice(done, operation, faults))
    if deliveries:
        for job in world.queue:
            delivered = any(actor[:2] == ("resize", job) for actor, _ in running)
            for first in (True, False) if delivered else (True,):
                another = (*running, (("resize", job, first), ()))
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
        moved = [actor for actor in after[1] if actor not in before[1]]
        lines.append(f"  {moved} {' '.join(changes)}")
    return "\n".join(lines)
