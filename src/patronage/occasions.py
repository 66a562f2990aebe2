"""What a policy is shown, and what it answers: occasions in, effects out. Both are plain frozen values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Final, Protocol

import attrs

from patronage._build import blank
from patronage._frozen import FrozenMapping
from patronage.between import FOLLOWED_UP
from patronage.errors import InvalidValueError, quote
from patronage.events import Activity, Event, Line, Purchase, many, word
from patronage.ledger import (
    EXPIRED,
    REDEEMED,
    Account,
    AccountKind,
    Basis,
    BenefitKind,
    Booking,
    Fact,
    Grant,
    Lot,
    Reason,
    Source,
    Validity,
    WakeUp,
    positive_amount,
    reason,
)
from patronage.periods import Calendar, utc
from patronage.terms_of_time import Term
from patronage.units import Amount, Unit


class CountedFrom(Enum):
    """What the life of a credit counts from."""

    EARNING = "earning"
    AVAILABILITY = "availability"


@attrs.frozen(kw_only=True)
class Life:
    """
    When what a rule credits can be spent, relative to the event: resolved to a `Validity` when it is credited.

    *available_after* None is at once. *on_confirmation* waits for a Confirmation. *expires_after*
    None is never. *needs* and *held_by* name grants, *grace* goes with held_by. *goes_to* is where
    expiry moves it.
    """

    available_after: Term | None = None
    on_confirmation: bool = False
    expires_after: Term | None = None
    counted_from: CountedFrom = CountedFrom.EARNING
    needs: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    held_by: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    grace: Term | None = None
    goes_to: Account = EXPIRED

    def __attrs_post_init__(self) -> None:
        if self.on_confirmation and self.available_after is not None:
            raise InvalidValueError("A credit becomes available after a term or on confirmation, not both.")
        if self.grace is not None and self.held_by is None:
            raise InvalidValueError("A grace goes with held_by: name the grant that holds the credit.")
        if self.held_by is not None and self.expires_after is None:
            raise InvalidValueError("What a grant holds must have a life of its own: give expires_after.")

    @property
    def by_day(self) -> bool:
        """Whether the validity depends on the local day alone."""
        terms = (self.available_after, self.expires_after)
        return all(term is None or term.by_day for term in terms)

    def resolve(self, at: datetime, calendar: Calendar) -> Validity:
        """The validity of what is credited at *at*."""
        available_at = None if self.available_after is None else self.available_after.end(at, calendar)
        expires_at, expires_after = None, None
        if self.expires_after is not None:
            if self.counted_from is CountedFrom.EARNING:
                expires_at = self.expires_after.end(at, calendar)
            elif self.on_confirmation:
                expires_after = self.expires_after
            else:
                expires_at = self.expires_after.end(available_at or at, calendar)
        return Validity(
            available_at,
            self.on_confirmation,
            expires_at,
            expires_after,
            self.needs,
            self.held_by,
            self.grace,
            self.goes_to,
        )


AT_ONCE: Final = Life()


@attrs.frozen
class LotAvailable:
    """A lot became available."""

    lot: Lot


@attrs.frozen
class LotEnded:
    """A lot ended with something left."""

    lot: Lot


@attrs.frozen
class GrantEnded:
    """A grant ran out."""

    grant: Grant


@attrs.frozen
class Woken:
    """A wake-up that this policy had set fell due."""

    wake_up: WakeUp


@attrs.frozen
class Adopted:
    """New terms took effect, of which this policy is one; *before* is the effective instant of the old ones."""

    before: datetime


Trigger = LotAvailable | LotEnded | GrantEnded | Woken | Adopted


@attrs.frozen(weakref_slot=False)
class Ladder:
    """
    The *levels* of a tier policy, lowest first, as values of grants under *key*.

    *base* is the level of those who hold no such grant, if it has a name.
    """

    key: str
    levels: tuple[str, ...]
    base: str | None

    def highest(self, grants: Iterable[Grant], at: datetime) -> str | None:
        """The highest level among the grants in force."""
        held = {grant.value for grant in grants if grant.key == self.key and grant.in_force(at)}
        return next((level for level in reversed(self.levels) if level in held), self.base)

    def rank(self, level: str | None) -> int:
        """The place of a level, from 0; -1 for the level of everybody, and for one that is not of the ladder."""
        return self.levels.index(level) if level in self.levels else -1


@attrs.frozen(weakref_slot=False)
class Occasion:
    """
    What a policy is shown: an *event*, or a *trigger* (something that time did), at an instant.

    *basis* is what rules can read as it now stands, after the policies before this one. *ladders* are
    the levels of the terms' tier policies, lowest first. A policy is never shown a refund or a
    cancellation: the purchase is decided again without what came back.
    """

    at: datetime
    account: Account
    event: Event | None
    trigger: Trigger | None
    basis: Basis
    calendar: Calendar
    units: FrozenMapping[str, Unit]
    ladders: FrozenMapping[str, Ladder] = FrozenMapping()

    @property
    def purchase(self) -> Purchase | None:
        """The event, where it is a purchase."""
        return self.event if isinstance(self.event, Purchase) else None

    @property
    def activity(self) -> Activity | None:
        """The event, where it is an activity."""
        return self.event if isinstance(self.event, Activity) else None

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines of the purchase, or of the cart of a request; else none."""
        event = self.event
        if isinstance(event, Purchase):
            return event.lines
        cart: tuple[Line, ...] = getattr(event, "cart", ())
        return cart

    def balance(self, unit: str, label: str | None = None) -> int:
        """Available steps of *unit* under *label*, among what the terms declare that they read."""
        for held in self.basis.balances:
            if held.unit == unit and held.label == label:
                return held.steps
        return 0

    def balance_of(self, account: Account, unit: str, label: str | None = None) -> int:
        """Available steps on another account that the terms share or a policy names in its `others`."""
        for held in self.basis.others.get(str(account), ()):
            if held.unit == unit and held.label == label:
                return held.steps
        return 0

    def balance_in_all(self, unit: str) -> int:
        """Available steps of *unit* under all labels, among what the terms declare that they read."""
        return sum(held.steps for held in self.basis.balances if held.unit == unit)

    def grants(self, key: str, value: str | None = None) -> tuple[Grant, ...]:
        """The grants in force under *key* (and *value*)."""
        at = self.at
        return tuple(
            grant
            for grant in self.basis.grants
            if grant.key == key and (value is None or grant.value == value) and grant.in_force(at)
        )

    def level(self, ladder: str) -> str | None:
        """The member's level on a tier policy's ladder: the highest grant in force, else the level of everybody."""
        levels = self.ladders.get(ladder)
        return None if levels is None else levels.highest(self.basis.grants, self.at)


