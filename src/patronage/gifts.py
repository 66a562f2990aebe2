"""
Gifts between members, decided with both accounts: out of one, through *in transit*, into the other, in one batch.

Each side books it at its own time: the gift's instant, or its account's clock where that is later. So
it comes to what it would have come to in order: what expires in between expires with the receiver.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from patronage.applying import book_of
from patronage.between import Gift
from patronage.book import Book
from patronage.building import build_lot
from patronage.ceilings import COUNTED, BoundCeiling
from patronage.ledger import (
    DEBT,
    IN_TRANSIT,
    Account,
    Basis,
    Commit,
    Entry,
    Lot,
    Reason,
    Refusal,
    RejectionCode,
    Source,
    Transfer,
    reason,
)
from patronage.links import ended_with
from patronage.occasions import Condition, Life, build_occasion
from patronage.refunds import Difference, Key, Worth, booked
from patronage.reservations import split
from patronage.rewards import refuse
from patronage.state import same_identity, with_steps
from patronage.terms import BoundTerms, BoundTransfer


def give(book: Book, bound: BoundTerms, event: Gift) -> Refusal | None:
    """Moves the gift's amount, or says why not. Nothing is written where it is refused."""
    unit, steps = event.amount.unit, event.amount.steps
    if unit not in bound.units:
        return refuse(RejectionCode.UNKNOWN_UNIT, unit=unit)
    if event.to in (event.member, book.account.id):
        return refuse(RejectionCode.TO_ONESELF, to=event.to)
    rules = bound.transfers.get(unit)
    receiver = None if book.others is None else book.others.get(Account.member(event.to))
    if rules is None or receiver is None:
        return refuse(RejectionCode.NOT_ELIGIBLE, to=event.to, unit=unit)
    terms = rules.terms
    ended = ended_with(receiver.account, receiver.grants)
    if ended is not None:
        return ended
    if not (_holds(terms.when, book, bound, event) and _holds(terms.when_receiver, receiver, bound, event)):
        return refuse(RejectionCode.NOT_ELIGIBLE, to=event.to, unit=unit)
    eligible, barred, needs = _eligible(book, receiver, rules, unit)
    have = sum(lot.steps for lot in eligible)
    if have < steps <= have + barred:
        return refuse(RejectionCode.NOT_ELIGIBLE, to=event.to, unit=unit, needs=needs)
    if terms.maximum is not None and steps > terms.maximum.steps:
        return refuse(
            RejectionCode.AMOUNT_ABOVE_MAXIMUM, to=event.to, asked=steps, maximum=terms.maximum.steps, unit=unit
        )
    for on, ceilings in ((book, rules.given), (receiver, rules.received)):
        full = next((ceiling for ceiling in ceilings if steps > _left(on, ceiling)), None)
        if full is not None:
            return refuse(RejectionCode.LIMIT_REACHED, to=event.to, limit=full.ceiling.name)
    if have < steps:
        return refuse(RejectionCode.BALANCE_TOO_LOW, to=event.to, needed=steps, available=have, unit=unit)
    if terms.minimum is not None and steps < terms.minimum.steps:
        return refuse(
            RejectionCode.AMOUNT_BELOW_MINIMUM, to=event.to, asked=steps, minimum=terms.minimum.steps, unit=unit
        )
    about = book.about(event.id)
    parts = split(eligible, steps)[0]
    why = reason("given_away", {"to": event.to})
    _move(book, receiver, about, parts, _anew(parts, terms.life, receiver), why, _received(book))
    for on, ceilings in ((book, rules.given), (receiver, rules.received)):
        for ceiling in ceilings:
            assert on.at is not None
            label, validity = ceiling.counts(on.at, bound.calendar)
            name = ceiling.ceiling.name
            on.credit("", about, ceiling.tally or "", steps, label, validity, book_of(name, steps), COUNTED)
    return None


def _received(book: Book) -> Reason:
    return reason("received", {"from": book.origin.id})


def _holds(condition: Condition | None, book: Book, bound: BoundTerms, event: Gift) -> bool:
    """Whether a condition holds of the member whose book it is."""
    at = book.at
    assert at is not None
    if condition is None:
        return True
    basis = bound.basis(book, at)
    return condition.holds(build_occasion(at, book.origin, event, None, basis, bound.calendar, bound.units), None)


