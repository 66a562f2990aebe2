"""
Hypothesis strategies: amounts, lines, purchases, refunds, gifts and short histories of one member or several.

Hypothesis is needed here and nowhere else: `pip install hypothesis`. Everything drawn is valid, and
shrinks to the plainest case: one line of one step.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from patronage.events import (
    Activity,
    Cancellation,
    Discount,
    Enrolment,
    Event,
    Gift,
    Line,
    LineKind,
    Purchase,
    Redemption,
    Refund,
    RefundLine,
)
from patronage.testing.kit import AT, MEMBER, USD
from patronage.units import Amount, Unit

_GOODS = (LineKind.GOODS,)


def amounts(unit: Unit, *, at_least: int = 0, at_most: int = 1_000_000) -> st.SearchStrategy[Amount]:
    """Amounts of *unit*, of *at_least* to *at_most* smallest steps."""
    return st.integers(at_least, at_most).map(unit.steps)


def quantities() -> st.SearchStrategy[Decimal]:
    """Quantities: mostly whole, now and then with decimals, as of cloth or cheese."""
    parts = st.decimals(min_value="0.001", max_value="20", places=3, allow_nan=False, allow_infinity=False)
    return st.integers(1, 12).map(Decimal) | parts


@st.composite
def lines(
    draw: st.DrawFn,
    unit: Unit = USD,
    *,
    kinds: Sequence[LineKind] = _GOODS,
    categories: Sequence[str | None] = (None, "books", "food", "toys"),
    at_most: int = 50_000,
    taxed: bool = False,
) -> Line:
    """Lines of a purchase in the currency *unit*: with *taxed* some have a tax part."""
    total = draw(amounts(unit, at_most=at_most))
    tax = draw(st.none() | st.integers(0, total.steps).map(unit.steps)) if taxed else None
    return Line(
        total=total,
        quantity=draw(quantities()),
        kind=draw(st.sampled_from(list(kinds))),
        category=draw(st.sampled_from(list(categories))),
        tax=tax,
    )


@st.composite
def purchases(
    draw: st.DrawFn,
    unit: Unit = USD,
    *,
    id: str = "o-1",
    member: str = MEMBER,
    at: datetime = AT,
    each: st.SearchStrategy[Line] | None = None,
    lines_max: int = 4,
    discounted: bool = True,
) -> Purchase:
    """Purchases of one to *lines_max* lines (*each*), some with a discount on the whole order."""
    bought = draw(st.lists(lines(unit) if each is None else each, min_size=1, max_size=lines_max))
    total = sum(line.total.steps for line in bought)
    discounts: tuple[Discount, ...] = ()
    if discounted and draw(st.booleans()):
        discounts = (Discount(kind="coupon", total=unit.steps(draw(st.integers(0, total)))),)
    return Purchase(id=id, member=member, occurred_at=at, lines=tuple(bought), discounts=discounts)


@st.composite
def refunds_of(draw: st.DrawFn, purchase: Purchase, *, id: str = "f-1", after: timedelta = timedelta(days=1)) -> Refund:
    """
    Refunds of *purchase* alone: of all of it, of some lines (whole or by quantity), or of a sum of money.

    Drawn again after an earlier refund it may ask for more than is left, which a program refuses.
    """
    part: dict[str, object] = {}
    choice = draw(st.sampled_from(["all", "lines", "total"] if purchase.lines else ["all"]))
    if choice == "lines":
        chosen = draw(st.lists(st.sampled_from(purchase.lines), min_size=1, unique_by=lambda line: line.id))
        part["lines"] = tuple(
            RefundLine(id=line.id or "", quantity=draw(st.none() | _part_of(line.quantity))) for line in chosen
        )
    elif choice == "total" and purchase.total:
        currency = purchase.currency
        assert currency is not None
        part["total"] = Amount(draw(st.integers(1, purchase.total)), currency)
    return Refund(
        id=id,
        member=purchase.member,
        occurred_at=purchase.occurred_at + after,
        purchase=purchase.id,
        **part,  # type: ignore[arg-type]  # lines or total, as drawn above
    )


def _part_of(quantity: Decimal) -> st.SearchStrategy[Decimal]:
    """A part of a quantity: one, where there is more, else all of it."""
    return st.just(Decimal(1) if quantity > 1 else quantity)


@st.composite
def histories(
    draw: st.DrawFn,
    unit: Unit = USD,
    *,
    member: str = MEMBER,
    start: datetime = AT,
    rewards: Sequence[str] = (),
    activities: Sequence[str] = (),
    events_max: int = 8,
) -> tuple[Event, ...]:
    """
    Short histories of one member, in order of time: purchases, their refunds and cancellations, and the rest named.

    *rewards* are redeemed by name, *activities* are kinds. Ids are unique. Some requests will be
    refused (too little balance, more asked back than is left): a program must answer those too.
    """
    events: list[Event] = []
    bought: list[Purchase] = []
    at = start
    if draw(st.booleans()):
        events.append(Enrolment(id="e-1", member=member, occurred_at=at))
    kinds = ["purchase"] + ["redemption"] * bool(rewards) + ["activity"] * bool(activities)
    for n in range(1, draw(st.integers(1, events_max)) + 1):
        at += timedelta(hours=draw(st.integers(0, 24 * 40)))
        kind = draw(st.sampled_from(kinds + ["refund", "refund", "cancellation"] * bool(bought)))
        event: Event
        if kind == "purchase":
            event = draw(purchases(unit, id=f"o-{n}", member=member, at=at))
            bought.append(event)
        elif kind == "refund":
            purchase = draw(st.sampled_from(bought))
            event = draw(refunds_of(purchase, id=f"f-{n}", after=at - purchase.occurred_at))
        elif kind == "cancellation":
            undoes = draw(st.sampled_from(bought)).id
            event = Cancellation(id=f"c-{n}", member=member, occurred_at=at, undoes=undoes)
        elif kind == "redemption":
            reward = draw(st.sampled_from(list(rewards)))
            event = Redemption(id=f"r-{n}", member=member, occurred_at=at, reward=reward)
        else:
            done = draw(st.sampled_from(list(activities)))
            event = Activity(id=f"a-{n}", member=member, occurred_at=at, kind=done, count=draw(st.integers(1, 5)))
        events.append(event)
    return tuple(events)


@st.composite
def gifts(
    draw: st.DrawFn,
    unit: Unit,
    *,
    id: str = "g-1",
    member: str = MEMBER,
    to: str = "m-2",
    at: datetime = AT,
    at_most: int = 1_000,
) -> Gift:
    """Gifts of one to *at_most* smallest steps of *unit*; some are more than the giver has, which a program refuses."""
    return Gift(id=id, member=member, occurred_at=at, to=to, amount=draw(amounts(unit, at_least=1, at_most=at_most)))


@st.composite
def interleaved(draw: st.DrawFn, histories: Sequence[st.SearchStrategy[tuple[Event, ...]]]) -> tuple[Event, ...]:
    """
    The events of several members' histories, each member's in their own order, drawn into one.

    So shared accounts (budgets, stock) see them in any order of their instants. Members may use equal ids.
    """
    left = [list(draw(history)) for history in histories]
    events: list[Event] = []
    while any(left):
        some = [history for history in left if history]
        events.append(some[draw(st.integers(0, len(some) - 1))].pop(0))
    return tuple(events)
