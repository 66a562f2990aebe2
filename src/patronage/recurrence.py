"""
Recurrences: a closed grammar of days and times of day. No rule text is parsed, and nothing is iterated.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from enum import Enum

import attrs

from patronage.errors import InvalidValueError, quote
from patronage.periods import Calendar, days_in_month, plain_date, whole_number


class Every(Enum):
    """What a recurrence counts its interval in."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


def _numbers(what: str, lowest: int, highest: int, value: Iterable[int]) -> tuple[int, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidValueError(f"{what}s are a sequence of whole numbers, not {quote(value)}.")
    found = tuple(sorted({whole_number(number, what, lowest, highest) for number in value}))
    if 0 in found and lowest < 0:
        raise InvalidValueError(f"{what} 0 is no day: count from 1, or from -1 at the end.")
    return found


def _weekdays(value: Iterable[int]) -> tuple[int, ...]:
    return _numbers("A weekday", 0, 6, value)


def _days_of_month(value: Iterable[int]) -> tuple[int, ...]:
    return _numbers("A day of the month", -31, 31, value)


def _months(value: Iterable[int]) -> tuple[int, ...]:
    return _numbers("A month", 1, 12, value)


def _nth(value: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    found = []
    for pair in value:
        n, weekday = pair
        whole_number(n, "Which weekday of the month", -5, 5)
        if not n:
            raise InvalidValueError("The weekdays of a month count from 1, or from -1 at the end.")
        found.append((n, whole_number(weekday, "A weekday", 0, 6)))
    return tuple(sorted(set(found)))


@attrs.frozen(kw_only=True)
class Recurrence:
    """
    Days from *starts* to *until* (included) that match all that is given, in a window of the day.

    Every *interval*-th day, week (from Monday), month or year counts, from the one that holds
    *starts*. *weekdays* 0 is Monday; *days_of_month* -1 is the last day; *nth_weekday* `(1, 4)` is
    the first Friday of the month, `(-1, 0)` the last Monday. The window is `[from_time, until_time)`.
    """

    starts: date
    every: Every = attrs.field(default=Every.DAY, validator=attrs.validators.instance_of(Every))
    interval: int = 1
    until: date | None = None
    weekdays: tuple[int, ...] = attrs.field(default=(), converter=_weekdays)
    days_of_month: tuple[int, ...] = attrs.field(default=(), converter=_days_of_month)
    nth_weekday: tuple[tuple[int, int], ...] = attrs.field(default=(), converter=_nth)
    months: tuple[int, ...] = attrs.field(default=(), converter=_months)
    from_time: time | None = None
    until_time: time | None = None

    def __attrs_post_init__(self) -> None:
        plain_date(self.starts, "The start")
        whole_number(self.interval, "The interval", 1, 366)
        if self.until is not None and plain_date(self.until, "The end") < self.starts:
            raise InvalidValueError("A recurrence ends on or after the day it starts.")
        for limit in (self.from_time, self.until_time):
            if limit is not None and (not isinstance(limit, time) or limit.tzinfo is not None):
                raise InvalidValueError(f"A time of day is a time without a zone, not {quote(limit)}.")
        if self.from_time is not None and self.until_time is not None and self.until_time <= self.from_time:
            raise InvalidValueError("The window of the day must end after it starts.")
        if not self._ever():
            raise InvalidValueError("This recurrence never comes: no day matches all that it asks.")

    def matches(self, instant: datetime, calendar: Calendar) -> bool:
        """Whether *instant* lies on a day of the recurrence, within its window of the day."""
        if not self.on(calendar.day(instant)):
            return False
        if self.from_time is None and self.until_time is None:
            return True
        now = calendar.local(instant).time()
        return (self.from_time is None or self.from_time <= now) and (self.until_time is None or now < self.until_time)

    def on(self, day: date) -> bool:
        """Whether a local day is one of the recurrence."""
        if day < self.starts or (self.until is not None and day > self.until):
            return False
        if self._passed(day) % self.interval:
            return False
        if self.weekdays and day.weekday() not in self.weekdays:
            return False
        if self.months and day.month not in self.months:
            return False
        last = days_in_month(day.year, day.month)
        if self.days_of_month and not {day.day, day.day - last - 1} & set(self.days_of_month):
            return False
        if not self.nth_weekday:
            return True
        n = ((day.day - 1) // 7 + 1, -((last - day.day) // 7 + 1))
        return any((each, day.weekday()) in self.nth_weekday for each in n)

    def _passed(self, day: date) -> int:
        """How many days, weeks, months or years passed since the one that holds the start."""
        if self.every is Every.DAY:
            return (day - self.starts).days
        if self.every is Every.WEEK:
            monday = self.starts - timedelta(days=self.starts.weekday())
            return (day - monday).days // 7
        if self.every is Every.MONTH:
            return (day.year - self.starts.year) * 12 + day.month - self.starts.month
        return day.year - self.starts.year

    def _ever(self) -> bool:
        """Whether some day matches, looked for within the years after which the calendar repeats."""
        if self.interval == 1 and not (self.days_of_month or self.nth_weekday) and self.until is None:
            return True
        day = self.starts
        last = self.until or date(min(self.starts.year + 400, 9998), 12, 31)
        for _ in range(_DAYS_MAX):
            if day > last:
                return False
            if self.on(day):
                return True
            day += timedelta(days=1)
        return False


_DAYS_MAX = 40_000
"""More than a century: enough for every rule that a program means."""
