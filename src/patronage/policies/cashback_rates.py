"""The rates of cash back as data: shares, bands, caps, and categories that rotate."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import attrs

from patronage.base import Base
from patronage.conditions import condition_of, condition_or_none
from patronage.errors import InvalidValueError, of_type, quote
from patronage.events import many, word
from patronage.fields import positive
from patronage.occasions import Condition, names_of
from patronage.periods import QUARTER, CalendarPeriod, FiscalYear, Period
from patronage.rules import above_zero, factor, name
from patronage.units import Amount, exact

_AMOUNT = attrs.validators.optional(above_zero)


def share(value: int | str | Decimal | Fraction) -> Fraction:
    """A share of the spend, at least 0, exact: `"0.05"`, or `"1/3"`."""
    if isinstance(value, str) and value.count("/") == 1:
        return factor(value)
    number = exact(value)
    if number < 0:
        raise InvalidValueError(f"A share of the spend is at least 0, not {quote(str(value))}.")
    return number


@attrs.frozen(kw_only=True)
class RateBand:
    """From a spend of *over* on, *rate* of it."""

    over: Amount = attrs.field(validator=positive)
    rate: Fraction = attrs.field(converter=share)


def _bands(value: Iterable[RateBand]) -> tuple[RateBand, ...]:
    found = many(value)
    if not all(isinstance(band, RateBand) for band in found):
        raise InvalidValueError(f"Bands of a rate are members of RateBand, not {quote(value)}.")
    if any(a.over.steps >= b.over.steps for a, b in pairwise(found)):
        raise InvalidValueError("Bands stand in rising order of what they start over.")
    return found


@attrs.frozen(kw_only=True)
class Turn:
    """What counts in the period whose key is *of* (`2025-Q1`): *lines*. It is activated through *activate_by*."""

    of: str = attrs.field(converter=word)
    lines: Condition = attrs.field(converter=condition_of)
    activate_by: date | None = attrs.field(default=None, validator=attrs.validators.optional(of_type(date)))


def _turns(value: Iterable[Turn]) -> tuple[Turn, ...]:
    found = many(value)
    if not found or not all(isinstance(turn, Turn) for turn in found):
        raise InvalidValueError(f"A rotation has turns (Turn), not {quote(value)}.")
    if len({turn.of for turn in found}) < len(found):
        raise InvalidValueError("Two turns are of one period.")
    return found


@attrs.frozen(kw_only=True)
class Rotation:
    """
    Categories that change with each *period*: what counts is the turn of the period; in one without a turn, nothing.

    *activation* is the kind of activity by which a member activates the period that holds it (or the
    next one, where the activity's attribute `period` names its key); None needs none. An activation
    counts from then on, or with *counts_back* from the start of its period.
    """

    turns: tuple[Turn, ...] = attrs.field(converter=_turns)
    period: Period = QUARTER
    activation: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    counts_back: bool = attrs.field(default=False, validator=of_type(bool))

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.period, CalendarPeriod | FiscalYear):
            raise InvalidValueError(f"Categories rotate by the calendar, not by {quote(self.period)}.")
        if self.activation is None and (self.counts_back or any(turn.activate_by for turn in self.turns)):
            raise InvalidValueError(
                "What counts back, or has a last day of activation, is activated: name the activity."
            )

    def turn(self, key: str) -> Turn | None:
        """The turn of a period."""
        return next((turn for turn in self.turns if turn.of == key), None)


@attrs.frozen(kw_only=True)
class CashbackRate:
    """
    *rate* of the spend that counts: on *lines*, *when* a condition on the purchase and member holds, by *base*.

    With *tenders* only what was paid with those kinds counts. *most* is how much spend earns it
    *per* period (in each purchase, without), the rest earns *beyond*; *credit_max* is how much it
    credits per period. *bands* change the rate over a spend, for the part over it (*marginal*) or the
    whole. *rotation* says what counts in which period.

    The first rate that applies to a line is its rate; one that *adds* comes on top of that.
    """

    name: str = attrs.field(converter=name)
    rate: Fraction = attrs.field(converter=share)
    lines: Condition | None = attrs.field(default=None, converter=condition_or_none)
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    base: Base = Base()
    tenders: tuple[str, ...] = attrs.field(default=(), converter=names_of)
    most: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    credit_max: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    per: Period | None = None
    beyond: Fraction = attrs.field(default=Fraction(0), converter=share)
    room_back: bool = attrs.field(default=True, validator=of_type(bool))
    bands: tuple[RateBand, ...] = attrs.field(default=(), converter=_bands)
    marginal: bool = attrs.field(default=True, validator=of_type(bool))
    rotation: Rotation | None = None
    adds: bool = attrs.field(default=False, validator=of_type(bool))

    @property
    def paid_with(self) -> tuple[str, ...]:
        """The kinds of tender whose money alone counts; none for all money."""
        return self.tenders or self.base.only_tenders

    @property
    def counts_back(self) -> bool:
        """Whether an activation pays for its period from the start."""
        return self.rotation is not None and self.rotation.counts_back

    def __attrs_post_init__(self) -> None:
        if self.tenders and (self.base.only_tenders or self.base.less_tenders):
            raise InvalidValueError(f"Rate {self.name} names tenders: leave those of its base out.")
        if self.beyond and self.most is None:
            raise InvalidValueError(f"Rate {self.name} has a rate beyond: say beyond how much spend (most).")
        if self.bands and self.most is not None:
            raise InvalidValueError(f"Rate {self.name} has bands and a most: the last band says what is beyond.")
        if self.per is not None and self.most is None and self.credit_max is None:
            raise InvalidValueError(f"Rate {self.name} has a period for a cap, and no cap (most or credit_max).")
        rotation = self.rotation
        if rotation is not None and rotation.counts_back:
            if not self.adds:
                raise InvalidValueError(f"Rate {self.name} counts back: it is paid on top of others, so let it add.")
            if self.credit_max is not None or (self.per is not None and self.per != rotation.period):
                raise InvalidValueError(f"Rate {self.name} counts back: its cap is a most of the period that rotates.")


def rates_of(value: Iterable[CashbackRate]) -> tuple[CashbackRate, ...]:
    """A sequence of rates as a tuple, each with a name of its own."""
    found = many(value)
    if not found or not all(isinstance(rate, CashbackRate) for rate in found):
        raise InvalidValueError(f"Cash back has rates (CashbackRate), not {quote(value)}.")
    if len({rate.name for rate in found}) < len(found):
        raise InvalidValueError("Two rates have one name.")
    return found