@attrs.frozen(weakref_slot=False)
class Credit:
    """
    *amount* to the account. *rule* names what gave it, *why* the reason; *life* when it can be spent.

    *account* is a shared account that the policy names in its `others`, where it is not the occasion's own.

    *books* (what each rule has in it) and *validity* (the life already resolved) are given by the
    library's own rules.
    """

    amount: Amount
    rule: str = attrs.field(default="", kw_only=True)
    label: str | None = attrs.field(default=None, kw_only=True)
    life: Life = attrs.field(default=AT_ONCE, kw_only=True)
    why: Reason = attrs.field(default=reason("credited"), kw_only=True)
    books: tuple[Booking, ...] = attrs.field(default=(), kw_only=True)
    validity: Validity | None = attrs.field(default=None, kw_only=True)
    account: Account | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        positive_amount("A credit", self.amount)


@attrs.frozen(weakref_slot=False)
class Debit:
    """
    *amount* from the account to *payee*: exactly (a shortfall is debt), or *up_to* what is there.

    *account* is a shared account that the policy names in its `others`, where it is not the occasion's own.
    """

    amount: Amount
    rule: str = attrs.field(default="", kw_only=True)
    label: str | None = attrs.field(default=None, kw_only=True)
    up_to: bool = attrs.field(default=False, kw_only=True)
    why: Reason = attrs.field(default=reason("debited"), kw_only=True)
    account: Account | None = attrs.field(default=None, kw_only=True)
    payee: Account = attrs.field(default=REDEEMED, kw_only=True)

    def __attrs_post_init__(self) -> None:
        positive_amount("A debit", self.amount)
        if not isinstance(self.payee, Account) or self.payee.kind is not AccountKind.SYSTEM:
            raise InvalidValueError(f"A debit goes to a system account, not to {quote(self.payee)}.")


