"""
An account ends: what it holds is paid out or forfeited, its rights and wake-ups end, nothing is earned any more.

Refunds are still taken: what was bought before may come back. What they, or another account's event,
put into a closed account is forfeited or paid out at once, by the same terms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.account_events import AccountClosed
from patronage.between import held_source
from patronage.book import Book
from patronage.building import build_lot
from patronage.closings import ClosingTerms
from patronage.events import (
    Cancellation,
    Capture,
    Confirmation,
    Event,
    FollowedUp,
    Refund,
    Release,
    StatusEnd,
)
from patronage.ledger import (
    ALWAYS,
    DEBT,
    FORGIVEN,
    PAID_OUT,
    Benefit,
    BenefitKind,
    Commit,
    Grant,
    GrantChange,
    GrantEntry,
    Refusal,
    RejectionCode,
    Source,
    Transfer,
    WakeChange,
    WakeEntry,
    reason,
)
from patronage.links import CLOSED, LINK, ended_by, ended_with, linked
from patronage.pools import pool_of
from patronage.reservations import release
from patronage.rewards import refuse
from patronage.spending import LAPSE, Outcome, lapse
from patronage.terms import BoundTerms
from patronage.units import UnitKind, build_amount, rounded

STILL_TAKEN: Final = (Refund, Cancellation, Capture, Release, Confirmation, FollowedUp, StatusEnd)
"""What a closed account still answers: what undoes or ends, and what others make of it."""
FORFEITED: Final = "forfeited"


def refused_when_closed(grants: Sequence[Grant], event: Event) -> Refusal | None:
    """A refusal of what a closed account takes no more."""
    if isinstance(event, STILL_TAKEN):
        return None
    ended = ended_by(grants)
    if ended is None or ended.key != CLOSED:
        return None
    return refuse(RejectionCode.ACCOUNT_CLOSED, account=event.member)


def close(book: Book, bound: BoundTerms, event: AccountClosed, terms_at: Callable[[datetime], BoundTerms]) -> Outcome:
    """Ends the account; a refusal where it has ended already."""
    ended = ended_with(book.account, book.grants)
    if ended is not None:
        return ended
    if pool_of(book) is not None:
        return refuse(RejectionCode.NOT_ELIGIBLE, pool=pool_of(book))
    about, at = book.about(event.id), _at(book)
    why = reason("account_closed", {"actor": event.actor, "reason": event.reason})
    for wake_up in book.wake_ups:
        book.wake(WakeChange.ENDED, wake_up, "", about)
        if wake_up.policy == LAPSE:
            lapse(book, wake_up, terms_at)
    for unit in book.units_held():
        for lot in [lot for lot in book.lots(unit) if lot.reserved_for is not None]:
            release(book, [lot], held_source(book.account, lot.reserved_for or ""), "released", None)
    benefits = settle_closed(book, bound, about)
    for grant in [grant for grant in book.grants if grant.giver != LINK and not grant.ended]:
        gone, n = attrs.evolve(grant, valid_until=at, ended=True), book.number(book.cause)
        book.write_grant(GrantEntry(book.cause, n, at, "", "", about, GrantChange.REVOKED, gone, why, grant))
    book.grant(GrantChange.GIVEN, linked(CLOSED, None, at, about), "", "", about, why)
    return benefits


def settle_closed(book: Book, bound: BoundTerms, about: Source) -> tuple[Benefit, ...]:
    """What a closed account holds is paid out or forfeited, what it owes forgiven or left, by the terms."""
    benefits: list[Benefit] = []
    terms = {one.unit: one for one in bound.terms.closings}
    for unit in sorted({lot.unit for lot in book.all_lots()}):
        known = book.units.get(unit)
        if known is None or known.kind is UnitKind.TALLY:
            continue  # What is counted for rules ends by its own time: a refund still asks for it.
        if unit in terms:
            benefits += _paid_out(book, terms[unit], about)
        for lot in [lot for lot in (*book.lots(unit), *book.pending) if lot.unit == unit and lot.steps]:
            if lot.steps > 0:
                goes_to, of = lot.validity.goes_to, lot.source or about
                why = reason(FORFEITED, {"closing": about.root})
                book.transfer("", of, unit, lot.label, book.account, goes_to, (lot,), (), (), why)
            elif unit in terms and terms[unit].forgives_debt:
                paid = build_lot(unit, -lot.steps, lot.label, ALWAYS, DEBT, None, None)
                book.transfer("", about, unit, lot.label, FORGIVEN, book.account, (), (paid,), (), reason("forgiven"))
    return tuple(benefits)


def _paid_out(book: Book, terms: ClosingTerms, about: Source) -> list[Benefit]:
    """What is available goes for money."""
    if not terms.pays_out:
        return []
    labels = terms.labels or (None,)
    lots = [lot for lot in book.lots(terms.unit) if lot.steps > 0 and lot.label in labels and not lot.reserved_for]
    steps = sum(lot.steps for lot in lots)
    if not steps or (terms.minimum is not None and steps < terms.minimum.steps):
        return []
    amount = build_amount(steps, terms.unit)
    if terms.price is not None:
        points, money = terms.price
        amount = build_amount(rounded(steps * money.steps, points.steps, terms.rounding), money.unit)
    if not amount.steps:
        return []
    for lot in lots:
        why = reason("paid_out_at_closing")
        book.transfer("", about, lot.unit, lot.label, book.account, PAID_OUT, (lot,), (), (), why)
    return [Benefit(BenefitKind.PAYOUT, "closing", amount, 1, FrozenMapping())]


def reopen(book: Book, root: Commit) -> Outcome:
    """The closing never was: what was forfeited, and the rights that have not run out, come back; payouts stay."""
    at, about = _at(book), book.about(root.event.id)
    mark = ended_by(book.grants)
    if mark is None or mark.source != about:
        return refuse(RejectionCode.ALREADY_ENDED, root=root.event.id)
    why = reason("reopened")
    book.grant(GrantChange.REVOKED, attrs.evolve(mark, valid_until=at, ended=True), "", "", about, why)
    for entry in root.entries:
        if isinstance(entry, GrantEntry) and entry.about == about and entry.before is not None:
            before = entry.before
            if before.valid_until is None or before.valid_until > at:
                book.grant(GrantChange.GIVEN, before, "", "", about, why)
        elif isinstance(entry, WakeEntry):
            wake_up = entry.wake_up
            if entry.about == about and wake_up.at > at and wake_up.policy != LAPSE:
                book.wake(WakeChange.SET, wake_up, "", about)
    for entry in root.entries:
        if isinstance(entry, Transfer) and _is_forfeit(entry, root):
            for part in entry.taken:
                book.arrive(part, entry.payee, entry.about, why)
    return ()


def _is_forfeit(entry: Transfer, root: Commit) -> bool:
    return entry.reason.code == FORFEITED and entry.cause == root.event.id


def _at(book: Book) -> datetime:
    assert book.at is not None
    return book.at


__all__ = ["FORFEITED", "STILL_TAKEN", "close", "refused_when_closed", "reopen", "settle_closed"]
