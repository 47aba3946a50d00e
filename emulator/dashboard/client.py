"""A client of the dashboard's API, for commands."""

import argparse
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote

from emulator.dashboard.direct import opener
from emulator.errors import EmulatorError, InvalidOption
from emulator.options import data_of
from emulator.project import PROGRAM
from emulator.running import expect

_SECONDS = 60.0  # scaling down waits for requests


class Failed(EmulatorError):
    """The running `up` refused, or does not answer."""


class Dashboard:
    """The API of a running `up`.

    Args:
        url: of the dashboard.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def state(self) -> dict[str, Any]:
        """Return the state.

        Raises:
            Failed: it does not answer.
        """
        return self.get("/api/state")

    def get(self, path: str) -> dict[str, Any]:
        """Return the document at a path.

        Raises:
            Failed: there is none, or it does not answer.
        """
        return self._call(urllib.request.Request(self.url + path))  # noqa: S310 - our own address

    def do(self, action: str, **members: Any) -> dict[str, Any]:
        """Do something.

        Raises:
            Failed: it was refused, or it does not answer.
        """
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.url}/api/actions/{quote(action)}",
            json.dumps(members).encode(),
            {"Content-Type": "application/json"},
        )
        return self._call(request)

    def events(self) -> Iterator[tuple[str, Any]]:
        """Yield the name and content of each event, until `up` ends.

        Raises:
            Failed: it does not answer.
        """
        request = urllib.request.Request(f"{self.url}/api/events")  # noqa: S310 - as above
        try:
            # A comment comes every 15 seconds.
            with opener.open(request, timeout=_SECONDS) as stream:
                name = ""
                for line in stream:
                    field, _, text = line.decode().rstrip("\n").partition(": ")
                    if field == "event":
                        name = text
                    elif field == "data":
                        yield name, json.loads(text)
        except urllib.error.HTTPError as error:
            raise Failed(_detail(error)) from None
        except (OSError, HTTPException) as error:
            raise Failed(f"{self.url} does not answer: {error}") from None

    def _call(self, request: urllib.request.Request) -> dict[str, Any]:
        try:
            with opener.open(request, timeout=_SECONDS) as answer:
                document: dict[str, Any] = json.load(answer)
                return document
        except urllib.error.HTTPError as error:
            raise Failed(_detail(error)) from None
        except (OSError, HTTPException, ValueError) as error:
            raise Failed(f"{self.url} does not answer: {error}") from None


def _detail(error: urllib.error.HTTPError) -> str:
    with error:
        try:
            return str(json.load(error)["detail"])
        except (ValueError, KeyError, TypeError):
            return f"The dashboard answered {error.code}."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that talk to a running `up`."""
    from emulator.options import add_data_option

    add_data_option(parser)
    parser.set_defaults(data=None)
    parser.add_argument(
        "--topology", type=Path, metavar="FILE", help="the `up` that runs what this file describes"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def dashboard_of(args: argparse.Namespace) -> Dashboard:
    """Return the dashboard of the running `up` that the options name.

    Raises:
        InvalidOption: none runs.
    """
    return Dashboard(expect(data_of(args)).dashboard)


def act(args: argparse.Namespace, action: str, **members: Any) -> int:
    """Do something, and print what was done; return the exit status.

    Raises:
        Failed: it was refused.
        InvalidOption: no `up` runs.
    """
    answer = dashboard_of(args).do(action, **members)
    print(json.dumps(answer) if args.json else answer["text"])
    return 0


def confirm(args: argparse.Namespace, question: str) -> bool:
    """Ask before something that cannot be undone, unless `--yes` was given.

    Raises:
        InvalidOption: there is nobody to ask.
    """
    if args.yes:
        return True
    if not sys.stdin.isatty():
        raise InvalidOption(f"{question} To confirm it without a terminal: --yes")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def ended() -> str:
    """Return what to say when `up` has ended."""
    return f"`{PROGRAM} up` has ended."
