"""Laws of partners: what is settled is what members have, refunds leave nothing, conversions are in whole blocks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import patronage.settlements
from patronage import (
    Account,
    BenefitKind,
    Cancellation,
    Ceiling,
    Commit,
    Event,
    Line,
    MultiplierRule,
    PartnerPolicy,
    PayWithPoints,
    Program,
    Purchase,
    Redemption,
    Refund,
    SpendRule,
    Terms,
    Unit,
    currency,
)
from patronage.audit import audit
from patronage.codec import Codec
from patronage.conditions import HasGrant
from patronage.loyalty import Loyalty
from patronage.partners import AgreedPrice, Agreement, Partner
from patronage.partnerships import PartnerLinked, PartnerUnlinked, PartnerWindow
from patronage.periods import MONTH, YEAR
from patronage.settlements import Owed, Settled, settlements
from patronage.stores.memory import MemoryLedger

USD, POINTS, MILES = currency("USD"), Unit("points"), Unit("miles")
START = datetime(2026, 1, 5, 12, tzinfo=UTC)
CHANGE = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2028, 1, 1, tzinfo=UTC)
MEMBERS = ("ann", "bob")
PRICES = {"ride": Fraction(9, 10), "ride-later": Fraction(85, 100), "in-stay": Fraction(9, 10), "car": Fraction(2)}
"""Cents for a point, by rule."""


def cents(price: Fraction) -> AgreedPrice:
    """A price of a point, in cents."""
    return AgreedPrice(per=POINTS.of(price.denominator), pays=USD.steps(price.numerator))


RIDES = Partner(
    name="rides",
    linked=True,
    agreements=(
        Agreement(
            end=CHANGE,
            rules=(
                SpendRule(name="ride", per=USD.of("0.70"), credit=POINTS.of(1), whole=False),
                MultiplierRule(name="in-stay", of=("ride",), factor=3, when=HasGrant("partners.stay")),
            ),
            funds=(cents(PRICES["ride"]),),
        ),
        Agreement(
            start=CHANGE,
            rules=(SpendRule(name="ride-later", per=USD.of(2), credit=POINTS.of(3), whole=False),),
            funds=(cents(PRICES["ride-later"]),),
        ),
    ),
)
CARS = Partner(
    name="cars",
    agreements=(
        Agreement(
            rules=(
                SpendRule(
                    name="car",
                    per=USD.of(1),
                    credit=POINTS.of(1),
                    ceilings=(Ceiling(name="most", limit=POINTS.of(300), per=MONTH),),
                ),
            ),
            funds=(cents(PRICES["car"]),),
            costs=(AgreedPrice(per=MILES.of(100), pays=USD.of("1.30")),),
        ),
    ),
)
POLICY = PartnerPolicy(name="partners", partners=(RIDES, CARS), windows=("stay",))
CONVERT = PayWithPoints(
    name="convert",
    points=POINTS.of(30),
    value=MILES.of(10),
    bonus_per=POINTS.of(120),
    bonus=MILES.of(7),
    kind=BenefitKind.TRANSFER,
    items=("cars",),
    exactly=False,
)
PROGRAM = Program(
    id="hotels",
    time_zone="America/New_York",
    terms=Terms(units=(USD, POINTS, MILES), policies=(POLICY,), rewards=(CONVERT,)),
)

Steps = Sequence[tuple[str, str, int, int]]
steps = st.lists(
    st.tuples(
        st.sampled_from(["ride", "ride", "car", "refund", "link", "unlink", "stay", "convert", "cancel"]),
        st.sampled_from(MEMBERS),
        st.integers(1, 60_000),
        st.integers(0, 20),
    ),
    min_size=1,
    max_size=14,
)


@attrs.define
class Played:
    """The hotels, after what happened."""

    ledger: MemoryLedger = attrs.field(factory=MemoryLedger)
    bought: dict[str, tuple[str, int]] = attrs.field(factory=dict)
    asked: list[tuple[str, str]] = attrs.field(factory=list)
    now: datetime = START

    @property
    def loyalty(self) -> Loyalty:
        """The service."""
        return Loyalty(PROGRAM, self.ledger, clock=lambda: END)

    def play(self, told: Steps) -> Played:
        """Tells it all, each thing some days after the one before."""
        for n, (what, member, number, gap) in enumerate(told):
            self.now += timedelta(days=gap, hours=1)
            event = self.event(what, {"id": f"e-{n}", "member": member, "occurred_at": self.now}, number)
            if event is not None:
                self.loyalty.record(event)
        return self

    def event(self, what: str, head: dict[str, Any], number: int) -> Event | None:
        """One thing that happens."""
        of: dict[str, Any] = {**head, "policy": "partners"}
        match what:
            case "ride" | "car":
                self.bought[head["id"]] = (head["member"], number)
                stated = {"partner": f"{what}s"}
                return Purchase(**head, lines=(Line(total=USD.steps(number)),), attributes=stated)
            case "refund":
                mine = [id for id, (whose, left) in self.bought.items() if whose == head["member"] and left]
                return self.refund(head, mine[number % len(mine)], number) if mine else None
            case "link":
                return PartnerLinked(**of, partner="rides", account=f"a-{number}")
            case "unlink":
                return PartnerUnlinked(**of, partner="rides")
            case "stay":
                first = self.now + timedelta(days=number % 9)
                return PartnerWindow(**of, window="stay", starts_at=first, ends_at=first + timedelta(days=2))
            case "convert":
                self.asked.append((head["member"], head["id"]))
                return Redemption(**head, reward="convert", amount=POINTS.of(number % 900 + 1), choices=("cars",))
            case _:
                if not self.asked:
                    return None
                whose, undoes = self.asked[number % len(self.asked)]
                return Cancellation(**{**head, "member": whose}, undoes=undoes)

    def refund(self, head: dict[str, Any], purchase: str, part: int) -> Refund:
        """A refund of a part of what is left."""
        member, left = self.bought[purchase]
        back = min(left, part)
        self.bought[purchase] = (member, left - back)
        return Refund(**head, purchase=purchase, total=USD.steps(back))

    def commits(self, account: Account) -> list[Commit]:
        """An account's commits."""
        return list(self.ledger.history(account))

    def settled(self, period: Any = MONTH) -> tuple[Settled, ...]:
        """The settlement of all accounts."""
        accounts = [*(Account.member(member) for member in MEMBERS), POLICY.account("cars")]
        return settlements(PROGRAM, "partners", period, [self.commits(account) for account in accounts])

    def held(self, account: Account, unit: Unit) -> int:
        """What stands on an account, debt counted."""
        stored = self.ledger.load([account]).get(account)
        return 0 if stored is None else sum(lot.steps for lot in stored.state.lots.get(unit.code, ()))

    def spent(self) -> int:
        """The points that conversions that stand have taken."""
        got = 0
        for member in MEMBERS:
            for commit in self.commits(Account.member(member)):
                for entry in commit.entries:
                    payer, payee = (getattr(entry, side, None) for side in ("payer", "payee"))
                    if getattr(payee, "id", "") == "redeemed":
                        got += getattr(entry, "steps", 0)
                    elif getattr(payer, "id", "") == "redeemed":
                        got -= getattr(entry, "steps", 0)
        return got


