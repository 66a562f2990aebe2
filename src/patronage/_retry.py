"""How long, and how often, a writer who lost to another one tries again."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from hashlib import blake2b
from typing import Final

import attrs

from patronage.errors import InvalidValueError, quote

_DOUBLINGS_MAX: Final = 20


@attrs.frozen(kw_only=True)
class Retry:
    """
    How long a writer who lost tries again, where the repository owns the transaction.

    It reads and decides anew for *lasts*, measured by *monotonic* (nanoseconds), and rests between
    two tries: *pause* at first, twice as long each time, at most *pause_max*. How much of a pause is
    rested, a half to the whole, follows from the event's id, so that two writers do not keep step.
    *sleep* rests; None waits as `time.sleep` or `asyncio.sleep` do.
    """

    lasts: timedelta = timedelta(seconds=10)
    pause: timedelta = timedelta(milliseconds=1)
    pause_max: timedelta = timedelta(milliseconds=100)
    monotonic: Callable[[], int] = time.monotonic_ns
    sleep: Callable[[timedelta], Awaitable[None] | None] | None = None

    def __attrs_post_init__(self) -> None:
        for name in ("lasts", "pause", "pause_max"):
            value = getattr(self, name)
            if not isinstance(value, timedelta) or value < timedelta(0):
                raise InvalidValueError(f"{name} must be a timedelta of at least 0, not {quote(value)}.")

    def is_over(self, nanoseconds: int) -> bool:
        """Whether the time for trying is spent."""
        return timedelta(microseconds=nanoseconds // 1000) >= self.lasts

    def pause_after(self, lost: int, seed: str) -> timedelta:
        """How long to rest after having lost, and *lost* times before."""
        pause = min(self.pause * (1 << min(lost, _DOUBLINGS_MAX)), self.pause_max)
        byte = blake2b(f"{lost}/{seed}".encode(), digest_size=1).digest()[0]
        return pause * (256 + byte) // 512
