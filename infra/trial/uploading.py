"""The steps that only need the URL of a running QuickThumb."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from infra.smoke_test import Wrong, check, jpeg_size
from infra.trial.calls import Answer, Caller, expect, wait_until_done
from infra.trial.commands import Failed, say
from infra.trial.figures import Findings

T = TypeVar("T")
R = TypeVar("R")

SIZE = 256
IN_A_ROW = 20  # measurements of each call
_PATIENCE = 600.0  # seconds for the jobs of a burst, and for permissions to propagate
_IN_THE_BURST = ", in the burst"
_TRIES = 30  # of an upload that is answered with 429 or 503


@dataclass(frozen=True, slots=True)
class Burst:
    """The size of a burst.

    Attributes:
        uploads: number of pictures.
        at_once: number of clients.
    """

    uploads: int = 500
    at_once: int = 50


def smoke(caller: Caller, picture: Path, findings: Findings) -> str:
    """Send a picture through the service and check its thumbnail, like a deployment does.

    Raises:
        Failed: the smoke test failed.
    """
    started = time.monotonic()
    try:
        caller.service().wait_until_healthy(_PATIENCE)
        healthy = time.monotonic() - started
        with findings.timed("the first picture, from `POST` to `DELETE`"):
            seen = check(caller.service(), picture.read_bytes())
    except Wrong as error:
        raise Failed(f"the smoke test: {error}") from None
    findings.accepted()
    findings.facts["first answer"] = f"{healthy:.1f} s after the first request"
    return seen


def measure_calls(caller: Caller, picture: Path, findings: Findings) -> str:
    """Make each call several times in sequence.

    Raises:
        Failed: a response was not as expected.
    """
    data = picture.read_bytes()
    for _ in range(IN_A_ROW):
        started = time.monotonic()
        id = _upload(caller, data, findings, Counter())
        wait_until_done(caller, id, _PATIENCE)
        findings.took("from `POST` to the thumbnails", time.monotonic() - started)
        for name, path in (("`GET /{id}`", f"/{id}"), ("`GET /{id}/256`", f"/{id}/{SIZE}")):
            answer = expect(caller.call("GET", path), 200, f"GET {path}")
            findings.took(name, answer.seconds)
        _delete(caller, id, findings)
    return f"{IN_A_ROW} pictures in sequence"


def burst(caller: Caller, picture: Path, size: Burst, findings: Findings) -> str:
    """Send many pictures at once, wait for their thumbnails, and delete them.

    Raises:
        Failed: an accepted picture has no thumbnails, which must never happen.
    """
    data = picture.read_bytes()
    refused = Counter[int]()
    ids: list[str] = []

    def send(_: int) -> None:
        ids.append(_upload(caller, data, findings, refused, _IN_THE_BURST))

    try:
        started = time.monotonic()
        _in_parallel(send, range(size.uploads), size.at_once)
        sent = time.monotonic() - started
        say(f"Sent {len(ids)} pictures; waiting for their thumbnails.")
        faults = _in_parallel(lambda id: _fault(caller, id), ids, size.at_once)
        done = time.monotonic() - started
    finally:
        say(f"Deleting {len(ids)} pictures.")
        undeleted = _in_parallel(lambda id: _undeleted(caller, id, findings), ids, size.at_once)
    lost = [fault for fault in faults if fault]
    left = [fault for fault in undeleted if fault]
    findings.sections[f"A burst of {size.uploads}"] = [
        f"- {size.at_once} clients sent {size.uploads} pictures of {len(data):,} bytes in "
        f"{sent:.1f} s: {size.uploads / sent:.1f} per second.",
        f"- The last thumbnail was made {done:.1f} s after the first `POST`: "
        f"{size.uploads / done:.1f} per second.",
        f"- Responses with `Retry-After`: {_counted(refused)}.",
        f"- Accepted pictures without thumbnails: {len(lost)}.",
    ]
    if lost:
        raise Failed(f"{len(lost)} of {len(ids)} accepted pictures were lost: {lost[0]}")
    if left:
        raise Failed(f"{len(left)} of {len(ids)} pictures could not be deleted: {left[0]}")
    return f"{size.uploads} pictures by {size.at_once} clients, all done"


def delete(caller: Caller, picture: Path, findings: Findings) -> str:
    """Upload a picture, delete it, and check that nothing of it is left.

    Raises:
        Failed: it is still available.
    """
    id = _upload(caller, picture.read_bytes(), findings, Counter())
    wait_until_done(caller, id, _PATIENCE)
    expect(caller.call("GET", f"/{id}/{SIZE}"), 200, "the thumbnail before DELETE")
    _delete(caller, id, findings)
    for path in (f"/{id}", f"/{id}/{SIZE}"):
        expect(caller.call("GET", path), 404, f"GET {path} after DELETE")
    again = caller.call("DELETE", f"/{id}")
    if again.status not in (204, 404):
        raise Failed(f"a second DELETE of {id}: {again.status}")
    return "status and thumbnail answer 404"


def check_picture(picture: Path) -> str:
    """Describe the picture of the trial.

    Raises:
        Failed: it is not a JPEG.
    """
    try:
        data = picture.read_bytes()
        width, height = jpeg_size(data)
    except (OSError, Wrong) as error:
        raise Failed(f"{picture}: {error}") from None
    return f"{picture.name}, {width}x{height}, {len(data):,} bytes"


def _upload(
    caller: Caller, data: bytes, findings: Findings, refused: Counter[int], when: str = ""
) -> str:
    """Send a picture, retrying if the service asks for that; return its id."""
    for _ in range(_TRIES):
        answer = caller.call(
            "POST", f"/?sizes={SIZE}", data, {"Content-Type": "application/octet-stream"}
        )
        if answer.status not in (429, 503):
            break
        refused[answer.status] += 1
        time.sleep(answer.retry_after or 1.0)
    expect(answer, 202, "POST /")
    findings.took(f"`POST /`{when}", answer.seconds)
    findings.accepted()
    return str(answer.document()["id"])


def _delete(caller: Caller, id: str, findings: Findings, when: str = "") -> Answer:
    answer = caller.call("DELETE", f"/{id}")
    if answer.status in (429, 503):
        time.sleep(answer.retry_after or 1.0)
        answer = caller.call("DELETE", f"/{id}")
    expect(answer, 204, f"DELETE /{id}")
    findings.took(f"`DELETE /{{id}}`{when}", answer.seconds)
    return answer


def _in_parallel(do: Callable[[T], R], items: Iterable[T], at_once: int) -> list[R]:
    """Process items concurrently; stop at the first failure."""
    with ThreadPoolExecutor(at_once) as pool:
        futures = [pool.submit(do, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _counted(refused: Counter[int]) -> str:
    return ", ".join(f"{count} times {status}" for status, count in refused.items()) or "none"


def _undeleted(caller: Caller, id: str, findings: Findings) -> str | None:
    """Delete a picture of the burst; return why it failed, None if it did not."""
    try:
        _delete(caller, id, findings, _IN_THE_BURST)
    except Failed as error:
        return str(error)
    return None


def _fault(caller: Caller, id: str) -> str | None:
    """Return why a picture has no thumbnails, None if it has."""
    try:
        wait_until_done(caller, id, _PATIENCE)
    except Failed as error:
        return str(error)
    return None
