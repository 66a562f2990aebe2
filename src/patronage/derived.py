"""
Balances that follow another one: so much for each of what is counted, as the terms and the member's rights now say.

Other credits are given once and stay what they were. A derived balance is reckoned anew whenever what it
counts, the terms, or the conditions of its rates change, and the difference is booked: a quota of storage
for each friend, more of it on a paid plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import attrs

from patronage._frozen import FrozenMapping
from patronage.building import build_booking
from patronage.conditions import condition_or_none, reads_of
from patronage.errors import InvalidValueError, quote
from patronage.events import many
from patronage.figures import Setting
from patronage.ledger import ALWAYS, Booking, Grant, Reason
from patronage.occasions import AT_ONCE, Condition, Effect, Occasion, Read, build_credit
from patronage.periods import LIFETIME, Calendar
from patronage.rules import above_zero, name
from patronage.totals import COUNTED, CREDITED
from patronage.units import Amount, build_amount
from patronage.watching import Adoption, Consequence, Look, Moment, PeriodTerms, Settlement, TakeBack, root_of

DERIVED = Reason("derived", FrozenMapping())
_KEY = "lifetime"
_LOOKS = (Moment.EVENT, Moment.TIME, Moment.REFUND, Moment.ADOPTED)


@attrs.frozen(kw_only=True)
class DerivedRate:
    """*credit* for every whole *per* of what is counted, of which no more than *maximum* counts, while *when* holds."""

    per: Amount = attrs.field(validator=above_zero)
    credit: Amount = attrs.field(validator=above_zero)
    maximum: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(above_zero))
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)

    def __attrs_post_init__(self) -> None:
        if self.maximum is not None and self.maximum.unit != self.per.unit:
            raise InvalidValueError("The maximum of a derived rate is in the unit that it counts.")
        if self.per.unit == self.credit.unit:
            raise InvalidValueError("A balance is derived from another one, not from itself.")


def _rates(value: Iterable[DerivedRate]) -> tuple[DerivedRate, ...]:
    found = many(value)
    if not found or not all(isinstance(rate, DerivedRate) for rate in found):
        raise InvalidValueError(f"A derived balance has rates (DerivedRate), not {quote(value)}.")
    if len({(rate.per.unit, rate.credit.unit) for rate in found}) > 1:
        raise InvalidValueError("The rates of a derived balance count one unit and credit one.")
    return found


@attrs.frozen(kw_only=True)
class DerivedBalance:
    """
    What a balance comes to by the first of *rates* that holds, and nothing by none: never more, never less.

    It is reckoned after each event, after what time does, and when new terms take effect, which say by
    their own rates what the same balance now comes to. A fall takes back from what it had credited, then
    as the terms' refunds say.
    """

    name: str = attrs.field(converter=name)
    rates: tuple[DerivedRate, ...] = attrs.field(converter=_rates)


def derived_of(value: Iterable[DerivedBalance]) -> tuple[DerivedBalance, ...]:
    """A sequence of derived balances as a tuple, each with a name of its own."""
    found = many(value)
    if not all(isinstance(one, DerivedBalance) for one in found) or len({one.name for one in found}) < len(found):
        raise InvalidValueError("Derived balances are members of DerivedBalance, each with a name of its own.")
    return found


class BoundDerived:
    """A derived balance, bound to its terms: a watcher."""

    terms_of = PeriodTerms.CLOSE
    adoption = Adoption.RESTATED

    def __init__(self, derived: DerivedBalance, setting: Setting) -> None:
        self.name, self._rates, self._policy = derived.name, derived.rates, setting.policy
        self.unit = f"{setting.policy}.{derived.name}"
        first = derived.rates[0]
        self.credits = first.credit.unit
        counted = setting.unit(first.per.unit, f"What derived balance {derived.name} counts")
        credited = setting.unit(self.credits, f"What derived balance {derived.name} credits")
        self._said = [f"{credited.text(rate.credit)} per {counted.text(rate.per)}" for rate in derived.rates]
        asked = [read for rate in derived.rates for read in reads_of(rate.when)]
        self.reads: Sequence[Read] = (Read(first.per.unit), *asked)

    def key(self, of: datetime, calendar: Calendar, grants: Iterable[Grant]) -> str | None:
        """One label for all time."""
        return LIFETIME.span(of, calendar).key

    def counts(self, occasion: Occasion) -> Sequence[Effect]:
        """Nothing: what it counts is a balance."""
        return ()

    def look(self, occasion: Occasion, look: Look) -> Settlement | None:
        """The difference between what the balance now comes to and what was credited for it."""
        if look.moment not in _LOOKS:
            return None
        label = f"{_KEY}/{CREDITED}"
        have = occasion.balance(self.unit, label)
        want, book = self._figure(occasion, have)
        if want == have:
            return None
        effects: list[Consequence] = []
        amount, count = build_amount(abs(want - have), self.credits), build_amount(abs(want - have), self.unit)
        if want > have:
            effects.append(build_credit(amount, self.name, None, AT_ONCE, DERIVED, (book,), ALWAYS))
            noted = build_booking(
                self.name, count.steps, count.steps, (count.steps, 1), (count.steps, 1), "", "", (), None
            )
            effects.append(build_credit(count, self.name, label, AT_ONCE, COUNTED, (noted,), ALWAYS))
        else:
            effects += [TakeBack(amount, self.name, None, False), TakeBack(count, self.name, label, False)]
        return Settlement(root_of(self._policy, self.name, _KEY), effects)

    def _figure(self, occasion: Occasion, have: int) -> tuple[int, Booking]:
        """What the balance comes to in all, and the booking of what that is more."""
        for rate, said in zip(self._rates, self._said, strict=True):
            if rate.when is None or rate.when.holds(occasion, None):
                base = max(0, occasion.balance(rate.per.unit))
                if rate.maximum is not None:
                    base = min(base, rate.maximum.steps)
                want = base // rate.per.steps * rate.credit.steps
                more = want - have
                return want, build_booking(self.name, more, more, (base, 1), (want, 1), said, "", (), None)
        return 0, build_booking(self.name, -have, -have, (0, 1), (0, 1), "", "", (), None)
