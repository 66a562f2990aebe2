"""Conditions on what a line, or an activity, states: its measures, and the discounts taken off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

import attrs

from patronage.errors import InvalidValueError
from patronage.events import Line, word
from patronage.occasions import Occasion, names_of
from patronage.units import plain_decimal


@attrs.frozen
class LineDiscounted:
    """
    A discount of one of these kinds, or of any kind, was taken off the line: a free item, a reward's share.

    Discounts of the whole purchase are of no line.
    """

    of: tuple[str, ...] = attrs.field(default=(), converter=names_of)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the line, or some line, has one."""
        lines = occasion.lines if line is None else (line,)
        return any(not self.of or each.kind in self.of for one in lines for each in one.discounts)


@attrs.frozen
class MeasureIs:
    """
    The *measure* that an activity or a line states is *at_least* or *below* a number: a reload of 50.00 or more.

    Asked about a whole purchase it is what the lines' measures come to. What is not stated is 0.
    """

    measure: str = attrs.field(converter=word)
    at_least: Decimal | None = attrs.field(
        default=None, kw_only=True, converter=attrs.converters.optional(plain_decimal)
    )
    below: Decimal | None = attrs.field(default=None, kw_only=True, converter=attrs.converters.optional(plain_decimal))

    def __attrs_post_init__(self) -> None:
        if self.at_least is None and self.below is None:
            raise InvalidValueError("Give at_least, below or both.")

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether it lies within."""
        activity = occasion.activity
        stated: Sequence[Mapping[str, Decimal]]
        if activity is not None:
            stated = (activity.measures,)
        else:
            stated = [each.measures for each in (occasion.lines if line is None else (line,))]
        # Fractions, for a sum of decimals is rounded to the context's digits.
        number = sum((Fraction(each.get(self.measure, 0)) for each in stated), Fraction(0))
        return (self.at_least is None or number >= Fraction(self.at_least)) and (
            self.below is None or number < Fraction(self.below)
        )