@attrs.frozen(kw_only=True, weakref_slot=False)
class SetTo:
    """The balance of *amount*'s unit and *label* becomes *amount*: a credit or a debit of the difference."""

    amount: Amount
    rule: str = ""
    label: str | None = None
    life: Life = AT_ONCE
    why: Reason = reason("set")

    def __attrs_post_init__(self) -> None:
        if self.amount.steps < 0:
            raise InvalidValueError(f"A balance is set to at least 0, not {self.amount.steps} steps.")


@attrs.frozen(kw_only=True, weakref_slot=False)
class Give:
    """
    A grant of *key* (and *value*), for *lasts* or until an instant, with *uses*.

    It holds at once, or from *since* on where that is later. Given again it extends to the later end.
    """

    key: str = attrs.field(converter=word)
    value: str | None = None
    lasts: Term | None = None
    until: datetime | None = attrs.field(default=None, converter=attrs.converters.optional(utc))
    uses: int | None = None
    occasion: str = ""
    rule: str = ""
    why: Reason = reason("given")
    since: datetime | None = attrs.field(default=None, converter=attrs.converters.optional(utc))

    def __attrs_post_init__(self) -> None:
        if self.lasts is not None and self.until is not None:
            raise InvalidValueError("A grant lasts for a term or until an instant, not both.")
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise InvalidValueError("A grant ends after it begins.")

    def begin(self, at: datetime) -> datetime:
        """When it begins if it is given at *at*."""
        return at if self.since is None else max(at, self.since)

    def end(self, at: datetime, calendar: Calendar) -> datetime | None:
        """When it ends if it is given at *at*; None for never."""
        return self.until if self.lasts is None else self.lasts.end(at, calendar)


@attrs.frozen(kw_only=True, weakref_slot=False)
class Use:
    """One use of the grant in force under *key* (and *value*) that ends first."""

    key: str = attrs.field(converter=word)
    value: str | None = None
    rule: str = ""
    why: Reason = reason("used")


@attrs.frozen(kw_only=True, weakref_slot=False)
class Revoke:
    """The grants in force under *key* (*value*, *occasion*) end; with *own* only what this policy's *rule* gave."""

    key: str = attrs.field(converter=word)
    value: str | None = None
    occasion: str | None = None
    rule: str = ""
    own: bool = False
    why: Reason = reason("revoked")


def _facts(value: Mapping[str, Fact]) -> FrozenMapping[str, Fact]:
    return FrozenMapping(value)


@attrs.frozen(kw_only=True, weakref_slot=False)
class Wake:
    """Show this policy *name* and *facts* again at *at*, which lies after the occasion."""

    at: datetime = attrs.field(converter=utc)
    name: str = attrs.field(converter=word)
    facts: FrozenMapping[str, Fact] = attrs.field(default=FrozenMapping(), converter=_facts)
    rule: str = ""


@attrs.frozen(kw_only=True, weakref_slot=False)
class HandOver:
    """The shop must now hand something over: a payout, a product, a voucher. *amount* is its money, if any."""

    kind: BenefitKind
    reward: str = attrs.field(converter=word)
    amount: Amount | None = None
    quantity: int = 1
    rule: str = ""


def _credits(value: Iterable[Credit]) -> tuple[Credit, ...]:
    found = many(value)
    if not all(isinstance(credit, Credit) and credit.account is None for credit in found):
        raise InvalidValueError(f"A follow-up has credits, each to its receiver, not {quote(value)}.")
    return found


def _gives(value: Iterable[Give]) -> tuple[Give, ...]:
    found = many(value)
    if not all(isinstance(give, Give) for give in found):
        raise InvalidValueError(f"A follow-up has grants to give, not {quote(value)}.")
    if any(give.since is not None for give in found):
        raise InvalidValueError("What is followed up begins at once: it has no since.")
    return found


