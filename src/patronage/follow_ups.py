"""
Follow-ups: what another account gets for what happened here, and what it no longer gets once that came back.

The origin states totals; the receiver books what the total adds to, or takes from, what it has booked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import attrs

from patronage._frozen import FrozenMapping
from patronage.applying import book_of, extended, handed, promised
from patronage.between import FollowedUp, PromisedBenefit, PromisedCredit, PromisedGrant, followed_up
from patronage.book import Book
from patronage.confirming import confirm_told, confirmed
from patronage.ledger import (
    Account,
    Basis,
    Benefit,
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
from patronage.terms import USES, BoundTerms, RefundTerms
from patronage.units import UnitKind, build_amount, rounded

Told = Iterable[tuple[str, Sequence[Effect], Basis]]


@attrs.frozen
class Total:
    """All that one policy gives one receiver for a root."""

    credits: tuple[PromisedCredit, ...]
    gives: tuple[PromisedGrant, ...]
    benefits: tuple[PromisedBenefit, ...]
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
                benefits = handed(effect)
                key = (policy, effect.receiver)
                known = found.get(key)
                if known is not None:
                    credits, gives = known.credits + credits, known.gives + gives
                    benefits = known.benefits + benefits
                found[key] = Total(credits, gives, benefits, effect.why)
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
        found[key] = Total(tuple(credits), one.gives if left else (), one.benefits if left else (), one.why)
    return found


def confirmed_totals(known: Totals, at: datetime | None, calendar: Calendar) -> Totals:
    """The totals, where what they wait for was confirmed at *at*; None: it was not."""
    if at is None:
        return known
    return {
        key: attrs.evolve(one, credits=tuple(_confirmed(c, at, calendar) for c in one.credits))
        for key, one in known.items()
    }


def _confirmed(credit: PromisedCredit, at: datetime, calendar: Calendar) -> PromisedCredit:
    return attrs.evolve(credit, validity=confirmed(credit.validity, at, calendar))


def amend(book: Book, about: Source, event: str, before: Totals, now: Totals) -> None:
    """Tells the receivers whose total is another one now; one that gets nothing any more is told so."""
    at = book.at
    assert at is not None
    nothing = {key: Total((), (), (), total.why) for key, total in before.items()}
    for (policy, receiver), total in {**nothing, **now}.items():
        known = before.get((policy, receiver))
        if known is None or known != total:
            made = followed_up(
                receiver, about, event, policy, at, total.credits, total.gives, total.why, benefits=total.benefits
            )
            book.follow_ups = [*(book.follow_ups or ()), made]


def gathered(made: Iterable[FollowedUp], about: Source, ordinal: int) -> tuple[FollowedUp, ...]:
    """What a decision follows up, one for each id: what is of its own root has its place among that root's commits."""
    found: dict[str, FollowedUp] = {}
    for one in made:
        known = found.get(one.id)
        found[one.id] = one if known is None else known.with_more(one)
    return tuple(attrs.evolve(one, ordinal=ordinal) if one.origin == about else one for one in found.values())


def receive(book: Book, bound: BoundTerms, event: FollowedUp, past: Sequence[Commit]) -> bool:
    """
    Books the total that *event* states, less what its chain has booked on this account.

    Whether it confirmed what had waited here.
    """
    chain = [c for c in past if isinstance(c.event, FollowedUp) and c.event.chain == event.chain]
    if any(isinstance(c.event, FollowedUp) and c.event.ordinal > event.ordinal for c in chain):
        return False
    about, policy = event.origin, event.policy
    so_far = {key: steps for key, steps in booked(past, about).items() if key[0] == policy}
    if about.account in answers_for(book.account, book.grants):
        event = _no_more(event, so_far, chain)
    total = _within(book, bound, event, so_far, chain[0].event.occurred_at if chain else event.occurred_at)
    difference = Difference(book, bound, about, past, policy=policy, why=event.reason)
    wanted = [
        (policy, [Give(key=g.key, value=g.value, occasion=g.occasion) for g in total.gives], Basis()),
    ]
    difference.revoke_grants(wanted)
    for give in total.gives:  # Before the credits, which may need them.
        _give(book, event, give, chain)
    waited = confirm_told(book, about, total.credits)
    if so_far:
        difference.settle(_worth(policy, total.credits))
    else:
        for credit in total.credits:
            amount = credit.amount
            books = book_of(credit.rule, amount.steps)
            book.credit(policy, about, amount.unit, amount.steps, credit.label, credit.validity, books, event.reason)
    _hand_over(book, total.benefits, chain)
    return waited


