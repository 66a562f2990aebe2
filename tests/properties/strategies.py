"""Small values for the properties: amounts, lines, purchases, rules, and short histories that shrink well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from hypothesis import strategies as st

from model.histories import MEMBER, POINTS, USD, programs
from patronage import (
    Activity,
    Adjustment,
    Cancellation,
    Capture,
    Confirmation,
    Event,
    Grain,
    Line,
    LineKind,
    PointsPolicy,
    Program,
    Purchase,
    Redemption,
    Refund,
    RefundLine,
    RefundTerms,
    Release,
    Reservation,
    Rounding,
    SpendRule,
    StatusGrant,
    Terms,
)
from patronage.rewards import Reward
from patronage.rules import Ceiling, Rule

T0: Final = datetime(2024, 3, 1, 12, tzinfo=UTC)

modes = st.sampled_from(list(Rounding))
cents = st.one_of(st.integers(0, 3_000), st.sampled_from((99, 100, 101, 500, 1_000, 1_999)))
paid_cents = cents.filter(bool)
weights = st.lists(st.integers(0, 10_000), min_size=1, max_size=8)
ids = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, categories=("L", "N", "P")), min_size=1, max_size=12
).filter(lambda text: text[0] != "~" and text.isprintable())
gaps = st.one_of(st.sampled_from((0, 1, 24, 24 * 30, 24 * 31)), st.integers(0, 24 * 60)).map(
    lambda n: timedelta(hours=n)
)


def shop_program(
    *rules: Rule,
    ceilings: tuple[Ceiling, ...] = (),
    rewards: tuple[Reward, ...] = (),
    refunds: RefundTerms | None = None,
    zone: str = "UTC",
) -> Program:
    """A program of one policy."""
    policy = PointsPolicy(name="base", rules=rules, ceilings=ceilings)
    terms = Terms(units=(USD, POINTS), policies=(policy,), rewards=rewards, refunds=refunds or RefundTerms())
    return Program(id="shop", time_zone=zone, terms=terms)


def bought(id: str, *totals: int, at: datetime = T0) -> Purchase:
    """A purchase of goods, one line for each total in cents."""
    lines = tuple(Line(total=USD.steps(total)) for total in totals)
    return Purchase(id=id, member=MEMBER, occurred_at=at, lines=lines)


@st.composite
def spend_rules(draw: st.DrawFn) -> SpendRule:
    """A rule that credits points for money, whole or pro rata."""
    return SpendRule(
        per=USD.steps(draw(st.sampled_from((1, 50, 100, 300)))),
        credit=POINTS.of(draw(st.integers(1, 7))),
        name="spend",
        whole=draw(st.booleans()),
        rounding=draw(modes),
        grain=draw(st.sampled_from(list(Grain))),
    )


@st.composite
def lines(draw: st.DrawFn) -> Line:
    """A line, often of goods, at times with tax."""
    total = draw(cents)
    return Line(
        total=USD.steps(total),
        tax=draw(st.one_of(st.none(), st.integers(0, total).map(USD.steps))),
        quantity=draw(st.sampled_from((Decimal(1), Decimal(2), Decimal(3), Decimal("0.5")))),
        category=draw(st.sampled_from((None, "toys", "books"))),
        kind=draw(st.sampled_from((LineKind.GOODS, LineKind.GOODS, LineKind.SHIPPING, LineKind.GIFT_CARD))),
    )


@st.composite
def purchases(draw: st.DrawFn, id: str = "p-1", at: datetime = T0) -> Purchase:
    """A purchase of one to four lines."""
    return Purchase(id=id, member=MEMBER, occurred_at=at, lines=tuple(draw(st.lists(lines(), min_size=1, max_size=4))))


@st.composite
def refunds(draw: st.DrawFn, purchase: Purchase, id: str = "r-1", at: datetime = T0) -> Refund:
    """Some refund of a purchase, by line, quantity, money, or all of it: perhaps of more than is left."""
    how = draw(st.integers(0, 4))
    of: tuple[RefundLine, ...] = ()
    total = None
    line = draw(st.sampled_from(purchase.lines))
    if how == 1:
        of = (RefundLine(id=line.id or ""),)
    elif how == 2:
        of = (
            RefundLine(id=line.id or "", quantity=draw(st.sampled_from((Decimal(1), Decimal("0.5"), line.quantity)))),
        )
    elif how == 3 and line.total.steps:
        of = (RefundLine(id=line.id or "", total=USD.steps(draw(st.integers(1, line.total.steps)))),)
    elif how == 4 and purchase.total:
        total = USD.steps(draw(st.integers(1, purchase.total)))
    return Refund(id=id, member=MEMBER, occurred_at=at, purchase=purchase.id, lines=of, total=total)


@st.composite
def histories(draw: st.DrawFn, most: int = 8) -> tuple[Program, list[Event]]:
    """A program and a few events about each other, in order of time."""
    program = draw(st.sampled_from(programs()))
    events: list[Event] = []
    at = T0
    for n in range(draw(st.integers(1, most))):
        at += draw(gaps)
        events.append(draw(_events(n, at, events)))
    return program, events


@st.composite
def _events(draw: st.DrawFn, n: int, at: datetime, before: list[Event]) -> Event:
    name = f"e-{n}"
    known = [event for event in before if isinstance(event, Purchase)]
    held = [event for event in before if isinstance(event, Reservation)]
    kinds = ["purchase", "redeem", "reserve", "adjust", "activity", "status"]
    kinds += ["refund", "confirm"] if known else []
    kinds += ["capture", "release"] if held else []
    kinds += ["cancel", "again"] if before else []
    kind = draw(st.sampled_from(kinds))
    amount = draw(st.one_of(st.none(), st.integers(1, 6).map(lambda n: POINTS.of(5 * n))))
    if kind == "refund":
        return draw(refunds(draw(st.sampled_from(known)), name, at))
    if kind == "confirm":
        return Confirmation(id=name, member=MEMBER, occurred_at=at, of=draw(st.sampled_from(known)).id)
    if kind == "redeem":
        return Redemption(id=name, member=MEMBER, occurred_at=at, reward="pay", amount=amount)
    if kind == "reserve":
        lapses = draw(st.one_of(st.none(), st.integers(1, 1_000).map(lambda n: at + timedelta(hours=n))))
        return Reservation(id=name, member=MEMBER, occurred_at=at, reward="pay", amount=amount, lapses_at=lapses)
    if kind == "capture":
        return Capture(
            id=name, member=MEMBER, occurred_at=at, reservation=draw(st.sampled_from(held)).id, amount=amount
        )
    if kind == "release":
        return Release(id=name, member=MEMBER, occurred_at=at, reservation=draw(st.sampled_from(held)).id)
    if kind == "cancel":
        return Cancellation(id=name, member=MEMBER, occurred_at=at, undoes=draw(st.sampled_from(before)).id)
    if kind == "again":
        return draw(st.sampled_from(before))
    if kind == "adjust":
        steps = draw(st.integers(-30, 30).filter(bool))
        ends = at + timedelta(days=draw(st.integers(1, 40))) if steps > 0 and draw(st.booleans()) else None
        return Adjustment(
            id=name,
            member=MEMBER,
            occurred_at=at,
            amount=POINTS.of(steps),
            actor="ann",
            reason="goodwill",
            expires_at=ends,
        )
    if kind == "activity":
        return Activity(id=name, member=MEMBER, occurred_at=at, kind="review", count=draw(st.integers(1, 3)))
    if kind == "status":
        until = at + timedelta(days=draw(st.integers(1, 40)))
        return StatusGrant(id=name, member=MEMBER, occurred_at=at, key="gold", until=until, actor="ann", reason="vip")
    return draw(purchases(name, at))
