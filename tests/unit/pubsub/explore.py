"""Runs the state machines on other examples than the tests: `python -m tests.unit.pubsub.explore`.

The tests try the same few hundred runs each time; this tries new ones until the time is up or one
fails. A failing run is shrunk and printed as a program.
"""

import argparse
import time
from collections.abc import Sequence

from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.unit.pubsub.test_delivery_model import Deliveries
from tests.unit.pubsub.test_replay_model import Replays

MACHINES: Sequence[type[RuleBasedStateMachine]] = (Deliveries, Replays)
ROUND = settings(
    max_examples=100,
    stateful_step_count=80,
    deadline=None,
    derandomize=False,
    database=None,
    phases=(Phase.generate, Phase.shrink),
)


def explore(machines: Sequence[type[RuleBasedStateMachine]], seconds: float) -> dict[str, int]:
    """Try new runs of every machine in turn, and return the runs of each by name.

    Args:
        machines: state machines.
        seconds: no round is started after these.

    Raises:
        BaseException: what a machine raised in the shortest run found that fails.
    """
    end = time.monotonic() + seconds
    runs = dict.fromkeys((machine.__name__ for machine in machines), 0)
    while time.monotonic() < end:
        for machine in machines:
            run_state_machine_as_test(machine, settings=ROUND)
            runs[machine.__name__] += ROUND.max_examples
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.unit.pubsub.explore")
    parser.add_argument("--minutes", type=float, default=20, help="for how long (20)")
    for name, runs in explore(MACHINES, parser.parse_args().minutes * 60).items():
        print(f"{name}: {runs:,} runs of up to {ROUND.stateful_step_count} steps, none failed")


if __name__ == "__main__":
    main()
