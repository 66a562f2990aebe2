"""Requests that stand in a replay: they take what they took, whatever there is; what is lacking is a debt."""

from __future__ import annotations

import attrs

from patronage.applying import extended
from patronage.book import Book
from patronage.building import build_lot
from patronage.errors import RerateError, quote
from patronage.ledger import (
    ALWAYS,
    DEBT,
    Benefit,
    Commit,
    GrantChange,
    GrantEntry,
    Lot,
    Source,
    Transfer,
    WakeChange,
    WakeEntry,
)
from patronage.state import with_steps


def uphold(book: Book, about: Source, stands: Commit, reward: str) -> tuple[Benefit, ...]:
    """
    Writes a redemption or reservation again, as it *stands*: the same amounts, labels, uses, gifts and lapse.

    The lots are those that there are now, in spending order. What a reservation lacks is held all the
    same, as a part without source or end, against a debt. Gives the benefits that *reward* gave.
    Raises RerateError where a voucher that was used is not there.
    """
    for entry in stands.entries:
        if entry.cause != stands.event.id or entry.about != about:
            continue
        if isinstance(entry, WakeEntry):
            book.wake(WakeChange.SET, entry.wake_up, entry.rule, about)
        elif isinstance(entry, GrantEntry):
            _grant(book, entry, stands)
        elif entry.payer == book.account:
            _take(book, about, entry)
        else:
            _put(book, about, entry)
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


def _put(book: Book, about: Source, entry: Transfer) -> None:
    """A use of a limit, or what the reward gave: it pays the debt that there is now."""
    last = entry.put[-1]
    if last.source == DEBT:
        last = book.lot(entry.unit, entry.steps, entry.label, ALWAYS, about)
    parts = book.become(with_steps(last, entry.steps))
    book.transfer(
        entry.policy, about, entry.unit, entry.label, entry.payer, entry.payee, (), parts, entry.books, entry.reason
    )


def _grant(book: Book, entry: GrantEntry, stands: Commit) -> None:
    """A grant that the request gave, or uses that it took or holds."""
    at, grant = book.at, entry.grant
    assert at is not None
    if entry.change is GrantChange.GIVEN:
        grant = extended(book.grants, grant, at)
    else:
        live = next((one for one in book.grants if one.identity == grant.identity and one.in_force(at)), None)
        n = entry.reason.facts.get("uses")
        if live is None or type(n) is not int or (live.uses or 0) < n:
            message = f"it used {quote(grant.key)}, which there would not have been in order: settle that by hand."
            raise RerateError(str(book.account), stands.event.id, message)
        held = n if entry.change is GrantChange.RESERVED else 0
        grant = attrs.evolve(live, uses=(live.uses or 0) - n, reserved=live.reserved + held)
    book.grant(entry.change, grant, entry.policy, entry.rule, entry.about, entry.reason)
