"""`Idempotency-Key`: a request that is repeated under the same key is done once.

The header is that of https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/.

The first attempt claims the key and does the work; the others wait for its answer. If none comes in
time, because the first attempt died, they take over under the ids of its claim: every step of the
work can be repeated and leaves the same.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from quickthumb.api.records import Answer, Claim, Records
from quickthumb.api.waiting import until
from quickthumb.documents.names import new_id
from quickthumb.problems import InvalidKey, InvalidMessage, KeyReused, Unavailable

log = logging.getLogger(__name__)

MAX_KEY = 255
"""The longest key, characters."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt at a request.

    Attributes:
        ids: of its uploads, one for each of its contents.
        answer: what an earlier attempt was answered with; None if the work is still to be done.
        record: name of the record of its key, None without a key. With one, other attempts may
            work under the same ids.
    """

    ids: tuple[str, ...]
    answer: Answer | None = None
    record: str | None = None


class Attempts:
    """Begins and finishes attempts.

    Args:
        records: of requests that bear keys.
        patience: how long to wait for the answer to an earlier attempt, seconds.
    """

    def __init__(self, records: Records, patience: float) -> None:
        self._records = records
        self._patience = patience

    async def begin(
        self,
        request: Request,
        options: Sequence[tuple[str, str]],
        contents: Sequence[tuple[str, bytes]],
    ) -> Attempt:
        """Claim a request, and wait for the answer where another attempt has claimed it.

        Args:
            request: one whose `state.key` says who holds its API key.
            options: what it asks for, names and values.
            contents: the files or documents in it, names and bytes.

        Raises:
            InvalidKey: the key is empty, too long or given twice.
            KeyReused: a different request came under the key before, or its record is damaged.
            Unavailable: the record could be neither written nor read; nothing was done.
        """
        ids = tuple(new_id() for _ in contents)
        key = _key(request)
        if key is None:
            return Attempt(ids)
        record = _hash([request.state.key, key])  # holders of different API keys share none
        fingerprint = await run_in_threadpool(_fingerprint, request.url.path, options, contents)
        claim = await run_in_threadpool(self._claim, record, Claim(fingerprint, ids))
        if claim.ids == ids:
            return Attempt(ids, record=record)
        answer = await until(lambda: self._records.answer(record), bool, self._patience)
        return Attempt(claim.ids, answer, record)

    async def finish(self, attempt: Attempt, answer: Answer) -> None:
        """Remember the answer to an attempt, if it is final and others may ask for it."""
        if attempt.record and answer.final:
            await run_in_threadpool(self._keep, attempt.record, answer)

    def _claim(self, record: str, mine: Claim) -> Claim:
        """Return the first claim of a key, which has to be for the same request."""
        try:
            claim = self._records.claim(record, mine)
        except InvalidMessage as error:
            log.error("claim %s: %s", record, error)
            raise _unknown() from error
        if claim.fingerprint != mine.fingerprint:
            raise KeyReused(
                "This Idempotency-Key was used before, with another body or other options: choose "
                "a new key for each new request, and repeat one only with the same content."
            )
        if len(claim.ids) != len(mine.ids):
            log.error("claim %s: %d ids, expected %d", record, len(claim.ids), len(mine.ids))
            raise _unknown()
        return claim

    def _keep(self, record: str, answer: Answer) -> None:
        try:
            self._records.keep_answer(record, answer)
        except Unavailable as error:
            # The uploads are accepted all the same: a repeated request does them again, to no
            # effect.
            log.warning("record %s is left without its answer: %s", record, error)


def _key(request: Request) -> str | None:
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    if len(keys) > 1 or not 1 <= len(keys[0]) <= MAX_KEY:
        raise InvalidKey(
            f"Idempotency-Key: expected one header of 1 to {MAX_KEY} characters, a UUID for "
            "example: the same for every attempt at a request, another one for each request."
        )
    return keys[0]


def _fingerprint(
    path: str, options: Sequence[tuple[str, str]], contents: Sequence[tuple[str, bytes]]
) -> str:
    """Return a hash of what was sent, and where.

    It covers the contents and options themselves, not the form around them, whose boundary differs
    in every attempt.
    """
    hashes = [(name, hashlib.sha256(content).hexdigest()) for name, content in contents]
    return _hash([path, sorted(options), hashes])


def _unknown() -> KeyReused:
    return KeyReused(
        "What was sent under this Idempotency-Key before can no longer be read: check whether that "
        "upload was done, and choose a new key to send it again."
    )


def _hash(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
