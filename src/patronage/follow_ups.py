"""
Follow-ups: what another account gets for what happened here, and what it no longer gets once that came back.

The origin states totals; the receiver books what the total adds to, or takes from, what it has booked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import attrs

from patronage.applying import book_of, extended, promised
from patronage.between import FollowedUp, PromisedCredit, PromisedGrant, followed_up
from patronage.book import Book
from patronage.ledger import (
    Account,
    Basis,
    Commit,
    Grant,
    GrantChange,
    GrantEntry,
    Reason,
    Source,
)
from patronage.links import answers_for
from patronage.occasions import Effect, FollowUp, Give
from patronage.periods import Calendar
from patronage.refunds import Difference, Key, Worth, booked
from patronage.terms import BoundTerms, RefundTerms
from patronage.units import build_amount, rounded

Told = Iterable[tuple[str, Sequence[Effect], Basis]]


@attrs.frozen
class Total:
    """All that one policy gives one receiver for a root."""

    credits: tuple[PromisedCredit, ...]
    gives: tuple[PromisedGrant, ...]
    why: Reason


Totals = Mapping[tuple[str, Account], Total]
"""What is followed up, by policy and receiver."""


def totals(told: Told, at: datetime, calendar: Calendar) -> Totals:
    """What the answers of the policies come to."""
    found: dict[tuple[str, Account], Total] = {}
    for policy, effects, _ in told:
        for effect in effects:
            if isinstance(effect, FollowUp):
                credits, gives = promised(effect, at, calendar)
                key = (policy, effect.receiver)
                known = found.get(key)
                if known is not None:
                    credits, gives = known.credits + credits, known.gives + gives
                found[key] = Total(credits, gives, effect.why)
    return found


def share(full: Totals, left: int, total: int, terms: RefundTerms) -> Totals:
    """The part for what is left of a purchase, rounded on what is taken back; grants as long as some is left."""
    found = {}
    for key, one in full.items():
        credits = []
        for credit in one.credits:
            steps = credit.amount.steps
            kept = steps - (rounded(steps * (total - left), total, terms.rounding) if total else steps)
            if kept:
                credits.append(attrs.evolve(credit, amount=build_amount(kept, credit.amount.unit)))
        found[key] = Total(tuple(credits), one.gives if left else (), one.why)
    return found


def amend(book: Book, about: Source, event: str, before: Totals, now: Totals) -> None:
    """Tells the receivers whose total is another one now; one that gets nothing any more is told so."""
    at = book.at
    assert at is not None
    nothing = {key: Total((), (), total.why) for key, total in before.items()}
    for (policy, receiver), total in {**nothing, **now}.items():
        known = before.get((policy, receiver))
        if known is None or (known.credits, known.gives) != (total.credits, total.gives):
            made = followed_up(receiver, about, event, policy, at, total.credits, total.gives, total.why)
            book.follow_ups = [*(book.follow_ups or ()), made]


def gathered(made: Iterable[FollowedUp], about: Source, ordinal: int) -> tuple[FollowedUp, ...]:
    """What a decision follows up, one for each id: what is of its own root has its place among that root's commits."""
    found: dict[str, FollowedUp] = {}
    for one in made:
        known = found.get(one.id)
        found[one.id] = one if known is None else known.with_more(one)
    return tuple(attrs.evolve(one, ordinal=ordinal) if one.origin == about else one for one in found.values())


def receive(book: Book, bound: BoundTerms, event: FollowedUp, past: Sequence[Commit]) -> None:
    """Books the total that *event* states, less what its chain has booked on this account."""
    chain = [c for c in past if isinstance(c.event, FollowedUp) and c.event.chain == event.chain]
    if any(isinstance(c.event, FollowedUp) and c.event.ordinal > event.ordinal for c in chain):
        return
    about, policy = event.origin, event.policy
    so_far = {key for key in booked(past, about) if key[0] == policy}
    difference = Difference(book, bound, about, past, policy=policy, why=event.reason)
    wanted = [
        (policy, [Give(key=g.key, value=g.value, occasion=g.occasion) for g in event.gives], Basis()),
    ]
    difference.revoke_grants(wanted)
    if about.account in answers_for(book.account, book.grants):  # Of what was another's and is its own now.
        had = booked(past, about)
        worth = _worth(policy, event.credits)
        difference.settle({key: attrs.evolve(w, steps=min(w.steps, had.get(key, 0))) for key, w in worth.items()})
        return
    if so_far:
        difference.settle(_worth(policy, event.credits))
    else:
        for credit in event.credits:
            amount = credit.amount
            books = book_of(credit.rule, amount.steps)
            book.credit(policy, about, amount.unit, amount.steps, credit.label, credit.validity, books, event.reason)
    for give in event.gives:
        _give(book, event, give, chain)


def _worth(policy: str, credits: Iterable[PromisedCredit]) -> dict[Key, Worth]:
    worth: dict[Key, Worth] = {}
    for credit in credits:
        key = (policy, credit.amount.unit, credit.label, credit.rule)
        known = worth.get(key)
        steps = credit.amount.steps + (0 if known is None else known.steps)
        worth[key] = Worth(steps, None, credit.validity)
    return worth


def _give(book: Book, event: FollowedUp, give: PromisedGrant, chain: Sequence[Commit]) -> None:
    """Gives a grant that the chain has not given before."""
    at = book.at
    assert at is not None
    giver = f"{event.policy}/{give.rule}"
    grant = Grant(give.key, give.value, at, give.valid_until, give.uses, giver, give.occasion, event.origin)
    for commit in chain:
        for entry in commit.entries:
            given = isinstance(entry, GrantEntry) and entry.change is GrantChange.GIVEN
            if given and isinstance(entry, GrantEntry) and entry.grant.identity == grant.identity:
                return
    if give.valid_until is None or give.valid_until > at:
        grant = extended(book.grants, grant, at)
        book.grant(GrantChange.GIVEN, grant, event.policy, give.rule, event.origin, event.reason)
