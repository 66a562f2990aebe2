"""A shop that gives a share of what is bought to charity, for the tests of donations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

import attrs

from patronage import (
    Account,
    Amount,
    BenefitKind,
    Commit,
    DonationPolicy,
    Event,
    Life,
    Line,
    PayWithPoints,
    PointsPolicy,
    Program,
    Purchase,
    Rejected,
    Rounding,
    SpendRule,
    Terms,
    Unit,
    UnitKind,
    currency,
)
from patronage.ledger import DONATED
from patronage.loyalty import Loyalty
from patronage.periods import QUARTER
from patronage.policies.donation import LapsedShare, PaidAs, Payout
from patronage.stores.memory import MemoryLedger
from patronage.terms_of_time import days

USD = currency("USD")
GIVEN = Unit("given", decimals=5, kind=UnitKind.TALLY)
POINTS = Unit("points")
START = datetime(2022, 1, 10, 12, tzinfo=UTC)
LATER = datetime(2030, 1, 1, tzinfo=UTC)

SHARE = SpendRule(per=USD.of(1), credit=GIVEN.of("0.005"), whole=False, name="share")
PAYOUT = Payout(pays="USD", paid_as=PaidAs.MONEY, period=QUARTER, minimum=GIVEN.of(5), rounding=Rounding.HALF_UP)


def smile(**changes: Any) -> DonationPolicy:
    """The policy: half a percent of each purchase, to A unless the member chose B."""
    fields: dict[str, Any] = {
        "name": "smile",
        "charities": ("A", "B"),
        "default": "A",
        "unit": "given",
        "money": "USD",
        "rules": (SHARE,),
        "lapsed": (LapsedShare(per=POINTS.of(100), credit=GIVEN.of("1.00")),),
        "payout": PAYOUT,
    }
    return DonationPolicy(**{**fields, **changes})


BASE = PointsPolicy(
    name="base",
    rules=(
        SpendRule(per=USD.of(1), credit=POINTS.of(1), life=Life(expires_after=days(90), goes_to=DONATED), name="spend"),
    ),
)
GIVE = PayWithPoints(
    name="give",
    points=POINTS.of(100),
    value=USD.of(5),
    kind=BenefitKind.DONATION,
    items=("A", "B"),
)


def program(policy: DonationPolicy | None = None, **terms: Any) -> Program:
    """The shop's program."""
    stated: dict[str, Any] = {
        "units": (USD, GIVEN, POINTS),
        "policies": (BASE, policy or smile()),
        "rewards": (GIVE,),
    }
    return Program(id="shop", time_zone="America/Los_Angeles", terms=Terms(**{**stated, **terms}))


@attrs.define
class Shop:
    """A service over a store in memory, and what is read of it."""

    program: Program
    ledger: MemoryLedger = attrs.field(factory=MemoryLedger)
    _ids: count[int] = attrs.field(factory=count)

    @property
    def loyalty(self) -> Loyalty:
        """The service."""
        return Loyalty(self.program, self.ledger, clock=lambda: LATER)

    def record(self, event: Event) -> Any:
        """Records an event; it must be accepted."""
        decision = self.loyalty.record(event)
        assert not isinstance(decision, Rejected), decision.refusal
        return decision

    def refused(self, event: Event) -> str:
        """Records an event that is refused, and gives the code of the refusal."""
        decision = self.loyalty.record(event)
        assert isinstance(decision, Rejected)
        return decision.refusal.code.value

    def buy(self, total: str, at: datetime = START, *, member: str = "m-1", id: str | None = None) -> str:
        """A purchase of one line; its id."""
        name = id or f"o-{next(self._ids)}"
        lines = (Line(total=USD.of(total)),)
        self.record(Purchase(id=name, member=member, occurred_at=at, lines=lines))
        return name

    def commits(self, *accounts: Account) -> Sequence[Commit]:
        """All commits of these accounts."""
        return [commit for account in accounts for commit in self.ledger.history(account)]

    def held(self, account: Account, unit: Unit, label: str | None = None) -> Amount:
        """What an account holds of a unit under a label, debt counted."""
        stored = self.ledger.load([account]).get(account)
        lots = () if stored is None else stored.state.lots.get(unit.code, ())
        return unit.steps(sum(lot.steps for lot in lots if lot.label == label))