def _eligible(book: Book, receiver: Book, rules: BoundTransfer, unit: str) -> tuple[list[Lot], int, str | None]:
    """The lots that may go, in spending order; how much is barred, by which grant that the receiver has not."""
    at, there = book.at, receiver.at
    assert at is not None
    assert there is not None
    found, barred, lacks = [], 0, None
    for label in rules.terms.labels or (None,):
        for lot in book.lots(unit):
            if lot.label != label or lot.reserved_for is not None or lot.steps < 0:
                continue
            needs, held_by, end = lot.validity.needs, lot.validity.held_by, lot.validity.expires_at
            missing = needs if needs is not None and not receiver.in_force(needs, there) else None
            if end is not None and end <= at and not (held_by is not None and receiver.in_force(held_by, there)):
                missing = held_by
            if missing is None:
                found.append(lot)
            else:
                barred, lacks = barred + lot.steps, lacks or missing
    return found, barred, lacks


def _left(book: Book, ceiling: BoundCeiling) -> int:
    """How much a ceiling of gifts has left on a member's own account."""
    assert book.at is not None
    held = Basis((), tuple(book.balances(ceiling.tally or "")))
    return ceiling.left(book.account, held, ceiling.period(book.at, book.calendar))


def _anew(parts: Sequence[Lot], life: Life | None, receiver: Book) -> Sequence[Lot]:
    """The parts as the receiver gets them: as they are, or with a life of their own."""
    if life is None:
        return parts
    assert receiver.at is not None
    validity = life.resolve(receiver.at, receiver.calendar)
    if validity.endless:
        return [build_lot(part.unit, part.steps, part.label, validity, None, None, None) for part in parts]
    return [attrs.evolve(part, validity=validity) for part in parts]


def _move(
    giver: Book,
    receiver: Book,
    about: Source,
    parts: Sequence[Lot],
    parts_there: Sequence[Lot],
    why: Reason,
    why_there: Reason,
) -> None:
    """Out of one account and into the other, part by part; there it pays debt first, and may be over at once."""
    for part in parts:
        giver.transfer("", about, part.unit, part.label, giver.account, IN_TRANSIT, (part,), (), (), why)
    for part in parts_there:
        receiver.arrive(part, IN_TRANSIT, about, why_there)


def take_back(
    book: Book, bound: BoundTerms, event: Gift, past: Sequence[Commit], beside: Sequence[Commit]
) -> Refusal | None:
    """What is left of the very lots goes back to the giver; a refusal where nothing is."""
    account = Account.member(event.to)
    receiver = None if book.others is None else book.others.get(account)
    if receiver is None:
        return refuse(RejectionCode.ALREADY_ENDED, root=event.id)
    about = book.about(event.id)
    there = [commit for commit in beside if commit.account == account]
    parts = _still_there(receiver, about, there)
    if not parts:
        return refuse(RejectionCode.ALREADY_ENDED, root=event.id)
    rules, back = bound.transfers[event.amount.unit], sum(part.steps for part in parts)
    returned: Sequence[Lot] = parts
    if rules.terms.life is not None:  # It has its old life again, what went last comes first.
        given = [part for commit in past for entry in commit.entries for part in _given(entry, about)]
        returned = split(given[::-1], back)[0]
    why = reason("gift_taken_back", {"by": book.origin.id})
    _move(receiver, book, about, parts, returned, why, reason("gift_returned"))
    for on, history, ceilings in ((book, past, rules.given), (receiver, there, rules.received)):
        keys = {c.tally: c.ceiling.room_back for c in ceilings}
        worth: dict[Key, Worth] = {}
        for key, steps in booked(history, about).items():
            worth[key] = Worth(max(0, steps - back) if keys.get(key[1]) else steps, None, None)
        Difference(on, bound, about, history).settle(worth)
    return None


def _given(entry: Entry, about: Source) -> Sequence[Lot]:
    """The parts that a gift took."""
    if isinstance(entry, Transfer) and entry.about == about and entry.payee == IN_TRANSIT:
        return entry.taken
    return ()


def _still_there(receiver: Book, about: Source, history: Sequence[Commit]) -> list[Lot]:
    """The parts that a gift brought and that the receiver still has, free. What never ends cannot be told apart."""
    found: list[Lot] = []
    free = {id(lot): lot.steps for unit in receiver.units_held() for lot in receiver.lots(unit)}
    brought = [
        part
        for commit in history
        for entry in commit.entries
        if isinstance(entry, Transfer) and entry.about == about and entry.payer == IN_TRANSIT
        for part in entry.put
        if part.source != DEBT
    ]
    for part in brought:
        for lot in receiver.lots(part.unit):
            steps = min(part.steps, free[id(lot)]) if same_identity(lot, part) else 0
            if steps > 0:
                free[id(lot)] -= steps
                found.append(with_steps(part, steps))
    return found