def what_is_settled_is_what_members_have(told: Steps) -> None:
    """Points issued, less returned, are those that members hold and spent; miles are those on the partner's account."""
    shop = Played().play(told)
    rows = shop.settled()
    issued = sum(row.net.steps for row in rows if row.owed_for is Owed.ISSUED)
    assert issued == sum(shop.held(Account.member(member), POINTS) for member in MEMBERS) + shop.spent()
    converted = sum(row.net.steps for row in rows if row.owed_for is Owed.CONVERTED)
    assert converted == shop.held(POLICY.account("cars"), MILES)
    for member in MEMBERS:
        audit(shop.commits(Account.member(member)), calendar=PROGRAM.calendar)


def the_price_is_exact(told: Steps) -> None:
    """The price of all periods is that of each rule's points, at the price of its agreement."""
    shop = Played().play(told)
    exact = sum(row.exact or 0 for row in shop.settled() if row.owed_for is Owed.ISSUED)
    want = Fraction(0)
    for member in MEMBERS:
        for commit in shop.commits(Account.member(member)):
            for entry in commit.entries:
                for booking in getattr(entry, "books", ()):
                    want += PRICES.get(booking.rule, 0) * booking.steps if getattr(entry, "unit", "") == "points" else 0
    assert exact == want
    for row in shop.settled():
        assert row.money is not None and row.exact is not None
        assert abs(row.money.steps - row.exact) * 2 <= 1


def periods_add_up(told: Steps) -> None:
    """The months of a year come to the year."""
    shop = Played().play(told)
    months, years = shop.settled(MONTH), shop.settled(YEAR)

    def of(rows: Sequence[Settled]) -> dict[tuple[str, Owed, str], tuple[int, int, Fraction]]:
        found: dict[tuple[str, Owed, str], tuple[int, int, Fraction]] = {}
        for row in rows:
            key = (row.partner, row.owed_for, row.given.unit)
            a, b, c = found.get(key, (0, 0, Fraction(0)))
            found[key] = (a + row.given.steps, b + row.returned.steps, c + (row.exact or 0))
        return found

    assert of(months) == of(years)