def _benefits(value: Iterable[HandOver]) -> tuple[HandOver, ...]:
    found = many(value)
    if not all(isinstance(each, HandOver) for each in found):
        raise InvalidValueError(f"A follow-up has benefits to hand over (HandOver), not {quote(value)}.")
    return found


@attrs.frozen(kw_only=True, weakref_slot=False)
class FollowUp:
    """
    *credits*, grants (*gives*) and *benefits* to another account, the *receiver*: a referrer, for a friend's purchase.

    It cannot change what is decided here. What comes back here is taken back there: the policy is asked
    again, and the receiver is told the new total; but what the shop has handed over stays. Lives and terms
    count from the occasion here.
    """

    receiver: Account
    credits: tuple[Credit, ...] = attrs.field(default=(), converter=_credits)
    gives: tuple[Give, ...] = attrs.field(default=(), converter=_gives)
    benefits: tuple[HandOver, ...] = attrs.field(default=(), converter=_benefits)
    rule: str = ""
    why: Reason = FOLLOWED_UP

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.receiver, Account) or self.receiver.kind is AccountKind.SYSTEM:
            raise InvalidValueError(f"A follow-up is for a member or a shared account, not {quote(self.receiver)}.")
        if not self.credits and not self.gives and not self.benefits:
            raise InvalidValueError("A follow-up of nothing is none: give it credits, grants to give, or benefits.")


Effect = Credit | Debit | SetTo | Give | Use | Revoke | Wake | HandOver | FollowUp
EFFECTS: Final = (Credit, Debit, SetTo, Give, Use, Revoke, Wake, HandOver, FollowUp)
_BLANK_CREDIT: Final = blank(Credit)


def build_credit(
    amount: Amount,
    rule: str,
    label: str | None,
    life: Life,
    why: Reason,
    books: tuple[Booking, ...],
    validity: Validity | None,
    account: Account | None = None,
) -> Credit:
    """`Credit(...)`, all fields in order, unchecked."""
    made = _BLANK_CREDIT()
    made.amount, made.rule, made.label = amount, rule, label
    made.life, made.why, made.books = life, why, books
    made.validity, made.account = validity, account
    made.__class__ = Credit
    return made  # type: ignore[no-any-return]


_NO_LADDERS: Final[FrozenMapping[str, Ladder]] = FrozenMapping()
_BLANK_OCCASION: Final = blank(Occasion)


def build_occasion(
    at: datetime,
    account: Account,
    event: Event | None,
    trigger: Trigger | None,
    basis: Basis,
    calendar: Calendar,
    units: FrozenMapping[str, Unit],
    ladders: FrozenMapping[str, Ladder] = _NO_LADDERS,
) -> Occasion:
    """`Occasion(...)`, all fields in order, unchecked."""
    made = _BLANK_OCCASION()
    made.at, made.account, made.event = at, account, event
    made.trigger, made.basis, made.calendar = trigger, basis, calendar
    made.units, made.ladders = units, ladders
    made.__class__ = Occasion
    return made  # type: ignore[no-any-return]


@attrs.frozen(weakref_slot=False)
class Read:
    """A balance that a condition, a ceiling or a policy reads: *label* None is that without a label."""

    unit: str
    label: str | None = None
    all_labels: bool = False


class Condition(Protocol):
    """
    A question about an occasion, or about one of its lines.

    *line* None asks about the whole: a condition on lines then holds where it does for some line.
    A caller's own condition is any frozen object with this method; what it reads of balances it
    names in a `reads` property (a sequence of `Read`), if any.
    """

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether it holds."""
        ...


def source_of(occasion: Occasion) -> Source:
    """What an occasion's effects are about: the event's root, or what time did."""
    return Source(occasion.account, occasion.event.about if occasion.event is not None else "~time")


def names_of(value: Iterable[str]) -> tuple[str, ...]:
    """A sequence of words, as a tuple in order."""
    return tuple(word(item) for item in many(value))


def check_effect(effect: object) -> Effect:
    """*effect*, where it is one; else InvalidValueError."""
    if not isinstance(effect, EFFECTS):
        raise InvalidValueError(
            f"{quote(effect)} is no effect: give one of {', '.join(kind.__name__ for kind in EFFECTS)}."
        )
    return effect
