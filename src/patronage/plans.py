"""Paid memberships as data: plans with their price, term, trial and perks, and what a cancellation gives back."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import attrs

from patronage.errors import InvalidValueError, of_type, quote
from patronage.events import many, word
from patronage.fields import not_negative
from patronage.terms_of_time import Lasting, Term
from patronage.thresholds import Gift, GiveConverted, gifts_of
from patronage.units import Amount, Rounding


class Renewal(Enum):
    """How a term is followed by the next: by itself, with a charge, or when a payment is told (`MembershipRenewed`)."""

    AUTOMATIC = "automatic"
    ON_PAYMENT = "on_payment"


class TermsFrom(Enum):
    """Where the terms of a membership with a trial are counted from: its first paid day, or the day it was joined."""

    PAID = "paid"
    JOINED = "joined"


class Back(Enum):
    """What of the fee is given back: all, the days left, all less what benefits were worth, nothing."""

    ALL = "all"
    DAYS_LEFT = "days_left"
    LESS_BENEFITS = "less_benefits"
    NOTHING = "nothing"


@attrs.frozen(kw_only=True)
class Plan:
    """
    A plan: a *fee* for each *term*, in money, after a free *trial*.

    Terms are counted from one anchor: the n-th ends n terms after it (31 January, 28 February, 31 March).
    *perks* are given with each term, also with the trial, and rights among them hold until its end
    unless they last for a term of their own.
    """

    name: str = attrs.field(converter=word)
    fee: Amount = attrs.field(validator=not_negative)
    term: Lasting = attrs.field(validator=of_type(Lasting))
    trial: Term | None = None
    terms_from: TermsFrom = TermsFrom.PAID
    perks: tuple[Gift, ...] = attrs.field(default=(), converter=gifts_of)

    def __attrs_post_init__(self) -> None:
        if not self.term.n:
            raise InvalidValueError(f"A term of plan {self.name} lasts at least one hour, day, week, month or year.")
        if any(isinstance(perk, GiveConverted) for perk in self.perks):
            raise InvalidValueError(f"A perk of plan {self.name} converts nothing: give a credit, right or benefit.")


def plans_of(value: Iterable[Plan]) -> tuple[Plan, ...]:
    """Plans as a tuple, each with a name of its own, all in one currency."""
    found = many(value)
    if not found or not all(isinstance(plan, Plan) for plan in found):
        raise InvalidValueError(f"A membership policy has plans (Plan), not {quote(value)}.")
    if len({plan.name for plan in found}) < len(found):
        raise InvalidValueError("Two plans have one name.")
    if len({plan.fee.unit for plan in found}) > 1:
        raise InvalidValueError("The fees of the plans are in one currency.")
    return found


@attrs.frozen(kw_only=True)
class FeeBack:
    """
    What a cancellation *gives* back of the present term's fee, *within* a term from its start, or at any time.

    With *unused* only to those who have used no benefit in it. Days are local days, the present one is
    used; parts of the fee are rounded by *rounding*.
    """

    gives: Back
    within: Term | None = None
    unused: bool = attrs.field(default=False, validator=of_type(bool))
    rounding: Rounding = Rounding.HALF_UP


def fees_back_of(value: Iterable[FeeBack]) -> tuple[FeeBack, ...]:
    """Rules of what is given back, in order: the first one that applies counts."""
    found = many(value)
    if not all(isinstance(back, FeeBack) for back in found):
        raise InvalidValueError(f"What a cancellation gives back is FeeBack, not {quote(value)}.")
    return found
