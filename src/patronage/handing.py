"""
What follows when a request hands something over: a donation counts for its charity, a transfer for its partner.

The policies that care answer the benefits, by credits and follow-ups about the request. Undone, it is
asked again what that had been, and whoever got something is told so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from patronage.applying import apply_effects
from patronage.book import Book
from patronage.follow_ups import amend, totals
from patronage.ledger import Basis, Benefit, Commit, Source
from patronage.occasions import Effect, build_occasion
from patronage.terms import BoundTerms


def hand_over(book: Book, bound: BoundTerms, about: Source, basis: Basis, benefits: Sequence[Benefit]) -> None:
    """Books what the policies answer to *benefits*, about the request."""
    at = book.at
    assert at is not None
    for policy in bound.policies if benefits else ():
        if policy.handed is not None:
            occasion = build_occasion(at, book.account, None, None, basis, bound.calendar, bound.units, bound.ladders)
            effects = policy.handed(occasion, benefits)
            if effects:
                apply_effects(book, bound, policy.name, effects, occasion, about)


def tell_back(
    book: Book, terms_at: Callable[[datetime], BoundTerms], about: Source, event: str, of_root: Sequence[Commit]
) -> None:
    """
    Tells those who got something for the benefits of a request that is undone by *event* that they get it no more.

    What was credited to the account itself is taken back with all else that the request had booked.
    """
    for commit in of_root:
        if not commit.benefits or commit.refusal is not None:
            continue
        bound = terms_at(commit.terms_from)
        told: list[tuple[str, Sequence[Effect], Basis]] = []
        for policy in bound.policies:
            if policy.handed is None:
                continue
            at = commit.event.occurred_at
            occasion = build_occasion(
                at, book.account, None, None, commit.basis, bound.calendar, bound.units, bound.ladders
            )
            told.append((policy.name, policy.handed(occasion, commit.benefits), commit.basis))
        amend(book, about, event, totals(told, commit.event.occurred_at, bound.calendar), {})
