"""Quotas: how much may be uploaded in a minute with an API key, or a token.

Each minute's quota is divided into blocks. An instance takes a block by creating a blob, which only
one can, and then counts in memory. So all instances together never exceed the quota, however many
there are, at a few calls a minute for each key. What is left of blocks in other instances is not
found: the quota may appear used up a little early. docs/decisions/0018-upload-tokens.md tells what
else was considered.
"""

import asyncio
import hashlib
import math
import random
import time
from collections.abc import Callable
from typing import TypeAlias

from starlette.concurrency import run_in_threadpool

from quickthumb.api.access import Holder
from quickthumb.api.records import Records
from quickthumb.problems import TooLarge, TooManyRequests, Unavailable

Amounts: TypeAlias = tuple[int, int]
"""Pictures, and their bytes together."""

Quota: TypeAlias = tuple[int | None, int | None]
"""Pictures and bytes a minute; None for any number."""

BLOCKS = 10
"""Most blocks of a quota, and so most calls that succeed a minute."""

_MINUTE = 60  # seconds


class _Balance:
    """What is left of the blocks that this instance has taken, in one minute.

    Args:
        name: prefix of the names of the blocks.
        quota: of all instances.
    """

    def __init__(self, name: str, quota: Quota) -> None:
        self.quota = quota
        self.lock = asyncio.Lock()
        self._name = name
        self._blocks = min(BLOCKS, *(limit for limit in quota if limit is not None))
        self._untried = random.sample(range(self._blocks), self._blocks)
        self._left = [math.inf if limit is None else 0.0 for limit in quota]

    def __str__(self) -> str:
        """Return the quota in words."""
        units = zip(self.quota, ("pictures", "bytes"), strict=True)
        limits = [f"{limit:,} {unit}" for limit, unit in units if limit is not None]
        return f"{' and '.join(limits)} a minute"

    @property
    def is_used_up(self) -> bool:
        """Whether nothing is left, here or in storage."""
        return not self._untried and not self.covers((1, 1))

    def covers(self, amounts: Amounts) -> bool:
        """Return whether this much is left."""
        return all(left >= amount for left, amount in zip(self._left, amounts, strict=True))

    def add(self, amounts: Amounts) -> None:
        """Add pictures and bytes."""
        self._left = [left + more for left, more in zip(self._left, amounts, strict=True)]

    def subtract(self, amounts: Amounts) -> None:
        """Use pictures and bytes."""
        self._left = [left - less for left, less in zip(self._left, amounts, strict=True)]

    async def grow(self, records: Records) -> bool:
        """Try to take another block; return whether there was one to try."""
        if not self._untried:
            return False
        block = self._untried.pop()
        if await run_in_threadpool(records.lease, f"{self._name}/{block}"):
            self.add(self._share(block))
        return True

    def _share(self, block: int) -> Amounts:
        """Return the pictures and bytes of a block; those of all blocks are the quota."""
        count = self._blocks
        pictures, size = (
            limit * (block + 1) // count - limit * block // count
            for limit in (limit or 0 for limit in self.quota)
        )
        return pictures, size


class Quotas:
    """The quotas of keys and tokens.

    Args:
        records: where blocks are taken.
        of_key: quota of each API key.
        clock: seconds of `time.time`.
    """

    def __init__(
        self,
        records: Records,
        of_key: Quota,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._records = records
        self._of_key = of_key
        self._clock = clock
        self._minute = 0
        self._balances: dict[str, _Balance] = {}

    def check(self, holder: Holder) -> None:
        """Refuse an upload that is not received yet, if a quota is known to be used up.

        Raises:
            TooManyRequests: it is.
        """
        for who, balance in self._of(holder):
            if balance.is_used_up:
                raise self._used_up(who, balance)

    async def take(self, holder: Holder, extent: Amounts) -> Callable[[], None]:
        """Count an upload, which must be within the quotas of its token and of its key.

        Returns:
            Undoes it, for an upload of which nothing was done. It counts for the minute in which it
            was taken, even if that has ended.

        Raises:
            TooManyRequests: a quota is used up.
            TooLarge: the upload alone exceeds a quota.
            Unavailable: no block could be taken.
        """
        taken: list[_Balance] = []

        def give_back() -> None:
            for balance in taken:
                balance.add(extent)

        try:
            for who, balance in self._of(holder):
                await self._take(balance, who, extent)
                taken.append(balance)
        except (TooManyRequests, TooLarge, Unavailable):
            give_back()
            raise
        return give_back

    def _of(self, holder: Holder) -> list[tuple[str, _Balance]]:
        """Return whose quotas count for a holder, in words, and what is left of them."""
        found = []
        if token := holder.token:
            quota = (token.uploads_per_minute, token.bytes_per_minute)
            found.append(("upload token", f"token {token.id}", quota))
        found.append(("API key", f"key {holder.key}", self._of_key))
        return [
            (who, self._balance(subject, quota))
            for who, subject, quota in found
            if quota != (None, None)
        ]

    def _balance(self, subject: str, quota: Quota) -> _Balance:
        minute = int(self._clock() // _MINUTE)
        if minute != self._minute:
            self._minute = minute
            self._balances.clear()
        if subject not in self._balances:
            hashed = hashlib.sha256(subject.encode()).hexdigest()
            self._balances[subject] = _Balance(f"quotas/{minute}/{hashed}", quota)
        return self._balances[subject]

    async def _take(self, balance: _Balance, who: str, wanted: Amounts) -> None:
        limits = zip(balance.quota, wanted, strict=True)
        if any(limit is not None and amount > limit for limit, amount in limits):
            raise TooLarge(f"The request exceeds the quota of this {who}, {balance}.")
        async with balance.lock:
            while not balance.covers(wanted):
                if not await balance.grow(self._records):
                    raise self._used_up(who, balance)
            balance.subtract(wanted)

    def _used_up(self, who: str, balance: _Balance) -> TooManyRequests:
        wait = _MINUTE - int(self._clock() % _MINUTE)
        return TooManyRequests(
            f"The quota of this {who}, {balance}, is used up: retry in {wait} seconds.", wait
        )
