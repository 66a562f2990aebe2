"""What a return leaves of a purchase, and what it takes back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING

from patronage import Cancellation, Life, MultiplierRule, PointsPolicy, Purchase, Refund
from patronage.terms import Expired, Shortfall

if TYPE_CHECKING:
    from model.reference import Reference
from model.reference_values import (
    FAR,
    Basket,
    Figures,
    Group,
    Item,
    Key,
    Left,
    Row,
    basket_of,
    half_up,
    owed,
    shared,
    text,
)


def left_of(purchase: Purchase, undone: Iterable[Refund | Cancellation]) -> Left | str:
    """What all refunds of a purchase leave of it, counted from the first one."""
    whole = basket_of(purchase)
    off = shared(whole.discount, [item.total for item in whole.items])
    charged = [item.total - share for item, share in zip(whole.items, off, strict=True)]
    quantity = [Fraction(item.line.quantity) for item in whole.items]
    gone = [Fraction(0) for _ in charged]
    money = [0 for _ in charged]

    def back(i: int) -> int:
        return min(charged[i], half_up(gone[i] * charged[i] / quantity[i]) + money[i])

    for refund in undone:
        if refund.about != purchase.id:
            continue
        if isinstance(refund, Cancellation) or (not refund.lines and refund.total is None):
            if all(back(i) == charged[i] and gone[i] == quantity[i] for i in range(len(charged))):
                return "already_ended"
            gone, money = list(quantity), [0 for _ in charged]
        elif refund.total is not None:
            rest = [charged[i] - back(i) for i in range(len(charged))]
            if refund.total.steps > sum(rest):
                return "refund_exceeds_purchase"
            money = [have + share for have, share in zip(money, shared(refund.total.steps, rest), strict=True)]
        else:
            for part in refund.lines:
                ids = [item.line.id for item in whole.items]
                if part.id not in ids:
                    return "unknown_line"
                i = ids.index(part.id)
                if part.total is not None:
                    if part.total.steps > charged[i] - back(i):
                        return "refund_exceeds_purchase"
                    money[i] += part.total.steps
                    continue
                asked = quantity[i] - gone[i] if part.quantity is None else Fraction(part.quantity)
                nothing = gone[i] == quantity[i] or (charged[i] > 0 and back(i) == charged[i])
                if nothing or asked > quantity[i] - gone[i]:
                    return "refund_exceeds_purchase"
                gone[i] += asked
    returned = sum(back(i) for i in range(len(charged)))
    items = []
    for i, item in enumerate(whole.items):
        if gone[i] == quantity[i] or (charged[i] and back(i) == charged[i]):
            continue
        rate = Fraction(charged[i] - back(i), charged[i]) if charged[i] else 1 - gone[i] / quantity[i]
        items.append(Item(item.line, half_up(item.total * rate), half_up(item.tax * rate)))
    shares = shared(returned, [tender.total.steps for tender in purchase.tenders])
    given = {
        tender.redemption: share
        for tender, share in zip(purchase.tenders, shares, strict=True)
        if tender.redemption is not None
    }
    if not items or (whole.total and returned == whole.total):
        return Left(None, returned, given)
    rest_money = whole.total - returned
    paid = shared(rest_money, [tender.total.steps for tender in purchase.tenders])
    tenders = tuple((tender.kind, share) for tender, share in zip(purchase.tenders, paid, strict=True))
    discount = sum(item.total for item in items) - rest_money
    return Left(Basket(tuple(items), whole.currency, discount, tenders), returned, given)


def book(
    ledger: Reference, root: str, worth: Figures, at: datetime, lives: Mapping[str, Life | datetime | None]
) -> None:
    """Books what a root is worth now, less what was booked for it."""
    want: dict[Group, int] = {}
    life: dict[Group, Life | datetime | None] = {}
    for (group, rule), steps in worth.items():
        want[group] = want.get(group, 0) + steps
        life[group] = lives.get(rule)
    have: dict[Group, int] = {}
    for name, group, steps in ledger.booked:
        if name == root:
            have[group] = have.get(group, 0) + steps
    used = {(lot.unit, lot.label): 0 for lot in ledger.lots()}
    for lot, steps in ledger.lots().items():
        used[lot.unit, lot.label] += steps
    for group in sorted({*want, *have}, key=lambda g: (g[0], g[1], g[2] or "")):
        change = max(0, want.get(group, 0)) - have.get(group, 0)
        if change < 0:
            take_back(ledger, root, group, -change)
        elif change > 0:
            granted = room(ledger, group, change, at, used) if worth else change
            if granted > 0:
                ledger.credit(group, granted, life.get(group) or Life(), root, at)


def room(ledger: Reference, group: Group, wanted: int, at: datetime, used: Mapping[tuple[str, str | None], int]) -> int:
    """How much of a credit its ceilings have room for now."""
    for policy in ledger.terms.policies:
        assert isinstance(policy, PointsPolicy)
        own = [ceiling for rule in policy.rules if not isinstance(rule, MultiplierRule) for ceiling in rule.ceilings]
        for ceiling in (*own, *policy.ceilings):
            tally = f"{policy.name}.{ceiling.name}"
            if policy.name == group[0] and ceiling.per is not None and group[1] in (tally, ceiling.limit.unit):
                label = ledger.rules.period(ceiling.per, at)[0]
                wanted = min(wanted, max(0, ceiling.limit.steps - used.get((tally, label), 0)))
    return wanted


def take_back(ledger: Reference, root: str, group: Group, steps: int) -> None:
    """Takes back: from the root's own lots, what those lost, other lots, debt."""
    _, unit, label = group
    terms = ledger.terms.refunds
    if unit not in ledger.kinds:
        held = ledger.usable(unit, label)
        taken = min(steps, sum(have for _, have in held))
        ledger.booked.append((root, group, -taken))
        ledger.take(held, taken, unit, label, "issued", root)
        return
    ledger.booked.append((root, group, -steps))
    own = [
        (lot, have)
        for lot, have in ledger.lots().items()
        if lot.root == root and lot.unit == unit and lot.label == label and lot.reserved_for is None
    ]
    pending = [pair for pair in own if ledger.waits(pair[0])]
    pending.sort(key=lambda pair: (pair[0].available_at or FAR, text(pair[0].expires_at), text(pair[0].credited_at)))
    mine = pending + [pair for pair in ledger.usable(unit, label) if pair[0].root == root]
    others = [pair for pair in ledger.usable(unit, label) if pair[0].root != root]
    from_own = min(steps, sum(have for _, have in mine))
    lost = 0
    if terms.expired is Expired.DROPPED:
        rows = [row for row in ledger.journal if row.root == root and row.flow == "expired"]
        lost = max(0, -sum(row.steps for row in rows if (row.lot.unit, row.lot.label) == (unit, label)))
    dropped = min(lost, steps - from_own)
    ledger.take(mine, from_own, unit, label, "issued", root)
    if dropped:
        ghost = Key(unit, label, None, False, None, None, root, None, None)
        ledger.journal += [Row(ghost, dropped, "expired", root), Row(ghost, -dropped, "issued", root)]
    rest = steps - from_own - dropped
    if terms.unspent_only:
        others = []
    short = ledger.take(others, rest, unit, label, "issued", root)
    over = 0
    if terms.shortfall is Shortfall.FORGIVEN:
        over = short
    elif terms.debt_max is not None and terms.debt_max.unit == unit:
        over = min(short, max(0, ledger.debt(unit, label) - terms.debt_max.steps))
    if over:
        ledger.journal.append(Row(owed(unit, label), over, "forgiven", root))
