"""
Households and pools: a shared account into which members put what they have, each part under its contributor's label.

Who is in a pool, and who may spend from it, is said by grants: `pool` and `pool.spends` with the member,
`pool.member` with the pool, each with the other's id as its value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from patronage.account_events import Contribution, PoolJoined, PoolLeft
from patronage.applying import book_of
from patronage.book import Book
from patronage.events import Event
from patronage.ledger import (
    ALWAYS,
    DEBT,
    IN_TRANSIT,
    ISSUED,
    Account,
    Commit,
    Grant,
    GrantChange,
    Lot,
    Reason,
    Refusal,
    RejectionCode,
    Source,
    Transfer,
    reason,
)
from patronage.occasions import Condition, build_occasion
from patronage.pool_terms import Draw, PoolTerms, Split
from patronage.reservations import split
from patronage.rewards import refuse
from patronage.state import same_identity, with_steps
from patronage.terms import BoundTerms
from patronage.units import allocate

POOL: Final = "pool"
SPENDS: Final = "pool.spends"
MEMBER: Final = "pool.member"
GIVER: Final = "~pool"
"""Who gives these grants: neither a policy nor an operator can be it."""
CONTRIBUTED: Final = "contributed"


def pool_of(book: Book) -> str | None:
    """The pool that a member is in."""
    return next((g.value for g in book.grants if g.key == POOL and g.giver == GIVER and not g.ended), None)


def pooled(unit: str) -> str:
    """The tally of what members have contributed, by label: no unit of the terms, nor a policy's, has a space."""
    return f"pool {unit}"


def _pool(book: Book, pool: str) -> Book | None:
    return None if book.others is None else book.others.get(Account.shared(pool))


def members_of(pool: Book) -> list[str]:
    """The ids of those who are in a pool, in order."""
    return sorted(g.value or "" for g in pool.grants if g.key == MEMBER and g.giver == GIVER and not g.ended)


def join(book: Book, bound: BoundTerms, event: PoolJoined) -> Refusal | None:
    """Lets the member in, or says why not."""
    pool = _pool(book, event.pool)
    terms = bound.terms.pools
    held = pool_of(book)
    if pool is None or not terms or held is not None or not all(_holds(t.when, book, bound, event) for t in terms):
        return refuse(RejectionCode.NOT_ELIGIBLE, pool=event.pool, held=held)
    most = min((one.members_max for one in terms if one.members_max is not None), default=None)
    if most is not None and len(members_of(pool)) >= most:
        return refuse(RejectionCode.LIMIT_REACHED, pool=event.pool, limit="members")
    about = book.about(event.id)
    why = reason("pool_joined", {"pool": event.pool})
    _give(book, POOL, event.pool, about, why)
    if event.spends:
        _give(book, SPENDS, event.pool, about, why, event)
    _give(pool, MEMBER, book.account.id, about, reason("pool_joined", {"pool": event.pool}))
    return None


def _give(book: Book, key: str, value: str, about: Source, why: Reason, event: PoolJoined | None = None) -> None:
    assert book.at is not None
    until = None if event is None else event.until
    book.grant(GrantChange.GIVEN, Grant(key, value, book.at, until, None, GIVER, "", about), "", "", about, why)


def _holds(condition: Condition | None, book: Book, bound: BoundTerms, event: Event) -> bool:
    at = book.at
    assert at is not None
    if condition is None:
        return True
    basis = bound.basis(book, at)
    return condition.holds(build_occasion(at, book.origin, event, None, basis, bound.calendar, bound.units), None)


def contribute(book: Book, bound: BoundTerms, event: Contribution) -> Refusal | None:
    """Moves the amount into the pool, or says why not."""
    unit, steps = event.amount.unit, event.amount.steps
    if unit not in bound.units:
        return refuse(RejectionCode.UNKNOWN_UNIT, unit=unit)
    terms = next((one for one in bound.terms.pools if one.unit == unit), None)
    pool = _pool(book, event.pool)
    if terms is None or pool is None or pool_of(book) != event.pool or not _holds(terms.when, book, bound, event):
        return refuse(RejectionCode.NOT_ELIGIBLE, pool=event.pool, unit=unit)
    if terms.maximum is not None and steps > terms.maximum.steps:
        return refuse(RejectionCode.AMOUNT_ABOVE_MAXIMUM, asked=steps, maximum=terms.maximum.steps, unit=unit)
    lots = [lot for lot in _free(book, unit) if lot.label is None and _can_come(lot, pool)]
    have = sum(lot.steps for lot in lots)
    if have < steps:
        return refuse(RejectionCode.BALANCE_TOO_LOW, needed=steps, available=have, unit=unit)
    if terms.minimum is not None and steps < terms.minimum.steps:
        return refuse(RejectionCode.AMOUNT_BELOW_MINIMUM, asked=steps, minimum=terms.minimum.steps, unit=unit)
    about = book.about(event.id)
    facts = {"pool": event.pool, "member": event.member}
    _move(book, pool, about, split(lots, steps)[0], reason("contributed", facts), event.member)
    tally, label = pooled(unit), event.member
    pool.credit("", about, tally, steps, label, ALWAYS, book_of(CONTRIBUTED, steps), reason("pool_counted"))
    return None


