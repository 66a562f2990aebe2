"""
Thresholds as data: what a balance triggers, what that costs, what it gives and what a refund takes back.

Tier levels, punch cards, milestones, automatic vouchers and payouts are thresholds. `reaching` has
them at work.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final

import attrs

from patronage.conditions import condition_or_none
from patronage.errors import InvalidValueError, quote
from patronage.events import many, word
from patronage.ledger import BenefitKind
from patronage.occasions import (
    AT_ONCE,
    Condition,
    Life,
    names_of,
)
from patronage.periods import LIFETIME, Period
from patronage.rules import above_zero, name, name_or_none
from patronage.terms_of_time import Term
from patronage.units import Amount, Rounding
from patronage.watching import (
    PeriodTerms,
    check_period,
)


class Looks(Enum):
    """When a threshold looks: after each occasion, when its period closes, or at the review at the period's end."""

    AFTER_EACH = "after_each"
    AT_CLOSE = "at_close"
    AT_REVIEW = "at_review"


class Repeats(Enum):
    """
    How often it gives.

    EVERY_STEP, ONCE_A_PERIOD and ONCE_EVER count what was given. The others are for rights:
    WHILE_REACHED they hold (each look at which it is reached gives their term anew; without a term
    they end when it is no longer reached); with UNTIL_REVIEW they end at the review of the period at
    which it is not; with WHEN_ENDED it is given again when it has run out and is reached then.
    """

    EVERY_STEP = "every_step"
    ONCE_A_PERIOD = "once_a_period"
    ONCE_EVER = "once_ever"
    WHILE_REACHED = "while_reached"
    UNTIL_REVIEW = "until_review"
    WHEN_ENDED = "when_ended"


STANDING: Final = frozenset({Repeats.WHILE_REACHED, Repeats.UNTIL_REVIEW, Repeats.WHEN_ENDED})
"""The ways of giving that look at what is held, and count nothing."""


class Consumes(Enum):
    """What reaching it costs: nothing, whole steps of it, or all that is there."""

    NOTHING = "nothing"
    STEPS = "steps"
    ALL = "all"


class Falls(Enum):
    """What becomes of what it gave when a refund lets the balance fall below it."""

    KEPT = "kept"
    REVOKED_IF_UNUSED = "revoked_if_unused"
    TAKEN_BACK = "taken_back"
    AFTER_GRACE = "after_grace"


@attrs.frozen(kw_only=True)
class GiveCredit:
    """Gives *amount* each time, with its *life* and *label*."""

    amount: Amount = attrs.field(validator=above_zero)
    life: Life = AT_ONCE
    label: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))


@attrs.frozen(kw_only=True)
class GiveConverted:
    """Gives *credit* for each *per* of what was consumed, rounded once: a payout of all that was accrued."""

    per: Amount = attrs.field(validator=above_zero)
    credit: Amount = attrs.field(validator=above_zero)
    rounding: Rounding = Rounding.FLOOR
    life: Life = AT_ONCE
    label: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))


@attrs.frozen(kw_only=True)
class GiveGrant:
    """
    Gives a right to *key* (and *value*) each time: a level, a voucher for a thing with its *uses*.

    It *lasts* for a term from when it is given, or until a term *after_period*, from the end of the
    threshold's period.
    """

    key: str = attrs.field(converter=word)
    value: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    lasts: Term | None = None
    after_period: Term | None = None
    uses: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.lasts is not None and self.after_period is not None:
            raise InvalidValueError("A right lasts from when it is given, or from the period's end, not both.")


@attrs.frozen(kw_only=True)
class GiveBenefit:
    """Tells the shop to hand something over each time: a product, a payout of *amount* (of all, if *converted*)."""

    kind: BenefitKind
    reward: str = attrs.field(converter=word)
    amount: Amount | None = None
    converted: GiveConverted | None = None


Gift = GiveCredit | GiveConverted | GiveGrant | GiveBenefit
GIFTS: Final = (GiveCredit, GiveConverted, GiveGrant, GiveBenefit)


@attrs.frozen(kw_only=True)
class CarryOver:
    """What a close leaves goes on into the next period: up to *maximum*, under *label*, with a new *life*."""

    maximum: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(above_zero))
    label: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    life: Life = AT_ONCE


def gifts_of(value: Iterable[Gift]) -> tuple[Gift, ...]:
    """A sequence of gifts as a tuple."""
    found = many(value)
    if not all(isinstance(gift, GIFTS) for gift in found):
        raise InvalidValueError(
            f"A threshold gives GiveCredit, GiveConverted, GiveGrant or GiveBenefit, not {quote(value)}."
        )
    return found


