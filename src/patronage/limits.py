"""Limits of a reward at work: whether uses are left, counting them, and giving them back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from patronage._frozen import FrozenMapping
from patronage.applying import book_of
from patronage.between import FOLLOWED_UP, followed_up
from patronage.book import Book
from patronage.ceilings import COUNTED, BoundCeiling
from patronage.events import Redemption, Reservation
from patronage.ledger import ISSUED, Basis, Commit, Fact, Refusal, RejectionCode, Source, WakeUp
from patronage.periods import format_instant, parse_instant
from patronage.refunds import TAKEN_BACK, Difference
from patronage.rewards import refuse
from patronage.terms import BoundTerms

Limits = Sequence[BoundCeiling]


def limit_reached(
    book: Book, bound: BoundTerms, limits: Limits, event: Redemption | Reservation, uses: int
) -> Refusal | None:
    """A refusal for the first limit that has no room for so many uses."""
    for limit in limits:
        label = limit.period(event.occurred_at, bound.calendar)
        counted = tuple(_counted_on(book, limit).balances(limit.tally or ""))
        account = limit.account_for(book.account)
        on = Basis((), counted) if account is None else Basis((), (), FrozenMapping({str(account): counted}))
        if uses > limit.left(book.account, on, label):
            return refuse(RejectionCode.LIMIT_REACHED, reward=event.reward, limit=limit.ceiling.name)
    return None


def count_uses(book: Book, bound: BoundTerms, limits: Limits, event: Redemption | Reservation, uses: int) -> None:
    """Counts uses of the limits, about the request: so they can be given back."""
    about = Source(book.account, event.id)
    for limit in limits:
        name, on = limit.ceiling.name, _counted_on(book, limit)
        label, validity = limit.counts(event.occurred_at, bound.calendar)
        on.credit(event.reward, about, limit.tally or "", uses, label, validity, book_of(name, uses), COUNTED)


def _counted_on(book: Book, limit: BoundCeiling) -> Book:
    """The book that a limit is counted on: the member's own, or a shared account's."""
    account = limit.account_for(book.account)
    return book if account is None or book.others is None else book.others[account]


def give_uses_back(
    book: Book, bound: BoundTerms, about: Source, past: Sequence[Commit], beside: Sequence[Commit]
) -> None:
    """What a request has used of its reward's limits, it has used no more."""
    Difference(book, bound, about, past).settle({})
    for account, other in (book.others or {}).items():
        Difference(other, bound, about, [commit for commit in beside if commit.account == account]).settle({})


def lapse_facts(event: Reservation, uses: int) -> Mapping[str, Fact]:
    """What a reservation's wake-up must know to give its uses back."""
    return {"reward": event.reward, "uses": uses, "at": format_instant(event.occurred_at)}


def lapse_uses(
    book: Book, wake_up: WakeUp, about: Source, cause: str, terms_at: Callable[[datetime], BoundTerms]
) -> None:
    """A reservation has lapsed: its uses are free again, on shared accounts by a follow-up."""
    reward, uses, then = (wake_up.facts.get(key) for key in ("reward", "uses", "at"))
    if not isinstance(reward, str) or not isinstance(then, str) or not isinstance(uses, int) or book.at is None:
        return
    at = parse_instant(then)
    bound = terms_at(at)
    for limit in bound.limits.get(reward, ()):
        account, unit = limit.account_for(book.account), limit.tally or ""
        if account is not None:
            made = followed_up(account, about, cause, reward, book.at, (), (), FOLLOWED_UP)
            book.follow_ups = [*(book.follow_ups or ()), made]
            continue
        label = limit.period(at, bound.calendar)
        parts, short = book.pick(unit, uses, label)
        if parts:
            books = book_of(limit.ceiling.name, short - uses)
            book.transfer(reward, about, unit, label, book.account, ISSUED, parts, (), books, TAKEN_BACK, cause)
