"""What the reference ledger keeps, and the arithmetic that it needs: plain tuples and functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

from patronage import (
    BonusRule,
    Line,
    PayWithPoints,
    Purchase,
    Redemption,
    Reservation,
    Rounding,
    SpendRule,
)
from patronage.conditions import Category
from patronage.terms_of_time import Term

FAR = datetime.max.replace(tzinfo=UTC)
OWED = "(owed)"

Group = tuple[str, str, str | None]
"""Policy, unit and label: what a refund compares."""
Figures = dict[tuple[Group, str], int]
"""Steps per group and rule."""


class Key(NamedTuple):
    """What tells one lot from another."""

    unit: str
    label: str | None
    available_at: datetime | None
    confirm: bool
    expires_at: datetime | None
    expires_after: Term | None
    root: str | None
    credited_at: datetime | None
    reserved_for: str | None


class Row(NamedTuple):
    """A line of the journal: steps in or out of a lot, where from or where to, and what it is about."""

    lot: Key
    steps: int
    flow: str
    root: str


class Item(NamedTuple):
    """A line of a purchase, or what is left of one."""

    line: Line
    total: int
    tax: int


class Basket(NamedTuple):
    """A purchase, or what is left of one."""

    items: tuple[Item, ...]
    currency: str
    discount: int
    tenders: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        """What is charged."""
        return sum(item.total for item in self.items) - self.discount


class Left(NamedTuple):
    """What refunds leave: the basket (None for nothing), the money that came back, and per redemption."""

    basket: Basket | None
    returned: int
    tenders: Mapping[str, int]


class Seen(NamedTuple):
    """What rules could see when an event was decided."""

    at: datetime
    grants: frozenset[tuple[str, str | None]]
    used: Mapping[tuple[str, str], int]


class Given:
    """A grant of an operator."""

    def __init__(self, key: str, value: str | None, actor: str, start: datetime, until: datetime | None) -> None:
        self.key, self.value, self.actor, self.start, self.until = key, value, actor, start, until


def rounded(number: Fraction, mode: Rounding) -> int:
    """The whole number that a fraction becomes."""
    if mode is Rounding.FLOOR:
        return floor(number)
    if mode is Rounding.CEILING:
        return ceil(number)
    low, half = floor(number), number - floor(number) - Fraction(1, 2)
    if half:
        return low + (half > 0)
    if mode is Rounding.HALF_EVEN:
        return low + low % 2
    away = low + 1 if number > 0 else low
    return away if mode is Rounding.HALF_UP else (low if number > 0 else low + 1)


def half_up(number: Fraction) -> int:
    """Rounded half up."""
    return rounded(number, Rounding.HALF_UP)


def shared(total: int, weights: Sequence[Fraction | int]) -> list[int]:
    """Shares of *total* by weight, the odd steps to the largest remainders, the first of equals first."""
    whole = sum(weights)
    if not whole:
        return [0 for _ in weights]
    ideals = [Fraction(total) * weight / whole for weight in weights]
    return levelled(total, ideals)


def levelled(total: int, ideals: Sequence[Fraction]) -> list[int]:
    """*ideals* as whole numbers that sum to *total*: floors, then one more for the largest remainders."""
    shares = [floor(ideal) for ideal in ideals]
    left = total - sum(shares)
    for i in sorted(range(len(ideals)), key=lambda i: (shares[i] - ideals[i], i))[:left]:
        shares[i] += 1
    return shares


def month_start(day: date) -> date:
    """The first day of the next month."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def basket_of(purchase: Purchase) -> Basket:
    """A purchase as it was made."""
    items = tuple(
        Item(line, line.total.steps, line.tax.steps if line.tax is not None else 0) for line in purchase.lines
    )
    tenders = tuple((tender.kind, tender.total.steps) for tender in purchase.tenders)
    return Basket(items, purchase.currency or "", sum(d.total.steps for d in purchase.discounts), tenders)


def base(rule: SpendRule, basket: Basket) -> list[int]:
    """The money of each line that counts."""
    off = shared(basket.discount, [item.total for item in basket.items])
    charged = [item.total - share for item, share in zip(basket.items, off, strict=True)]
    named = sum(steps for kind, steps in basket.tenders if kind in rule.base.less_tenders)
    paid = shared(named, charged)
    counted = []
    for item, net, share in zip(basket.items, charged, paid, strict=True):
        part = net
        if not rule.base.tax and item.total:
            part -= half_up(Fraction(item.tax * net, item.total))
        if net:
            part -= half_up(Fraction(share * part, net))
        matches = rule.lines is None or (isinstance(rule.lines, Category) and item.line.category in rule.lines.of)
        counted.append(part if matches and item.line.kind in rule.base.kinds else 0)
    return counted


def price(reward: PayWithPoints, event: Redemption | Reservation, available: int) -> tuple[int, int] | str:
    """What paying with points costs, and the money off; or the code of a refusal."""
    order_total = sum(line.total.steps for line in event.cart if line.kind in reward.kinds)
    if reward.order_minimum is not None and order_total < reward.order_minimum.steps:
        return "order_below_minimum"
    block = reward.points.steps if reward.whole_blocks else 1
    if reward.step is not None:
        block = reward.step.steps if reward.step.steps % block == 0 else block * reward.step.steps
    limits = [FAR.year * 10**12] if reward.maximum is None else [reward.maximum.steps]
    rate = Fraction(reward.value.steps, reward.points.steps)
    if event.cart:
        limits.append(floor(floor(order_total * (reward.share_max or 1)) / rate))
    if event.amount is None:
        limits.append(available)
    most = min(limits)
    if event.amount is None:
        wish = most // block * block
    else:
        asked = event.amount
        wish = asked.steps if asked.unit == reward.points.unit else ceil(asked.steps / rate)
        if not reward.exactly:
            wish = min(wish, most, available) // block * block
        elif wish > most:
            return "amount_above_maximum"
        elif wish % block:
            return "amount_not_a_step"
    least = 1 if reward.minimum is None else reward.minimum.steps
    if wish < least:
        return "balance_too_low" if available < least else "amount_below_minimum"
    worth = floor(wish * rate)
    return (wish, worth) if worth else "amount_below_minimum"


def owed(unit: str, label: str | None) -> Key:
    """The debt of a unit under a label."""
    return Key(unit, label, None, False, None, None, OWED, None, None)


def order(lot: Key) -> tuple[datetime, datetime, str, str, str]:
    """Earliest end first, then the oldest; what has no end or age last; then by name."""
    return (lot.expires_at or FAR, lot.credited_at or FAR, lot.label or "", text(lot.available_at), lot.root or "")


def text(at: datetime | None) -> str:
    """An instant that sorts as text, nothing first."""
    return "" if at is None else at.isoformat(timespec="microseconds")


def credit_unit(rule: object) -> str:
    """The unit that a rule credits."""
    return rule.credit.unit if isinstance(rule, SpendRule | BonusRule) else ""
