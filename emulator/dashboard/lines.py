"""Events as lines for people."""

from datetime import datetime
from typing import Any

from emulator.wording import counted

_QUIET = ("GET", "HEAD", "OPTIONS")


def line(event: dict[str, Any], *, all: bool = False) -> tuple[str, str] | None:  # noqa: A002
    """Return who an event is about and what happened, None if it is not worth a line.

    Args:
        event: of the flow.
        all: also for what was published, and for jobs that begin.
    """
    match event["kind"]:
        case "ended":
            return _ended(event)
        case "failed":
            return event["subscription"], f"{event['subject']} {_waits(event)}"
        case "dead":
            times = counted(event["attempt"], "attempt")
            return (
                event["subscription"],
                f"{event['subject']} is dead after {times}: moved to the topic {event['topic']}",
            )
        case "instance":
            return event["function"], f"instance {event['instance']} {event['change']}"
        case "action":
            return "action", str(event["text"])
        case "began" if all and event["message"]:
            where = f"instance {event['instance']}"
            return event["function"], f"{event['subject']} begins: {where}, {_attempt(event)}"
        case "published" if all:
            what = event["subject"] + (f" ({event['state']})" if event["state"] else "")
            return event["topic"], f"{what} published"
    return None


def _ended(event: dict[str, Any]) -> tuple[str, str] | None:
    took = f"{event['milliseconds']:,.0f} ms"
    where = f"instance {event['instance']}"
    status = event["status"]
    if event["message"]:
        said = {"done": "done", "failed": f"failed with {status}", "killed": "killed"}
        outcome = said[event["outcome"]]
        text = f"{event['subject']} {outcome}: {where}, {_attempt(event)}, {took}"
        return event["function"], text
    if event["method"] in _QUIET and event["outcome"] == "done":
        return None
    answer = "killed" if status is None else str(status)
    path = repr(event["path"])[1:-1]  # a client may have put control characters into it
    text = f"{event['method']} {path} {answer}: {where}, {took}"
    if event["subjects"] and status and status < 400:
        text += f", {', '.join(event['subjects'])}"
    return event["function"], text


def _attempt(event: dict[str, Any]) -> str:
    return f"attempt {event['attempt']}"


def _waits(event: dict[str, Any]) -> str:
    wait = max(event["next"] - event["time"], 0.0)
    then = f"then attempt {event['attempt'] + 1}"
    why = f" ({event['problem']})" if event["problem"] else ""
    if wait < 0.05:
        return f"is delivered again at once: {then}{why}"
    return f"waits {wait:.0f} s, until {clock(event['next'])}, {then}{why}"


def clock(time: float) -> str:
    """Return the local time of day."""
    return datetime.fromtimestamp(time).strftime("%H:%M:%S")
