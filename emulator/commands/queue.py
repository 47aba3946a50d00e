"""`queue`: the messages of a running `up` that wait, are in flight, or have died."""

import argparse
import json
from typing import Any
from urllib.parse import quote

from emulator.dashboard.client import Dashboard, add_options, dashboard_of
from emulator.dashboard.subject import subject_of
from emulator.dashboard.tables import queue
from emulator.errors import InvalidOption


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("name", nargs="?", metavar="SUBSCRIPTION", help="only this one")
    add_options(parser)
    parser.add_argument(
        "--limit", type=int, default=100, metavar="N", help="most messages of each (default: 100)"
    )


def run(args: argparse.Namespace) -> int:
    """Print the messages. None of them is taken."""
    dashboard = dashboard_of(args)
    state = dashboard.state()
    names = [each["name"] for each in state["subscriptions"] if each["kind"] == "push"]
    _expect(args.name, [each["name"] for each in state["subscriptions"]])
    wanted = [args.name] if args.name else names
    found = {name: _messages(dashboard, name, args.limit) for name in wanted}
    letters = dashboard.get("/api/letters")["letters"]
    letters = [each for each in letters if args.name in (None, each["subscription"])]
    if args.json:
        numbers = {each["name"]: each for each in state["subscriptions"]}
        document = {
            "subscriptions": [
                {**numbers.get(name, {"name": name}), "messages": found[name]} for name in wanted
            ],
            "letters": letters,
            "untold": state["untold"],
        }
        print(json.dumps(document))
        return 0
    messages = [(name, each) for name in wanted for each in found[name] or ()]
    messages += [(each["subscription"] or "?", _dead(each)) for each in letters]
    if state["untold"]:
        print(state["untold"])
    if messages:
        print(queue(messages, state["now"]))
    elif not state["untold"]:
        print("No messages.")
    return 0


def _expect(name: str | None, known: list[str]) -> None:
    if name and name not in known:
        raise InvalidOption(f"There is no subscription {name!r}: expected {', '.join(known)}.")


def _messages(dashboard: Dashboard, name: str, limit: int) -> list[dict[str, Any]] | None:
    path = f"/api/subscriptions/{quote(name, safe='')}/messages?limit={limit}"
    messages: list[dict[str, Any]] | None = dashboard.get(path)["messages"]
    if messages is None:
        return None
    return [{"subject": subject_of(each["attributes"], each["data"]), **each} for each in messages]


def _dead(letter: dict[str, Any]) -> dict[str, Any]:
    """Return a dead letter with the names that a message in a queue has."""
    return letter | {"state": "dead", "published": letter["died"], "next": None}
