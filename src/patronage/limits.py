"""Limits of a reward at work: whether uses are left, counting them, and giving them back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import attrs

from patronage._frozen import FrozenMapping
from patronage.applying import book_of
from patronage.between import FOLLOWED_UP, followed_up
from patronage.book import Book
from patronage.ceilings import COUNTED, BoundCeiling
from patronage.events import Redemption, Reservation
from patronage.ledger import ISSUED, Basis, Commit, Fact, Refusal, RejectionCode, Source, WakeUp
from patronage.periods import format_instant, parse_instant
from patronage.refunds import TAKEN_BACK, Difference
from patronage.rewards import Limit, Reward, limits_of, refuse
from patronage.terms import BoundTerms


@attrs.frozen
class Limits:
    """The limits of one reward at work on one request. *all_of* are as the reward has them, *bound* their ceilings."""

    all_of: Sequence[Limit]
    bound: Sequence[BoundCeiling]

    def room(self, book: Book, bound: BoundTerms, event: Redemption | Reservation) -> int | None:
        """How much may be spent by the limits that are in what is spent; None where none is."""
        rooms = [
            max(0, _left(book, bound, ceiling, event))
            for limit, ceiling in zip(self.all_of, self.bound, strict=True)
            if limit.amount is not None
        ]
        return min(rooms) if rooms else None

    def reached(
        self, book: Book, bound: BoundTerms, event: Redemption | Reservation, uses: int, cost: int
    ) -> Refusal | None:
        """A refusal for the first limit that has no room for so many uses and so much cost."""
        for limit, ceiling in zip(self.all_of, self.bound, strict=True):
            if limit.takes(uses, cost) > _left(book, bound, ceiling, event):
                return refuse(RejectionCode.LIMIT_REACHED, reward=event.reward, limit=limit.name)
        return None

    def count(self, book: Book, bound: BoundTerms, event: Redemption | Reservation, uses: int, cost: int) -> None:
        """Counts uses and cost, about the request: so they can be given back."""
        about = book.about(event.id)
        for limit, ceiling in zip(self.all_of, self.bound, strict=True):
            steps, on = limit.takes(uses, cost), _counted_on(book, ceiling)
            label, validity = ceiling.counts(event.occurred_at, bound.calendar)
            if steps:
                books = book_of(limit.name, steps)
                on.credit(event.reward, about, ceiling.tally or "", steps, label, validity, books, COUNTED)


def limits_on(bound: BoundTerms, reward: Reward) -> Limits:
    """The limits of a reward, and their ceilings."""
    return Limits(limits_of(getattr(reward, "limits", ())), bound.limits[reward.name])


def _left(book: Book, bound: BoundTerms, limit: BoundCeiling, event: Redemption | Reservation) -> int:
    """What is left of a limit in the period of the request."""
    label = limit.period(event.occurred_at, bound.calendar)
    counted = tuple(_counted_on(book, limit).balances(limit.tally or ""))
    account = limit.account_for(book.origin)
    on = Basis((), counted) if account is None else Basis((), (), FrozenMapping({str(account): counted}))
    return limit.left(book.origin, on, label)


def _counted_on(book: Book, limit: BoundCeiling) -> Book:
    """The book that a limit is counted on: the member's own, or a shared account's."""
    account = limit.account_for(book.origin)
    return book if account is None or book.others is None else book.others[account]


def give_uses_back(
    book: Book, bound: BoundTerms, about: Source, past: Sequence[Commit], beside: Sequence[Commit]
) -> None:
    """What a request has used of its reward's limits, it has used no more."""
    Difference(book, bound, about, past).settle({})
    for account, other in (book.others or {}).items():
        Difference(other, bound, about, [commit for commit in beside if commit.account == account]).settle({})


def lapse_facts(event: Reservation, uses: int, cost: int) -> Mapping[str, Fact]:
    """What a reservation's wake-up must know to give its uses back."""
    return {"reward": event.reward, "uses": uses, "cost": cost, "at": format_instant(event.occurred_at)}


def lapse_uses(
    book: Book, wake_up: WakeUp, about: Source, cause: str, terms_at: Callable[[datetime], BoundTerms]
) -> None:
    """A reservation has lapsed: its uses are free again, on shared accounts by a follow-up."""
    reward, uses, cost, then = (wake_up.facts.get(key) for key in ("reward", "uses", "cost", "at"))
    if not isinstance(reward, str) or not isinstance(then, str) or not isinstance(uses, int) or book.at is None:
        return
    at = parse_instant(then)
    bound = terms_at(at)
    limits = limits_on(bound, bound.rewards[reward]) if reward in bound.rewards else Limits((), ())
    for limit, ceiling in zip(limits.all_of, limits.bound, strict=True):
        steps = limit.takes(uses, cost if isinstance(cost, int) else 0)
        account, unit = ceiling.account_for(about.account), ceiling.tally or ""
        if account is not None:
            made = followed_up(account, about, cause, reward, book.at, (), (), FOLLOWED_UP)
            book.follow_ups = [*(book.follow_ups or ()), made]
            continue
        label = ceiling.period(at, bound.calendar)
        parts, short = book.pick(unit, steps, label)
        if parts:
            books = book_of(limit.name, short - steps)
            book.transfer(reward, about, unit, label, book.account, ISSUED, parts, (), books, TAKEN_BACK, cause)
