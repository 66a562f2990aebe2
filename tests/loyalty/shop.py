"""A small shop: a point a dollar for a year, a dollar for a hundred points; and a clock that stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import attrs

from patronage import (
    Account,
    Adjustment,
    Commit,
    Decision,
    Line,
    PayWithPoints,
    PointsPolicy,
    Program,
    Purchase,
    Redemption,
    Refund,
    SpendRule,
    Terms,
    Unit,
    currency,
)
from patronage.loyalty import Loyalty, Retry
from patronage.occasions import Life
from patronage.repositories import LedgerRepository
from patronage.stores.memory import MemoryLedger
from patronage.terms_of_time import days

USD: Final = currency("USD")
POINTS: Final = Unit("points")
ANN: Final = Account.member("ann")
BOB: Final = Account.member("bob")
NOON: Final = datetime(2025, 1, 1, 12, tzinfo=UTC)
DAY: Final = timedelta(days=1)
MICROSECOND: Final = timedelta(microseconds=1)

PROGRAM: Final = Program(
    id="shop",
    time_zone="America/New_York",
    terms=Terms(
        units=(USD, POINTS),
        policies=(
            PointsPolicy(
                name="base",
                rules=(SpendRule(per=USD.of("1.00"), credit=POINTS.of(1), life=Life(expires_after=days(365))),),
            ),
        ),
        rewards=(PayWithPoints(name="pay", points=POINTS.of(100), value=USD.of("1.00")),),
    ),
)


@attrs.define
class Clock:
    """A clock that stands until it is set."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        """The instant that it stands at."""
        return self.at


def buy(id: str, total: str, member: str = "ann", at: datetime = NOON) -> Purchase:
    """A purchase of one line."""
    return Purchase(id=id, member=member, occurred_at=at, lines=(Line(total=USD.of(total)),))


def redeem(id: str, points: int, member: str = "ann", at: datetime = NOON) -> Redemption:
    """A request to spend points."""
    return Redemption(id=id, member=member, occurred_at=at, reward="pay", amount=POINTS.of(points))


def refund(id: str, purchase: str, total: str | None = None, at: datetime = NOON) -> Refund:
    """A purchase of ann's comes back, in part where a total is given."""
    money = None if total is None else USD.of(total)
    return Refund(id=id, member="ann", occurred_at=at, purchase=purchase, total=money)


def opening(
    id: str,
    points: int,
    member: str = "ann",
    at: datetime = NOON,
    *,
    available_at: datetime | None = None,
    expires_at: datetime | None = None,
) -> Adjustment:
    """An opening balance."""
    return Adjustment(
        id=id,
        member=member,
        occurred_at=at,
        amount=POINTS.of(points),
        actor="desk",
        reason="opening",
        available_at=available_at,
        expires_at=expires_at,
    )


def commits_of(repository: LedgerRepository, account: Account = ANN) -> Sequence[Commit]:
    """All that is stored of an account."""
    return tuple(repository.history(account))


def shop(
    repository: LedgerRepository | None = None, clock: Callable[[], datetime] | None = None, retry: Retry | None = None
) -> Loyalty:
    """The shop's service, over a fresh store unless one is given. Nothing is retried unless asked for."""
    return Loyalty(PROGRAM, repository or MemoryLedger(), clock=clock or Clock(), retry=retry)


def points_of(loyalty: Loyalty, member: str = "ann") -> int:
    """What a member can spend now."""
    return loyalty.standing(member).available(POINTS).steps


def earned(decision: Decision) -> int:
    """What a decision earned."""
    return decision.earned(POINTS).total.steps