def nothing_is_left(told: Steps) -> None:
    """Once all sales came back nothing is owed for what they issued, to the last part of a cent."""
    shop = Played().play([step for step in told if step[0] not in ("convert", "cancel")])
    for n, (purchase, (member, left)) in enumerate(list(shop.bought.items())):
        if left:
            head = {"id": f"back-{n}", "member": member, "occurred_at": shop.now}
            shop.loyalty.record(shop.refund(head, purchase, left))
    assert sum(row.exact or 0 for row in shop.settled()) == 0
    assert [shop.held(Account.member(member), POINTS) for member in MEMBERS] == [0, 0]


def whole_blocks(points: int) -> None:
    """However much is asked, points go in whole blocks, and each gives what it says, with the bonus."""
    shop = Played().play([("car", "ann", 30_000, 0)])
    head: dict[str, Any] = {"id": "c", "member": "ann", "occurred_at": shop.now}
    decision = shop.loyalty.record(Redemption(**head, reward="convert", amount=POINTS.of(points), choices=("cars",)))
    gone = 300 - shop.held(Account.member("ann"), POINTS)
    assert gone == min(points, 300) // 30 * 30
    assert shop.held(POLICY.account("cars"), MILES) == gone // 30 * 10 + gone // 120 * 7
    assert decision.accepted == bool(gone)


few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class TestLaws:
    """They hold."""

    @few
    @given(told=steps)
    def test_what_is_settled_is_what_members_have(self, told: Steps) -> None:
        """The settlement loses nothing and makes nothing up."""
        what_is_settled_is_what_members_have(told)

    @few
    @given(told=steps)
    def test_the_price_is_exact(self, told: Steps) -> None:
        """What came back is priced as it was issued."""
        the_price_is_exact(told)

    @few
    @given(told=steps)
    def test_periods_add_up(self, told: Steps) -> None:
        """Every instant is in one period."""
        periods_add_up(told)

    @few
    @given(told=steps)
    def test_nothing_is_left(self, told: Steps) -> None:
        """What came back whole is owed by nobody."""
        nothing_is_left(told)

    @few
    @given(points=st.integers(1, 400))
    def test_whole_blocks(self, points: int) -> None:
        """Blocks are whole, and the bonus is for whole parts."""
        whole_blocks(points)

    def test_the_program_goes_round(self) -> None:
        """Written and read it is the same program."""
        assert Codec().load(Codec().dump(PROGRAM), Program) == PROGRAM


SALES: Steps = [
    ("link", "ann", 1, 0),
    ("ride", "ann", 50_000, 1),
    ("car", "bob", 45_000, 1),
    ("convert", "bob", 299, 0),
    ("ride", "ann", 33_333, 60),
    ("refund", "ann", 20_000, 5),
    ("refund", "ann", 7_001, 5),
]


class TestSeededBugs:
    """Each law is broken by a bug planted for it."""

    def test_a_settlement_that_forgets_returns(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where what came back is not read, more is settled than members have."""
        known = patronage.settlements.Settlements.book

        def bug(
            self: Any, commit: Any, at: Any, partner: Any, owed_for: Any, unit: Any, count: int, price: Any
        ) -> None:
            known(self, commit, at, partner, owed_for, unit, max(count, 0), price)

        what_is_settled_is_what_members_have(SALES)
        monkeypatch.setattr(patronage.settlements.Settlements, "book", bug)
        with pytest.raises(AssertionError):
            what_is_settled_is_what_members_have(SALES)
        with pytest.raises(AssertionError):
            nothing_is_left(SALES)

    def test_a_refund_at_the_price_of_its_day(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where what came back is priced as of the day it came back, the price is wrong."""

        def bug(self: Any, commit: Any, at: datetime, told: Any, count: int) -> None:
            to, (_, unit, rule) = self._to, told
            partner, agreement = POLICY.agreed.get(rule, (None, None))
            if partner is not None and agreement is not None and count:
                now = partner.agreement_at(at) or agreement
                to.book(commit, at, partner, Owed.ISSUED, unit, count, now.funds[0])

        the_price_is_exact(SALES)
        monkeypatch.setattr(patronage.settlements._Issued, "_book", bug)
        with pytest.raises(AssertionError):
            the_price_is_exact(SALES)

    def test_an_entry_that_is_read_in_one_report_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where a period's end is in no period, the months do not come to the year."""
        known = patronage.settlements.Settlements.book

        def bug(self: Any, commit: Any, at: datetime, *rest: Any) -> None:
            if self._period is YEAR or at.month != 1:
                known(self, commit, at, *rest)

        monkeypatch.setattr(patronage.settlements.Settlements, "book", bug)
        with pytest.raises(AssertionError):
            periods_add_up(SALES)

    def test_a_bonus_for_a_part(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where a part of a block is converted, it is seen."""
        monkeypatch.setattr(PayWithPoints, "_block", lambda self: 1)
        with pytest.raises(AssertionError):
            whole_blocks(100)
