"""Requests that a policy answers: it is shown its own account, and each other one that the request names."""

from __future__ import annotations

from collections.abc import Mapping

from patronage._frozen import FrozenMapping
from patronage.applying import apply_effects
from patronage.book import Book
from patronage.events import NamesPolicy, ReferralClaimed
from patronage.ledger import Account, Basis, Refusal, RejectionCode, Source
from patronage.links import answers_for, ended_with
from patronage.occasions import Occasion, build_occasion
from patronage.terms import BoundTerms


def ask(book: Book, bound: BoundTerms, event: NamesPolicy, about: Source, basis: Basis) -> Refusal | None:
    """Books what the policy that the event names says of it, on each account that it says it of; or its refusal."""
    policy = next((policy for policy in bound.policies if policy.name == event.policy), None)
    if policy is None or policy.asked is None:
        return Refusal(RejectionCode.UNKNOWN_RULE, FrozenMapping({"policy": event.policy}))
    if isinstance(event, ReferralClaimed):
        refusal = _of_accounts(book, event)
        if refusal is not None:
            return refusal
    books: dict[Account, Book] = {book.account: book, **(book.others or {})}
    occasions: dict[Account, Occasion] = {}
    for account, on in books.items():
        at = on.at
        assert at is not None
        read = basis if on is book else bound.basis(on, at)
        occasions[account] = build_occasion(at, account, event, None, read, bound.calendar, bound.units, bound.ladders)
    own = occasions[book.account]
    answer = policy.asked(own, {account: one for account, one in occasions.items() if account != book.account})
    if isinstance(answer, Refusal):
        return answer
    told = answer if isinstance(answer, Mapping) else {book.account: answer}
    for account, effects in told.items():
        apply_effects(books[account], bound, policy.name, effects, occasions[account], about)
    return None


def _of_accounts(book: Book, event: ReferralClaimed) -> Refusal | None:
    """A refusal where the two accounts are one by a merge, or the referrer's has ended."""
    referrer = Account.member(event.referrer)
    if referrer in answers_for(book.account, book.grants) - {book.origin}:
        return Refusal(RejectionCode.TO_ONESELF, FrozenMapping({"policy": event.policy}))
    other = (book.others or {}).get(referrer)
    return None if other is None else ended_with(referrer, other.grants)
