"""What a shop writes itself where a rule is its own: policies, conditions and a term, by the library's protocols."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import attrs

from patronage import Amount, Credit, Effect, Give, Line, Occasion, Read, SetTo, Wake
from patronage.occasions import Woken
from patronage.periods import YEAR, Calendar, parse_instant
from patronage.terms_of_time import EndOfPeriod, Term


@attrs.frozen
class UntilInstant:
    """A term that ends at one instant, whatever the anchor."""

    at: datetime

    @property
    def by_day(self) -> bool:
        """False: an instant of its own."""
        return False

    def end(self, anchor: datetime, calendar: Calendar, times: int = 1) -> datetime:
        """The instant."""
        return self.at


@attrs.frozen(kw_only=True)
class Stays:
    """
    A policy: linking gives the tier that the partner states; a stay that is posted qualifies until the year ends.

    A stay that is booked is a window to come: a wake-up at check-in gives it, until check-out.
    """

    name: str

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """Grants for what the activity states, or for the window that has begun."""
        activity, trigger = occasion.activity, occasion.trigger
        if isinstance(trigger, Woken):
            until = parse_instant(str(trigger.wake_up.facts["checkout"]))
            yield Give(key="in-stay", lasts=UntilInstant(until), rule="check-in")
        elif activity is None:
            return
        elif activity.kind == "link":
            yield Give(key="tier", value=str(activity.attributes["tier"]), rule="link")
            if activity.attributes.get("promo_registered"):
                yield Give(key="promo", rule="link")
        elif activity.kind == "stay_posted":
            yield Give(key="stay", lasts=EndOfPeriod(period=YEAR), rule="posted")
        elif activity.kind == "stay_booked":
            begins = parse_instant(str(activity.attributes["checkin"]))
            yield Wake(at=begins, name="check-in", facts={"checkout": activity.attributes["checkout"]})


@attrs.frozen(kw_only=True)
class Refills:
    """A policy: an activity *starts* fills a label up to *to*, and so does each *every* after it."""

    name: str
    starts: str
    to: Amount
    label: str
    every: Term

    @property
    def reads(self) -> tuple[Read, ...]:
        """What is there before it is filled up."""
        return (Read(self.to.unit, self.label),)

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """Full, now and at the next wake-up."""
        activity, trigger = occasion.activity, occasion.trigger
        if (activity is not None and activity.kind == self.starts) or isinstance(trigger, Woken):
            yield SetTo(amount=self.to, label=self.label, rule="refill")
            yield Wake(at=self.every.end(occasion.at, occasion.calendar), name="refill", rule="refill")


# The seven rules of a receipt: conditions and a policy over facts that the shop states as attributes.


@attrs.frozen
class TotalIsMultipleOf:
    """The purchase's total is a whole multiple of *step*."""

    step: Amount

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether nothing is left over."""
        purchase = occasion.purchase
        return purchase is not None and purchase.total % self.step.steps == 0


@attrs.frozen
class OddDay:
    """The local day of the month is odd."""

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether it is."""
        return occasion.calendar.day(occasion.at).day % 2 == 1


@attrs.frozen
class NameLengthIsMultipleOf:
    """The length of the line's trimmed name is a whole multiple of *n*."""

    n: int

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether it is; asked about the whole, for some line."""
        lines = occasion.lines if line is None else (line,)
        return any(len(str(each.attributes["name"]).strip()) % self.n == 0 for each in lines)


@attrs.frozen(kw_only=True)
class LettersOfTheStore:
    """A policy: *credit* for every letter or digit of the store's name."""

    name: str
    credit: Amount

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """One credit for all of them."""
        purchase = occasion.purchase
        if purchase is not None and purchase.store:
            n = sum(letter.isalnum() for letter in purchase.store)
            yield Credit(Amount(n * self.credit.steps, self.credit.unit), rule="letters")
