"""`Idempotency-Key`: what is asked for again under the same key is done once.

The header is that of https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/.
"""

import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from quickthumb.api.waiting import until
from quickthumb.documents.names import new_id
from quickthumb.problems import InvalidKey, InvalidMessage, KeyReused, Unavailable
from quickthumb.records import Answer, Claim, Records

log = logging.getLogger(__name__)

MAX_KEY = 255
"""The longest key, characters."""


def key_of(request: Request) -> str | None:
    """Return the key that a request bears, None if it bears none.

    Raises:
        InvalidKey: it is empty, too long or given twice.
    """
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    if len(keys) > 1 or not 1 <= len(keys[0]) <= MAX_KEY:
        raise InvalidKey(
            f"Idempotency-Key: expected one header of 1 to {MAX_KEY} characters, a UUID for "
            "example: the same for every attempt at a request, another one for each request.",
            field="Idempotency-Key",
        )
    return keys[0]


def name_of(key: str, holder: str) -> str:
    """Return the name of the record of a key.

    Args:
        key: as the client chose it.
        holder: hash of the API key under which it did; each has keys of its own.
    """
    return _hash([holder, key])


def fingerprint_of(
    path: str, options: Sequence[tuple[str, str]], contents: Sequence[tuple[str, bytes]]
) -> str:
    """Return a hash of what was sent, and where.

    It is of the contents and options themselves, not of the form around them, which has another
    boundary in every attempt.
    """
    hashes = [(name, hashlib.sha256(content).hexdigest()) for name, content in contents]
    return _hash([path, sorted(options), hashes])


async def once(
    records: Records,
    name: str,
    fingerprint: str,
    count: int,
    patience: float,
    do: Callable[[Sequence[str]], Awaitable[Answer]],
) -> tuple[Answer, bool]:
    """Return the answer to a request that bears a key, and whether it was given before.

    Whoever claims the request first does it, and the others wait for the answer. If there is none
    in time, because the first one died, they do it too, under the ids of the claim: each step of it
    leaves the same when it is done again.

    Args:
        records: of all requests.
        name: of the record.
        fingerprint: of what was sent.
        count: how many ids the request needs.
        patience: how long to wait for the answer of whoever was first, seconds.
        do: does the request under the ids it is given.

    Raises:
        KeyReused: something else was sent under the key before, or nobody can tell any more.
        Unavailable: the record could be neither written nor read; nothing was done.
    """
    mine = Claim(fingerprint, tuple(new_id() for _ in range(count)))
    try:
        claim = await run_in_threadpool(records.claim, name, mine)
    except InvalidMessage as error:
        log.error("claim %s: %s", name, error)
        raise _unknown() from error
    if claim.fingerprint != fingerprint:
        raise KeyReused(
            "This Idempotency-Key came with another body or other options before: choose a new "
            "key for each new request, and repeat one only with the same content.",
            field="Idempotency-Key",
        )
    if len(claim.ids) != count:
        log.error("claim %s: %d ids, expected %d", name, len(claim.ids), count)
        raise _unknown()
    if claim != mine:  # somebody was first
        answer = await until(lambda: records.answer(name), _is_there, patience)
        if answer:
            return answer, True
    answer = await do(claim.ids)
    if answer.final:
        await run_in_threadpool(_keep, records, name, answer)
    return answer, False


def _unknown() -> KeyReused:
    return KeyReused(
        "What was sent under this Idempotency-Key before cannot be read any more: see whether that "
        "upload was done, and choose a new key to send it again.",
        field="Idempotency-Key",
    )


def _is_there(answer: Answer | None) -> bool:
    return answer is not None


def _keep(records: Records, name: str, answer: Answer) -> None:
    try:
        records.keep_answer(name, answer)
    except Unavailable as error:
        # The uploads are accepted all the same: who asks again has them done again, to no effect.
        log.warning("record %s is left without its answer: %s", name, error)


def _hash(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