def _no_more(event: FollowedUp, so_far: Mapping[Key, int], chain: Sequence[Commit]) -> FollowedUp:
    """What is followed up from an account that has become one with the receiver's: no more than was booked before."""
    credits, left = [], dict(so_far)
    for credit in event.credits:
        key = (event.policy, credit.amount.unit, credit.label, credit.rule)
        steps = min(credit.amount.steps, max(0, left.get(key, 0)))
        left[key] = left.get(key, 0) - steps
        if steps:
            credits.append(attrs.evolve(credit, amount=build_amount(steps, credit.amount.unit)))
    return attrs.evolve(event, credits=tuple(credits), gives=event.gives if chain else (), benefits=())


def _within(book: Book, bound: BoundTerms, event: FollowedUp, so_far: Mapping[Key, int], of: datetime) -> Total:
    """
    What of a follow-up fits under the policy's ceilings for what it brings, with the tallies that count it.

    They count in the period of *of*, what first gave rise to it. One in a unit of uses counts follow-ups,
    whole; else the credits of its unit are trimmed, the last ones first. A tally is counted whatever
    the ceilings: it says what happened.
    """
    full = Total(event.credits, event.gives, event.benefits, event.reason)
    policy = next((policy for policy in bound.policies if policy.name == event.policy), None)
    tallies = [credit for credit in event.credits if _is_tally(bound, credit)]
    rewards = [credit for credit in event.credits if not _is_tally(bound, credit)]
    if policy is None or not policy.receives or not (rewards or event.gives or event.benefits):
        return full
    gives, benefits = event.gives, event.benefits
    counted = []
    for ceiling in policy.receives:
        label, validity = ceiling.counts(of, bound.calendar)
        tally, name = ceiling.tally or "", ceiling.ceiling.name
        counted.append((ceiling.unit, tally, name, label, validity))
        used = sum(one.steps for one in book.balances(tally) if one.label == label)
        room = max(0, ceiling.ceiling.limit.steps - used + so_far.get((event.policy, tally, label, name), 0))
        if ceiling.unit != USES.code:
            rewards = _trimmed(rewards, ceiling.unit, room)
        elif not room:
            rewards, gives, benefits = [], (), ()
    for unit, tally, name, label, validity in counted:
        steps = sum(credit.amount.steps for credit in rewards if credit.amount.unit == unit)
        if unit == USES.code:
            steps = 1 if rewards or gives or benefits else 0
        if steps:
            tallies.append(PromisedCredit(amount=build_amount(steps, tally), rule=name, label=label, validity=validity))
    return Total((*rewards, *tallies), gives, benefits, event.reason)


def _trimmed(credits: Iterable[PromisedCredit], unit: str, room: int) -> list[PromisedCredit]:
    """The credits, those of *unit* no more than the *room* together."""
    kept = []
    for credit in credits:
        if credit.amount.unit == unit:
            steps = min(room, credit.amount.steps)
            room -= steps
            if not steps:
                continue
            kept.append(attrs.evolve(credit, amount=build_amount(steps, unit)))
        else:
            kept.append(credit)
    return kept


def _is_tally(bound: BoundTerms, credit: PromisedCredit) -> bool:
    unit = bound.units.get(credit.amount.unit)
    return unit is not None and unit.kind is UnitKind.TALLY


def _hand_over(book: Book, benefits: Iterable[PromisedBenefit], chain: Sequence[Commit]) -> None:
    """Tells the shop what it has not been told to hand over before."""
    told: dict[tuple[object, ...], int] = {}
    for commit in chain:
        for one in commit.benefits:
            key = (one.kind, one.reward, one.amount)
            told[key] = told.get(key, 0) + one.quantity
    for benefit in benefits:
        key = (benefit.kind, benefit.reward, benefit.amount)
        before = min(told.get(key, 0), benefit.quantity)
        told[key] = told.get(key, 0) - before
        if benefit.quantity > before:
            quantity = benefit.quantity - before
            book.benefits.append(Benefit(benefit.kind, benefit.reward, benefit.amount, quantity, FrozenMapping()))


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
