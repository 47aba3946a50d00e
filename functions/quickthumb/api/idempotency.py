"""`Idempotency-Key`: a request that is repeated with the same key is processed once.

The header is defined by
https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/.

The first attempt claims the key and does the work; the others wait for its answer. If none appears
in time, because the first attempt died, they take over with the ids of its claim: every step of the
work is idempotent.

A use of an upload token is claimed alike: as many claims as it has uses, with or without a key.
"""

import hashlib
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from quickthumb.api.records import Answer, Claim, Records
from quickthumb.api.waiting import until
from quickthumb.documents.names import new_id
from quickthumb.documents.token import Token
from quickthumb.problems import (
    InvalidKey,
    InvalidMessage,
    KeyReused,
    TokenExhausted,
    Unavailable,
)
from quickthumb.upload import Shared

log = logging.getLogger(__name__)

_LONGEST_CLAIM = timedelta(hours=12)

_MOST_REMEMBERED = 10_000

MAX_KEY = 255
"""Maximum length of a key, characters."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt at a request.

    Attributes:
        ids: of its uploads, one for each of its contents.
        answer: the answer to an earlier attempt; None if the work is not done.
        record: name of the key's record, None without a key.
        shared: with a key, since other attempts may use the same ids.
    """

    ids: tuple[str, ...]
    answer: Answer | None = None
    record: str | None = None
    shared: Shared | None = None


class Idempotency:
    """Begins and finishes attempts.

    Args:
        records: of requests with keys.
        patience: how long to wait for the answer to an earlier attempt, seconds.
    """

    def __init__(self, records: Records, patience: float) -> None:
        self._records = records
        self._patience = patience
        self._used: dict[str, str] = {}  # uses of tokens: fingerprint by record

    async def begin(
        self,
        request: Request,
        options: Sequence[tuple[str, str]],
        contents: Sequence[tuple[str, bytes]],
    ) -> Attempt:
        """Claim a key, or wait for the answer if another attempt has claimed it.

        Args:
            request: its `state.holder` has the API key, and the upload token if there is one.
            options: names and values.
            contents: names and bytes of files or documents.

        Raises:
            InvalidKey: the key is empty, too long or given twice.
            KeyReused: the key was used for a different request, or its record is damaged.
            TokenExhausted: all uses of the token were for different requests.
            Unavailable: the record could not be written or read; nothing was done.
        """
        ids = tuple(new_id() for _ in contents)
        key, holder = _key(request), request.state.holder
        token = holder.token if holder.token and holder.token.uses else None
        if key is None and token is None:
            return Attempt(ids)
        begun = time.time()
        fingerprint = await run_in_threadpool(_fingerprint, request.url.path, options, contents)
        if token:
            mine = Claim(_hash([fingerprint, key]) if key else fingerprint, ids)
            record, claim = await run_in_threadpool(self._use, token, mine)
        else:
            record = _hash([holder.space, key])
            claim = await run_in_threadpool(self._claim, record, Claim(fingerprint, ids))
        if claim.ids == ids:
            return Attempt(ids, None, record, Shared(begun, begun + self._patience))
        ids = claim.ids
        answer = await until(lambda: self._records.answer(record, ids), bool, self._patience)
        if answer is None:
            await run_in_threadpool(self._check_age, record)
        return Attempt(ids, answer, record, Shared(begun, begun))

    async def finish(self, attempt: Attempt, answer: Answer) -> None:
        """Store the answer to an attempt for others, if it is final."""
        if attempt.record and answer.final:
            await run_in_threadpool(self._keep, attempt.record, attempt.ids, answer)

    def _use(self, token: Token, mine: Claim) -> tuple[str, Claim]:
        """Claim one of the uses of a token; return its record and its first claim.

        A use is claimed like an idempotency key: by one request, however often it is repeated. The
        fingerprint of a request says which use to try first, so a repeated one finds its own.
        """
        uses = token.uses or 0
        start = int(mine.fingerprint[:8], 16)
        for number in range(uses):
            record = _hash(["token", token.id, (start + number) % uses])
            if self._used.get(record, mine.fingerprint) != mine.fingerprint:
                continue
            claim = self._first(record, mine)
            self._remember(record, claim)
            if claim.fingerprint == mine.fingerprint:
                return record, claim
        raise TokenExhausted(
            f"The upload token was used {uses:,} times, which is all that it allows: get a new one "
            "with POST /tokens."
        )

    def _claim(self, record: str, mine: Claim) -> Claim:
        """Return the first claim of a key, for the same request."""
        claim = self._first(record, mine)
        if claim.fingerprint != mine.fingerprint:
            raise KeyReused(
                "This Idempotency-Key was used before with a different body or options: use a new "
                "key for each request, and repeat a request unchanged."
            )
        return claim

    def _first(self, record: str, mine: Claim) -> Claim:
        """Return the first claim of a record, which may be this one."""
        try:
            claim = self._records.claim(record, mine)
        except InvalidMessage as error:
            log.error("claim %s: %s", record, error)
            raise _unknown() from error
        if claim.fingerprint == mine.fingerprint and len(claim.ids) != len(mine.ids):
            log.error("claim %s: %d ids, expected %d", record, len(claim.ids), len(mine.ids))
            raise _unknown()
        return claim

    def _remember(self, record: str, claim: Claim) -> None:
        """Remember a use of a token, so that an exhausted one costs no calls.

        Claims outlive tokens, so what is remembered does not change.
        """
        if len(self._used) >= _MOST_REMEMBERED:
            self._used.clear()
        self._used[record] = claim.fingerprint

    def _check_age(self, record: str) -> None:
        """Check that a claim is young enough to be taken over.

        A user may have deleted the upload since. Its tombstone is younger than the claim, and lives
        longer than a claim can be taken over.
        """
        if datetime.now(UTC) - self._records.claimed(record) > _LONGEST_CLAIM:
            log.error("claim %s: it is too old to be taken over, and has no answer", record)
            raise _unknown()

    def _keep(self, record: str, ids: tuple[str, ...], answer: Answer) -> None:
        try:
            self._records.keep_answer(record, ids, answer)
        except Unavailable as error:
            # The uploads are accepted nevertheless: repeating them has no effect.
            log.warning("cannot store the answer of record %s: %s", record, error)


def _key(request: Request) -> str | None:
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    if len(keys) > 1 or not 1 <= len(keys[0]) <= MAX_KEY:
        raise InvalidKey(
            f"Idempotency-Key: expected one header of 1 to {MAX_KEY} characters, such as a UUID, "
            "which is new for each request and the same for its retries."
        )
    return keys[0]


def _fingerprint(
    path: str, options: Sequence[tuple[str, str]], contents: Sequence[tuple[str, bytes]]
) -> str:
    """Return a hash of the path, contents and options of a request.

    The body itself is not hashed, since the boundary of a form differs in every attempt.
    """
    hashes = [(name, hashlib.sha256(content).hexdigest()) for name, content in contents]
    return _hash([path, sorted(options), hashes])


def _unknown() -> KeyReused:
    return KeyReused(
        "The earlier request with this Idempotency-Key cannot be read any more: check whether its "
        "upload exists, and use a new key to repeat it."
    )


def _hash(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
