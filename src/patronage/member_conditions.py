"""Conditions on the member: the level, a right held for long enough, balances against each other, numbers of labels."""

from __future__ import annotations

from fractions import Fraction

import attrs

from patronage.errors import InvalidValueError
from patronage.events import Line, word
from patronage.fields import word_or_none
from patronage.occasions import Occasion, Read, names_of
from patronage.rules import factor, name
from patronage.terms_of_time import Term


@attrs.frozen
class LevelIs:
    """
    The member's level on the *ladder* of a tier policy is one of *of*, or *at_least* a level.

    The level is the highest in force: a gold member is not of level silver, also where silver has
    been reached as well. Where the ladder names a level of everybody, those without a grant have it.
    """

    ladder: str = attrs.field(converter=name)
    of: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=names_of)
    at_least: str | None = attrs.field(default=None, kw_only=True, converter=word_or_none)

    def __attrs_post_init__(self) -> None:
        if bool(self.of) == (self.at_least is not None):
            raise InvalidValueError("Name the levels, or the lowest that is meant: one of the two.")

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the level is one of them. False for a ladder that the terms do not have."""
        level = occasion.level(self.ladder)
        if self.of:
            return level in self.of
        levels = occasion.ladders.get(self.ladder)
        if levels is None or level is None:
            return False
        return self.at_least == level or -1 < levels.rank(self.at_least) <= levels.rank(level)


@attrs.frozen
class GrantHeld:
    """A grant of *key* (with one of *values*) has been in force for the term *for_at_least*, and is."""

    key: str = attrs.field(converter=word)
    for_at_least: Term = attrs.field(kw_only=True)
    values: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=names_of)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether one has been held that long."""
        return any(
            self.for_at_least.end(grant.valid_from, occasion.calendar) <= occasion.at
            for grant in occasion.grants(self.key)
            if not self.values or grant.value in self.values
        )


def _whole(_: object, field: attrs.Attribute[int], value: int) -> None:
    if type(value) is not int or value < 1:
        raise InvalidValueError(f"{field.name} must be a whole number of at least 1.")


@attrs.frozen
class LabelsAre:
    """At least so many labels of *unit* have a balance above zero: five contributors, all of a set of stores."""

    unit: str = attrs.field(converter=word)
    at_least: int = attrs.field(kw_only=True, validator=_whole)

    @property
    def reads(self) -> tuple[Read, ...]:
        """The balance it reads."""
        return (Read(self.unit, None, True),)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether there are that many."""
        labels = {held.label for held in occasion.basis.balances if held.unit == self.unit and held.steps > 0}
        return len(labels - {None}) >= self.at_least


@attrs.frozen
class RatioIs:
    """The balance of *unit* over that of *over*, each in steps under all labels, is *at_least* or *below* a ratio."""

    unit: str = attrs.field(converter=word)
    over: str = attrs.field(converter=word)
    at_least: Fraction | None = attrs.field(default=None, kw_only=True, converter=attrs.converters.optional(factor))
    below: Fraction | None = attrs.field(default=None, kw_only=True, converter=attrs.converters.optional(factor))

    def __attrs_post_init__(self) -> None:
        if self.at_least is None and self.below is None:
            raise InvalidValueError("Give at_least, below or both.")

    @property
    def reads(self) -> tuple[Read, ...]:
        """The balances it reads."""
        return (Read(self.unit, None, True), Read(self.over, None, True))

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the ratio lies within. False where there is nothing to divide by."""
        under = occasion.balance_in_all(self.over)
        if under <= 0:
            return False
        ratio = Fraction(occasion.balance_in_all(self.unit), under)
        return (self.at_least is None or ratio >= self.at_least) and (self.below is None or ratio < self.below)
