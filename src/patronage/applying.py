"""Effects become entries: what a policy answered, written into the book."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import attrs

from patronage._frozen import FrozenMapping
from patronage.basis_after import usable
from patronage.between import PromisedBenefit, PromisedCredit, PromisedGrant, followed_up
from patronage.book import Book
from patronage.building import build_booking
from patronage.errors import PolicyError
from patronage.ledger import (
    Account,
    AccountKind,
    Basis,
    Benefit,
    Booking,
    Grant,
    GrantChange,
    Source,
    WakeChange,
    WakeUp,
)
from patronage.occasions import (
    Credit,
    Debit,
    Effect,
    FollowUp,
    Give,
    HandOver,
    Occasion,
    Revoke,
    SetTo,
    Use,
    Wake,
)
from patronage.periods import Calendar
from patronage.terms import BoundTerms
from patronage.units import Amount


def book_of(rule: str, steps: int) -> tuple[Booking, ...]:
    """The booking of an effect that states no more than its rule and amount."""
    return (build_booking(rule, steps, steps, (abs(steps), 1), (steps, 1), "", "", (), None),)


def plain(effect: Effect, basis: Basis) -> Effect | None:
    """A `SetTo` as the credit or debit that it comes to on *basis*; other effects as they are."""
    if not isinstance(effect, SetTo):
        return effect
    unit = effect.amount.unit
    now = sum(held.steps for held in basis.balances if held.unit == unit and held.label == effect.label)
    change = effect.amount.steps - now
    if change > 0:
        return Credit(Amount(change, unit), rule=effect.rule, label=effect.label, life=effect.life, why=effect.why)
    if change < 0:
        return Debit(Amount(-change, unit), rule=effect.rule, label=effect.label, why=effect.why)
    return None


def apply_effects(
    book: Book, bound: BoundTerms, policy: str, effects: Sequence[Effect], occasion: Occasion, about: Source
) -> None:
    """Writes what a policy answered. Raises PolicyError for a unit the terms do not have, or a wake-up in the past."""
    at, calendar = occasion.at, bound.calendar
    for stated in effects:
        effect = stated if type(stated) is Credit else plain(stated, occasion.basis)
        if isinstance(effect, Credit):
            amount = effect.amount
            if amount.unit not in bound.creditable:
                raise PolicyError(policy, f"it credits {amount.unit}, which is no unit of the terms.")
            validity = effect.validity if effect.validity is not None else effect.life.resolve(at, calendar)
            books = effect.books or book_of(effect.rule, amount.steps)
            on = book if effect.account is None else book_on(book, effect.account, policy)
            on.credit(policy, about, amount.unit, amount.steps, effect.label, validity, books, effect.why)
        elif isinstance(effect, Debit):
            amount = effect.amount
            if amount.unit not in bound.units:
                raise PolicyError(policy, f"it debits {amount.unit}, which is no unit of the terms.")
            steps = amount.steps
            on = book if effect.account is None else book_on(book, effect.account, policy)
            if effect.up_to:
                steps = min(steps, max(on.available(amount.unit, effect.label), 0))
            if steps:
                books = book_of(effect.rule, -steps)
                on.debit(policy, about, amount.unit, steps, effect.label, effect.why, effect.payee, books)
        elif isinstance(effect, Give):
            give(book, effect, policy, about)
        elif isinstance(effect, Use):
            use(book, effect, policy, about)
        elif isinstance(effect, Revoke):
            revoke(book, effect, policy, about, giver=f"{policy}/{effect.rule}" if effect.own else None)
        elif isinstance(effect, HandOver):
            benefit = Benefit(effect.kind, effect.reward, effect.amount, effect.quantity, FrozenMapping())
            book.benefits.append(benefit)
        elif isinstance(effect, Wake):
            if effect.at <= at:
                raise PolicyError(policy, "a wake-up lies after the occasion that sets it.")
            book.wake(WakeChange.SET, WakeUp(effect.at, policy, effect.name, effect.facts), effect.rule, about)
        elif isinstance(effect, FollowUp):
            if policy not in bound.follows_up:
                raise PolicyError(policy, "it gives a FollowUp: say so by an attribute follows_up that is True.")
            if effect.receiver == book.origin:
                raise PolicyError(policy, "a follow-up is for another account: give a Credit or a Give.")
            for credit in effect.credits:
                if credit.amount.unit not in bound.units:
                    raise PolicyError(policy, f"it follows up {credit.amount.unit}, which is no unit of the terms.")
            credits, gives = promised(effect, at, calendar)
            made = followed_up(
                effect.receiver, about, book.cause, policy, at, credits, gives, effect.why, benefits=handed(effect)
            )
            book.follow_ups = [*(book.follow_ups or ()), made]


def handed(effect: FollowUp) -> tuple[PromisedBenefit, ...]:
    """What a follow-up tells the shop to hand over to the receiver."""
    return tuple(
        PromisedBenefit(kind=each.kind, reward=each.reward, amount=each.amount, quantity=each.quantity)
        for each in effect.benefits
    )


def promised(
    effect: FollowUp, at: datetime, calendar: Calendar
) -> tuple[tuple[PromisedCredit, ...], tuple[PromisedGrant, ...]]:
    """What a follow-up promises, its lives and terms counted from *at*."""
    credits = tuple(
        PromisedCredit(
            amount=credit.amount,
            rule=credit.rule or effect.rule,
            label=credit.label,
            validity=credit.life.resolve(at, calendar) if credit.validity is None else credit.validity,
        )
        for credit in effect.credits
    )
    gives = tuple(
        PromisedGrant(
            key=give.key,
            value=give.value,
            valid_until=give.end(at, calendar),
            uses=give.uses,
            occasion=give.occasion,
            rule=give.rule or effect.rule,
        )
        for give in effect.gives
    )
    return credits, gives


def book_on(book: Book, account: Account, policy: str) -> Book:
    """The book of a shared account. Raises PolicyError where no policy names it, or no event is decided."""
    found = None if book.others is None else book.others.get(account)
    if found is None or account.kind is not AccountKind.SHARED:
        raise PolicyError(
            policy,
            f"it changes {account}: a shared account is named in the policy's others and changes with a purchase, an "
            "enrolment or an activity; a member, and a shared account at another time, gets a FollowUp.",
        )
    return found


def give(book: Book, effect: Give, policy: str, about: Source) -> None:
    """Gives a grant; where it is in force already it extends to the later end."""
    at = book.at
    assert at is not None
    until, start, giver = effect.end(at, book.calendar), effect.begin(at), f"{policy}/{effect.rule}"
    grant = Grant(effect.key, effect.value, start, until, effect.uses, giver, effect.occasion, about)
    book.grant(GrantChange.GIVEN, extended(book.grants, grant, at), policy, effect.rule, about, effect.why)


def extended(grants: Iterable[Grant], grant: Grant, at: object) -> Grant:
    """*grant*, or the one of its identity in force, extended to the later end."""
    for known in grants:
        if known.identity == grant.identity and not known.ended:
            until = None
            if known.valid_until is not None and grant.valid_until is not None:
                until = max(known.valid_until, grant.valid_until)
            return attrs.evolve(grant, valid_from=known.valid_from, valid_until=until, reserved=known.reserved)
    return grant


def use(book: Book, effect: Use, policy: str, about: Source) -> None:
    """One use of the grant in force that ends first; nothing where none has uses left."""
    at = book.at
    assert at is not None
    first = usable(book.grants, effect, at)
    if first is not None:
        left = attrs.evolve(first, uses=(first.uses or 1) - 1)
        book.grant(GrantChange.USED, left, policy, effect.rule, about, effect.why)


def revoke(book: Book, effect: Revoke, policy: str, about: Source, giver: str | None = None) -> None:
    """The grants in force under a key end now."""
    at = book.at
    assert at is not None
    for grant in book.grants:
        if (
            grant.key == effect.key
            and (effect.value is None or grant.value == effect.value)
            and (effect.occasion is None or grant.occasion == effect.occasion)
            and (giver is None or grant.giver == giver or (giver == "@" and grant.giver.startswith(giver)))
            and grant.in_force(at)
        ):
            ended = attrs.evolve(grant, valid_until=at, ended=True)
            book.grant(GrantChange.REVOKED, ended, policy, effect.rule, about, effect.why)
