"""
Partners as data: who reports sales, at which agreed rates, what they pay for what is issued, what theirs cost.

An agreement holds from a day to a day: the next one takes its place, and what was sold before stays with
the one that it was sold under, its refunds too. `policies.partner` puts partners to work.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise

import attrs

from patronage.conditions import Between
from patronage.errors import InvalidValueError, quote
from patronage.events import many
from patronage.fields import instant_or_none
from patronage.occasions import Condition
from patronage.periods import EARLIEST, LATEST, format_instant
from patronage.rules import MultiplierRule, Rule, above_zero, name, rules_of
from patronage.units import Amount


@attrs.frozen(kw_only=True)
class AgreedPrice:
    """For every *per* of a unit, *pays* in money: 1,000 points are 9.00. Exact: rounded once, in a settlement."""

    per: Amount = attrs.field(validator=above_zero)
    pays: Amount = attrs.field(validator=above_zero)


def _prices(value: Iterable[AgreedPrice]) -> tuple[AgreedPrice, ...]:
    found = many(value)
    if not all(isinstance(price, AgreedPrice) for price in found):
        raise InvalidValueError(f"What is agreed are prices (AgreedPrice), not {quote(value)}.")
    if len({price.per.unit for price in found}) < len(found):
        raise InvalidValueError("An agreement has one price for each unit.")
    if len({price.pays.unit for price in found}) > 1:
        raise InvalidValueError("The prices of an agreement are in one currency.")
    return found


@attrs.frozen(kw_only=True)
class Agreement:
    """
    What is agreed with a partner *from* a *start* and before an *end*; either may be left open.

    *rules* are what its sales and activities earn. *funds* is what the partner pays for what they issue,
    *costs* what the program pays for the partner's own units that members convert to. Both are in
    one currency.
    """

    rules: tuple[Rule, ...] = attrs.field(default=(), converter=rules_of)
    start: datetime | None = attrs.field(default=None, converter=instant_or_none)
    end: datetime | None = attrs.field(default=None, converter=instant_or_none)
    funds: tuple[AgreedPrice, ...] = attrs.field(default=(), converter=_prices)
    costs: tuple[AgreedPrice, ...] = attrs.field(default=(), converter=_prices)

    def __attrs_post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise InvalidValueError("An agreement must end after it starts.")
        if len({price.pays.unit for price in (*self.funds, *self.costs)}) > 1:
            raise InvalidValueError("The prices of an agreement are in one currency.")

    @property
    def money(self) -> str | None:
        """The code of the currency of its prices."""
        return next((price.pays.unit for price in (*self.funds, *self.costs)), None)

    @property
    def window(self) -> Condition | None:
        """When its rules count; None is always."""
        return None if self.start is None and self.end is None else Between(start=self.start, end=self.end)

    def holds(self, at: datetime) -> bool:
        """Whether it is in force at an instant."""
        return (self.start is None or self.start <= at) and (self.end is None or at < self.end)


def _agreements(value: Iterable[Agreement]) -> tuple[Agreement, ...]:
    found = many(value)
    if not found or not all(isinstance(agreement, Agreement) for agreement in found):
        raise InvalidValueError(f"A partner has agreements (Agreement), not {quote(value)}.")
    if len({agreement.money for agreement in found} - {None}) > 1:
        raise InvalidValueError("The agreements of a partner are in one currency.")
    for earlier, later in pairwise(found):
        if (earlier.end or LATEST) > (later.start or EARLIEST):
            at = "its start" if later.start is None else format_instant(later.start)
            raise InvalidValueError(
                f"Agreements stand in order of time, and one ends before the next starts: not at {at}."
            )
    return found


@attrs.frozen(kw_only=True)
class Partner:
    """
    A partner: its *agreements* in order of time.

    With *linked* only members whose account at the partner is linked earn. With *labelled* what its rules
    issue is kept apart under the partner's name as label.
    """

    name: str = attrs.field(converter=name)
    agreements: tuple[Agreement, ...] = attrs.field(converter=_agreements)
    linked: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    labelled: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))

    def __attrs_post_init__(self) -> None:
        for agreement in self.agreements if self.labelled else ():
            for rule in agreement.rules:
                if not isinstance(rule, MultiplierRule) and rule.label is not None:
                    raise InvalidValueError(f"What partner {self.name} issues has its name as label: leave out others.")

    @property
    def money(self) -> str | None:
        """The code of the currency in which it is settled; None where no price is agreed."""
        return next((agreement.money for agreement in self.agreements if agreement.money is not None), None)

    def agreement_at(self, at: datetime) -> Agreement | None:
        """The agreement in force at an instant."""
        return next((agreement for agreement in self.agreements if agreement.holds(at)), None)


def partners_of(value: Iterable[Partner]) -> tuple[Partner, ...]:
    """Partners as a tuple, each with a name of its own."""
    found = many(value)
    if not found or not all(isinstance(partner, Partner) for partner in found):
        raise InvalidValueError(f"A partner policy has partners (Partner), not {quote(value)}.")
    if len({partner.name for partner in found}) < len(found):
        raise InvalidValueError("Two partners have one name.")
    return found
