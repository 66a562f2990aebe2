"""
Exact allocation over a stream: who gets the odd steps, found in bounded memory and told by a few numbers.

`units.allocate` holds all shares at once. Here the weights are read several times instead, in order of
their keys, and what comes out is a `Cut`: with it each share follows from its own key and weight alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import attrs

from patronage.errors import InvalidValueError, quote
from patronage.units import OddStep

BUCKETS: Final = 4_096
"""How finely one reading sorts remainders; at most so many of them are ever held at once."""


@attrs.frozen(kw_only=True)
class Cut:
    """
    How *total* is shared out over *weight* in all, among *members* that have one: a value of a few numbers.

    Each gets its exact share cut down to whole steps; *left* of them get one more: with
    LARGEST_REMAINDER those whose remainder is above *least*, and of those at it the keys up to *last*;
    with FIRST the keys up to *last*, with LAST those from it on.
    """

    total: int
    weight: int
    members: int
    odd: OddStep
    left: int = 0
    least: int = 0
    last: str | None = None

    def share(self, key: str, weight: int) -> int:
        """The share of one weight, in steps."""
        if not weight:
            return 0
        whole, rest = divmod(self.total * weight, self.weight)
        if self.last is None:
            return whole
        if self.odd is OddStep.FIRST:
            return whole + (key <= self.last)
        if self.odd is OddStep.LAST:
            return whole + (key >= self.last)
        return whole + (rest > self.least or (rest == self.least and key <= self.last))


class Cutting:
    """
    Finds a `Cut` by several readings of the same weights: `add` each, then `end_reading`, until there is a *cut*.

    Raises InvalidValueError for weights below zero, keys out of order, a reading that differs from the
    first, and where every weight is 0 and there is something to share.
    """

    def __init__(self, total: int, odd: OddStep = OddStep.LARGEST_REMAINDER) -> None:
        if type(total) is not int or total < 0:
            raise InvalidValueError(f"What is shared out must be a whole number of at least 0, not {quote(total)}.")
        self._total, self._odd = total, odd
        self.cut: Cut | None = None
        self._weight = self._members = 0
        self._first = True
        self._low, self._high = 0, 0
        self._wanted = -1
        self._counts: list[int] | None = None
        self._held: list[tuple[int, str]] | None = None
        self._begin()

    def _begin(self) -> None:
        self._read_weight = self._read_members = self._given = self._seen = 0
        self._key: str | None = None
        self._last: str | None = None

    def add(self, key: str, weight: int) -> None:
        """One weight, in order of keys."""
        if type(weight) is not int or weight < 0:
            raise InvalidValueError(f"A weight must be a whole number of at least 0, not {quote(weight)}.")
        if self._key is not None and key <= self._key:
            raise InvalidValueError(f"Weights are read in order of their keys: {quote(key)} came behind its place.")
        self._key = key
        if not weight:
            return
        self._read_weight += weight
        self._read_members += 1
        if self._first:
            return
        whole, rest = divmod(self._total * weight, self._weight)
        self._given += whole
        if self._odd is not OddStep.LARGEST_REMAINDER:
            if self._wanted > 0 and self._read_members == self._wanted:
                self._last = key
        elif self._low <= rest < self._high:
            if self._held is not None:
                self._held.append((-rest, key))
            elif self._counts is not None:
                self._counts[self._bucket(rest)] += 1
            elif self._seen < self._wanted:  # Of one remainder: the first so many keys.
                self._seen += 1
                self._last = key

    def _bucket(self, rest: int) -> int:
        width = self._high - self._low
        return rest - self._low if width <= BUCKETS else (rest - self._low) * BUCKETS // width

    def _bounds(self, bucket: int) -> tuple[int, int]:
        width = self._high - self._low
        if width <= BUCKETS:
            return self._low + bucket, self._low + bucket + 1
        return self._low - (-bucket * width // BUCKETS), self._low - (-(bucket + 1) * width // BUCKETS)

    def end_reading(self) -> None:
        """All weights were added once."""
        if self._first:
            self._end_first()
        elif (self._read_weight, self._read_members) != (self._weight, self._members):
            raise InvalidValueError("The weights changed while they were read: share out again.")
        elif self._odd is OddStep.LARGEST_REMAINDER:
            self._narrow()
        elif self._wanted < 0:
            left = self._total - self._given
            self._wanted = left if self._odd is OddStep.FIRST else self._members - left + 1
            if not left:
                self._made(0, 0, None)
        else:
            self._made(self._total - self._given, 0, self._last)
        self._begin()

    def _end_first(self) -> None:
        self._first = False
        self._weight, self._members = self._read_weight, self._read_members
        self._high = self._weight
        if not self._total:
            self._made(0, 0, None)
        elif not self._weight:
            raise InvalidValueError("Nothing can be shared out where every weight is 0.")
        else:
            self._counts = [0] * BUCKETS

    def _made(self, left: int, least: int, last: str | None) -> None:
        self.cut = Cut(
            total=self._total,
            weight=self._weight,
            members=self._members,
            odd=self._odd,
            left=left,
            least=least,
            last=last,
        )

    def _narrow(self) -> None:
        """Where among the remainders the odd steps end, by what the reading counted or held."""
        left = self._total - self._given
        if self._wanted < 0:
            self._wanted = left
            if not left:
                return self._made(0, 0, None)
        if self._held is not None:
            rest, key = sorted(self._held)[self._wanted - 1]
            return self._made(left, -rest, key)
        if self._counts is None:
            return self._made(left, self._low, self._last)
        bucket = BUCKETS
        while True:
            bucket -= 1
            if self._counts[bucket] >= self._wanted:
                break
            self._wanted -= self._counts[bucket]
        count = self._counts[bucket]
        self._low, self._high = self._bounds(bucket)
        self._counts = None
        if count <= BUCKETS:
            self._held = []
        elif self._high - self._low > 1:
            self._counts = [0] * BUCKETS
        return None


def cut_of(
    total: int, weights: Callable[[], Iterable[tuple[str, int]]], odd: OddStep = OddStep.LARGEST_REMAINDER
) -> Cut:
    """
    How *total* is shared out in proportion to *weights*: pairs of a key and a weight, in order of the keys.

    *weights* is called several times, gives a fresh iterable each time, and the same pairs. Equal
    remainders: the lower keys first. Memory does not grow with the number of weights. Raises what
    `Cutting` raises.
    """
    cutting = Cutting(total, odd)
    while cutting.cut is None:
        for key, weight in weights():
            cutting.add(key, weight)
        cutting.end_reading()
    return cutting.cut
