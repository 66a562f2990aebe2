"""What a referral policy is made of: what is rewarded, for whom, and how much of it a referrer may get."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final

import attrs

from patronage.base import Base
from patronage.conditions import condition_or_none
from patronage.errors import InvalidValueError, quote
from patronage.events import Activity, Purchase, ReferralClaimed, many
from patronage.fields import whole, word_or_none
from patronage.occasions import Condition, Occasion
from patronage.periods import LIFETIME, Period
from patronage.rules import above_zero, name
from patronage.terms_of_time import Anniversary, Term, WhileGranted, WhileHeld
from patronage.thresholds import Gift, GiveBenefit, GiveConverted, GiveGrant, gifts_of
from patronage.units import Amount, Unit, UnitKind, rounded

_USES: Final = Unit("uses", kind=UnitKind.TALLY)


class Deed(Enum):
    """What of a friend is rewarded: the claim itself, a purchase, or an activity."""

    CLAIM = "claim"
    PURCHASE = "purchase"
    ACTIVITY = "activity"


def _whole_or_none(_: object, field: attrs.Attribute[int], value: int | None) -> None:
    if value is not None and (type(value) is not int or value < 1):
        raise InvalidValueError(f"{field.name} must be a whole number of at least 1, or None, not {quote(value)}.")


@attrs.frozen(kw_only=True)
class ReferralReward:
    """
    What both sides get for the claim, for a purchase of the friend, or for an activity of kind *activity*.

    It qualifies where *when* (asked about the friend) holds and, with *lines*, some line matches. The
    *nth* that qualifies is the first to be rewarded, and so many *times* it is at most, with *every* each
    one; an activity of a count qualifies so often. *within* is how long after the claim, beside the policy's window.
    *friend* and *referrer* are what each gets: credits with a life of their own (a hold is its
    `available_after`, or `on_confirmation` of the event that is rewarded), rights, vouchers, a share of
    the purchase's *base* on those lines (GiveConverted), what the shop hands over (GiveBenefit).
    *counts* says whether it makes the friend count for the referrer's tally of friends.
    """

    name: str = attrs.field(default="reward", converter=name)
    on: Deed = attrs.field(default=Deed.PURCHASE, validator=attrs.validators.instance_of(Deed))
    activity: str | None = attrs.field(default=None, converter=word_or_none)
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    lines: Condition | None = attrs.field(default=None, converter=condition_or_none)
    base: Base = Base()
    nth: int = attrs.field(default=1, validator=whole)
    times: int = attrs.field(default=1, validator=whole)
    every: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    within: Term | None = None
    friend: tuple[Gift, ...] = attrs.field(default=(), converter=gifts_of)
    referrer: tuple[Gift, ...] = attrs.field(default=(), converter=gifts_of)
    counts: bool = attrs.field(default=True, validator=attrs.validators.instance_of(bool))

    def __attrs_post_init__(self) -> None:
        if (self.activity is not None) != (self.on is Deed.ACTIVITY):
            raise InvalidValueError("A reward for an activity names its kind, and only that one does.")
        if self.every and self.times != 1:
            raise InvalidValueError("Each one that qualifies is rewarded, or so many times: one of the two.")
        if self.on is Deed.CLAIM and (self.nth, self.times, self.every, self.within) != (1, 1, False, None):
            raise InvalidValueError("There is one claim: its reward has no nth, times, every or within.")
        if self.on is not Deed.PURCHASE and self.lines is not None:
            raise InvalidValueError("Only a purchase has lines: ask for other things with when.")
        for gift in (*self.friend, *self.referrer):
            self._check(gift)

    def _check(self, gift: Gift) -> None:
        if isinstance(gift, GiveConverted) and self.on is not Deed.PURCHASE:
            raise InvalidValueError("A share is of a purchase: a claim or an activity gives something fixed.")
        if isinstance(gift, GiveGrant) and gift.after_period is not None:
            raise InvalidValueError("A referral has no period: a right lasts from when it is given.")
        if isinstance(gift, GiveBenefit) and gift.converted is not None:
            raise InvalidValueError("What is handed over for a referral has an amount of its own.")

    @property
    def leak(self) -> str | None:
        """What stays with members when what it was given for comes back; None where all of it comes back."""
        gifts = (*self.friend, *self.referrer)
        if any(isinstance(gift, GiveBenefit) for gift in gifts):
            return "what is handed over does not come back with the purchase that it was for."
        if any(isinstance(gift, GiveGrant) and gift.uses is not None for gift in gifts):
            return "what it gave is kept once it is used: use it, then return."
        return None

    def qualifies(self, occasion: Occasion) -> int:
        """How often the event qualifies."""
        event, times = occasion.event, 0
        if isinstance(event, Purchase):
            times = int(self.on is Deed.PURCHASE)
        elif isinstance(event, ReferralClaimed):
            times = int(self.on is Deed.CLAIM)
        elif isinstance(event, Activity) and self.on is Deed.ACTIVITY and event.kind == self.activity:
            times = event.count
        if not times or (self.when is not None and not self.when.holds(occasion, None)):
            return 0
        return times if self.lines is None or self.lines.holds(occasion, None) else 0

    def share(self, gift: GiveConverted, occasion: Occasion) -> int:
        """The share of the purchase, in steps, rounded once."""
        purchase = occasion.purchase
        if purchase is None or purchase.currency != gift.per.unit:
            return 0
        lines = zip(self.base.of(purchase), purchase.lines, strict=True)
        base = sum(steps for steps, line in lines if self.lines is None or self.lines.holds(occasion, line))
        return rounded(base * gift.credit.steps, gift.per.steps, gift.rounding)


def rewards_of(value: Iterable[ReferralReward]) -> tuple[ReferralReward, ...]:
    """The rewards of a policy, each with a name of its own."""
    found = many(value)
    if not found or not all(isinstance(each, ReferralReward) for each in found):
        raise InvalidValueError(f"A referral policy has rewards (ReferralReward), not {quote(value)}.")
    if len({each.name for each in found}) < len(found):
        raise InvalidValueError("Two rewards of a referral policy have one name.")
    return found


@attrs.frozen(kw_only=True)
class ReferralCap:
    """
    At most so many rewarded events (*rewards*), or so much (*amount*), for a referrer in each period *per*.

    It trims the referrer's side alone: the friend's reward does not suffer. What a refund takes back makes
    room again.
    """

    name: str = attrs.field(converter=name)
    rewards: int | None = attrs.field(default=None, validator=_whole_or_none)
    amount: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(above_zero))
    per: Period = LIFETIME

    def __attrs_post_init__(self) -> None:
        if (self.rewards is None) == (self.amount is None):
            raise InvalidValueError("A cap is of a number of rewards, or of an amount: one of them.")
        if isinstance(self.per, Anniversary | WhileGranted | WhileHeld):
            raise InvalidValueError("A cap counts in a period of the calendar, a rolling one or for life.")

    @property
    def limit(self) -> Amount:
        """The most, as an amount."""
        return self.amount if self.amount is not None else _USES.steps(self.rewards or 0)


def caps_of(value: Iterable[ReferralCap]) -> tuple[ReferralCap, ...]:
    """Caps, each with a name of its own."""
    found = many(value)
    if not all(isinstance(each, ReferralCap) for each in found) or len({c.name for c in found}) < len(found):
        raise InvalidValueError("Caps are members of ReferralCap, each with a name of its own.")
    return found
