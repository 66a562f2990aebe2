"""Conditions on the time of an occasion in a member's life: birthdays, seasons, the n-th purchase, new rights."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import Enum

import attrs

from patronage.errors import InvalidValueError, of_type, quote
from patronage.events import Line, many, word
from patronage.occasions import Occasion, Read, names_of
from patronage.periods import Calendar, Span, days_in_month, first_of_month, whole_number
from patronage.terms_of_time import Term

_WIDEST = 180


class LeapDay(Enum):
    """When a birthday on 29 February is kept in a year that has none."""

    FEBRUARY_28 = "february_28"
    MARCH_1 = "march_1"


def day_and_month(value: str | None) -> tuple[int, int] | None:
    """The month and day that a right states as `02-29` or `1996-02-29`; None where it states none."""
    parts = (value or "").split("-")[-2:]
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) == 2 for part in parts):
        return None
    month, day = int(parts[0]), int(parts[1])
    return (month, day) if 1 <= month <= 12 and 1 <= day <= days_in_month(2024, month) else None


@attrs.frozen(kw_only=True)
class YearlyWindow:
    """
    A window of each year around a day and month: from *days_before* it, or from the first of its month.

    It *lasts* for a term from its start; without one for the day itself (with the days before it), or for
    the month. *leap_day* says where 29 February is in other years.
    """

    whole_month: bool = attrs.field(default=False, validator=of_type(bool))
    days_before: int = 0
    lasts: Term | None = None
    leap_day: LeapDay = LeapDay.FEBRUARY_28

    def __attrs_post_init__(self) -> None:
        whole_number(self.days_before, "How many days before", 0, _WIDEST)
        if not isinstance(self.leap_day, LeapDay):
            raise InvalidValueError(f"A leap day is kept on a LeapDay, not on {quote(self.leap_day)}.")
        if self.whole_month and self.days_before:
            raise InvalidValueError("A window of a whole month begins with the month.")

    def of_year(self, year: int, month: int, day: int, calendar: Calendar) -> Span:
        """The window of a year. Its key is the year."""
        when = date(year, month, min(day, days_in_month(year, month)))
        if day > when.day and self.leap_day is LeapDay.MARCH_1:
            when += timedelta(days=1)
        first = date(year, month, 1) if self.whole_month else when - timedelta(days=self.days_before)
        start = calendar.start_of_day(first)
        if self.lasts is not None:
            end = self.lasts.end(start, calendar)
        else:
            end = calendar.start_of_day(first_of_month(first, 1) if self.whole_month else when + timedelta(days=1))
        return Span(start=start, end=end, key=f"{year:04}")

    def around(self, at: datetime, month: int, day: int, calendar: Calendar) -> tuple[Span | None, Span]:
        """The window that holds an instant, if one does, and the next one that begins after it."""
        year = calendar.day(at).year
        spans = [self.of_year(each, month, day, calendar) for each in range(year - 1, year + 3)]
        return next((span for span in spans if at in span), None), next(span for span in spans if span.start > at)


@attrs.frozen
class InYearlyWindow:
    """
    The event lies in the window of this year around the day and month that the right *key* states: a birthday.

    A right without such a value has no window.
    """

    key: str = attrs.field(converter=word)
    window: YearlyWindow = attrs.field(default=YearlyWindow(), kw_only=True)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether it does."""
        for grant in occasion.grants(self.key):
            known = day_and_month(grant.value)
            if known is not None and self.window.around(occasion.at, *known, occasion.calendar)[0] is not None:
                return True
        return False


@attrs.frozen(kw_only=True)
class Season:
    """The local day of the event lies from *first* through *last* of any year, as `12-20` and `01-06`: both count."""

    first: str
    last: str

    def __attrs_post_init__(self) -> None:
        for value in (self.first, self.last):
            if not isinstance(value, str) or len(value) != 5 or day_and_month(value) is None:
                raise InvalidValueError(f"A day of any year is written as '12-20', not as {quote(value)}.")

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether it does."""
        day = occasion.calendar.day(occasion.at)
        today = f"{day.month:02}-{day.day:02}"
        if self.first <= self.last:
            return self.first <= today <= self.last
        return today >= self.first or today <= self.last


@attrs.frozen
class GivenWithin:
    """A right of *key* (with one of *values*) is in force, and was given less than the term *within* ago."""

    key: str = attrs.field(converter=word)
    within: Term = attrs.field(kw_only=True)
    values: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=names_of)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether one is that new."""
        return any(
            occasion.at < self.within.end(grant.valid_from, occasion.calendar)
            for grant in occasion.grants(self.key)
            if not self.values or grant.value in self.values
        )


def _numbers(value: Iterable[int]) -> tuple[int, ...]:
    found = many(value)
    return tuple(sorted({whole_number(each, "The number of a purchase", 1, 10**9) for each in found}))


@attrs.frozen
class NumberIs:
    """
    The count in *unit* is one of *of*, or a whole multiple of *every*: the first purchase, each fifth one.

    The unit is a tally of whole numbers that a policy listed earlier counts in, so that this purchase is in it.
    """

    unit: str = attrs.field(converter=word)
    of: tuple[int, ...] = attrs.field(default=(), kw_only=True, converter=_numbers)
    every: int | None = attrs.field(default=None, kw_only=True)
    label: str | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if bool(self.of) == (self.every is not None):
            raise InvalidValueError("Name the numbers, or give every: one of the two.")
        if self.every is not None:
            whole_number(self.every, "Every so many", 1, 10**9)

    @property
    def reads(self) -> tuple[Read, ...]:
        """The count it reads."""
        return (Read(self.unit, self.label),)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether it is."""
        count = occasion.balance(self.unit, self.label)
        if self.every is not None:
            return count > 0 and count % self.every == 0
        return count in self.of
