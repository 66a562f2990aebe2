"""What waited for a confirmation becomes available: on the account itself, or told by the account it came from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import attrs

from patronage.between import PromisedCredit
from patronage.book import Book
from patronage.ledger import DEBT, Lot, Source, Validity, reason
from patronage.periods import Calendar


def confirmed(validity: Validity, at: datetime, calendar: Calendar) -> Validity:
    """The validity of what waited, once it is confirmed at *at*: a term that counts from then has its end."""
    if not validity.on_confirmation:
        return validity
    expires_at = validity.expires_at
    if validity.expires_after is not None:
        expires_at = validity.expires_after.end(at, calendar)
    return attrs.evolve(validity, on_confirmation=False, expires_after=None, expires_at=expires_at)


def confirm(book: Book, about: Source) -> None:
    """What waits here for the confirmation of *about* waits no more."""
    at = book.at
    assert at is not None
    for lot in _waiting(book, about):
        _settle(book, about, lot, confirmed(lot.validity, at, book.calendar))


def confirm_told(book: Book, about: Source, credits: Iterable[PromisedCredit]) -> bool:
    """What waits here is as its origin now says, where that says that it waits no more. Whether something was so."""
    told = [credit for credit in credits if not credit.validity.on_confirmation]
    found = False
    for lot in _waiting(book, about):
        for credit in told:
            if (credit.amount.unit, credit.label) == (lot.unit, lot.label) and _is(credit.validity, lot.validity):
                _settle(book, about, lot, credit.validity)
                found = True
                break
    return found


def _waiting(book: Book, about: Source) -> list[Lot]:
    return [lot for lot in book.pending if lot.source == about and lot.validity.on_confirmation]


def _is(now: Validity, before: Validity) -> bool:
    """Whether one validity is another one confirmed."""
    return attrs.evolve(now, expires_at=None) == attrs.evolve(
        before, on_confirmation=False, expires_after=None, expires_at=None
    )


def _settle(book: Book, about: Source, lot: Lot, settled: Validity) -> None:
    at, expires_at = book.at, settled.expires_at
    assert at is not None
    merges = settled.endless or book.is_tally(lot.unit)
    source, age = (None, None) if merges else (lot.source, lot.credited_at)
    puts = book.become(attrs.evolve(lot, validity=settled, source=source, credited_at=age))
    book.transfer("", about, lot.unit, lot.label, book.account, book.account, (lot,), puts, (), reason("confirmed"))
    needs, held_by = settled.needs, settled.held_by
    over = expires_at is not None and expires_at <= at
    if held_by is not None and book.in_force(held_by, at):
        over = False
    if puts[-1].source != DEBT and (over or (needs is not None and not book.in_force(needs, at))):
        book.end_lot(puts[-1], book.cause)