@attrs.frozen(kw_only=True)
class Threshold:
    """
    Gives what *gives* lists when the balance of *unit* is *at_least*, or *more_than*, an amount.

    The balance is that under *label*, or under *all_labels*; with *labels* it is the number of labels
    that hold some of the unit (different products, different stores). *after* names thresholds of the
    same policy and period that must have given before it; with neither amount nor *when* that is all it
    asks (all steps are done). *round_of* names one, listed later, that consumes the balance: what this one
    gives once, it gives once in each round of that. *when* holds further conditions (other
    balances, a ratio, a number of labels, a grant); with neither amount it stands alone. *looks* says
    when it is looked at, *repeats* how often it gives, *period* which period that counts in (and
    closes). *consumes* is what it costs; *carries* what becomes of the rest at a close, else it
    stays as it is. *falls* says what a refund that lets the balance fall takes back, *grace* how
    long that waits with AFTER_GRACE.
    """

    name: str = attrs.field(converter=name)
    at_least: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(above_zero))
    more_than: Amount | None = attrs.field(default=None, validator=attrs.validators.instance_of(Amount | None))
    label: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    all_labels: bool = False
    labels: bool = False
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    after: tuple[str, ...] = attrs.field(default=(), converter=names_of)
    round_of: str | None = attrs.field(default=None, converter=name_or_none)
    gives: tuple[Gift, ...] = attrs.field(default=(), converter=gifts_of)
    looks: Looks = Looks.AFTER_EACH
    period: Period = LIFETIME
    anchored_on: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    repeats: Repeats = Repeats.ONCE_A_PERIOD
    consumes: Consumes = Consumes.NOTHING
    carries: CarryOver | None = None
    falls: Falls = Falls.TAKEN_BACK
    grace: Term | None = None
    terms_of: PeriodTerms = PeriodTerms.CLOSE

    def __attrs_post_init__(self) -> None:
        check_period(self.period, self.anchored_on, f"Threshold {self.name}")
        if self.at_least is not None and self.more_than is not None:
            raise InvalidValueError("A threshold is reached at_least or more_than an amount: give one of them.")
        if self.goal is None and (not (self.when or self.after) or self.consumes is not Consumes.NOTHING):
            raise InvalidValueError("A threshold without an amount has a condition, and consumes nothing.")
        if self.labels and (
            self.goal is None or self.label or self.all_labels or self.consumes is not Consumes.NOTHING
        ):
            raise InvalidValueError("The number of labels is compared with an amount, and consumes nothing.")
        if self.round_of is not None and (self.repeats is not Repeats.ONCE_A_PERIOD or self.at_least is None):
            raise InvalidValueError("What is given once in each round has an at_least, and is given once a period.")
        if (self.falls is Falls.AFTER_GRACE) != (self.grace is not None):
            raise InvalidValueError("A grace goes with what falls back after a grace, and only with that.")
        if self.repeats is Repeats.EVERY_STEP and self.at_least is None:
            raise InvalidValueError("Steps are counted in at_least.")
        if (self.looks is not Looks.AFTER_EACH or self.repeats is Repeats.UNTIL_REVIEW) and self.period == LIFETIME:
            raise InvalidValueError("What looks at a close or review has a period that ends.")
        if self.repeats in STANDING:
            if self.consumes is not Consumes.NOTHING or not all(isinstance(gift, GiveGrant) for gift in self.gives):
                raise InvalidValueError("What stands while it is reached gives rights, and consumes nothing.")
            if self.looks is not Looks.AFTER_EACH:
                raise InvalidValueError("What stands while it is reached is looked at after each occasion.")
        if self.repeats is Repeats.ONCE_EVER and self.looks is Looks.AFTER_EACH and self.period != LIFETIME:
            raise InvalidValueError("Once ever goes with the lifetime: leave the period out.")
        if self.carries is not None and self.looks is not Looks.AT_CLOSE:
            raise InvalidValueError("What is carried over is carried at a close.")
        for gift in self.gives:
            per = gift.per if isinstance(gift, GiveConverted) else None
            if isinstance(gift, GiveBenefit) and gift.converted is not None:
                per = gift.converted.per
            if per is not None and (
                self.goal is None or per.unit != self.goal.unit or self.consumes is Consumes.NOTHING
            ):
                raise InvalidValueError("What is converted is what the threshold consumes, in its unit.")

    @property
    def goal(self) -> Amount | None:
        """The amount that it is reached at, or above."""
        return self.at_least if self.at_least is not None else self.more_than


def thresholds_of(value: Iterable[Threshold]) -> tuple[Threshold, ...]:
    """A sequence of thresholds as a tuple, each with a name of its own."""
    found = many(value)
    if not all(isinstance(each, Threshold) for each in found) or len({t.name for t in found}) < len(found):
        raise InvalidValueError("Thresholds are members of Threshold, each with a name of its own.")
    known = {each.name: (n, each) for n, each in enumerate(found)}
    for n, each in enumerate(found):
        for other in each.after:
            place, before = known.get(other, (n, each))
            if place >= n or (before.period, before.anchored_on) != (each.period, each.anchored_on):
                raise InvalidValueError(
                    f"Threshold {each.name} comes after {quote(other)}: that is listed before it, with the same period."
                )
        if each.round_of is not None:
            place, last = known.get(each.round_of, (n, each))
            if place <= n or last.consumes is Consumes.NOTHING or last.period != each.period:
                raise InvalidValueError(
                    f"Threshold {each.name} has rounds of {quote(each.round_of)}: that is listed after it, consumes "
                    "the balance and has the same period."
                )
    return found