def take_back(book: Book, event: Contribution, beside: Sequence[Commit]) -> Refusal | None:
    """What is left of the very lots comes back; a refusal where nothing is, or the member has left."""
    pool = _pool(book, event.pool)
    if pool is None or pool_of(book) != event.pool:
        return refuse(RejectionCode.ALREADY_ENDED, root=event.id)
    about = book.about(event.id)
    brought = [
        part
        for commit in beside
        for entry in commit.entries
        if isinstance(entry, Transfer) and entry.about == about and entry.payer == IN_TRANSIT
        for part in entry.put
        if part.source != DEBT
    ]
    free = {id(lot): lot.steps for lot in _free(pool, event.amount.unit)}
    parts = []
    for part in brought:
        for lot in _free(pool, part.unit):
            steps = min(part.steps, free[id(lot)]) if same_identity(lot, part) else 0
            if steps:
                free[id(lot)] -= steps
                parts.append(with_steps(part, steps))
    if not parts:
        return refuse(RejectionCode.ALREADY_ENDED, root=event.id)
    facts = {"pool": event.pool, "member": event.member}
    _move(pool, book, about, parts, reason("contribution_returned", facts), None)
    _forget(pool, about, event.amount.unit, event.member, sum(part.steps for part in parts))
    return None


def leave(book: Book, bound: BoundTerms, event: PoolLeft) -> Refusal | None:
    """The member goes, with their share."""
    pool = _pool(book, event.pool)
    if pool is None or pool_of(book) != event.pool:
        return refuse(RejectionCode.NOT_ELIGIBLE, pool=event.pool)
    about, at = book.about(event.id), book.at
    assert at is not None
    why = reason("pool_left", {"pool": event.pool, "member": event.member})
    for terms in bound.terms.pools:
        lots = _own_first(_free(pool, terms.unit), event.member)
        parts = split(lots, share_of(pool, terms, event.member))[0]
        _move(pool, book, about, parts, why, None)
        _forget(pool, about, terms.unit, event.member)
    for one, keys, value in ((book, (POOL, SPENDS), event.pool), (pool, (MEMBER,), event.member)):
        for grant in one.grants:
            if grant.key in keys and grant.value == value and not grant.ended:
                assert one.at is not None
                gone = attrs.evolve(grant, valid_until=one.at, ended=True)
                one.grant(GrantChange.REVOKED, gone, "", "", about, why)
    return None


def share_of(pool: Book, terms: PoolTerms, member: str) -> int:
    """How much of what is left in a pool a member takes along."""
    lots = _free(pool, terms.unit)
    total = sum(lot.steps for lot in lots)
    if terms.leaving is Split.NOTHING or not total:
        return 0
    if terms.leaving is Split.OWN:
        return sum(lot.steps for lot in lots if lot.label == member)
    members = members_of(pool)
    weights = [1] * len(members)
    if terms.leaving is Split.BY_CONTRIBUTION:
        given = {held.label: held.steps for held in pool.balances(pooled(terms.unit))}
        weights = [max(0, given.get(each, 0)) for each in members]
    if not any(weights):
        return 0
    return allocate(total, lambda: iter(weights))[members.index(member)]


def drawn(pool: Book, unit: str, steps: int, terms: PoolTerms | None) -> list[Lot]:
    """The parts of a pool that pay *steps*, which it has."""
    lots = _free(pool, unit)
    if terms is None or terms.draws is Draw.IN_ORDER:
        return split(lots, steps)[0]
    labels = sorted({lot.label for lot in lots}, key=lambda label: label or "")
    left = [sum(lot.steps for lot in lots if lot.label == label) for label in labels]
    parts: list[Lot] = []
    for label, part in zip(labels, allocate(steps, lambda: iter(left)), strict=True):
        parts += split([lot for lot in lots if lot.label == label], part)[0]
    return parts


def purse_of(book: Book, pool: str | None) -> Book | None:
    """The book that a request spends from: its own, or the pool's where the member may; else None."""
    if pool is None:
        return book
    at = book.at
    assert at is not None
    may = any(g.key == SPENDS and g.value == pool and g.in_force(at) for g in book.grants)
    return _pool(book, pool) if may else None


def _free(book: Book, unit: str) -> list[Lot]:
    """What can be spent or moved, in spending order."""
    return [lot for lot in book.lots(unit) if lot.steps > 0 and lot.reserved_for is None]


def _can_come(lot: Lot, pool: Book) -> bool:
    """A lot that needs a right which the pool has not stays where it is."""
    assert pool.at is not None
    return lot.validity.needs is None or pool.in_force(lot.validity.needs, pool.at)


def _own_first(lots: Iterable[Lot], member: str) -> list[Lot]:
    return sorted(lots, key=lambda lot: lot.label != member)  # The sort keeps the spending order among equals.


def _move(giver: Book, receiver: Book, about: Source, parts: Iterable[Lot], why: Reason, label: str | None) -> None:
    """Out of one account and into the other, part by part, there under *label*."""
    parts = list(parts)
    for part in parts:
        giver.transfer("", about, part.unit, part.label, giver.account, IN_TRANSIT, (part,), (), (), why)
    for part in parts:
        receiver.arrive(attrs.evolve(part, label=label), IN_TRANSIT, about, why)


def _forget(pool: Book, about: Source, unit: str, member: str, steps: int | None = None) -> None:
    """What a member has contributed counts no more: all of it, or so much."""
    tally = pooled(unit)
    held = pool.available(tally, member)
    taken = held if steps is None else min(steps, held)
    if taken > 0:
        pool.debit("", about, tally, taken, member, reason("pool_forgotten"), ISSUED, book_of(CONTRIBUTED, -taken))


__all__ = [
    "CONTRIBUTED",
    "contribute",
    "drawn",
    "join",
    "leave",
    "members_of",
    "pool_of",
    "pooled",
    "purse_of",
    "share_of",
    "take_back",
]
