"""Requests that stand in a replay: they take what they took, whatever there is; what is lacking is a debt."""

from __future__ import annotations

import attrs

from patronage.book import Book
from patronage.building import build_lot
from patronage.ledger import (
    ALWAYS,
    DEBT,
    Benefit,
    Commit,
    Lot,
    Source,
    Transfer,
    WakeChange,
    WakeEntry,
)


def uphold(book: Book, about: Source, stands: Commit, reward: str) -> tuple[Benefit, ...]:
    """
    Writes a redemption or reservation again, as it *stands*: the same amounts, labels, uses and lapse.

    The lots are those that there are now, in spending order. What a reservation lacks is held all the
    same, as a part without source or end, against a debt. Gives the benefits that *reward* gave.
    """
    for entry in stands.entries:
        if entry.cause != stands.event.id or entry.about != about:
            continue
        if isinstance(entry, WakeEntry) and entry.change is WakeChange.SET:
            book.wake(WakeChange.SET, entry.wake_up, entry.rule, about)
        elif isinstance(entry, Transfer) and entry.payer == book.account:
            _take(book, about, entry)
        elif isinstance(entry, Transfer):  # A use of one of the reward's limits.
            book.transfer(
                entry.policy,
                about,
                entry.unit,
                entry.label,
                entry.payer,
                entry.payee,
                (),
                entry.put,
                entry.books,
                entry.reason,
            )
    return tuple(benefit for benefit in stands.benefits if benefit.reward == reward)


def _take(book: Book, about: Source, entry: Transfer) -> None:
    taken, short = book.pick(entry.unit, entry.steps, entry.label)
    puts: list[Lot] = []
    if entry.payee == book.account:
        reservation = entry.put[0].reserved_for
        puts = [attrs.evolve(part, reserved_for=reservation) for part in taken]
        if short:
            puts.append(build_lot(entry.unit, short, entry.label, ALWAYS, None, None, reservation))
    if short:
        taken.append(build_lot(entry.unit, short, entry.label, ALWAYS, DEBT, None, None))
    book.transfer(
        entry.policy, about, entry.unit, entry.label, entry.payer, entry.payee, taken, puts, entry.books, entry.reason
    )
